/* blas.c - the fast table: the reference, but for what OpenBLAS or the
 * compiler's vectors do better */
#include "runtime/kernel/blas.h"
#include "runtime/kernel/ref.h"

const struct slim_kernels *slim_kernels_blas(void)
{
    static const struct slim_kernels table = {
        .name = "blas",
        .linear = slim_blas_linear,
        .linear_grad_x = slim_blas_linear_grad_x,
        .linear_grad_w = slim_blas_linear_grad_w,
        .bias_grad = slim_blas_bias_grad,
        .matmul = slim_blas_matmul,
        .rms_norm = slim_blas_rms_norm,
        .rms_norm_grad = slim_blas_rms_norm_grad,
        .center = slim_blas_center,
        .rope = slim_blas_rope,
        .attention = slim_blas_attention,
        .attention_step = slim_blas_attention_step,
        .attention_grad = slim_blas_attention_grad,
        .activation = slim_blas_activation,
        .activation_grad = slim_blas_activation_grad,
        .gated = slim_blas_gated,
        .gated_grad = slim_blas_gated_grad,
        .combine = slim_blas_combine,
        .lora = slim_blas_lora,
        .lora_grad = slim_blas_lora_grad,
        .embed = slim_ref_embed,
        .embed_grad = slim_blas_embed_grad,
        .cross_entropy = slim_blas_cross_entropy,
        .cross_entropy_grad = slim_blas_cross_entropy_grad,
        .gram = slim_blas_gram,
        .adamw = slim_blas_adamw,
        .sum_squares = slim_blas_sum_squares,
    };

    return &table;
}
