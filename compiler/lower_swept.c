/* lower_swept.c - arguments that the method of this point does not take
 *
 * `score $m on cal order=1` with m = taylor, l2: what belongs to taylor alone
 * says nothing about l2, whose point leaves it out. That an argument matters
 * somewhere is looked at when all points are compiled (points.c).
 */
#include "compiler/compilation.h"

static bool takes(const struct slim_lowering *l,
                  const struct slim_method *method, const struct slim_arg *arg)
{
    const struct slim_param *param = slim_param_find(l->stage, arg->name->text);

    if (!param) /* an error that is another's to report */
        return true;
    if (!slim_param_applies(param, method->name))
        return false;
    return method->data || slim_param_kept(l->stage, param, method->name);
}

void slim_lower_swept(struct slim_lowering *l)
{
    struct slim_stmt *stmt = l->stmt;
    struct slim_arg **at = &stmt->args;
    const struct slim_method *method =
        slim_method_find(l->stage, l->drafts[0]->op.method);
    bool swept = stmt->method && stmt->method->swept && method;

    while (*at) {
        struct slim_arg *arg = *at;
        bool taken = !swept || takes(l, method, arg);
        if (taken && arg->matters)
            *arg->matters = true;
        if (taken)
            at = &arg->next;
        else
            *at = arg->next;
    }
    if (!swept || !l->stage->data || method->data || !stmt->on)
        return;
    slim_use_data(l->c, stmt->on);
    stmt->on = NULL;
}
