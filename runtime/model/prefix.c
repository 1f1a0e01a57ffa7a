/* prefix.c - the prefix of each sequence, by the ids in it
 *
 * A prefix (Raffel et al. 2020, arXiv:1910.10683, section 3.2.1; Du et al. 2022,
 * arXiv:2103.10360) is what a model reads before it writes: its tokens see each
 * other. The first token with the id `prefix_end` ends it, and is not in it.
 */
#include "runtime/model/layer.h"

#include <assert.h>
#include <stdlib.h>

const size_t *slim_prefix_ends(const struct slim_step *step)
{
    return step->node->settings[SLIM_ATTENTION_PREFIX_END] < 0.0
               ? NULL
               : step->layer->prefix.ends;
}

void slim_prefix_free(struct slim_prefix *prefix)
{
    free(prefix->ends);
    free(prefix->marks);
    *prefix = (struct slim_prefix){ 0 };
}

static enum slim_status room_fit(struct slim_prefix *prefix, size_t sequences,
                                 struct slim_diag *diag)
{
    if (sequences <= prefix->room)
        return SLIM_OK;
    slim_prefix_free(prefix);
    prefix->ends = malloc(sequences * sizeof(*prefix->ends));
    prefix->marks = malloc(sequences * sizeof(*prefix->marks));
    prefix->room = sequences;
    if (prefix->ends && prefix->marks)
        return SLIM_OK;
    slim_prefix_free(prefix);
    return slim_fail(diag, "O101", (struct slim_span){ 0 },
                     "out of memory: the prefixes of %zu sequences", sequences);
}

/* The first token with that id, or `count`. */
static size_t find_id(const int32_t *ids, size_t count, double id)
{
    size_t t = 0;

    while (t < count && (double)ids[t] != id)
        t++;
    return t;
}

/* Without a mark its place is the last one of the prefix, where it belongs. */
static size_t find_mark(const int32_t *ids, size_t count, size_t end,
                        const double *settings)
{
    size_t mark = find_id(ids, count, settings[SLIM_ATTENTION_MARK]);

    if (mark == count)
        mark = find_id(ids, count, settings[SLIM_ATTENTION_MARK_ELSE]);
    if (mark < count)
        return mark;
    return end > 0 ? end - 1 : 0;
}

/* What follows a prefix token by token has the prefix of the first call. */
enum slim_status slim_prefix_fit(struct slim_step *step)
{
    struct slim_prefix *prefix = &step->layer->prefix;
    struct slim_cache *cache = step->layer->cache;
    const struct slim_batch *batch = step->batch;
    const double *settings = step->node->settings;

    if (settings[SLIM_ATTENTION_PREFIX_END] < 0.0 || batch->sequences == 0)
        return SLIM_OK;
    if (room_fit(prefix, batch->sequences, step->diag) != SLIM_OK)
        return SLIM_FAILED;
    assert(prefix->ends && prefix->marks);
    for (size_t s = 0; s < batch->sequences; s++) {
        const int32_t *ids = batch->ids + batch->starts[s];
        size_t count = batch->starts[s + 1] - batch->starts[s];
        size_t end = find_id(ids, count, settings[SLIM_ATTENTION_PREFIX_END]);
        prefix->ends[s] = end < count ? end : 0;
        prefix->marks[s] = find_mark(ids, count, prefix->ends[s], settings);
    }
    if (cache && cache->past == 0) {
        cache->prefix = prefix->ends[0];
        cache->mark = prefix->marks[0];
    } else if (cache) {
        prefix->ends[0] = cache->prefix;
        prefix->marks[0] = cache->mark;
    }
    return SLIM_OK;
}
