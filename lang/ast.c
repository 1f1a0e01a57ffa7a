/* ast.c - the nodes of the tree and how they are joined */
#include "lang/ast.h"

#include "lang/parser.h"

/* A tree this deep still fits the stack of whoever walks it. */
enum { MOST_OPERATORS = 1000 };

/* Defines a function that turns a list round. */
#define DEFINE_REVERSE(name, type)                                             \
    static struct type *name(struct type *list)                                \
    {                                                                          \
        struct type *turned = NULL;                                            \
                                                                               \
        while (list) {                                                         \
            struct type *next = list->next;                                    \
            list->next = turned;                                               \
            turned = list;                                                     \
            list = next;                                                       \
        }                                                                      \
        return turned;                                                         \
    }

DEFINE_REVERSE(reverse_values, slim_value)
DEFINE_REVERSE(reverse_args, slim_arg)
DEFINE_REVERSE(reverse_scopes, slim_scope)
DEFINE_REVERSE(reverse_ranges, slim_range)
DEFINE_REVERSE(reverse_cases, slim_case)

struct slim_stmt *slim_stmt_new(struct slim_parser *parser,
                                enum slim_stmt_kind kind, struct slim_span span,
                                struct slim_value *verb)
{
    struct slim_stmt *stmt = SLIM_NEW(parser->arena, struct slim_stmt);

    stmt->kind = kind;
    stmt->span = span;
    stmt->verb = verb;
    return stmt;
}

struct slim_stmt *slim_stmt_stage(struct slim_parser *parser,
                                  struct slim_span span,
                                  struct slim_value *verb,
                                  struct slim_value *method,
                                  struct slim_amount *amount)
{
    struct slim_stmt *stmt = slim_stmt_new(parser, SLIM_STMT_STAGE, span, verb);

    stmt->method = method;
    stmt->amount = amount;
    return stmt;
}

struct slim_stmt *slim_stmt_version(struct slim_parser *parser,
                                    struct slim_span span,
                                    struct slim_value *verb,
                                    struct slim_value *value)
{
    struct slim_stmt *stmt =
        slim_stmt_new(parser, SLIM_STMT_VERSION, span, verb);

    if (!value->integer || value->number < 1.0)
        (void)slim_fail(parser->diag, "S012", value->span,
                        "the version of the language is a whole number "
                        "from 1, not '%s'",
                        value->text);
    stmt->value = value;
    return stmt;
}

static void fail_twice(struct slim_parser *parser, const char *word,
                       struct slim_span span, struct slim_span first)
{
    struct slim_error *error = slim_error(
        parser->diag, "S011", span, "a statement has one '%s' only", word);

    slim_error_note(parser->diag, error, first, "here is the first");
}

void slim_stmt_on(struct slim_parser *parser, struct slim_stmt *stmt,
                  struct slim_span span, struct slim_value *source)
{
    if (stmt->on)
        fail_twice(parser, "on", span, stmt->on->span);
    else
        stmt->on = source;
}

void slim_stmt_in(struct slim_parser *parser, struct slim_stmt *stmt,
                  struct slim_span span, struct slim_scope *scope,
                  struct slim_scope *except)
{
    if (stmt->scope) {
        fail_twice(parser, "in", span, stmt->scope_span);
        return;
    }
    stmt->scope_span = span;
    stmt->scope = scope;
    stmt->except = except;
}

void slim_stmt_arg(struct slim_stmt *stmt, struct slim_arg *arg)
{
    arg->next = stmt->args;
    stmt->args = arg;
}

void slim_stmt_close(struct slim_parser *parser, struct slim_stmt *stmt)
{
    stmt->words = reverse_values(stmt->words);
    stmt->args = reverse_args(stmt->args);
    stmt->scope = reverse_scopes(stmt->scope);
    stmt->except = reverse_scopes(stmt->except);
    stmt->cases = slim_cases_turn(stmt->cases);
    if (parser->last_stmt)
        parser->last_stmt->next = stmt;
    else
        parser->first = stmt;
    parser->last_stmt = stmt;
    parser->count++;
}

void slim_parser_unread(struct slim_parser *parser)
{
    if (!parser->word)
        return;
    if (parser->unread_last)
        parser->unread_last->next = parser->word;
    else
        parser->unread = parser->word;
    parser->unread_last = parser->word;
    parser->word = NULL;
}

struct slim_arg *slim_arg_new(struct slim_parser *parser, struct slim_span span,
                              struct slim_value *name, struct slim_value *value)
{
    struct slim_arg *arg = SLIM_NEW(parser->arena, struct slim_arg);

    arg->span = span;
    arg->name = name;
    arg->value = value;
    return arg;
}

struct slim_amount *slim_amount_new(struct slim_parser *parser,
                                    struct slim_span span, bool to,
                                    struct slim_value *quantity,
                                    struct slim_value *unit)
{
    struct slim_amount *amount = SLIM_NEW(parser->arena, struct slim_amount);

    amount->span = span;
    amount->to = to;
    amount->quantity = quantity;
    amount->unit = unit;
    return amount;
}

struct slim_scope *slim_scope_new(struct slim_parser *parser,
                                  struct slim_span span,
                                  struct slim_value *name,
                                  struct slim_range *layers)
{
    struct slim_scope *scope = SLIM_NEW(parser->arena, struct slim_scope);

    scope->span = span;
    scope->name = name;
    scope->layers = reverse_ranges(layers);
    return scope;
}

static bool layer(long *out, const struct slim_value *value)
{
    const double most = 1e9; /* fits a long of 32 bits */

    if (value->kind != SLIM_VALUE_NUMBER || !value->integer ||
        value->number > most || value->number < -most)
        return false;
    *out = (long)value->number;
    return true;
}

bool slim_range_fill(struct slim_range *range, const struct slim_value **wrong)
{
    *wrong = range->from;
    if (!layer(&range->first, range->from))
        return false;
    range->last = range->first;
    *wrong = range->to;
    return !range->to || layer(&range->last, range->to);
}

struct slim_range *slim_range_new(struct slim_parser *parser,
                                  struct slim_span span,
                                  struct slim_value *first,
                                  struct slim_value *last)
{
    struct slim_range *range = SLIM_NEW(parser->arena, struct slim_range);
    const struct slim_value *wrong;

    range->span = span;
    range->from = first;
    range->to = last;
    if (!slim_range_fill(range, &wrong) && wrong->kind != SLIM_VALUE_VAR)
        (void)slim_fail(parser->diag, "S012", wrong->span,
                        "a layer is a whole number, not '%s'", wrong->text);
    return range;
}

struct slim_case *slim_case_new(struct slim_parser *parser,
                                struct slim_span span,
                                struct slim_value *values,
                                struct slim_value *last,
                                struct slim_value *step)
{
    struct slim_case *one = SLIM_NEW(parser->arena, struct slim_case);

    one->span = span;
    one->values = reverse_values(values);
    one->last = last;
    one->step = step;
    return one;
}

struct slim_case *slim_cases_turn(struct slim_case *cases)
{
    return reverse_cases(cases);
}

struct slim_expr *slim_expr_leaf(struct slim_parser *parser,
                                 struct slim_value *value)
{
    struct slim_expr *expr = SLIM_NEW(parser->arena, struct slim_expr);

    expr->kind = SLIM_EXPR_LEAF;
    expr->span = value->span;
    expr->leaf = value;
    return expr;
}

struct slim_expr *slim_expr_binary(struct slim_parser *parser,
                                   struct slim_span span, char op,
                                   struct slim_expr *left,
                                   struct slim_expr *right)
{
    struct slim_expr *expr;

    if (++parser->operators > MOST_OPERATORS) {
        if (parser->operators == MOST_OPERATORS + 1)
            (void)slim_fail(parser->diag, "S013", right->span,
                            "an assert has at most %d operators",
                            (int)MOST_OPERATORS);
        return left;
    }
    expr = SLIM_NEW(parser->arena, struct slim_expr);
    expr->kind = SLIM_EXPR_BINARY;
    expr->span = span;
    expr->op = op;
    expr->left = left;
    expr->right = right;
    return expr;
}

struct slim_value *slim_value_chain(struct slim_value *before,
                                    struct slim_value *value)
{
    value->next = before;
    return value;
}
