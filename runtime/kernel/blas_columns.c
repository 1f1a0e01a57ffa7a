/* blas_columns.c - sums down the columns, each column summed by one thread */
#include "runtime/kernel/blas.h"
#include "runtime/kernel/parallel.h"
#include "runtime/kernel/vector.h"

/* A strip of columns has a sum in double each, and spans whole cache lines. */
enum { STRIP = 64 };

struct columns {
    float *to;
    const float *dy;
    const float *x, *scale; /* NULL, or factors: x[r][j] scale[r] */
    const int32_t *ids;     /* NULL, or the row of `to` that dy[r] goes to */
    size_t rows, width;
    bool add;
};

SLIM_CLONES
static void sum_strip(const struct columns *c, size_t first, size_t width)
{
    double sum[STRIP] = { 0 };

    for (size_t r = 0; r < c->rows; r++) {
        const float *dy = c->dy + r * c->width + first;

        if (c->x) {
            const float *x = c->x + r * c->width + first;
            double scale = (double)c->scale[r];

#pragma omp simd
            for (size_t j = 0; j < width; j++)
                sum[j] += (double)dy[j] * (double)x[j] * scale;
        } else {
#pragma omp simd
            for (size_t j = 0; j < width; j++)
                sum[j] += (double)dy[j];
        }
    }
    for (size_t j = 0; j < width; j++) {
        double start = c->add ? (double)c->to[first + j] : 0.0;

        c->to[first + j] = (float)(start + sum[j]);
    }
}

static void sum_tile(void *context, size_t tile, size_t worker)
{
    const struct columns *c = context;

    (void)worker;
    sum_strip(c, tile * STRIP, slim_tile_length(c->width, STRIP, tile));
}

static void run(struct columns *c,
                void (*body)(void *context, size_t tile, size_t worker))
{
    slim_parallel(slim_tiles(c->width, STRIP),
                  (double)c->rows * (double)c->width, body, c);
}

void slim_blas_bias_grad(float *db, const float *dy, size_t rows, size_t out,
                         bool add)
{
    struct columns c = {
        .to = db, .dy = dy, .rows = rows, .width = out, .add = add
    };

    run(&c, sum_tile);
}

void slim_blas_gain_grad(float *dw, const float *dy, const float *x,
                         const float *inverse, size_t rows, size_t width)
{
    struct columns c = { .to = dw,
                         .dy = dy,
                         .x = x,
                         .scale = inverse,
                         .rows = rows,
                         .width = width,
                         .add = true };

    run(&c, sum_tile);
}

static void embed_tile(void *context, size_t tile, size_t worker)
{
    const struct columns *c = context;
    size_t first = tile * STRIP;
    size_t width = slim_tile_length(c->width, STRIP, tile);

    (void)worker;
    for (size_t t = 0; t < c->rows; t++) {
        float *row = c->to + (size_t)c->ids[t] * c->width + first;
        const float *dy = c->dy + t * c->width + first;

        for (size_t j = 0; j < width; j++)
            row[j] += dy[j];
    }
}

/* Tokens repeat, so threads share columns out and not tokens. */
void slim_blas_embed_grad(float *dtable, const float *dy, const int32_t *ids,
                          size_t tokens, size_t width)
{
    struct columns c = {
        .to = dtable, .dy = dy, .ids = ids, .rows = tokens, .width = width
    };

    run(&c, embed_tile);
}
