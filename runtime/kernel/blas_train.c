/* blas_train.c - one step of the optimiser, and the norm of gradients */
#include "runtime/kernel/blas.h"
#include "runtime/kernel/parallel.h"
#include "runtime/kernel/scratch.h"
#include "runtime/kernel/vector.h"

#include <math.h>
#include <stdlib.h>

enum { TILE = 16384 };

struct step {
    float *w, *m, *v;
    const float *grad;
    size_t count;
    float beta1, beta2, rest1, rest2; /* rest: 1 - beta */
    float keep;                       /* 1 - lr decay */
    float rate;                       /* lr / (1 - beta1^step) */
    float shrink;                     /* 1 / sqrt(1 - beta2^step) */
    float eps;
};

SLIM_CLONES
static void step_range(const struct step *step, size_t first, size_t last)
{
    const struct step s = *step; /* which no store can change */
    float *w = s.w, *m = s.m, *v = s.v;
    const float *grad = s.grad;

#pragma omp simd
    for (size_t i = first; i < last; i++) {
        float g = grad[i];
        float m1 = s.beta1 * m[i] + s.rest1 * g;
        float v1 = s.beta2 * v[i] + s.rest2 * g * g;

        m[i] = m1;
        v[i] = v1;
        w[i] = w[i] * s.keep - s.rate * m1 / (sqrtf(v1) * s.shrink + s.eps);
    }
}

static void step_tile(void *context, size_t tile, size_t worker)
{
    const struct step *s = context;
    size_t first = tile * TILE;

    (void)worker;
    step_range(s, first, first + slim_tile_length(s->count, TILE, tile));
}

/* The corrections in double, the rest in f32. */
void slim_blas_adamw(float *w, float *m, float *v, const float *grad,
                     size_t count, float lr, float beta1, float beta2,
                     float eps, float decay, long step)
{
    double correct1 = 1.0 - pow((double)beta1, (double)step);
    double correct2 = 1.0 - pow((double)beta2, (double)step);
    struct step s = {
        .w = w,
        .m = m,
        .v = v,
        .grad = grad,
        .count = count,
        .beta1 = beta1,
        .beta2 = beta2,
        .rest1 = (float)(1.0 - (double)beta1),
        .rest2 = (float)(1.0 - (double)beta2),
        .keep = (float)(1.0 - (double)lr * (double)decay),
        .rate = (float)((double)lr / correct1),
        .shrink = (float)(1.0 / sqrt(correct2)),
        .eps = eps,
    };

    slim_parallel(slim_tiles(count, TILE), 10.0 * (double)count, step_tile, &s);
}

struct squares {
    double *part;
    const float *x;
    size_t count;
};

SLIM_CLONES
static double squares_range(const float *x, size_t n)
{
    double lane[SLIM_LANES] = { 0 };
    size_t whole = n - n % SLIM_LANES;

    for (size_t i = 0; i < whole; i += SLIM_LANES) {
#pragma omp simd
        for (size_t l = 0; l < SLIM_LANES; l++)
            lane[l] += (double)x[i + l] * (double)x[i + l];
    }
    for (size_t i = whole; i < n; i++)
        lane[i - whole] += (double)x[i] * (double)x[i];
    return slim_lanes_sum_f64(lane);
}

static void squares_tile(void *context, size_t tile, size_t worker)
{
    const struct squares *s = context;

    (void)worker;
    s->part[tile] = squares_range(s->x + tile * TILE,
                                  slim_tile_length(s->count, TILE, tile));
}

/* Tiles are summed apart, then from first to last. */
double slim_blas_sum_squares(const float *x, size_t count)
{
    size_t tiles = slim_tiles(count, TILE);
    struct squares s = { SLIM_SCRATCH(tiles, double), x, count };
    double sum = 0;

    slim_parallel(tiles, (double)count, squares_tile, &s);
    for (size_t tile = 0; tile < tiles; tile++)
        sum += s.part[tile];
    free(s.part);
    return sum;
}
