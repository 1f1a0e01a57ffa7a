/* limits.c - what this machine can do at most, measured now */
#include "runtime/limits.h"

#include "base/array.h"
#include "base/file.h"
#include "base/progress.h"
#include "base/random.h"
#include "runtime/kernel/kernel.h"
#include "runtime/kernel/parallel.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* One product takes tens of milliseconds; no cache holds the memory. */
enum { SIDE = 2048, REPEATS = 5 };
static const size_t BYTES = (size_t)256 << 20;
static const size_t PIECE = (size_t)1 << 20;

static const struct slim_span nowhere = { NULL, 0, 0 };

struct arena {
    const struct slim_kernels *kernels;
    float *from, *to; /* BYTES each */
};

static double seconds_of(void (*work)(struct arena *), struct arena *arena)
{
    double best = 0.0;

    for (int i = 0; i < REPEATS; i++) {
        double started = slim_now();
        work(arena);
        double took = slim_now() - started;
        best = i == 0 || took < best ? took : best;
    }
    return best;
}

static void product_f32(struct arena *arena)
{
    size_t count = (size_t)SIDE * SIDE;

    arena->kernels->matmul(arena->to, arena->from, arena->from + count, SIDE,
                           SIDE, SIDE, false);
}

static void product_f64(struct arena *arena)
{
    const double *from = (const double *)(const void *)arena->from;
    size_t count = (size_t)SIDE * SIDE;

    slim_gemm_f64((double *)(void *)arena->to, from, from + count, SIDE, SIDE,
                  SIDE, false, false);
}

/* The weights are kept rounded, the other operand is rounded in the call. */
static void product_bf16(struct arena *arena)
{
    const uint16_t *from = (const uint16_t *)(const void *)arena->from;
    size_t count = (size_t)SIDE * SIDE;

    slim_kernels_bf16()->narrow->linear(arena->to, arena->from + count, from,
                                        NULL, SIDE, SIDE, SIDE);
}

static void read_all(struct arena *arena)
{
    arena->to[0] = (float)arena->kernels->sum_squares(
        arena->from, BYTES / sizeof(*arena->from));
}

static void copy_piece(void *context, size_t tile, size_t worker)
{
    const struct arena *arena = context;
    size_t at = tile * (PIECE / sizeof(*arena->from));

    (void)worker;
    memcpy(arena->to + at, arena->from + at, PIECE);
}

static void copy_all(struct arena *arena)
{
    slim_parallel(BYTES / PIECE, (double)BYTES, copy_piece, arena);
}

/* Reads a file that the page cache was asked to forget. */
static double load_rate(const char *path, void *buffer)
{
    int file = open(path, O_RDONLY | O_CLOEXEC);
    size_t left = BYTES;
    double started = slim_now();

    if (file < 0)
        return 0.0;
#ifdef POSIX_FADV_DONTNEED
    (void)posix_fadvise(file, 0, 0, POSIX_FADV_DONTNEED);
#endif
    while (left > 0) {
        ssize_t got = read(file, buffer, left < PIECE ? left : PIECE);
        if (got <= 0)
            break;
        left -= (size_t)got;
    }
    (void)close(file);
    return left > 0 ? 0.0 : (double)BYTES / (slim_now() - started);
}

/* Written and synced, then read. */
static enum slim_status disk(struct slim_limits *out, const struct arena *arena,
                             const char *directory, struct slim_diag *diag)
{
    char *path = slim_path_join(diag->arena, directory, ".slimc-bench");
    struct slim_writer writer = { 0 };
    double started = slim_now();

    enum slim_status status = slim_writer_open(&writer, path, nowhere, diag);
    for (size_t at = 0; status == SLIM_OK && at < BYTES; at += PIECE)
        status = slim_writer_put(&writer,
                                 (const char *)(const void *)arena->from + at,
                                 PIECE, nowhere, diag);
    if (status == SLIM_OK)
        status = slim_writer_commit(&writer, nowhere, diag);
    if (status == SLIM_OK) {
        out->write = (double)BYTES / (slim_now() - started);
        out->load = load_rate(path, arena->to);
        (void)unlink(path);
    }
    slim_writer_abort(&writer);
    return status;
}

static void memory_and_products(struct slim_limits *out, struct arena *arena)
{
    double operations = 2.0 * SIDE * SIDE * SIDE;

    out->f32 = operations / seconds_of(product_f32, arena);
    out->f64 = operations / seconds_of(product_f64, arena);
    if (slim_kernels_bf16())
        out->bf16 = operations / seconds_of(product_bf16, arena);
    out->read = (double)BYTES / seconds_of(read_all, arena);
    out->copy = (double)BYTES / seconds_of(copy_all, arena);
}

/*
 * Numbers near one, by any type: a product of equal numbers takes less power,
 * and so less time, than one of numbers that differ. Pages that were never
 * written would all be one page of zeros.
 */
static void fill(float *numbers)
{
    char *bytes = (char *)(void *)numbers;

    for (size_t i = 0; i < PIECE / sizeof(uint64_t); i++) {
        uint64_t bits =
            0x3f803f803f803f80u |
            (slim_random_u64(0, SLIM_STREAM_LIMITS, i) & 0x807f807f807f807fu);
        memcpy(bytes + i * sizeof(bits), &bits, sizeof(bits));
    }
    for (size_t at = PIECE; at < BYTES; at += PIECE)
        memcpy(bytes + at, bytes, PIECE);
}

enum slim_status slim_limits_measure(struct slim_limits *out,
                                     const char *directory,
                                     struct slim_diag *diag)
{
    struct arena arena = { .kernels = slim_kernels_blas(),
                           .from = slim_array(BYTES, 1),
                           .to = slim_array(BYTES, 1) };
    enum slim_status status;

    *out = (struct slim_limits){ .threads = slim_threads() };
    if (!arena.from || !arena.to) {
        status = slim_fail(diag, "O001", nowhere,
                           "out of memory: two buffers of %zu bytes", BYTES);
    } else {
        fill(arena.from);
        fill(arena.to);
        memory_and_products(out, &arena);
        status = disk(out, &arena, directory, diag);
    }
    free(arena.from);
    free(arena.to);
    return status;
}
