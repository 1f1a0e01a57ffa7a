/* bf16_product.h - a product of bf16 matrices in the order that it is read */
#ifndef SLIM_KERNEL_BF16_PRODUCT_H
#define SLIM_KERNEL_BF16_PRODUCT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Rows of a are multiplied in whole units of so many. */
enum { SLIM_BF16_UNIT = 16 };

/*
 * c[m,n] (+)= a[m,k] b[k,n] + bias[n] (NULL: none). k is cut into blocks of
 * slim_bf16_block(k): a is block after block, each dense; b is packed
 * (slim_bf16_pack). a has whole units of rows, those after m of any finite
 * numbers.
 */
struct slim_bf16_product {
    float *c;
    const uint16_t *a, *b;
    const float *bias;
    size_t m, n, k;
    bool add;
};

/* Products are exact, sums f32: of a block in the order of oneDNN's kernels,
 * then of blocks in theirs. An error of about 1e-7 sqrt(k) relative to the norms,
 * beside that of the rounded operands. */
void slim_bf16_multiply(const struct slim_bf16_product *product);

#endif
