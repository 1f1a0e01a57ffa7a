/* print.c - the canonical text of a tree */
#include "lang/ast.h"

#include "base/text.h"

#include <string.h>

static void put_string(struct slim_text *out, const char *string)
{
    static const char escaped[] = "\"\\\n\t\r", letters[] = "\"\\ntr";

    slim_text_puts(out, "\"");
    while (*string) {
        size_t plain = strcspn(string, escaped);
        slim_text_append(out, string, plain);
        string += plain;
        if (*string) {
            slim_text_puts(out, "\\");
            slim_text_append(out,
                             letters + (strchr(escaped, *string) - escaped), 1);
            string++;
        }
    }
    slim_text_puts(out, "\"");
}

/* Values that no text was read for: made by a pass, say. */
static void put_number(struct slim_text *out, double number, const char *unit)
{
    struct slim_arena *arena = slim_arena_open();

    slim_text_puts(out, slim_text_number(arena, number));
    slim_text_puts(out, unit);
    slim_arena_close(arena);
}

void slim_value_print(struct slim_text *out, const struct slim_value *value)
{
    switch (value->kind) {
    case SLIM_VALUE_STRING:
        put_string(out, value->text);
        return;
    case SLIM_VALUE_VAR:
        slim_text_puts(out, "$");
        slim_text_puts(out, value->text);
        return;
    case SLIM_VALUE_NUMBER:
    case SLIM_VALUE_PERCENT:
        if (!value->text) {
            put_number(out, value->number,
                       value->kind == SLIM_VALUE_PERCENT ? "%" : "");
            return;
        }
        break;
    case SLIM_VALUE_RATIO:
        if (!value->text) {
            slim_text_printf(out, "%llu:%llu", (unsigned long long)value->left,
                             (unsigned long long)value->right);
            return;
        }
        break;
    case SLIM_VALUE_NAME:
        break;
    }
    slim_text_puts(out, value->text);
}

static const char *operator_text(char op)
{
    switch (op) {
    case 'l':
        return "<=";
    case 'g':
        return ">=";
    case '=':
        return "==";
    case '!':
        return "!=";
    case '<':
        return "<";
    case '>':
        return ">";
    case '+':
        return "+";
    case '-':
        return "-";
    case '*':
        return "*";
    default:
        return "/";
    }
}

static int binding(const struct slim_expr *expr)
{
    if (expr->kind == SLIM_EXPR_LEAF)
        return 3;
    if (expr->op == '*' || expr->op == '/')
        return 2;
    return expr->op == '+' || expr->op == '-' ? 1 : 0;
}

static void put_operand(struct slim_text *out, const struct slim_expr *expr,
                        int needed)
{
    bool parentheses = binding(expr) < needed;

    if (parentheses)
        slim_text_puts(out, "(");
    slim_expr_print(out, expr);
    if (parentheses)
        slim_text_puts(out, ")");
}

/* Operators group to the left, so a right operand of the same kind keeps its
 * parentheses: a - (b - c). */
void slim_expr_print(struct slim_text *out, const struct slim_expr *expr)
{
    if (expr->kind == SLIM_EXPR_LEAF) {
        slim_value_print(out, expr->leaf);
        return;
    }
    put_operand(out, expr->left, binding(expr));
    slim_text_printf(out, " %s ", operator_text(expr->op));
    put_operand(out, expr->right, binding(expr) + 1);
}

static void put_value(struct slim_text *out, const char *before,
                      const struct slim_value *value)
{
    if (!value)
        return;
    slim_text_puts(out, before);
    slim_value_print(out, value);
}

static void put_amount(struct slim_text *out, const struct slim_amount *amount)
{
    if (!amount)
        return;
    put_value(out, amount->to ? " to " : " ", amount->quantity);
    put_value(out, amount->to ? " " : " of ", amount->unit);
}

static bool is_var(const struct slim_value *value)
{
    return value && value->kind == SLIM_VALUE_VAR;
}

static void put_layers(struct slim_text *out, const struct slim_range *range)
{
    slim_text_puts(out, " layers");
    for (const char *comma = " "; range; range = range->next, comma = ", ") {
        bool written = is_var(range->from) || is_var(range->to);
        if (written) {
            put_value(out, comma, range->from);
            put_value(out, "..", range->to);
            continue;
        }
        slim_text_printf(out, "%s%ld", comma, range->first);
        if (range->last != range->first)
            slim_text_printf(out, "..%ld", range->last);
    }
}

static void put_scope(struct slim_text *out, const char *word,
                      const struct slim_scope *scope)
{
    if (scope)
        slim_text_puts(out, word);
    for (; scope; scope = scope->next) {
        if (scope->name)
            put_value(out, " ", scope->name);
        else
            put_layers(out, scope->layers);
    }
}

static void put_args(struct slim_text *out, const struct slim_arg *arg)
{
    for (; arg; arg = arg->next) {
        put_value(out, " ", arg->name);
        put_value(out, "=", arg->value);
    }
}

static void put_clauses(struct slim_text *out, const struct slim_stmt *stmt)
{
    put_scope(out, " in", stmt->scope);
    put_scope(out, " except", stmt->except);
    put_value(out, " on ", stmt->on);
    put_args(out, stmt->args);
    put_value(out, " as ", stmt->label);
}

static void put_words(struct slim_text *out, const struct slim_value *word)
{
    for (const char *comma = " "; word; word = word->next, comma = ", ")
        put_value(out, comma, word);
}

void slim_case_print(struct slim_text *out, const struct slim_case *one)
{
    bool tuple = one->values->next != NULL;

    slim_text_puts(out, tuple ? "(" : "");
    slim_value_print(out, one->values);
    for (const struct slim_value *v = one->values->next; v; v = v->next)
        put_value(out, ", ", v);
    slim_text_puts(out, tuple ? ")" : "");
    /* a name takes dots as its own */
    put_value(out, one->values->kind == SLIM_VALUE_NAME ? " .. " : "..",
              one->last);
    put_value(out, " step ", one->step);
}

static void put_sweep(struct slim_text *out, const struct slim_stmt *stmt)
{
    const char *comma = " = ";

    if (stmt->words->next) {
        slim_text_puts(out, " (");
        slim_value_print(out, stmt->words);
        for (const struct slim_value *v = stmt->words->next; v; v = v->next)
            put_value(out, ", ", v);
        slim_text_puts(out, ")");
    } else {
        put_value(out, " ", stmt->words);
    }
    for (const struct slim_case *c = stmt->cases; c; c = c->next) {
        slim_text_puts(out, comma);
        slim_case_print(out, c);
        comma = ", ";
    }
}

static void put_include(struct slim_text *out, const struct slim_stmt *stmt)
{
    if (stmt->library)
        slim_text_printf(out, " <%s>", stmt->value->text);
    else
        put_value(out, " ", stmt->value);
}

static void put_definition(struct slim_text *out, const struct slim_stmt *stmt)
{
    put_value(out, " ", stmt->name);
    put_value(out, " = ", stmt->value);
    put_args(out, stmt->args);
}

static void put_assert(struct slim_text *out, const struct slim_stmt *stmt)
{
    slim_text_puts(out, " ");
    slim_expr_print(out, stmt->expr);
    if (stmt->warn)
        slim_text_puts(out, " else warn");
}

void slim_stmt_print(struct slim_text *out, const struct slim_stmt *stmt)
{
    slim_value_print(out, stmt->verb);
    switch (stmt->kind) {
    case SLIM_STMT_VERSION:
    case SLIM_STMT_COMPUTE:
        put_value(out, " ", stmt->value);
        return;
    case SLIM_STMT_INCLUDE:
        put_include(out, stmt);
        return;
    case SLIM_STMT_LET:
    case SLIM_STMT_DATA:
        put_definition(out, stmt);
        return;
    case SLIM_STMT_MEASURE:
        put_words(out, stmt->words);
        put_clauses(out, stmt);
        return;
    case SLIM_STMT_ASSERT:
        put_assert(out, stmt);
        return;
    case SLIM_STMT_SWEEP:
        put_sweep(out, stmt);
        return;
    case SLIM_STMT_KEEP:
        put_value(out, " ", stmt->value);
        put_value(out, " ", stmt->name);
        return;
    case SLIM_STMT_SAVE:
        put_value(out, " ", stmt->value);
        put_value(out, " ", stmt->path);
        put_args(out, stmt->args);
        return;
    case SLIM_STMT_STAGE:
        put_value(out, " ", stmt->method);
        put_amount(out, stmt->amount);
        put_clauses(out, stmt);
        return;
    }
}

static void put_lines(struct slim_text *out, const char *const *lines,
                      size_t count)
{
    for (size_t i = 0; i < count; i++) {
        slim_text_puts(out, lines[i]);
        slim_text_puts(out, "\n");
    }
}

void slim_recipe_print(struct slim_text *out, const struct slim_recipe *recipe)
{
    for (const struct slim_stmt *s = recipe->first; s; s = s->next) {
        put_lines(out, s->before, s->before_count);
        slim_stmt_print(out, s);
        if (s->after) {
            slim_text_puts(out, "  ");
            slim_text_puts(out, s->after);
        }
        slim_text_puts(out, "\n");
    }
    put_lines(out, recipe->tail, recipe->tail_count);
}
