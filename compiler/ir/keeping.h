/* keeping.h - what the store has to know of a stage */
#ifndef SLIM_KEEPING_H
#define SLIM_KEEPING_H

#include <stdbool.h>
#include <stddef.h>

struct slim_run;
struct slim_op;
struct slim_causes; /* runtime/store/causes.h: a list that grows */

/* What the store does with what a stage gives. */
enum slim_keep {
    SLIM_KEEP_RESULT,  /* kept by its key */
    SLIM_KEEP_NOTHING, /* always run; reads shapes and metrics, no numbers */
    SLIM_KEEP_SOURCE,  /* its causes say what it is: run where it is needed */
};

struct slim_keeping {
    enum slim_keep how;
    /* Adds what decides the result beside verb, version, method, arguments and
     * the digests of what is read: what quantity and scope come to (NULL: they
     * count as they are written), what later operations ask for. False: not
     * known, and nothing is kept. */
    bool (*causes)(struct slim_causes *causes, struct slim_run *run,
                   const struct slim_op *op);
    /* Whether run() runs operations again that it reads from, and so needs what
     * they read. NULL: never. */
    bool (*repeats)(const struct slim_op *op);
    /* What it left outside the store, told so that any change of it tells
     * otherwise; NULL: nothing is there. What is kept counts only while this is
     * what it was. */
    const char *(*outside)(struct slim_run *run, const struct slim_op *op);
    /* Whether run() asks for the stream after each layer of the model and the
     * `windows` that it reads, `together` of them in a call (0: as many as a
     * pass takes). NULL: never. For plans. */
    bool (*streams)(size_t *together, const struct slim_op *op, size_t windows);
    bool journal; /* it writes one, and goes on after it was killed */
};

#endif
