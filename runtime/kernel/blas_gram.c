/* blas_gram.c - sums of outer products in f64, in tiles of the triangle */
#include "runtime/kernel/bf16.h"
#include "runtime/kernel/blas.h"
#include "runtime/kernel/parallel.h"
#include "runtime/kernel/scratch.h"
#include "runtime/kernel/vector.h"

#include <cblas.h>
#include <stdlib.h>

/*
 * In f64, though f32 products of 256 rows added up in f64 would take half the
 * time: of a covariance of 4096 rows those put an eigenvalue that is 1e-6 of
 * the largest off by 2e-3 of itself, and one of 1e-8 by 0.16. Where the rows
 * were rounded to bf16 on their way, 1e-3 of each element, that is less than
 * what they are off by, and products are f32 (FEW rows).
 */
enum { TILE = 256, CHUNK = 512, FEW = 128 };

struct gram {
    double *c, *wide; /* wide: a chunk of x in f64 */
    float *parts;     /* a tile for each worker */
    const float *x;
    size_t rows, n;
    size_t across; /* tiles from left to right */
};

static void widen_tile(void *context, size_t row, size_t worker)
{
    const struct gram *g = context;
    const float *from = g->x + row * g->n;
    double *to = g->wide + row * g->n;

    (void)worker;
    for (size_t j = 0; j < g->n; j++)
        to[j] = (double)from[j];
}

/* A tile of the upper triangle: its rows are columns i.. of x, its columns j.. */
struct place {
    size_t i, j;
    int rows, columns;
    double *c;
};

/* False for those below the diagonal, where nothing is computed. */
static bool place_of(struct place *out, const struct gram *g, size_t tile)
{
    size_t down = tile / g->across, across = tile % g->across;
    size_t i = down * TILE, j = across * TILE;

    *out = (struct place){ i, j, (int)slim_tile_length(g->n, TILE, down),
                           (int)slim_tile_length(g->n, TILE, across),
                           g->c + i * g->n + j };
    return down <= across;
}

static void gram_tile(void *context, size_t tile, size_t worker)
{
    const struct gram *g = context;
    int depth = (int)g->rows, stride = (int)g->n;
    struct place at;

    (void)worker;
    if (!place_of(&at, g, tile))
        return;
    if (at.i == at.j)
        cblas_dsyrk(CblasRowMajor, CblasUpper, CblasTrans, at.rows, depth, 1.0,
                    g->wide + at.i, stride, 1.0, at.c, stride);
    else
        cblas_dgemm(CblasRowMajor, CblasTrans, CblasNoTrans, at.rows,
                    at.columns, depth, 1.0, g->wide + at.i, stride,
                    g->wide + at.j, stride, 1.0, at.c, stride);
}

static void mirror_tile(void *context, size_t tile, size_t worker)
{
    const struct gram *g = context;
    size_t i0 = tile / g->across * TILE, j0 = tile % g->across * TILE;

    (void)worker;
    if (i0 > j0)
        return;
    for (size_t i = i0; i < g->n && i < i0 + TILE; i++)
        for (size_t j = j0 > i ? j0 : i + 1; j < g->n && j < j0 + TILE; j++)
            g->c[j * g->n + i] = g->c[i * g->n + j];
}

SLIM_CLONES
static void add_part(const struct place *at, size_t stride, const float *part)
{
    for (size_t i = 0; i < (size_t)at->rows; i++) {
        double *c = at->c + i * stride;

#pragma omp simd
        for (size_t j = 0; j < (size_t)at->columns; j++)
            c[j] += (double)part[i * TILE + j];
    }
}

/* The same of x itself, FEW rows at a time. */
static void rounded_tile(void *context, size_t tile, size_t worker)
{
    const struct gram *g = context;
    float *part = g->parts + worker * TILE * TILE;
    int stride = (int)g->n;
    struct place at;

    if (!place_of(&at, g, tile))
        return;
    for (size_t first = 0; first < g->rows; first += FEW) {
        const float *x = g->x + first * g->n;
        int depth = (int)slim_tile_length(g->rows, FEW, first / FEW);

        cblas_sgemm(CblasRowMajor, CblasTrans, CblasNoTrans, at.rows,
                    at.columns, depth, 1.0f, x + at.i, stride, x + at.j, stride,
                    0.0f, part, TILE);
        add_part(&at, g->n, part);
    }
}

/* Products of FEW rows in f32, which are added up in f64: an error of 1e-7
 * sqrt(FEW / rows). */
void slim_bf16_gram(double *c, const float *x, size_t rows, size_t n)
{
    struct gram g = {
        .c = c, .x = x, .rows = rows, .n = n, .across = slim_tiles(n, TILE)
    };
    double square = (double)n * (double)n;

    g.parts = SLIM_SCRATCH(slim_threads() * TILE * TILE, float);
    slim_parallel(g.across * g.across, (double)rows * square, rounded_tile, &g);
    slim_parallel(g.across * g.across, square, mirror_tile, &g);
    free(g.parts);
}

/* Sums in f64 of exact products: an error of 1e-16 sqrt(rows). */
void slim_blas_gram(double *c, const float *x, size_t rows, size_t n)
{
    size_t most = rows < CHUNK ? rows : CHUNK;
    struct gram g = { .c = c,
                      .wide = SLIM_SCRATCH(most * n, double),
                      .n = n,
                      .across = slim_tiles(n, TILE) };
    double square = (double)n * (double)n;

    for (size_t first = 0; first < rows; first += CHUNK) {
        g.x = x + first * n;
        g.rows = slim_tile_length(rows, CHUNK, first / CHUNK);
        slim_parallel(g.rows, (double)g.rows * (double)n, widen_tile, &g);
        slim_parallel(g.across * g.across, (double)g.rows * square, gram_tile,
                      &g);
    }
    slim_parallel(g.across * g.across, square, mirror_tile, &g);
    free(g.wide);
}
