/* bf16_strip.h - small products of bf16 with f32 sums, on one thread */
#ifndef SLIM_KERNEL_BF16_STRIP_H
#define SLIM_KERNEL_BF16_STRIP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* A product is made of strips of some rows, up to SLIM_BF16_WIDE vectors of
 * SLIM_BF16_LANES; whole SLIM_BF16_ROWS and SLIM_BF16_PAIRS suit every way. */
enum { SLIM_BF16_LANES = 16, SLIM_BF16_WIDE = 4 };
enum { SLIM_BF16_ROWS = 16, SLIM_BF16_PAIRS = 16 };

/* What follows is only for processors of which slim_bf16_here says yes. */
#define SLIM_BF16_CODE                                                         \
    __attribute__((target("avx512f,avx512bw,avx512dq,avx512vl,avx512bf16")))

/* Strips are for one thread between these two; tiled: in tile registers. */
void slim_bf16_strips_open(bool tiled);
void slim_bf16_strips_close(bool tiled);

/*
 * c[rows, n vectors] (+)= a b: a of rows of bf16, b of rows of pairs, the two
 * numbers of a pair one row above the other; `pairs` in whole SLIM_BF16_PAIRS.
 * Rows up to the next SLIM_BF16_ROWS are read and written. lda in halves, ldb in
 * pairs. Products are exact, sums f32.
 */
void slim_bf16_strips(bool tiled, float *c, size_t ldc, const uint16_t *a,
                      size_t lda, const uint32_t *b, size_t ldb, size_t rows,
                      size_t pairs, size_t n, bool add);

#endif
