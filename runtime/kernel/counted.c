/* counted.c - a table whose products are counted as work */
#include "base/work.h"
#include "runtime/kernel/kernel.h"

/* The table that does it; there is one at a time. */
static const struct slim_kernels *inner;

/* A product of m x k with k x n. */
static void count(size_t m, size_t k, size_t n)
{
    slim_work_operations(2 * (uint64_t)m * (uint64_t)k * (uint64_t)n);
}

static void linear(float *y, const float *x, const float *w, const float *bias,
                   size_t rows, size_t in, size_t out)
{
    count(rows, in, out);
    inner->linear(y, x, w, bias, rows, in, out);
}

static void linear_grad_x(float *dx, const float *dy, const float *w,
                          size_t rows, size_t in, size_t out, bool add)
{
    count(rows, in, out);
    inner->linear_grad_x(dx, dy, w, rows, in, out, add);
}

static void linear_grad_w(float *dw, const float *dy, const float *x,
                          size_t rows, size_t in, size_t out, bool add)
{
    count(rows, in, out);
    inner->linear_grad_w(dw, dy, x, rows, in, out, add);
}

static void matmul(float *c, const float *a, const float *b, size_t m, size_t k,
                   size_t n, bool add)
{
    count(m, k, n);
    inner->matmul(c, a, b, m, k, n, add);
}

static void narrow_linear(float *y, const float *x, const uint16_t *w,
                          const float *bias, size_t rows, size_t in, size_t out)
{
    count(rows, in, out);
    inner->narrow->linear(y, x, w, bias, rows, in, out);
}

static void narrow_grad_x(float *dx, const float *dy, const uint16_t *back,
                          size_t rows, size_t in, size_t out, bool add)
{
    count(rows, in, out);
    inner->narrow->linear_grad_x(dx, dy, back, rows, in, out, add);
}

static void narrow_grad_w(float *dw, const float *dy, const float *x,
                          size_t rows, size_t in, size_t out, bool add)
{
    count(rows, in, out);
    inner->narrow->linear_grad_w(dw, dy, x, rows, in, out, add);
}

/* Each token with those before it that it sees; a prefix, which sees all of
 * itself, is counted as causal. `products`: two forward, five backward. */
static void count_attention(const struct slim_attention_shape *shape,
                            uint64_t products)
{
    uint64_t pairs = 0;

    for (size_t s = 0; s < shape->sequences; s++) {
        uint64_t length = shape->starts[s + 1] - shape->starts[s];
        uint64_t window = shape->window && shape->window < length
                              ? (uint64_t)shape->window
                              : length;
        pairs += window * length - window * (window - 1) / 2;
    }
    slim_work_operations(2 * products * pairs * shape->heads * shape->dim);
}

static void attention(float *o, float *lse, const float *q, const float *k,
                      const float *v, const struct slim_attention_shape *shape)
{
    count_attention(shape, 2);
    inner->attention(o, lse, q, k, v, shape);
}

static void attention_step(float *o, const float *q, const float *k,
                           const float *v, size_t rows, size_t keys,
                           const struct slim_attention_shape *shape)
{
    count(2 * rows, keys, shape->heads * shape->dim);
    inner->attention_step(o, q, k, v, rows, keys, shape);
}

static void attention_grad(float *dq, float *dk, float *dv, const float *d_o,
                           const float *q, const float *k, const float *v,
                           const float *o, const float *lse,
                           const struct slim_attention_shape *shape)
{
    count_attention(shape, 5);
    inner->attention_grad(dq, dk, dv, d_o, q, k, v, o, lse, shape);
}

static void lora(float *y, const float *x, size_t rows,
                 const struct slim_lora *lora)
{
    count(rows, lora->in + lora->out, lora->rank);
    inner->lora(y, x, rows, lora);
}

static void lora_grad(float *dx, float *da, float *db, const float *dy,
                      const float *x, size_t rows, const struct slim_lora *lora)
{
    count(rows, 3 * lora->in + 2 * lora->out, lora->rank);
    inner->lora_grad(dx, da, db, dy, x, rows, lora);
}

static void cross_entropy(double *nll, const float *x, const float *w,
                          const float *bias, const int32_t *targets,
                          size_t rows, size_t width, size_t vocab)
{
    count(rows, width, vocab);
    inner->cross_entropy(nll, x, w, bias, targets, rows, width, vocab);
}

static void cross_entropy_grad(double *nll, float *dx, float *dw, float *dbias,
                               const float *x, const float *w,
                               const float *bias, const int32_t *targets,
                               float weight, size_t rows, size_t width,
                               size_t vocab)
{
    count((dw ? 3 : 2) * rows, width, vocab);
    inner->cross_entropy_grad(nll, dx, dw, dbias, x, w, bias, targets, weight,
                              rows, width, vocab);
}

static void narrow_loss(double *nll, const float *x, const uint16_t *w,
                        const float *bias, const int32_t *targets, size_t rows,
                        size_t width, size_t vocab)
{
    count(rows, width, vocab);
    inner->narrow->cross_entropy(nll, x, w, bias, targets, rows, width, vocab);
}

static void narrow_loss_grad(double *nll, float *dx, float *dw, float *dbias,
                             const float *x, const uint16_t *w,
                             const uint16_t *back, const float *bias,
                             const int32_t *targets, float weight, size_t rows,
                             size_t width, size_t vocab)
{
    count((dw ? 3 : 2) * rows, width, vocab);
    inner->narrow->cross_entropy_grad(nll, dx, dw, dbias, x, w, back, bias,
                                      targets, weight, rows, width, vocab);
}

/* A triangle of it. */
static void gram(double *c, const float *x, size_t rows, size_t n)
{
    slim_work_operations((uint64_t)rows * n * (n + 1));
    inner->gram(c, x, rows, n);
}

const struct slim_kernels *slim_kernels_counted(
    const struct slim_kernels *kernels)
{
    static struct slim_kernels table;
    static struct slim_narrow_kernels narrow;

    inner = kernels;
    table = *kernels;
    table.linear = linear;
    table.linear_grad_x = linear_grad_x;
    table.linear_grad_w = linear_grad_w;
    table.matmul = matmul;
    table.attention = attention;
    table.attention_step = attention_step;
    table.attention_grad = attention_grad;
    table.lora = lora;
    table.lora_grad = lora_grad;
    table.cross_entropy = cross_entropy;
    table.cross_entropy_grad = cross_entropy_grad;
    table.gram = gram;
    if (!kernels->narrow)
        return &table;
    narrow = *kernels->narrow;
    narrow.linear = narrow_linear;
    narrow.linear_grad_x = narrow_grad_x;
    narrow.linear_grad_w = narrow_grad_w;
    narrow.cross_entropy = narrow_loss;
    narrow.cross_entropy_grad = narrow_loss_grad;
    table.narrow = &narrow;
    return &table;
}
