/* blas_dropout.c - the generator in vectors, and sums of scaled arrays */
#include "runtime/kernel/blas.h"
#include "runtime/kernel/parallel.h"
#include "runtime/kernel/vector.h"

enum { TILE = 1 << 14 };

struct combination {
    float *y;
    const float *x, *z;
    float scale;
    size_t count;
};

SLIM_CLONES
static void combine_range(const struct combination *c, size_t first,
                          size_t last)
{
    const float *x = c->x, *z = c->z;
    float *y = c->y, scale = c->scale;

    if (z) {
        for (size_t i = first; i < last; i++)
            y[i] = scale * x[i] + z[i];
    } else {
        for (size_t i = first; i < last; i++)
            y[i] = scale * x[i] + 0.0f;
    }
}

static void combine_tile(void *context, size_t tile, size_t worker)
{
    const struct combination *c = context;
    size_t first = tile * TILE;

    (void)worker;
    combine_range(c, first, first + slim_tile_length(c->count, TILE, tile));
}

void slim_blas_combine(float *y, float scale, const float *x, const float *z,
                       size_t count)
{
    struct combination c = { y, x, z, scale, count };

    slim_parallel(slim_tiles(count, TILE), (double)count, combine_tile, &c);
}

struct dropout {
    float *y;
    const float *x;
    size_t count;
    float up;
    uint32_t bound;
    uint64_t seed, stream;
    bool add;
};

/* A run of the generator: LANES blocks of eight numbers of 16 bits each. */
enum { LANES = 16, RUN = 8 * LANES };

/*
 * The blocks from `first` on as slim_random_block makes them, a lane each:
 * Philox4x32-10 of base/random.c. bits[8 l + j] is number j of lane l.
 */
SLIM_INLINE void philox_run(uint32_t bits[RUN], uint64_t first, uint64_t seed,
                            uint64_t stream)
{
    uint32_t x0[LANES], x1[LANES], x2[LANES], x3[LANES];
    uint32_t word[4 * LANES];
    uint32_t key0 = (uint32_t)seed, key1 = (uint32_t)(seed >> 32);

    for (size_t l = 0; l < LANES; l++) {
        x0[l] = (uint32_t)(first + l);
        x1[l] = (uint32_t)((first + l) >> 32);
        x2[l] = (uint32_t)stream;
        x3[l] = (uint32_t)(stream >> 32);
    }
    for (int round = 0; round < 10; round++) {
#pragma omp simd
        for (size_t l = 0; l < LANES; l++) {
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
    for (size_t l = 0; l < LANES; l++) {
        word[4 * l] = x0[l];
        word[4 * l + 1] = x1[l];
        word[4 * l + 2] = x2[l];
        word[4 * l + 3] = x3[l];
    }
    for (size_t i = 0; i < RUN / 2; i++) {
        bits[2 * i] = word[i] & 0xffffu;
        bits[2 * i + 1] = word[i] >> 16;
    }
}

/* y = x up where bits reach the bound, else 0. Apart from the sum below: of both
 * in one loop the compiler makes no vectors. */
SLIM_INLINE void drop_put(float *y, const float *x, const uint32_t *bits,
                          size_t n, float up, uint32_t bound)
{
#pragma omp simd
    for (size_t j = 0; j < n; j++) {
        float kept = x[j] * up;

        y[j] = bits[j] < bound ? 0.0f : kept;
    }
}

/* y += the same */
SLIM_INLINE void drop_add(float *y, const float *x, const uint32_t *bits,
                          size_t n, float up, uint32_t bound)
{
#pragma omp simd
    for (size_t j = 0; j < n; j++) {
        float kept = x[j] * up;

        y[j] += bits[j] < bound ? 0.0f : kept;
    }
}

SLIM_CLONES
static void drop_range(const struct dropout *d, size_t first, size_t last)
{
    for (size_t i = first; i < last; i += RUN) {
        size_t n = last - i < RUN ? last - i : RUN;
        uint32_t bits[RUN];

        philox_run(bits, i / 8, d->seed, d->stream);
        if (d->add)
            drop_add(d->y + i, d->x + i, bits, n, d->up, d->bound);
        else
            drop_put(d->y + i, d->x + i, bits, n, d->up, d->bound);
    }
}

static void drop_tile(void *context, size_t tile, size_t worker)
{
    const struct dropout *d = context;
    size_t first = tile * TILE;

    (void)worker;
    drop_range(d, first, first + slim_tile_length(d->count, TILE, tile));
}

void slim_blas_dropout(float *y, const float *x, size_t count, float rate,
                       uint64_t seed, uint64_t stream, bool add)
{
    struct dropout d = { .y = y,
                         .x = x,
                         .count = count,
                         .up = 1.0f / (1.0f - rate),
                         .bound = (uint32_t)((double)rate * 65536.0 + 0.5),
                         .seed = seed,
                         .stream = stream,
                         .add = add };

    slim_parallel(slim_tiles(count, TILE), 4.0 * (double)count, drop_tile, &d);
}
