/* spectrum.h - random vectors whose covariance falls as a power of its rank */
#ifndef SLIM_SPECTRUM_H
#define SLIM_SPECTRUM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * x[n] of independent normal numbers becomes Q D x. D is diagonal, with squares
 * that fall as rank^-decay and have mean 1. Q is orthogonal and follows from
 * the seed alone: signs and Walsh-Hadamard transforms of blocks, twice, the
 * second of every (n / block)-th number. Vectors of one seed and length share
 * their principal components, as those of a residual stream do. An odd n is
 * scaled and not turned.
 */
struct slim_spectrum {
    size_t width,
        block; /* block: the largest power of two that divides width */
    float *scales, *signs; /* [width], [2 * width] */
};

/* False: no memory. */
bool slim_spectrum_open(struct slim_spectrum *out, size_t width, double decay,
                        uint64_t seed);
void slim_spectrum_close(struct slim_spectrum *spectrum);

/* Every row of w[rows, width], or every column of w[width, columns]. False: no
 * memory. The same numbers with any number of threads. */
bool slim_spectrum_rows(const struct slim_spectrum *spectrum, float *w,
                        size_t rows);
bool slim_spectrum_columns(const struct slim_spectrum *spectrum, float *w,
                           size_t columns);

#endif
