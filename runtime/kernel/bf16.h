/* bf16.h - the kernels that multiply in bf16, by name */
#ifndef SLIM_KERNEL_BF16_H
#define SLIM_KERNEL_BF16_H

#include "runtime/kernel/kernel.h"

void slim_bf16_narrow(uint16_t *out, const float *x, size_t count);

void slim_bf16_linear(float *y, const float *x, const uint16_t *w,
                      const float *bias, size_t rows, size_t in, size_t out);
void slim_bf16_linear_grad_x(float *dx, const float *dy, const uint16_t *w,
                             size_t rows, size_t in, size_t out, bool add);
void slim_bf16_linear_grad_w(float *dw, const float *dy, const float *x,
                             size_t rows, size_t in, size_t out, bool add);

/* Whether oneDNN is there and this processor multiplies in bf16. */
bool slim_bf16_here(void);
/* Version and instructions of what multiplies; "" where nothing does. */
const char *slim_bf16_version(void);

#endif
