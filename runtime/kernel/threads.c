/* threads.c - how many threads, and tiles of work over them */
#include "runtime/kernel/kernel.h"
#include "runtime/kernel/parallel.h"

#include <cblas.h>
#include <omp.h>
#include <pthread.h>

/* Operations below which waking threads costs more than they bring. */
static const double WORTH_THREADS = 1e5;

static size_t chosen; /* 0: as many as there are cores */
/* Of this thread, while another works beside it; 0: all. */
static _Thread_local size_t share;

void slim_threads_set(size_t threads)
{
    chosen = threads;
}

size_t slim_threads(void)
{
    if (share != 0)
        return share;
    if (chosen != 0)
        return chosen;
    int cores = omp_get_num_procs();

    return cores > 0 ? (size_t)cores : 1;
}

/*
 * An OpenBLAS that uses OpenMP asks omp_get_max_threads at each call; one with
 * threads of its own keeps the number it was given. openblas_set_num_threads
 * tells both.
 */
void slim_blas_alone(void)
{
    static _Thread_local int done;

    if (done && omp_get_max_threads() == 1)
        return;
    openblas_set_num_threads(1);
    omp_set_num_threads(1);
    done = 1;
}

void slim_parallel(size_t tiles, double work,
                   void (*body)(void *context, size_t tile, size_t worker),
                   void *context)
{
    size_t threads = slim_threads();

    slim_blas_alone();
    if (threads > tiles)
        threads = tiles;
    if (threads < 2 || work < WORTH_THREADS) {
        for (size_t tile = 0; tile < tiles; tile++)
            body(context, tile, 0);
        return;
    }
#pragma omp parallel for num_threads((int)threads) schedule(dynamic, 1)
    for (size_t tile = 0; tile < tiles; tile++)
        body(context, tile, (size_t)omp_get_thread_num());
}

struct narrow {
    void (*body)(void *context);
    void *context;
};

static void *run_narrow(void *context)
{
    const struct narrow *narrow = context;

    share = 1;
    slim_blas_alone();
    narrow->body(narrow->context);
    return NULL;
}

void slim_beside(void (*narrow)(void *context), void (*wide)(void *context),
                 void *context)
{
    struct narrow aside = { narrow, context };
    size_t threads = slim_threads();
    pthread_t thread;

    slim_blas_alone();
    if (threads < 2 || pthread_create(&thread, NULL, run_narrow, &aside) != 0) {
        narrow(context);
        wide(context);
        return;
    }
    size_t before = share;
    share = threads - 1;
    wide(context);
    share = before;
    (void)pthread_join(thread, NULL);
}
