/* blas_columns.c - sums down the columns */
#include "runtime/kernel/blas.h"
#include "runtime/kernel/parallel.h"
#include "runtime/kernel/scratch.h"
#include "runtime/kernel/vector.h"

#include <stdlib.h>
#include <string.h>

enum { ROWS = 64, STRIP = 64 };

struct columns {
    float *to;
    const float *dy;
    const float *x, *scale; /* NULL, or factors: x[r][j] scale[r] */
    size_t rows, width;
    double *part; /* (tiles, width): the sum of each block of rows */
};

/* sum[j] += dy[j], or += dy[j] x[j] scale. */
SLIM_INLINE void add_row(double *sum, const float *dy, const float *x,
                         double scale, size_t width)
{
    if (x) {
#pragma omp simd
        for (size_t j = 0; j < width; j++)
            sum[j] += (double)dy[j] * (double)x[j] * scale;
    } else {
#pragma omp simd
        for (size_t j = 0; j < width; j++)
            sum[j] += (double)dy[j];
    }
}

SLIM_CLONES
static void sum_rows(const struct columns *c, size_t first, size_t rows,
                     double *sum)
{
    memset(sum, 0, c->width * sizeof *sum);
    for (size_t r = first; r < first + rows; r++)
        add_row(sum, c->dy + r * c->width, c->x ? c->x + r * c->width : NULL,
                c->x ? (double)c->scale[r] : 0, c->width);
}

static void sum_tile(void *context, size_t tile, size_t worker)
{
    const struct columns *c = context;

    (void)worker;
    sum_rows(c, tile * ROWS, slim_tile_length(c->rows, ROWS, tile),
             c->part + tile * c->width);
}

/* Blocks of rows are summed apart, then from first to last, in double. */
static void sum_columns(struct columns *c, bool add)
{
    size_t tiles = slim_tiles(c->rows, ROWS);

    c->part = SLIM_SCRATCH(tiles * c->width, double);
    slim_parallel(tiles, (double)c->rows * (double)c->width, sum_tile, c);
    for (size_t j = 0; j < c->width; j++) {
        double sum = add ? (double)c->to[j] : 0.0;

        for (size_t tile = 0; tile < tiles; tile++)
            sum += c->part[tile * c->width + j];
        c->to[j] = (float)sum;
    }
    free(c->part);
}

void slim_blas_bias_grad(float *db, const float *dy, size_t rows, size_t out,
                         bool add)
{
    sum_columns(
        &(struct columns){ .to = db, .dy = dy, .rows = rows, .width = out },
        add);
}

void slim_blas_gain_grad(float *dw, const float *dy, const float *x,
                         const float *inverse, size_t rows, size_t width)
{
    sum_columns(&(struct columns){ .to = dw,
                                   .dy = dy,
                                   .x = x,
                                   .scale = inverse,
                                   .rows = rows,
                                   .width = width },
                true);
}

struct embedding {
    float *to;
    const float *dy;
    const int32_t *ids;
    size_t tokens, width;
};

static void embed_tile(void *context, size_t tile, size_t worker)
{
    const struct embedding *e = context;
    size_t first = tile * STRIP;
    size_t width = slim_tile_length(e->width, STRIP, tile);

    (void)worker;
    for (size_t t = 0; t < e->tokens; t++) {
        float *row = e->to + (size_t)e->ids[t] * e->width + first;
        const float *dy = e->dy + t * e->width + first;

        for (size_t j = 0; j < width; j++)
            row[j] += dy[j];
    }
}

/* Tokens repeat, so threads share strips of columns out and not tokens. */
void slim_blas_embed_grad(float *dtable, const float *dy, const int32_t *ids,
                          size_t tokens, size_t width)
{
    struct embedding e = { dtable, dy, ids, tokens, width };

    slim_parallel(slim_tiles(width, STRIP), (double)tokens * (double)width,
                  embed_tile, &e);
}
