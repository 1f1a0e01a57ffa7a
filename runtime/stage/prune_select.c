/* prune_select.c - which units stay, by score */
#include "runtime/stage/prune.h"

#include "runtime/stage/units.h"

#include <stdlib.h>

struct ranked {
    double score;
    uint64_t cost; /* parameters */
    size_t group, unit;
};

/* Ascending by score, then by place: a tie takes the earlier unit first, on
 * every machine. */
static int by_score(const void *a, const void *b)
{
    const struct ranked *x = a, *y = b;

    if (x->score != y->score)
        return x->score < y->score ? -1 : 1;
    if (x->group != y->group)
        return x->group < y->group ? -1 : 1;
    return x->unit < y->unit ? -1 : x->unit > y->unit;
}

static int by_index(const void *a, const void *b)
{
    const uint32_t *x = a, *y = b;

    return *x < *y ? -1 : *x > *y;
}

bool slim_prune_best(uint32_t *kept, size_t count, const double *scores,
                     size_t units)
{
    struct ranked *ranked = calloc(units, sizeof *ranked);

    if (!ranked)
        return false;
    for (size_t u = 0; u < units; u++)
        ranked[u] = (struct ranked){ .score = scores[u], .unit = u };
    qsort(ranked, units, sizeof *ranked, by_score);
    for (size_t i = 0; i < count; i++)
        kept[i] = (uint32_t)ranked[units - count + i].unit;
    qsort(kept, count, sizeof *kept, by_index);
    free(ranked);
    return true;
}

/* Every unit in scope in one list; per parameter where parameters are what is
 * counted, or a head would stand against a column. */
static size_t list_units(struct ranked *list,
                         const struct slim_prune_plan *plan,
                         const struct slim_groups *groups,
                         const struct slim_scores *scores)
{
    size_t count = 0;

    for (size_t g = 0; g < groups->count; g++) {
        const struct slim_group *group = &groups->items[g];
        uint64_t cost = group->params_per_unit;
        double scale = plan->aim == SLIM_PRUNE_PARAMS ? (double)cost : 1;
        if (!plan->chosen[g])
            continue;
        for (size_t u = 0; u < group->units; u++)
            list[count++] =
                (struct ranked){ scores->values[g][u] / scale, cost, g, u };
    }
    return count;
}

/* The reference's rule: a threshold, the n-th smallest score; all that are not
 * above it go. */
static void threshold(size_t *keep, const struct ranked *list, size_t count,
                      size_t gone)
{
    for (size_t i = 0; i < count && gone > 0; i++)
        if (list[i].score <= list[gone - 1].score)
            keep[list[i].group]--;
}

/* From the lowest on, until the parameters come nearest to the target; the last
 * unit of a group stays, and ties keep more. */
static void toward(size_t *keep, const struct ranked *list, size_t count,
                   double excess)
{
    for (size_t i = 0; i < count; i++) {
        double cost = (double)list[i].cost;
        if (keep[list[i].group] == 1)
            continue;
        if (cost >= 2 * excess)
            return;
        keep[list[i].group]--;
        excess -= cost;
    }
}

bool slim_prune_select_global(size_t *keep, const struct slim_prune_plan *plan,
                              const struct slim_groups *groups,
                              const struct slim_shape *shape,
                              const struct slim_scores *scores, size_t step)
{
    double part = (double)(step + 1) / (double)plan->steps;
    double dense = (double)slim_shape_params(plan->before);
    double target = dense - part * (dense - plan->target);
    size_t first = 0, count = 0;
    struct ranked *list;

    for (size_t g = 0; g < groups->count; g++) {
        keep[g] = groups->items[g].units;
        count += plan->chosen[g] ? groups->items[g].units : 0;
        first += plan->chosen[g] ? plan->groups->items[g].units : 0;
    }
    list = calloc(count, sizeof *list);
    if (!list)
        return false;
    list_units(list, plan, groups, scores);
    qsort(list, count, sizeof *list, by_score);
    if (plan->aim == SLIM_PRUNE_RATIO)
        threshold(keep, list, count,
                  slim_prune_leaving(count, first, part * plan->ratio));
    else
        toward(keep, list, count, (double)slim_shape_params(shape) - target);
    free(list);
    return true;
}
