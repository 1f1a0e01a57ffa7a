/* measure.c - numbers about a model, each with what makes it comparable */
#include "runtime/report.h"

#include "base/text.h"
#include "compiler/ir/fact.h"
    return SLIM_OK;
}

/* The same of the input model, where it is asked for. What is another number
 * each time is not kept. */
static bool causes_measure(struct slim_causes *causes, struct slim_run *run,
                           const struct slim_op *op)
{
    const struct slim_op *input = run->program->first;
    const struct meter *meter = meter_of(op);

    if (meter && meter->fleeting)
        return false;
    if (!base_wanted(op))
        return true;
    if (!run->memos[input->id].keyed)
        return false;
    slim_causes_digest(causes, "base", &run->memos[input->id].key);
    return true;
}

const struct slim_stage slim_stage_measure = {
    .name = "measure",
    .summary = "record numbers about the model as it is at this point",
    .version = 1,
    .methods = methods,
    .needs = SLIM_TYPE_MODEL,
    .gives = SLIM_TYPE_METRIC,
    .keeps_function = true,
    .data = true,
    .each = true,
    .params = params,
    .args_size = sizeof(struct measure_args),
    .resolve = resolve_measure,
    .run = run_measure,
    .causes = causes_measure,
};
