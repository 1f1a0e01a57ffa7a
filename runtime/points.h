/* points.h - the points of a sweep, one after another */
#ifndef SLIM_POINTS_H
#define SLIM_POINTS_H

#include "runtime/record.h"
#include "runtime/store/ledger.h"

/* A point that passed, and what was measured: " w 7.12  tuned 6.4". */
struct slim_passed {
    const struct slim_point *point;
    const char *values;
    const struct slim_passed *next; /* the one before it */
};

/* One shard runs every `shards`-th point, from `shard` (1 .. shards). */
struct slim_points {
    const struct slim_run *run; /* what all points share: where results go,
                                   kernels, input, world, ... */
    struct slim_program *first;
    size_t shard, shards;
    bool verbose; /* each point says what its stages did */
    /* Called at once for a point that failed, or that has something to warn
     * of. */
    void (*report)(void *context, const struct slim_diag *diag);
    void *context;

    json_t *records; /* a slim_record_point for each that was run; the caller
                        releases it */
    struct slim_ledger_part *parts; /* of the lock, by the index of the point */
    const struct slim_passed *passed; /* the newest first */
    size_t done, unmet, broken;
    int code; /* exit code: of the first point that failed; where one is kept,
                 a failed assertion is no failure. Interrupted, or a lock that
                 does not hold, counts more than what failed before */
    bool refused;      /* a stage is not what `run->locked` says */
    bool differs;      /* a stage gave other bytes than `run->locked` says */
    const char *saved; /* written by the point that was kept, or NULL */
};

/*
 * Runs every point up to `keep`, or to its end, each as slim_run_program does,
 * with diagnostics of its own: one that fails does not stop the others. Where
 * stages run anew to be compared with `run->locked`, it is for the points that
 * it has, and an assertion may fail where it did. Then
 * the point that `keep` names goes on. Fails where nothing was kept (V003), or
 * when interrupted (C130); the records of what was done are there all the
 * same.
 */
SLIM_NODISCARD enum slim_status slim_points_run(struct slim_points *points,
                                                struct slim_diag *diag);

/* Where an assertion begins to fail along one axis of the sweep. */
struct slim_gate {
    const char *axis, *value; /* the last that passes, as it is written */
    bool largest;             /* it is the largest; else the smallest */
    size_t points;            /* that came as far as an assertion */
};

/*
 * Looks at the records of a sweep that was run. False: the values of the axis
 * do not part what passed from what failed, as where they are words, or where
 * another axis matters more.
 */
bool slim_points_gate(struct slim_gate *out, const struct slim_points *points,
                      size_t axis);

#endif
