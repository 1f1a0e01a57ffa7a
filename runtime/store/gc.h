/* gc.h - all that a store holds, and what may leave it */
#ifndef SLIM_GC_H
#define SLIM_GC_H

#include "runtime/store/store.h"

/* One entry, as `slimc cache ls` shows it. */
struct slim_listed {
    struct slim_kept *entry; /* but for causes, results, and what it said */
    int64_t used;   /* when it was last a hit, or made: seconds since 1970 */
    uint64_t bytes; /* of its objects, shared ones too */
    bool pinned;
};

struct slim_listing {
    struct slim_listed *items; /* what leaves first comes first: least seconds
                                  of work for a byte, then oldest */
    size_t count, capacity;
    uint64_t bytes; /* all files of the store */
    size_t altered; /* entries that were not what they were; gone now */
};

/* Reads every entry, and lets it go but for what is listed. */
void slim_listing_make(struct slim_listing *out, struct slim_store *store);

/*
 * Removes what nothing names (objects and temporary files older than an hour;
 * journals older than 30 days, and promises and locks that no process holds),
 * then entries that are not pinned, in the order
 * of the listing, until the store takes at most `budget` bytes. Returns the
 * bytes that were freed.
 */
uint64_t slim_store_gc(struct slim_store *store, uint64_t budget,
                       size_t *entries);

/*
 * After a write of `size` bytes failed. Where the disk is full, the same until
 * twice as much is free, and a sixteenth of the store, so that it does not
 * happen at each write. What was made or used since the store was opened stays.
 * Notes I503. True: it is worth another try.
 */
bool slim_store_make_room(struct slim_store *store, uint64_t size);

/* After a run: the same by the store's own budget, once an hour; then indexes
 * are brought up to date. */
void slim_store_tidy(struct slim_store *store);

/* Compares every file with its digest, and removes what differs: how many
 * there are and were removed. */
void slim_store_verify(struct slim_store *store, size_t *files, size_t *bad);

/* Entries that the lock file names stay while it is there; NULL path: lists
 * nothing. False: the store cannot be written. */
bool slim_store_pin(struct slim_store *store, const char *lock);

/* Calls visit for every file under STORE/KIND with its name as a digest where
 * it is one. The path is there until visit returns. */
void slim_store_walk(struct slim_store *store, const char *kind,
                     void (*visit)(void *context, const char *path,
                                   const struct slim_digest *name),
                     void *context);

#endif
