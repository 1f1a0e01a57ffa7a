/* parallel.h - tiles of work over threads */
#ifndef SLIM_KERNEL_PARALLEL_H
#define SLIM_KERNEL_PARALLEL_H

#include <stddef.h>

/*
 * Calls body(context, tile, worker) for every tile below `tiles`, each once, on
 * up to slim_threads() threads; worker < slim_threads() tells them apart.
 * Runs without threads where `work` (about the number of operations of all
 * tiles) does not pay for waking them. Which thread takes a tile varies, so a
 * tile must not depend on another, and the caller must cut its work by the
 * shapes alone: then results do not depend on the number of threads.
 *
 * BLAS called from a tile runs on the tile's own thread.
 */
void slim_parallel(size_t tiles, double work,
                   void (*body)(void *context, size_t tile, size_t worker),
                   void *context);

/*
 * narrow(context) on a thread of its own, for what cannot be divided, while this
 * one runs wide(context) on the others; returns after both. Neither may read
 * what the other writes. With one thread, or where no other can be had, they
 * run one after the other.
 */
void slim_beside(void (*narrow)(void *context), void (*wide)(void *context),
                 void *context);

/* Makes BLAS and LAPACK calls of this thread run on it alone. */
void slim_blas_alone(void);

/* Tiles of `size` that cover n. */
static inline size_t slim_tiles(size_t n, size_t size)
{
    return n / size + (n % size != 0);
}

/* The length of tile `index` of them. */
static inline size_t slim_tile_length(size_t n, size_t size, size_t index)
{
    size_t left = n - index * size;

    return left < size ? left : size;
}

#endif
