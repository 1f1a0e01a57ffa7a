/* blas_rope.c - rotary position embedding, some tokens a tile */
#include "runtime/kernel/blas.h"
#include "runtime/kernel/parallel.h"
#include "runtime/kernel/vector.h"

enum { TOKENS = 16 };

struct rope {
    float *x;
    const float *cosine, *sine;
    const int32_t *positions;
    size_t tokens, heads, dim, half, places;
    float direction; /* -1: the inverse */
    bool pairs;
};

/* A pair (2t, 2t + 1) is two neighbours, (t, t + half) two streams. */
SLIM_CLONES
static void rotate_neighbours(float *head, const float *cosine,
                              const float *sine, size_t half, float direction)
{
#pragma omp simd
    for (size_t t = 0; t < half; t++) {
        float a = head[2 * t], b = head[2 * t + 1];
        float c = cosine[t], s = direction * sine[t];

        head[2 * t] = a * c - b * s;
        head[2 * t + 1] = b * c + a * s;
    }
}

SLIM_CLONES
static void rotate_halves(float *head, const float *cosine, const float *sine,
                          size_t half, float direction)
{
    float *first = head, *second = head + half;

#pragma omp simd
    for (size_t t = 0; t < half; t++) {
        float a = first[t], b = second[t];
        float c = cosine[t], s = direction * sine[t];

        first[t] = a * c - b * s;
        second[t] = b * c + a * s;
    }
}

static void rope_tile(void *context, size_t tile, size_t worker)
{
    const struct rope *r = context;
    size_t first = tile * TOKENS;
    size_t last = first + slim_tile_length(r->tokens, TOKENS, tile);

    (void)worker;
    for (size_t i = first * r->heads; i < last * r->heads; i++) {
        size_t at = i / r->heads * r->places + i % r->heads % r->places;
        size_t row = (size_t)r->positions[at] * r->half;

        (r->pairs ? rotate_neighbours
                  : rotate_halves)(r->x + i * r->dim, r->cosine + row,
                                   r->sine + row, r->half, r->direction);
    }
}

/* Products and sums in f32: three roundings an element. */
void slim_blas_rope(float *x, const float *cosine, const float *sine,
                    const int32_t *positions, size_t tokens, size_t heads,
                    size_t dim, size_t rotary, size_t places, bool pairs,
                    bool inverse)
{
    struct rope r = { .x = x,
                      .cosine = cosine,
                      .sine = sine,
                      .positions = positions,
                      .tokens = tokens,
                      .heads = heads,
                      .dim = dim,
                      .half = rotary / 2,
                      .places = places,
                      .direction = inverse ? -1.0f : 1.0f,
                      .pairs = pairs };

    slim_parallel(slim_tiles(tokens, TOKENS),
                  3.0 * (double)tokens * (double)heads * (double)rotary,
                  rope_tile, &r);
}
