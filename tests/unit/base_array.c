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
    assert_null(slim_array_borrow(SIZE_MAX / 2, 4));
}

/* What is returned is lent again, for a need that is near, and let go. */
static void lends_again(void **state)
{
    enum { MUCH = 3 << 20 };
    unsigned char *first = slim_array_borrow(MUCH, 1);
    unsigned char *second = slim_array_borrow(MUCH, 1);

    (void)state;
    assert_true(first && second && first != second);
    memset(second, 0, MUCH);
    slim_array_return(first);
    assert_ptr_equal(slim_array_borrow(MUCH - 100, 1), first);
    memset(first, 0, MUCH);
    slim_array_return(first);
    unsigned char *small = slim_array_borrow(MUCH / 2 - 1, 1);
    assert_ptr_not_equal(small, first);
    slim_array_trim();
    memset(second, 1, MUCH);
    slim_array_return(second);
    slim_array_return(small);
    slim_array_return(NULL);
    slim_array_trim();
}

/* More than there is place for: each is whole, and of its own. */
static void lends_many(void **state)
{
    enum { MUCH = 2 << 20, MANY = 9 };
    unsigned char *arrays[MANY];

    (void)state;
    for (size_t round = 0; round < 2; round++) {
        for (size_t i = 0; i < MANY; i++) {
            arrays[i] = slim_array_borrow(MUCH, 1);
            assert_non_null(arrays[i]);
            memset(arrays[i], (int)i, MUCH);
        }
        for (size_t i = 0; i < MANY; i++) {
            assert_int_equal(arrays[i][0], i);
            assert_int_equal(arrays[i][MUCH - 1], i);
            slim_array_return(arrays[i]);
        }
    }
    slim_array_trim();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(whole_lines),
        cmocka_unit_test(no_such_size),
        cmocka_unit_test(lends_again),
        cmocka_unit_test(lends_many),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
