/* ledger.h - lock files: what each stage of a run was, and what it gave */
#ifndef SLIM_LEDGER_H
#define SLIM_LEDGER_H

#include "runtime/run.h"

/*
 * Text for version control, a fact a line, sorted:
 *
 *     slimc lock 1
 *     data 2 text = "sample.txt" n=6 len=24 ids=HEX
 *     given 01 set n=6
 *     input models/small
 *     metric 7 after 157.94 words.txt#776b7068 len=24 n=8 bos=no
 *     model DIGEST
 *     numerics f32 OpenBLAS 0.3.21 ..
 *     recipe smaller.slim
 *     stage 3 score taylor key=HEX scores=HEX
 *     until 9
 *     version 0.1.0
 *
 * Numbers are those of the operations; of `given`, the options of the command
 * line in order. What was given, the input and the recipe are for whoever runs
 * it again: they are not compared. `until` stands in the lock of a saved model:
 * its operation and what follows are not in it.
 *
 * In the lock of a sweep what belongs to a point begins with the point, and how
 * it ended stands there too (done, assert, unmet); the rest stands once:
 *
 *     point p=20%,m=l1 metric 7 after 157.94 words.txt#776b7068 len=24
 *     point p=20%,m=l1 outcome done
 *     point p=20%,m=l1 stage 3 score l1 key=HEX scores=HEX
 *     sweep p m
 *
 * A point is known by its values, so that lines stay when others come or go;
 * what would end a word in them is written \xHH.
 */

/* The lines of the operations so far, in the arena. With `until`, of those
 * before it, and without how the run was asked for: what a saved model carries
 * is the same wherever it was made. */
char *slim_ledger_text(struct slim_run *run, const struct slim_op *until);
/* Writes all lines to `path`. */
SLIM_NODISCARD enum slim_status slim_ledger_write(struct slim_run *run,
                                                  const char *path);

/* What a file names stays in the store, if there is one, while it is there. */
void slim_ledger_pin(struct slim_store *store, const char *path);

struct slim_ledger {
    const char *path;
    char **lines; /* NULL-terminated, in the order of the file */
};
SLIM_NODISCARD enum slim_status slim_ledger_read(struct slim_ledger **out,
                                                 const char *path,
                                                 struct slim_diag *diag);

/* The rest of the index-th line that begins with the word, or NULL. */
const char *slim_ledger_fact(const struct slim_ledger *record, const char *name,
                             size_t index);

/* The first line that begins with `owner` ("" or what slim_ledger_owner gives)
 * and then with the kind of line that `line` is of, up to the number of an
 * operation where it has one; whole, or NULL. */
const char *slim_ledger_find(const struct slim_ledger *record,
                             const char *owner, const char *line);

/* "point p=20%,m=l1 ", in the arena; "" for no point. */
const char *slim_ledger_owner(struct slim_arena *arena,
                              const struct slim_point *point);
/* Whether it is the lock of a sweep. */
bool slim_ledger_is_swept(const struct slim_ledger *record);
/* Whether it has a line of the point; a lock of a single run is of any. */
bool slim_ledger_has(const struct slim_ledger *record,
                     const struct slim_point *point, struct slim_arena *arena);

/* Before an operation runs, and (`done`) after it: L001 with both lines where
 * it is not what the file says. */
SLIM_NODISCARD enum slim_status slim_ledger_check(struct slim_run *run,
                                                  const struct slim_op *op,
                                                  bool done);

/* The line of an operation: with what it gave where that is known. NULL: it
 * has none. */
char *slim_ledger_line(struct slim_run *run, const struct slim_op *op,
                       bool done);

/* A line of what was measured. */
char *slim_ledger_metric(struct slim_run *run, const struct slim_metric *m);
/* How the run was asked for, and what it was computed with. At most
 * slim_ledger_shared_room lines; returns how many there are. */
size_t slim_ledger_shared(char **lines, struct slim_run *run, bool called);
size_t slim_ledger_shared_room(const struct slim_run *run);
/* The head, then the lines in order, each once. In the arena. */
char *slim_ledger_sorted(struct slim_arena *arena, char **lines, size_t count);

/* What the lock of a sweep says of a point. */
struct slim_ledger_part {
    char **lines; /* NULL-terminated; NULL: the point was not run */
    bool whole;   /* false: it was not run, or failed on its way; lines that an
                     earlier run wrote stay where they are of the same text */
};
/* Of the run of a point, finished or not, that ended so ("done", "assert",
 * "unmet", "failed"). */
struct slim_ledger_part slim_ledger_part(struct slim_run *run,
                                         const char *outcome);
/*
 * The lock of a sweep: parts of all points, by the index of the point. A lock
 * that is there already adds what it says of points that are not whole, if it
 * is of the same model, arithmetic and version: up to the first operation
 * whose text or result is another.
 */
SLIM_NODISCARD enum slim_status slim_ledger_write_points(
    struct slim_run *run, const struct slim_program *first,
    const struct slim_ledger_part *parts, const char *path);

/* Every key of a file; nothing where it is no lock file. */
void slim_ledger_keys(const char *path, struct slim_arena *arena,
                      void (*visit)(void *context,
                                    const struct slim_digest *key),
                      void *context);

#endif
