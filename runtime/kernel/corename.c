/* corename.c - an OpenBLAS older than the CPU, noticed and set right */
#include "runtime/kernel/corename.h"

#include "runtime/kernel/bf16.h"
#include "runtime/kernel/kernel.h"

#include <cblas.h>
#if defined(__x86_64__) && defined(__GNUC__)
#include <cpuid.h>
#endif
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

/* What was running before the program started itself again. Also the guard
 * against doing so twice. */
static const char *const WAS = "SLIMC_BLAS_WAS";
static const char *const CORETYPE = "OPENBLAS_CORETYPE";
static const char *const WAIT = "OMP_WAIT_POLICY";
static const char *const SPIN = "GOMP_SPINCOUNT";

/* The names that OpenBLAS 0.3 gives its x86 cores, and what each of them makes
 * use of. Zen has the AVX2 kernels but is as fast as the CPUs it is named
 * after, which run AVX-512 at half speed. */
static const struct {
    const char *name;
    enum slim_vector uses;
} cores[] = {
    { "Katmai", SLIM_VECTOR_SSE },
    { "Coppermine", SLIM_VECTOR_SSE },
    { "Northwood", SLIM_VECTOR_SSE },
    { "Prescott", SLIM_VECTOR_SSE },
    { "Banias", SLIM_VECTOR_SSE },
    { "Atom", SLIM_VECTOR_SSE },
    { "Core2", SLIM_VECTOR_SSE },
    { "Penryn", SLIM_VECTOR_SSE },
    { "Dunnington", SLIM_VECTOR_SSE },
    { "Nehalem", SLIM_VECTOR_SSE },
    { "Athlon", SLIM_VECTOR_SSE },
    { "Opteron", SLIM_VECTOR_SSE },
    { "Opteron_SSE3", SLIM_VECTOR_SSE },
    { "Barcelona", SLIM_VECTOR_SSE },
    { "Nano", SLIM_VECTOR_SSE },
    { "Bobcat", SLIM_VECTOR_SSE },
    { "Sandybridge", SLIM_VECTOR_AVX },
    { "Bulldozer", SLIM_VECTOR_AVX },
    { "Piledriver", SLIM_VECTOR_AVX },
    { "Steamroller", SLIM_VECTOR_AVX },
    { "Excavator", SLIM_VECTOR_AVX },
    { "Haswell", SLIM_VECTOR_AVX2 },
    { "Zen", SLIM_VECTOR_AVX512 },
    { "SkylakeX", SLIM_VECTOR_AVX512 },
    { "Cooperlake", SLIM_VECTOR_AVX512 },
    { "SapphireRapids", SLIM_VECTOR_AVX512 },
};

/* A core that every OpenBLAS since 0.3.0 has. */
static const char *const wanted[] = {
    [SLIM_VECTOR_SSE] = "Prescott",
    [SLIM_VECTOR_AVX] = "Sandybridge",
    [SLIM_VECTOR_AVX2] = "Haswell",
    [SLIM_VECTOR_AVX512] = "SkylakeX",
};

enum slim_vector slim_vector_offered(void)
{
#if defined(__x86_64__) && defined(__GNUC__)
    __builtin_cpu_init();
    if (__builtin_cpu_supports("avx512f") &&
        __builtin_cpu_supports("avx512bw") &&
        __builtin_cpu_supports("avx512dq") &&
        __builtin_cpu_supports("avx512vl"))
        return SLIM_VECTOR_AVX512;
    if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma"))
        return SLIM_VECTOR_AVX2;
    if (__builtin_cpu_supports("avx"))
        return SLIM_VECTOR_AVX;
#endif
    return SLIM_VECTOR_SSE;
}

const char *slim_corename_better(const char *core, enum slim_vector offered)
{
    for (size_t i = 0; i < sizeof cores / sizeof *cores; i++)
        if (strcasecmp(core, cores[i].name) == 0)
            return cores[i].uses < offered ? wanted[offered] : NULL;
    return NULL;
}

/* Threads that wait in a loop for the next tile take the other processes' time
 * on a busy machine: up to ten times slower than asleep. The next tile mostly
 * comes within a tenth of a millisecond, and waking up takes as long: libgomp
 * can be told to look so many times before. */
static bool wait_asleep(void)
{
    if (getenv(WAIT) || getenv(SPIN))
        return false;
    (void)setenv(SPIN, "3000", 1);
    return setenv(WAIT, "passive", 1) == 0;
}

/* The core that OpenBLAS is to take instead; false if it chose well. */
static bool ask_core(const char *core, const char *better)
{
    if (!better || getenv(WAS) || getenv(CORETYPE))
        return false;
    return setenv(WAS, core, 1) == 0 && setenv(CORETYPE, better, 1) == 0;
}

const char *slim_blas_fix(char **argv)
{
    static char found[64];
    const char *core = openblas_get_corename();
    const char *was = getenv(WAS);
    const char *better = slim_corename_better(core, slim_vector_offered());

    bool core_changes = ask_core(core, better);
    if (wait_asleep() || core_changes) {
        /* Libraries read the environment while they are loaded. Returns only
         * if there is no such file (no /proc): then all is as it was. */
        (void)execv("/proc/self/exe", argv);
        if (core_changes) {
            (void)unsetenv(CORETYPE);
            (void)unsetenv(WAS);
        }
    }
    if (was)
        (void)snprintf(found, sizeof found, "%s, was %s", core, was);
    else
        (void)snprintf(found, sizeof found, "%s", core);
    return found;
}

/* Raised when a kernel of this folder gives other bits than before. */
enum { REVISION = 5 };

const char *slim_numerics(const struct slim_kernels *kernels)
{
    static char text[256];

    (void)snprintf(text, sizeof(text), "%s %d, %s%s%s", kernels->name, REVISION,
                   openblas_get_config(), kernels->narrow ? ", " : "",
                   kernels->narrow ? slim_bf16_version() : "");
    return text;
}

const char *slim_processor(void)
{
    static char name[49];
#if defined(__x86_64__) && defined(__GNUC__)
    /* three leaves of 16 bytes each: the brand, padded with NUL */
    for (unsigned leaf = 0; leaf < 3; leaf++) {
        unsigned part[4] = { 0 };

        if (!__get_cpuid(0x80000002u + leaf, &part[0], &part[1], &part[2],
                         &part[3]))
            break;
        memcpy(name + sizeof(part) * leaf, part, sizeof(part));
    }
#endif
    return name;
}
