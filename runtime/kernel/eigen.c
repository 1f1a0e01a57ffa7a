/* eigen.c - dense problems in f64: eigenvectors, orthogonal bases, products */
#include "base/random.h"
#include "base/work.h"
#include "runtime/kernel/kernel.h"
#include "runtime/kernel/parallel.h"
#include "runtime/kernel/scratch.h"

#include <cblas.h>
#include <lapacke.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

/* LAPACK counts in int, and n * n must stay below its limit. */
enum { MOST = 46340, TRANSPOSE_BLOCK = 32, GEMM_TILE = 256 };

static bool solvable(const double *a, size_t n)
{
    if (n > MOST)
        return false;
    for (size_t i = 0; i < n * n; i++)
        if (!isfinite(a[i]))
            return false;
    return true;
}

static void swap(double *a, double *b)
{
    double kept = *a;

    *a = *b;
    *b = kept;
}

/* a[n,n] = its transpose, in blocks that stay in the cache. */
static void transpose(double *a, size_t n)
{
    for (size_t i0 = 0; i0 < n; i0 += TRANSPOSE_BLOCK)
        for (size_t j0 = i0; j0 < n; j0 += TRANSPOSE_BLOCK)
            for (size_t i = i0; i < n && i < i0 + TRANSPOSE_BLOCK; i++)
                for (size_t j = j0 > i ? j0 : i + 1;
                     j < n && j < j0 + TRANSPOSE_BLOCK; j++)
                    swap(&a[i * n + j], &a[j * n + i]);
}

/* Rows of v[n,n] and the values, last first. */
static void reverse(double *v, double *values, size_t n)
{
    for (size_t i = 0; i < n / 2; i++) {
        double *top = v + i * n, *bottom = v + (n - 1 - i) * n;

        swap(&values[i], &values[n - 1 - i]);
        for (size_t j = 0; j < n; j++)
            swap(&top[j], &bottom[j]);
    }
}

/* Negates the row if its largest entry by magnitude is negative. */
static void fix_sign(double *row, size_t n)
{
    size_t peak = 0;

    for (size_t j = 1; j < n; j++)
        if (fabs(row[j]) > fabs(row[peak]))
            peak = j;
    if (row[peak] > 0)
        return;
    for (size_t j = 0; j < n; j++)
        row[j] = -row[j];
}

/* dsyevd with the workspace that its manual asks for: a query would answer
 * through a floating-point number. */
static bool divide_and_conquer(double *a, double *values, size_t n)
{
    size_t count = 1 + 6 * n + 2 * n * n, int_count = 3 + 5 * n;
    bool fits = count <= INT32_MAX;

    if (!fits)
        return false;
    double *work = SLIM_SCRATCH(count, double);
    lapack_int *int_work = SLIM_SCRATCH(int_count, lapack_int);
    lapack_int info = LAPACKE_dsyevd_work(
        LAPACK_COL_MAJOR, 'V', 'L', (lapack_int)n, a, (lapack_int)n, values,
        work, (lapack_int)count, int_work, (lapack_int)int_count);

    free(work);
    free(int_work);
    return info == 0;
}

/*
 * LAPACK is column-major, so it leaves the vectors, smallest value first, as
 * the rows of what is row-major here. |Q^T Q - I| and |A Q - Q diag| / |A| are
 * below 1e-12. 10 n^3 operations or so on one thread: LAPACK's own threads
 * would change the order of its sums.
 */
bool slim_eigh(double *a, double *values, size_t n)
{
    if (n == 0)
        return true;
    slim_blas_alone();
    slim_work_operations(10 * (uint64_t)n * n * n);
    if (!solvable(a, n) || !divide_and_conquer(a, values, n))
        return false;
    reverse(a, values, n);
    for (size_t i = 0; i < n; i++)
        fix_sign(a + i * n, n);
    transpose(a, n);
    return true;
}

/* Where normal numbers go. */
struct fill {
    double *to;
    size_t n;
    uint64_t seed;
};

static void fill_row(void *context, size_t row, size_t worker)
{
    struct fill *fill = context;
    size_t n = fill->n;

    (void)worker;
    for (size_t i = row * n; i < (row + 1) * n; i++)
        fill->to[i] = slim_random_normal(fill->seed, SLIM_STREAM_ORIENT, i);
}

/*
 * A = Q R with the diagonal of R positive makes Q Haar distributed (Mezzadri
 * 2007, arXiv:math-ph/0609050, section 5). The column-major factor is read as
 * its transpose, which is as Haar as itself.
 */
bool slim_random_orthogonal(double *q, size_t n, uint64_t seed)
{
    struct fill fill = { q, n, seed };
    lapack_int order = (lapack_int)n, width;
    double *tau, *work, *sign, best;

    if (n == 0 || n > MOST)
        return n == 0;
    slim_parallel(n, 100.0 * (double)n * (double)n, fill_row, &fill);
    if (LAPACKE_dgeqrf_work(LAPACK_COL_MAJOR, order, order, q, order, NULL,
                            &best, -1) != 0)
        return false;
    width = (lapack_int)best;
    work = SLIM_SCRATCH((size_t)width, double);
    tau = SLIM_SCRATCH(n, double);
    sign = SLIM_SCRATCH(n, double);
    bool good = LAPACKE_dgeqrf_work(LAPACK_COL_MAJOR, order, order, q, order,
                                    tau, work, width) == 0;

    for (size_t i = 0; i < n; i++)
        sign[i] = q[i * n + i] < 0 ? -1.0 : 1.0;
    good = good && LAPACKE_dorgqr_work(LAPACK_COL_MAJOR, order, order, order, q,
                                       order, tau, work, width) == 0;
    for (size_t i = 0; i < n * n; i++)
        q[i] *= sign[i / n];
    free(sign);
    free(tau);
    free(work);
    return good;
}

struct gemm_f64 {
    double *c;
    const double *a, *b;
    size_t m, k, n, tiles_n;
    bool transpose_a, transpose_b;
};

static void gemm_f64_tile(void *context, size_t tile, size_t worker)
{
    const struct gemm_f64 *g = context;
    size_t i = tile / g->tiles_n * GEMM_TILE, j = tile % g->tiles_n * GEMM_TILE;
    size_t rows = slim_tile_length(g->m, GEMM_TILE, tile / g->tiles_n);
    size_t columns = slim_tile_length(g->n, GEMM_TILE, tile % g->tiles_n);

    (void)worker;
    cblas_dgemm(CblasRowMajor, g->transpose_a ? CblasTrans : CblasNoTrans,
                g->transpose_b ? CblasTrans : CblasNoTrans, (int)rows,
                (int)columns, (int)g->k, 1.0,
                g->a + (g->transpose_a ? i : i * g->k),
                (int)(g->transpose_a ? g->m : g->k),
                g->b + (g->transpose_b ? j * g->k : j),
                (int)(g->transpose_b ? g->k : g->n), 0.0, g->c + i * g->n + j,
                (int)g->n);
}

void slim_gemm_f64(double *c, const double *a, const double *b, size_t m,
                   size_t k, size_t n, bool transpose_a, bool transpose_b)
{
    struct gemm_f64 g = {
        c, a, b, m, k, n, slim_tiles(n, GEMM_TILE), transpose_a, transpose_b
    };
    double work = 2.0 * (double)m * (double)k * (double)n;

    if (k == 0) {
        memset(c, 0, m * n * sizeof *c);
        return;
    }
    slim_work_operations((uint64_t)work);
    slim_parallel(slim_tiles(m, GEMM_TILE) * g.tiles_n, work, gemm_f64_tile,
                  &g);
}
