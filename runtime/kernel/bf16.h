/* bf16.h - the kernels that multiply in bf16, by name */
#ifndef SLIM_KERNEL_BF16_H
#define SLIM_KERNEL_BF16_H

#include "runtime/kernel/kernel.h"
#include "runtime/kernel/vector.h"

/* Rounds to nearest, ties to even; infinities stay, a NaN stays one. */
SLIM_INLINE uint16_t slim_bf16_one(float x)
{
    uint32_t bits, rounded;

    memcpy(&bits, &x, sizeof(bits));
    rounded = bits + 0x7fffu + (bits >> 16 & 1u);
    return (uint16_t)(((bits & 0x7fffffffu) > 0x7f800000u ? bits | 0x400000u
                                                          : rounded) >>
                      16);
}

SLIM_INLINE float slim_bf16_widened(uint16_t half)
{
    uint32_t bits = (uint32_t)half << 16;
    float value;

    memcpy(&value, &bits, sizeof(value));
    return value;
}

/* x rounded, on this thread. */
void slim_bf16_round(uint16_t *out, const float *x, size_t count);
/* x rounded to bf16, in f32 again. The caller frees it. */
float *slim_bf16_rounded(const float *x, size_t count);

/* Columns of a panel of a packed operand. Rows of a block of one with so many,
 * and so many with zeros. */
enum { SLIM_BF16_PANEL = 64 };
size_t slim_bf16_block(size_t depth);
size_t slim_bf16_padded(size_t depth);
size_t slim_bf16_packed(const struct slim_pack_form *form);
void slim_bf16_pack(uint16_t *packed, const struct slim_pack_form *form,
                    void (*row)(void *context, uint16_t *out, size_t r),
                    void *context);
void slim_bf16_pack_wide(uint16_t *packed, const float *w,
                         const struct slim_pack_form *form);

void slim_bf16_linear(float *y, const float *x, const uint16_t *w,
                      const float *bias, size_t rows, size_t in, size_t out);
void slim_bf16_linear_grad_x(float *dx, const float *dy, const uint16_t *back,
                             size_t rows, size_t in, size_t out, bool add);
void slim_bf16_linear_grad_w(float *dw, const float *dy, const float *x,
                             size_t rows, size_t in, size_t out, bool add);

void slim_bf16_attention(float *o, float *lse, const float *q, const float *k,
                         const float *v,
                         const struct slim_attention_shape *shape);
void slim_bf16_attention_grad(float *dq, float *dk, float *dv, const float *d_o,
                              const float *q, const float *k, const float *v,
                              const float *o, const float *lse,
                              const struct slim_attention_shape *shape);

/* Its way in tile registers, which works without them, too. */
void slim_bf16_attention_grad_packed(float *dq, float *dk, float *dv,
                                     const float *d_o, const float *q,
                                     const float *k, const float *v,
                                     const float *o, const float *lse,
                                     const struct slim_attention_shape *shape);

void slim_bf16_gram(double *c, const float *x, size_t rows, size_t n);

/* Whether oneDNN is there and this processor multiplies in bf16. */
bool slim_bf16_here(void);
/* Version and instructions of what multiplies; "" where nothing does. */
const char *slim_bf16_version(void);

#endif
