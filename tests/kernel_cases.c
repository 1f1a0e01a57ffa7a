/* kernel_cases.c - every operation of a table on seeded random input */
#include "tests/kernel_cases.h"
#include "base/random.h"
#include "compiler/ir/block.h"
#include "tests/support.h"
#include "tests/tolerance.h"

#include <math.h>
#include <string.h>

float *slim_case_normal(size_t count, uint64_t seed)
{
    float *x = malloc((count + 1) * sizeof *x);

    assert_non_null(x);
    for (size_t i = 0; i < count; i++)
        x[i] = (float)slim_random_normal(seed, SLIM_STREAM_INIT, i);
    return x;
}

static double *room(struct slim_case_output *out, size_t count)
{
    size_t bytes = (out->count + count + 1) * sizeof *out->value;

    out->value = realloc(out->value, bytes);
    assert_non_null(out->value);
    out->count += count;
    assert_true(out->outputs < sizeof out->ends / sizeof *out->ends);
    out->ends[out->outputs++] = out->count;
    return out->value + out->count - count;
}

static void keep_f64(struct slim_case_output *out, const double *x, size_t n)
{
    memcpy(room(out, n), x, n * sizeof *x);
}

void slim_case_keep(struct slim_case_output *out, float *x, size_t n)
{
    double *to = room(out, n);

    for (size_t i = 0; i < n; i++)
        to[i] = (double)x[i];
    free(x);
}

struct slim_case_output slim_case_run(const struct slim_kernel_case *one,
                                      const struct slim_kernels *table)
{
    struct slim_case_output out = { .value = NULL };

    one->run(table, &out);
    return out;
}

static void linear_of(const struct slim_kernels *t, struct slim_case_output *to,
                      size_t rows, size_t in, size_t out)
{
    float *x = slim_case_normal(rows * in, 1);
    float *w = slim_case_normal(out * in, 2);
    float *bias = slim_case_normal(out, 3);
    float *y = slim_case_normal(rows * out, 4);
    float *dx = slim_case_normal(rows * in, 5);
    float *dw = slim_case_normal(out * in, 6);

    t->linear_grad_x(dx, y, w, rows, in, out, true);
    t->linear_grad_w(dw, y, x, rows, in, out, true);
    slim_case_keep(to, dx, rows * in);
    slim_case_keep(to, dw, out * in);
    dx = slim_case_normal(rows * in, 7);
    dw = slim_case_normal(out * in, 8);
    t->linear_grad_x(dx, y, w, rows, in, out, false);
    t->linear_grad_w(dw, y, x, rows, in, out, false);
    slim_case_keep(to, dx, rows * in);
    slim_case_keep(to, dw, out * in);
    t->bias_grad(bias, y, rows, out, true);
    t->linear(y, x, w, bias, rows, in, out);
    slim_case_keep(to, y, rows * out);
    t->bias_grad(bias, x, rows, in < out ? in : out, false);
    slim_case_keep(to, bias, out);
    y = slim_case_normal(rows * out, 9);
    t->linear(y, x, w, NULL, rows, in, out);
    slim_case_keep(to, y, rows * out);
    free(x);
    free(w);
}

static void linear_tiny(const struct slim_kernels *t,
                        struct slim_case_output *out)
{
    linear_of(t, out, 1, 1, 1);
    linear_of(t, out, 7, 5, 3);
    linear_of(t, out, 3, 64, 130);
}

/* One row is a matrix with a vector. */
static void linear_vector(const struct slim_kernels *t,
                          struct slim_case_output *out)
{
    linear_of(t, out, 1, 300, 1100);
    linear_of(t, out, 1, 33, 129);
}

static void linear_wide(const struct slim_kernels *t,
                        struct slim_case_output *out)
{
    linear_of(t, out, 600, 70, 1100);
}

static void linear_tall(const struct slim_kernels *t,
                        struct slim_case_output *out)
{
    linear_of(t, out, 2051, 96, 129);
}

static void matmul(const struct slim_kernels *t, struct slim_case_output *out)
{
    size_t m = 530, k = 90, n = 70;
    float *a = slim_case_normal(m * k, 1), *b = slim_case_normal(k * n, 2);
    float *c = slim_case_normal(m * n, 3), *d = slim_case_normal(m * n, 4);

    t->matmul(c, a, b, m, k, n, true);
    t->matmul(d, a, b, m, k, n, false);
    slim_case_keep(out, c, m * n);
    slim_case_keep(out, d, m * n);
    free(a);
    free(b);
}

static void norm_of(const struct slim_kernels *t, struct slim_case_output *out,
                    size_t rows, size_t width, bool gain)
{
    size_t n = rows * width, divisor = width + 3;
    float *x = slim_case_normal(n, 1), *w = slim_case_normal(width, 2);
    float *y = slim_case_normal(n, 3), *inverse = slim_case_normal(rows, 4);
    float *dy = slim_case_normal(n, 5), *dw = slim_case_normal(width, 6);
    float *dx = slim_case_normal(n, 7), *more = slim_case_normal(n, 8);
    float *used = gain ? w : NULL;

    t->rms_norm(y, inverse, x, used, rows, width, divisor, 1e-5f, 0.5f);
    t->rms_norm_grad(dx, dw, dy, x, inverse, used, rows, width, divisor, 0.5f,
                     false);
    t->rms_norm_grad(more, NULL, dy, x, inverse, used, rows, width, divisor,
                     0.5f, true);
    t->rms_norm(x, NULL, x, used, rows, width, divisor, 1e-5f, 0.5f);
    slim_case_keep(out, y, n);
    slim_case_keep(out, inverse, rows);
    slim_case_keep(out, dx, n);
    slim_case_keep(out, dw, width);
    slim_case_keep(out, more, n);
    slim_case_keep(out, x, n);
    free(dy);
    free(w);
}

static void rms_norm(const struct slim_kernels *t, struct slim_case_output *out)
{
    norm_of(t, out, 1, 1, true);
    norm_of(t, out, 5, 37, false);
    norm_of(t, out, 321, 576, true);
}

static void center(const struct slim_kernels *t, struct slim_case_output *out)
{
    static const size_t sizes[][2] = { { 1, 1 }, { 5, 37 }, { 321, 576 } };

    for (size_t i = 0; i < 3; i++) {
        size_t rows = sizes[i][0], width = sizes[i][1], n = rows * width;
        float *x = slim_case_normal(n, 1), *y = slim_case_normal(n, 2);

        t->center(y, x, rows, width, true);
        t->center(x, x, rows, width, false);
        slim_case_keep(out, y, n);
        slim_case_keep(out, x, n);
    }
}

static void rope(const struct slim_kernels *t, struct slim_case_output *out)
{
    enum { TOKENS = 331, HEADS = 3, DIM = 20, ROTARY = 14, POSITIONS = 400 };
    size_t n = (size_t)TOKENS * HEADS * DIM, table = POSITIONS * ROTARY / 2;
    float *cosine = slim_case_normal(table, 1);
    float *sine = slim_case_normal(table, 2);
    int32_t positions[2 * TOKENS];

    for (size_t i = 0; i < SLIM_COUNT(positions); i++)
        positions[i] = (int32_t)slim_random_below(3, 0, i, POSITIONS);
    for (int way = 0; way < 8; way++) {
        float *x = slim_case_normal(n, 4);

        t->rope(x, cosine, sine, positions, TOKENS, HEADS, DIM, ROTARY,
                way < 4 ? 1 : 2, way % 2 == 1, way / 2 % 2 == 1);
        slim_case_keep(out, x, n);
    }
    free(cosine);
    free(sine);
}

static void pointwise_of(const struct slim_kernels *t,
                         struct slim_case_output *out, int act, size_t n)
{
    float *x = slim_case_normal(n, 1), *up = slim_case_normal(n, 2);
    float *dy = slim_case_normal(n, 3), *y = slim_case_normal(n, 4);
    float *dx = slim_case_normal(n, 5), *dup = slim_case_normal(n, 6);

    for (size_t i = 0; i < n; i++)
        x[i] *= i % 7 == 0 ? 40.0f : 3.0f;
    t->activation(y, x, n, act);
    t->activation_grad(dx, dy, x, n, act);
    slim_case_keep(out, y, n);
    slim_case_keep(out, dx, n);
    dx = slim_case_normal(n, 7);
    t->gated_grad(dx, dup, dy, x, up, n, act);
    t->gated(x, x, up, n, act);
    slim_case_keep(out, dx, n);
    slim_case_keep(out, dup, n);
    slim_case_keep(out, x, n);
    free(up);
    free(dy);
}

static void activations(const struct slim_kernels *t,
                        struct slim_case_output *out)
{
    for (int act = SLIM_ACT_SILU; act <= SLIM_ACT_GELU_TANH; act++) {
        pointwise_of(t, out, act, 3);
        pointwise_of(t, out, act, 40001);
    }
}

/* Ids up to the last row of a table larger than any tile, some of them twice */
static void embed(const struct slim_kernels *t, struct slim_case_output *out)
{
    enum { TOKENS = 777, VOCAB = 3001, WIDTH = 130 };
    float *table = slim_case_normal((size_t)VOCAB * WIDTH, 1);
    float *y = slim_case_normal((size_t)TOKENS * WIDTH, 2);
    int32_t ids[TOKENS];

    for (size_t i = 0; i < TOKENS; i++)
        ids[i] = i % 3 ? (int32_t)slim_random_below(3, 0, i, VOCAB) : VOCAB - 1;
    t->embed(y, table, ids, TOKENS, WIDTH);
    t->embed_grad(table, y, ids, TOKENS, WIDTH);
    slim_case_keep(out, y, (size_t)TOKENS * WIDTH);
    slim_case_keep(out, table, (size_t)VOCAB * WIDTH);
}

static void loss_of(const struct slim_kernels *t, struct slim_case_output *out,
                    size_t rows, size_t width, size_t vocab)
{
    float *x = slim_case_normal(rows * width, 1);
    float *w = slim_case_normal(vocab * width, 2);
    float *bias = slim_case_normal(vocab, 3);
    float *dx = slim_case_normal(rows * width, 4);
    float *dw = slim_case_normal(vocab * width, 5);
    float *dbias = slim_case_normal(vocab, 6);
    double *nll = malloc((rows + 1) * sizeof *nll);
    int32_t *targets = malloc((rows + 1) * sizeof *targets);

    assert_non_null(nll);
    assert_non_null(targets);
    for (size_t i = 0; i < rows; i++)
        targets[i] =
            i % 4 == 3 ? -1 : (int32_t)slim_random_below(7, 0, i, vocab);
    targets[0] = (int32_t)vocab - 1;
    t->cross_entropy(nll, x, w, bias, targets, rows, width, vocab);
    keep_f64(out, nll, rows);
    t->cross_entropy_grad(nll, dx, dw, dbias, x, w, bias, targets, 0.37f, rows,
                          width, vocab);
    keep_f64(out, nll, rows);
    t->cross_entropy_grad(nll, x, NULL, NULL, dx, w, NULL, targets, 0.37f, rows,
                          width, vocab);
    slim_case_keep(out, x, rows * width);
    slim_case_keep(out, dx, rows * width);
    slim_case_keep(out, dw, vocab * width);
    slim_case_keep(out, dbias, vocab);
    free(w);
    free(bias);
    free(nll);
    free(targets);
}

static void cross_entropy(const struct slim_kernels *t,
                          struct slim_case_output *out)
{
    loss_of(t, out, 1, 3, 2);
    loss_of(t, out, 1500, 12, 517);
    loss_of(t, out, 90, 8, 140001);
}

static void gram(const struct slim_kernels *t, struct slim_case_output *out)
{
    size_t rows = 1100, n = 300;
    float *x = slim_case_normal(rows * n, 1);
    double *c = calloc(n * n, sizeof *c);

    assert_non_null(c);
    t->gram(c, x, rows, n);
    t->gram(c, x, 3, n);
    keep_f64(out, c, n * n);
    free(c);
    free(x);
}

static void train(const struct slim_kernels *t, struct slim_case_output *out)
{
    size_t n = 50003;
    float *w = slim_case_normal(n, 1), *m = slim_case_normal(n, 2);
    float *v = slim_case_normal(n, 3), *grad = slim_case_normal(n, 4);
    double sum = t->sum_squares(grad, n);

    for (size_t i = 0; i < n; i++)
        v[i] = fabsf(v[i]);
    t->adamw(w, m, v, grad, n, 1e-2f, 0.9f, 0.999f, 1e-8f, 0.1f, 1);
    t->adamw(w, m, v, grad, n, 1e-2f, 0.9f, 0.999f, 1e-8f, 0.1f, 2);
    keep_f64(out, &sum, 1);
    slim_case_keep(out, w, n);
    slim_case_keep(out, m, n);
    slim_case_keep(out, v, n);
    free(grad);
}

static void lora_of(const struct slim_kernels *t, struct slim_case_output *to,
                    size_t rows, struct slim_lora lora)
{
    size_t in = lora.in, out = lora.out, rank = lora.rank;
    float *a = slim_case_normal(rank * in, 1);
    float *b = slim_case_normal(out * rank, 2);
    float *da = slim_case_normal(rank * in, 3);
    float *db = slim_case_normal(out * rank, 4);
    float *x = slim_case_normal(rows * in, 5);
    float *dx = slim_case_normal(rows * in, 6);
    float *y = slim_case_normal(rows * out, 7);
    float *dy = slim_case_normal(rows * out, 8);

    lora.a = a;
    lora.b = b;
    t->lora(y, x, rows, &lora);
    t->lora_grad(dx, da, NULL, dy, x, rows, &lora);
    t->lora_grad(NULL, NULL, db, dy, x, rows, &lora);
    slim_case_keep(to, y, rows * out);
    slim_case_keep(to, dx, rows * in);
    slim_case_keep(to, da, rank * in);
    slim_case_keep(to, db, out * rank);
    free(a);
    free(b);
    free(x);
    free(dy);
}

/* Ranks, rows and lengths that are no whole tiles; many tiles. */
static void lora(const struct slim_kernels *t, struct slim_case_output *out)
{
    struct slim_lora one = { .in = 37, .out = 21, .rank = 1, .scale = 2 };
    struct slim_lora some = { .in = 45, .out = 70, .rank = 5, .scale = 0.5f };
    struct slim_lora many = { .in = 576, .out = 192, .rank = 8, .scale = 1 };

    lora_of(t, out, 3, one);
    some.dropout = 0.3f;
    some.seed = 7;
    some.stream = (1ul << 40) + 5;
    lora_of(t, out, 131, some);
    many.dropout = 0.05f;
    many.seed = 1ul << 33;
    lora_of(t, out, 514, many);
}

static void combine(const struct slim_kernels *t, struct slim_case_output *out)
{
    size_t n = 40003;
    float *x = slim_case_normal(n, 1), *y = slim_case_normal(n, 2);

    t->combine(y, 0.7f, x, y, n);
    t->combine(x, 0.3f, x, NULL, n);
    slim_case_keep(out, x, n);
    slim_case_keep(out, y, n);
}

const struct slim_kernel_case slim_kernel_cases[] = {
    { "linear, tiny", linear_tiny, SLIM_NEAR_F32_ELEMENT },
    { "linear, one row", linear_vector, SLIM_NEAR_F32_SUM },
    { "linear, wide", linear_wide, SLIM_NEAR_F32_SUM },
    { "linear, tall", linear_tall, SLIM_NEAR_F32_SUM },
    { "matmul", matmul, SLIM_NEAR_F32_SUM },
    { "rms_norm", rms_norm, SLIM_NEAR_F32_SUM },
    { "center", center, SLIM_NEAR_F32_SUM },
    { "rope", rope, SLIM_NEAR_F32_ELEMENT },
    { "attention, grouped", slim_case_attention_grouped, SLIM_NEAR_F32_SUM },
    { "attention, one sequence", slim_case_attention_one_sequence,
      SLIM_NEAR_F32_SUM },
    { "attention, window", slim_case_attention_window, SLIM_NEAR_F32_SUM },
    { "attention, prefix", slim_case_attention_prefix, SLIM_NEAR_F32_SUM },
    { "attention, ALiBi", slim_case_attention_alibi, SLIM_NEAR_F32_SUM },
    { "attention, step", slim_case_attention_step, SLIM_NEAR_F32_SUM },
    { "attention, sharp", slim_case_attention_sharp, SLIM_NEAR_F32_LAYER },
    { "activations", activations, SLIM_NEAR_F32_ELEMENT },
    { "combine", combine, SLIM_NEAR_EXACT },
    { "lora", lora, SLIM_NEAR_F32_SUM },
    { "embed", embed, SLIM_NEAR_F32_ELEMENT },
    { "cross entropy", cross_entropy, SLIM_NEAR_F32_SUM },
    { "gram", gram, SLIM_NEAR_F64_SUM },
    { "adamw, sum of squares", train, SLIM_NEAR_F32_ELEMENT },
};

const size_t slim_kernel_case_count =
    sizeof slim_kernel_cases / sizeof *slim_kernel_cases;
