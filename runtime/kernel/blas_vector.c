/* blas_vector.c - a matrix with a vector: the linears of one token */
#include "runtime/kernel/blas.h"
#include "runtime/kernel/parallel.h"

#include <cblas.h>

/* Outputs of a tile: enough of them for threads to share the reading of w. */
enum { OUTPUTS = 128 };

struct job {
    float *y;
    const float *x, *w, *bias;
    size_t in, out;
};

static void outputs_tile(void *context, size_t tile, size_t worker)
{
    const struct job *job = context;
    size_t first = tile * OUTPUTS;
    size_t count = slim_tile_length(job->out, OUTPUTS, tile);

    (void)worker;
    for (size_t i = 0; job->bias && i < count; i++)
        job->y[first + i] = job->bias[first + i];
    cblas_sgemv(CblasRowMajor, CblasNoTrans, (int)count, (int)job->in, 1.0f,
                job->w + first * job->in, (int)job->in, job->x, 1,
                job->bias ? 1.0f : 0.0f, job->y + first, 1);
}

/* sgemm would copy all of w to use each of its numbers once. */
void slim_blas_linear_vector(float *y, const float *x, const float *w,
                             const float *bias, size_t in, size_t out)
{
    struct job job = { y, x, w, bias, in, out };

    slim_parallel(slim_tiles(out, OUTPUTS), 2.0 * (double)in * (double)out,
                  outputs_tile, &job);
}
