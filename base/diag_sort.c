/* diag_sort.c - the order in which errors are shown */
#include "base/diag_sort.h"

#include <stdlib.h>

struct entry {
    struct slim_error *error;
    size_t source, place, index;
};

static int compare_sizes(size_t a, size_t b)
{
    return a < b ? -1 : a > b;
}

static int compare(const void *a, const void *b)
{
    const struct entry *x = a, *y = b;
    int order = compare_sizes(x->source, y->source);

    if (order == 0)
        order = compare_sizes(x->place, y->place);
    return order ? order : compare_sizes(x->index, y->index);
}

/* The index of the first entry with the same source. */
static size_t rank_of(const struct entry *entries, size_t count,
                      const struct slim_error *error)
{
    for (size_t i = 0; i < count; i++)
        if (entries[i].error->span.source == error->span.source)
            return i;
    return count;
}

struct slim_error **slim_diag_sorted(const struct slim_diag *diag,
                                     size_t *count)
{
    size_t n = 0;

    for (const struct slim_error *e = diag->first; e; e = e->next)
        n++;
    struct entry *entries = SLIM_NEW_ARRAY(diag->arena, n, struct entry);
    struct slim_error **sorted =
        SLIM_NEW_ARRAY(diag->arena, n, struct slim_error *);
    size_t i = 0;
    for (struct slim_error *e = diag->first; e; e = e->next, i++)
        entries[i] = (struct entry){ .error = e,
                                     .source = rank_of(entries, i, e),
                                     .place = e->span.begin,
                                     .index = i };
    qsort(entries, n, sizeof(*entries), compare);
    for (i = 0; i < n; i++)
        sorted[i] = entries[i].error;
    *count = n;
    return sorted;
}
