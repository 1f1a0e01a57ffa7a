/* base_array.c - arrays begin on a line of the cache, and sizes that cannot be
 * had are refused */
#include "base/array.h"
#include "tests/support.h"

#include <string.h>

static void whole_lines(void **state)
{
    static const size_t counts[] = { 0, 1, 15, 16, 17, 1u << 20, 5000001 };

    (void)state;
    for (size_t i = 0; i < sizeof(counts) / sizeof(*counts); i++) {
        unsigned char *array = slim_array(counts[i], sizeof(float));

        assert_non_null(array);
        assert_int_equal((uintptr_t)array % 64, 0);
        memset(array, 0x5a, counts[i] * sizeof(float));
        free(array);
    }
}

static void no_such_size(void **state)
{
    (void)state;
    assert_null(slim_array(SIZE_MAX / 2, 4));
    assert_null(slim_array(SIZE_MAX - 1, 1));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(whole_lines),
        cmocka_unit_test(no_such_size),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
