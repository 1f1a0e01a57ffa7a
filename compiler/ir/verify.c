/* verify.c - every rule that a program must obey, checked between passes */
#include "compiler/ir/stage.h"

#include <string.h>

struct check {
    const struct slim_program *program;
    const struct slim_op *current[SLIM_TYPES];
    struct slim_diag *diag;
    enum slim_status status;
};

static void broken(struct check *check, const struct slim_op *op,
                   const char *rule)
{
    check->status = slim_fail(check->diag, "F510", op->span,
                              "operation %%%u (%s) breaks a rule: %s", op->id,
                              op->stage->name, rule);
}

static bool comes_before(const struct slim_program *program,
                         const struct slim_op *op, const struct slim_op *user)
{
    for (const struct slim_op *at = program->first; at && at != user;
         at = at->next)
        if (at == op)
            return true;
    return false;
}

static void check_inputs(struct check *check, const struct slim_op *op)
{
    for (size_t i = 0; i < op->input_count; i++) {
        const struct slim_input *in = &op->inputs[i];
        if (!comes_before(check->program, in->op, op)) {
            broken(check, op, "an input comes before its use");
            return;
        }
        if ((slim_op_gives(in->op) & (unsigned)in->type) == 0)
            broken(check, op, "an input gives the type that is asked for");
        for (int t = 0; t < SLIM_TYPES; t++)
            if ((unsigned)in->type == 1u << t && in->type != SLIM_TYPE_TOKENS &&
                check->current[t] != in->op)
                broken(check, op, "no stale value is read");
    }
    for (int t = 0; t < SLIM_TYPES; t++) {
        enum slim_type type = (enum slim_type)(1 << t);
        if ((slim_op_needs(op) & (unsigned)type) != 0 &&
            type != SLIM_TYPE_METRIC && type != SLIM_TYPE_TOKENS &&
            !slim_op_input(op, type))
            broken(check, op, "every need has its input");
    }
    for (int t = 0; t < SLIM_TYPES; t++) {
        if ((op->stage->invalidates & 1u << t) != 0)
            check->current[t] = NULL;
        if ((slim_op_gives(op) & 1u << t) != 0)
            check->current[t] = op;
    }
}

static void check_method(struct check *check, const struct slim_op *op)
{
    const struct slim_method *method = slim_method_find(op->stage, op->method);

    if (!op->method != !op->stage->methods || (op->method && !method)) {
        broken(check, op, "the method is one of its row");
        return;
    }
    bool data = op->stage->data && (!method || method->data);
    if (data != (slim_op_input(op, SLIM_TYPE_TOKENS) != NULL))
        broken(check, op, "it reads tokens if its method does");
}

static void check_args(struct check *check, const struct slim_op *op)
{
    for (const struct slim_param *p = op->stage->params; p && p->name; p++) {
        if (!slim_param_applies(p, op->method) ||
            !slim_param_kept(op->stage, p, op->method))
            continue;
        if (!slim_param_in_range(p, op->args))
            broken(check, op, "arguments are in range");
    }
}

static void check_amount(struct check *check, const struct slim_op *op)
{
    const struct slim_amount_rule *rule = &op->stage->amount;
    const struct slim_quantity *q = &op->amount;
    bool unit = false, kind = false;

    if (q->kind == SLIM_QUANTITY_NONE) {
        if (rule->required)
            broken(check, op, "a quantity is there");
        return;
    }
    for (size_t i = 0; rule->units && rule->units[i]; i++)
        unit = unit || (q->unit && strcmp(rule->units[i], q->unit) == 0);
    if (!unit)
        broken(check, op, "the unit is one of its row");
    if (q->kind == SLIM_QUANTITY_PERCENT)
        kind = rule->percent && q->value > 0.0 && q->value < 100.0;
    else if (q->kind == SLIM_QUANTITY_NUMBER)
        kind = rule->number && q->value > 0.0;
    else
        kind = rule->ratio && q->left > 0 && q->left < q->right;
    if (!kind)
        broken(check, op, "the quantity is in range");
}

static void check_where(struct check *check, const struct slim_op *op)
{
    const struct slim_where *where = &op->where;

    if (where->given && !op->stage->scope)
        broken(check, op, "it takes a scope");
    if (where->width && !op->stage->scope_width)
        broken(check, op, "it acts on the width");
}

static void check_label(struct check *check, const struct slim_op *op)
{
    for (const struct slim_op *other = check->program->first;
         op->label && other != op; other = other->next)
        if (other->label && strcmp(other->label, op->label) == 0 &&
            other->stage->hidden == op->stage->hidden) {
            broken(check, op, "a label names one operation");
            return;
        }
}

/* Sums lean to the left and may be long. */
static void check_formula(struct check *check, const struct slim_op *op,
                          const struct slim_formula *f)
{
    for (; f && f->op != 0; f = f->left)
        check_formula(check, op, f->right);
    if (f && f->measure && !comes_before(check->program, f->measure, op))
        broken(check, op, "a formula reads what was measured before");
}

static void check_shapes(struct check *check, const struct slim_op *op)
{
    const struct slim_op *from = slim_op_input(op, SLIM_TYPE_MODEL);

    if (!op->before || !op->after)
        return;
    if (from && from->after && !slim_shape_equal(from->after, op->before))
        broken(check, op, "shapes chain");
    if ((op->stage->gives & SLIM_TYPE_MODEL) == 0 &&
        !slim_shape_equal(op->before, op->after))
        broken(check, op, "only a stage that gives a model changes its shape");
}

static void check_fused(struct check *check, const struct slim_op *op)
{
    if (op->fused && op->fused->fused != op)
        broken(check, op, "fused operations know each other");
}

enum slim_status slim_program_verify(const struct slim_program *program,
                                     struct slim_diag *diag)
{
    struct check check = { .program = program, .diag = diag };
    unsigned count = 0;

    for (const struct slim_op *op = program->first; op; op = op->next) {
        if (op->id != count++)
            broken(&check, op, "operations are numbered in order");
        check_method(&check, op);
        check_args(&check, op);
        check_amount(&check, op);
        check_where(&check, op);
        check_label(&check, op);
        check_formula(&check, op, op->formula);
        check_inputs(&check, op);
        check_shapes(&check, op);
        check_fused(&check, op);
    }
    if (count != program->count && program->first)
        broken(&check, program->first, "operations are counted");
    return check.status;
}
