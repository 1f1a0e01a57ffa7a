/* record.h - what a run found out, kept for reports: stages, curves, metrics */
#ifndef SLIM_RECORD_H
#define SLIM_RECORD_H

#include "base/json.h"
#include "runtime/run.h"

/*
 * Adds numbers to plot to the result of the operation that runs: y[count] over
 * x[count], or over 1..count where x is NULL. kind: what is plotted ("loss",
 * "spectrum"); name: which of several ("site 3"), or "". They are kept as JSON
 * text in the result, so that a store can keep them with it.
 */
void slim_figure_add(struct slim_run *run, const struct slim_op *op,
                     const char *kind, const char *name, const double *x,
                     const double *y, size_t count);

/* A curve of at most 500 of `total` values: each step that is a multiple of
 * the stride, and the last one. */
struct slim_curve {
    double *x, *y;
    size_t count, stride, total;
    size_t room; /* of x and y */
};
struct slim_curve slim_curve_open(struct slim_run *run, size_t total);
void slim_curve_add(struct slim_curve *curve, size_t step, double value);

/* The spectrum of each site from the largest eigenvalue, as shares of the sum;
 * of a wide one, values at ranks that thin out. */
struct slim_rotation;
void slim_figure_spectrum(struct slim_run *run, const struct slim_op *op,
                          const struct slim_rotation *rotation);

/* A finished operation: what it came to, the sizes that it left where it
 * changed them, and its figures. Hidden and implied ones leave no trace. */
void slim_record_stage(struct slim_run *run, const struct slim_op *op,
                       const char *result);

/* All of a run as an object: status ("done", "assert", "failed"), parameters,
 * metrics, stages, and what was saved. The caller owns it. */
json_t *slim_record_point(const struct slim_run *run, const char *status);

/* Model, recipe and axes of a whole file: the recipe's text and "points" are
 * still to be set. */
json_t *slim_record_head(const struct slim_run *run);

/* Writes the file whole: `path` is replaced. */
SLIM_NODISCARD enum slim_status slim_record_write(const json_t *record,
                                                  const char *path,
                                                  struct slim_diag *diag);

#endif
