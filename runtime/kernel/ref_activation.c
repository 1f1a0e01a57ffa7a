/* ref_activation.c - pointwise functions, alone and as a gate */
#include "compiler/ir/block.h"
#include "runtime/kernel/ref.h"

#include <math.h>

#define SQRT_HALF 0.70710678118654752440  /* 1 / sqrt(2) */
#define GAUSS_PEAK 0.39894228040143267794 /* 1 / sqrt(2 pi) */
#define TANH_SLOPE 0.79788456080286535588 /* sqrt(2 / pi) */
#define TANH_CUBE 0.044715

/* 1 / (1 + exp(-x)) */
static double sigmoid(double x)
{
    return 1.0 / (1.0 + exp(-x));
}

/* What gelu_tanh takes the hyperbolic tangent of, and its slope. */
static double tanh_inner(double x)
{
    return TANH_SLOPE * (x + TANH_CUBE * x * x * x);
}

static double tanh_inner_slope(double x)
{
    return TANH_SLOPE * (1.0 + 3.0 * TANH_CUBE * x * x);
}

/*
 * silu      x sigmoid(x)
 * relu      max(x, 0)
 * gelu      x N(x), N the normal distribution function
 * gelu_tanh x (1 + tanh(sqrt(2/pi) (x + 0.044715 x^3))) / 2
 *
 * Hendrycks and Gimpel 2016, arXiv:1606.08415, section 2.
 */
static double value(double x, int act)
{
    switch (act) {
    case SLIM_ACT_SILU:
        return x * sigmoid(x);
    case SLIM_ACT_RELU:
        return x > 0 ? x : (isnan(x) ? x : 0.0);
    case SLIM_ACT_GELU:
        return x * 0.5 * erfc(-x * SQRT_HALF);
    default:
        return x * sigmoid(2.0 * tanh_inner(x));
    }
}

/* The derivative of value. At 0 that of relu is 0. */
static double slope(double x, int act)
{
    double s;

    switch (act) {
    case SLIM_ACT_SILU:
        s = sigmoid(x);
        return s * (1.0 + x * (1.0 - s));
    case SLIM_ACT_RELU:
        return x > 0 ? 1.0 : 0.0;
    case SLIM_ACT_GELU:
        return 0.5 * erfc(-x * SQRT_HALF) + x * GAUSS_PEAK * exp(-0.5 * x * x);
    default:
        s = sigmoid(2.0 * tanh_inner(x));
        return s + x * s * (1.0 - s) * 2.0 * tanh_inner_slope(x);
    }
}

/* y[i] = act(x[i]), computed in double. y (count) out, may be x. */
void slim_ref_activation(float *y, const float *x, size_t count, int act)
{
    for (size_t i = 0; i < count; i++)
        y[i] = (float)value((double)x[i], act);
}

/* dx[i] = dy[i] act'(x[i]). dx (count) out, may be dy or x. */
void slim_ref_activation_grad(float *dx, const float *dy, const float *x,
                              size_t count, int act)
{
    for (size_t i = 0; i < count; i++)
        dx[i] = (float)((double)dy[i] * slope((double)x[i], act));
}

/* y[i] = act(gate[i]) up[i] (Shazeer 2020, arXiv:2002.05202, eq. 6). y (count)
 * out, may be gate or up. */
void slim_ref_gated(float *y, const float *gate, const float *up, size_t count,
                    int act)
{
    for (size_t i = 0; i < count; i++)
        y[i] = (float)(value((double)gate[i], act) * (double)up[i]);
}

/*
 *     dgate[i] = dy[i] up[i] act'(gate[i])
 *     dup[i]   = dy[i] act(gate[i])
 *
 * dgate, dup (count) out; dgate may be gate or dy, dup may be up.
 */
void slim_ref_gated_grad(float *dgate, float *dup, const float *dy,
                         const float *gate, const float *up, size_t count,
                         int act)
{
    for (size_t i = 0; i < count; i++) {
        double g = (double)gate[i], u = (double)up[i], d = (double)dy[i];

        dgate[i] = (float)(d * u * slope(g, act));
        dup[i] = (float)(d * value(g, act));
    }
}
