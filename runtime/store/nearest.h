/* nearest.h - what is kept that is most like something, without reading all */
#ifndef SLIM_NEAREST_H
#define SLIM_NEAREST_H

#include "runtime/store/store.h"

struct slim_index; /* of the entries of one verb */

/* What was looked at so far. */
struct slim_nearest {
    struct slim_store *store;
    struct slim_index *first;
    size_t read; /* entries that had to be read: the index did not know them */
};

/*
 * Of what is kept of a verb, that which the fewest of these causes differ from:
 * of several the newest, of those made in the same second the one with the
 * smallest key. NULL: nothing is kept.
 *
 * The store has an index of each verb with many entries: a number for each
 * cause of each entry, and for each of the 256 folders when it was last
 * changed. Only folders that changed since are read. It is no more than a
 * memory: entries say what is kept, and without it they are all read.
 */
const struct slim_kept *slim_nearest_find(struct slim_nearest *nearest,
                                          const char *verb,
                                          const struct slim_cause *causes,
                                          size_t count);
void slim_nearest_close(struct slim_nearest *nearest);

/* Brings the index of every verb up to date. */
void slim_nearest_refresh(struct slim_store *store);

#endif
