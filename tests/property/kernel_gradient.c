/* kernel_gradient.c - every backward is the slope of its forward */
#include "base/random.h"
#include "compiler/ir/block.h"
#include "runtime/kernel/kernel.h"
#include "tests/kernel_cases.h"
#include "tests/support.h"
#include "tests/tolerance.h"

#include <math.h>
#include <string.h>

/*
 * The loss is a fixed random weighting of an operation's output, in double;
 * its gradient by the output is that weighting, so a backward that is given
 * the weighting gives the gradient of the loss by each input. Each entry of an
 * input is moved both ways by STEP.
 */
#define STEP 0x1p-7f

enum { MOST = 4096 };

static const struct slim_kernels *const ref = &slim_kernels_ref;

/* One operation at one place: `loss` runs it on the buffers. */
struct place {
    float *in[4];     /* what it reads, to be moved */
    size_t count[4];  /* of in */
    float *y;         /* what it writes */
    float *weighting; /* the same size */
    size_t outputs;   /* of y */
    double (*loss)(struct place *p);
    const struct slim_attention_shape *shape;
    size_t places; /* of a token, for rope */
    int act;
    bool pairs, has_bias;
};

static double weigh(const struct place *p)
{
    double sum = 0;

    for (size_t i = 0; i < p->outputs; i++)
        sum += (double)p->y[i] * (double)p->weighting[i];
    return sum;
}

/* Buffers of these sizes, normal, by seed. */
static struct place place(size_t a, size_t b, size_t c, size_t d,
                          size_t outputs, double (*loss)(struct place *p))
{
    struct place p = { .count = { a, b, c, d },
                       .outputs = outputs,
                       .loss = loss };

    for (size_t i = 0; i < 4; i++)
        p.in[i] = slim_case_normal(p.count[i], 10 + i);
    p.y = slim_case_normal(outputs, 20);
    p.weighting = slim_case_normal(outputs, 21);
    return p;
}

static void leave(struct place *p)
{
    for (size_t i = 0; i < 4; i++)
        free(p->in[i]);
    free(p->y);
    free(p->weighting);
}

/* Compares `gradient` with the slopes by input `which`. */
static void check(struct place *p, size_t which, const float *gradient)
{
    float slope[MOST];
    float *x = p->in[which];

    assert_true(p->count[which] <= MOST);
    for (size_t i = 0; i < p->count[which]; i++) {
        float kept = x[i];

        x[i] = kept + STEP;
        double up = p->loss(p), by = (double)x[i];

        x[i] = kept - STEP;
        double down = p->loss(p);

        slope[i] = (float)((up - down) / (by - (double)x[i]));
        x[i] = kept;
    }
    double far = slim_test_error_f32(gradient, slope, p->count[which]);

    if (!(far <= SLIM_NEAR_F32_SLOPE))
        print_error("input %zu: relative error %g\n", which, far);
    assert_true(far <= SLIM_NEAR_F32_SLOPE);
}

enum { ROWS = 5, IN = 7, OUT = 6 };

static double linear_loss(struct place *p)
{
    ref->linear(p->y, p->in[0], p->in[1], p->in[2], ROWS, IN, OUT);
    return weigh(p);
}

static void linear(void **state)
{
    (void)state;
    struct place p =
        place(ROWS * IN, OUT * IN, OUT, 0, ROWS * OUT, linear_loss);
    float dx[ROWS * IN], dw[OUT * IN], db[OUT];

    ref->linear_grad_x(dx, p.weighting, p.in[1], ROWS, IN, OUT, false);
    ref->linear_grad_w(dw, p.weighting, p.in[0], ROWS, IN, OUT, false);
    ref->bias_grad(db, p.weighting, ROWS, OUT, false);
    check(&p, 0, dx);
    check(&p, 1, dw);
    check(&p, 2, db);
    leave(&p);
}

/* b is (IN, OUT) here, so that linear_grad_w gives its gradient by a. */
static double matmul_loss(struct place *p)
{
    ref->matmul(p->y, p->in[0], p->in[1], ROWS, IN, OUT, false);
    return weigh(p);
}

static void matmul(void **state)
{
    (void)state;
    struct place p = place(ROWS * IN, IN * OUT, 0, 0, ROWS * OUT, matmul_loss);
    float da[ROWS * IN], db[IN * OUT];

    ref->linear(da, p.weighting, p.in[1], NULL, ROWS, OUT, IN);
    ref->linear_grad_w(db, p.in[0], p.weighting, ROWS, OUT, IN, false);
    check(&p, 0, da);
    check(&p, 1, db);
    leave(&p);
}

enum { DIVISOR = 9 };

static double norm_loss(struct place *p)
{
    ref->rms_norm(p->y, NULL, p->in[0], p->has_bias ? p->in[1] : NULL, ROWS, IN,
                  DIVISOR, 1e-3f, 1.0f);
    return weigh(p);
}

static void rms_norm(void **state)
{
    (void)state;
    for (int gain = 0; gain < 2; gain++) {
        struct place p = place(ROWS * IN, IN, 0, 0, ROWS * IN, norm_loss);
        float dx[ROWS * IN], dw[IN] = { 0 }, inverse[ROWS];
        const float *w = gain ? p.in[1] : NULL;

        p.has_bias = gain;
        ref->rms_norm(p.y, inverse, p.in[0], w, ROWS, IN, DIVISOR, 1e-3f, 1.0f);
        ref->rms_norm_grad(dx, dw, p.weighting, p.in[0], inverse, w, ROWS, IN,
                           DIVISOR, 1.0f, false);
        check(&p, 0, dx);
        if (gain)
            check(&p, 1, dw);
        leave(&p);
    }
}

static double center_loss(struct place *p)
{
    ref->center(p->y, p->in[0], ROWS, IN, false);
    return weigh(p);
}

static void center(void **state)
{
    (void)state;
    struct place p = place(ROWS * IN, 0, 0, 0, ROWS * IN, center_loss);
    float dx[ROWS * IN];

    ref->center(dx, p.weighting, ROWS, IN, false);
    check(&p, 0, dx);
    leave(&p);
}

enum { TOKENS = 4, HEADS = 2, DIM = 8, ROTARY = 6 };
static const int32_t positions[2 * TOKENS] = { 2, 0, 1, 2, 0, 0, 2, 1 };

static void rotate(const struct place *p, float *x, bool inverse)
{
    ref->rope(x, p->in[1], p->in[2], positions, TOKENS, HEADS, DIM, ROTARY,
              p->places, p->pairs, inverse);
}

static double rope_loss(struct place *p)
{
    memcpy(p->y, p->in[0], p->outputs * sizeof *p->y);
    rotate(p, p->y, false);
    return weigh(p);
}

static void rope(void **state)
{
    (void)state;
    enum { SIZE = TOKENS * HEADS * DIM };
    for (int way = 0; way < 4; way++) {
        struct place p =
            place(SIZE, 3 * ROTARY / 2, 3 * ROTARY / 2, 0, SIZE, rope_loss);
        float dx[SIZE];

        p.pairs = way % 2 == 1;
        p.places = way < 2 ? 1 : 2;
        memcpy(dx, p.weighting, sizeof dx);
        rotate(&p, dx, true);
        check(&p, 0, dx);
        leave(&p);
    }
}

static double attention_loss(struct place *p)
{
    ref->attention(p->y, NULL, p->in[0], p->in[1], p->in[2], p->shape);
    return weigh(p);
}

static void attention_of(const struct slim_attention_shape *shape)
{
    size_t tokens = shape->starts[shape->sequences];
    size_t n = tokens * shape->heads * shape->dim;
    size_t m = tokens * shape->kv_heads * shape->dim;
    struct place p = place(n, m, m, 0, n, attention_loss);
    float dq[MOST], dk[MOST], dv[MOST], lse[MOST];

    p.shape = shape;
    ref->attention(p.y, lse, p.in[0], p.in[1], p.in[2], shape);
    ref->attention_grad(dq, dk, dv, p.weighting, p.in[0], p.in[1], p.in[2], p.y,
                        lse, shape);
    check(&p, 0, dq);
    check(&p, 1, dk);
    check(&p, 2, dv);
    leave(&p);
}

static void attention(void **state)
{
    static const size_t starts[] = { 0, 1, 8, 8, 13 };
    static const float slopes[] = { 0.5f, 0.25f, 0.1f, 0.0f };
    static const size_t prefix[] = { 1, 4, 0, 5 };
    struct slim_attention_shape shape = { .sequences = 4,
                                          .starts = starts,
                                          .heads = 4,
                                          .kv_heads = 2,
                                          .dim = 5,
                                          .scale = 0.45f };

    (void)state;
    attention_of(&shape);
    shape.window = 3;
    attention_of(&shape);
    shape.slopes = slopes;
    attention_of(&shape);
    shape.window = 0;
    shape.kv_heads = 1;
    attention_of(&shape);
    shape.prefix = prefix;
    attention_of(&shape);
    shape.window = 3;
    attention_of(&shape);
}

enum { COUNT = 60 };

static double activation_loss(struct place *p)
{
    ref->activation(p->y, p->in[0], COUNT, p->act);
    return weigh(p);
}

static double gated_loss(struct place *p)
{
    ref->gated(p->y, p->in[0], p->in[1], COUNT, p->act);
    return weigh(p);
}

/* relu has no slope at 0, so no input is within a step of it. */
static void step_off_zero(float *x)
{
    for (size_t i = 0; i < COUNT; i++)
        if (fabsf(x[i]) < 2 * STEP)
            x[i] = 0.5f;
}

static void activations(void **state)
{
    (void)state;
    for (int act = SLIM_ACT_SILU; act <= SLIM_ACT_GELU_TANH; act++) {
        struct place p = place(COUNT, COUNT, 0, 0, COUNT, activation_loss);
        float dx[COUNT], dup[COUNT];

        p.act = act;
        step_off_zero(p.in[0]);
        ref->activation_grad(dx, p.weighting, p.in[0], COUNT, act);
        check(&p, 0, dx);
        p.loss = gated_loss;
        ref->gated_grad(dx, dup, p.weighting, p.in[0], p.in[1], COUNT, act);
        check(&p, 0, dx);
        check(&p, 1, dup);
        leave(&p);
    }
}

enum { VOCAB = 11 };
static const int32_t ids[TOKENS] = { 3, 10, 3, 0 };

static double embed_loss(struct place *p)
{
    ref->embed(p->y, p->in[0], ids, TOKENS, IN);
    return weigh(p);
}

static void embed(void **state)
{
    (void)state;
    struct place p = place(VOCAB * IN, 0, 0, 0, TOKENS * IN, embed_loss);
    float dtable[VOCAB * IN] = { 0 };

    ref->embed_grad(dtable, p.weighting, ids, TOKENS, IN);
    check(&p, 0, dtable);
    leave(&p);
}

static const int32_t targets[ROWS] = { 4, -1, 0, 10, 4 };
static const float WEIGHT = 0.3f;

static double entropy_loss(struct place *p)
{
    double nll[ROWS], sum = 0;

    ref->cross_entropy(nll, p->in[0], p->in[1], p->has_bias ? p->in[2] : NULL,
                       targets, ROWS, IN, VOCAB);
    for (size_t r = 0; r < ROWS; r++)
        sum += (double)WEIGHT * nll[r];
    return sum;
}

static void cross_entropy(void **state)
{
    (void)state;
    for (int bias = 0; bias < 2; bias++) {
        struct place p =
            place(ROWS * IN, VOCAB * IN, VOCAB, 0, 1, entropy_loss);
        float dx[ROWS * IN], dw[VOCAB * IN] = { 0 }, db[VOCAB] = { 0 };
        double nll[ROWS];

        p.has_bias = bias;
        ref->cross_entropy_grad(nll, dx, dw, bias ? db : NULL, p.in[0], p.in[1],
                                bias ? p.in[2] : NULL, targets, WEIGHT, ROWS,
                                IN, VOCAB);
        check(&p, 0, dx);
        check(&p, 1, dw);
        if (bias)
            check(&p, 2, db);
        leave(&p);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(linear),        cmocka_unit_test(matmul),
        cmocka_unit_test(rms_norm),      cmocka_unit_test(center),
        cmocka_unit_test(rope),          cmocka_unit_test(attention),
        cmocka_unit_test(activations),   cmocka_unit_test(embed),
        cmocka_unit_test(cross_entropy),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
