/* kernel_bf16.c - products in bf16 against the reference on rounded operands,
 * and against themselves on another number of threads */
#include "runtime/kernel/bf16.h"
#include "runtime/kernel/bf16_amx.h"
#include "runtime/kernel/kernel.h"
#include "tests/kernel_cases.h"
#include "tests/support.h"
#include "tests/tolerance.h"

#include <math.h>
#include <string.h>

struct sizes {
    size_t rows, in, out;
};

/* Tiles: none whole, one, one and a half, many; odd depths, depths of two
 * blocks and of three. */
static const struct sizes sizes[] = {
    { 1, 3, 5 },       { 3, 100, 130 }, { 15, 33, 17 },    { 16, 64, 31 },
    { 47, 65, 128 },   { 128, 96, 64 }, { 145, 130, 77 },  { 300, 257, 96 },
    { 1050, 72, 200 }, { 2, 1543, 70 }, { 50, 1601, 140 }, { 31, 90, 3201 },
    { 1701, 40, 65 }
};

static float widened(uint16_t narrow)
{
    uint32_t bits = (uint32_t)narrow << 16;
    float value;

    memcpy(&value, &bits, sizeof(value));
    return value;
}

/* Operands, and the same rounded: as bf16, and in f32. */
struct operands {
    struct sizes n;
    float *x, *w, *dy, *bias, *x_round, *w_round, *dy_round;
    uint16_t *narrow, *back; /* packed */
};

static float *rounded(const float *x, size_t count)
{
    uint16_t *narrow = malloc(count * sizeof(*narrow));
    float *out = malloc(count * sizeof(*out));

    assert_true(narrow && out);
    slim_bf16_round(narrow, x, count);
    for (size_t i = 0; i < count; i++)
        out[i] = widened(narrow[i]);
    free(narrow);
    return out;
}

static uint16_t *packed(const float *w, struct slim_pack_form form)
{
    uint16_t *out = malloc(slim_bf16_packed(&form) * sizeof(*out));

    assert_non_null(out);
    slim_bf16_pack_wide(out, w, &form);
    return out;
}

static struct operands make(struct sizes n)
{
    struct operands o = { .n = n,
                          .x = slim_case_normal(n.rows * n.in, 1),
                          .w = slim_case_normal(n.out * n.in, 2),
                          .dy = slim_case_normal(n.rows * n.out, 3),
                          .bias = slim_case_normal(n.out, 4) };

    o.x_round = rounded(o.x, n.rows * n.in);
    o.w_round = rounded(o.w, n.out * n.in);
    o.dy_round = rounded(o.dy, n.rows * n.out);
    o.narrow = packed(o.w, (struct slim_pack_form){ n.out, n.in, false });
    o.back = packed(o.w, (struct slim_pack_form){ n.out, n.in, true });
    return o;
}

static void release(struct operands *o)
{
    float *all[] = { o->x,       o->w,       o->dy,      o->bias,
                     o->x_round, o->w_round, o->dy_round };

    for (size_t i = 0; i < sizeof(all) / sizeof(*all); i++)
        free(all[i]);
    free(o->narrow);
    free(o->back);
}

/* Every product, one after the other: of `table` on narrow weights, or of the
 * reference on rounded operands. The caller frees them. */
static float *products(const struct operands *o,
                       const struct slim_narrow_kernels *table, size_t *count)
{
    const struct slim_kernels *ref = &slim_kernels_ref;
    struct sizes n = o->n;
    size_t y = n.rows * n.out, x = n.rows * n.in, w = n.out * n.in;
    float *out, *at;

    *count = 2 * y + 2 * x + 2 * w;
    at = out = slim_case_normal(*count, 5); /* what is added to */
    for (int add = 0; add < 2; add++) {
        const float *bias = add ? o->bias : NULL;
        if (table) {
            table->linear(at, o->x, o->narrow, bias, n.rows, n.in, n.out);
            table->linear_grad_x(at + y, o->dy, o->back, n.rows, n.in, n.out,
                                 add);
            table->linear_grad_w(at + y + x, o->dy, o->x, n.rows, n.in, n.out,
                                 add);
        } else {
            ref->linear(at, o->x_round, o->w_round, bias, n.rows, n.in, n.out);
            ref->linear_grad_x(at + y, o->dy_round, o->w_round, n.rows, n.in,
                               n.out, add);
            ref->linear_grad_w(at + y + x, o->dy_round, o->x_round, n.rows,
                               n.in, n.out, add);
        }
        at += y + x + w;
    }
    return out;
}

static const struct slim_narrow_kernels *table_or_skip(void)
{
    const struct slim_kernels *kernels = slim_kernels_bf16();

    if (!kernels)
        skip();
    return kernels ? kernels->narrow : NULL;
}

static void equals_the_reference(void **state)
{
    const struct slim_narrow_kernels *table = table_or_skip();

    (void)state;
    for (size_t i = 0; table && i < sizeof(sizes) / sizeof(*sizes); i++) {
        struct operands o = make(sizes[i]);
        size_t count;
        float *want = products(&o, NULL, &count);
        float *have = products(&o, table, &count);
        double far = slim_test_deviation_f32(have, want, count);

        if (!(far <= SLIM_NEAR_F32_SUM))
            print_error("%zu x %zu x %zu: %g\n", sizes[i].rows, sizes[i].in,
                        sizes[i].out, far);
        assert_true(far <= SLIM_NEAR_F32_SUM);
        free(want);
        free(have);
        release(&o);
    }
}

static void same_bits_on_any_threads(void **state)
{
    const struct slim_narrow_kernels *table = table_or_skip();

    (void)state;
    for (size_t i = 0; table && i < sizeof(sizes) / sizeof(*sizes); i++) {
        struct operands o = make(sizes[i]);
        size_t count;

        slim_threads_set(1);
        float *want = products(&o, table, &count);
        for (size_t threads = 2; threads <= 5; threads++) {
            slim_threads_set(threads);
            float *have = products(&o, table, &count);
            assert_memory_equal(have, want, count * sizeof(*have));
            free(have);
        }
        slim_threads_set(0);
        free(want);
        release(&o);
    }
}

/* What lies where, as oneDNN documents BA16a64b2a, of b[depth, width] in blocks
 * of slim_bf16_block rows. */
static size_t place(size_t k, size_t n, size_t depth, size_t width)
{
    size_t step = slim_bf16_block(depth), block = k / step * step;
    size_t rows = depth - block < step ? depth - block : step;
    size_t whole = (width + 63) / 64 * 64;

    k -= block;
    return block * whole + n / 64 * 64 * slim_bf16_padded(rows) + k / 2 * 128 +
           n % 64 * 2 + k % 2;
}

/* Each number is at its place, those that are not there are zero, and rows
 * that are halves already lie as those that are rounded. */
struct halves {
    const uint16_t *w;
    size_t in;
};

static void halves_row(void *context, uint16_t *out, size_t r)
{
    const struct halves *h = context;

    memcpy(out, h->w + r * h->in, h->in * sizeof(*out));
}

static void packs_each_number(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(sizes) / sizeof(*sizes); i++)
        for (int back = 0; back < 2; back++) {
            struct slim_pack_form form = { sizes[i].out, sizes[i].in, back };
            size_t count = slim_bf16_packed(&form);
            size_t depth = back ? form.out : form.in;
            size_t width = back ? form.in : form.out;
            float *w = slim_case_normal(form.out * form.in, 6);
            uint16_t *halves = malloc(form.out * form.in * sizeof(*halves));
            uint16_t *want = calloc(count, sizeof(*want));
            uint16_t *have = malloc(count * sizeof(*have));
            uint16_t *wide = packed(w, form);

            assert_true(halves && want && have);
            slim_bf16_round(halves, w, form.out * form.in);
            for (size_t o = 0; o < form.out; o++)
                for (size_t j = 0; j < form.in; j++)
                    want[place(back ? o : j, back ? j : o, depth, width)] =
                        halves[o * form.in + j];
            slim_bf16_pack(have, &form, halves_row,
                           &(struct halves){ halves, form.in });
            assert_memory_equal(have, want, count * sizeof(*have));
            assert_memory_equal(wide, want, count * sizeof(*wide));
            free(w);
            free(halves);
            free(want);
            free(have);
            free(wide);
        }
}

/* A loss with rows that do not count, and its gradients: the reference on
 * rounded x and w differs by the rounding of the logits' gradient alone. */
static void losses(void **state)
{
    enum { ROWS = 70, WIDTH = 48, VOCAB = 301, ALL = ROWS * WIDTH };
    const struct slim_narrow_kernels *table = table_or_skip();
    struct operands o = make((struct sizes){ ROWS, WIDTH, VOCAB });
    double have_nll[ROWS], want_nll[ROWS];
    float *dx = calloc(2 * ALL, sizeof(float));
    float *dw = calloc(2 * VOCAB * WIDTH, sizeof(float));
    int32_t targets[ROWS];

    (void)state;
    for (int32_t r = 0; r < ROWS; r++)
        targets[r] = r % 7 == 3 ? -1 : r * 37 % VOCAB;
    assert_true(dx && dw);
    table->cross_entropy_grad(have_nll, dx, dw, NULL, o.x, o.narrow, o.back,
                              o.bias, targets, 0.5f, ROWS, WIDTH, VOCAB);
    slim_kernels_ref.cross_entropy_grad(want_nll, dx + ALL, dw + VOCAB * WIDTH,
                                        NULL, o.x_round, o.w_round, o.bias,
                                        targets, 0.5f, ROWS, WIDTH, VOCAB);
    for (size_t r = 0; r < ROWS; r++)
        assert_true(fabs(have_nll[r] - want_nll[r]) <=
                    SLIM_NEAR_F32_SUM * (1.0 + want_nll[r]));
    assert_true(slim_test_error_f32(dx, dx + ALL, ALL) <= SLIM_NEAR_BF16);
    assert_true(slim_test_error_f32(dw, dw + VOCAB * WIDTH, VOCAB * WIDTH) <=
                SLIM_NEAR_BF16);
    table->cross_entropy(want_nll, o.x, o.narrow, o.bias, targets, ROWS, WIDTH,
                         VOCAB);
    assert_memory_equal(have_nll, want_nll, sizeof(have_nll));
    free(dx);
    free(dw);
    release(&o);
}

static void rounds_to_even(void **state)
{
    /* halfway down, halfway up, above halfway, to infinity, signs, NaN */
    static const uint32_t from[] = { 0x3f808000, 0x3f818000, 0x3f808001,
                                     0x7f7fffff, 0x80008000, 0xff800000,
                                     0x7f800001, 0xffffffff };
    static const uint16_t want[] = { 0x3f80, 0x3f82, 0x3f81, 0x7f80,
                                     0x8000, 0xff80, 0x7fc0, 0xffff };
    uint16_t have[sizeof(want) / sizeof(*want)];
    float x[sizeof(want) / sizeof(*want)];

    (void)state;
    memcpy(x, from, sizeof(x));
    slim_bf16_round(have, x, sizeof(want) / sizeof(*want));
    assert_memory_equal(have, want, sizeof(want));
}

/* The reference on queries, keys and values that are rounded first. */
static void reference(float *o, float *lse, const float *q, const float *k,
                      const float *v, const struct slim_attention_shape *shape)
{
    size_t tokens = shape->starts[shape->sequences];
    float *rq = rounded(q, tokens * shape->heads * shape->dim);
    float *rk = rounded(k, tokens * shape->kv_heads * shape->dim);
    float *rv = rounded(v, tokens * shape->kv_heads * shape->dim);

    slim_kernels_ref.attention(o, lse, rq, rk, rv, shape);
    free(rq);
    free(rk);
    free(rv);
}

static void reference_grad(float *dq, float *dk, float *dv, const float *d_o,
                           const float *q, const float *k, const float *v,
                           const float *o, const float *lse,
                           const struct slim_attention_shape *shape)
{
    size_t tokens = shape->starts[shape->sequences];
    float *rq = rounded(q, tokens * shape->heads * shape->dim);
    float *rk = rounded(k, tokens * shape->kv_heads * shape->dim);
    float *rv = rounded(v, tokens * shape->kv_heads * shape->dim);

    slim_kernels_ref.attention_grad(dq, dk, dv, d_o, rq, rk, rv, o, lse, shape);
    free(rq);
    free(rk);
    free(rv);
}

/* What two tables leave of the same case, output by output. */
static bool near(const struct slim_kernel_case *one,
                 const struct slim_case_output *have,
                 const struct slim_case_output *want)
{
    size_t first = 0;

    assert_int_equal(have->count, want->count);
    for (size_t i = 0; i < want->outputs; first = want->ends[i++]) {
        /* of values of size 1, some of which cancel */
        double apart = 0, size = 0.01 * (double)(want->ends[i] - first);

        for (size_t j = first; j < want->ends[i]; j++) {
            apart += pow(have->value[j] - want->value[j], 2);
            size += pow(want->value[j], 2);
        }
        if (!(apart <= SLIM_NEAR_BF16 * SLIM_NEAR_BF16 * size)) {
            print_error("%s output %zu: %g\n", one->name, i,
                        sqrt(apart / size));
            return false;
        }
    }
    return true;
}

/* Beside the rounding of the operands, which the reference here shares, that of
 * the exponentials, and in a backward that is packed of what it multiplies. */
static void attends(const struct slim_kernel_case *one,
                    const struct slim_kernels *table)
{
    struct slim_kernels ref = slim_kernels_ref;

    ref.attention = reference;
    ref.attention_grad = reference_grad;
    slim_threads_set(1);
    struct slim_case_output want = slim_case_run(one, &ref);
    struct slim_case_output have = slim_case_run(one, table);
    slim_threads_set(3);
    struct slim_case_output again = slim_case_run(one, table);
    slim_threads_set(0);
    assert_true(near(one, &have, &want));
    assert_memory_equal(have.value, again.value,
                        have.count * sizeof(*have.value));
    free(want.value);
    free(have.value);
    free(again.value);
}

static void attention(void **state)
{
    size_t cases = 0;

    (void)state;
    (void)table_or_skip();
    struct slim_kernels packed = *slim_kernels_bf16();
    packed.attention_grad = slim_bf16_attention_grad_packed;
    for (size_t i = 0; i < slim_kernel_case_count; i++) {
        const struct slim_kernel_case *one = &slim_kernel_cases[i];
        if (strncmp(one->name, "attention", strlen("attention")) != 0)
            continue;
        attends(one, slim_kernels_bf16());
        attends(one, &packed);
        cases++;
    }
    assert_true(cases > 0);
}

/* Of rows that were rounded: in f32 by a few rows, and still added up in f64. */
static void second_moments(void **state)
{
    enum { ROWS = 600, N = 300 };
    float *x = slim_case_normal((size_t)ROWS * N, 3);
    double *want = calloc((size_t)N * N, sizeof(*want));
    double *have = calloc((size_t)N * N, sizeof(*have));
    double *again = calloc((size_t)N * N, sizeof(*again));

    (void)state;
    (void)table_or_skip();
    assert_true(want && have && again);
    for (size_t i = 0; i < (size_t)N * N; i++)
        want[i] = have[i] = again[i] = (double)(i / N + i % N);
    slim_kernels_ref.gram(want, x, ROWS, N);
    slim_threads_set(1);
    slim_kernels_bf16()->gram(have, x, ROWS, N);
    slim_threads_set(3);
    slim_kernels_bf16()->gram(again, x, ROWS, N);
    slim_threads_set(0);
    assert_memory_equal(have, again, (size_t)N * N * sizeof(*have));
    for (size_t i = 0; i < (size_t)N * N; i++)
        assert_true(fabs(have[i] - want[i]) <= SLIM_NEAR_F32_SUM * ROWS);
    free(x);
    free(want);
    free(have);
    free(again);
}

/* Small whole numbers, so that sums are exact in any order. */
static void tiles_multiply(void **state)
{
    enum { PAIRS = 2 * SLIM_AMX_LANES, N = SLIM_AMX_WIDE * SLIM_AMX_LANES };
    uint16_t a[SLIM_AMX_ROWS][2 * PAIRS];
    uint16_t b[PAIRS][N][2];
    float c[SLIM_AMX_ROWS][N];

    (void)state;
    if (!slim_amx_here())
        skip();
    for (size_t i = 0; i < sizeof(a) / sizeof(a[0][0]); i++)
        (&a[0][0])[i] = slim_bf16_one((float)(i % 7) - 3);
    for (size_t i = 0; i < sizeof(b) / sizeof(b[0][0][0]); i++)
        (&b[0][0][0])[i] = slim_bf16_one((float)(i % 11) - 5);
    for (size_t n = 1; n <= SLIM_AMX_WIDE; n++) {
        for (size_t i = 0; i < SLIM_AMX_ROWS * N; i++)
            (&c[0][0])[i] = (float)i;
        slim_amx_open();
        slim_amx_strip(&c[0][0], N, &a[0][0], 2 * PAIRS,
                       (const uint32_t *)(const void *)b, N, PAIRS, n,
                       n % 2 == 0);
        slim_amx_close();
        for (size_t i = 0; i < SLIM_AMX_ROWS * N; i++) {
            size_t row = i / N, column = i % N;
            bool made = column < n * SLIM_AMX_LANES;
            float sum = made && n % 2 != 0 ? 0 : (float)i;

            for (size_t k = 0; made && k < 2 * PAIRS; k++)
                sum += slim_bf16_widened(a[row][k]) *
                       slim_bf16_widened(b[k / 2][column][k % 2]);
            assert_true(c[row][column] == sum);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rounds_to_even),
        cmocka_unit_test(equals_the_reference),
        cmocka_unit_test(same_bits_on_any_threads),
        cmocka_unit_test(packs_each_number),
        cmocka_unit_test(losses),
        cmocka_unit_test(attention),
        cmocka_unit_test(second_moments),
        cmocka_unit_test(tiles_multiply),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
