/* oracle_run.h - a recipe of ../shared/oracles, run as it stands, and how far
 * its results are from those of the implementation that it names */
#ifndef SLIM_TEST_ORACLE_RUN_H
#define SLIM_TEST_ORACLE_RUN_H

#include "tests/oracle.h"
#include "tests/session.h"

#include <jansson.h>

struct slim_oracle_run {
    const char *name; /* "stories/slice20_pca" */
    struct slim_session *session;
    struct slim_oracle *oracle; /* NULL: it left no tensors */
    json_t *facts;              /* what it said of its run */
    bool quick;                 /* leave out what the recipe measures */
};

/* What one comparison found. */
struct slim_distance {
    double have, want; /* NAN: not a single number */
    double apart;      /* in the unit of the bound */
};

/* Opens NAME.{slim,json,safetensors} and the model of its folder; _go runs the
 * recipe up to its save, which would write beside it. */
void slim_oracle_run_start(struct slim_oracle_run *run, const char *name);
void slim_oracle_run_go(struct slim_oracle_run *run);
void slim_oracle_run_close(struct slim_oracle_run *run);

/* The last operation of that verb that has run; fails the test if none has. */
const struct slim_op *slim_oracle_run_op(const struct slim_oracle_run *run,
                                         const char *verb);
/* The model as the recipe left it. */
struct slim_model *slim_oracle_run_model(const struct slim_oracle_run *run);

struct slim_distance slim_oracle_params(struct slim_oracle_run *run);
struct slim_distance slim_oracle_ppl_2048(struct slim_oracle_run *run);
struct slim_distance slim_oracle_ppl_128(struct slim_oracle_run *run);
/* The first windows one by one: largest relative error. */
struct slim_distance slim_oracle_nll_2048(struct slim_oracle_run *run);
struct slim_distance slim_oracle_nll_128(struct slim_oracle_run *run);

/* Largest relative error of a unit's score. */
struct slim_distance slim_oracle_scores(struct slim_oracle_run *run);
/* The same relative to the score and the mean of its group: order=vector sums
 * with signs, so a small score is the noise of large terms. */
struct slim_distance slim_oracle_scores_signed(struct slim_oracle_run *run);
/* Rows that were kept there and removed here, or the other way round, though
 * their scores say more than noise. */
struct slim_distance slim_oracle_kept(struct slim_oracle_run *run);

/* Largest relative error of an eigenvalue of any site. */
struct slim_distance slim_oracle_eigenvalues(struct slim_oracle_run *run);
/* Largest difference of a site's kept share of the spectrum. */
struct slim_distance slim_oracle_explained(struct slim_oracle_run *run);
/* Largest difference of the result's logits, in their deviations. */
struct slim_distance slim_oracle_logits(struct slim_oracle_run *run);

#endif
