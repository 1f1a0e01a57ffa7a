/* discover.c - `discover groups`: what must leave together */
#include "base/text.h"
#include "runtime/run.h"
#include "runtime/stage/stages.h"
#include "runtime/stage/units.h"

static const struct slim_method methods[] = {
    { .name = "groups",
      .summary = "coupled rows and columns of every tensor, by the axes of the "
                 "model's description",
      .paper = "LLM-Pruner, arXiv 2305.11627, section 3.1" },
    { .name = NULL },
};

static const struct slim_param params[] = { { .name = NULL } };

/* Units of an axis in all groups, or 0 if group `at` is not the first of it. */
static uint64_t units_from(const struct slim_groups *groups, size_t at)
{
    size_t axis = groups->items[at].axis;
    uint64_t units = 0;

    for (size_t i = 0; i < groups->count; i++)
        if (groups->items[i].axis == axis) {
            if (i < at)
                return 0;
            units += groups->items[i].units;
        }
    return units;
}

/* "90 kv heads, 46,080 mlp columns, 576 width" */
static enum slim_status resolve(struct slim_op *op, struct slim_diag *diag)
{
    const struct slim_groups *groups = slim_discover(op->before, diag->arena);
    struct slim_text text = { 0 };

    for (size_t i = 0; i < groups->count; i++) {
        uint64_t units = units_from(groups, i);
        if (units > 0)
            slim_text_printf(&text, "%s%s %s", text.length ? ", " : "",
                             slim_text_grouped(diag->arena, units),
                             slim_units_name(op->before->arch,
                                             groups->items[i].axis, units,
                                             diag->arena));
    }
    op->after = op->before;
    op->resolved =
        text.data ? slim_arena_strdup(diag->arena, text.data) : "no groups";
    slim_text_free(&text);
    return SLIM_OK;
}

static enum slim_status run(struct slim_run *run, const struct slim_op *op)
{
    const struct slim_model *model = slim_run_model(run, op);

    slim_run_result(run, op)->groups = slim_discover(model->shape, run->arena);
    return SLIM_OK;
}

const struct slim_stage slim_stage_discover = {
    .name = "discover",
    .summary = "finds what must leave together: heads, columns, channels",
    .version = 1,
    .methods = methods,
    .method_default = "groups",
    .needs = SLIM_TYPE_MODEL,
    .gives = SLIM_TYPE_GROUPS,
    .keeps_function = true,
    .params = params,
    .resolve = resolve,
    .run = run,
};
