/* convert.c - f32 to the element types that are written */
#include "runtime/format/convert.h"

#include "runtime/kernel/bf16.h"
#include "runtime/kernel/parallel.h"

#include <stdatomic.h>
#include <string.h>

static uint32_t bits_of(float x)
{
    uint32_t bits;

    memcpy(&bits, &x, sizeof(bits));
    return bits;
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

static bool is_finite(float x)
{
    return (bits_of(x) & 0x7f800000u) != 0x7f800000u;
}

/* A run returns how many finite numbers of it became infinite. */
SLIM_CLONES
static size_t run_bf16(uint16_t *out, const float *in, size_t count)
{
    uint32_t lost = 0;

#pragma omp simd reduction(+ : lost)
    for (size_t i = 0; i < count; i++) {
        out[i] = slim_bf16_one(in[i]);
        lost += is_finite(in[i]) && (out[i] & 0x7fffu) == 0x7f80u;
    }
    return lost;
}

static size_t run_f16(uint16_t *out, const float *in, size_t count)
{
    size_t lost = 0;

    for (size_t i = 0; i < count; i++) {
        out[i] = to_f16(in[i]);
        lost += is_finite(in[i]) && (out[i] & 0x7fffu) == 0x7c00u;
    }
    return lost;
}

enum { RUN = 1 << 16 };

struct conversion {
    size_t (*run)(uint16_t *out, const float *in, size_t count);
    uint16_t *out;
    const float *in;
    size_t count;
    atomic_size_t lost;
};

static void convert_tile(void *context, size_t tile, size_t worker)
{
    struct conversion *c = context;
    size_t first = tile * RUN;

    (void)worker;
    atomic_fetch_add(&c->lost, c->run(c->out + first, c->in + first,
                                      slim_tile_length(c->count, RUN, tile)));
}

size_t slim_convert(void *out, const float *in, size_t count,
                    enum slim_dtype dtype)
{
    if (dtype == SLIM_DTYPE_F32) {
        memcpy(out, in, count * sizeof(*in));
        return 0;
    }
    struct conversion c = { dtype == SLIM_DTYPE_F16 ? run_f16 : run_bf16, out,
                            in, count, 0 };

    slim_parallel(slim_tiles(count, RUN), (double)count, convert_tile, &c);
    return c.lost;
}
