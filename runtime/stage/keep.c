/* keep.c - of the points of a sweep, which one goes on */
#include "runtime/run.h"

#include <stddef.h>
#include <string.h>

struct keep_args {
    const char *axis;
};

static const struct slim_param params[] = {
    { .name = "axis",
      .kind = SLIM_PARAM_TEXT,
      .offset = offsetof(struct keep_args, axis),
      .always = true,
      .help = "the name whose value decides" },
    { .name = NULL },
};

static const struct slim_method methods[] = {
    { .name = "max", .summary = "the passing point with the largest value" },
    { .name = "min", .summary = "the passing point with the smallest value" },
    { .name = NULL },
};

/* A point that is on trial ends here; the one that was kept goes on. */
static enum slim_status run_keep(struct slim_run *run, const struct slim_op *op)
{
    const struct keep_args *args = op->args;

    run->ended = run->trial ? op : NULL;
    run->keep_axis = args->axis;
    run->keep_max = strcmp(op->method, "max") == 0;
    return SLIM_OK;
}

const struct slim_stage slim_stage_keep = {
    .name = "keep",
    .summary = "go on with one point of a sweep: of those whose assertions "
               "held, the one with the best value",
    .version = 1,
    .methods = methods,
    .needs = SLIM_TYPE_MODEL,
    .keeps_function = true,
    .params = params,
    .args_size = sizeof(struct keep_args),
    .run = run_keep,
    .keep = { .how = SLIM_KEEP_NOTHING },
};
