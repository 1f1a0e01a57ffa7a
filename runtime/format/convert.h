/* convert.h - f32 to the element types that are written */
#ifndef SLIM_CONVERT_H
#define SLIM_CONVERT_H

#include "compiler/ir/checkpoint.h"

/*
 * count numbers of f32 as `dtype` (F32, F16, BF16), rounded to nearest even;
 * BF16 keeps subnormals, NaN stays NaN. Returns how many finite numbers became
 * infinite (F16 ends at 65504): the caller reports them.
 */
size_t slim_convert(void *out, const float *in, size_t count,
                    enum slim_dtype dtype);

#endif
