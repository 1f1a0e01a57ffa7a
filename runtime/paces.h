/* paces.h - how long stages took here, and how long others will take */
#ifndef SLIM_PACES_H
#define SLIM_PACES_H

#include "runtime/run.h"

/*
 * One stage that ran. Two are of a kind if they are the same verb and method;
 * between them seconds go with the work: the operations of products where the
 * plan counts any, else the bytes of the model that is read and of what is
 * given and written.
 */
struct slim_pace {
    const char *kind;       /* "score taylor" */
    double planned, done;   /* operations: as planned, and as counted */
    double bytes;           /* of models and files */
    double seconds;         /* it took */
    struct slim_pace *next; /* the one before it */
};

/* Kept in the store by the same names as rates (rates.h), the newest of each
 * kind; another machine, number of threads or arithmetic knows nothing. */
struct slim_paces {
    struct slim_arena *arena;
    const char *path;        /* of the file; NULL: there is no store */
    struct slim_pace *first; /* the newest */
    bool changed;
};

/* What is kept; nothing where `store` is NULL. */
void slim_paces_open(struct slim_paces *out, struct slim_store *store,
                     const struct slim_kernels *kernels,
                     struct slim_arena *arena);

/* Adds what an operation took: `seconds` with what it takes to keep its
 * results. Nothing is learned of one that went on from a journal, that
 * only looks at metrics, or that nobody sees. `paces` may be NULL. */
void slim_paces_add(struct slim_paces *paces, const struct slim_run *run,
                    const struct slim_op *op, const struct slim_spent *spent,
                    double seconds);

/* Seconds that an operation will take: the work that it is, less that of
 * layers whose streams it finds, at the middle of the paces of stages of its
 * kind with about as much work. 0: no such stage is known. */
double slim_paces_seconds(const struct slim_paces *paces,
                          const struct slim_op *op);

/* Fills op->pace of everything that is to run. */
void slim_paces_plan(const struct slim_paces *paces,
                     struct slim_program *program);

/* Writes what was added. A failure is a note of the store. */
void slim_paces_keep(const struct slim_paces *paces, struct slim_store *store);

#endif
