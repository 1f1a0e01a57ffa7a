/* ref_dropout.c - elements dropped at random, and sums of scaled arrays */
#include "base/random.h"
#include "runtime/kernel/ref.h"

/* y = scale x + z; z NULL: 0. */
void slim_ref_combine(float *y, float scale, const float *x, const float *z,
                      size_t count)
{
    for (size_t i = 0; i < count; i++)
        y[i] = scale * x[i] + (z ? z[i] : 0.0f);
}

/*
 * Inverted dropout (Srivastava et al. 2014): y = mask x / (1 - rate). Element i
 * is dropped where 16 bits of the generator's block i / 8, the lowest of the
 * first word first, are below 65536 rate.
 */
void slim_ref_dropout(float *y, const float *x, size_t count, float rate,
                      uint64_t seed, uint64_t stream, bool add)
{
    uint64_t bound = (uint64_t)((double)rate * 65536.0 + 0.5);
    float up = 1.0f / (1.0f - rate);

    for (size_t i = 0; i < count; i++) {
        uint64_t words[2];

        slim_random_block(words, seed, stream, i / 8);
        uint64_t bits = words[i % 8 / 4] >> 16 * (i % 4) & 0xffffu;
        float kept = bits < bound ? 0.0f : x[i] * up;
        y[i] = add ? y[i] + kept : kept;
    }
}
