/* ref_train.c - one step of the optimiser, and the norm of gradients */
#include "runtime/kernel/ref.h"

#include <math.h>

/*
 * AdamW (Loshchilov and Hutter 2019, arXiv:1711.05101, algorithm 2).
 *
 *     m = beta1 m + (1 - beta1) grad
 *     v = beta2 v + (1 - beta2) grad^2
 *     w = w - lr decay w
 *           - lr (m / (1 - beta1^step)) / (sqrt(v / (1 - beta2^step)) + eps)
 *
 * w, m, v (count) updated; grad (count). step counts from 1.
 */
void slim_ref_adamw(float *w, float *m, float *v, const float *grad,
                    size_t count, float lr, float beta1, float beta2, float eps,
                    float decay, long step)
{
    double b1 = (double)beta1, b2 = (double)beta2, rate = (double)lr;
    double correct1 = 1.0 - pow(b1, (double)step);
    double correct2 = 1.0 - pow(b2, (double)step);

    for (size_t i = 0; i < count; i++) {
        double g = (double)grad[i];
        double first = b1 * (double)m[i] + (1.0 - b1) * g;
        double second = b2 * (double)v[i] + (1.0 - b2) * g * g;
        double pace = sqrt(second / correct2) + (double)eps;

        m[i] = (float)first;
        v[i] = (float)second;
        w[i] = (float)((double)w[i] * (1.0 - rate * (double)decay) -
                       rate * (first / correct1) / pace);
    }
}

/* Sum over i of x[i]^2, in double, from first to last. */
double slim_ref_sum_squares(const float *x, size_t count)
{
    double sum = 0;

    for (size_t i = 0; i < count; i++)
        sum += (double)x[i] * (double)x[i];
    return sum;
}
