/* blas_lora.c - low-rank adapters, in one pass over each array */
#include "runtime/kernel/blas.h"
#include "runtime/kernel/parallel.h"
#include "runtime/kernel/scratch.h"
#include "runtime/kernel/vector.h"

#include <stdlib.h>
#include <string.h>

/*
 * RANKS and rows of a GROUP are taken at a time, for which registers suffice. A
 * part of the rows is a tile, with gradients of its own that are summed in the
 * order of the parts: all of them together take no more than x and y.
 */
enum { RANKS = 4, GROUP = 4, PART = 128 };

/* A run of the generator: BLOCKS blocks of eight numbers of 16 bits each. */
enum { BLOCKS = 32, RUN = 8 * BLOCKS };

struct lora {
    float *y, *dx;
    float *da, *db; /* of each part, (ranks, in) and (ranks, out), or NULL */
    const float *x, *dy;
    const struct slim_lora *given;
    float *a, *b; /* (ranks, in), (ranks, out) */
    size_t rows, part;
    size_t ranks; /* the rank in whole RANKS: beyond it is zero */
    float up;
    uint32_t bound;
    float *rooms; /* of each worker, of room_floats */
};

/* What lives while a group of rows is at work. */
struct room {
    float *kept;       /* (GROUP, in): x with elements dropped */
    float *low, *back; /* (GROUP, ranks) */
    uint16_t *bits;    /* of each element of kept */
    size_t first;      /* where those of the first begin */
};

static size_t room_floats(const struct lora *l)
{
    size_t kept = GROUP * l->given->in, bits = kept + 2 * (size_t)RUN;

    return kept + 2 * (GROUP * l->ranks) + bits / 2;
}

static struct room room_of(const struct lora *l, size_t worker)
{
    struct room room = { .low = l->rooms + worker * room_floats(l) };

    room.back = room.low + GROUP * l->ranks;
    room.kept = room.back + GROUP * l->ranks;
    room.bits = (uint16_t *)(void *)(room.kept + GROUP * l->given->in);
    return room;
}

/*
 * The blocks from `first` on as slim_random_block makes them, a lane each:
 * Philox4x32-10 of base/random.c. bits[8 b + j] is number j of block b.
 */
SLIM_INLINE void philox_run(uint16_t bits[RUN], uint64_t first, uint64_t seed,
                            uint64_t stream)
{
    uint32_t x0[BLOCKS], x1[BLOCKS], x2[BLOCKS], x3[BLOCKS];
    uint32_t word[4 * BLOCKS];
    uint32_t key0 = (uint32_t)seed, key1 = (uint32_t)(seed >> 32);

    for (size_t l = 0; l < BLOCKS; l++) {
        x0[l] = (uint32_t)(first + l);
        x1[l] = (uint32_t)((first + l) >> 32);
        x2[l] = (uint32_t)stream;
        x3[l] = (uint32_t)(stream >> 32);
    }
    for (int round = 0; round < 10; round++) {
#pragma omp simd
        for (size_t l = 0; l < BLOCKS; l++) {
            uint64_t a = (uint64_t)0xd2511f53u * x0[l];
            uint64_t b = (uint64_t)0xcd9e8d57u * x2[l];
            x0[l] = (uint32_t)(b >> 32) ^ x1[l] ^ key0;
            x1[l] = (uint32_t)b;
            x2[l] = (uint32_t)(a >> 32) ^ x3[l] ^ key1;
            x3[l] = (uint32_t)a;
        }
        key0 += 0x9e3779b9u;
        key1 += 0xbb67ae85u;
    }
    for (size_t l = 0; l < BLOCKS; l++) {
        word[4 * l] = x0[l];
        word[4 * l + 1] = x1[l];
        word[4 * l + 2] = x2[l];
        word[4 * l + 3] = x3[l];
    }
    for (size_t i = 0; i < RUN / 2; i++) {
        bits[2 * i] = (uint16_t)word[i];
        bits[2 * i + 1] = (uint16_t)(word[i] >> 16);
    }
}

/* The numbers of rows from `row` on, and those rows with elements dropped. */
SLIM_INLINE const float *drop(const struct lora *l, struct room *room,
                              size_t row, size_t rows)
{
    const struct slim_lora *given = l->given;
    size_t start = row * given->in, count = rows * given->in;
    const float *x = l->x + start;
    float up = l->up, *kept = room->kept;
    uint32_t bound = l->bound;

    if (given->dropout <= 0.0f)
        return x;
    room->first = start % 8;
    for (size_t i = 0; i < room->first + count; i += RUN)
        philox_run(room->bits + i, (start + i) / 8, given->seed, given->stream);
    const uint16_t *bits = room->bits + room->first;
#pragma omp simd
    for (size_t i = 0; i < count; i++)
        kept[i] = bits[i] < bound ? 0.0f : x[i] * up;
    return kept;
}

/* Products of SLIM_LANES numbers are added to as many sums. */
SLIM_INLINE void add_lanes(float *lane, const float *x, const float *m,
                           size_t count)
{
#pragma omp simd
    for (size_t l = 0; l < count; l++)
        lane[l] += x[l] * m[l];
}

/* out[r] = scale * sum over k of x[k] m[r][k], of RANKS by hand, so that sums
 * stay in registers */
SLIM_INLINE void dots(float *out, const float *x, const float *m, size_t n,
                      float scale)
{
    float a[SLIM_LANES] = { 0 }, b[SLIM_LANES] = { 0 };
    float c[SLIM_LANES] = { 0 }, d[SLIM_LANES] = { 0 };
    size_t k = 0;

    for (; k + SLIM_LANES <= n; k += SLIM_LANES) {
        add_lanes(a, x + k, m + k, SLIM_LANES);
        add_lanes(b, x + k, m + n + k, SLIM_LANES);
        add_lanes(c, x + k, m + 2 * n + k, SLIM_LANES);
        add_lanes(d, x + k, m + 3 * n + k, SLIM_LANES);
    }
    add_lanes(a, x + k, m + k, n - k);
    add_lanes(b, x + k, m + n + k, n - k);
    add_lanes(c, x + k, m + 2 * n + k, n - k);
    add_lanes(d, x + k, m + 3 * n + k, n - k);
    out[0] = scale * slim_lanes_sum(a);
    out[1] = scale * slim_lanes_sum(b);
    out[2] = scale * slim_lanes_sum(c);
    out[3] = scale * slim_lanes_sum(d);
}

/* The sum over i < 4 of factor[i * step] x[i * n + k]: RANKS and GROUP by hand,
 * since of a loop in a loop the compiler makes no vectors. */
SLIM_INLINE float four(const float *factor, size_t step, const float *x,
                       size_t n, size_t k)
{
    return factor[0] * x[k] + factor[step] * x[n + k] +
           factor[2 * step] * x[2 * n + k] + factor[3 * step] * x[3 * n + k];
}

/* g[r][k] += sum over t of low[t][r] x[t][k], for GROUP rows or one */
SLIM_INLINE void outer(float *g, const float *low, size_t ranks, const float *x,
                       size_t n, size_t rows)
{
    for (size_t r = 0; r < RANKS; r++) {
        float *to = g + r * n;

        if (rows == 1) {
#pragma omp simd
            for (size_t k = 0; k < n; k++)
                to[k] += low[r] * x[k];
        } else {
#pragma omp simd
            for (size_t k = 0; k < n; k++)
                to[k] += four(low + r, ranks, x, n, k);
        }
    }
}

/* y[k] += sum over r of low[r] m[r][k] */
SLIM_INLINE void expand(float *y, const float *low, const float *m, size_t n)
{
#pragma omp simd
    for (size_t k = 0; k < n; k++)
        y[k] += four(low, 1, m, n, k);
}

/* The same where the element was kept. */
SLIM_INLINE void expand_kept(float *y, const float *low, const float *m,
                             size_t n, const uint16_t *bits, uint32_t bound,
                             float up)
{
#pragma omp simd
    for (size_t k = 0; k < n; k++) {
        float sum = four(low, 1, m, n, k) * up;

        y[k] += bits[k] < bound ? 0.0f : sum;
    }
}

SLIM_INLINE void all_dots(float *out, size_t ranks, const float *x,
                          const float *m, size_t n, float scale, size_t rows)
{
    for (size_t r = 0; r < ranks; r += RANKS)
        for (size_t t = 0; t < rows; t++)
            dots(out + t * ranks + r, x + t * n, m + r * n, n, scale);
}

SLIM_INLINE void all_outer(float *g, const float *low, size_t ranks,
                           const float *x, size_t n, size_t rows)
{
    for (size_t r = 0; r < ranks; r += RANKS)
        if (rows == GROUP)
            outer(g + r * n, low + r, ranks, x, n, GROUP);
        else
            for (size_t t = 0; t < rows; t++)
                outer(g + r * n, low + t * ranks + r, ranks, x + t * n, n, 1);
}

SLIM_CLONES
static void forward_group(const struct lora *l, struct room *room, size_t row,
                          size_t rows)
{
    const struct slim_lora *given = l->given;
    const float *kept = drop(l, room, row, rows);
    size_t in = given->in, out = given->out, ranks = l->ranks;

    all_dots(room->low, ranks, kept, l->a, in, given->scale, rows);
    for (size_t t = 0; t < rows; t++)
        for (size_t r = 0; r < ranks; r += RANKS)
            expand(l->y + (row + t) * out, room->low + t * ranks + r,
                   l->b + r * out, out);
}

static void forward_tile(void *context, size_t tile, size_t worker)
{
    const struct lora *l = context;
    struct room room = room_of(l, worker);
    size_t first = tile * l->part;
    size_t count = slim_tile_length(l->rows, l->part, tile);

    for (size_t t = 0; t < count; t += GROUP)
        forward_group(l, &room, first + t,
                      slim_tile_length(count, GROUP, t / GROUP));
}

/* Where the mask is the one of the forward: made again, with low. */
SLIM_CLONES
static void backward_group(const struct lora *l, struct room *room, size_t row,
                           size_t rows, float *da, float *db)
{
    const struct slim_lora *given = l->given;
    const float *kept = drop(l, room, row, rows);
    size_t in = given->in, out = given->out, ranks = l->ranks;
    const float *dy = l->dy + row * out;

    all_dots(room->back, ranks, dy, l->b, out, given->scale, rows);
    if (db) {
        all_dots(room->low, ranks, kept, l->a, in, given->scale, rows);
        all_outer(db, room->low, ranks, dy, out, rows);
    }
    if (da)
        all_outer(da, room->back, ranks, kept, in, rows);
    for (size_t t = 0; l->dx && t < rows; t++)
        for (size_t r = 0; r < ranks; r += RANKS) {
            float *dx = l->dx + (row + t) * in;
            const float *back = room->back + t * ranks + r;

            if (kept == room->kept)
                expand_kept(dx, back, l->a + r * in, in,
                            room->bits + room->first + t * in, l->bound, l->up);
            else
                expand(dx, back, l->a + r * in, in);
        }
}

static void backward_tile(void *context, size_t tile, size_t worker)
{
    const struct lora *l = context;
    struct room room = room_of(l, worker);
    size_t first = tile * l->part;
    size_t count = slim_tile_length(l->rows, l->part, tile);
    size_t wide = l->ranks * l->given->in, tall = l->ranks * l->given->out;
    float *da = l->da ? l->da + tile * wide : NULL;
    float *db = l->db ? l->db + tile * tall : NULL;

    if (da)
        memset(da, 0, wide * sizeof(*da));
    if (db)
        memset(db, 0, tall * sizeof(*db));
    for (size_t t = 0; t < count; t += GROUP)
        backward_group(l, &room, first + t,
                       slim_tile_length(count, GROUP, t / GROUP), da, db);
}

/* a, and b turned, in whole RANKS. */
static void prepare(struct lora *l)
{
    const struct slim_lora *given = l->given;
    size_t in = given->in, out = given->out, rank = given->rank;

    l->ranks = slim_tiles(rank, RANKS) * RANKS;
    l->part = l->ranks > PART ? l->ranks : PART;
    l->up = 1.0f / (1.0f - given->dropout);
    l->bound = (uint32_t)((double)given->dropout * 65536.0 + 0.5);
    l->a = SLIM_SCRATCH(l->ranks * (in + out), float);
    l->b = l->a + l->ranks * in;
    memset(l->a, 0, l->ranks * (in + out) * sizeof(*l->a));
    memcpy(l->a, given->a, rank * in * sizeof(*l->a));
    for (size_t o = 0; o < out; o++)
        for (size_t r = 0; r < rank; r++)
            l->b[r * out + o] = given->b[o * rank + r];
    l->rooms = SLIM_SCRATCH(slim_threads() * room_floats(l), float);
}

static double work_of(const struct lora *l)
{
    return (double)l->rows * (double)l->ranks *
           (double)(l->given->in + l->given->out);
}

void slim_blas_lora(float *y, const float *x, size_t rows,
                    const struct slim_lora *given)
{
    struct lora l = { .y = y, .x = x, .given = given, .rows = rows };

    prepare(&l);
    slim_parallel(slim_tiles(rows, l.part), work_of(&l), forward_tile, &l);
    free(l.a);
    free(l.rooms);
}

/* sum += the parts, in their order: sum[i * pace] += part[i] of each */
static void add_parts(float *sum, const float *parts, size_t pace, size_t n,
                      size_t stride, size_t count)
{
    for (size_t i = 0; i < n; i++) {
        float of_all = 0;

        for (size_t p = 0; p < count; p++)
            of_all += parts[p * stride + i];
        sum[i * pace] += of_all;
    }
}

void slim_blas_lora_grad(float *dx, float *da, float *db, const float *dy,
                         const float *x, size_t rows,
                         const struct slim_lora *given)
{
    struct lora l = {
        .dx = dx, .dy = dy, .x = x, .given = given, .rows = rows
    };
    size_t rank = given->rank, in = given->in, out = given->out;

    prepare(&l);
    size_t parts = slim_tiles(rows, l.part);

    l.da = da ? SLIM_SCRATCH(parts * l.ranks * in, float) : NULL;
    l.db = db ? SLIM_SCRATCH(parts * l.ranks * out, float) : NULL;
    slim_parallel(parts, 3.0 * work_of(&l), backward_tile, &l);
    if (da)
        add_parts(da, l.da, 1, rank * in, l.ranks * in, parts);
    for (size_t r = 0; db && r < rank; r++)
        add_parts(db + r, l.db + r * out, rank, out, l.ranks * out, parts);
    free(l.a);
    free(l.rooms);
    free(l.da);
    free(l.db);
}
