/* kernel_blas.c - the fast table against the reference, and against itself on
 * another number of threads */
#include "tests/kernel_cases.h"
#include "tests/support.h"

#include <math.h>
#include <string.h>

/* Relative error in the Frobenius norm. */
static double error(const double *have, const double *want, size_t count)
{
    double difference = 0, size = 0, least = 0.01 * (double)count;

    for (size_t i = 0; i < count; i++) {
        double d = have[i] - want[i];

        difference += d * d;
        size += want[i] * want[i];
    }
    return sqrt(difference / (size > least ? size : least));
}

static void equals_the_reference(void **state)
{
    const struct slim_kernel_case *one = *state;
    struct slim_case_output want = slim_case_run(one, &slim_kernels_ref);
    struct slim_case_output have = slim_case_run(one, slim_kernels_blas());
    size_t first = 0;

    assert_int_equal(have.count, want.count);
    for (size_t i = 0; i < want.outputs; i++) {
        double far =
            error(have.value + first, want.value + first, want.ends[i] - first);

        if (!(far <= one->near))
            print_error("%s output %zu: relative error %g\n", one->name, i,
                        far);
        assert_true(far <= one->near);
        first = want.ends[i];
    }
    free(want.value);
    free(have.value);
}

static void same_bits_on_any_threads(void **state)
{
    const struct slim_kernel_case *one = *state;

    slim_threads_set(1);
    struct slim_case_output want = slim_case_run(one, slim_kernels_blas());

    for (size_t threads = 2; threads <= 5; threads++) {
        slim_threads_set(threads);
        struct slim_case_output have = slim_case_run(one, slim_kernels_blas());

        assert_int_equal(have.count, want.count);
        assert_memory_equal(have.value, want.value,
                            want.count * sizeof *want.value);
        free(have.value);
    }
    slim_threads_set(0);
    free(want.value);
}

/* A test of each of two kinds for each case, named after it. */
int main(void)
{
    size_t count = slim_kernel_case_count;
    struct CMUnitTest *tests = calloc(2 * count, sizeof *tests);
    static char names[64][80];

    if (!tests || 2 * count > sizeof names / sizeof *names)
        return 1;
    for (size_t i = 0; i < 2 * count; i++) {
        const struct slim_kernel_case *one = &slim_kernel_cases[i % count];

        (void)snprintf(names[i], sizeof names[i], "%s: %s", one->name,
                       i < count ? "the reference" : "any threads");
        tests[i].name = names[i];
        tests[i].test_func =
            i < count ? equals_the_reference : same_bits_on_any_threads;
        tests[i].initial_state = (void *)(uintptr_t)one;
    }
    int failed =
        _cmocka_run_group_tests("kernel_blas", tests, 2 * count, NULL, NULL);

    free(tests);
    return failed;
}
