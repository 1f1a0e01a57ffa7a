/* family_eval.c - values of the expressions of a family file */
#include "compiler/ir/family_expr.h"

#include "base/text.h"

#include <math.h>
#include <string.h>

size_t slim_names_find(const struct slim_names *names, const char *name)
{
    for (size_t n = 0; n < names->count; n++)
        if (strcmp(names->names[n], name) == 0)
            return n;
    return SIZE_MAX;
}

size_t slim_names_add(struct slim_names *names, const char *name,
                      struct slim_arena *arena)
{
    if (names->count + 1 >= names->capacity) {
        size_t capacity = names->capacity == 0 ? 32 : 2 * names->capacity;
        const char **more = SLIM_NEW_ARRAY(arena, capacity, const char *);
        for (size_t n = 0; n < names->count; n++)
            more[n] = names->names[n];
        names->names = more;
        names->capacity = capacity;
    }
    names->names[names->count] = name;
    names->names[names->count + 1] = NULL;
    return names->count++;
}

static const char *kind_name(enum slim_value_kind kind)
{
    static const char *const names[] = { "nothing", "a number", "true or false",
                                         "a text", "a list" };
    return names[kind];
}

static enum slim_status refuse_kind(const struct slim_expr *expr,
                                    enum slim_value_kind wanted,
                                    enum slim_value_kind found,
                                    struct slim_diag *diag)
{
    return slim_fail(diag, "F322", expr->span, "this gives %s, not %s",
                     kind_name(found), kind_name(wanted));
}

static enum slim_status eval_as(struct slim_value *out,
                                const struct slim_expr *expr,
                                enum slim_value_kind wanted,
                                const struct slim_scope *scope,
                                struct slim_diag *diag)
{
    if (slim_expr_eval(out, expr, scope, diag) != SLIM_OK)
        return SLIM_FAILED;
    if (out->kind != wanted)
        return refuse_kind(expr, wanted, out->kind, diag);
    return SLIM_OK;
}

static enum slim_status give_number(struct slim_value *out, double number)
{
    out->kind = SLIM_VALUE_NUMBER;
    out->number = number;
    return SLIM_OK;
}

static enum slim_status give_flag(struct slim_value *out, bool flag)
{
    out->kind = SLIM_VALUE_FLAG;
    out->number = flag;
    return SLIM_OK;
}

static enum slim_status divide(struct slim_value *out,
                               const struct slim_expr *expr, double a, double b,
                               struct slim_diag *diag)
{
    if (b == 0)
        return slim_fail(diag, "F323", expr->span, "this divides by zero");
    if (expr->kind == SLIM_EXPR_DIVIDE)
        return give_number(out, a / b);
    if (expr->kind == SLIM_EXPR_REMAINDER)
        return give_number(out, a - b * floor(a / b));
    return give_number(out, floor(a / b));
}

static enum slim_status eval_arithmetic(struct slim_value *out,
                                        const struct slim_expr *expr,
                                        const struct slim_scope *scope,
                                        struct slim_diag *diag)
{
    struct slim_value left = { 0 }, right = { 0 };
    if (eval_as(&left, expr->parts[0], SLIM_VALUE_NUMBER, scope, diag) !=
            SLIM_OK ||
        eval_as(&right, expr->parts[1], SLIM_VALUE_NUMBER, scope, diag) !=
            SLIM_OK)
        return SLIM_FAILED;
    double a = left.number, b = right.number;
    if (expr->kind == SLIM_EXPR_ADD)
        return give_number(out, a + b);
    if (expr->kind == SLIM_EXPR_SUBTRACT)
        return give_number(out, a - b);
    if (expr->kind == SLIM_EXPR_MULTIPLY)
        return give_number(out, a * b);
    if (expr->kind == SLIM_EXPR_LESS)
        return give_flag(out, a < b);
    if (expr->kind == SLIM_EXPR_LESS_EQUAL)
        return give_flag(out, a <= b);
    if (expr->kind == SLIM_EXPR_MORE)
        return give_flag(out, a > b);
    if (expr->kind == SLIM_EXPR_MORE_EQUAL)
        return give_flag(out, a >= b);
    return divide(out, expr, a, b, diag);
}

static enum slim_status eval_equal(struct slim_value *out,
                                   const struct slim_expr *expr,
                                   const struct slim_scope *scope,
                                   struct slim_diag *diag)
{
    struct slim_value a = { 0 }, b = { 0 };
    if (slim_expr_eval(&a, expr->parts[0], scope, diag) != SLIM_OK ||
        slim_expr_eval(&b, expr->parts[1], scope, diag) != SLIM_OK)
        return SLIM_FAILED;
    if (a.kind != b.kind)
        return refuse_kind(expr->parts[1], a.kind, b.kind, diag);
    bool equal = a.kind == SLIM_VALUE_TEXT ? strcmp(a.text, b.text) == 0
                                           : a.number == b.number;
    return give_flag(out, equal == (expr->kind == SLIM_EXPR_EQUAL));
}

/* The right side is not looked at where the left decides. */
static enum slim_status eval_logic(struct slim_value *out,
                                   const struct slim_expr *expr,
                                   const struct slim_scope *scope,
                                   struct slim_diag *diag)
{
    bool any = expr->kind == SLIM_EXPR_OR;
    if (eval_as(out, expr->parts[0], SLIM_VALUE_FLAG, scope, diag) != SLIM_OK)
        return SLIM_FAILED;
    if ((out->number != 0) == any)
        return SLIM_OK;
    return eval_as(out, expr->parts[1], SLIM_VALUE_FLAG, scope, diag);
}

static enum slim_status eval_choose(struct slim_value *out,
                                    const struct slim_expr *expr,
                                    const struct slim_scope *scope,
                                    struct slim_diag *diag)
{
    struct slim_value condition = { 0 };
    if (eval_as(&condition, expr->parts[1], SLIM_VALUE_FLAG, scope, diag) !=
        SLIM_OK)
        return SLIM_FAILED;
    return slim_expr_eval(out, expr->parts[condition.number != 0 ? 0 : 2],
                          scope, diag);
}

static enum slim_status eval_index(struct slim_value *out,
                                   const struct slim_expr *expr,
                                   const struct slim_scope *scope,
                                   struct slim_diag *diag)
{
    struct slim_value list = { 0 }, index = { 0 };
    if (eval_as(&list, expr->parts[0], SLIM_VALUE_LIST, scope, diag) !=
            SLIM_OK ||
        eval_as(&index, expr->parts[1], SLIM_VALUE_NUMBER, scope, diag) !=
            SLIM_OK)
        return SLIM_FAILED;
    if (!(index.number >= 0 && index.number < (double)list.count))
        return slim_fail(diag, "F324", expr->span,
                         "the list has %zu entries; entry %g is asked for",
                         list.count, index.number);
    *out = list.items[(size_t)index.number];
    return SLIM_OK;
}

static enum slim_status eval_unary(struct slim_value *out,
                                   const struct slim_expr *expr,
                                   const struct slim_scope *scope,
                                   struct slim_diag *diag)
{
    struct slim_value value = { 0 };
    enum slim_value_kind wanted = expr->kind == SLIM_EXPR_NOT ? SLIM_VALUE_FLAG
                                  : expr->kind == SLIM_EXPR_LENGTH
                                      ? SLIM_VALUE_LIST
                                      : SLIM_VALUE_NUMBER;
    if (eval_as(&value, expr->parts[0], wanted, scope, diag) != SLIM_OK)
        return SLIM_FAILED;
    if (expr->kind == SLIM_EXPR_NOT)
        return give_flag(out, value.number == 0);
    if (expr->kind == SLIM_EXPR_NEGATE)
        return give_number(out, -value.number);
    if (expr->kind == SLIM_EXPR_FLOOR)
        return give_number(out, floor(value.number));
    if (expr->kind == SLIM_EXPR_LENGTH)
        return give_number(out, (double)value.count);
    if (expr->kind == SLIM_EXPR_LOG && value.number <= 0)
        return slim_fail(diag, "F323", expr->span, "%g has no logarithm",
                         value.number);
    if (expr->kind == SLIM_EXPR_LOG)
        return give_number(out, log(value.number));
    if (value.number < 0)
        return slim_fail(diag, "F323", expr->span, "%g has no square root",
                         value.number);
    return give_number(out, sqrt(value.number));
}

enum slim_status slim_expr_eval(struct slim_value *out,
                                const struct slim_expr *expr,
                                const struct slim_scope *scope,
                                struct slim_diag *diag)
{
    switch (expr->kind) {
    case SLIM_EXPR_LITERAL:
        *out = expr->value;
        return SLIM_OK;
    case SLIM_EXPR_NAME:
        *out = scope->values[expr->name];
        return SLIM_OK;
    case SLIM_EXPR_HAS:
        return give_flag(
            out, scope->has(scope->context, expr->parts[0]->value.text));
    case SLIM_EXPR_CHOOSE:
        return eval_choose(out, expr, scope, diag);
    case SLIM_EXPR_INDEX:
        return eval_index(out, expr, scope, diag);
    case SLIM_EXPR_FLOOR:
    case SLIM_EXPR_SQRT:
    case SLIM_EXPR_LOG:
    case SLIM_EXPR_LENGTH:
    case SLIM_EXPR_NEGATE:
    case SLIM_EXPR_NOT:
        return eval_unary(out, expr, scope, diag);
    case SLIM_EXPR_OR:
    case SLIM_EXPR_AND:
        return eval_logic(out, expr, scope, diag);
    case SLIM_EXPR_EQUAL:
    case SLIM_EXPR_UNEQUAL:
        return eval_equal(out, expr, scope, diag);
    case SLIM_EXPR_LESS:
    case SLIM_EXPR_LESS_EQUAL:
    case SLIM_EXPR_MORE:
    case SLIM_EXPR_MORE_EQUAL:
    case SLIM_EXPR_ADD:
    case SLIM_EXPR_SUBTRACT:
    case SLIM_EXPR_MULTIPLY:
    case SLIM_EXPR_DIVIDE:
    case SLIM_EXPR_FLOOR_DIVIDE:
    case SLIM_EXPR_REMAINDER:
        break;
    }
    return eval_arithmetic(out, expr, scope, diag);
}

/* Sizes stay below 2^32: a product of two fits 64 bits. */
enum slim_status slim_expr_size(size_t *out, const struct slim_expr *expr,
                                const char *what,
                                const struct slim_scope *scope,
                                struct slim_diag *diag)
{
    struct slim_value value = { 0 };
    if (eval_as(&value, expr, SLIM_VALUE_NUMBER, scope, diag) != SLIM_OK)
        return SLIM_FAILED;
    if (!(value.number >= 1 && value.number < 0x1p32) ||
        value.number != floor(value.number))
        return slim_fail(diag, "F325", expr->span,
                         "%s comes out as %s, which is no size", what,
                         slim_text_number(diag->arena, value.number));
    *out = (size_t)value.number;
    return SLIM_OK;
}

enum slim_status slim_expr_flag(bool *out, const struct slim_expr *expr,
                                const struct slim_scope *scope,
                                struct slim_diag *diag)
{
    struct slim_value value = { 0 };
    if (eval_as(&value, expr, SLIM_VALUE_FLAG, scope, diag) != SLIM_OK)
        return SLIM_FAILED;
    *out = value.number != 0;
    return SLIM_OK;
}
