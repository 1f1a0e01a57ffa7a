/* kernel_threads.c - work beside other work, and over what threads are left */
#include "runtime/kernel/kernel.h"
#include "runtime/kernel/parallel.h"
#include "tests/support.h"

#include <pthread.h>

enum { TILES = 64 };

struct pair {
    pthread_t narrow, wide;
    size_t narrow_threads, wide_threads; /* as they see them */
    int narrow_calls, wide_calls;
    int tiles[TILES];
    bool outside; /* a tile was given a worker that there is not */
};

static void narrow(void *context)
{
    struct pair *p = context;

    p->narrow = pthread_self();
    p->narrow_threads = slim_threads();
    p->narrow_calls++;
}

static void count_tile(void *context, size_t tile, size_t worker)
{
    struct pair *p = context;

    p->tiles[tile]++;
    if (worker >= p->wide_threads)
        p->outside = true;
}

static void wide(void *context)
{
    struct pair *p = context;

    p->wide = pthread_self();
    p->wide_threads = slim_threads();
    p->wide_calls++;
    slim_parallel(TILES, 1e9, count_tile, p);
}

static struct pair beside(size_t threads)
{
    struct pair p = { 0 };

    slim_threads_set(threads);
    slim_beside(narrow, wide, &p);
    assert_int_equal(slim_threads(), threads);
    slim_threads_set(0);
    assert_int_equal(p.narrow_calls, 1);
    assert_int_equal(p.wide_calls, 1);
    assert_false(p.outside);
    for (size_t i = 0; i < TILES; i++)
        assert_int_equal(p.tiles[i], 1);
    return p;
}

static void shares_threads(void **state)
{
    (void)state;
    for (size_t threads = 2; threads < 5; threads++) {
        struct pair p = beside(threads);

        assert_int_equal(p.narrow_threads, 1);
        assert_int_equal(p.wide_threads, threads - 1);
        assert_true(pthread_equal(p.wide, pthread_self()));
        assert_false(pthread_equal(p.narrow, p.wide));
    }
}

static void one_thread_does_both(void **state)
{
    (void)state;
    struct pair p = beside(1);

    assert_int_equal(p.narrow_threads, 1);
    assert_int_equal(p.wide_threads, 1);
    assert_true(pthread_equal(p.narrow, p.wide));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(shares_threads),
        cmocka_unit_test(one_thread_does_both),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
