/* blas_attention_step.c - attention of a few new tokens to all that came before */
#include "runtime/kernel/blas.h"
#include "runtime/kernel/parallel.h"
#include "runtime/kernel/scratch.h"
#include "runtime/kernel/vector.h"

#include <cblas.h>
#include <float.h>
#include <stdlib.h>

struct step {
    float *o;
    const float *q, *k, *v;
    size_t rows, keys;
    const struct slim_attention_shape *shape;
    float *logits; /* [keys] a worker */
};

/* exp(s - max) in place; returns the sum of them. */
SLIM_CLONES
static double softmax(float *s, size_t n)
{
    float lane[SLIM_LANES] = { 0 }, top = -FLT_MAX;
    size_t whole = n - n % SLIM_LANES;
    double sum = 0;

    for (size_t j = 0; j < n; j++)
        top = top > s[j] ? top : s[j];
    for (size_t j = 0; j < whole; j += SLIM_LANES) {
#pragma omp simd
        for (size_t l = 0; l < SLIM_LANES; l++) {
            s[j + l] = slim_expf(s[j + l] - top);
            lane[l] += s[j + l];
        }
    }
    for (size_t j = whole; j < n; j++) {
        s[j] = slim_expf(s[j] - top);
        sum += (double)s[j];
    }
    return sum + (double)slim_lanes_sum(lane);
}

/* One head of one query: both products are a matrix with a vector, read once. */
static void query_tile(void *context, size_t tile, size_t worker)
{
    const struct step *step = context;
    const struct slim_attention_shape *shape = step->shape;
    size_t heads = shape->heads, dim = shape->dim, h = tile % heads;
    size_t i = step->keys - step->rows + tile / heads;
    size_t first =
        shape->window != 0 && i >= shape->window ? i - shape->window + 1 : 0;
    int count = (int)(i - first + 1), narrow = (int)(shape->kv_heads * dim);
    size_t kv = first * (size_t)narrow + h / (heads / shape->kv_heads) * dim;
    float *s = step->logits + worker * step->keys;

    cblas_sgemv(CblasRowMajor, CblasNoTrans, count, (int)dim, shape->scale,
                step->k + kv, narrow, step->q + tile * dim, 1, 0.0f, s, 1);
    for (size_t j = first; shape->slopes && j <= i; j++)
        s[j - first] -= shape->slopes[h] * (float)(i - j);
    double sum = softmax(s, (size_t)count);
    cblas_sgemv(CblasRowMajor, CblasTrans, count, (int)dim, (float)(1.0 / sum),
                step->v + kv, narrow, s, 1, 0.0f, step->o + tile * dim, 1);
}

void slim_blas_attention_step(float *o, const float *q, const float *k,
                              const float *v, size_t rows, size_t keys,
                              const struct slim_attention_shape *shape)
{
    struct step step = { .o = o,
                         .q = q,
                         .k = k,
                         .v = v,
                         .rows = rows,
                         .keys = keys,
                         .shape = shape };

    step.logits = SLIM_SCRATCH(slim_threads() * keys, float);
    slim_parallel(rows * shape->heads,
                  4.0 * (double)rows * (double)keys *
                      (double)(shape->heads * shape->dim),
                  query_tile, &step);
    free(step.logits);
}
