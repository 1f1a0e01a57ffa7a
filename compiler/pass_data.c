/* pass_data.c - every sample must be there before anything is computed */
#include "compiler/compilation.h"

enum slim_status slim_pass_data(struct slim_compilation *c)
{
    const struct slim_stage *sample =
        slim_stage_find(c->host->stages, "sample");
    enum slim_status status = SLIM_OK;

    if (!c->host->data_check)
        return SLIM_OK;
    for (const struct slim_op *op = c->program->first; op; op = op->next)
        if (op->stage == sample &&
            c->host->data_check(c->host->world, op->args, op->span, c->diag) !=
                SLIM_OK)
            status = SLIM_FAILED;
    return status;
}
