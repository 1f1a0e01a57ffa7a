/* bf16_attention_grad.c - the backward of attention, its products in bf16 */
#include "runtime/kernel/bf16.h"
#include "runtime/kernel/bf16_amx.h"
#include "runtime/kernel/blas.h"

#include <stdlib.h>

#if defined(HAVE_DNNL) && defined(__x86_64__) && defined(__GNUC__)

#include "base/array.h"
#include "runtime/kernel/bf16_strip.h"
#include "runtime/kernel/blas_attention.h"
#include "runtime/kernel/parallel.h"
#include "runtime/kernel/scratch.h"

#include <immintrin.h>
#include <string.h>

enum { LANES = SLIM_BF16_LANES, WIDE = SLIM_BF16_WIDE, BLOCK = LANES * WIDE };
enum { STEP = 2 * SLIM_BF16_PAIRS, AREA = BLOCK * BLOCK };

/*
 * Operands rounded to bf16, of every head a panel for each block of tokens, the
 * last filled up with zeros; `deep` is dim in whole STEPs. A panel of queries,
 * or of d_o: as rows (BLOCK, deep), and turned (deep, BLOCK). One of keys or
 * values: in pairs of dimensions (deep / 2, BLOCK, 2); of keys also in pairs of
 * tokens (BLOCK / 2, deep, 2).
 */
struct operands {
    const float *from_q, *from_d_o, *from_k, *from_v;
    uint16_t *q, *d_o, *q_turned, *d_o_turned;
    uint16_t *k, *v, *k_tokens;
};

struct backward {
    bool tiled; /* products are made in tile registers */
    float *dq, *dk, *dv;
    const float *lse;
    float *mean; /* (tokens * heads): d_o . o */
    const struct slim_attention_shape *shape;
    struct slim_meetings meetings;
    size_t deep;
    struct operands operands;
    float *rooms; /* of each worker, of room_floats */
};

/* What one worker computes with, in this order. */
struct room {
    float *s, *d;                 /* (BLOCK, BLOCK) */
    float *dq;                    /* (BLOCK, deep) */
    float *dk, *dv;               /* (deep, BLOCK): sums so far */
    uint32_t *p_pairs, *ds_pairs; /* (BLOCK / 2, BLOCK): pairs of queries */
    uint16_t *ds;                 /* (BLOCK, BLOCK) */
};

static size_t room_floats(const struct backward *b)
{
    size_t area = AREA, block = BLOCK;

    return 2 * area + 3 * block * b->deep + area + area / 2;
}

static struct room room_of(const struct backward *b, size_t worker)
{
    struct room room = { .s = b->rooms + worker * room_floats(b) };

    room.d = room.s + AREA;
    room.dq = room.d + AREA;
    room.dk = room.dq + BLOCK * b->deep;
    room.dv = room.dk + BLOCK * b->deep;
    room.p_pairs = (uint32_t *)(void *)(room.dv + BLOCK * b->deep);
    room.ds_pairs = room.p_pairs + AREA / 2;
    room.ds = (uint16_t *)(void *)(room.ds_pairs + AREA / 2);
    return room;
}

static const uint32_t *as_pairs(const uint16_t *halves)
{
    return (const uint32_t *)(const void *)halves;
}

/* out[deep, BLOCK] = x[BLOCK, deep], two rows at a time. */
static void turn(uint16_t *out, const uint16_t *x, size_t deep)
{
    for (size_t j = 0; j < BLOCK; j += 2)
        for (size_t d = 0; d < deep; d++) {
            uint32_t pair = x[j * deep + d] | (uint32_t)x[(j + 1) * deep + d]
                                                  << 16;

            memcpy(out + d * BLOCK + j, &pair, sizeof(pair));
        }
}

/* Rows of one head of x[tokens, heads, dim] in a panel of zeros. */
static void pack_rows(uint16_t *panel, const float *x, const struct backward *b,
                      const struct slim_token_block *block, size_t h)
{
    size_t dim = b->shape->dim;

    memset(panel, 0, BLOCK * b->deep * sizeof(*panel));
    for (size_t j = 0; j < block->last - block->first; j++)
        slim_bf16_round(panel + j * b->deep,
                        x + ((block->first + j) * b->shape->heads + h) * dim,
                        dim);
}

/* Panels of queries and of d_o, of one head and block. */
static void pack_queries(void *context, size_t tile, size_t worker)
{
    const struct backward *b = context;
    const struct operands *o = &b->operands;
    const struct slim_token_block *block =
        &b->meetings.blocks[tile % b->meetings.count];
    size_t h = tile / b->meetings.count, at = tile * BLOCK * b->deep;

    (void)worker;
    pack_rows(o->q + at, o->from_q, b, block, h);
    pack_rows(o->d_o + at, o->from_d_o, b, block, h);
    turn(o->q_turned + at, o->q + at, b->deep);
    turn(o->d_o_turned + at, o->d_o + at, b->deep);
}

/* Panels of keys and values, of one key/value head and block. */
static void pack_keys(void *context, size_t tile, size_t worker)
{
    const struct backward *b = context;
    const struct operands *o = &b->operands;
    const struct slim_token_block *block =
        &b->meetings.blocks[tile % b->meetings.count];
    size_t kv = tile / b->meetings.count, dim = b->shape->dim, deep = b->deep;
    size_t at = tile * BLOCK * deep, bytes = BLOCK * deep * sizeof(*o->k);
    uint16_t *k = o->k + at, *v = o->v + at, *k_tokens = o->k_tokens + at;

    (void)worker;
    memset(k, 0, bytes);
    memset(v, 0, bytes);
    memset(k_tokens, 0, bytes);
    for (size_t j = 0; j < block->last - block->first; j++) {
        size_t from = ((block->first + j) * b->shape->kv_heads + kv) * dim;

        for (size_t d = 0; d < dim; d++) {
            size_t pair = (d / 2 * BLOCK + j) * 2 + d % 2;

            k[pair] = slim_bf16_one(o->from_k[from + d]);
            v[pair] = slim_bf16_one(o->from_v[from + d]);
            k_tokens[(j / 2 * deep + d) * 2 + j % 2] = k[pair];
        }
    }
}

/* All panels, in one array that the caller returns. */
static uint16_t *pack(struct backward *b)
{
    size_t heads = b->shape->heads, kv_heads = b->shape->kv_heads;
    size_t count = b->meetings.count;
    size_t each = count * BLOCK * b->deep, wide = heads * each;
    struct operands *o = &b->operands;

    o->q = SLIM_BORROW(4 * wide + 3 * kv_heads * each, uint16_t);
    o->d_o = o->q + wide;
    o->q_turned = o->d_o + wide;
    o->d_o_turned = o->q_turned + wide;
    o->k = o->d_o_turned + wide;
    o->v = o->k + kv_heads * each;
    o->k_tokens = o->v + kv_heads * each;
    slim_parallel(heads * count, (double)(heads * each), pack_queries, b);
    slim_parallel(kv_heads * count, (double)(kv_heads * each), pack_keys, b);
    return o->q;
}

/* Two rows as pairs, one above the other. */
SLIM_BF16_CODE static void pair_rows(uint32_t *out, const float *upper,
                                     const float *lower)
{
    for (size_t j = 0; j < BLOCK; j += LANES) {
        __m512i low = _mm512_cvtepu16_epi32(
            (__m256i)_mm512_cvtneps_pbh(_mm512_loadu_ps(upper + j)));
        __m512i high = _mm512_cvtepu16_epi32(
            (__m256i)_mm512_cvtneps_pbh(_mm512_loadu_ps(lower + j)));

        _mm512_storeu_si512(out + j,
                            _mm512_or_si512(low, _mm512_slli_epi32(high, 16)));
    }
}

SLIM_BF16_CODE static void scale_all(float *x, float factor)
{
    for (size_t i = 0; i < AREA; i += LANES)
        _mm512_storeu_ps(x + i, _mm512_mul_ps(_mm512_loadu_ps(x + i),
                                              _mm512_set1_ps(factor)));
}

/* Probabilities and the gradient of logits, rounded as products want them. */
SLIM_BF16_CODE static void round_block(const struct room *room)
{
    for (size_t r = 0; r < BLOCK; r += 2) {
        const float *s = room->s + r * BLOCK, *d = room->d + r * BLOCK;

        pair_rows(room->p_pairs + r / 2 * BLOCK, s, s + BLOCK);
        pair_rows(room->ds_pairs + r / 2 * BLOCK, d, d + BLOCK);
    }
    for (size_t i = 0; i < AREA; i += LANES)
        _mm256_storeu_si256(
            (__m256i *)(void *)(room->ds + i),
            (__m256i)_mm512_cvtneps_pbh(_mm512_loadu_ps(room->d + i)));
}

/* s = q k^T, d = d_o v^T; then probabilities and the gradient of logits, zero
 * where a query is none. at_q, at_k: panels of the head. */
static void logits(const struct backward *b, const struct room *room,
                   const struct slim_logits *s, size_t h, size_t at_q,
                   size_t at_k)
{
    size_t deep = b->deep, heads = b->shape->heads, rows = s->queries;
    size_t q = at_q * BLOCK * deep, k = at_k * BLOCK * deep;
    size_t first = s->query * heads + h;

    slim_bf16_strips(b->tiled, room->s, BLOCK, b->operands.q + q, deep,
                     as_pairs(b->operands.k + k), BLOCK, BLOCK, deep / 2, WIDE,
                     false);
    slim_bf16_strips(b->tiled, room->d, BLOCK, b->operands.d_o + q, deep,
                     as_pairs(b->operands.v + k), BLOCK, BLOCK, deep / 2, WIDE,
                     false);
    scale_all(room->s, b->shape->scale);
    slim_attention_chain(s, room->d, b->lse + first, b->mean + first, heads);
    memset(room->s + rows * BLOCK, 0, (BLOCK - rows) * BLOCK * sizeof(float));
    memset(room->d + rows * BLOCK, 0, (BLOCK - rows) * BLOCK * sizeof(float));
    round_block(room);
}

/* dv^T += d_o^T p, dk^T += q^T ds */
static void add_keys(const struct backward *b, const struct room *room,
                     size_t at_q)
{
    size_t deep = b->deep, q = at_q * BLOCK * deep;

    slim_bf16_strips(b->tiled, room->dv, BLOCK, b->operands.d_o_turned + q,
                     BLOCK, room->p_pairs, BLOCK, deep, BLOCK / 2, WIDE, true);
    slim_bf16_strips(b->tiled, room->dk, BLOCK, b->operands.q_turned + q, BLOCK,
                     room->ds_pairs, BLOCK, deep, BLOCK / 2, WIDE, true);
}

/* dq += scale ds k */
static void add_queries(const struct backward *b, const struct room *room,
                        const struct slim_logits *s, size_t h, size_t at_k)
{
    size_t deep = b->deep, dim = b->shape->dim, heads = b->shape->heads;
    const uint16_t *k = b->operands.k_tokens + at_k * BLOCK * deep;

    for (size_t d = 0; d < deep; d += BLOCK) {
        size_t left = (deep - d) / LANES;

        slim_bf16_strips(b->tiled, room->dq + d, deep, room->ds, BLOCK,
                         as_pairs(k) + d, deep, BLOCK, BLOCK / 2,
                         left < WIDE ? left : WIDE, false);
    }
    for (size_t r = 0; r < s->queries; r++) {
        float *dq = b->dq + ((s->query + r) * heads + h) * dim;

#pragma omp simd
        for (size_t d = 0; d < dim; d++)
            dq[d] += b->shape->scale * room->dq[r * deep + d];
    }
}

/* What block i of queries of head h and block j of keys do to each other. */
static void meet(void *context, size_t i, size_t j, size_t h, size_t worker)
{
    const struct backward *b = context;
    const struct slim_attention_shape *shape = b->shape;
    const struct slim_token_block *query = &b->meetings.blocks[i];
    struct room room = room_of(b, worker);
    size_t at_q = h * b->meetings.count + i;
    size_t at_k = h / (shape->heads / shape->kv_heads) * b->meetings.count + j;
    struct slim_logits s = {
        .at = room.s,
        .query = query->first,
        .queries = query->last - query->first,
        .key = b->meetings.blocks[j].first,
        .keys = BLOCK, /* those after the last that is seen are not */
        .start = query->start,
        .window = shape->window,
        .prefix = query->prefix,
        .slope = shape->slopes ? shape->slopes[h] : 0,
    };

    slim_bf16_strips_open(b->tiled);
    logits(b, &room, &s, h, at_q, at_k);
    if (b->meetings.want_kv)
        add_keys(b, &room, at_q);
    if (b->meetings.want_q)
        add_queries(b, &room, &s, h, at_k);
    slim_bf16_strips_close(b->tiled);
}

static void begin_keys(void *context, size_t worker)
{
    const struct backward *b = context;
    struct room room = room_of(b, worker);

    memset(room.dk, 0, BLOCK * b->deep * sizeof(*room.dk));
    memset(room.dv, 0, BLOCK * b->deep * sizeof(*room.dv));
}

/* The sums of a block of keys, turned back. */
static void put_keys(void *context, size_t j, size_t kv, size_t worker)
{
    const struct backward *b = context;
    const struct slim_token_block *key = &b->meetings.blocks[j];
    struct room room = room_of(b, worker);
    size_t dim = b->shape->dim;

    for (size_t t = 0; t < key->last - key->first; t++) {
        size_t at = ((key->first + t) * b->shape->kv_heads + kv) * dim;

        for (size_t d = 0; d < dim; d++) {
            b->dk[at + d] = b->shape->scale * room.dk[d * BLOCK + t];
            b->dv[at + d] = room.dv[d * BLOCK + t];
        }
    }
}

/*
 * The gradient of what the forward computed from rounded operands; d_o, the
 * probabilities and the gradient of the logits are rounded, too, before they
 * are multiplied. Products are exact, sums f32, over a block in pairs.
 */
void slim_bf16_attention_grad_packed(float *dq, float *dk, float *dv,
                                     const float *d_o, const float *q,
                                     const float *k, const float *v,
                                     const float *o, const float *lse,
                                     const struct slim_attention_shape *shape)
{
    size_t first = shape->starts[0], last = shape->starts[shape->sequences];
    size_t wide = shape->heads * shape->dim;
    struct backward b = { .tiled = slim_amx_here(),
                          .dq = dq,
                          .dk = dk,
                          .dv = dv,
                          .lse = lse,
                          .shape = shape,
                          .meetings = { .shape = shape,
                                        .context = &b,
                                        .meet = meet,
                                        .begin = begin_keys,
                                        .end = put_keys },
                          .operands = { q, d_o, k, v },
                          .deep = slim_tiles(shape->dim, STEP) * STEP };
    struct slim_token_block *blocks =
        slim_token_blocks(shape, BLOCK, &b.meetings.count);

    b.meetings.blocks = blocks;
    uint16_t *panels = pack(&b);
    b.mean = SLIM_SCRATCH(last * shape->heads, float);
    b.rooms = SLIM_SCRATCH(slim_threads() * room_floats(&b), float);
    memset(dq + first * wide, 0, (last - first) * wide * sizeof(*dq));
    /* as d_o is multiplied: d - mean is small where one key has all */
    float *rounded = slim_bf16_rounded(d_o, last * wide);
    slim_attention_means(b.mean, rounded, o, last * shape->heads, shape->dim);
    free(rounded);
    slim_attention_meet(&b.meetings);
    slim_array_return(panels);
    free(b.mean);
    free(b.rooms);
    free(blocks);
}

#else

/* The table is not handed out where slim_bf16_here says no. */
void slim_bf16_attention_grad_packed(float *dq, float *dk, float *dv,
                                     const float *d_o, const float *q,
                                     const float *k, const float *v,
                                     const float *o, const float *lse,
                                     const struct slim_attention_shape *shape)
{
    slim_blas_attention_grad(dq, dk, dv, d_o, q, k, v, o, lse, shape);
}

#endif

/*
 * Where there are tile registers, everything is multiplied in bf16: 0.35 to 0.7
 * of the time of f32, sequences of 2048 and of 64 tokens. Else in f32, which is
 * faster than bf16 in vectors then.
 */
void slim_bf16_attention_grad(float *dq, float *dk, float *dv, const float *d_o,
                              const float *q, const float *k, const float *v,
                              const float *o, const float *lse,
                              const struct slim_attention_shape *shape)
{
    size_t tokens = shape->starts[shape->sequences];
    size_t narrow = tokens * shape->kv_heads * shape->dim;

    if (slim_amx_here()) {
        slim_bf16_attention_grad_packed(dq, dk, dv, d_o, q, k, v, o, lse,
                                        shape);
        return;
    }
    float *queries = slim_bf16_rounded(q, tokens * shape->heads * shape->dim);
    float *keys = slim_bf16_rounded(k, narrow);
    float *values = slim_bf16_rounded(v, narrow);

    slim_blas_attention_grad(dq, dk, dv, d_o, queries, keys, values, o, lse,
                             shape);
    free(queries);
    free(keys);
    free(values);
}
