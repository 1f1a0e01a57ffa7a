/* score.h - importance of units: what a new importance builds on */
#ifndef SLIM_SCORE_H
#define SLIM_SCORE_H

#include "runtime/run.h"

enum slim_score_order {
    SLIM_ORDER_VECTOR, /* |sum of w g| */
    SLIM_ORDER_FIRST,  /* sum of |w g| */
    SLIM_ORDER_SECOND, /* sum of |w F w| */
    SLIM_ORDER_MIXED,  /* sum of |w g - w F w / 2| */
};
enum slim_score_reduce {
    SLIM_REDUCE_SUM,
    SLIM_REDUCE_MEAN,
    SLIM_REDUCE_MAX,
    SLIM_REDUCE_PROD,
    SLIM_REDUCE_FIRST,
    SLIM_REDUCE_SECOND,
    SLIM_REDUCE_LAST,
};
enum slim_score_gqa { SLIM_GQA_ALIGNED, SLIM_GQA_REFERENCE };

struct slim_score_args {
    int order;  /* enum slim_score_order */
    int reduce; /* enum slim_score_reduce */
    int gqa;    /* enum slim_score_gqa */
    long seed;  /* of `score random` */
};

/*
 * A term is what one tensor of a group says of the group's indices: a sum for
 * each row (the tensor produces the axis) or each column (it consumes it).
 * Biases give no term; a norm's weight gives one. A tied table gives one, of
 * the gradient of both its uses.
 */
struct slim_term {
    const struct slim_member *member;
    size_t length;
    double *values;
};

struct slim_group_terms {
    const struct slim_group *group;
    struct slim_term *items; /* in the order of the group's members */
    size_t count;
    size_t per_unit; /* indices a unit has in the shortest term */
};

/* What an importance is handed. It fills terms (slim_terms_fold), or writes
 * scores->values itself and says so. */
struct slim_scoring {
    struct slim_run *run;
    const struct slim_op *op;
    struct slim_model *model;
    const struct slim_tokens *tokens; /* NULL for a method without data */
    const struct slim_score_args *args;
    const struct slim_groups *groups;
    struct slim_group_terms *terms; /* [groups->count]; count 0: not wanted */
    struct slim_scores *scores;     /* values[g] NULL where not wanted */
    bool sign;                      /* sums are signed until the end */
    bool done;                      /* scores are complete: no reduction */
};

/* S for `count` weights: s[i] from w, gradients g and squared gradients f. */
typedef void slim_salience(double *s, const float *w, const float *g,
                           const float *f, size_t count);

/* Adds the salience of a whole tensor to every term that it has a part in.
 * False: no memory, here and below. */
bool slim_terms_fold(struct slim_scoring *scoring,
                     const struct slim_tensor *tensor, const float *w,
                     const float *g, const float *f, slim_salience *salience);

/* Whether any wanted term reads the tensor. */
bool slim_terms_want(const struct slim_scoring *scoring,
                     const struct slim_tensor *tensor);

/* Makes and frees terms and scores of every group that is wanted: heads and
 * columns, and the stream where `stream` says so. */
bool slim_terms_new(struct slim_scoring *scoring, bool stream);
void slim_terms_free(struct slim_scoring *scoring);

/* Aligns, reduces and sums the terms of each unit into scores->values. */
bool slim_terms_reduce(struct slim_scoring *scoring);

/* Reports that memory ran out: `return slim_scoring_no_memory(..)`. */
enum slim_status slim_scoring_no_memory(const struct slim_scoring *scoring);

/* Salience by enum slim_score_order; and |w|, w^2. */
extern slim_salience *const slim_taylor_salience[];
extern slim_salience *const slim_weight_salience[];

/* The rows of importance.def. */
#define SLIM_IMPORTANCE(name, summary, data, sample, paper)                    \
    enum slim_status slim_importance_##name(struct slim_scoring *scoring);
#include "runtime/stage/importance.def"
#undef SLIM_IMPORTANCE

/* Whether the scores of this operation copy the reference's mistakes. */
bool slim_score_as_reference(const struct slim_op *op);

#endif
