/* oracle_prune.c - scores and removed units against LLM-Pruner's own code */
#include "tests/oracle_run.h"

#include "tests/support.h"
#include "tests/tolerance.h"

#include <math.h>
#include <string.h>

/* "score.0.model.layers.1.mlp.gate_proj": what the oracle says of a group,
 * which it names by the module that it starts from. */
static const void *oracle_of(const struct slim_oracle_run *run,
                             const char *what, size_t step,
                             const struct slim_group *group, size_t *count)
{
    const char *root = group->members[0].tensor->name;
    int length = (int)(strlen(root) - strlen(".weight"));
    char name[256];

    (void)snprintf(name, sizeof(name), "%s.%zu.%.*s", what, step, length, root);
    return slim_test_oracle_find(run->oracle, name, count);
}

/* Groups that the oracle scored. */
static size_t scored(const struct slim_oracle_run *run)
{
    const struct slim_checkpoint *tensors = run->oracle->checkpoint;
    size_t count = 0;

    for (size_t i = 0; i < tensors->tensor_count; i++)
        count += strncmp(tensors->tensors[i].name, "score.0.", 8) == 0;
    return count;
}

static double mean_of(const float *values, size_t count)
{
    double sum = 0.0;

    for (size_t i = 0; i < count; i++)
        sum += (double)values[i];
    return sum / (double)count;
}

/* Relative to the score, or to it and `floor` times their mean. */
static void compare_scores(struct slim_distance *most, const double *have,
                           const float *want, size_t count, double floor)
{
    double mean = floor * mean_of(want, count);

    for (size_t u = 0; u < count; u++) {
        double w = (double)want[u];
        double apart = fabs(have[u] - w) / (fabs(w) + mean);
        if (apart <= most->apart)
            continue;
        *most = (struct slim_distance){ have[u], w, apart };
    }
}

static struct slim_distance scores_apart(struct slim_oracle_run *run,
                                         double floor)
{
    const struct slim_op *op = slim_oracle_run_op(run, "score");
    const struct slim_scores *scores = run->session->run.results[op->id].scores;
    struct slim_distance most = { 0 };
    size_t checked = 0;

    for (size_t g = 0; g < scores->groups->count; g++) {
        const struct slim_group *group = &scores->groups->items[g];
        size_t count;
        const float *want = oracle_of(run, "score", 0, group, &count);
        if (!want)
            continue;
        assert_non_null(scores->values[g]);
        assert_int_equal(count, group->units);
        compare_scores(&most, scores->values[g], want, count, floor);
        checked++;
    }
    assert_int_equal(checked, scored(run));
    assert_true(checked > 0);
    return most;
}

struct slim_distance slim_oracle_scores(struct slim_oracle_run *run)
{
    return scores_apart(run, 0.0);
}

struct slim_distance slim_oracle_scores_signed(struct slim_oracle_run *run)
{
    return scores_apart(run, 1.0);
}

/* Marks the indices of a group's root that are gone after all steps; the rows
 * of a later step are numbered among those that are left. */
static void mark_gone(bool *gone, const struct slim_oracle_run *run,
                      const struct slim_group *group, size_t rows)
{
    size_t *left = calloc(rows, sizeof(*left));

    assert_non_null(left);
    for (size_t step = 0;; step++) {
        size_t count, at = 0;
        const int32_t *pruned = oracle_of(run, "pruned", step, group, &count);
        if (!pruned)
            break;
        for (size_t i = 0; i < rows; i++)
            if (!gone[i])
                left[at++] = i;
        for (size_t i = 0; i < count; i++)
            gone[left[pruned[i]]] = true;
    }
    free(left);
}

/* Whether a unit's score is as good as the highest of those that went: then
 * either of the two may go. */
static bool near_tie(const struct slim_oracle_run *run,
                     const struct slim_group *group, const bool *gone,
                     size_t unit)
{
    size_t count, each = group->members[0].per_unit;
    const float *scores = oracle_of(run, "score", 0, group, &count);
    float highest = 0;

    for (size_t u = 0; scores && u < count; u++)
        if (gone[u * each])
            highest = fmaxf(highest, scores[u]);
    return scores && fabsf(scores[unit] - highest) <=
                         (float)SLIM_NEAR_ORACLE_SCORE * highest;
}

static size_t count_wrong(const struct slim_oracle_run *run,
                          const struct slim_group *group,
                          const struct slim_weight *weight, size_t rows)
{
    bool *gone = calloc(rows, sizeof(*gone));
    bool *here = calloc(rows, sizeof(*here));
    size_t each = group->members[0].per_unit, wrong = 0;

    assert_true(gone && here);
    mark_gone(gone, run, group, rows);
    for (size_t i = 0; i < weight->size[0]; i++)
        here[weight->kept[0] ? weight->kept[0][i] : i] = true;
    for (size_t i = 0; i < rows; i++) {
        if (here[i] != gone[i] || near_tie(run, group, gone, i / each))
            continue;
        wrong++;
        print_message("# row %zu of %s: %s here\n", i,
                      group->members[0].tensor->name,
                      here[i] ? "kept" : "removed");
    }
    free(gone);
    free(here);
    return wrong;
}

struct slim_distance slim_oracle_kept(struct slim_oracle_run *run)
{
    const struct slim_op *op = slim_oracle_run_op(run, "prune");
    const struct slim_model *model = run->session->run.results[op->id].model;
    const struct slim_shape *dense = model->info->shape;
    const struct slim_groups *groups =
        slim_discover(dense, run->session->arena);
    size_t wrong = 0;

    for (size_t g = 0; g < groups->count; g++) {
        const struct slim_group *group = &groups->items[g];
        const struct slim_tensor *root = group->members[0].tensor;
        wrong += count_wrong(run, group, &model->weights[root->index],
                             slim_tensor_size(dense, root, 0));
    }
    return (struct slim_distance){ (double)NAN, (double)NAN, (double)wrong };
}
