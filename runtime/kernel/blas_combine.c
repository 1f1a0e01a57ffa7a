/* blas_combine.c - sums of scaled arrays */
#include "runtime/kernel/blas.h"
#include "runtime/kernel/parallel.h"
#include "runtime/kernel/vector.h"

enum { TILE = 1 << 14 };

struct combination {
    float *y;
    const float *x, *z;
    float scale;
    size_t count;
};

SLIM_CLONES
static void combine_range(const struct combination *c, size_t first,
                          size_t last)
{
    const float *x = c->x, *z = c->z;
    float *y = c->y, scale = c->scale;

    if (z) {
        for (size_t i = first; i < last; i++)
            y[i] = scale * x[i] + z[i];
    } else {
        for (size_t i = first; i < last; i++)
            y[i] = scale * x[i] + 0.0f;
    }
}

static void combine_tile(void *context, size_t tile, size_t worker)
{
    const struct combination *c = context;
    size_t first = tile * TILE;

    (void)worker;
    combine_range(c, first, first + slim_tile_length(c->count, TILE, tile));
}

void slim_blas_combine(float *y, float scale, const float *x, const float *z,
                       size_t count)
{
    struct combination c = { y, x, z, scale, count };

    slim_parallel(slim_tiles(count, TILE), (double)count, combine_tile, &c);
}
