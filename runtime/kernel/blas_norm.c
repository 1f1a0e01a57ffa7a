/* blas_norm.c - root mean square normalisation, a block of rows a tile */
#include "runtime/kernel/blas.h"
#include "runtime/kernel/parallel.h"
#include "runtime/kernel/scratch.h"
#include "runtime/kernel/vector.h"

#include <math.h>
#include <stdlib.h>

enum { ROWS = 16 };

struct norm {
    float *y, *inverse; /* y: also dx */
    const float *x, *dy;
    const float *given; /* the forward's inverse */
    float *gain;        /* (width): w + offset, or 1 */
    size_t rows, width;
    double divisor, eps;
    bool add;
};

/* Sum over j of a[j] gain[j] b[j], in double. */
SLIM_INLINE double weighted_dot(const float *a, const float *gain,
                                const float *b, size_t n)
{
    double lane[SLIM_LANES] = { 0 };
    size_t whole = n - n % SLIM_LANES;

    for (size_t j = 0; j < whole; j += SLIM_LANES) {
#pragma omp simd
        for (size_t l = 0; l < SLIM_LANES; l++)
            lane[l] += (double)(a[j + l] * gain[j + l]) * (double)b[j + l];
    }
    for (size_t j = whole; j < n; j++)
        lane[j - whole] += (double)(a[j] * gain[j]) * (double)b[j];
    return slim_lanes_sum_f64(lane);
}

SLIM_INLINE double squares(const float *x, size_t n)
{
    double lane[SLIM_LANES] = { 0 };
    size_t whole = n - n % SLIM_LANES;

    for (size_t j = 0; j < whole; j += SLIM_LANES) {
#pragma omp simd
        for (size_t l = 0; l < SLIM_LANES; l++)
            lane[l] += (double)x[j + l] * (double)x[j + l];
    }
    for (size_t j = whole; j < n; j++)
        lane[j - whole] += (double)x[j] * (double)x[j];
    return slim_lanes_sum_f64(lane);
}

SLIM_CLONES
static void norm_rows(const struct norm *n, size_t first, size_t last)
{
    const float *gain = n->gain;
    size_t width = n->width;

    for (size_t r = first; r < last; r++) {
        const float *x = n->x + r * width;
        float *y = n->y + r * width;
        double mean = squares(x, width) / n->divisor;
        float s = (float)(1.0 / sqrt(mean + n->eps));

        if (n->inverse)
            n->inverse[r] = s;
#pragma omp simd
        for (size_t j = 0; j < width; j++)
            y[j] = x[j] * s * gain[j];
    }
}

SLIM_CLONES
static void norm_grad_rows(const struct norm *n, size_t first, size_t last)
{
    const float *gain = n->gain;
    size_t width = n->width;

    for (size_t r = first; r < last; r++) {
        const float *x = n->x + r * width, *dy = n->dy + r * width;
        float *dx = n->y + r * width, s = n->given[r];
        double cube = (double)s * (double)s * (double)s;
        float pull =
            (float)(cube * weighted_dot(dy, gain, x, width) / n->divisor);

        /* NOLINTNEXTLINE(bugprone-branch-clone): += and = differ */
        if (n->add) {
#pragma omp simd
            for (size_t j = 0; j < width; j++)
                dx[j] += s * gain[j] * dy[j] - pull * x[j];
        } else {
#pragma omp simd
            for (size_t j = 0; j < width; j++)
                dx[j] = s * gain[j] * dy[j] - pull * x[j];
        }
    }
}

static void norm_tile(void *context, size_t tile, size_t worker)
{
    const struct norm *n = context;
    size_t first = tile * ROWS;
    size_t last = first + slim_tile_length(n->rows, ROWS, tile);

    (void)worker;
    if (n->dy)
        norm_grad_rows(n, first, last);
    else
        norm_rows(n, first, last);
}

static void run_norm(struct norm *n, const float *w, float offset)
{
    n->gain = SLIM_SCRATCH(n->width, float);
    for (size_t j = 0; j < n->width; j++)
        n->gain[j] = w ? w[j] + offset : 1.0f;
    slim_parallel(slim_tiles(n->rows, ROWS),
                  3.0 * (double)n->rows * (double)n->width, norm_tile, n);
    free(n->gain);
}

/* The sum in double, the products in f32: three roundings an element. */
void slim_blas_rms_norm(float *y, float *inverse, const float *x,
                        const float *w, size_t rows, size_t width,
                        size_t divisor, float eps, float offset)
{
    struct norm n = {
        .y = y,
        .inverse = inverse,
        .x = x,
        .rows = rows,
        .width = width,
        .divisor = (double)divisor,
        .eps = (double)eps,
    };

    run_norm(&n, w, offset);
}

void slim_blas_rms_norm_grad(float *dx, float *dw, const float *dy,
                             const float *x, const float *inverse,
                             const float *w, size_t rows, size_t width,
                             size_t divisor, float offset, bool add)
{
    struct norm n = {
        .y = dx,
        .x = x,
        .dy = dy,
        .given = inverse,
        .rows = rows,
        .width = width,
        .divisor = (double)divisor,
        .add = add,
    };

    if (dw)
        slim_blas_gain_grad(dw, dy, x, inverse, rows, width);
    run_norm(&n, w, offset);
}
