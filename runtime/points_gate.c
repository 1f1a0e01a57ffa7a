/* points_gate.c - up to which value of an axis the points of a sweep pass */
#include "runtime/points.h"

#include <string.h>

/* Points with one outcome, along one axis. */
struct side {
    size_t count;
    double least, most;
    const char *least_text, *most_text; /* as the recipe writes them */
};

static void widen(struct side *side, double value, const char *text)
{
    if (side->count == 0 || value < side->least) {
        side->least = value;
        side->least_text = text;
    }
    if (side->count == 0 || value > side->most) {
        side->most = value;
        side->most_text = text;
    }
    side->count++;
}

/* What passed an assertion and what did not; points that failed in another way
 * say nothing of it. */
static void split(struct side *passed, struct side *stopped,
                  const struct slim_points *points, size_t axis)
{
    size_t i = 0;

    for (const struct slim_program *p = points->first; p; p = p->next) {
        if (p->point->index % points->shards != points->shard - 1)
            continue;
        const char *status = json_string_value(
            json_object_get(json_array_get(points->records, i++), "status"));
        struct side *side = status && strcmp(status, "done") == 0     ? passed
                            : status && strcmp(status, "assert") == 0 ? stopped
                                                                      : NULL;
        if (side)
            widen(side, p->point->numbers[axis], p->point->values[axis]);
    }
}

bool slim_points_gate(struct slim_gate *out, const struct slim_points *points,
                      size_t axis)
{
    struct side passed = { 0 }, stopped = { 0 };

    split(&passed, &stopped, points, axis);
    bool below = passed.most < stopped.least;
    bool above = passed.least > stopped.most;

    if (passed.count == 0 || stopped.count == 0 || (!below && !above))
        return false;
    *out = (struct slim_gate){
        .axis = points->first->point->sweep->axes[axis],
        .value = below ? passed.most_text : passed.least_text,
        .largest = below,
        .points = passed.count + stopped.count,
    };
    return true;
}
