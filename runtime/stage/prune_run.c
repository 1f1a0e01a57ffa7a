/* prune_run.c - carries a plan out, with new scores between its steps */
#include "runtime/stage/prune.h"

#include "base/text.h"
#include "runtime/stage/units.h"

#include <stdlib.h>
#include <string.h>

static enum slim_status no_memory(const struct slim_op *op,
                                  struct slim_diag *diag)
{
    return slim_fail(diag, "O120", op->span, "no memory to rank the units");
}

/*
 * Scores of the model as it is between two steps: the operation that gave the
 * first ones runs again, whatever it is, in a run whose results say that its
 * model is this one.
 */
static enum slim_status score_again(struct slim_scores **out,
                                    struct slim_run *run,
                                    const struct slim_op *scored,
                                    struct slim_model *model)
{
    const struct slim_op *source = slim_op_input(scored, SLIM_TYPE_MODEL);
    size_t bytes = run->program->count * sizeof *run->results;
    struct slim_run inner = *run;
    enum slim_status status;

    inner.results = malloc(bytes);
    if (!inner.results)
        return no_memory(scored, run->diag);
    memcpy(inner.results, run->results, bytes);
    inner.results[source->id].model = model;
    inner.results[scored->id].scores = NULL;
    inner.journal = NULL; /* it is that of the prune */
    status = scored->stage->run(&inner, scored);
    *out = inner.results[scored->id].scores;
    run->progress = inner.progress;
    free(inner.results);
    return status;
}

/* A tied head is given numbers of its own, those of the pruned table. */
static enum slim_status untie(struct slim_model *model, struct slim_diag *diag)
{
    const struct slim_arch *arch = model->shape->arch;

    for (size_t i = 0; i < arch->tensor_count; i++) {
        const struct slim_tensor *head = &arch->tensors[i];
        size_t rows, cols;
        struct slim_buffer *buffer;
        if (!head->tied_to)
            continue;
        rows = slim_tensor_size(model->shape, head, 0);
        cols = slim_tensor_size(model->shape, head, 1);
        if (slim_model_room(&buffer, model, head, rows, cols, diag) != SLIM_OK)
            return SLIM_FAILED;
        if (slim_model_read(buffer->data, model, head->tied_to, diag) !=
            SLIM_OK) {
            slim_buffer_release(buffer);
            return SLIM_FAILED;
        }
        slim_model_give(model, head, buffer, rows, cols);
    }
    return SLIM_OK;
}

/* Cuts every chosen group down to keep[g] units. */
static enum slim_status cut(struct slim_model *model,
                            const struct slim_prune_plan *plan,
                            const struct slim_groups *groups,
                            const struct slim_scores *scores,
                            const size_t *keep, const struct slim_op *op,
                            struct slim_run *run)
{
    for (size_t g = 0; g < groups->count; g++) {
        const struct slim_group *group = &groups->items[g];
        enum slim_status status;
        uint32_t *kept;
        if (!plan->chosen[g] || keep[g] == group->units)
            continue;
        kept = calloc(keep[g], sizeof *kept);
        if (!kept ||
            !slim_prune_best(kept, keep[g], scores->values[g], group->units)) {
            free(kept);
            return no_memory(op, run->diag);
        }
        status = slim_model_keep(model, group, kept, keep[g], run->diag);
        free(kept);
        if (status != SLIM_OK)
            return status;
    }
    return SLIM_OK;
}

/* Groups keep their order from step to step: none appears or goes. */
static enum slim_status check_scores(const struct slim_prune_plan *plan,
                                     const struct slim_groups *groups,
                                     const struct slim_scores *scores,
                                     const struct slim_op *op,
                                     struct slim_diag *diag)
{
    for (size_t g = 0; g < groups->count; g++) {
        const struct slim_group *group = &groups->items[g];
        if (!plan->chosen[g])
            continue;
        if (slim_groups_find(scores->groups, group) != g ||
            scores->groups->items[g].units != group->units ||
            !scores->values[g])
            return slim_fail(diag, "R121", op->span,
                             "the scores do not describe '%s' of this model",
                             group->members[0].tensor->name);
    }
    return SLIM_OK;
}

/* A group that would lose everything keeps everything, as in the reference,
 * and the summary says so. */
static void spare(size_t *keep, const struct slim_groups *groups,
                  struct slim_result *result, struct slim_run *run)
{
    for (size_t g = 0; g < groups->count; g++) {
        const struct slim_group *group = &groups->items[g];
        if (keep[g] > 0)
            continue;
        keep[g] = group->units;
        if (!result->report)
            result->report = SLIM_NEW(run->arena, struct slim_text);
        slim_text_printf(result->report,
                         "layer %zu: every %s is under the threshold, so all "
                         "%zu stay\n",
                         group->layer, run->input->arch->axes[group->axis].unit,
                         group->units);
    }
}

/* One step: the model's shape is set to what is left. */
static enum slim_status take_step(struct slim_model *model,
                                  const struct slim_prune_plan *plan,
                                  size_t step, const struct slim_scores *scores,
                                  const struct slim_op *op,
                                  struct slim_run *run)
{
    const struct slim_groups *groups = slim_discover(model->shape, run->arena);
    size_t *keep = SLIM_NEW_ARRAY(run->arena, groups->count, size_t);

    if (check_scores(plan, groups, scores, op, run->diag) != SLIM_OK)
        return SLIM_FAILED;
    memcpy(keep, plan->keep + step * groups->count,
           groups->count * sizeof *keep);
    if (plan->global && !slim_prune_select_global(keep, plan, groups,
                                                  model->shape, scores, step))
        return no_memory(op, run->diag);
    spare(keep, groups, slim_run_result(run, op), run);
    if (cut(model, plan, groups, scores, keep, op, run) != SLIM_OK)
        return SLIM_FAILED;
    model->shape = slim_prune_shape(plan, keep, run->arena);
    return SLIM_OK;
}

static enum slim_status take_steps(struct slim_model *model,
                                   const struct slim_prune_plan *plan,
                                   const struct slim_op *op,
                                   struct slim_run *run)
{
    const struct slim_op *scored = slim_op_input(op, SLIM_TYPE_SCORES);
    struct slim_scores *scores = slim_run_result(run, scored)->scores;

    for (size_t step = 0; step < plan->steps; step++) {
        struct slim_scores *again = NULL;
        enum slim_status status;
        if (step > 0 && score_again(&again, run, scored, model) != SLIM_OK)
            return SLIM_FAILED;
        status = take_step(model, plan, step, again ? again : scores, op, run);
        slim_scores_free(again);
        if (status == SLIM_OK && step == 0 && plan->untie)
            status = untie(model, run->diag);
        if (status != SLIM_OK)
            return status;
    }
    return SLIM_OK;
}

/* The model may be smaller than planned on (a global prune before this one
 * decided its counts just now), so the plan is made from what it is. */
enum slim_status slim_prune_run(struct slim_run *run, const struct slim_op *op)
{
    struct slim_model *source = slim_run_model(run, op);
    struct slim_op actual = *op;
    struct slim_model *model;

    actual.before = source->shape;
    if (slim_prune_resolve(&actual, run->diag) != SLIM_OK)
        return SLIM_FAILED;
    model = slim_model_copy(source);
    if (!model)
        return no_memory(op, run->diag);
    if (take_steps(model, actual.plan, op, run) != SLIM_OK) {
        slim_model_free(model);
        return SLIM_FAILED;
    }
    slim_run_result(run, op)->model = model;
    if (op->estimated || !slim_shape_equal(source->shape, op->before))
        run->detail = slim_prune_counts(actual.plan, model->shape, run->arena);
    return SLIM_OK;
}
