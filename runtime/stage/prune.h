/* prune.h - what `prune` resolved to, between its files */
#ifndef SLIM_PRUNE_H
#define SLIM_PRUNE_H

#include "compiler/ir/stage.h"
#include "runtime/run.h"

struct slim_prune_args {
    long steps;
    bool global;
    long round;
};

/* What the amount asks for. */
enum slim_prune_aim {
    SLIM_PRUNE_RATIO,  /* of every group's units */
    SLIM_PRUNE_PARAMS, /* parameters left in the whole model */
    SLIM_PRUNE_WIDTH,  /* channels left in the stream */
};

struct slim_prune_plan {
    const struct slim_shape *before;
    const struct slim_groups *groups; /* of `before` */
    const bool *chosen;               /* [groups->count]: in scope */
    enum slim_prune_aim aim;
    double ratio;  /* RATIO */
    double target; /* PARAMS, WIDTH */
    bool global;
    bool untie; /* the head gets weights of its own */
    size_t round;
    size_t steps;
    size_t *keep; /* [steps * groups->count]: units left after each step;
                      with global an estimate of the last */
};

/* Fills chosen from the scope; an empty choice is an error. */
enum slim_status slim_prune_choose(struct slim_prune_plan *plan,
                                   const struct slim_op *op,
                                   struct slim_diag *diag);

/* Says how the share is written that an amount without a sign was likely meant
 * as: 20 or 0.2 for 20%. False: it can be none. */
bool slim_prune_hint_share(struct slim_error *error,
                           const struct slim_quantity *amount,
                           struct slim_diag *diag);

/* Fills keep from aim, ratio and target. */
enum slim_status slim_prune_count(struct slim_prune_plan *plan,
                                  const struct slim_op *op,
                                  struct slim_diag *diag);

/* LLM-Pruner's arithmetic: indices that leave when `now` of `first` are left
 * and a share `ratio` of the first ones shall be gone. Truncation of the kept
 * count in double: what leaves is rounded up. */
size_t slim_prune_leaving(size_t now, size_t first, double ratio);

/* The shape after the last step; in the arena. */
struct slim_shape *slim_prune_shape(const struct slim_prune_plan *plan,
                                    const size_t *keep,
                                    struct slim_arena *arena);

/* "3/3 kv heads, 937/1536 mlp columns" */
const char *slim_prune_counts(const struct slim_prune_plan *plan,
                              const struct slim_shape *after,
                              struct slim_arena *arena);

/* The same with layers, steps and target; with global what is known of it. */
const char *slim_prune_text(const struct slim_prune_plan *plan,
                            const struct slim_shape *after,
                            struct slim_arena *arena);

/* The counts of a global prune, by score: keep[g] units of each group are left.
 * 0: all of a group's units lie under the threshold, and so all stay. False:
 * no memory. */
bool slim_prune_select_global(size_t *keep, const struct slim_prune_plan *plan,
                              const struct slim_groups *groups,
                              const struct slim_shape *shape,
                              const struct slim_scores *scores, size_t step);

/* The `count` units with the highest scores, ascending; ties keep the later
 * index. False: no memory. */
bool slim_prune_best(uint32_t *kept, size_t count, const double *scores,
                     size_t units);

enum slim_status slim_prune_resolve(struct slim_op *op, struct slim_diag *diag);
enum slim_status slim_prune_run(struct slim_run *run, const struct slim_op *op);

#endif
