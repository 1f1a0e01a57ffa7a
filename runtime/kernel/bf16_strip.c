/* bf16_strip.c - small products of bf16 with f32 sums, on one thread */
#include "runtime/kernel/bf16_strip.h"

#if defined(HAVE_DNNL) && defined(__x86_64__) && defined(__GNUC__)

#include "runtime/kernel/bf16_amx.h"

#include <immintrin.h>
#include <string.h>

/*
 * Intrinsics, since the compiler makes no bf16 products of loops, and a call of
 * oneDNN for a block of 64 queries costs as much as its product. What
 * slim_bf16_here asks for is what these need.
 */
#define BF16_INLINE SLIM_BF16_CODE static inline __attribute__((always_inline))

enum { LANES = SLIM_BF16_LANES, ROWS = 4, WIDE = SLIM_BF16_WIDE };

_Static_assert((int)SLIM_AMX_ROWS == (int)SLIM_BF16_ROWS &&
                   (int)SLIM_AMX_LANES == (int)SLIM_BF16_PAIRS &&
                   (int)SLIM_AMX_WIDE == (int)SLIM_BF16_WIDE,
               "strips suit tile registers");

BF16_INLINE __m512bh both(const uint16_t *pair)
{
    int bits;

    memcpy(&bits, pair, sizeof(bits));
    return (__m512bh)_mm512_set1_epi32(bits);
}

/* Sums stay in registers where every loop over them is unrolled. */
#define EVERY _Pragma("GCC unroll 4")

/* c[ROWS, n vectors] (+)= a b of `pairs` pairs; lda in halves, ldb in pairs. */
BF16_INLINE void strip_of(float *c, size_t ldc, const uint16_t *a, size_t lda,
                          const uint32_t *b, size_t ldb, size_t pairs, size_t n,
                          bool add)
{
    __m512 sum[ROWS][WIDE];

    EVERY
    for (size_t r = 0; r < ROWS; r++)
        EVERY
    for (size_t v = 0; v < n; v++)
        sum[r][v] = add ? _mm512_loadu_ps(c + r * ldc + v * LANES)
                        : _mm512_setzero_ps();
    for (size_t i = 0; i < pairs; i++) {
        __m512bh column[WIDE];

        EVERY
        for (size_t v = 0; v < n; v++)
            column[v] = (__m512bh)_mm512_loadu_si512(b + i * ldb + v * LANES);
        EVERY
        for (size_t r = 0; r < ROWS; r++)
            EVERY
        for (size_t v = 0; v < n; v++)
            sum[r][v] = _mm512_dpbf16_ps(sum[r][v], both(a + r * lda + 2 * i),
                                         column[v]);
    }
    EVERY
    for (size_t r = 0; r < ROWS; r++)
        EVERY
    for (size_t v = 0; v < n; v++)
        _mm512_storeu_ps(c + r * ldc + v * LANES, sum[r][v]);
}

SLIM_BF16_CODE static void strip(float *c, size_t ldc, const uint16_t *a,
                                 size_t lda, const uint32_t *b, size_t ldb,
                                 size_t pairs, size_t n, bool add)
{
    if (n >= WIDE)
        strip_of(c, ldc, a, lda, b, ldb, pairs, WIDE, add);
    else if (n == 3)
        strip_of(c, ldc, a, lda, b, ldb, pairs, 3, add);
    else if (n == 2)
        strip_of(c, ldc, a, lda, b, ldb, pairs, 2, add);
    else
        strip_of(c, ldc, a, lda, b, ldb, pairs, 1, add);
}

void slim_bf16_strips_open(bool tiled)
{
    if (tiled)
        slim_amx_open();
}

void slim_bf16_strips_close(bool tiled)
{
    if (tiled)
        slim_amx_close();
}

void slim_bf16_strips(bool tiled, float *c, size_t ldc, const uint16_t *a,
                      size_t lda, const uint32_t *b, size_t ldb, size_t rows,
                      size_t pairs, size_t n, bool add)
{
    if (tiled)
        for (size_t r = 0; r < rows; r += SLIM_AMX_ROWS)
            slim_amx_strip(c + r * ldc, ldc, a + r * lda, lda, b, ldb, pairs, n,
                           add);
    else
        for (size_t r = 0; r < rows; r += ROWS)
            strip(c + r * ldc, ldc, a + r * lda, lda, b, ldb, pairs, n, add);
}

#endif
