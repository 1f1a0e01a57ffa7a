/* ref_center.c - the mean of each row taken from it */
#include "runtime/kernel/ref.h"

/*
 *     y[r][j] (+)= x[r][j] - sum over i of x[r][i] / width
 *
 * A projection: symmetric, so it is its own backward. LayerNorm (Ba, Kiros and
 * Hinton 2016, arXiv:1607.06450) is RMSNorm of what it leaves (SliceGPT,
 * arXiv:2401.15024, eq. 4).
 *
 * y, x  (rows, width)  y may be x
 *
 * The sum is in double; y is rounded once.
 */
void slim_ref_center(float *y, const float *x, size_t rows, size_t width,
                     bool add)
{
    for (size_t r = 0; r < rows; r++) {
        const float *from = x + r * width;
        float *to = y + r * width;
        double sum = 0;

        for (size_t j = 0; j < width; j++)
            sum += (double)from[j];
        double mean = sum / (double)width;

        for (size_t j = 0; j < width; j++)
            to[j] =
                (float)((add ? (double)to[j] : 0.0) + (double)from[j] - mean);
    }
}
