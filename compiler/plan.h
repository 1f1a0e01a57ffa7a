/* plan.h - what the files that print a plan share */
#ifndef SLIM_PLAN_H
#define SLIM_PLAN_H

#include "base/hash.h"
#include "compiler/compile.h"

/* What a whole program is predicted to take. */
struct slim_totals {
    double seconds; /* of what is to run */
    double saved;   /* that what is kept took when it was made */
    uint64_t memory, disk;
    uint64_t before, after; /* parameters */
    bool asked;             /* a store was asked: what is kept takes nothing */
    size_t hits, runs;
};
struct slim_totals slim_plan_totals(const struct slim_program *program);
/* Operations a second of a stage: a share of the program's limit, or where
 * none was measured what the arithmetic's row says. */
double slim_plan_rate(const struct slim_program *program);
/* Of one operation of it: as stages of its kind took here, else by that rate. */
double slim_plan_seconds(const struct slim_program *program,
                         const struct slim_op *op);
/* What an operation comes to, and on what: keys[id] of what it reads is there.
 * Where an implied save writes says nothing. */
struct slim_digest slim_op_key(const struct slim_op *op,
                               const struct slim_digest *keys);
/* Bytes of memory: what it would take, or the budget where that is less. */
uint64_t slim_plan_memory(const struct slim_program *program,
                          const struct slim_cost *cost);
bool slim_plan_shows(const struct slim_op *op);

/* Points of a sweep, a line each, and the work that they come to. */
void slim_plan_sweep(const struct slim_program *programs, FILE *out);

void slim_plan_shape(const struct slim_shape *shape, const char *indent,
                     FILE *out);
void slim_plan_groups(const struct slim_shape *shape, struct slim_arena *arena,
                      FILE *out);

struct json_t;
/* Prints an object, a line of its own, and releases it. */
void slim_plan_put(struct json_t *object, FILE *out);

#endif
