/* score_random.c - `score random`: what any method has to beat */
#include "runtime/stage/score.h"

#include "base/random.h"

/* A uniform number for each index of a group's first tensor, summed over the
 * unit, as the reference draws them. */
enum slim_status slim_importance_random(struct slim_scoring *scoring)
{
    uint64_t seed = (uint64_t)scoring->args->seed;
    uint64_t index = 0;

    for (size_t g = 0; g < scoring->groups->count; g++) {
        const struct slim_group *group = &scoring->groups->items[g];
        double *values = scoring->scores->values[g];
        for (size_t u = 0; values && u < group->units; u++)
            for (size_t i = 0; i < group->members[0].per_unit; i++)
                values[u] +=
                    slim_random_uniform(seed, SLIM_STREAM_SCORE, index++);
    }
    scoring->done = true;
    return SLIM_OK;
}
