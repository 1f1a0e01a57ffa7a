/* pass_resolve.c - quantities to integers, shapes along the chain */
#include "compiler/compilation.h"

static bool inputs_are_sound(const struct slim_op *op)
{
    for (size_t i = 0; i < op->input_count; i++)
        if (((const struct slim_draft *)op->inputs[i].op)->broken)
            return false;
    return true;
}

static enum slim_status resolve(struct slim_compilation *c,
                                struct slim_draft *draft)
{
    struct slim_op *op = &draft->op;

    op->after = NULL;
    if (draft->broken || !inputs_are_sound(op)) {
        draft->broken = true;
        /* what was asked for cannot be known, so no number may be judged */
        c->uncertain =
            c->uncertain || (op->stage->gives & SLIM_TYPE_MODEL) != 0;
        return SLIM_OK;
    }
    if (op->stage->resolve && op->stage->resolve(op, c->diag) != SLIM_OK) {
        draft->broken = c->uncertain = true;
        op->after = NULL;
        return SLIM_FAILED;
    }
    return SLIM_OK;
}

/* The model that is read stays in memory beside what the operation takes; one
 * that is handed on holds what it held. */
static void add_held(struct slim_op *op)
{
    const struct slim_op *from = slim_op_input(op, SLIM_TYPE_MODEL);
    uint64_t held = from ? from->cost.held : 0;

    if (op->cost.memory > 0) {
        op->cost.memory += held;
        op->cost.least += held;
    }
    if ((slim_op_gives(op) & SLIM_TYPE_MODEL) != 0 && op->cost.held == 0)
        op->cost.held = held;
}

enum slim_status slim_pass_resolve(struct slim_compilation *c)
{
    const struct slim_shape *shape = c->model->shape;
    enum slim_status status = SLIM_OK;

    for (struct slim_op *op = c->program->first; op; op = op->next) {
        op->before = shape;
        if (resolve(c, slim_draft_of(op)) != SLIM_OK)
            status = SLIM_FAILED;
        if (!op->after)
            op->after = op->before;
        add_held(op);
        shape = op->after;
    }
    return status;
}
