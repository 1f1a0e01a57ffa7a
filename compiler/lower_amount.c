/* lower_amount.c - `20% of params`, `to 5.4B params`, `2:4` */
#include "compiler/compilation.h"

#include "base/text.h"

#include <string.h>

static enum slim_status refuse(struct slim_lowering *l, const char *what)
{
    return slim_fail(l->c->diag, "A003", l->stmt->amount->span,
                     "'%s' takes no %s", l->stage->name, what);
}

static enum slim_status read_quantity(struct slim_quantity *out,
                                      struct slim_lowering *l,
                                      const struct slim_value *value)
{
    const struct slim_amount_rule *rule = &l->stage->amount;

    if (value->wrong)
        return SLIM_FAILED;
    switch (value->kind) {
    case SLIM_VALUE_PERCENT:
        if (!rule->percent)
            return refuse(l, "percentage");
        *out = (struct slim_quantity){ .kind = SLIM_QUANTITY_PERCENT,
                                       .value = value->number };
        if (value->number > 0.0 && value->number < 100.0)
            return SLIM_OK;
        return slim_fail(l->c->diag, "A005", value->span,
                         "%s is out of range: more than 0%% and less than "
                         "100%% can be taken",
                         value->text);
    case SLIM_VALUE_NUMBER:
        if (!rule->number)
            return refuse(l, "plain number");
        *out = (struct slim_quantity){ .kind = SLIM_QUANTITY_NUMBER,
                                       .value = value->number };
        if (value->number > 0.0)
            return SLIM_OK;
        return slim_fail(l->c->diag, "A005", value->span,
                         "%s is out of range: it must be more than 0",
                         value->text);
    case SLIM_VALUE_RATIO:
        if (!rule->ratio)
            return refuse(l, "ratio");
        *out = (struct slim_quantity){ .kind = SLIM_QUANTITY_RATIO,
                                       .left = value->left,
                                       .right = value->right };
        if (value->left > 0 && value->left < value->right)
            return SLIM_OK;
        return slim_fail(l->c->diag, "A005", value->span,
                         "%s is out of range: the first number must be more "
                         "than 0 and less than the second",
                         value->text);
    case SLIM_VALUE_VAR:
        return SLIM_FAILED;
    case SLIM_VALUE_STRING:
    case SLIM_VALUE_NAME:
        break;
    }
    return slim_fail(l->c->diag, "A004", value->span,
                     "'%s' is no quantity: a percentage such as 20%% is",
                     value->text);
}

static enum slim_status unit_of(const char **out, struct slim_lowering *l)
{
    const struct slim_value *unit = l->stmt->amount->unit;
    const char *const *known = l->stage->amount.units;
    struct slim_words names = { 0 };

    *out = known[0];
    if (!unit)
        return SLIM_OK;
    for (size_t i = 0; known[i]; i++) {
        slim_words_add(&names, l->c->arena, known[i]);
        if (strcmp(known[i], unit->text) == 0) {
            *out = known[i];
            return SLIM_OK;
        }
    }
    struct slim_error *error =
        slim_error(l->c->diag, "N004", unit->span,
                   "'%s' is not measured in '%s'", l->stage->name, unit->text);
    slim_suggest(l->c->diag, error, unit->span, unit->text, &names);
    return SLIM_FAILED;
}

static enum slim_status missing(struct slim_lowering *l)
{
    const struct slim_amount_rule *rule = &l->stage->amount;
    struct slim_error *error =
        slim_error(l->c->diag, "A002", l->stmt->verb->span,
                   "'%s' needs a quantity", l->stage->name);

    if (rule->percent)
        slim_error_hint(l->c->diag, error, "Write %s 20%% of %s, for example.",
                        l->stage->name, rule->units[0]);
    return SLIM_FAILED;
}

enum slim_status slim_lower_amount(struct slim_lowering *l)
{
    const struct slim_amount *amount = l->stmt->amount;
    struct slim_quantity quantity = { .kind = SLIM_QUANTITY_NONE };

    /* a constant that is not defined may have been the quantity */
    if (!amount && l->stmt->method && l->stmt->method->kind == SLIM_VALUE_VAR)
        return SLIM_FAILED;
    if (!amount)
        return l->stage->amount.required ? missing(l) : SLIM_OK;
    if (!l->stage->amount.units)
        return refuse(l, "quantity");
    enum slim_status status = read_quantity(&quantity, l, amount->quantity);
    if (unit_of(&quantity.unit, l) != SLIM_OK)
        status = SLIM_FAILED;
    quantity.to = amount->to;
    quantity.span = amount->span;
    for (size_t i = 0; i < l->count; i++)
        l->drafts[i]->op.amount = quantity;
    return status;
}
