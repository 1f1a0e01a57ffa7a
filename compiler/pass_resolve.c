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
        shape = op->after;
    }
    return status;
}
