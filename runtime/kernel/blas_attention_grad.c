/* blas_attention_grad.c - the backward of attention in blocks */
#include "runtime/kernel/blas.h"
#include "runtime/kernel/blas_attention.h"
#include "runtime/kernel/parallel.h"
#include "runtime/kernel/scratch.h"
#include "runtime/kernel/vector.h"

#include <cblas.h>
#include <stdlib.h>
#include <string.h>

/* FEW: below so many pairs of sequence and key/value head, there are tiles for
 * blocks of keys and for blocks of queries, at 7 products instead of 5. */
enum { BLOCK = 64, FEW = 8, TOKENS = 256 };

struct backward {
    float *dq, *dk, *dv;
    const float *d_o, *q, *k, *v, *lse;
    const struct slim_attention_shape *shape;
    const struct slim_token_block *blocks;
    float *mean;  /* (tokens * heads): d_o . o */
    float *p, *d; /* a block of logits a worker, and of their gradient */
    bool want_q, want_kv;
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

    if (b->want_q)
        cblas_sgemm(CblasRowMajor, CblasNoTrans, CblasNoTrans, x->m, x->dim,
                    x->n, scale, x->d, x->n, b->k + x->at_k, x->narrow, 1,
                    b->dq + x->at_q, x->wide);
    if (!b->want_kv)
        return;
    cblas_sgemm(CblasRowMajor, CblasTrans, CblasNoTrans, x->n, x->dim, x->m, 1,
                x->p, x->n, b->d_o + x->at_q, x->wide, 1, b->dv + x->at_k,
                x->narrow);
    cblas_sgemm(CblasRowMajor, CblasTrans, CblasNoTrans, x->n, x->dim, x->m,
                scale, x->d, x->n, b->q + x->at_q, x->wide, 1, b->dk + x->at_k,
                x->narrow);
}

/* What a block of queries of head h and a block of keys do to each other. */
static void meet(const struct backward *b, const struct slim_token_block *query,
                 const struct slim_token_block *key, size_t h, size_t worker)
{
    const struct slim_attention_shape *shape = b->shape;
    size_t heads = shape->heads, dim = shape->dim, window = shape->window;
    size_t kv = h / (heads / shape->kv_heads);
    bool all = key->first < key->prefix; /* queries before the keys, too */
    size_t from = all || query->first > key->first ? query->first : key->first;
    size_t until = slim_least(key->last, slim_last_key(query));

    if (from >= query->last || until <= key->first ||
        (window && until + window <= from + 1))
        return;
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
        .window = window,
        .prefix = query->prefix,
        .slope = shape->slopes ? shape->slopes[h] : 0,
    };

    products_in(b, &x);
    slim_attention_chain(&s, x.d, b->lse + from * heads + h,
                         b->mean + from * heads + h, heads);
    products_out(b, &x);
}

/* All that block j of keys takes part in, for one key/value head. The order
 * of the sums is that of these loops. */
static void meet_keys(const struct backward *b, size_t j, size_t kv,
                      size_t worker)
{
    const struct slim_token_block *key = &b->blocks[j];
    size_t rep = b->shape->heads / b->shape->kv_heads;
    size_t first = key->first < key->prefix ? key->sequence : j;

    for (size_t h = kv * rep; h < (kv + 1) * rep; h++)
        for (size_t i = first; i < key->sequence_end; i++)
            meet(b, &b->blocks[i], key, h, worker);
}

static void sequence_tile(void *context, size_t tile, size_t worker)
{
    const struct backward *b = context;
    size_t block = tile / b->shape->kv_heads, kv = tile % b->shape->kv_heads;

    if (block != b->blocks[block].sequence)
        return;
    for (size_t j = block; j < b->blocks[block].sequence_end; j++)
        meet_keys(b, j, kv, worker);
}

static void keys_tile(void *context, size_t tile, size_t worker)
{
    const struct backward *b = context;

    meet_keys(b, tile / b->shape->kv_heads, tile % b->shape->kv_heads, worker);
}

static void queries_tile(void *context, size_t tile, size_t worker)
{
    const struct backward *b = context;
    size_t i = tile / b->shape->heads, h = tile % b->shape->heads;

    for (size_t j = b->blocks[i].sequence; j < b->blocks[i].sequence_end; j++)
        meet(b, &b->blocks[i], &b->blocks[j], h, worker);
}

static void run(struct backward *b, size_t blocks, double work)
{
    const struct slim_attention_shape *shape = b->shape;
    bool few = shape->sequences * shape->kv_heads < FEW;

    b->want_kv = true;
    b->want_q = !few;
    slim_parallel(blocks * shape->kv_heads, work,
                  few ? keys_tile : sequence_tile, b);
    if (!few)
        return;
    b->want_kv = false;
    b->want_q = true;
    slim_parallel(blocks * shape->heads, work, queries_tile, b);
}

static void clear(float *x, size_t first, size_t last, size_t width)
{
    memset(x + first * width, 0, (last - first) * width * sizeof *x);
}

/*
 * The gradient of a key sums over the query heads of its group, so a tile is
 * a key/value head, with a whole sequence or a block of its keys (the latter
 * computes the logits a second time for the queries). f32 sums over a block.
 */
void slim_blas_attention_grad(float *dq, float *dk, float *dv, const float *d_o,
                              const float *q, const float *k, const float *v,
                              const float *o, const float *lse,
                              const struct slim_attention_shape *shape)
{
    size_t first = shape->starts[0], last = shape->starts[shape->sequences];
    size_t area = slim_threads() * BLOCK * BLOCK, count;
    double work = 5.0 * slim_attention_work(shape);
    struct backward b = { .dq = dq,
                          .dk = dk,
                          .dv = dv,
                          .d_o = d_o,
                          .q = q,
                          .k = k,
                          .v = v,
                          .lse = lse,
                          .shape = shape };
    struct slim_token_block *blocks = slim_token_blocks(shape, BLOCK, &count);

    b.blocks = blocks;
    b.mean = SLIM_SCRATCH(last * shape->heads, float);
    b.p = SLIM_SCRATCH(area, float);
    b.d = SLIM_SCRATCH(area, float);
    clear(dq, first, last, shape->heads * shape->dim);
    clear(dk, first, last, shape->kv_heads * shape->dim);
    clear(dv, first, last, shape->kv_heads * shape->dim);
    slim_attention_means(b.mean, d_o, o, last * shape->heads, shape->dim);
    run(&b, count, work);
    free(b.mean);
    free(b.p);
    free(b.d);
    free(blocks);
}
