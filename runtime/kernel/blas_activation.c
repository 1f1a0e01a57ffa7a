/* blas_activation.c - pointwise functions, vectorised where the function is
 * made of exp */
#include "compiler/ir/block.h"
#include "runtime/kernel/blas.h"
#include "runtime/kernel/parallel.h"
#include "runtime/kernel/ref.h"
#include "runtime/kernel/vector.h"

enum { TILE = 16384 };
static const float TANH_SLOPE = 0.797884561f; /* sqrt(2 / pi) */
static const float TANH_CUBE = 0.044715f;

/* One job of the four kinds: what is NULL is not there. Without `up` the
 * function alone, with it the gate; without dy the value, with it the slope. */
struct pointwise {
    float *y, *dup; /* y: also dx, dgate */
    const float *x, *up, *dy;
    size_t count;
    int act;
};

/*
 * From -70 down 4e-31 stands for less. At the end of exp's range 1 / (1 + exp)
 * is subnormal, the compiler multiplies every x by that constant before it
 * chooses, and some CPUs take 150 cycles for a subnormal product.
 */
SLIM_INLINE float sigmoid(float x)
{
    x = x < -70.0f ? -70.0f : x;
    x = x > 87.0f ? 87.0f : x;
    return 1.0f / (1.0f + slim_expf_inside(-x));
}

/* x * sigmoid(x), and with the tanh form of gelu x * sigmoid(2 inner(x)): both
 * are x * sigmoid(z) with z a polynomial. slope: z'(x). */
SLIM_INLINE float inner(float x, int act, float *slope)
{
    if (act == SLIM_ACT_SILU) {
        *slope = 1.0f;
        return x;
    }
    *slope = 2.0f * TANH_SLOPE * (1.0f + 3.0f * TANH_CUBE * x * x);
    return 2.0f * TANH_SLOPE * (x + TANH_CUBE * x * x * x);
}

/* Both at once: act(x) and act'(x). */
SLIM_INLINE float curve(float x, int act, float *slope)
{
    float steep, s;

    if (act == SLIM_ACT_RELU) {
        *slope = x > 0 ? 1.0f : 0.0f;
        return x < 0 ? 0.0f : x;
    }
    s = sigmoid(inner(x, act, &steep));
    *slope = s + x * s * (1.0f - s) * steep;
    return x * s;
}

/* `act` is a constant where this is inlined, and the loops are without
 * branches. */
SLIM_INLINE void run_values(const struct pointwise *p, size_t first,
                            size_t last, int act)
{
    float *y = p->y;
    const float *x = p->x, *up = p->up;

    if (up) {
#pragma omp simd
        for (size_t i = first; i < last; i++) {
            float slope, value = curve(x[i], act, &slope);

            y[i] = value * up[i];
        }
    } else {
#pragma omp simd
        for (size_t i = first; i < last; i++) {
            float slope;

            y[i] = curve(x[i], act, &slope);
        }
    }
}

SLIM_INLINE void run_slopes(const struct pointwise *p, size_t first,
                            size_t last, int act)
{
    float *y = p->y, *dup = p->dup;
    const float *x = p->x, *up = p->up, *dy = p->dy;

    if (up) {
#pragma omp simd
        for (size_t i = first; i < last; i++) {
            float slope, value = curve(x[i], act, &slope);
            float d = dy[i], u = up[i];

            y[i] = d * u * slope;
            dup[i] = d * value;
        }
    } else {
#pragma omp simd
        for (size_t i = first; i < last; i++) {
            float slope;

            (void)curve(x[i], act, &slope);
            y[i] = dy[i] * slope;
        }
    }
}

SLIM_CLONES
static void run_fast(const struct pointwise *p, size_t first, size_t last)
{
    switch (p->act) {
    case SLIM_ACT_SILU:
        if (p->dy)
            run_slopes(p, first, last, SLIM_ACT_SILU);
        else
            run_values(p, first, last, SLIM_ACT_SILU);
        break;
    case SLIM_ACT_RELU:
        if (p->dy)
            run_slopes(p, first, last, SLIM_ACT_RELU);
        else
            run_values(p, first, last, SLIM_ACT_RELU);
        break;
    default:
        if (p->dy)
            run_slopes(p, first, last, SLIM_ACT_GELU_TANH);
        else
            run_values(p, first, last, SLIM_ACT_GELU_TANH);
        break;
    }
}

/* The error function is not vectorised: the reference, over threads. */
static void run_exact(const struct pointwise *p, size_t first, size_t last)
{
    size_t n = last - first;

    if (p->dy && p->up)
        slim_ref_gated_grad(p->y + first, p->dup + first, p->dy + first,
                            p->x + first, p->up + first, n, p->act);
    else if (p->dy)
        slim_ref_activation_grad(p->y + first, p->dy + first, p->x + first, n,
                                 p->act);
    else if (p->up)
        slim_ref_gated(p->y + first, p->x + first, p->up + first, n, p->act);
    else
        slim_ref_activation(p->y + first, p->x + first, n, p->act);
}

static void tile(void *context, size_t index, size_t worker)
{
    const struct pointwise *p = context;
    size_t first = index * TILE;
    size_t last = first + slim_tile_length(p->count, TILE, index);

    (void)worker;
    if (p->act == SLIM_ACT_GELU)
        run_exact(p, first, last);
    else
        run_fast(p, first, last);
}

static void run(struct pointwise *p)
{
    slim_parallel(slim_tiles(p->count, TILE), 10.0 * (double)p->count, tile, p);
}

/* slim_expf and f32 throughout: about 4 ulp of the larger term. */
void slim_blas_activation(float *y, const float *x, size_t count, int act)
{
    run(&(struct pointwise){ .y = y, .x = x, .count = count, .act = act });
}

void slim_blas_activation_grad(float *dx, const float *dy, const float *x,
                               size_t count, int act)
{
    run(&(struct pointwise){
        .y = dx, .x = x, .dy = dy, .count = count, .act = act });
}

void slim_blas_gated(float *y, const float *gate, const float *up, size_t count,
                     int act)
{
    run(&(struct pointwise){
        .y = y, .x = gate, .up = up, .count = count, .act = act });
}

void slim_blas_gated_grad(float *dgate, float *dup, const float *dy,
                          const float *gate, const float *up, size_t count,
                          int act)
{
    run(&(struct pointwise){ .y = dgate,
                             .dup = dup,
                             .x = gate,
                             .up = up,
                             .dy = dy,
                             .count = count,
                             .act = act });
}
