/* ref_rope.c - rotary position embedding */
#include "runtime/kernel/ref.h"

/*
 * RoPE (Su et al. 2021, arXiv:2104.09864, eq. 34). For each head of each token
 * at position p, each t < rotary / 2 is a pair of dimensions (a, b):
 *
 *     a' = a cos[p][t] - b sin[p][t]
 *     b' = b cos[p][t] + a sin[p][t]
 *
 * The pair is (t, t + rotary/2), or with `pairs` (2t, 2t + 1). Dimensions from
 * rotary on stay. `inverse` negates the sine: the transpose of the rotation is
 * its inverse and its backward.
 *
 * x             (tokens, heads * dim)         in place
 * cosine, sine  (positions, rotary / 2)
 * positions     (tokens, places)    head h has place h % places
 */
void slim_ref_rope(float *x, const float *cosine, const float *sine,
                   const int32_t *positions, size_t tokens, size_t heads,
                   size_t dim, size_t rotary, size_t places, bool pairs,
                   bool inverse)
{
    size_t half = rotary / 2, step = pairs ? 2 : 1, apart = pairs ? 1 : half;

    for (size_t i = 0; i < tokens * heads; i++) {
        size_t at = i / heads * places + i % heads % places;
        size_t row = (size_t)positions[at] * half;
        float *head = x + i * dim;

        for (size_t t = 0; t < half; t++) {
            float *pair = head + t * step;
            double a = (double)pair[0], b = (double)pair[apart];
            double c = (double)cosine[row + t];
            double s = inverse ? -(double)sine[row + t] : (double)sine[row + t];

            pair[0] = (float)(a * c - b * s);
            pair[apart] = (float)(b * c + a * s);
        }
    }
}
