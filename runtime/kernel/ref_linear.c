/* ref_linear.c - matrix products, their gradients, and the bias */
#include "runtime/kernel/ref.h"

/* Sum over i < n of a[i * step_a] * b[i * step_b], in double. */
static double dot(const float *a, size_t step_a, const float *b, size_t step_b,
                  size_t n)
{
    double sum = 0;

    for (size_t i = 0; i < n; i++)
        sum += (double)a[i * step_a] * (double)b[i * step_b];
    return sum;
}

/*
 * A linear layer.
 *
 *     y[r][o] = sum over i of x[r][i] w[o][i] + bias[o]
 *
 * y     (rows, out)  out
 * x     (rows, in)
 * w     (out, in)    a row makes one output feature
 * bias  (out)        or NULL
 *
 * Here and below each element is one sum in double, rounded once to f32.
 */
void slim_ref_linear(float *y, const float *x, const float *w,
                     const float *bias, size_t rows, size_t in, size_t out)
{
    for (size_t r = 0; r < rows; r++)
        for (size_t o = 0; o < out; o++) {
            double start = bias ? (double)bias[o] : 0.0;

            y[r * out + o] =
                (float)(start + dot(x + r * in, 1, w + o * in, 1, in));
        }
}

/*
 *     dx[r][i] (+)= sum over o of dy[r][o] w[o][i]
 *
 * dx (rows, in) out; dy (rows, out); w (out, in)
 */
void slim_ref_linear_grad_x(float *dx, const float *dy, const float *w,
                            size_t rows, size_t in, size_t out, bool add)
{
    slim_ref_matmul(dx, dy, w, rows, out, in, add);
}

/*
 *     dw[o][i] (+)= sum over r of dy[r][o] x[r][i]
 *
 * dw (out, in) out; dy (rows, out); x (rows, in)
 */
void slim_ref_linear_grad_w(float *dw, const float *dy, const float *x,
                            size_t rows, size_t in, size_t out, bool add)
{
    for (size_t o = 0; o < out; o++)
        for (size_t i = 0; i < in; i++) {
            double start = add ? (double)dw[o * in + i] : 0.0;

            dw[o * in + i] = (float)(start + dot(dy + o, out, x + i, in, rows));
        }
}

/*
 *     db[o] (+)= sum over r of dy[r][o]
 *
 * db (out) out; dy (rows, out)
 */
void slim_ref_bias_grad(float *db, const float *dy, size_t rows, size_t out,
                        bool add)
{
    for (size_t o = 0; o < out; o++) {
        double sum = add ? (double)db[o] : 0.0;

        for (size_t r = 0; r < rows; r++)
            sum += (double)dy[r * out + o];
        db[o] = (float)sum;
    }
}

/*
 *     c[i][j] (+)= sum over l of a[i][l] b[l][j]
 *
 * c (m, n) out; a (m, k); b (k, n)
 */
void slim_ref_matmul(float *c, const float *a, const float *b, size_t m,
                     size_t k, size_t n, bool add)
{
    for (size_t i = 0; i < m; i++)
        for (size_t j = 0; j < n; j++) {
            double start = add ? (double)c[i * n + j] : 0.0;

            c[i * n + j] = (float)(start + dot(a + i * k, 1, b + j, n, k));
        }
}
