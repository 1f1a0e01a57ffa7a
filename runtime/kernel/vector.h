/* vector.h - loops that the compiler turns into vector instructions */
#ifndef SLIM_KERNEL_VECTOR_H
#define SLIM_KERNEL_VECTOR_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

/*
 * A function so marked is compiled for several instruction sets, one of which
 * is chosen when the program starts. Products and sums are not contracted and
 * sums are cut into SLIM_LANES by hand, so all of them give the same bits.
 */
#if defined(__x86_64__) && defined(__GLIBC__) && defined(__GNUC__) &&          \
    !defined(__clang__) && !defined(__SANITIZE_ADDRESS__)
#if __GNUC__ >= 12
#define SLIM_CLONES                                                            \
    __attribute__((                                                            \
        target_clones("arch=x86-64-v4", "arch=x86-64-v3", "default")))
#endif
#endif
#ifndef SLIM_CLONES
#define SLIM_CLONES
#endif

/* What such a function calls must be part of it, or it would be compiled for
 * the least of CPUs. */
#if defined(__GNUC__)
#define SLIM_INLINE static inline __attribute__((always_inline))
#else
#define SLIM_INLINE static inline
#endif

/* Partial sums: lane l takes the elements l, l + SLIM_LANES, .. */
enum { SLIM_LANES = 16 };

/* The sum of the lanes, always in the same order. */
SLIM_INLINE float slim_lanes_sum(const float *lane)
{
    float sum = 0;

    for (size_t l = 0; l < SLIM_LANES; l++)
        sum += lane[l];
    return sum;
}

SLIM_INLINE double slim_lanes_sum_f64(const double *lane)
{
    double sum = 0;

    for (size_t l = 0; l < SLIM_LANES; l++)
        sum += lane[l];
    return sum;
}

/*
 * exp(x) for x in [-87, 88], within 2 ulp. NaN stays NaN.
 *
 * With n the integer nearest to x / ln 2 and r = x - n ln 2, |r| < 0.35:
 * exp(x) = 2^n exp(r), and the Taylor polynomial of degree 7 is within 6e-9 of
 * exp(r). Adding 1.5 * 2^23 rounds to an integer in the low bits. ln 2 is in
 * two parts, of which the first has few enough bits for n times it to be exact.
 */
SLIM_INLINE float slim_expf_inside(float x)
{
    const float round = 12582912.0f, ln2_high = 0.693359375f,
                ln2_low = -2.12194440e-4f;
    float shifted = x * 1.44269504f + round;
    float n = shifted - round;
    float r = x - n * ln2_high - n * ln2_low;
    float p = 1.0f / 5040.0f;

    p = p * r + 1.0f / 720.0f;
    p = p * r + 1.0f / 120.0f;
    p = p * r + 1.0f / 24.0f;
    p = p * r + 1.0f / 6.0f;
    p = p * r + 0.5f;
    p = p * r + 1.0f;
    p = p * r + 1.0f;

    uint32_t bits;
    float scale;

    memcpy(&bits, &shifted, sizeof bits);
    bits = (bits + 127u) << 23;
    memcpy(&scale, &bits, sizeof scale);
    return p * scale;
}

/* The same for every x: beyond the range, the value at its end. */
SLIM_INLINE float slim_expf(float x)
{
    x = x < -87.0f ? -87.0f : x;
    x = x > 88.0f ? 88.0f : x;
    return slim_expf_inside(x);
}

#endif
