/* support.c - the helpers of the tests themselves */
#include "tests/support.h"

#include <string.h>

static void captures_output_and_exit_code(void **state)
{
    (void)state;
    struct slim_ran ran = slim_test_run("echo out; echo err >&2; exit 3");

    assert_int_equal(ran.exit_code, 3);
    assert_string_equal(ran.out, "out\n");
    assert_string_equal(ran.err, "err\n");
    slim_test_ran_free(&ran);
}

static void a_temporary_directory_is_fresh(void **state)
{
    (void)state;
    char *first = slim_test_directory();
    char *second = slim_test_directory();

    assert_string_not_equal(first, second);
    slim_test_directory_remove(first);
    slim_test_directory_remove(second);
}

static void finds_the_source_tree(void **state)
{
    (void)state;
    char *path = slim_test_source("configure.ac");
    FILE *file = fopen(path, "r");

    assert_non_null(file);
    (void)fclose(file);
    free(path);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(captures_output_and_exit_code),
        cmocka_unit_test(a_temporary_directory_is_fresh),
        cmocka_unit_test(finds_the_source_tree),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
