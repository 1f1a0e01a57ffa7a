/* memo.h - what a run knows of each operation: its key, and what is kept */
#ifndef SLIM_MEMO_H
#define SLIM_MEMO_H

#include "runtime/run.h"
#include "runtime/store/causes.h"

#include <jansson.h>

struct slim_memo {
    struct slim_causes causes;
    struct slim_digest key;
    bool keyed;                      /* causes and key are known */
    struct slim_kept *entry;         /* what is kept under the key, or NULL */
    json_t *manifests[SLIM_RESULTS]; /* of entry->results */
    bool hit;    /* the entry was there before the operation ran */
    bool loaded; /* its results are in memory */
    const struct slim_shape *shape; /* of the model it gives, or NULL */
};

/* Without a folder nothing is a hit, but keys and digests are known. */
void slim_memo_open(struct slim_run *run);
void slim_memo_close(struct slim_run *run);
/* Without running anything: op->cached of each operation, "hit" or "run", and
 * how many will run. Files that are large are not read: a model that is not
 * known makes everything run. */
size_t slim_memo_plan(struct slim_run *run);

/* Finds causes and key of an operation; false where they are not known. */
bool slim_memo_key(struct slim_run *run, const struct slim_op *op);

/* Whether the results of an operation are kept: they count as given from then
 * on, and are taken over when something needs them. */
bool slim_memo_find(struct slim_run *run, const struct slim_op *op);

/* Takes over at once what is small and looked at by what follows. False: it is
 * not as it was kept, and the operation is no hit any more. */
bool slim_memo_take(struct slim_run *run, const struct slim_op *op);

/* What an input is to the operation that reads it: a digest, or *given false
 * where the operation before gave no such thing. False: not known yet. */
bool slim_memo_identity(struct slim_digest *out, bool *given,
                        struct slim_run *run, const struct slim_op *reader,
                        const struct slim_input *input);

/* The results of one operation, in memory; see below. */
SLIM_NODISCARD enum slim_status slim_memo_need(struct slim_run *run,
                                               const struct slim_op *op);
/* Everything that the operation reads, in memory: loaded, or, where it is not
 * kept as it was, computed again. */
SLIM_NODISCARD enum slim_status slim_memo_inputs(struct slim_run *run,
                                                 const struct slim_op *op);

/* Names what the operation gave in `seconds`, and keeps it where there is a
 * folder; the time that this takes is added to them. A failure is a note. */
void slim_memo_keep(struct slim_run *run, const struct slim_op *op,
                    double seconds);

/* Before an output takes its name: what it looks like from outside (`keep.outside`
 * of the row). Whether that was said of what is there now: then it is this
 * operation's own, of a run that did not live to say that it was done. */
void slim_promise_make(struct slim_run *run, const struct slim_op *op,
                       const char *outside);
bool slim_promise_holds(struct slim_run *run, const struct slim_op *op,
                        const char *outside);

/* The results were freed. */
void slim_memo_released(struct slim_run *run, const struct slim_op *op);

#endif
