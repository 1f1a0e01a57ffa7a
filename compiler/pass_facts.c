/* pass_facts.c - assertions that the shape alone decides */
#include "compiler/compilation.h"

#include "base/text.h"
#include "compiler/ir/fact.h"

struct point {
    const struct slim_shape *shape, *base;
    bool estimated; /* of the shape at the assertion */
};

static bool leaf_value(void *context, double *value,
                       const struct slim_formula *leaf)
{
    const struct point *point = context;
    const struct slim_shape *shape = point->shape;
    const char *name = leaf->metric;

    if (leaf->measure) {
        shape = leaf->measure->before;
        name = leaf->measure->method;
    }
    if (leaf->base)
        shape = point->base;
    else if (point->estimated)
        return false;
    return slim_fact_value(value, name, shape);
}

static void put_side(struct slim_text *out, const struct slim_formula *side,
                     struct slim_arena *arena, double value)
{
    slim_formula_print(out, side);
    if (!side->number)
        slim_text_printf(out, " is %s", slim_text_number(arena, value));
}

static enum slim_status decide(struct slim_compilation *c,
                               const struct slim_op *op, struct point *point)
{
    const struct slim_param *warn = slim_param_find(op->stage, "warn");
    const struct slim_formula *f = op->formula;
    double holds = 0.0, left = 0.0, right = 0.0;

    if (!slim_formula_value(&holds, f, leaf_value, point) || holds > 0.0)
        return SLIM_OK;
    (void)slim_formula_value(&left, f->left, leaf_value, point);
    (void)slim_formula_value(&right, f->right, leaf_value, point);
    struct slim_text text = { 0 };
    put_side(&text, f->left, c->arena, left);
    slim_text_puts(&text, f->right->number ? ", not " : ", and ");
    if (f->right->number)
        slim_text_printf(&text, "%s ", slim_formula_sign(f->op));
    put_side(&text, f->right, c->arena, right);
    bool only = warn && *(const bool *)(const void *)((const char *)op->args +
                                                      warn->offset);
    if (only)
        slim_warning(c->diag, "V002", f->span, "does not hold: %s", text.data);
    else
        (void)slim_fail(c->diag, "V001", f->span, "does not hold: %s",
                        text.data);
    slim_text_free(&text);
    return only ? SLIM_OK : SLIM_FAILED;
}

enum slim_status slim_pass_facts(struct slim_compilation *c)
{
    struct point point = { .base = c->model->shape };
    enum slim_status status = SLIM_OK;

    /* after a stage that could not be resolved no number is to be trusted */
    for (struct slim_op *op = c->program->first; op && !c->uncertain;
         op = op->next) {
        point.estimated = point.estimated || op->estimated;
        point.shape = op->before;
        if (op->formula && !slim_draft_of(op)->broken &&
            decide(c, op, &point) != SLIM_OK)
            status = SLIM_FAILED;
    }
    return status;
}
