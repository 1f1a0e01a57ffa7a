/* lower_args.c - name=value against the row's parameters */
#include "compiler/compilation.h"

#include "base/text.h"

#include <math.h>
#include <string.h>

static const char *wanted(enum slim_param_kind kind)
{
    switch (kind) {
    case SLIM_PARAM_INT:
        return "a whole number";
    case SLIM_PARAM_REAL:
        return "a number";
    case SLIM_PARAM_BOOL:
        return "yes or no";
    case SLIM_PARAM_CHOICE:
        return "one of its choices";
    case SLIM_PARAM_TEXT:
        return "a name or a quoted text";
    }
    return "something else";
}

static enum slim_status wrong_kind(const struct slim_param *param,
                                   const struct slim_value *value,
                                   struct slim_diag *diag)
{
    struct slim_text text = { 0 };

    slim_value_print(&text, value);
    (void)slim_fail(diag, "A004", value->span, "'%s' takes %s, not %s",
                    param->name, wanted(param->kind), text.data);
    slim_text_free(&text);
    return SLIM_FAILED;
}

static enum slim_status unknown_choice(const struct slim_param *param,
                                       const struct slim_value *value,
                                       struct slim_diag *diag)
{
    struct slim_words names = { 0 };
    struct slim_error *error =
        slim_error(diag, "A006", value->span, "'%s' cannot be '%s'",
                   param->name, value->text);

    for (size_t i = 0; param->choices[i]; i++)
        slim_words_add(&names, diag->arena, param->choices[i]);
    slim_suggest(diag, error, value->span, value->text, &names);
    return SLIM_FAILED;
}

static enum slim_status out_of_range(const struct slim_param *param,
                                     const struct slim_value *value,
                                     struct slim_diag *diag)
{
    return slim_fail(diag, "A005", value->span,
                     "'%s' must be from %s to %s, not %s", param->name,
                     slim_text_number(diag->arena, param->min),
                     slim_text_number(diag->arena, param->max), value->text);
}

static bool fits(const struct slim_param *param, const struct slim_value *value)
{
    switch (param->kind) {
    case SLIM_PARAM_INT:
        return value->kind == SLIM_VALUE_NUMBER && value->integer &&
               fabs(value->number) <= 9007199254740992.0;
    case SLIM_PARAM_REAL:
        return value->kind == SLIM_VALUE_NUMBER ||
               value->kind == SLIM_VALUE_PERCENT;
    case SLIM_PARAM_BOOL:
        return value->kind == SLIM_VALUE_NAME &&
               (strcmp(value->text, "yes") == 0 ||
                strcmp(value->text, "no") == 0);
    case SLIM_PARAM_CHOICE:
        return value->kind == SLIM_VALUE_NAME ||
               value->kind == SLIM_VALUE_NUMBER;
    case SLIM_PARAM_TEXT:
        return value->kind == SLIM_VALUE_NAME ||
               value->kind == SLIM_VALUE_STRING;
    }
    return false;
}

static bool store_choice(int *out, const struct slim_param *param,
                         const struct slim_value *value)
{
    for (int i = 0; param->choices[i]; i++)
        if (strcmp(param->choices[i], value->text) == 0) {
            *out = i;
            return true;
        }
    return false;
}

enum slim_status slim_value_store(void *args, const struct slim_param *param,
                                  const struct slim_value *value,
                                  struct slim_diag *diag)
{
    void *at = (char *)args + param->offset;

    if (value->kind == SLIM_VALUE_VAR || value->wrong)
        return SLIM_FAILED;
    if (!fits(param, value))
        return wrong_kind(param, value, diag);
    switch (param->kind) {
    case SLIM_PARAM_INT:
        *(long *)at = (long)value->number;
        break;
    case SLIM_PARAM_REAL:
        *(double *)at = value->kind == SLIM_VALUE_PERCENT
                            ? value->number / 100.0
                            : value->number;
        break;
    case SLIM_PARAM_BOOL:
        *(bool *)at = *value->text == 'y';
        break;
    case SLIM_PARAM_CHOICE:
        if (!store_choice(at, param, value))
            return unknown_choice(param, value, diag);
        break;
    case SLIM_PARAM_TEXT:
        *(const char **)at = value->text;
        break;
    }
    return slim_param_in_range(param, args) ? SLIM_OK
                                            : out_of_range(param, value, diag);
}

/* Whether any of the statement's methods takes the parameter. */
static bool applies(const struct slim_lowering *l,
                    const struct slim_param *param)
{
    for (size_t i = 0; i < l->count; i++)
        if (slim_param_applies(param, l->drafts[i]->op.method))
            return true;
    return false;
}

static enum slim_status unknown(struct slim_lowering *l,
                                const struct slim_arg *arg)
{
    struct slim_compilation *c = l->c;
    struct slim_words names = { 0 };
    const char *title =
        slim_stage_title(c->arena, l->stage, l->drafts[0]->op.method);

    for (const struct slim_param *p = l->stage->params; p && p->name; p++)
        if (applies(l, p))
            slim_words_add(&names, c->arena, p->name);
    struct slim_error *error =
        slim_error(c->diag, "N002", arg->name->span,
                   "'%s' has no argument '%s'", title, arg->name->text);
    slim_suggest(c->diag, error, arg->name->span, arg->name->text, &names);
    return SLIM_FAILED;
}

static enum slim_status not_here(struct slim_lowering *l,
                                 const struct slim_arg *arg,
                                 const struct slim_param *param)
{
    const char *title =
        slim_stage_title(l->c->arena, l->stage, l->drafts[0]->op.method);

    return slim_fail(l->c->diag, "A008", arg->name->span,
                     "'%s' cannot matter to '%s': it belongs to %s",
                     param->name, title, param->methods);
}

static enum slim_status twice(struct slim_lowering *l,
                              const struct slim_arg *arg)
{
    for (const struct slim_arg *before = l->stmt->args; before != arg;
         before = before->next) {
        if (strcmp(before->name->text, arg->name->text) != 0)
            continue;
        struct slim_error *error =
            slim_error(l->c->diag, "A007", arg->name->span,
                       "'%s' is given twice", arg->name->text);
        slim_error_note(l->c->diag, error, before->span, "first given here");
        return SLIM_FAILED;
    }
    return SLIM_OK;
}

static enum slim_status lower_arg(struct slim_lowering *l,
                                  const struct slim_arg *arg)
{
    const struct slim_param *param = slim_param_find(l->stage, arg->name->text);

    if (!param)
        return unknown(l, arg);
    if (!applies(l, param))
        return not_here(l, arg, param);
    if (twice(l, arg) != SLIM_OK)
        return SLIM_FAILED;
    /* those of a sample are for lower_data.c */
    for (size_t i = 0; i < l->count; i++)
        if (slim_param_applies(param, l->drafts[i]->op.method) &&
            slim_param_kept(l->stage, param, l->drafts[i]->op.method) &&
            slim_value_store(l->drafts[i]->op.args, param, arg->value,
                             l->c->diag) != SLIM_OK)
            return SLIM_FAILED;
    return SLIM_OK;
}

enum slim_status slim_lower_args(struct slim_lowering *l)
{
    enum slim_status status = SLIM_OK;

    for (const struct slim_arg *arg = l->stmt->args; arg; arg = arg->next)
        if (lower_arg(l, arg) != SLIM_OK)
            status = SLIM_FAILED;
    return status;
}
