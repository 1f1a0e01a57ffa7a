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

/* The tiles of the upper triangle; those below it do nothing. */
static void gram_tile(void *context, size_t tile, size_t worker)
{
    const struct gram *g = context;
    size_t down = tile / g->across, across = tile % g->across;
    size_t i = down * TILE, j = across * TILE;
    int rows = (int)slim_tile_length(g->n, TILE, down);
    int columns = (int)slim_tile_length(g->n, TILE, across);
    int depth = (int)g->rows, stride = (int)g->n;
    double *c = g->c + i * g->n + j;

    (void)worker;
    if (down > across)
        return;
    if (down == across)
        cblas_dsyrk(CblasRowMajor, CblasUpper, CblasTrans, rows, depth, 1.0,
                    g->wide + i, stride, 1.0, c, stride);
    else
        cblas_dgemm(CblasRowMajor, CblasTrans, CblasNoTrans, rows, columns,
                    depth, 1.0, g->wide + i, stride, g->wide + j, stride, 1.0,
                    c, stride);
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
static void add_part(double *c, size_t ldc, const float *part, size_t rows,
                     size_t columns)
{
    for (size_t i = 0; i < rows; i++) {
#pragma omp simd
        for (size_t j = 0; j < columns; j++)
            c[i * ldc + j] += (double)part[i * TILE + j];
    }
}

/* A tile as gram_tile's, of x itself. */
static void rounded_tile(void *context, size_t tile, size_t worker)
{
    const struct gram *g = context;
    size_t down = tile / g->across, across = tile % g->across;
    size_t rows = slim_tile_length(g->n, TILE, down);
    size_t columns = slim_tile_length(g->n, TILE, across);
    double *c = g->c + down * TILE * g->n + across * TILE;
    float *part = g->parts + worker * TILE * TILE;

    if (down > across)
        return;
    for (size_t first = 0; first < g->rows; first += FEW) {
        const float *x = g->x + first * g->n;

        cblas_sgemm(CblasRowMajor, CblasTrans, CblasNoTrans, (int)rows,
                    (int)columns,
                    (int)slim_tile_length(g->rows, FEW, first / FEW), 1.0f,
                    x + down * TILE, (int)g->n, x + across * TILE, (int)g->n,
                    0.0f, part, TILE);
        add_part(c, g->n, part, rows, columns);
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
