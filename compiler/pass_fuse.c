/* pass_fuse.c - two stages that are one algorithm */
#include "compiler/compilation.h"

/*
 * A stage that gives a model and something else besides, whose something else
 * the very next stage uses up: the model between the two is never wanted, and
 * the two can go through the layers together. `rotate pca` and `slice` are
 * SliceGPT's interleaved algorithm when they stand next to each other.
 */
static bool fuses(const struct slim_op *first, const struct slim_op *second)
{
    unsigned besides = SLIM_TYPE_SCORES | SLIM_TYPE_ROTATION;
    unsigned both = first->stage->gives & second->stage->needs;

    if ((both & SLIM_TYPE_MODEL) == 0 || (both & besides) == 0)
        return false;
    return (second->stage->gives & SLIM_TYPE_MODEL) != 0 &&
           (second->stage->invalidates & both & besides) != 0 &&
           slim_op_input(second, SLIM_TYPE_MODEL) == first;
}

static struct slim_op *next_visible(struct slim_op *op)
{
    for (op = op->next; op && op->stage->hidden; op = op->next)
        ;
    return op;
}

enum slim_status slim_pass_fuse(struct slim_compilation *c)
{
    for (struct slim_op *op = c->program->first; op; op = op->next) {
        struct slim_op *second = next_visible(op);
        if (op->stage->hidden || !second || !fuses(op, second))
            continue;
        op->fused = second;
        second->fused = op;
    }
    return SLIM_OK;
}
