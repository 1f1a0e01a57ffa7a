/* bf16.c - the fast table with a model's linears in bf16, where that is faster
 */
#include "runtime/kernel/bf16.h"
#include "runtime/kernel/blas.h"

#include <string.h>

static void cross_entropy(double *nll, const float *x, const uint16_t *w,
                          const float *bias, const int32_t *targets,
                          size_t rows, size_t width, size_t vocab);
static void cross_entropy_grad(double *nll, float *dx, float *dw, float *dbias,
                               const float *x, const uint16_t *w,
                               const uint16_t *back, const float *bias,
                               const int32_t *targets, float weight,
                               size_t rows, size_t width, size_t vocab);

static const struct slim_narrow_kernels narrow = {
    .packed = slim_bf16_packed,
    .pack = slim_bf16_pack,
    .pack_wide = slim_bf16_pack_wide,
    .linear = slim_bf16_linear,
    .linear_grad_x = slim_bf16_linear_grad_x,
    .linear_grad_w = slim_bf16_linear_grad_w,
    .cross_entropy = cross_entropy,
    .cross_entropy_grad = cross_entropy_grad,
};

static void cross_entropy(double *nll, const float *x, const uint16_t *w,
                          const float *bias, const int32_t *targets,
                          size_t rows, size_t width, size_t vocab)
{
    slim_blas_loss(&(struct slim_loss){ .nll = nll,
                                        .x = x,
                                        .narrow = &narrow,
                                        .narrow_w = w,
                                        .bias = bias,
                                        .targets = targets,
                                        .rows = rows,
                                        .width = width,
                                        .vocab = vocab });
}

static void cross_entropy_grad(double *nll, float *dx, float *dw, float *dbias,
                               const float *x, const uint16_t *w,
                               const uint16_t *back, const float *bias,
                               const int32_t *targets, float weight,
                               size_t rows, size_t width, size_t vocab)
{
    slim_blas_loss(&(struct slim_loss){ .nll = nll,
                                        .dx = dx,
                                        .dw = dw,
                                        .dbias = dbias,
                                        .x = x,
                                        .narrow = &narrow,
                                        .narrow_w = w,
                                        .narrow_back = back,
                                        .bias = bias,
                                        .targets = targets,
                                        .weight = weight,
                                        .rows = rows,
                                        .width = width,
                                        .vocab = vocab });
}

const struct slim_kernels *slim_kernels_bf16(void)
{
    static struct slim_kernels table;

    if (!slim_bf16_here())
        return NULL;
    table = *slim_kernels_blas();
    table.name = "bf16";
    table.narrow = &narrow;
    table.attention = slim_bf16_attention;
    table.attention_grad = slim_bf16_attention_grad;
    table.gram = slim_bf16_gram;
    return &table;
}

const struct slim_kernels *slim_kernels_for(const char *compute)
{
    const struct slim_kernels *bf16 =
        strcmp(compute, "bf16") == 0 ? slim_kernels_bf16() : NULL;

    return bf16 ? bf16 : slim_kernels_blas();
}
