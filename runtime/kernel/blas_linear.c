/* blas_linear.c - products in tiles, each one single-threaded call of sgemm */
#include "runtime/kernel/blas.h"
#include "runtime/kernel/parallel.h"
#include "runtime/kernel/vector.h"

#include <cblas.h>

/*
 * A tile packs its operands anew, which costs about 1/rows + 1/columns of its
 * work, so tiles are large; but there should be enough of them for the threads.
 */
enum { MOST_ROWS = 512, MOST_COLUMNS = 1024, FEW_TILES = 8, UNIT = 16 };
static const double SMALL_TILE = 3e7; /* operations */

struct tiling {
    size_t rows, columns; /* of a tile */
    size_t across;        /* tiles from left to right */
    size_t count;
};

/* The length of each of `parts` about equal parts of n, whole units. */
static size_t part_length(size_t n, size_t parts)
{
    return slim_tiles(slim_tiles(n, parts), UNIT) * UNIT;
}

static struct tiling cut(size_t m, size_t n, size_t k)
{
    size_t down = slim_tiles(m, MOST_ROWS),
           across = slim_tiles(n, MOST_COLUMNS);
    double work = 2.0 * (double)m * (double)n * (double)k;

    while (down * across < FEW_TILES &&
           work > 2 * SMALL_TILE * (double)(down * across)) {
        if (m / down > n / across)
            down++;
        else
            across++;
    }
    struct tiling t = { .rows = part_length(m, down),
                        .columns = part_length(n, across) };

    t.across = slim_tiles(n, t.columns);
    t.count = slim_tiles(m, t.rows) * t.across;
    return t;
}

struct job {
    const struct slim_product *p;
    struct tiling tiling;
};

static void product_tile(void *context, size_t tile, size_t worker)
{
    const struct job *job = context;
    const struct slim_product *p = job->p;
    const struct tiling *t = &job->tiling;
    size_t down = tile / t->across, across = tile % t->across;
    size_t i = down * t->rows, j = across * t->columns;
    size_t rows = slim_tile_length(p->m, t->rows, down);
    size_t columns = slim_tile_length(p->n, t->columns, across);
    float *c = p->c + i * p->ldc + j;

    (void)worker;
    for (size_t r = 0; p->bias && r < rows; r++)
        for (size_t s = 0; s < columns; s++)
            c[r * p->ldc + s] =
                p->bias[j + s] + (p->add ? c[r * p->ldc + s] : 0.0f);
    cblas_sgemm(CblasRowMajor, p->transpose_a ? CblasTrans : CblasNoTrans,
                p->transpose_b ? CblasTrans : CblasNoTrans, (int)rows,
                (int)columns, (int)p->k, 1.0f,
                p->a + (p->transpose_a ? i : i * p->lda), (int)p->lda,
                p->b + (p->transpose_b ? j * p->ldb : j), (int)p->ldb,
                p->add || p->bias ? 1.0f : 0.0f, c, (int)p->ldc);
}

/*
 * f32 sums of k products in the order of OpenBLAS's kernels: an error of about
 * 1e-7 sqrt(k) relative to the norms.
 */
void slim_blas_product(const struct slim_product *p)
{
    struct job job = { p, cut(p->m, p->n, p->k) };

    slim_parallel(job.tiling.count,
                  2.0 * (double)p->m * (double)p->n * (double)p->k,
                  product_tile, &job);
}

void slim_blas_linear(float *y, const float *x, const float *w,
                      const float *bias, size_t rows, size_t in, size_t out)
{
    if (rows == 1) {
        slim_blas_linear_vector(y, x, w, bias, in, out);
        return;
    }
    slim_blas_product(&(struct slim_product){ .c = y,
                                              .a = x,
                                              .b = w,
                                              .bias = bias,
                                              .m = rows,
                                              .n = out,
                                              .k = in,
                                              .ldc = out,
                                              .lda = in,
                                              .ldb = in,
                                              .transpose_b = true });
}

void slim_blas_linear_grad_x(float *dx, const float *dy, const float *w,
                             size_t rows, size_t in, size_t out, bool add)
{
    slim_blas_matmul(dx, dy, w, rows, out, in, add);
}

void slim_blas_linear_grad_w(float *dw, const float *dy, const float *x,
                             size_t rows, size_t in, size_t out, bool add)
{
    slim_blas_product(&(struct slim_product){ .c = dw,
                                              .a = dy,
                                              .b = x,
                                              .m = out,
                                              .n = in,
                                              .k = rows,
                                              .ldc = in,
                                              .lda = out,
                                              .ldb = in,
                                              .transpose_a = true,
                                              .add = add });
}

void slim_blas_matmul(float *c, const float *a, const float *b, size_t m,
                      size_t k, size_t n, bool add)
{
    slim_blas_product(&(struct slim_product){ .c = c,
                                              .a = a,
                                              .b = b,
                                              .m = m,
                                              .n = n,
                                              .k = k,
                                              .ldc = n,
                                              .lda = k,
                                              .ldb = n,
                                              .add = add });
}
