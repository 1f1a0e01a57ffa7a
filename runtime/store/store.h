/* store.h - a folder of results that survives runs, keyed by what made them */
#ifndef SLIM_STORE_H
#define SLIM_STORE_H

#include "base/file.h"
#include "base/hash.h"
#include "base/text.h"

/*
 * A store is a folder:
 *
 *     objects/ab/cdef..        bytes, named by their digest
 *     entries/VERB/ab/cdef..   what a stage gave, named by the stage's key
 *     files/ab/cdef..          digests of files outside, named by their path
 *     journals/ab/cdef..       how far a stage has come, named by its key
 *     locks/ab/cdef..          held (flock) by the process at work on a key
 *     pins/ab/cdef..           objects and entries that stay: lists of keys
 *     index/ab/cdef..          causes of the entries of a verb (nearest.h),
 *                              named by it
 *     rates/ab/cdef..          what products and stages were measured to do,
 *                              named by the machine (runtime/rates.h, paces.h)
 *
 * Everything appears by a rename after a sync. Objects are checked by their
 * name, all other files by a seal: the digest of what is before it. What does
 * not fit its digest counts as absent, is removed, and is said in a note. A
 * store that cannot be written is no error: the run goes on without it. Before
 * that, where the disk is full, entries leave that this run did not use.
 *
 * Without a folder it finds nothing and keeps nothing, but names all that it is
 * given: keys and digests do not depend on where results are kept.
 */
struct slim_store {
    struct slim_arena *arena;
    const char *path;              /* as it was named; NULL: no folder */
    bool writes;                   /* false after the first write that failed */
    uint64_t budget;               /* bytes; what is over is removed */
    int64_t opened;                /* seconds since 1970 */
    struct slim_diag diag;         /* of the store's own files */
    struct slim_diag *told;        /* where notes go: warnings of the run */
    struct slim_file_known *known; /* files outside, where there is no folder */
};

/*
 * Opens (makes) the store at `path`. Notes are warnings I501 to I503 of `told`.
 * It has no folder where `path` is NULL, or where that cannot be made.
 */
struct slim_store *slim_store_open(const char *path, struct slim_arena *arena,
                                   struct slim_diag *told);

/* Whether there is a folder. NULL is no store. */
bool slim_store_keeps(const struct slim_store *store);

/* The folder: `given`, else $SLIMC_STORE, else $XDG_CACHE_HOME/slimc, else
 * $HOME/.cache/slimc. "none" is no store; NULL. */
const char *slim_store_place(const char *given, struct slim_arena *arena);

/* The folder of a store that is written, else slim_spill_place: for files that
 * have no name. */
const char *slim_store_spill(const struct slim_store *store,
                             struct slim_arena *arena);

/* "STORE/KIND/ab/cdef.." in the arena; `kind` may have a slash. */
char *slim_store_path(const struct slim_store *store, const char *kind,
                      const struct slim_digest *name);

/* A write failed: the reason is taken from store->diag, said once, and nothing
 * more is written. Returns false. */
bool slim_store_give_up(struct slim_store *store);

/* I502: something in the store is not what was put there. */
void slim_store_altered(struct slim_store *store, const char *what,
                        const struct slim_digest *name);

/* ---- objects ---- */

struct slim_piece {
    const void *data;
    size_t size;
};

/* Names bytes, given in parts, and puts them; nothing is written where they
 * are already. False: they are not kept. */
bool slim_object_put(struct slim_store *store, struct slim_digest *out,
                     const struct slim_piece *parts, size_t count);

/* Maps an object whose bytes are as they were; false: it is not there, or was
 * altered and is gone now. */
bool slim_object_map(struct slim_store *store, struct slim_map *out,
                     const struct slim_digest *name, uint64_t size);

/* Whether it is there with that size; its bytes are not looked at. */
bool slim_object_has(const struct slim_store *store,
                     const struct slim_digest *name, uint64_t size);

/* ---- sealed files ---- */

/* Writes bytes and their seal under a name. */
bool slim_sealed_put(struct slim_store *store, const char *path,
                     const void *bytes, size_t size);
bool slim_sealed_put_parts(struct slim_store *store, const char *path,
                           const struct slim_piece *parts, size_t count);
/* Bytes without the seal. False: not there, or altered (then `altered` is
 * true where it is not NULL, and the file is removed). */
bool slim_sealed_map(struct slim_map *out, const char *path, bool *altered,
                     struct slim_diag *diag);
/* The mapping's own length includes the seal. */
#define SLIM_SEAL sizeof(struct slim_digest)

/* ---- entries ---- */

struct slim_kept_object {
    struct slim_digest name;
    uint64_t size;
};

/* One thing that decided a result: "amount" and "width 400". */
struct slim_cause {
    const char *name, *value;
};

#define SLIM_RESULTS 8

/* What a stage gave. Text is in the store's arena. */
struct slim_kept {
    struct slim_digest key;
    const char *stage;         /* its verb */
    const char *text;          /* the statement, for people */
    const char *recipe;        /* the file it stood in, for people */
    const char *outside;       /* what it left outside the store, or NULL */
    const char *detail;        /* the middle of its line, or NULL */
    const char *report;        /* extra lines, or NULL */
    const char *figures;       /* to plot, or NULL */
    const char *saved;         /* the directory it wrote, or NULL */
    double seconds;            /* it took */
    double amount;             /* as the statement says it; 0: none */
    int64_t made;              /* seconds since 1970 */
    struct slim_cause *causes; /* in the order in which they enter the key */
    size_t cause_count;
    struct {
        unsigned type; /* a bit of enum slim_type */
        struct slim_kept_object manifest;
    } results[SLIM_RESULTS];
    size_t result_count;
    struct slim_kept_object *objects; /* all, the manifests too */
    size_t object_count;
};

/* The key that causes make. */
struct slim_digest slim_causes_key(const struct slim_cause *causes,
                                   size_t count);

bool slim_entry_put(struct slim_store *store, const struct slim_kept *entry);
/* NULL: there is none that holds. Every object is there with its size. */
struct slim_kept *slim_entry_find(struct slim_store *store, const char *stage,
                                  const struct slim_digest *key);
/* The same from a file; NULL if it is no entry. */
struct slim_kept *slim_entry_read(struct slim_store *store, const char *path,
                                  bool *altered);
/* It was of use now: what was of use longest ago leaves first. */
void slim_entry_touch(struct slim_store *store, const struct slim_kept *e);
void slim_entry_remove(struct slim_store *store, const struct slim_kept *e);

/* ---- files outside ---- */

enum slim_hashing {
    SLIM_HASH_ALWAYS, /* reads the file where its digest is not known */
    SLIM_HASH_CHEAP,  /* only if it is small */
    SLIM_HASH_ANEW,   /* reads it in any case */
};

/*
 * Digest of a file's bytes. It is remembered with path, device, inode, size
 * and the times of the last change to bytes and inode, and taken from there
 * while all of these are the same. False: the file cannot be read, or
 * SLIM_HASH_CHEAP says so. `store` may be NULL.
 */
bool slim_file_digest(struct slim_digest *out, struct slim_store *store,
                      const char *path, enum slim_hashing how);

/* ---- one process at a time ---- */

struct slim_lock {
    int file;
    char *path;
};

/* Waits until no other process works on the key; `waiting` is called once if
 * there is one. False: interrupted. A store that cannot be written gives a
 * lock that holds nothing. */
bool slim_lock_take(struct slim_lock *out, struct slim_store *store,
                    const struct slim_digest *key,
                    void (*waiting)(void *context), void *context);
/* Waits until no other process holds the folder, with a store or without. Where
 * it cannot be held, or after an interrupt, the lock holds nothing. */
void slim_lock_folder(struct slim_lock *out, const char *folder);
void slim_lock_release(struct slim_lock *lock);
/* Whether a process works on the key now. */
bool slim_lock_held(struct slim_store *store, const struct slim_digest *key);

bool slim_digest_read(struct slim_digest *out, const char *hex);
bool slim_digest_same(const struct slim_digest *a, const struct slim_digest *b);

#endif
