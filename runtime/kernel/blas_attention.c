/* blas_attention.c - attention in blocks, the softmax computed as it goes */
#include "runtime/kernel/blas_attention.h"
#include "runtime/kernel/blas.h"
#include "runtime/kernel/parallel.h"
#include "runtime/kernel/scratch.h"
#include "runtime/kernel/vector.h"

#include <cblas.h>
#include <float.h>
#include <math.h>
#include <stdlib.h>

enum { QUERIES = 64, KEYS = 256 };

struct slim_token_block *slim_token_blocks(
    const struct slim_attention_shape *shape, size_t size, size_t *count)
{
    struct slim_token_block *blocks;
    size_t n = 0;

    for (size_t s = 0; s < shape->sequences; s++)
        n += slim_tiles(shape->starts[s + 1] - shape->starts[s], size);
    blocks = SLIM_SCRATCH(n, struct slim_token_block);
    *count = n;
    n = 0;
    for (size_t s = 0; s < shape->sequences; s++) {
        size_t start = shape->starts[s], length = shape->starts[s + 1] - start;
        size_t many = slim_tiles(length, size), first = n;

        for (; n < first + many; n++) {
            size_t from = start + (n - first) * size;
            size_t some = slim_tile_length(length, size, n - first);
            size_t prefix = shape->prefix ? shape->prefix[s] : 0;

            blocks[n] = (struct slim_token_block){
                start, from, from + some, first, first + many, start + prefix
            };
        }
    }
    return blocks;
}

double slim_attention_work(const struct slim_attention_shape *shape)
{
    double pairs = 0;

    for (size_t s = 0; s < shape->sequences; s++) {
        double n = (double)(shape->starts[s + 1] - shape->starts[s]);

        pairs += n * n;
    }
    return pairs * (double)(shape->heads * shape->dim);
}

struct forward {
    float *o, *lse;
    const float *q, *k, *v;
    const struct slim_attention_shape *shape;
    const struct slim_token_block *blocks;
    float *logits; /* a block a worker */
};

/* What is known of each query's softmax so far. */
struct running {
    float top[QUERIES];  /* largest logit */
    double sum[QUERIES]; /* of exp(logit - top) */
    float fade[QUERIES]; /* what the last block multiplied the sums by */
};

SLIM_INLINE float largest(const float *s, size_t lo, size_t hi)
{
    float lane[SLIM_LANES], top = -FLT_MAX;
    size_t j = lo;

    for (size_t l = 0; l < SLIM_LANES; l++)
        lane[l] = -FLT_MAX;
    for (; j + SLIM_LANES <= hi; j += SLIM_LANES) {
#pragma omp simd
        for (size_t l = 0; l < SLIM_LANES; l++)
            lane[l] = lane[l] > s[j + l] ? lane[l] : s[j + l];
    }
    for (; j < hi; j++)
        top = top > s[j] ? top : s[j];
    for (size_t l = 0; l < SLIM_LANES; l++)
        top = top > lane[l] ? top : lane[l];
    return top;
}

/* s = exp(s - top) over lo .. hi - 1, zero outside; returns the sum. */
SLIM_INLINE float exponentials(float *s, size_t lo, size_t hi, size_t keys,
                               float top)
{
    float lane[SLIM_LANES] = { 0 };
    size_t j = lo;

    for (size_t i = 0; i < lo; i++)
        s[i] = 0;
    for (; j + SLIM_LANES <= hi; j += SLIM_LANES) {
#pragma omp simd
        for (size_t l = 0; l < SLIM_LANES; l++) {
            s[j + l] = slim_expf(s[j + l] - top);
            lane[l] += s[j + l];
        }
    }
    for (size_t l = 0; j < hi; j++, l++) {
        s[j] = slim_expf(s[j] - top);
        lane[l] += s[j];
    }
    for (; j < keys; j++)
        s[j] = 0;
    return slim_lanes_sum(lane);
}

/* Logits to exponentials, block by block (Milakov and Gimelshein 2018,
 * arXiv:1805.02867, algorithm 3). */
SLIM_CLONES
static void absorb(struct running *run, const struct slim_logits *block)
{
    for (size_t r = 0; r < block->queries; r++) {
        float *s = block->at + r * block->keys, top;
        size_t lo, hi;

        slim_logits_seen(block, r, &lo, &hi);
        slim_logits_lean(
            s, block->slope,
            (float)((double)(block->query + r) - (double)block->key), lo, hi);
        top = largest(s, lo, hi);
        top = top > run->top[r] ? top : run->top[r];
        run->fade[r] = run->sum[r] > 0 ? slim_expf(run->top[r] - top) : 1.0f;
        run->top[r] = top;
        run->sum[r] = run->sum[r] * (double)run->fade[r] +
                      (double)exponentials(s, lo, hi, block->keys, top);
    }
}

static void scale_row(float *row, size_t n, float factor)
{
    for (size_t d = 0; d < n; d++)
        row[d] *= factor;
}

/* One block of queries of one head, over all blocks of keys that it sees. */
static void forward_tile(void *context, size_t tile, size_t worker)
{
    const struct forward *f = context;
    const struct slim_attention_shape *shape = f->shape;
    size_t heads = shape->heads, dim = shape->dim, h = tile % heads;
    size_t wide = heads * dim, narrow = shape->kv_heads * dim;
    size_t kv = h / (heads / shape->kv_heads) * dim;
    const struct slim_token_block *b = &f->blocks[tile / heads];
    struct slim_logits s = { .at = f->logits + worker * QUERIES * KEYS,
                             .query = b->first,
                             .queries = b->last - b->first,
                             .start = b->start,
                             .window = shape->window,
                             .prefix = b->prefix,
                             .slope = shape->slopes ? shape->slopes[h] : 0 };
    float *o = f->o + b->first * wide + h * dim;
    struct running run;
    float started = 0;

    for (size_t r = 0; r < s.queries; r++) {
        run.top[r] = -FLT_MAX;
        run.sum[r] = 0;
    }
    s.key = slim_first_key(shape->window, b->start, b->first);
    for (; s.key < slim_last_key(b); s.key += KEYS) {
        s.keys = slim_least(slim_last_key(b) - s.key, KEYS);
        cblas_sgemm(CblasRowMajor, CblasNoTrans, CblasTrans, (int)s.queries,
                    (int)s.keys, (int)dim, shape->scale,
                    f->q + b->first * wide + h * dim, (int)wide,
                    f->k + s.key * narrow + kv, (int)narrow, 0.0f, s.at,
                    (int)s.keys);
        absorb(&run, &s);
        for (size_t r = 0; started != 0 && r < s.queries; r++)
            if (run.fade[r] != 1.0f)
                scale_row(o + r * wide, dim, run.fade[r]);
        cblas_sgemm(CblasRowMajor, CblasNoTrans, CblasNoTrans, (int)s.queries,
                    (int)dim, (int)s.keys, 1.0f, s.at, (int)s.keys,
                    f->v + s.key * narrow + kv, (int)narrow, started, o,
                    (int)wide);
        started = 1;
    }
    for (size_t r = 0; r < s.queries; r++) {
        scale_row(o + r * wide, dim, (float)(1.0 / run.sum[r]));
        if (f->lse)
            f->lse[(b->first + r) * heads + h] =
                (float)((double)run.top[r] + log(run.sum[r]));
    }
}

/*
 * Only blocks that hold a visible pair are computed; no more than one block of
 * logits a thread is kept. f32 sums over a block of keys, about 1e-6 relative.
 */
void slim_blas_attention(float *o, float *lse, const float *q, const float *k,
                         const float *v,
                         const struct slim_attention_shape *shape)
{
    struct forward f = {
        .o = o, .lse = lse, .q = q, .k = k, .v = v, .shape = shape
    };
    size_t count;
    struct slim_token_block *blocks = slim_token_blocks(shape, QUERIES, &count);

    f.blocks = blocks;
    f.logits = SLIM_SCRATCH(slim_threads() * QUERIES * KEYS, float);
    slim_parallel(count * shape->heads, 2.0 * slim_attention_work(shape),
                  forward_tile, &f);
    free(f.logits);
    free(blocks);
}
