/* score_terms.c - sums over rows and columns, and what units make of them */
#include "runtime/stage/score.h"

#include "runtime/kernel/vector.h"
#include "runtime/stage/units.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* In the reference a tied table is two modules with one gradient. */
static size_t copies_of(const struct slim_scoring *scoring,
                        const struct slim_member *member)
{
    const struct slim_shape *shape = scoring->model->shape;

    if (member->tensor->bias)
        return 0;
    return scoring->args->gqa == SLIM_GQA_REFERENCE && !shape->untied &&
                   member->tensor == slim_arch_tied(shape->arch)
               ? 2
               : 1;
}

static bool new_terms(struct slim_scoring *scoring, size_t g)
{
    const struct slim_group *group = &scoring->groups->items[g];
    struct slim_group_terms *terms = &scoring->terms[g];

    terms->group = group;
    terms->items = calloc(group->member_count + 1, sizeof *terms->items);
    scoring->scores->values[g] = calloc(group->units, sizeof(double));
    if (!terms->items || !scoring->scores->values[g])
        return false;
    for (size_t m = 0; m < group->member_count; m++) {
        const struct slim_member *member = &group->members[m];
        size_t copies = copies_of(scoring, member);
        for (size_t i = 0; i < copies; i++) {
            struct slim_term *term = &terms->items[terms->count++];
            term->member = member;
            term->length = slim_tensor_size(scoring->model->shape,
                                            member->tensor, member->dim);
            term->values = calloc(term->length, sizeof *term->values);
            if (!term->values)
                return false;
            if (terms->per_unit == 0 || member->per_unit < terms->per_unit)
                terms->per_unit = member->per_unit;
        }
    }
    return true;
}

bool slim_terms_new(struct slim_scoring *scoring, bool stream)
{
    size_t count = scoring->groups->count;

    scoring->terms = calloc(count, sizeof *scoring->terms);
    scoring->scores = calloc(1, sizeof *scoring->scores);
    if (!scoring->terms || !scoring->scores)
        return false;
    scoring->scores->groups = scoring->groups;
    scoring->scores->values = calloc(count, sizeof(double *));
    if (!scoring->scores->values) {
        free(scoring->scores);
        scoring->scores = NULL;
        return false;
    }
    for (size_t g = 0; g < count; g++)
        if ((stream || !slim_group_is_stream(&scoring->groups->items[g])) &&
            !new_terms(scoring, g))
            return false;
    return true;
}

void slim_terms_free(struct slim_scoring *scoring)
{
    for (size_t g = 0; scoring->terms && g < scoring->groups->count; g++) {
        for (size_t t = 0; t < scoring->terms[g].count; t++)
            free(scoring->terms[g].items[t].values);
        free(scoring->terms[g].items);
    }
    free(scoring->terms);
    scoring->terms = NULL;
}

/* ---- folding a tensor into its terms ---- */

/* Most terms that one tensor can have: two dimensions, each in one group, and
 * a second copy of a tied table. */
#define TERMS_MAX 4

static size_t terms_of(struct slim_term *out[TERMS_MAX],
                       const struct slim_scoring *scoring,
                       const struct slim_tensor *tensor)
{
    size_t count = 0;

    for (size_t g = 0; g < scoring->groups->count; g++) {
        const struct slim_group_terms *terms = &scoring->terms[g];
        if (terms->count == 0 || (!slim_group_is_stream(terms->group) &&
                                  terms->group->layer != tensor->layer))
            continue;
        for (size_t t = 0; t < terms->count && count < TERMS_MAX; t++)
            if (terms->items[t].member->tensor == tensor)
                out[count++] = &terms->items[t];
    }
    return count;
}

bool slim_terms_want(const struct slim_scoring *scoring,
                     const struct slim_tensor *tensor)
{
    struct slim_term *found[TERMS_MAX];

    return terms_of(found, scoring, tensor) > 0;
}

SLIM_CLONES
static void magnitudes(double *s, size_t count)
{
#pragma omp simd
    for (size_t i = 0; i < count; i++)
        s[i] = fabs(s[i]);
}

SLIM_CLONES
static void add_columns(double *values, const double *s, size_t count)
{
#pragma omp simd
    for (size_t i = 0; i < count; i++)
        values[i] += s[i];
}

/* In lanes: a sum of one after another waits for each addition. */
SLIM_CLONES
static double row_sum(const double *s, size_t count)
{
    double lane[SLIM_LANES] = { 0 };
    size_t i = 0;

    for (; i + SLIM_LANES <= count; i += SLIM_LANES) {
#pragma omp simd
        for (size_t l = 0; l < SLIM_LANES; l++)
            lane[l] += s[i + l];
    }
    for (size_t l = 0; i < count; i++, l++)
        lane[l] += s[i];
    return slim_lanes_sum_f64(lane);
}

/* One row's salience into a term: its sum is the row's, its entries belong to
 * columns. */
static void fold_row(struct slim_term *term, const double *s, size_t row,
                     size_t cols)
{
    if (term->member->dim == 1)
        add_columns(term->values, s, cols);
    else
        term->values[row] += row_sum(s, cols);
}

bool slim_terms_fold(struct slim_scoring *scoring,
                     const struct slim_tensor *tensor, const float *w,
                     const float *g, const float *f, slim_salience *salience)
{
    const struct slim_shape *shape = scoring->model->shape;
    struct slim_term *found[TERMS_MAX];
    size_t count = terms_of(found, scoring, tensor);
    size_t rows = slim_tensor_size(shape, tensor, 0);
    size_t cols =
        tensor->dims_count > 1 ? slim_tensor_size(shape, tensor, 1) : 1;
    double *s;

    if (count == 0)
        return true;
    s = calloc(cols, sizeof *s);
    if (!s)
        return false;
    for (size_t row = 0; row < rows; row++) {
        size_t at = row * cols;
        salience(s, w + at, g ? g + at : NULL, f ? f + at : NULL, cols);
        if (!scoring->sign)
            magnitudes(s, cols);
        for (size_t t = 0; t < count; t++)
            fold_row(found[t], s, row, cols);
    }
    free(s);
    return true;
}

/* ---- reduction ---- */

/*
 * Adds a term to channels[units * per_unit]. Aligned: the j-th index that a
 * unit owns goes to its channel j mod per_unit, so that query head r of
 * key/value head h falls on the channels of h. The reference folds by index
 * mod length instead, which under GQA adds rows of other heads; a term whose
 * length does not divide is dropped there. False: dropped.
 */
static bool align(double *channels, size_t *next, const size_t *units,
                  const struct slim_group_terms *terms,
                  const struct slim_term *term, bool reference)
{
    size_t length = terms->group->units * terms->per_unit;

    if (reference && term->length % length != 0)
        return false;
    memset(channels, 0, length * sizeof *channels);
    memset(next, 0, terms->group->units * sizeof *next);
    for (size_t i = 0; i < term->length; i++) {
        size_t unit = units[i];
        if (reference)
            channels[i % length] += fabs(term->values[i]);
        else if (unit != SLIM_NO_UNIT)
            channels[unit * terms->per_unit + next[unit]++ % terms->per_unit] +=
                fabs(term->values[i]);
    }
    return true;
}

/* Which term `first`, `second` and `last` mean; SIZE_MAX: all. The last is
 * what the model computes last: the paper's "last-only". */
static size_t only(const struct slim_group_terms *terms, int reduce)
{
    size_t last = 0;

    for (size_t t = 1; t < terms->count; t++)
        if (terms->items[t].member->tensor->index >
            terms->items[last].member->tensor->index)
            last = t;
    switch (reduce) {
    case SLIM_REDUCE_FIRST:
        return 0;
    case SLIM_REDUCE_SECOND:
        return terms->count > 1 ? 1 : 0;
    case SLIM_REDUCE_LAST:
        return last;
    default:
        return SIZE_MAX;
    }
}

static void combine(double *total, const double *channels, size_t length,
                    int reduce, bool first)
{
    for (size_t i = 0; i < length; i++) {
        double value = channels[i];
        if (first)
            total[i] = value;
        else if (reduce == SLIM_REDUCE_MAX)
            total[i] = fmax(total[i], value);
        else if (reduce == SLIM_REDUCE_PROD)
            total[i] *= value;
        else
            total[i] += value;
    }
}

struct scratch {
    double *channels, *total;
    size_t *next, *units;
};

static bool new_scratch(struct scratch *scratch,
                        const struct slim_group_terms *terms)
{
    size_t length = terms->group->units * terms->per_unit, longest = 0;

    for (size_t t = 0; t < terms->count; t++)
        if (terms->items[t].length > longest)
            longest = terms->items[t].length;
    scratch->channels = calloc(length, sizeof(double));
    scratch->total = calloc(length, sizeof(double));
    scratch->next = calloc(terms->group->units, sizeof(size_t));
    scratch->units = calloc(longest, sizeof(size_t));
    return scratch->channels && scratch->total && scratch->next &&
           scratch->units;
}

static void reduce_group(double *values, struct scratch *scratch,
                         const struct slim_scoring *scoring,
                         const struct slim_group_terms *terms)
{
    bool reference = scoring->args->gqa == SLIM_GQA_REFERENCE;
    size_t length = terms->group->units * terms->per_unit;
    size_t wanted = only(terms, scoring->args->reduce), used = 0;

    for (size_t t = 0; t < terms->count; t++) {
        const struct slim_member *member = terms->items[t].member;
        if (wanted != SIZE_MAX && t != wanted)
            continue;
        slim_tensor_units(scratch->units, scoring->model->shape, member->tensor,
                          member->dim, terms->group->axis);
        if (!align(scratch->channels, scratch->next, scratch->units, terms,
                   &terms->items[t], reference))
            continue;
        combine(scratch->total, scratch->channels, length,
                scoring->args->reduce, used == 0);
        used++;
    }
    for (size_t i = 0; i < length && used > 0; i++)
        values[i / terms->per_unit] += scoring->args->reduce == SLIM_REDUCE_MEAN
                                           ? scratch->total[i] / (double)used
                                           : scratch->total[i];
}

bool slim_terms_reduce(struct slim_scoring *scoring)
{
    bool enough = true;

    for (size_t g = 0; g < scoring->groups->count && enough; g++) {
        struct scratch scratch = { 0 };
        if (scoring->terms[g].count == 0)
            continue;
        enough = new_scratch(&scratch, &scoring->terms[g]);
        if (enough)
            reduce_group(scoring->scores->values[g], &scratch, scoring,
                         &scoring->terms[g]);
        free(scratch.channels);
        free(scratch.total);
        free(scratch.next);
        free(scratch.units);
    }
    return enough;
}
