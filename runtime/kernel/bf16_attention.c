/* bf16_attention.c - attention in blocks, its products in bf16 with f32 sums */
#include "runtime/kernel/bf16.h"
#include "runtime/kernel/blas.h"

#include <stdlib.h>

#if defined(HAVE_DNNL) && defined(__x86_64__) && defined(__GNUC__)

#include "runtime/kernel/bf16_amx.h"
#include "runtime/kernel/bf16_strip.h"
#include "runtime/kernel/blas_attention.h"
#include "runtime/kernel/parallel.h"
#include "runtime/kernel/scratch.h"
#include "runtime/kernel/vector.h"

#include <float.h>
#include <immintrin.h>
#include <math.h>
#include <string.h>

#define BF16 SLIM_BF16_CODE
#define BF16_INLINE BF16 static inline __attribute__((always_inline))

enum { LANES = SLIM_BF16_LANES, WIDE = SLIM_BF16_WIDE, PANEL = LANES * WIDE };
enum { PAIRS = SLIM_BF16_PAIRS, STEP = 2 * PAIRS };
enum { QUERIES = PANEL, KEYS = 256 };

/*
 * Keys and values in the order in which strips read them, rounded to bf16: each
 * two that are multiplied one after the other stand side by side. Of every
 * key/value head, panels of PANEL tokens of a sequence, the last filled up with
 * zeros: of keys [deep / 2][PANEL][2], of values [PANEL / 2][wide][2].
 */
struct packed {
    uint32_t *keys, *values;
    size_t deep, wide;                     /* dim in whole STEPs, in LANES */
    const struct slim_token_block *panels; /* of all sequences */
    size_t count;
};

struct forward {
    bool tiled; /* products are made in tile registers */
    float *o, *lse;
    const float *q, *k, *v;
    const struct slim_attention_shape *shape;
    const struct slim_token_block *blocks;
    struct packed packed;
    float *rooms; /* of each worker, of room_floats */
};

/* What one worker computes with, in this order. */
struct room {
    float *s;    /* (QUERIES, KEYS): logits */
    float *o;    /* (QUERIES, wide): sums so far */
    double *sum; /* (QUERIES): of exp(logit - largest) */
    float *top;  /* (QUERIES): largest logit so far, times log2(e) */
    uint16_t *p; /* (QUERIES, KEYS): exponentials */
    uint16_t *q; /* (QUERIES, deep) */
};

/* What a row of queries sees of a block of keys. */
struct seen {
    size_t lo, hi;
};

static const float LOG2_E = 1.44269504f;
static const double LN_2 = 0.69314718055994531;

/* Whole lines of the cache, since workers' rooms lie side by side. */
static size_t room_floats(const struct packed *packed)
{
    size_t each = KEYS + packed->wide + 2 + 1 + KEYS / 2 + packed->deep / 2;

    return QUERIES * each;
}

static struct room room_of(const struct forward *f, size_t worker)
{
    struct room room = { .s = f->rooms + worker * room_floats(&f->packed) };

    room.o = room.s + (size_t)QUERIES * KEYS;
    room.sum = (double *)(void *)(room.o + QUERIES * f->packed.wide);
    room.top = (float *)(void *)(room.sum + QUERIES);
    room.p = (uint16_t *)(void *)(room.top + QUERIES);
    room.q = room.p + (size_t)QUERIES * KEYS;
    return room;
}

/* 2^x within 2e-7 of itself: the polynomial is the best of its degree for the
 * fraction of x, with 1 at 0. Far below zero it is 0, NaN stays. */
BF16_INLINE __m512 power(__m512 x)
{
    __m512 f = _mm512_reduce_ps(x, _MM_FROUND_TO_NEG_INF | _MM_FROUND_NO_EXC);
    __m512 p = _mm512_set1_ps(1.867130515e-3f);

    p = _mm512_fmadd_ps(p, f, _mm512_set1_ps(9.017029777e-3f));
    p = _mm512_fmadd_ps(p, f, _mm512_set1_ps(5.579991266e-2f));
    p = _mm512_fmadd_ps(p, f, _mm512_set1_ps(2.401644439e-1f));
    p = _mm512_fmadd_ps(p, f, _mm512_set1_ps(6.931512952e-1f));
    p = _mm512_fmadd_ps(p, f, _mm512_set1_ps(1.0f));
    return _mm512_scalef_ps(p, x); /* by its whole part */
}

/* The lanes of vector `at` that are columns lo .. hi - 1. */
BF16_INLINE __mmask16 between(size_t at, size_t lo, size_t hi)
{
    size_t from = lo > at ? slim_least(lo - at, LANES) : 0;
    size_t until = hi > at ? slim_least(hi - at, LANES) : 0;

    return (__mmask16)((1u << until) - (1u << slim_least(from, until)));
}

/* p = 2^(factor s - top) rounded, over lo .. hi - 1, zero outside up to `keys`;
 * returns the sum before rounding. */
BF16_INLINE float powers(uint16_t *p, const float *s, float factor, float top,
                         size_t lo, size_t hi, size_t keys)
{
    __m512 sum = _mm512_setzero_ps(), by = _mm512_set1_ps(factor);
    __m512 less = _mm512_set1_ps(top);

    for (size_t j = 0; j < keys; j += LANES) {
        __mmask16 seen = between(j, lo, hi);
        __m512 e = power(
            _mm512_fmsub_ps(_mm512_maskz_loadu_ps(seen, s + j), by, less));

        e = _mm512_maskz_mov_ps(seen, e);
        sum = _mm512_add_ps(sum, e);
        _mm256_storeu_si256((__m256i *)(void *)(p + j),
                            (__m256i)_mm512_cvtneps_pbh(e));
    }
    return _mm512_reduce_add_ps(sum);
}

/* The same over all KEYS. */
BF16_INLINE float all_powers(uint16_t *p, const float *s, float factor,
                             float top)
{
    __m512 sum = _mm512_setzero_ps(), by = _mm512_set1_ps(factor);
    __m512 less = _mm512_set1_ps(top);

    for (size_t j = 0; j < KEYS; j += STEP) {
        __m512 low = power(_mm512_fmsub_ps(_mm512_loadu_ps(s + j), by, less));
        __m512 high =
            power(_mm512_fmsub_ps(_mm512_loadu_ps(s + j + LANES), by, less));

        sum = _mm512_add_ps(sum, _mm512_add_ps(low, high));
        _mm512_storeu_si512(p + j, (__m512i)_mm512_cvtne2ps_pbh(high, low));
    }
    return _mm512_reduce_add_ps(sum);
}

BF16_INLINE float largest(const float *s, size_t lo, size_t hi)
{
    __m512 top = _mm512_set1_ps(-FLT_MAX);

    for (size_t j = lo - lo % LANES; j < hi; j += LANES)
        top = _mm512_mask_max_ps(top, between(j, lo, hi), top,
                                 _mm512_loadu_ps(s + j));
    return _mm512_reduce_max_ps(top);
}

/* Of all KEYS, in chains that do not wait for each other. */
BF16_INLINE float largest_of_all(const float *s)
{
    __m512 a = _mm512_loadu_ps(s), b = _mm512_loadu_ps(s + LANES);

    for (size_t j = STEP; j < KEYS; j += STEP) {
        a = _mm512_max_ps(a, _mm512_loadu_ps(s + j));
        b = _mm512_max_ps(b, _mm512_loadu_ps(s + j + LANES));
    }
    return _mm512_reduce_max_ps(_mm512_max_ps(a, b));
}

BF16 static void scale_row(float *row, size_t n, float factor)
{
    for (size_t d = 0; d < n; d += LANES)
        _mm512_storeu_ps(row + d, _mm512_mul_ps(_mm512_loadu_ps(row + d),
                                                _mm512_set1_ps(factor)));
}

static inline bool sees_all(const struct seen *seen)
{
    return seen->lo == 0 && seen->hi == KEYS;
}

/* The largest logit of a row so far, and what was summed up under the one before
 * fades to it. */
BF16_INLINE void lift(struct room *room, size_t r, const struct seen *seen,
                      float factor, size_t wide)
{
    const float *s = room->s + r * KEYS;
    float top = factor * (sees_all(seen) ? largest_of_all(s)
                                         : largest(s, seen->lo, seen->hi));

    if (seen->hi <= seen->lo || !(top > room->top[r]))
        return;
    if (room->sum[r] > 0) {
        float fade = exp2f(room->top[r] - top);

        scale_row(room->o + r * wide, wide, fade);
        room->sum[r] *= (double)fade;
    }
    room->top[r] = top;
}

/* Where there are slopes, the logits of a row are scaled before they lean. */
static void lean(float *s, const struct slim_logits *block, size_t r,
                 const struct seen *seen, float scale)
{
    for (size_t j = seen->lo; j < seen->hi; j++)
        s[j] *= scale;
    slim_logits_lean(s, block->slope,
                     (float)((double)(block->query + r) - (double)block->key),
                     seen->lo, seen->hi);
}

/* Logits to exponentials, and the sums so far to the new largest logit (Milakov
 * and Gimelshein 2018, arXiv:1805.02867, algorithm 3). */
BF16 static void absorb(struct room *room, const struct slim_logits *block,
                        float scale, size_t wide)
{
    struct seen seen[QUERIES];
    size_t keys = slim_tiles(block->keys, STEP) * STEP;
    bool leans = block->slope != 0;
    float factor = LOG2_E * (leans ? 1.0f : scale);

    for (size_t r = 0; r < block->queries; r++) {
        slim_logits_seen(block, r, &seen[r].lo, &seen[r].hi);
        if (leans)
            lean(room->s + r * KEYS, block, r, &seen[r], scale);
        lift(room, r, &seen[r], factor, wide);
    }
    for (size_t r = 0; r < block->queries; r++) {
        const float *s = room->s + r * KEYS;
        uint16_t *p = room->p + r * KEYS;
        float top = room->top[r];

        room->sum[r] +=
            (double)(sees_all(&seen[r]) ? all_powers(p, s, factor, top)
                                        : powers(p, s, factor, top, seen[r].lo,
                                                 seen[r].hi, keys));
    }
}

/* s = q k^T of a block; keys: its first panel. */
static void logits(struct room *room, const struct forward *f,
                   const struct slim_logits *block, const uint32_t *keys)
{
    size_t deep = f->packed.deep;

    for (size_t j = 0; j < block->keys; j += PANEL)
        slim_bf16_strips(f->tiled, room->s + j, KEYS, room->q, deep,
                         keys + j * deep / 2, PANEL, block->queries, deep / 2,
                         WIDE, false);
}

/* o += p v */
static void gather(struct room *room, const struct forward *f,
                   const struct slim_logits *block, const uint32_t *values)
{
    size_t wide = f->packed.wide;

    for (size_t d = 0; d < wide; d += PANEL)
        slim_bf16_strips(f->tiled, room->o + d, wide, room->p, KEYS, values + d,
                         wide, block->queries,
                         slim_tiles(block->keys, STEP) * PAIRS,
                         slim_least((wide - d) / LANES, WIDE), true);
}

BF16 static void round_row(uint16_t *out, const float *x, size_t count)
{
    for (size_t i = 0; i < count; i += LANES) {
        __mmask16 there = between(i, 0, count);

        _mm256_mask_storeu_epi16(
            out + i, there,
            (__m256i)_mm512_cvtneps_pbh(_mm512_maskz_loadu_ps(there, x + i)));
    }
}

/* Queries of one head, rounded, and nothing yet of their sums; zeros up to
 * SLIM_BF16_ROWS. */
static void start(struct room *room, const struct forward *f,
                  const struct slim_token_block *b, size_t h)
{
    size_t dim = f->shape->dim, deep = f->packed.deep;
    size_t count = b->last - b->first,
           rows = slim_tiles(count, SLIM_BF16_ROWS) * SLIM_BF16_ROWS;

    memset(room->q, 0, rows * deep * sizeof(*room->q));
    memset(room->p + count * KEYS, 0, (rows - count) * KEYS * sizeof(*room->p));
    memset(room->o, 0, rows * f->packed.wide * sizeof(*room->o));
    for (size_t r = 0; r < count; r++)
        round_row(room->q + r * deep,
                  f->q + ((b->first + r) * f->shape->heads + h) * dim, dim);
    for (size_t r = 0; r < QUERIES; r++) {
        room->top[r] = -FLT_MAX;
        room->sum[r] = 0;
    }
}

BF16 static void finish(const struct room *room, const struct forward *f,
                        const struct slim_token_block *b, size_t h)
{
    size_t dim = f->shape->dim, heads = f->shape->heads;

    for (size_t r = 0; r < b->last - b->first; r++) {
        const float *from = room->o + r * f->packed.wide;
        float *o = f->o + ((b->first + r) * heads + h) * dim;
        float part = (float)(1.0 / room->sum[r]);

#pragma omp simd
        for (size_t d = 0; d < dim; d++)
            o[d] = from[d] * part;
        if (f->lse)
            f->lse[(b->first + r) * heads + h] =
                (float)(LN_2 * (double)room->top[r] + log(room->sum[r]));
    }
}

/* One block of queries of one head, over all blocks of keys that it sees. */
static void forward_tile(void *context, size_t tile, size_t worker)
{
    const struct forward *f = context;
    const struct packed *packed = &f->packed;
    const struct slim_attention_shape *shape = f->shape;
    size_t h = tile % shape->heads;
    size_t kv = h / (shape->heads / shape->kv_heads);
    const struct slim_token_block *b = &f->blocks[tile / shape->heads];
    struct room room = room_of(f, worker);
    struct slim_logits s = { .query = b->first,
                             .queries = b->last - b->first,
                             .start = b->start,
                             .window = shape->window,
                             .prefix = b->prefix,
                             .slope = shape->slopes ? shape->slopes[h] : 0 };
    size_t first = slim_first_key(shape->window, b->start, b->first);

    slim_bf16_strips_open(f->tiled);
    start(&room, f, b, h);
    /* queries and panels are of the same length, and so are their numbers */
    for (s.key = first - (first - b->start) % KEYS; s.key < slim_last_key(b);
         s.key += KEYS) {
        size_t panel = b->sequence + (s.key - b->start) / PANEL;
        size_t at = kv * packed->count + panel;

        s.keys = slim_least(slim_last_key(b) - s.key, KEYS);
        logits(&room, f, &s, packed->keys + at * PANEL * packed->deep / 2);
        absorb(&room, &s, shape->scale, packed->wide);
        gather(&room, f, &s, packed->values + at * PANEL * packed->wide / 2);
    }
    finish(&room, f, b, h);
    slim_bf16_strips_close(f->tiled);
}

/* Two numbers, rounded, as one word: the first in its low half. */
SLIM_INLINE uint32_t pair(float first, float second)
{
    return slim_bf16_one(first) | (uint32_t)slim_bf16_one(second) << 16;
}

/* One token's keys, a pair of dimensions after another. */
BF16 static void pack_key(uint32_t *out, const float *k, size_t dim)
{
    for (size_t d = 0; d + 1 < dim; d += 2)
        out[d / 2 * PANEL] = pair(k[d], k[d + 1]);
    if (dim % 2)
        out[dim / 2 * PANEL] = pair(k[dim - 1], 0);
}

/* The values of two tokens, or of the last one. */
BF16 static void pack_values(uint32_t *out, const float *v, const float *next,
                             size_t dim)
{
    for (size_t d = 0; d < dim; d++)
        out[d] = pair(v[d], next ? next[d] : 0.0f);
}

/* A panel of one key/value head. */
static void pack_tile(void *context, size_t tile, size_t worker)
{
    const struct forward *f = context;
    const struct packed *packed = &f->packed;
    size_t dim = f->shape->dim, step = f->shape->kv_heads * dim;
    const struct slim_token_block *b = &packed->panels[tile % packed->count];
    size_t count = b->last - b->first;
    size_t at = b->first * step + tile / packed->count * dim;
    uint32_t *keys = packed->keys + tile * PANEL * packed->deep / 2;
    uint32_t *values = packed->values + tile * PANEL * packed->wide / 2;

    (void)worker;
    memset(keys, 0, PANEL * packed->deep / 2 * sizeof(*keys));
    memset(values, 0, PANEL * packed->wide / 2 * sizeof(*values));
    for (size_t j = 0; j < count; j++, at += step) {
        pack_key(keys + j, f->k + at, dim);
        if (j % 2 == 0)
            pack_values(values + j / 2 * packed->wide, f->v + at,
                        j + 1 < count ? f->v + at + step : NULL, dim);
    }
}

static void pack(struct forward *f)
{
    const struct slim_attention_shape *shape = f->shape;
    struct packed *packed = &f->packed;
    size_t tiles = shape->kv_heads * packed->count;

    packed->deep = slim_tiles(shape->dim, STEP) * STEP;
    packed->wide = slim_tiles(shape->dim, LANES) * LANES;
    packed->keys = SLIM_SCRATCH(tiles * PANEL * packed->deep / 2, uint32_t);
    packed->values = SLIM_SCRATCH(tiles * PANEL * packed->wide / 2, uint32_t);
    slim_parallel(tiles, (double)(tiles * PANEL * shape->dim), pack_tile, f);
}

/*
 * Queries, keys, values and the exponentials that weigh them are rounded to
 * bf16; products are exact, sums f32, and the softmax's denominator is the sum
 * of the exponentials as they were before.
 */
void slim_bf16_attention(float *o, float *lse, const float *q, const float *k,
                         const float *v,
                         const struct slim_attention_shape *shape)
{
    struct forward f = {
        .tiled = slim_amx_here(),
        .o = o,
        .lse = lse,
        .q = q,
        .k = k,
        .v = v,
        .shape = shape,
    };
    struct slim_token_block *blocks =
        slim_token_blocks(shape, PANEL, &f.packed.count);

    f.blocks = f.packed.panels = blocks;
    pack(&f);
    f.rooms = SLIM_SCRATCH(slim_threads() * room_floats(&f.packed), float);
    slim_parallel(f.packed.count * shape->heads,
                  2.0 * slim_attention_work(shape), forward_tile, &f);
    free(f.rooms);
    free(f.packed.keys);
    free(f.packed.values);
    free(blocks);
}

#else

void slim_bf16_attention(float *o, float *lse, const float *q, const float *k,
                         const float *v,
                         const struct slim_attention_shape *shape)
{
    slim_blas_attention(o, lse, q, k, v, shape);
}

#endif
