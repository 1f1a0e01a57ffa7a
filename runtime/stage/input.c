/* input.c - the model as it is read: the first operation of every program */
#include "runtime/run.h"

static enum slim_status resolve_input(struct slim_op *op,
                                      struct slim_diag *diag)
{
    (void)diag;
    op->after = op->before;
    return SLIM_OK;
}

static enum slim_status run_input(struct slim_run *run,
                                  const struct slim_op *op)
{
    return slim_model_load(&slim_run_result(run, op)->model, run->input,
                           run->diag);
}

const struct slim_stage slim_stage_input = {
    .name = "input",
    .summary = "the model that is to be made smaller",
    .version = 1,
    .hidden = true,
    .gives = SLIM_TYPE_MODEL,
    .keeps_function = true,
    .resolve = resolve_input,
    .run = run_input,
};
