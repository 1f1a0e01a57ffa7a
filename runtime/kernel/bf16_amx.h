/* bf16_amx.h - products of bf16 in the tile registers of AMX */
#ifndef SLIM_KERNEL_BF16_AMX_H
#define SLIM_KERNEL_BF16_AMX_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Rows of a tile, and pairs of numbers, or sums, in one of its rows. */
enum { SLIM_AMX_ROWS = 16, SLIM_AMX_LANES = 16, SLIM_AMX_WIDE = 4 };

/* Whether this processor has tiles for bf16 and the system lends them. */
bool slim_amx_here(void);

/* What follows is for one thread, between these two. */
void slim_amx_open(void);
void slim_amx_close(void);

/*
 * c[SLIM_AMX_ROWS, n of SLIM_AMX_LANES] (+)= a b, n <= SLIM_AMX_WIDE: a of rows
 * of bf16, b of rows of pairs, the two numbers of a pair one row above the
 * other; `pairs` in whole SLIM_AMX_LANES. lda in halves, ldb in pairs. Products
 * are exact, sums f32; subnormal numbers count as zero.
 */
void slim_amx_strip(float *c, size_t ldc, const uint16_t *a, size_t lda,
                    const uint32_t *b, size_t ldb, size_t pairs, size_t n,
                    bool add);

#endif
