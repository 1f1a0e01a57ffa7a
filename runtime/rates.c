/* rates.c - how fast products are here: measured once, and kept (rates.h) */
#include "runtime/rates.h"

#include "base/array.h"
#include "base/progress.h"

#include <stdlib.h>
#include <string.h>

/* A product takes about ten milliseconds. */
enum { SIDE = 1024, ROWS = 512, MOST = 5 };
static const double LONGEST = 0.06;

char *slim_rate_path(struct slim_store *store,
                     const struct slim_kernels *kernels, const char *what)
{
    const char *machine = slim_arena_printf(
        store->arena, "%s, %zu threads, %s%s%s", slim_processor(),
        slim_threads(), slim_numerics(kernels), *what ? ", " : "", what);
    struct slim_digest name = slim_hash(machine, strlen(machine));

    return slim_store_path(store, "rates", &name);
}

double slim_rate_find(struct slim_store *store,
                      const struct slim_kernels *kernels)
{
    struct slim_map map;
    double rate = 0.0;
    bool altered;

    if (!slim_store_keeps(store) ||
        !slim_sealed_map(&map, slim_rate_path(store, kernels, ""), &altered,
                         &store->diag))
        return 0.0;
    if (map.length == sizeof(rate) + SLIM_SEAL)
        memcpy(&rate, map.data, sizeof(rate));
    slim_map_close(&map);
    return rate > 0.0 ? rate : 0.0;
}

void slim_rate_keep(struct slim_store *store,
                    const struct slim_kernels *kernels, double rate)
{
    if (slim_store_keeps(store) && rate > 0.0)
        (void)slim_sealed_put(store, slim_rate_path(store, kernels, ""), &rate,
                              sizeof(rate));
}

static void multiply(const struct slim_kernels *kernels, float *y,
                     const float *x, const float *w)
{
    /* bits of f32 that are read as bf16 are as good numbers as others */
    if (kernels->narrow)
        kernels->narrow->linear(y, x, (const uint16_t *)(const void *)w, NULL,
                                ROWS, SIDE, SIDE);
    else
        kernels->linear(y, x, w, NULL, ROWS, SIDE, SIDE);
}

double slim_rate_measure(const struct slim_kernels *kernels)
{
    size_t side = SIDE, rows = ROWS;
    float *w = slim_array(side * side, sizeof(*w));
    float *x = slim_array(rows * side, sizeof(*x));
    float *y = slim_array(rows * side, sizeof(*y));
    double began = slim_now(), best = 0.0;

    for (size_t i = 0; w && i < side * side; i++)
        w[i] = 0.5f;
    for (size_t i = 0; x && y && i < rows * side; i++)
        x[i] = y[i] = 0.5f;
    for (int i = 0; w && x && y && i < MOST; i++) {
        double started = slim_now();
        multiply(kernels, y, x, w);
        double took = slim_now() - started;
        /* the first one prepares what the library keeps */
        if (i == 1 || (i > 1 && took < best))
            best = took;
        if (i > 1 && slim_now() - began > LONGEST)
            break;
    }
    free(w);
    free(x);
    free(y);
    return best > 0.0 ? 2.0 * ROWS * SIDE * SIDE / best : 0.0;
}
