/* blas_norm.c - root mean square normalisation, a block of rows a tile */
#include "runtime/kernel/blas.h"
#include "runtime/kernel/parallel.h"
#include "runtime/kernel/vector.h"

#include <math.h>

enum { ROWS = 16 };

struct norm {
    float *y, *inverse; /* y: also dx */
    const float *x, *w, *dy;
    const float *given; /* the forward's inverse */
    size_t rows, width;
    double divisor, eps;
    float offset;
    bool add;
};

/* Sum over j of a[j] b[j] gain[j], in double; gain NULL: 1. */
SLIM_INLINE double weighted_dot(const float *a, const float *b, const float *w,
                                float offset, size_t n)
{
    double lane[SLIM_LANES] = { 0 };
    size_t whole = n - n % SLIM_LANES;

    for (size_t j = 0; j < whole; j += SLIM_LANES) {
#pragma omp simd
        for (size_t l = 0; l < SLIM_LANES; l++) {
            float gain = w ? w[j + l] + offset : 1.0f;

            lane[l] += (double)(a[j + l] * gain) * (double)b[j + l];
        }
    }
    for (size_t j = whole; j < n; j++) {
        float gain = w ? w[j] + offset : 1.0f;

        lane[j - whole] += (double)(a[j] * gain) * (double)b[j];
    }
    return slim_lanes_sum_f64(lane);
}

SLIM_CLONES
static void norm_rows(const struct norm *n, size_t first, size_t last)
{
    for (size_t r = first; r < last; r++) {
        const float *x = n->x + r * n->width, *w = n->w;
        float *y = n->y + r * n->width;
        double sum = weighted_dot(x, x, NULL, 0, n->width);
        float s = (float)(1.0 / sqrt(sum / n->divisor + n->eps));

        if (n->inverse)
            n->inverse[r] = s;
        if (w) {
#pragma omp simd
            for (size_t j = 0; j < n->width; j++)
                y[j] = x[j] * s * (w[j] + n->offset);
        } else {
#pragma omp simd
            for (size_t j = 0; j < n->width; j++)
                y[j] = x[j] * s;
        }
    }
}

SLIM_CLONES
static void norm_grad_rows(const struct norm *n, size_t first, size_t last)
{
    for (size_t r = first; r < last; r++) {
        const float *x = n->x + r * n->width, *dy = n->dy + r * n->width;
        const float *w = n->w;
        float *dx = n->y + r * n->width;
        double s = (double)n->given[r];
        double along = weighted_dot(dy, x, w, n->offset, n->width);
        float pull = (float)(s * s * s * along / n->divisor);
        float scale = n->given[r];

#pragma omp simd
        for (size_t j = 0; j < n->width; j++) {
            float gain = w ? w[j] + n->offset : 1.0f;
            float start = n->add ? dx[j] : 0.0f;

            dx[j] = start + (scale * gain * dy[j] - pull * x[j]);
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

static void run_norm(struct norm *n)
{
    slim_parallel(slim_tiles(n->rows, ROWS),
                  3.0 * (double)n->rows * (double)n->width, norm_tile, n);
}

/* The sum in double, the products in f32: three roundings an element. */
void slim_blas_rms_norm(float *y, float *inverse, const float *x,
                        const float *w, size_t rows, size_t width,
                        size_t divisor, float eps, float offset)
{
    struct norm n = { .y = y,
                      .inverse = inverse,
                      .x = x,
                      .w = w,
                      .rows = rows,
                      .width = width,
                      .divisor = (double)divisor,
                      .eps = (double)eps,
                      .offset = offset };

    run_norm(&n);
}

void slim_blas_rms_norm_grad(float *dx, float *dw, const float *dy,
                             const float *x, const float *inverse,
                             const float *w, size_t rows, size_t width,
                             size_t divisor, float offset, bool add)
{
    struct norm n = { .y = dx,
                      .x = x,
                      .w = w,
                      .dy = dy,
                      .given = inverse,
                      .rows = rows,
                      .width = width,
                      .divisor = (double)divisor,
                      .offset = offset,
                      .add = add };

    if (dw)
        slim_blas_gain_grad(dw, dy, x, inverse, rows, width);
    run_norm(&n);
}
