/* blas_center.c - the mean of each row taken from it, a block of rows a tile */
#include "runtime/kernel/blas.h"
#include "runtime/kernel/parallel.h"
#include "runtime/kernel/vector.h"

enum { ROWS = 16 };

struct center {
    float *y;
    const float *x;
    size_t rows, width;
    bool add;
};

SLIM_INLINE float mean_of(const float *x, size_t n)
{
    double lane[SLIM_LANES] = { 0 };
    size_t whole = n - n % SLIM_LANES;

    for (size_t j = 0; j < whole; j += SLIM_LANES) {
#pragma omp simd
        for (size_t l = 0; l < SLIM_LANES; l++)
            lane[l] += (double)x[j + l];
    }
    for (size_t j = whole; j < n; j++)
        lane[j - whole] += (double)x[j];
    return (float)(slim_lanes_sum_f64(lane) / (double)n);
}

SLIM_CLONES
static void center_rows(const struct center *c, size_t first, size_t last)
{
    size_t width = c->width;

    for (size_t r = first; r < last; r++) {
        const float *x = c->x + r * width;
        float *y = c->y + r * width, mean = mean_of(x, width);

        /* NOLINTNEXTLINE(bugprone-branch-clone): += and = differ */
        if (c->add) {
#pragma omp simd
            for (size_t j = 0; j < width; j++)
                y[j] += x[j] - mean;
        } else {
#pragma omp simd
            for (size_t j = 0; j < width; j++)
                y[j] = x[j] - mean;
        }
    }
}

static void center_tile(void *context, size_t tile, size_t worker)
{
    const struct center *c = context;
    size_t first = tile * ROWS;

    (void)worker;
    center_rows(c, first, first + slim_tile_length(c->rows, ROWS, tile));
}

/* The mean in double, then two roundings an element. */
void slim_blas_center(float *y, const float *x, size_t rows, size_t width,
                      bool add)
{
    struct center c = {
        .y = y, .x = x, .rows = rows, .width = width, .add = add
    };

    slim_parallel(slim_tiles(rows, ROWS), 2.0 * (double)rows * (double)width,
                  center_tile, &c);
}
