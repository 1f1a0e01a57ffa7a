/* blas_attention_grad.c - the backward of attention in blocks */
#include "runtime/kernel/blas.h"
#include "runtime/kernel/blas_attention.h"
#include "runtime/kernel/parallel.h"
#include "runtime/kernel/scratch.h"
#include "runtime/kernel/vector.h"

#include <cblas.h>
#include <stdlib.h>
#include <string.h>

enum { BLOCK = 64, TOKENS = 256 };

struct backward {
    float *dq, *dk, *dv;
    const float *d_o, *q, *k, *v, *lse;
    const struct slim_attention_shape *shape;
    struct slim_meetings meetings;
    float *mean;  /* (tokens * heads): d_o . o */
    float *p, *d; /* a block of logits a worker, and of their gradient */
};

SLIM_INLINE float dot(const float *a, const float *b, size_t n)
{
    float lane[SLIM_LANES] = { 0 };
    size_t i = 0;

    for (; i + SLIM_LANES <= n; i += SLIM_LANES) {
#pragma omp simd
        for (size_t l = 0; l < SLIM_LANES; l++)
            lane[l] += a[i + l] * b[i + l];
    }
    for (size_t l = 0; i < n; i++, l++)
        lane[l] += a[i] * b[i];
    return slim_lanes_sum(lane);
}

struct means {
    float *mean;
    const float *d_o, *o;
    size_t rows, dim;
};

SLIM_CLONES
static void mean_rows(const struct means *m, size_t first, size_t last)
{
    for (size_t i = first; i < last; i++)
        m->mean[i] = dot(m->d_o + i * m->dim, m->o + i * m->dim, m->dim);
}

static void mean_tile(void *context, size_t tile, size_t worker)
{
    const struct means *m = context;
    size_t first = tile * TOKENS;

    (void)worker;
    mean_rows(m, first, first + slim_tile_length(m->rows, TOKENS, tile));
}

void slim_attention_means(float *mean, const float *d_o, const float *o,
                          size_t rows, size_t dim)
{
    struct means m = { mean, d_o, o, rows, dim };

    slim_parallel(slim_tiles(rows, TOKENS), (double)rows * (double)dim,
                  mean_tile, &m);
}

SLIM_CLONES
void slim_attention_chain(const struct slim_logits *block, float *d,
                          const float *lse, const float *mean, size_t heads)
{
    for (size_t r = 0; r < block->queries; r++) {
        float *p = block->at + r * block->keys, *dr = d + r * block->keys;
        float l = lse[r * heads], m = mean[r * heads];
        size_t lo, hi;

        slim_logits_seen(block, r, &lo, &hi);
        slim_logits_lean(
            p, block->slope,
            (float)((double)(block->query + r) - (double)block->key), lo, hi);
        for (size_t j = 0; j < lo; j++)
            p[j] = dr[j] = 0;
#pragma omp simd
        for (size_t j = lo; j < hi; j++) {
            p[j] = slim_expf(p[j] - l);
            dr[j] = p[j] * (dr[j] - m);
        }
        for (size_t j = hi; j < block->keys; j++)
            p[j] = dr[j] = 0;
    }
}

/* One head's pair of a block of queries and a block of keys, as sgemm wants
 * its sizes and places. */
struct pair {
    float *p, *d;      /* (m, n) */
    int m, n, dim;     /* queries, keys */
    int wide, narrow;  /* from a token to the next of q, of k */
    size_t at_q, at_k; /* the first query, the first key */
};

/* p = scale q k^T and d = d_o v^T */
static void products_in(const struct backward *b, const struct pair *x)
{
    cblas_sgemm(CblasRowMajor, CblasNoTrans, CblasTrans, x->m, x->n, x->dim,
                b->shape->scale, b->q + x->at_q, x->wide, b->k + x->at_k,
                x->narrow, 0, x->p, x->n);
    cblas_sgemm(CblasRowMajor, CblasNoTrans, CblasTrans, x->m, x->n, x->dim, 1,
                b->d_o + x->at_q, x->wide, b->v + x->at_k, x->narrow, 0, x->d,
                x->n);
}

/* dq += scale d k, dv += p^T d_o, dk += scale d^T q */
static void products_out(const struct backward *b, const struct pair *x)
{
    float scale = b->shape->scale;

    if (b->meetings.want_q)
        cblas_sgemm(CblasRowMajor, CblasNoTrans, CblasNoTrans, x->m, x->dim,
                    x->n, scale, x->d, x->n, b->k + x->at_k, x->narrow, 1,
                    b->dq + x->at_q, x->wide);
    if (!b->meetings.want_kv)
        return;
    cblas_sgemm(CblasRowMajor, CblasTrans, CblasNoTrans, x->n, x->dim, x->m, 1,
                x->p, x->n, b->d_o + x->at_q, x->wide, 1, b->dv + x->at_k,
                x->narrow);
    cblas_sgemm(CblasRowMajor, CblasTrans, CblasNoTrans, x->n, x->dim, x->m,
                scale, x->d, x->n, b->q + x->at_q, x->wide, 1, b->dk + x->at_k,
                x->narrow);
}

/* What a block of queries of head h and a block of keys do to each other. */
static void meet(void *context, size_t i, size_t j, size_t h, size_t worker)
{
    const struct backward *b = context;
    const struct slim_attention_shape *shape = b->shape;
    const struct slim_token_block *query = &b->meetings.blocks[i];
    const struct slim_token_block *key = &b->meetings.blocks[j];
    size_t heads = shape->heads, dim = shape->dim, from = query->first;
    size_t kv = h / (heads / shape->kv_heads);
    size_t until = slim_least(key->last, slim_last_key(query));
    struct pair x = {
        .p = b->p + worker * BLOCK * BLOCK,
        .d = b->d + worker * BLOCK * BLOCK,
        .m = (int)(query->last - from),
        .n = (int)(until - key->first),
        .dim = (int)dim,
        .wide = (int)(heads * dim),
        .narrow = (int)(shape->kv_heads * dim),
        .at_q = (from * heads + h) * dim,
        .at_k = (key->first * shape->kv_heads + kv) * dim,
    };
    struct slim_logits s = {
        .at = x.p,
        .query = from,
        .queries = query->last - from,
        .key = key->first,
        .keys = until - key->first,
        .start = query->start,
        .window = shape->window,
        .prefix = query->prefix,
        .slope = shape->slopes ? shape->slopes[h] : 0,
    };

    products_in(b, &x);
    slim_attention_chain(&s, x.d, b->lse + from * heads + h,
                         b->mean + from * heads + h, heads);
    products_out(b, &x);
}

static void clear(float *x, size_t first, size_t last, size_t width)
{
    memset(x + first * width, 0, (last - first) * width * sizeof *x);
}

/* f32 sums over a block. */
void slim_blas_attention_grad(float *dq, float *dk, float *dv, const float *d_o,
                              const float *q, const float *k, const float *v,
                              const float *o, const float *lse,
                              const struct slim_attention_shape *shape)
{
    size_t first = shape->starts[0], last = shape->starts[shape->sequences];
    size_t area = slim_threads() * BLOCK * BLOCK;
    struct backward b = { .dq = dq,
                          .dk = dk,
                          .dv = dv,
                          .d_o = d_o,
                          .q = q,
                          .k = k,
                          .v = v,
                          .lse = lse,
                          .shape = shape,
                          .meetings = {
                              .shape = shape, .context = &b, .meet = meet } };
    struct slim_token_block *blocks =
        slim_token_blocks(shape, BLOCK, &b.meetings.count);

    b.meetings.blocks = blocks;
    b.mean = SLIM_SCRATCH(last * shape->heads, float);
    b.p = SLIM_SCRATCH(area, float);
    b.d = SLIM_SCRATCH(area, float);
    clear(dq, first, last, shape->heads * shape->dim);
    clear(dk, first, last, shape->kv_heads * shape->dim);
    clear(dv, first, last, shape->kv_heads * shape->dim);
    slim_attention_means(b.mean, d_o, o, last * shape->heads, shape->dim);
    slim_attention_meet(&b.meetings);
    free(b.mean);
    free(b.p);
    free(b.d);
    free(blocks);
}
