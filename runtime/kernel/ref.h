/* ref.h - the reference kernels by name, for tables that build on them */
#ifndef SLIM_KERNEL_REF_H
#define SLIM_KERNEL_REF_H

#include "runtime/kernel/kernel.h"

void slim_ref_linear(float *y, const float *x, const float *w,
                     const float *bias, size_t rows, size_t in, size_t out);
void slim_ref_linear_grad_x(float *dx, const float *dy, const float *w,
                            size_t rows, size_t in, size_t out, bool add);
void slim_ref_linear_grad_w(float *dw, const float *dy, const float *x,
                            size_t rows, size_t in, size_t out, bool add);
void slim_ref_bias_grad(float *db, const float *dy, size_t rows, size_t out,
                        bool add);
void slim_ref_matmul(float *c, const float *a, const float *b, size_t m,
                     size_t k, size_t n, bool add);

void slim_ref_rms_norm(float *y, float *inverse, const float *x, const float *w,
                       size_t rows, size_t width, size_t divisor, float eps,
                       float offset);
void slim_ref_rms_norm_grad(float *dx, float *dw, const float *dy,
                            const float *x, const float *inverse,
                            const float *w, size_t rows, size_t width,
                            size_t divisor, float offset, bool add);

void slim_ref_center(float *y, const float *x, size_t rows, size_t width,
                     bool add);

void slim_ref_rope(float *x, const float *cosine, const float *sine,
                   const int32_t *positions, size_t tokens, size_t heads,
                   size_t dim, size_t rotary, size_t places, bool pairs,
                   bool inverse);

void slim_ref_attention(float *o, float *lse, const float *q, const float *k,
                        const float *v,
                        const struct slim_attention_shape *shape);
void slim_ref_attention_step(float *o, const float *q, const float *k,
                             const float *v, size_t rows, size_t keys,
                             const struct slim_attention_shape *shape);
void slim_ref_attention_grad(float *dq, float *dk, float *dv, const float *d_o,
                             const float *q, const float *k, const float *v,
                             const float *o, const float *lse,
                             const struct slim_attention_shape *shape);

void slim_ref_activation(float *y, const float *x, size_t count, int act);
void slim_ref_activation_grad(float *dx, const float *dy, const float *x,
                              size_t count, int act);
void slim_ref_gated(float *y, const float *gate, const float *up, size_t count,
                    int act);
void slim_ref_gated_grad(float *dgate, float *dup, const float *dy,
                         const float *gate, const float *up, size_t count,
                         int act);

void slim_ref_combine(float *y, float scale, const float *x, const float *z,
                      size_t count);
void slim_ref_lora(float *y, const float *x, size_t rows,
                   const struct slim_lora *lora);
void slim_ref_lora_grad(float *dx, float *da, float *db, const float *dy,
                        const float *x, size_t rows,
                        const struct slim_lora *lora);

void slim_ref_embed(float *y, const float *table, const int32_t *ids,
                    size_t tokens, size_t width);
void slim_ref_embed_grad(float *dtable, const float *dy, const int32_t *ids,
                         size_t tokens, size_t width);

void slim_ref_cross_entropy(double *nll, const float *x, const float *w,
                            const float *bias, const int32_t *targets,
                            size_t rows, size_t width, size_t vocab);
void slim_ref_cross_entropy_grad(double *nll, float *dx, float *dw,
                                 float *dbias, const float *x, const float *w,
                                 const float *bias, const int32_t *targets,
                                 float weight, size_t rows, size_t width,
                                 size_t vocab);

void slim_ref_gram(double *c, const float *x, size_t rows, size_t n);

void slim_ref_adamw(float *w, float *m, float *v, const float *grad,
                    size_t count, float lr, float beta1, float beta2, float eps,
                    float decay, long step);
double slim_ref_sum_squares(const float *x, size_t count);

#endif
