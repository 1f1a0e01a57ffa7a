/* ref_norm.c - root mean square normalisation */
#include "runtime/kernel/ref.h"

#include <math.h>

/*
 * RMSNorm (Zhang and Sennrich 2019, arXiv:1910.07467, eq. 4).
 *
 *     s[r]    = 1 / sqrt(sum over j of x[r][j]^2 / divisor + eps)
 *     y[r][j] = x[r][j] s[r] (w[j] + offset)
 *
 * The divisor is apart from the width because a sliced stream still divides by
 * the width that it had.
 *
 * y        (rows, width)  out; may be x
 * inverse  (rows)         out, s; or NULL
 * x        (rows, width)
 * w        (width)        or NULL: the factor w + offset is 1
 *
 * The sum is in double; y is rounded once.
 */
void slim_ref_rms_norm(float *y, float *inverse, const float *x, const float *w,
                       size_t rows, size_t width, size_t divisor, float eps,
                       float offset)
{
    for (size_t r = 0; r < rows; r++) {
        const float *xr = x + r * width;
        double sum = 0;

        for (size_t j = 0; j < width; j++)
            sum += (double)xr[j] * (double)xr[j];
        double s = 1.0 / sqrt(sum / (double)divisor + (double)eps);

        for (size_t j = 0; j < width; j++) {
            double gain = w ? (double)w[j] + (double)offset : 1.0;

            y[r * width + j] = (float)((double)xr[j] * s * gain);
        }
        if (inverse)
            inverse[r] = (float)s;
    }
}

/*
 * With g[r][j] = dy[r][j] (w[j] + offset) and s as above:
 *
 *     dx[r][j] (+)= s g[r][j] - s^3 x[r][j] / divisor * sum_i g[r][i] x[r][i]
 *     dw[j]     += sum over r of dy[r][j] x[r][j] s[r]
 *
 * dx       (rows, width)  out; may be dy
 * dw       (width)        added to; or NULL
 * inverse  (rows)         as the forward left it
 */
void slim_ref_rms_norm_grad(float *dx, float *dw, const float *dy,
                            const float *x, const float *inverse,
                            const float *w, size_t rows, size_t width,
                            size_t divisor, float offset, bool add)
{
    for (size_t j = 0; dw && j < width; j++) {
        double sum = (double)dw[j];

        for (size_t r = 0; r < rows; r++)
            sum += (double)dy[r * width + j] * (double)x[r * width + j] *
                   (double)inverse[r];
        dw[j] = (float)sum;
    }
    for (size_t r = 0; r < rows; r++) {
        const float *xr = x + r * width, *dyr = dy + r * width;
        double s = (double)inverse[r], along = 0;

        for (size_t j = 0; j < width; j++) {
            double gain = w ? (double)w[j] + (double)offset : 1.0;

            along += (double)dyr[j] * gain * (double)xr[j];
        }
        double pull = s * s * s * along / (double)divisor;

        for (size_t j = 0; j < width; j++) {
            double gain = w ? (double)w[j] + (double)offset : 1.0;
            double start = add ? (double)dx[r * width + j] : 0.0;

            dx[r * width + j] = (float)(start + s * gain * (double)dyr[j] -
                                        pull * (double)xr[j]);
        }
    }
}
