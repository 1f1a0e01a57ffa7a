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
 */

/* The lines of the operations so far, in the arena. With `until`, of those
 * before it, and without how the run was asked for: what a saved model carries
 * is the same wherever it was made. */
char *slim_ledger_text(struct slim_run *run, const struct slim_op *until);
/* Writes all lines to `path`. */
SLIM_NODISCARD enum slim_status slim_ledger_write(struct slim_run *run,
                                                  const char *path);

/* The same, and what they name stays in the store while the file is there. */
SLIM_NODISCARD enum slim_status slim_ledger_pin(struct slim_run *run,
                                                const char *path);

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

/* Before an operation runs, and (`done`) after it: L001 with both lines where
 * it is not what the file says. */
SLIM_NODISCARD enum slim_status slim_ledger_check(struct slim_run *run,
                                                  const struct slim_op *op,
                                                  bool done);

/* The line of an operation: with what it gave where that is known. NULL: it
 * has none. */
char *slim_ledger_line(struct slim_run *run, const struct slim_op *op,
                       bool done);

/* Every key of a file; nothing where it is no lock file. */
void slim_ledger_keys(const char *path, struct slim_arena *arena,
                      void (*visit)(void *context,
                                    const struct slim_digest *key),
                      void *context);

#endif
