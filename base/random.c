/* random.c - Philox4x32-10 */
#include "base/random.h"

#include <math.h>

/* Salmon et al. 2011, "Parallel random numbers: as easy as 1, 2, 3": ten
 * rounds over a counter of four words, keyed with two. */
enum { ROUNDS = 10 };

static const uint32_t multiplier[2] = { 0xd2511f53, 0xcd9e8d57 };
static const uint32_t weyl[2] = { 0x9e3779b9, 0xbb67ae85 };

static void philox(uint32_t x[4], uint64_t seed)
{
    uint32_t key[2] = { (uint32_t)seed, (uint32_t)(seed >> 32) };

    for (int round = 0; round < ROUNDS; round++) {
        uint64_t a = (uint64_t)multiplier[0] * x[0];
        uint64_t b = (uint64_t)multiplier[1] * x[2];
        x[0] = (uint32_t)(b >> 32) ^ x[1] ^ key[0];
        x[1] = (uint32_t)b;
        x[2] = (uint32_t)(a >> 32) ^ x[3] ^ key[1];
        x[3] = (uint32_t)a;
        key[0] += weyl[0];
        key[1] += weyl[1];
    }
}

void slim_random_block(uint64_t out[2], uint64_t seed, uint64_t stream,
                       uint64_t index)
{
    uint32_t x[4] = { (uint32_t)index, (uint32_t)(index >> 32),
                      (uint32_t)stream, (uint32_t)(stream >> 32) };

    philox(x, seed);
    out[0] = (uint64_t)x[1] << 32 | x[0];
    out[1] = (uint64_t)x[3] << 32 | x[2];
}

static double unit(uint64_t word)
{
    return (double)(word >> 11) * 0x1p-53;
}

uint64_t slim_random_u64(uint64_t seed, uint64_t stream, uint64_t index)
{
    uint64_t words[2];

    slim_random_block(words, seed, stream, index);
    return words[0];
}

double slim_random_uniform(uint64_t seed, uint64_t stream, uint64_t index)
{
    return unit(slim_random_u64(seed, stream, index));
}

double slim_random_normal(uint64_t seed, uint64_t stream, uint64_t index)
{
    static const double two_pi = 6.283185307179586476925;
    uint64_t words[2];

    slim_random_block(words, seed, stream, index);
    /* 1 - u is in (0, 1]: its logarithm is finite */
    return sqrt(-2.0 * log(1.0 - unit(words[0]))) *
           cos(two_pi * unit(words[1]));
}

uint64_t slim_random_below(uint64_t seed, uint64_t stream, uint64_t index,
                           uint64_t n)
{
    uint64_t word = slim_random_u64(seed, stream, index);
    uint64_t high = word >> 32, low = word & 0xffffffff;
    uint64_t n_high = n >> 32, n_low = n & 0xffffffff;

    /* floor(word * n / 2^64) in halves, without 128-bit integers */
    uint64_t middle = high * n_low + (low * n_low >> 32);
    uint64_t other = low * n_high + (middle & 0xffffffff);
    return high * n_high + (middle >> 32) + (other >> 32);
}

void slim_random_permutation(size_t *out, size_t n, uint64_t seed,
                             uint64_t stream, uint64_t first)
{
    for (size_t i = 0; i < n; i++)
        out[i] = i;
    for (size_t i = n; i > 1; i--) {
        size_t j = (size_t)slim_random_below(seed, stream, first + (n - i), i);
        size_t kept = out[i - 1];
        out[i - 1] = out[j];
        out[j] = kept;
    }
}
