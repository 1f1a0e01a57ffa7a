/* ref_attention.c - causal attention inside each sequence */
#include "runtime/kernel/ref.h"
#include "runtime/kernel/scratch.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static double dot(const float *a, const float *b, size_t n)
{
    double sum = 0;

    for (size_t i = 0; i < n; i++)
        sum += (double)a[i] * (double)b[i];
    return sum;
}

static size_t longest(const struct slim_attention_shape *shape)
{
    size_t most = 0;

    for (size_t s = 0; s < shape->sequences; s++) {
        size_t length = shape->starts[s + 1] - shape->starts[s];

        most = length > most ? length : most;
    }
    return most;
}

/* The first key that query `i` of the sequence that starts at `start` sees. */
static size_t first_key(const struct slim_attention_shape *shape, size_t start,
                        size_t i)
{
    size_t back = shape->window;

    return back != 0 && i - start >= back ? i - back + 1 : start;
}

/* One past the last key that query `i` of sequence s sees: itself, or the rest
 * of the prefix that it is in. */
static size_t end_keys(const struct slim_attention_shape *shape, size_t s,
                       size_t i)
{
    size_t prefix = shape->prefix ? shape->starts[s] + shape->prefix[s] : 0;

    return i + 1 > prefix ? i + 1 : prefix;
}

/* logits[j - first] = scale q_i . k_j + slope (j - i) for the keys j = first
 * .. end - 1 that query i of head h sees; qi is that head's part of its row. */
static void row_logits(double *logits, const float *qi, const float *k,
                       size_t i, size_t first, size_t end, size_t h,
                       const struct slim_attention_shape *shape)
{
    size_t dim = shape->dim, kv = h / (shape->heads / shape->kv_heads);
    double slope = shape->slopes ? (double)shape->slopes[h] : 0.0;

    for (size_t j = first; j < end; j++) {
        const float *kj = k + (j * shape->kv_heads + kv) * dim;

        logits[j - first] = (double)shape->scale * dot(qi, kj, dim) -
                            slope * ((double)i - (double)j);
    }
}

/* Softmax in place; returns the logarithm of the denominator. */
static double softmax(double *p, size_t n)
{
    double top = -HUGE_VAL, sum = 0;

    for (size_t j = 0; j < n; j++)
        top = fmax(top, p[j]);
    for (size_t j = 0; j < n; j++)
        sum += exp(p[j] - top);
    double lse = top + log(sum);

    for (size_t j = 0; j < n; j++)
        p[j] = exp(p[j] - lse);
    return lse;
}

/* One head of one query: `first` .. end - 1 are the keys that it sees. p has room
 * for them. Returns the logarithm of the softmax's denominator. */
static double one_query(float *o, double *p, const float *q, const float *k,
                        const float *v, size_t i, size_t first, size_t end,
                        size_t h, const struct slim_attention_shape *shape)
{
    size_t dim = shape->dim, kv_heads = shape->kv_heads;
    size_t kv = h / (shape->heads / kv_heads);

    row_logits(p, q, k, i, first, end, h, shape);
    double lse = softmax(p, end - first);

    for (size_t d = 0; d < dim; d++) {
        double sum = 0;

        for (size_t j = first; j < end; j++)
            sum += p[j - first] * (double)v[(j * kv_heads + kv) * dim + d];
        o[d] = (float)sum;
    }
    return lse;
}

/*
 * Attention (Vaswani et al. 2017, arXiv:1706.03762, eq. 1), causal, in each
 * sequence apart. For query i of head h, over the keys j <= i of its sequence
 * (with a window: j > i - window; with a prefix also all j in that, as in Raffel
 * et al. 2020, arXiv:1910.10683, fig. 4), g = h / rep the key/value head:
 *
 *     p[j] = softmax over j of (scale q[i][h] . k[j][g] - slopes[h] (i - j))
 *     o[i][h] = sum over j of p[j] v[j][g]
 *
 * The last term is ALiBi (Press et al. 2022, arXiv:2108.12409), and absent
 * without slopes. Grouped heads: Ainslie et al. 2023, arXiv:2305.13245.
 *
 * o     (tokens, heads * dim)     out
 * lse   (tokens * heads)          out, or NULL
 * q     (tokens, heads * dim)
 * k, v  (tokens, kv_heads * dim)
 *
 * All sums and exponentials in double; o is rounded once.
 */
void slim_ref_attention(float *o, float *lse, const float *q, const float *k,
                        const float *v,
                        const struct slim_attention_shape *shape)
{
    size_t dim = shape->dim, heads = shape->heads;
    double *p = SLIM_SCRATCH(longest(shape) + 1, double);

    for (size_t s = 0; s < shape->sequences; s++)
        for (size_t ih = shape->starts[s] * heads;
             ih < shape->starts[s + 1] * heads; ih++) {
            size_t i = ih / heads, h = ih % heads;
            double l = one_query(o + ih * dim, p, q + ih * dim, k, v, i,
                                 first_key(shape, shape->starts[s], i),
                                 end_keys(shape, s, i), h, shape);

            if (lse)
                lse[ih] = (float)l;
        }
    free(p);
}

/* The same for queries that are the last `rows` of one sequence. */
void slim_ref_attention_step(float *o, const float *q, const float *k,
                             const float *v, size_t rows, size_t keys,
                             const struct slim_attention_shape *shape)
{
    size_t dim = shape->dim, heads = shape->heads;
    double *p = SLIM_SCRATCH(keys + 1, double);

    for (size_t rh = 0; rh < rows * heads; rh++) {
        size_t i = keys - rows + rh / heads;

        (void)one_query(o + rh * dim, p, q + rh * dim, k, v, i,
                        first_key(shape, 0, i), i + 1, rh % heads, shape);
    }
    free(p);
}

/* What the backward reads, and its sums in double of one sequence, which are
 * complete before they are rounded. */
struct backward {
    const float *d_o, *q, *k, *v, *o;
    const struct slim_attention_shape *shape;
    double *dk, *dv; /* (length, kv_heads * dim) */
    double *dq;      /* (dim) of the query at hand */
    double *p;       /* (length) */
};

/* Adds what query i of head h of sequence s sends back. */
static void query_grad(struct backward *b, size_t s, size_t i, size_t h)
{
    const struct slim_attention_shape *shape = b->shape;
    size_t start = shape->starts[s], end = end_keys(shape, s, i);
    size_t dim = shape->dim, kv_heads = shape->kv_heads;
    size_t first = first_key(shape, start, i), at = i * shape->heads + h;
    const float *qi = b->q + at * dim, *doi = b->d_o + at * dim;
    double mean = dot(doi, b->o + at * dim, dim);

    row_logits(b->p, b->q + (i * b->shape->heads + h) * b->shape->dim, b->k, i,
               first, end, h, shape);
    (void)softmax(b->p, end - first);
    memset(b->dq, 0, dim * sizeof *b->dq);
    for (size_t j = first; j < end; j++) {
        size_t jg = (j * kv_heads + h / (shape->heads / kv_heads)) * dim;
        size_t to = jg - start * kv_heads * dim;
        double p = b->p[j - first];
        double ds = p * (dot(doi, b->v + jg, dim) - mean);

        ds *= (double)shape->scale;
        for (size_t d = 0; d < dim; d++) {
            b->dv[to + d] += p * (double)doi[d];
            b->dk[to + d] += ds * (double)qi[d];
            b->dq[d] += ds * (double)b->k[jg + d];
        }
    }
}

static void store(float *out, const double *sums, size_t n)
{
    for (size_t i = 0; i < n; i++)
        out[i] = (float)sums[i];
}

/*
 * With the p of the forward, and dp[j] = d_o[i] . v[j]:
 *
 *     ds[j]  = scale p[j] (dp[j] - d_o[i] . o[i])
 *     dq[i]  = sum over j of ds[j] k[j]
 *     dk[j]  = sum over the queries i, h of g of ds[j] q[i]
 *     dv[j]  = sum over the queries i, h of g of p[j] d_o[i]
 *
 * dq (tokens, heads * dim), dk, dv (tokens, kv_heads * dim) out. The softmax is
 * computed again, so lse is not used here; blocked kernels need it.
 */
void slim_ref_attention_grad(float *dq, float *dk, float *dv, const float *d_o,
                             const float *q, const float *k, const float *v,
                             const float *o, const float *lse,
                             const struct slim_attention_shape *shape)
{
    size_t dim = shape->dim, heads = shape->heads, most = longest(shape) + 1;
    size_t step = shape->kv_heads * dim;
    struct backward b = { .d_o = d_o, .q = q, .k = k, .v = v, .o = o };

    (void)lse;
    b.shape = shape;
    b.dk = SLIM_SCRATCH(most * step, double);
    b.dv = SLIM_SCRATCH(most * step, double);
    b.dq = SLIM_SCRATCH(dim, double);
    b.p = SLIM_SCRATCH(most, double);
    for (size_t s = 0; s < shape->sequences; s++) {
        size_t start = shape->starts[s], end = shape->starts[s + 1];
        size_t count = (end - start) * step;

        memset(b.dk, 0, count * sizeof *b.dk);
        memset(b.dv, 0, count * sizeof *b.dv);
        for (size_t at = start * heads; at < end * heads; at++) {
            query_grad(&b, s, at / heads, at % heads);
            store(dq + at * dim, b.dq, dim);
        }
        store(dk + start * step, b.dk, count);
        store(dv + start * step, b.dv, count);
    }
    free(b.dk);
    free(b.dv);
    free(b.dq);
    free(b.p);
}
