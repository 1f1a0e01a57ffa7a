/* input.c - the model as it is read: the first operation of every program */
#include "runtime/run.h"
#include "runtime/store/causes.h"

#include <string.h>

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
    struct slim_model **model = &slim_run_result(run, op)->model;

    if (slim_model_load(model, run->input, run->diag) != SLIM_OK)
        return SLIM_FAILED;
    (*model)->spill = run->spill;
    return SLIM_OK;
}

/* Weights, and what says how they are computed with. */
static bool causes_input(struct slim_causes *causes, struct slim_run *run,
                         const struct slim_op *op)
{
    const struct slim_model_info *info = run->input;
    struct slim_digest config =
        slim_hash(info->config_text, strlen(info->config_text));

    (void)op;
    slim_causes_digest(causes, "config", &config);
    if (!slim_causes_file(causes, "family", run, info->arch->file))
        return false;
    for (size_t i = 0; i < info->checkpoint->file_count; i++)
        if (!slim_causes_file(causes, "weights", run,
                              info->checkpoint->files[i].path))
            return false;
    return true;
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
    .keep = { .how = SLIM_KEEP_SOURCE, .causes = causes_input },
};
