/* ref.c - the reference table: every operation, in plain C */
#include "runtime/kernel/ref.h"

const struct slim_kernels slim_kernels_ref = {
    .name = "ref",
    .linear = slim_ref_linear,
    .linear_grad_x = slim_ref_linear_grad_x,
    .linear_grad_w = slim_ref_linear_grad_w,
    .bias_grad = slim_ref_bias_grad,
    .matmul = slim_ref_matmul,
    .rms_norm = slim_ref_rms_norm,
    .rms_norm_grad = slim_ref_rms_norm_grad,
    .center = slim_ref_center,
    .rope = slim_ref_rope,
    .attention = slim_ref_attention,
    .attention_step = slim_ref_attention_step,
    .attention_grad = slim_ref_attention_grad,
    .activation = slim_ref_activation,
    .activation_grad = slim_ref_activation_grad,
    .gated = slim_ref_gated,
    .gated_grad = slim_ref_gated_grad,
    .embed = slim_ref_embed,
    .embed_grad = slim_ref_embed_grad,
    .cross_entropy = slim_ref_cross_entropy,
    .cross_entropy_grad = slim_ref_cross_entropy_grad,
    .gram = slim_ref_gram,
    .adamw = slim_ref_adamw,
    .sum_squares = slim_ref_sum_squares,
};
