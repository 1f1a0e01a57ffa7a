/* kernel_identities.c - what must hold of the kernels, whatever the input */
#include "base/random.h"
#include "compiler/ir/block.h"
#include "runtime/kernel/kernel.h"
#include "runtime/kernel/vector.h"
#include "tests/kernel_cases.h"
#include "tests/support.h"
#include "tests/tolerance.h"

#include <math.h>
#include <string.h>

static const struct slim_kernels *tables[2];

enum { TOKENS = 300, HEADS = 4, KV_HEADS = 2, DIM = 16 };
static const size_t starts[] = { 0, 1, 200, 201, 300 };

/* The rows of a softmax sum to one: attention to a constant is the constant. */
static void attention_to_a_constant_is_it(void **state)
{
    (void)state;
    size_t n = TOKENS * HEADS * DIM, m = TOKENS * KV_HEADS * DIM;
    float *q = slim_case_normal(n, 1), *k = slim_case_normal(m, 2);
    float *v = slim_case_normal(m, 3), *o = slim_case_normal(n, 4);
    struct slim_attention_shape shape = { .sequences = 4,
                                          .starts = starts,
                                          .heads = HEADS,
                                          .kv_heads = KV_HEADS,
                                          .dim = DIM,
                                          .scale = 2.0f };

    for (size_t i = 0; i < m; i++)
        v[i] = 0.7f;
    for (size_t i = 0; i < 4; i++) {
        shape.window = i / 2 * 50;
        tables[i % 2]->attention(o, NULL, q, k, v, &shape);
        for (size_t j = 0; j < n; j++)
            assert_true(slim_test_near((double)o[j], (double)0.7f,
                                       SLIM_NEAR_F32_SUM, 0));
    }
    free(q);
    free(k);
    free(v);
    free(o);
}

/* A sequence of one token sees itself. A query sees no later token: changing
 * the last changes no output before it, to the bit. */
static void attention_is_causal(void **state)
{
    (void)state;
    size_t n = TOKENS * HEADS * DIM, m = TOKENS * KV_HEADS * DIM;
    size_t last = (TOKENS - 1) * KV_HEADS * DIM;
    float *q = slim_case_normal(n, 1), *k = slim_case_normal(m, 2);
    float *v = slim_case_normal(m, 3), *o = slim_case_normal(n, 4);
    float *other = slim_case_normal(n, 5);
    struct slim_attention_shape shape = { .sequences = 4,
                                          .starts = starts,
                                          .heads = HEADS,
                                          .kv_heads = KV_HEADS,
                                          .dim = DIM,
                                          .scale = 0.3f };

    for (size_t i = 0; i < 2; i++) {
        tables[i]->attention(o, NULL, q, k, v, &shape);
        for (size_t h = 0; h < HEADS; h++)
            assert_true(slim_test_error_f32(o + h * DIM, v + h / 2 * DIM,
                                            DIM) <= SLIM_NEAR_F32_ELEMENT);
        for (size_t j = last; j < m; j++)
            k[j] = v[j] += 1.0f;
        tables[i]->attention(other, NULL, q, k, v, &shape);
        assert_memory_equal(o, other, (TOKENS - 1) * HEADS * DIM * sizeof *o);
    }
    free(q);
    free(k);
    free(v);
    free(o);
    free(other);
}

/* The inverse undoes the rotation, and lengths stay. */
static void rope_turns_back(void **state)
{
    (void)state;
    size_t n = TOKENS * HEADS * DIM;
    float *x = slim_case_normal(n, 1), *y = slim_case_normal(n, 1);
    float cosine[TOKENS * DIM / 2], sine[TOKENS * DIM / 2];
    int32_t positions[TOKENS];

    for (size_t i = 0; i < TOKENS * DIM / 2; i++) {
        cosine[i] = cosf((float)i);
        sine[i] = sinf((float)i);
    }
    for (size_t i = 0; i < TOKENS; i++)
        positions[i] = (int32_t)((i * 7) % TOKENS);
    for (size_t i = 0; i < 4; i++) {
        tables[i / 2]->rope(y, cosine, sine, positions, TOKENS, HEADS, DIM, DIM,
                            1, i % 2, false);
        assert_true(slim_test_error_f32(y, x, n) > 0.1);
        assert_true(slim_test_near(tables[i / 2]->sum_squares(y, n),
                                   tables[i / 2]->sum_squares(x, n),
                                   SLIM_NEAR_F32_ELEMENT, 0));
        tables[i / 2]->rope(y, cosine, sine, positions, TOKENS, HEADS, DIM, DIM,
                            1, i % 2, true);
        assert_true(slim_test_error_f32(y, x, n) <= SLIM_NEAR_F32_ELEMENT);
    }
    free(x);
    free(y);
}

/* A head of equal rows is undecided: the loss is the logarithm of its size. */
static void entropy_of_no_preference(void **state)
{
    (void)state;
    enum { ROWS = 70, WIDTH = 8, VOCAB = 777 };
    float *x = slim_case_normal(ROWS * WIDTH, 1);
    float *w = slim_case_normal(VOCAB * WIDTH, 2);
    int32_t targets[ROWS];
    double nll[ROWS];

    for (size_t i = 0; i < VOCAB * WIDTH; i++)
        w[i] = w[i % WIDTH];
    for (size_t i = 0; i < ROWS; i++)
        targets[i] = (int32_t)(i * 11);
    for (size_t i = 0; i < 2; i++) {
        tables[i]->cross_entropy(nll, x, w, NULL, targets, ROWS, WIDTH, VOCAB);
        for (size_t r = 0; r < ROWS; r++)
            assert_true(
                slim_test_near(nll[r], log(VOCAB), SLIM_NEAR_F32_SUM, 0));
    }
    free(x);
    free(w);
}

/* NaN must come out as NaN, not as a plausible number. (One in v reaches all
 * queries of a block through a factor of zero: it is not kept apart.) */
static void nan_is_not_lost(void **state)
{
    (void)state;
    size_t one[] = { 0, 40 };
    float *q = slim_case_normal(40 * 8, 1), *o = slim_case_normal(40 * 8, 2);
    float *v = slim_case_normal(40 * 8, 3);
    struct slim_attention_shape shape = { .sequences = 1,
                                          .starts = one,
                                          .heads = 1,
                                          .kv_heads = 1,
                                          .dim = 8,
                                          .scale = 1 };

    q[3 * 8] = NAN;
    for (size_t i = 0; i < 2; i++) {
        tables[i]->attention(o, NULL, q, v, v, &shape);
        assert_true(isnan(o[3 * 8]) && !isnan(o[0]) && !isnan(o[39 * 8]));
        for (int act = SLIM_ACT_SILU; act <= SLIM_ACT_GELU_TANH; act++) {
            tables[i]->activation(o, q, 40 * 8, act);
            assert_true(isnan(o[3 * 8]) && !isnan(o[0]));
        }
    }
    free(q);
    free(o);
    free(v);
}

/* slim_expf: 2 ulp over its range, against double. */
static void exponential_is_near(void **state)
{
    (void)state;
    for (int i = -870000; i <= 880000; i++) {
        float x = (float)i * 1e-4f, y = slim_expf(x);
        double want = exp((double)x);

        if (x >= -87.0f && x <= 88.0f)
            assert_true(fabs((double)y - want) <= 0x1p-22 * want);
    }
    assert_true(slim_expf(-INFINITY) < 1e-37f && slim_expf(-1e30f) > 0);
    assert_true(isnan(slim_expf(NAN)));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(attention_to_a_constant_is_it),
        cmocka_unit_test(attention_is_causal),
        cmocka_unit_test(rope_turns_back),
        cmocka_unit_test(entropy_of_no_preference),
        cmocka_unit_test(nan_is_not_lost),
        cmocka_unit_test(exponential_is_near),
    };

    tables[0] = &slim_kernels_ref;
    tables[1] = slim_kernels_blas();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
