/* copy.c - a statement that may be changed apart from the one it was made of */
#include "lang/ast.h"

static struct slim_value *copy_value(const struct slim_value *value,
                                     struct slim_arena *arena)
{
    if (!value)
        return NULL;
    struct slim_value *copy = SLIM_NEW(arena, struct slim_value);

    *copy = *value;
    return copy;
}

static struct slim_amount *copy_amount(const struct slim_amount *amount,
                                       struct slim_arena *arena)
{
    if (!amount)
        return NULL;
    struct slim_amount *copy = SLIM_NEW(arena, struct slim_amount);

    *copy = *amount;
    copy->quantity = copy_value(amount->quantity, arena);
    return copy;
}

static struct slim_arg *copy_args(struct slim_arg *arg,
                                  struct slim_arena *arena)
{
    struct slim_arg *first = NULL, **tail = &first;

    for (; arg; arg = arg->next) {
        struct slim_arg *copy = SLIM_NEW(arena, struct slim_arg);
        if (!arg->matters)
            arg->matters = SLIM_NEW(arena, bool);
        *copy = *arg;
        copy->value = copy_value(arg->value, arena);
        copy->next = NULL;
        *tail = copy;
        tail = &copy->next;
    }
    return first;
}

static struct slim_range *copy_ranges(const struct slim_range *range,
                                      struct slim_arena *arena)
{
    struct slim_range *first = NULL, **tail = &first;

    for (; range; range = range->next) {
        struct slim_range *copy = SLIM_NEW(arena, struct slim_range);
        *copy = *range;
        copy->from = copy_value(range->from, arena);
        copy->to = copy_value(range->to, arena);
        *tail = copy;
        tail = &copy->next;
    }
    return first;
}

static struct slim_scope *copy_scope(const struct slim_scope *scope,
                                     struct slim_arena *arena)
{
    struct slim_scope *first = NULL, **tail = &first;

    for (; scope; scope = scope->next) {
        struct slim_scope *copy = SLIM_NEW(arena, struct slim_scope);
        *copy = *scope;
        copy->layers = copy_ranges(scope->layers, arena);
        *tail = copy;
        tail = &copy->next;
    }
    return first;
}

/* Sums lean to the left and may be long: only right sides nest the calls. */
static struct slim_expr *copy_expr(const struct slim_expr *expr,
                                   struct slim_arena *arena)
{
    struct slim_expr *first = NULL, **at = &first;

    for (; expr; expr = expr->left) {
        struct slim_expr *copy = SLIM_NEW(arena, struct slim_expr);
        *copy = *expr;
        copy->leaf = copy_value(expr->leaf, arena);
        copy->right = copy_expr(expr->right, arena);
        copy->left = NULL;
        *at = copy;
        at = &copy->left;
    }
    return first;
}

struct slim_stmt *slim_stmt_copy(const struct slim_stmt *stmt,
                                 struct slim_arena *arena)
{
    struct slim_stmt *copy = SLIM_NEW(arena, struct slim_stmt);

    *copy = *stmt;
    copy->value = copy_value(stmt->value, arena);
    copy->method = copy_value(stmt->method, arena);
    copy->amount = copy_amount(stmt->amount, arena);
    copy->on = copy_value(stmt->on, arena);
    copy->scope = copy_scope(stmt->scope, arena);
    copy->except = copy_scope(stmt->except, arena);
    copy->args = copy_args(stmt->args, arena);
    copy->expr = copy_expr(stmt->expr, arena);
    copy->next = NULL;
    return copy;
}
