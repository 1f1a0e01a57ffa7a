/* journal.h - how far a stage has come, so that a run that was killed goes on
 *
 * The state of a stage is one sealed file under the stage's key. It is replaced
 * whole after a unit of work (a layer, a step), but not so often that writing
 * takes more than a share of the time. A stage that is done has no journal.
 */
#ifndef SLIM_JOURNAL_H
#define SLIM_JOURNAL_H

#include "runtime/store/codec.h"

struct slim_journal {
    struct slim_run *run;
    const struct slim_op *op;
    char *path;
    double opened;     /* when the stage began, in this process */
    double last, cost; /* end and length of the last write, in seconds */
    bool written;      /* in this process */
};

/* A part of the state: an array of the stage's own, written and read back in
 * place. */
struct slim_journal_part {
    void *data;
    size_t size;
};

/* NULL: there is no store, or it cannot be written. */
struct slim_journal *slim_journal_open(struct slim_journal *journal,
                                       struct slim_run *run,
                                       const struct slim_op *op);
/* NULL does nothing. `done`: what it holds is not needed any more. */
void slim_journal_close(struct slim_journal *journal, bool done);

/*
 * The state that an earlier run left: `units` are done, `note` (a new
 * reference) is the small part, and the big parts are read into `parts`, whose
 * sizes must be those that were written. False: there is none, or it is not as
 * it was written; nothing was changed but the parts.
 */
bool slim_journal_read(struct slim_journal *journal, size_t *units,
                       json_t **note, const struct slim_journal_part *parts,
                       size_t count);

/*
 * Whether the state should be written after a unit that ended now. True in any
 * case after Ctrl-C.
 */
bool slim_journal_due(const struct slim_journal *journal);

/* Writes the state after `units`; takes `note` over. Ends with error C130 after
 * Ctrl-C, else with success: a store that cannot be written is no error. */
SLIM_NODISCARD enum slim_status slim_journal_write(
    struct slim_journal *journal, size_t units, json_t *note,
    const struct slim_journal_part *parts, size_t count);

/* The small part of any journal, or NULL: what it names must stay. */
json_t *slim_journal_note(const char *path, struct slim_store *store);

/* What the user is told: " ~ recover lora  12 of 40 steps were done". */
void slim_journal_tell(struct slim_journal *journal, size_t units, size_t of,
                       const char *what);

#endif
