/* rates.c - how fast products are: kept by the machine, and what plans make of
 * it */
#include "runtime/rates.h"
#include "compiler/plan.h"
#include "tests/support.h"

static void what_is_kept_is_found_again(void **state)
{
    char *folder = slim_test_directory();
    struct slim_arena *arena = slim_arena_open();
    struct slim_diag diag = { .arena = arena };
    struct slim_store *store = slim_store_open(folder, arena, &diag);
    const struct slim_kernels *blas = slim_kernels_blas();
    size_t threads = slim_threads();

    (void)state;
    assert_true(slim_rate_find(NULL, blas) <= 0.0);
    assert_true(slim_rate_find(store, blas) <= 0.0);
    slim_rate_keep(store, blas, 1e11);
    slim_rate_keep(store, blas, 3e11);
    assert_true(slim_rate_find(store, blas) == 3e11);
    /* counting changes nothing; another arithmetic does, as threads do */
    assert_true(slim_rate_find(store, slim_kernels_counted(blas)) == 3e11);
    assert_true(slim_rate_find(store, &slim_kernels_ref) <= 0.0);
    slim_threads_set(threads + 1);
    assert_true(slim_rate_find(store, blas) <= 0.0);
    slim_threads_set(threads);
    assert_int_equal(diag.errors, 0);
    slim_arena_close(arena);
    slim_test_directory_remove(folder);
}

static void a_measurement_is_a_rate(void **state)
{
    (void)state;
    assert_true(slim_rate_measure(slim_kernels_blas()) > 0.0);
    if (slim_kernels_bf16())
        assert_true(slim_rate_measure(slim_kernels_bf16()) > 0.0);
}

static void plans_take_a_share_of_it(void **state)
{
    struct slim_program program = { .compute = "f32" };
    const struct slim_op op = { .cost = { .flops = 6e10 } };

    (void)state;
    assert_true(
        slim_test_near(slim_plan_seconds(&program, &op), 1.0, 1e-12, 0.0));
    program.limit = 1.6e11;
    assert_true(
        slim_test_near(slim_plan_seconds(&program, &op), 0.5, 1e-12, 0.0));
    program.compute = "bf16";
    program.limit = 0.0;
    assert_true(slim_plan_rate(&program) == 9e10);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_kept_is_found_again),
        cmocka_unit_test(a_measurement_is_a_rate),
        cmocka_unit_test(plans_take_a_share_of_it),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
