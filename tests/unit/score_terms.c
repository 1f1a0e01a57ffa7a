/* score_terms.c - what units make of rows and columns: the reference's numbers
 * (reference/llm-pruner.md 9.8) */
#include "runtime/stage/score.h"
#include "tests/support.h"
#include "tests/tolerance.h"
#include "tests/toy.h"

#include <math.h>
#include <string.h>

/* Generated tensors: multipliers of w, g and F. */
static const struct {
    const char *slot;
    size_t k[3];
} slots[] = {
    { "gate", { 3, 5, 7 } }, { "up", { 4, 7, 3 } }, { "down", { 5, 3, 2 } },
    { "q", { 2, 9, 4 } },    { "k", { 6, 4, 5 } },  { "v", { 7, 2, 6 } },
    { "o", { 8, 5, 9 } },
};

static const struct slim_toy heads2 = { 1, 4, 2, 1, 2, 3, 5, false };
static const struct slim_toy heads4 = { 1, 4, 2, 2, 2, 3, 5, false };

#define UNITS 3 /* most that a group has here */

static void generate(float *out, size_t count, size_t k)
{
    for (size_t i = 0; i < count; i++)
        out[i] = (float)((i * k + 3) % 11) / 4.0F - 5.0F / 4.0F;
}

struct question {
    const struct slim_toy *toy;
    slim_salience *salience;
    bool sign;
    int reduce, gqa;
};

static void fold_generated(struct slim_scoring *scoring,
                           const struct question *question)
{
    const struct slim_shape *shape = scoring->model->shape;
    float w[64], g[64], f[64];

    for (size_t i = 0; i < SLIM_COUNT(slots); i++) {
        const struct slim_tensor *tensor =
            slim_test_slot(shape->arch, 0, slots[i].slot);
        size_t count = slim_tensor_size(shape, tensor, 0) *
                       slim_tensor_size(shape, tensor, 1);
        assert_true(count <= SLIM_COUNT(w));
        generate(w, count, slots[i].k[0]);
        generate(g, count, slots[i].k[1]);
        generate(f, count, slots[i].k[2]);
        for (size_t n = 0; n < count; n++)
            f[n] = fabsf(f[n]);
        assert_true(
            slim_terms_fold(scoring, tensor, w, g, f, question->salience));
    }
}

/* Scores of the group of an axis must be `want`. */
static void assert_scores(const struct question *question, size_t axis,
                          const double *want)
{
    struct slim_arena *arena = slim_arena_open();
    struct slim_arch *arch = slim_test_toy(question->toy, arena);
    struct slim_model model = { .shape = slim_shape_dense(arch, arena) };
    struct slim_score_args args = { .reduce = question->reduce,
                                    .gqa = question->gqa };
    struct slim_scoring scoring = {
        .model = &model,
        .args = &args,
        .groups = slim_discover(model.shape, arena),
        .sign = question->sign,
    };

    assert_true(slim_terms_new(&scoring, false));
    fold_generated(&scoring, question);
    assert_true(slim_terms_reduce(&scoring));
    for (size_t g = 0; g < scoring.groups->count; g++) {
        const struct slim_group *group = &scoring.groups->items[g];
        if (group->axis != axis)
            continue;
        assert_true(group->units <= UNITS);
        for (size_t u = 0; u < group->units && u < UNITS; u++)
            assert_true(slim_test_near(scoring.scores->values[g][u], want[u],
                                       SLIM_NEAR_F32_ELEMENT, 1));
    }
    slim_terms_free(&scoring);
    slim_scores_free(scoring.scores);
    slim_arena_close(arena);
}

/* Row: order; column: sum, max, prod, first, second. */
static const double mlp[4][5][UNITS] = {
    { { 3.5625, 3.5, 2.3125 },
      { 2.0, 1.5, 1.1875 },
      { 1.21875, 1.447266, 0.333984 },
      { 0.8125, 1.1875, 1.1875 },
      { 0.75, 1.5, 0.75 } },
    { { 5.5625, 5.125, 4.1875 },
      { 2.5, 1.9375, 1.6875 },
      { 5.800781, 4.904297, 2.610352 },
      { 1.6875, 1.9375, 1.6875 },
      { 1.375, 1.5, 1.375 } },
    { { 3.859375, 5.6875, 5.359375 },
      { 1.8125, 2.25, 2.125 },
      { 1.839935, 6.40448, 5.557373 },
      { 1.203125, 2.046875, 1.609375 },
      { 1.8125, 1.390625, 2.125 } },
    { { 6.914062, 6.515625, 5.195312 },
      { 2.796875, 2.898438, 2.367188 },
      { 11.850529, 8.744846, 4.440788 },
      { 2.085938, 2.898438, 2.367188 },
      { 2.03125, 1.304688, 1.0625 } },
};

static void columns_of_mlp(void **state)
{
    static const int reductions[] = { SLIM_REDUCE_SUM, SLIM_REDUCE_MAX,
                                      SLIM_REDUCE_PROD, SLIM_REDUCE_FIRST,
                                      SLIM_REDUCE_SECOND };

    (void)state;
    for (int order = 0; order < 4; order++)
        for (size_t r = 0; r < SLIM_COUNT(reductions); r++) {
            struct question question = { &heads2, slim_taylor_salience[order],
                                         order == SLIM_ORDER_VECTOR,
                                         reductions[r], SLIM_GQA_ALIGNED };
            assert_scores(&question, SLIM_TOY_MLP, mlp[order][r]);
        }
}

/* mean * 3 = sum; last is down: the sum less gate and up. */
static void mean_and_last(void **state)
{
    struct question question = { &heads2, slim_taylor_salience[1], false,
                                 SLIM_REDUCE_MEAN, SLIM_GQA_ALIGNED };
    double mean[UNITS], last[UNITS];

    (void)state;
    for (size_t u = 0; u < 3; u++) {
        mean[u] = mlp[1][0][u] / 3;
        last[u] = mlp[1][0][u] - mlp[1][3][u] - mlp[1][4][u];
    }
    assert_scores(&question, SLIM_TOY_MLP, mean);
    question.reduce = SLIM_REDUCE_LAST;
    assert_scores(&question, SLIM_TOY_MLP, last);
}

/* vector and order 1 disagree on which head goes. */
static void heads(void **state)
{
    static const double want[4][UNITS] = { { 6.6875, 9.625 },
                                           { 14.3125, 13.25 },
                                           { 13.859375, 11.671875 },
                                           { 17.445313, 15.695313 } };

    (void)state;
    for (int order = 0; order < 4; order++) {
        struct question question = { &heads2, slim_taylor_salience[order],
                                     order == SLIM_ORDER_VECTOR,
                                     SLIM_REDUCE_SUM, SLIM_GQA_ALIGNED };
        assert_scores(&question, SLIM_TOY_KV, want[order]);
        question.gqa = SLIM_GQA_REFERENCE;
        assert_scores(&question, SLIM_TOY_KV, want[order]);
    }
}

static void shared_heads(void **state)
{
    static const double want[4][2][UNITS] = {
        { { 10.9375, 12.3125 }, { 9.875, 13.375 } },
        { { 19.9375, 21.3125 }, { 19.25, 22.0 } },
        { { 18.703125, 19.65625 }, { 18.71875, 19.640625 } },
        { { 23.476562, 25.65625 }, { 23.109375, 26.023438 } },
    };

    (void)state;
    for (int order = 0; order < 4; order++)
        for (int gqa = 0; gqa < 2; gqa++) {
            struct question question = { &heads4, slim_taylor_salience[order],
                                         order == SLIM_ORDER_VECTOR,
                                         SLIM_REDUCE_SUM, gqa };
            assert_scores(&question, SLIM_TOY_KV, want[order][gqa]);
        }
}

/* |w g| of row or column `index`, for a matrix with `cols` columns. */
static double line(const char *slot, size_t index, bool row, size_t rows,
                   size_t cols)
{
    float w[64], g[64];
    double sum = 0;
    size_t s = 0;

    while (strcmp(slots[s].slot, slot) != 0)
        s++;
    generate(w, rows * cols, slots[s].k[0]);
    generate(g, rows * cols, slots[s].k[1]);
    for (size_t i = 0; i < rows * cols; i++)
        if ((row ? i / cols : i % cols) == index)
            sum += fabs((double)w[i] * (double)g[i]);
    return sum;
}

/* Channel t of key/value head h is the largest of its rows of k and v and of
 * the sums of its query heads' rows of q and columns of o. */
static void largest_of_shared_heads(void **state)
{
    struct question question = { &heads4, slim_taylor_salience[1], false,
                                 SLIM_REDUCE_MAX, SLIM_GQA_ALIGNED };
    double want[UNITS] = { 0 };

    (void)state;
    for (size_t c = 0; c < 4; c++) {
        size_t first = c / 2 * 4 + c % 2, second = first + 2;
        double q = line("q", first, true, 8, 4) + line("q", second, true, 8, 4);
        double o =
            line("o", first, false, 4, 8) + line("o", second, false, 4, 8);
        want[c / 2] += fmax(fmax(q, o), fmax(line("k", c, true, 4, 4),
                                             line("v", c, true, 4, 4)));
    }
    assert_scores(&question, SLIM_TOY_KV, want);
}

static void weights_alone(void **state)
{
    static const double columns[2][UNITS] = { { 2.583333, 2.75, 2.666667 },
                                              { 2.1875, 2.520833, 2.416667 } };
    static const double pairs[2][UNITS] = { { 5.8125, 5.0 },
                                            { 5.578125, 4.375 } };

    (void)state;
    for (size_t power = 0; power < 2; power++) {
        struct question question = { &heads2, slim_weight_salience[power],
                                     false, SLIM_REDUCE_MEAN,
                                     SLIM_GQA_ALIGNED };
        assert_scores(&question, SLIM_TOY_MLP, columns[power]);
        assert_scores(&question, SLIM_TOY_KV, pairs[power]);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(columns_of_mlp),
        cmocka_unit_test(mean_and_last),
        cmocka_unit_test(heads),
        cmocka_unit_test(shared_heads),
        cmocka_unit_test(weights_alone),
        cmocka_unit_test(largest_of_shared_heads),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
