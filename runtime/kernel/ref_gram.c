/* ref_gram.c - sums of outer products, for principal components */
#include "runtime/kernel/ref.h"

/*
 *     c[i][j] += sum over r of x[r][i] x[r][j]
 *
 * c  (n, n)     added to; full and symmetric
 * x  (rows, n)
 *
 * A product of two f32 is exact in double, so only the sum rounds.
 */
void slim_ref_gram(double *c, const float *x, size_t rows, size_t n)
{
    for (size_t i = 0; i < n; i++)
        for (size_t j = i; j < n; j++) {
            double sum = c[i * n + j];

            for (size_t r = 0; r < rows; r++)
                sum += (double)x[r * n + i] * (double)x[r * n + j];
            c[i * n + j] = sum;
            c[j * n + i] = sum;
        }
}
