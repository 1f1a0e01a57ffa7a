/* kernel.h - the operations of a transformer, one table entry each */
#ifndef SLIM_KERNEL_H
#define SLIM_KERNEL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * The reference table (ref_*.c) defines every operation in plain C and sums in
 * double; a backend starts as a copy of it and overrides what it does better.
 * All matrices are row-major f32 unless a type says otherwise. Names ending in
 * _grad are the backward of the operation above them. Outputs come first;
 * output buffers do not overlap inputs unless a comment says so.
 *
 * Results never depend on the number of threads: work is cut into tiles whose
 * sizes depend on the shapes alone, and one thread computes a whole tile.
 */
struct slim_attention_shape {
    size_t sequences;
    const size_t *starts;   /* [sequences + 1]: tokens of sequence s are
                                 starts[s] .. starts[s + 1] - 1 */
    size_t heads, kv_heads; /* heads = kv_heads * rep */
    size_t dim;             /* of a head */
    size_t window;          /* 0: unlimited; else key > query - window */
    float scale;
    const float *slopes;  /* [heads] ALiBi, or NULL */
    const size_t *prefix; /* [sequences] so many tokens at the start of each
                             are seen by all of it, or NULL */
};

/*
 * A low-rank adapter of a linear: a[rank,in], b[out,rank]. Its input is divided
 * by 1 - dropout, but for the elements that the generator drops: element i has
 * 16 bits of block i / 8 at (seed, stream).
 */
struct slim_lora {
    const float *a, *b;
    size_t in, out, rank;
    float scale, dropout; /* dropout in [0, 1); 0: no mask */
    uint64_t seed, stream;
};

/* How a weight w[out,in] lies for products that read it: packed for those of
 * the linear, or for those of its backward. */
struct slim_pack_form {
    size_t out, in;
    bool back;
};

/*
 * Products with the weights of a model in bf16: weights are rounded and packed
 * once, the other operand is rounded in the call, to nearest, ties to even.
 * Products are exact and sums f32; outputs, biases and gradients are f32. Each
 * entry is that of struct slim_kernels on rounded operands; w is packed, back
 * is w packed for the backward.
 */
struct slim_narrow_kernels {
    /* How many numbers a packed weight has. */
    size_t (*packed)(const struct slim_pack_form *form);
    /* Packs what row(context, out, r) says of each row r, rounded; on any
     * thread, in any order. */
    void (*pack)(uint16_t *packed, const struct slim_pack_form *form,
                 void (*row)(void *context, uint16_t *out, size_t r),
                 void *context);
    /* Packs w[out,in], which is rounded. */
    void (*pack_wide)(uint16_t *packed, const float *w,
                      const struct slim_pack_form *form);
    void (*linear)(float *y, const float *x, const uint16_t *w,
                   const float *bias, size_t rows, size_t in, size_t out);
    void (*linear_grad_x)(float *dx, const float *dy, const uint16_t *back,
                          size_t rows, size_t in, size_t out, bool add);
    void (*linear_grad_w)(float *dw, const float *dy, const float *x,
                          size_t rows, size_t in, size_t out, bool add);
    /* the gradient of the logits is rounded too before it is multiplied */
    void (*cross_entropy)(double *nll, const float *x, const uint16_t *w,
                          const float *bias, const int32_t *targets,
                          size_t rows, size_t width, size_t vocab);
    void (*cross_entropy_grad)(double *nll, float *dx, float *dw, float *dbias,
                               const float *x, const uint16_t *w,
                               const uint16_t *back, const float *bias,
                               const int32_t *targets, float weight,
                               size_t rows, size_t width, size_t vocab);
};

struct slim_kernels {
    const char *name;
    const struct slim_narrow_kernels *narrow; /* NULL: weights stay f32 */

    /* y[rows,out] = x[rows,in] w[out,in]^T + bias[out] (bias may be NULL) */
    void (*linear)(float *y, const float *x, const float *w, const float *bias,
                   size_t rows, size_t in, size_t out);
    /* dx[rows,in] (+)= dy[rows,out] w[out,in] */
    void (*linear_grad_x)(float *dx, const float *dy, const float *w,
                          size_t rows, size_t in, size_t out, bool add);
    /* dw[out,in] (+)= dy[rows,out]^T x[rows,in] */
    void (*linear_grad_w)(float *dw, const float *dy, const float *x,
                          size_t rows, size_t in, size_t out, bool add);
    /* db[out] (+)= sum over rows of dy */
    void (*bias_grad)(float *db, const float *dy, size_t rows, size_t out,
                      bool add);
    /* c[m,n] (+)= a[m,k] b[k,n] */
    void (*matmul)(float *c, const float *a, const float *b, size_t m, size_t k,
                   size_t n, bool add);

    /* y = x / sqrt(sum(x^2) / divisor + eps) * (w + offset); w NULL: 1.
     * inverse[rows] receives 1 / sqrt(..) for the backward (may be NULL). */
    void (*rms_norm)(float *y, float *inverse, const float *x, const float *w,
                     size_t rows, size_t width, size_t divisor, float eps,
                     float offset);
    /* dx is overwritten or added to; dw[width] is added to (may be NULL). */
    void (*rms_norm_grad)(float *dx, float *dw, const float *dy, const float *x,
                          const float *inverse, const float *w, size_t rows,
                          size_t width, size_t divisor, float offset, bool add);

    /* y (+)= x less the mean of each row; y may be x. Its own backward. */
    void (*center)(float *y, const float *x, size_t rows, size_t width,
                   bool add);

    /* Rotates q or k in place: x[tokens, heads * dim]. positions[tokens,
     * places] index the angle tables cosine, sine [positions, rotary / 2]: head
     * h has place h % places. pairs: (2t, 2t+1) instead of (t, t + rotary/2).
     * inverse: the transpose, the backward. */
    void (*rope)(float *x, const float *cosine, const float *sine,
                 const int32_t *positions, size_t tokens, size_t heads,
                 size_t dim, size_t rotary, size_t places, bool pairs,
                 bool inverse);

    /* Causal attention inside each sequence. q,o [tokens, heads*dim]; k,v
     * [tokens, kv_heads*dim]. lse [tokens * heads]: log of the softmax
     * denominators, for the backward (may be NULL). Query head h reads kv
     * head h / rep. */
    void (*attention)(float *o, float *lse, const float *q, const float *k,
                      const float *v, const struct slim_attention_shape *shape);
    /* The last `rows` tokens of one sequence, whose keys and values are all at
     * hand: q,o [rows, heads*dim]; k,v [keys, kv_heads*dim], rows <= keys.
     * shape->sequences, starts and prefix are not read: a prefix is behind
     * them. */
    void (*attention_step)(float *o, const float *q, const float *k,
                           const float *v, size_t rows, size_t keys,
                           const struct slim_attention_shape *shape);
    /* dq, dk, dv overwritten. o, lse as the forward left them. */
    void (*attention_grad)(float *dq, float *dk, float *dv, const float *d_o,
                           const float *q, const float *k, const float *v,
                           const float *o, const float *lse,
                           const struct slim_attention_shape *shape);

    /* y = act(x); act is SLIM_ACT_*. dx = dy * act'(x). In place allowed. */
    void (*activation)(float *y, const float *x, size_t count, int act);
    void (*activation_grad)(float *dx, const float *dy, const float *x,
                            size_t count, int act);
    /* y = act(gate) * up; y may be gate. */
    void (*gated)(float *y, const float *gate, const float *up, size_t count,
                  int act);
    void (*gated_grad)(float *dgate, float *dup, const float *dy,
                       const float *gate, const float *up, size_t count,
                       int act);

    /* y = scale x + z, z NULL: 0. y may be x or z. */
    void (*combine)(float *y, float scale, const float *x, const float *z,
                    size_t count);
    /* y[rows,out] += scale b (a (mask x)): a linear's adapter */
    void (*lora)(float *y, const float *x, size_t rows,
                 const struct slim_lora *lora);
    /* dx[rows,in], da[rank,in] and db[out,rank] are added to; each may be NULL */
    void (*lora_grad)(float *dx, float *da, float *db, const float *dy,
                      const float *x, size_t rows,
                      const struct slim_lora *lora);

    /* y[tokens,width] = table[ids[t]]; the backward adds rows of dy. */
    void (*embed)(float *y, const float *table, const int32_t *ids,
                  size_t tokens, size_t width);
    void (*embed_grad)(float *dtable, const float *dy, const int32_t *ids,
                       size_t tokens, size_t width);

    /*
     * Cross entropy of logits = x w^T + bias against targets (-1: not
     * counted), in blocks over the vocabulary, never a whole logits matrix.
     * nll[rows] (double) = -log softmax(logits)[target], 0 where not counted.
     * grad form: dx[rows,width] overwritten and dw, dbias (may be NULL) added
     * to, with each row's gradient times `weight`.
     */
    void (*cross_entropy)(double *nll, const float *x, const float *w,
                          const float *bias, const int32_t *targets,
                          size_t rows, size_t width, size_t vocab);
    void (*cross_entropy_grad)(double *nll, float *dx, float *dw, float *dbias,
                               const float *x, const float *w,
                               const float *bias, const int32_t *targets,
                               float weight, size_t rows, size_t width,
                               size_t vocab);

    /* c[n,n] (double, full symmetric) += x[rows,n]^T x[rows,n] */
    void (*gram)(double *c, const float *x, size_t rows, size_t n);

    /* One AdamW step, bias-corrected: Loshchilov and Hutter 2019. step >= 1 */
    void (*adamw)(float *w, float *m, float *v, const float *grad, size_t count,
                  float lr, float beta1, float beta2, float eps, float decay,
                  long step);
    /* Sum of squares in double, in a fixed order. */
    double (*sum_squares)(const float *x, size_t count);
};

/* Complete tables. blas = ref with OpenBLAS and vectorised overrides. */
extern const struct slim_kernels slim_kernels_ref;
const struct slim_kernels *slim_kernels_blas(void);
/* blas with the linears of a model in bf16; NULL: this build or this processor
 * does not multiply in bf16. */
const struct slim_kernels *slim_kernels_bf16(void);
/* The table of an arithmetic, by the name that recipes give it. */
const struct slim_kernels *slim_kernels_for(const char *compute);
/* The same table, its products and attention counted as work (base/work.h).
 * The last one that was asked for is the only one in use. */
const struct slim_kernels *slim_kernels_counted(
    const struct slim_kernels *kernels);

/* Dense symmetric eigenproblem in f64: a[n,n] is overwritten with the
 * eigenvectors as COLUMNS, values sorted from largest. False if LAPACK fails.
 * Each column's sign is fixed (largest entry by magnitude positive), so that
 * the result does not depend on the solver's whim. */
bool slim_eigh(double *a, double *values, size_t n);

/* Orthogonal q[n,n] from the QR of a standard normal matrix with fixed signs
 * (Haar), by seed. False if LAPACK fails. */
bool slim_random_orthogonal(double *q, size_t n, uint64_t seed);

/* c[m,n] = op(a) op(b) in f64; transposes as flags. Row-major. */
void slim_gemm_f64(double *c, const double *a, const double *b, size_t m,
                   size_t k, size_t n, bool transpose_a, bool transpose_b);

/* Threads that kernels use; 0: as many as there are cores. */
void slim_threads_set(size_t threads);
size_t slim_threads(void);

/*
 * OpenBLAS chooses its kernels in a library constructor and may take a new CPU
 * for an old one. If the name it chose is below what cpuid offers and
 * OPENBLAS_CORETYPE is not set, sets it and starts the program again, as it
 * does to make waiting threads sleep; returns what it found for --verbose
 * ("SkylakeX, was Prescott").
 */
const char *slim_blas_fix(char **argv);

/* The class of a table's arithmetic: where two runs have the same, the same
 * input gives the same bits. Versions of the libraries, and the kernels that
 * they chose. */
const char *slim_numerics(const struct slim_kernels *kernels);
/* The processor by its name, or "" where it does not say. */
const char *slim_processor(void);

#endif
