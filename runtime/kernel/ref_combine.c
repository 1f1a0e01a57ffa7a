/* ref_combine.c - sums of scaled arrays */
#include "runtime/kernel/ref.h"

/* y = scale x + z; z NULL: 0. */
void slim_ref_combine(float *y, float scale, const float *x, const float *z,
                      size_t count)
{
    for (size_t i = 0; i < count; i++)
        y[i] = scale * x[i] + (z ? z[i] : 0.0f);
}
