/* kernel_corename.c - which OpenBLAS cores are good enough for which CPU */
#include "runtime/kernel/corename.h"
#include "runtime/kernel/kernel.h"
#include "tests/support.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void poor_cores_are_replaced(void **state)
{
    (void)state;
    assert_string_equal(slim_corename_better("Prescott", SLIM_VECTOR_AVX512),
                        "SkylakeX");
    assert_string_equal(slim_corename_better("Haswell", SLIM_VECTOR_AVX512),
                        "SkylakeX");
    assert_string_equal(slim_corename_better("Sandybridge", SLIM_VECTOR_AVX2),
                        "Haswell");
    assert_string_equal(slim_corename_better("nehalem", SLIM_VECTOR_AVX2),
                        "Haswell");
    assert_string_equal(slim_corename_better("Core2", SLIM_VECTOR_AVX),
                        "Sandybridge");
}

static void good_cores_stay(void **state)
{
    (void)state;
    assert_null(slim_corename_better("SkylakeX", SLIM_VECTOR_AVX512));
    assert_null(slim_corename_better("Cooperlake", SLIM_VECTOR_AVX512));
    assert_null(slim_corename_better("SapphireRapids", SLIM_VECTOR_AVX512));
    assert_null(slim_corename_better("Zen", SLIM_VECTOR_AVX512));
    assert_null(slim_corename_better("Haswell", SLIM_VECTOR_AVX2));
    assert_null(slim_corename_better("Prescott", SLIM_VECTOR_SSE));
}

static void unknown_cores_are_trusted(void **state)
{
    (void)state;
    assert_null(slim_corename_better("GraniteRapids", SLIM_VECTOR_AVX512));
    assert_null(slim_corename_better("armv8", SLIM_VECTOR_AVX512));
    assert_null(slim_corename_better("", SLIM_VECTOR_AVX512));
}

/* Run as a child, it says what it found. */
static int report(char **argv)
{
    return puts(slim_blas_fix(argv)) < 0;
}

static const char *self;

/* With a core forced on OpenBLAS the choice is the user's, and it stays. */
static void the_users_choice_stays(void **state)
{
    (void)state;
    struct slim_ran ran =
        slim_test_run("OPENBLAS_CORETYPE=Prescott '%s' report", self);

    assert_int_equal(ran.exit_code, 0);
    assert_null(strstr(ran.out, "was"));
    slim_test_ran_free(&ran);
}

/* What a restarted program prints, and that it does not restart for ever. */
static void a_restart_is_told_once(void **state)
{
    (void)state;
    struct slim_ran ran =
        slim_test_run("SLIMC_BLAS_WAS=Prescott '%s' report", self);

    assert_int_equal(ran.exit_code, 0);
    assert_non_null(strstr(ran.out, ", was Prescott\n"));
    slim_test_ran_free(&ran);
}

/* Run as a child, it says how its threads wait. */
static int report_waiting(char **argv)
{
    (void)slim_blas_fix(argv);
    const char *policy = getenv("OMP_WAIT_POLICY");
    const char *looks = getenv("GOMP_SPINCOUNT");

    return printf("%s %s\n", policy ? policy : "-", looks ? looks : "-") < 0;
}

static void assert_waiting(const char *set, const char *expected)
{
    struct slim_ran ran = slim_test_run(
        "env -u OMP_WAIT_POLICY -u GOMP_SPINCOUNT %s '%s' waiting", set, self);

    assert_int_equal(ran.exit_code, 0);
    assert_string_equal(ran.out, expected);
    slim_test_ran_free(&ran);
}

/* Threads sleep soon, and what the user said of it stays as it is. */
static void threads_wait_a_while(void **state)
{
    (void)state;
    assert_waiting("", "passive 3000\n");
    assert_waiting("GOMP_SPINCOUNT=7", "- 7\n");
    assert_waiting("OMP_WAIT_POLICY=active", "active -\n");
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(poor_cores_are_replaced),
        cmocka_unit_test(good_cores_stay),
        cmocka_unit_test(unknown_cores_are_trusted),
        cmocka_unit_test(the_users_choice_stays),
        cmocka_unit_test(a_restart_is_told_once),
        cmocka_unit_test(threads_wait_a_while),
    };

    if (argc == 2 && strcmp(argv[1], "report") == 0)
        return report(argv);
    if (argc == 2 && strcmp(argv[1], "waiting") == 0)
        return report_waiting(argv);
    self = argv[0];
    return cmocka_run_group_tests(tests, NULL, NULL);
}
