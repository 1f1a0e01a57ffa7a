/* bf16_amx.c - products of bf16 in the tile registers of AMX */
#include "runtime/kernel/bf16_amx.h"

#if defined(HAVE_DNNL) && defined(__x86_64__) && defined(__linux__) &&         \
    ((defined(__clang__) && __clang_major__ >= 12) ||                          \
     (!defined(__clang__) && defined(__GNUC__) && __GNUC__ >= 11))

#include <immintrin.h>
#include <oneapi/dnnl/dnnl.h>
#include <sys/syscall.h>
#include <unistd.h>

#define AMX __attribute__((target("amx-tile,amx-bf16")))
#define AMX_INLINE AMX static inline __attribute__((always_inline))

/* The kernel has room for tiles only for processes that ask (Linux,
 * Documentation/arch/x86/xstate.rst). */
enum { REQUEST_PERMISSION = 0x1023, TILE_DATA = 18 };

bool slim_amx_here(void)
{
    static int here = -1; /* first called before there are threads */

    if (here < 0)
        here = (dnnl_get_effective_cpu_isa() & dnnl_cpu_isa_avx512_core_amx) ==
                   dnnl_cpu_isa_avx512_core_amx &&
               syscall(SYS_arch_prctl, REQUEST_PERMISSION, TILE_DATA) == 0;
    return here;
}

/* The operand of LDTILECFG, Intel's manual, volume 1, chapter 18. */
struct tiles {
    uint8_t palette, start;
    uint8_t reserved[14];
    uint16_t row_bytes[16];
    uint8_t rows[16];
};

/* Tiles 0 to 3 are sums, 4 is of a, 5 of b: 16 rows of 64 bytes each. Static,
 * since the intrinsic of GCC tells the compiler of its first 8 bytes alone. */
static const struct tiles tiles = {
    .palette = 1,
    .row_bytes = { 64, 64, 64, 64, 64, 64 },
    .rows = { 16, 16, 16, 16, 16, 16 },
};

AMX void slim_amx_open(void)
{
    _tile_loadconfig(&tiles);
}

AMX void slim_amx_close(void)
{
    _tile_release();
}

/* The number of a tile is part of the instruction, so it cannot be counted. */
#define EVERY_SUM(do)                                                          \
    do                                                                         \
        (0);                                                                   \
    if (n > 1)                                                                 \
        do                                                                     \
            (1);                                                               \
    if (n > 2)                                                                 \
        do                                                                     \
            (2);                                                               \
    if (n > 3)                                                                 \
        do                                                                     \
        (3)
#define LOAD(i) _tile_loadd(i, c + (size_t)(i)*SLIM_AMX_LANES, ldc * sizeof(*c))
#define ZERO(i) _tile_zero(i)
#define MULTIPLY(i)                                                            \
    do {                                                                       \
        _tile_loadd(5, b + (size_t)(i)*SLIM_AMX_LANES, ldb * sizeof(*b));      \
        _tile_dpbf16ps(i, 4, 5);                                               \
    } while (0)
#define STORE(i)                                                               \
    _tile_stored(i, c + (size_t)(i)*SLIM_AMX_LANES, ldc * sizeof(*c))

AMX_INLINE void load_sums(const float *c, size_t ldc, size_t n)
{
    EVERY_SUM(LOAD);
}

AMX_INLINE void clear_sums(size_t n)
{
    EVERY_SUM(ZERO);
}

/* Adds the product of one tile of a and n of b. */
AMX_INLINE void multiply(const uint16_t *a, size_t lda, const uint32_t *b,
                         size_t ldb, size_t n)
{
    _tile_loadd(4, a, lda * sizeof(*a));
    EVERY_SUM(MULTIPLY);
}

AMX_INLINE void store_sums(float *c, size_t ldc, size_t n)
{
    EVERY_SUM(STORE);
}

AMX void slim_amx_strip(float *c, size_t ldc, const uint16_t *a, size_t lda,
                        const uint32_t *b, size_t ldb, size_t pairs, size_t n,
                        bool add)
{
    if (add)
        load_sums(c, ldc, n);
    else
        clear_sums(n);
    for (size_t p = 0; p < pairs; p += SLIM_AMX_LANES)
        multiply(a + 2 * p, lda, b + p * ldb, ldb, n);
    store_sums(c, ldc, n);
}

#else

bool slim_amx_here(void)
{
    return false;
}

void slim_amx_open(void)
{
}

void slim_amx_close(void)
{
}

/* Nobody calls it where slim_amx_here says no. */
void slim_amx_strip(float *c, size_t ldc, const uint16_t *a, size_t lda,
                    const uint32_t *b, size_t ldb, size_t pairs, size_t n,
                    bool add)
{
    (void)c, (void)ldc, (void)a, (void)lda, (void)b, (void)ldb;
    (void)pairs, (void)n, (void)add;
}

#endif
