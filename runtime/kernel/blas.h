/* blas.h - the fast kernels by name, and the products they share */
#ifndef SLIM_KERNEL_BLAS_H
#define SLIM_KERNEL_BLAS_H

#include "runtime/kernel/kernel.h"

/*
 * c[m,n] (+)= op(a) op(b) + bias, row-major f32, in tiles over threads. ld*:
 * elements from a row to the next, of a and b as they are stored. bias[n] is
 * added to every row, or NULL; add: to what c holds, else c is overwritten.
 */
struct slim_product {
    float *c;
    const float *a, *b, *bias;
    size_t m, n, k;
    size_t ldc, lda, ldb;
    bool transpose_a, transpose_b, add;
};

void slim_blas_product(const struct slim_product *product);

/* y[out] = w[out,in] x + bias: slim_blas_linear of one row. */
void slim_blas_linear_vector(float *y, const float *x, const float *w,
                             const float *bias, size_t in, size_t out);

/* dw[j] += sum over r of dy[r][j] x[r][j] inverse[r]; all (rows, width). */
void slim_blas_gain_grad(float *dw, const float *dy, const float *x,
                         const float *inverse, size_t rows, size_t width);

void slim_blas_linear(float *y, const float *x, const float *w,
                      const float *bias, size_t rows, size_t in, size_t out);
void slim_blas_linear_grad_x(float *dx, const float *dy, const float *w,
                             size_t rows, size_t in, size_t out, bool add);
void slim_blas_linear_grad_w(float *dw, const float *dy, const float *x,
                             size_t rows, size_t in, size_t out, bool add);
void slim_blas_bias_grad(float *db, const float *dy, size_t rows, size_t out,
                         bool add);
void slim_blas_matmul(float *c, const float *a, const float *b, size_t m,
                      size_t k, size_t n, bool add);

void slim_blas_rms_norm(float *y, float *inverse, const float *x,
                        const float *w, size_t rows, size_t width,
                        size_t divisor, float eps, float offset);
void slim_blas_rms_norm_grad(float *dx, float *dw, const float *dy,
                             const float *x, const float *inverse,
                             const float *w, size_t rows, size_t width,
                             size_t divisor, float offset, bool add);

void slim_blas_center(float *y, const float *x, size_t rows, size_t width,
                      bool add);

void slim_blas_rope(float *x, const float *cosine, const float *sine,
                    const int32_t *positions, size_t tokens, size_t heads,
                    size_t dim, size_t rotary, size_t places, bool pairs,
                    bool inverse);

void slim_blas_attention(float *o, float *lse, const float *q, const float *k,
                         const float *v,
                         const struct slim_attention_shape *shape);
void slim_blas_attention_step(float *o, const float *q, const float *k,
                              const float *v, size_t rows, size_t keys,
                              const struct slim_attention_shape *shape);
void slim_blas_attention_grad(float *dq, float *dk, float *dv, const float *d_o,
                              const float *q, const float *k, const float *v,
                              const float *o, const float *lse,
                              const struct slim_attention_shape *shape);

void slim_blas_activation(float *y, const float *x, size_t count, int act);
void slim_blas_activation_grad(float *dx, const float *dy, const float *x,
                               size_t count, int act);
void slim_blas_gated(float *y, const float *gate, const float *up, size_t count,
                     int act);
void slim_blas_gated_grad(float *dgate, float *dup, const float *dy,
                          const float *gate, const float *up, size_t count,
                          int act);

void slim_blas_combine(float *y, float scale, const float *x, const float *z,
                       size_t count);
void slim_blas_lora(float *y, const float *x, size_t rows,
                    const struct slim_lora *lora);
void slim_blas_lora_grad(float *dx, float *da, float *db, const float *dy,
                         const float *x, size_t rows,
                         const struct slim_lora *lora);

void slim_blas_embed_grad(float *dtable, const float *dy, const int32_t *ids,
                          size_t tokens, size_t width);

void slim_blas_cross_entropy(double *nll, const float *x, const float *w,
                             const float *bias, const int32_t *targets,
                             size_t rows, size_t width, size_t vocab);
void slim_blas_cross_entropy_grad(double *nll, float *dx, float *dw,
                                  float *dbias, const float *x, const float *w,
                                  const float *bias, const int32_t *targets,
                                  float weight, size_t rows, size_t width,
                                  size_t vocab);

/*
 * Cross entropy of a linear head, as kernel.h defines it. The head's weights
 * are w, or with `narrow` narrow_w and, packed for the backward, narrow_back. dx
 * NULL: no gradient. block: of its own.
 */
struct slim_loss_block {
    float *logits; /* (count, vocab), then their gradient */
    float *x;      /* (count, width), the rows that count, packed */
    float *dx;     /* the same of the gradient, or NULL */
    size_t *row;   /* (count) */
    size_t count;
};

struct slim_loss {
    double *nll;
    float *dx, *dw, *dbias;
    const float *x, *w, *bias;
    const struct slim_narrow_kernels *narrow;
    const uint16_t *narrow_w, *narrow_back;
    const int32_t *targets;
    float weight;
    size_t rows, width, vocab;
    struct slim_loss_block block;
};

void slim_blas_loss(struct slim_loss *loss);

void slim_blas_gram(double *c, const float *x, size_t rows, size_t n);

void slim_blas_adamw(float *w, float *m, float *v, const float *grad,
                     size_t count, float lr, float beta1, float beta2,
                     float eps, float decay, long step);
double slim_blas_sum_squares(const float *x, size_t count);

#endif
