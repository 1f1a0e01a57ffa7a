/* convert.c - f32 to the element types that are written */
#include "runtime/format/convert.h"

#include <math.h>
#include <string.h>

static uint32_t bits_of(float x)
{
    uint32_t bits;

    memcpy(&bits, &x, sizeof(bits));
    return bits;
}

static uint16_t to_bf16(float x)
{
    uint32_t bits = bits_of(x);

    if (isnan(x))
        return (uint16_t)((bits >> 16) | 0x40);
    bits += 0x7fff + ((bits >> 16) & 1);
    return (uint16_t)(bits >> 16);
}

/* value * 2^-shift to nearest even */
static uint32_t shift_even(uint32_t value, unsigned shift)
{
    uint32_t kept = value >> shift, half = 1u << (shift - 1);
    uint32_t rest = value & ((1u << shift) - 1);

    return kept + (rest > half || (rest == half && (kept & 1)));
}

static uint16_t to_f16(float x)
{
    uint32_t bits = bits_of(x), sign = (bits >> 16) & 0x8000;
    int exponent = (int)((bits >> 23) & 0xff) - 127;
    uint32_t mantissa = bits & 0x7fffff;

    if (exponent == 128)
        return (uint16_t)(sign | 0x7c00 | (mantissa ? 0x200 : 0));
    if (exponent > 15)
        return (uint16_t)(sign | 0x7c00);
    if (exponent >= -14) /* rounding may carry into the exponent: intended */
        return (uint16_t)(sign + (((uint32_t)(exponent + 15) << 10) +
                                  shift_even(mantissa, 13)));
    if (exponent < -25)
        return (uint16_t)sign;
    return (uint16_t)(sign | shift_even(mantissa | 0x800000,
                                        (unsigned)(-exponent - 1)));
}

size_t slim_convert(void *out, const float *in, size_t count,
                    enum slim_dtype dtype)
{
    uint16_t *half = out;
    size_t lost = 0;

    if (dtype == SLIM_DTYPE_F32) {
        memcpy(out, in, count * sizeof(*in));
        return 0;
    }
    for (size_t i = 0; i < count; i++) {
        uint16_t infinite = dtype == SLIM_DTYPE_F16 ? 0x7c00 : 0x7f80;

        half[i] = dtype == SLIM_DTYPE_F16 ? to_f16(in[i]) : to_bf16(in[i]);
        lost += isfinite(in[i]) && (half[i] & 0x7fff) == infinite;
    }
    return lost;
}
