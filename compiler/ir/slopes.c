/* slopes.c - the slopes of ALiBi, one a head */
#include "compiler/ir/arch.h"

#include <math.h>

/*
 * Press et al. 2022, arXiv:2108.12409: for n heads, n a power of two, a
 * geometric sequence from 2^(-8/n) on with that ratio. For another n, the
 * sequence of the power of two below, then every other one of twice as many,
 * as the code of its authors and of BLOOM has it.
 */
double slim_alibi_slope(size_t head, size_t heads)
{
    size_t below = 1;

    while (2 * below <= heads)
        below *= 2;
    if (head < below)
        return pow(2.0, -8.0 * (double)(head + 1) / (double)below);
    size_t odd = 2 * (head - below) + 1;
    return pow(2.0, -8.0 * (double)odd / (double)(2 * below));
}
