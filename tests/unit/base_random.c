/* base_random.c - Philox against its published vectors, and what follows */
#include "base/random.h"

#include "tests/support.h"

#include <math.h>

/* The known-answer vectors of Random123 for philox4x32-10, the first two
 * words of each block. Counter words 0 and 1 are our index, 2 and 3 our
 * stream; the key is our seed. */
static void philox_matches_its_vectors(void **state)
{
    (void)state;
    assert_int_equal(slim_random_u64(0, 0, 0), 0xe169c58d6627e8d5);
    assert_int_equal(slim_random_u64(UINT64_MAX, UINT64_MAX, UINT64_MAX),
                     0x41c83b0e408f276d);
    assert_int_equal(slim_random_u64(0x299f31d0a4093822, 0x0370734413198a2e,
                                     0x85a308d3243f6a88),
                     0x94fdccebd16cfe09);
}

static void uniform_fills_the_unit_interval(void **state)
{
    (void)state;
    enum { COUNT = 100000 };
    double sum = 0.0, least = 1.0, most = 0.0;

    for (uint64_t i = 0; i < COUNT; i++) {
        double u = slim_random_uniform(7, SLIM_STREAM_SCORE, i);
        sum += u;
        least = fmin(least, u);
        most = fmax(most, u);
    }
    assert_true(least >= 0.0 && least < 1e-4);
    assert_true(most < 1.0 && most > 1.0 - 1e-4);
    assert_true(fabs(sum / COUNT - 0.5) < 5e-3);
}

static void normal_has_the_right_moments(void **state)
{
    (void)state;
    enum { COUNT = 100000 };
    double sum = 0.0, squares = 0.0, fourths = 0.0;

    for (uint64_t i = 0; i < COUNT; i++) {
        double z = slim_random_normal(7, SLIM_STREAM_INIT, i);
        sum += z;
        squares += z * z;
        fourths += z * z * z * z;
    }
    assert_true(fabs(sum / COUNT) < 0.02);
    assert_true(fabs(squares / COUNT - 1.0) < 0.02);
    assert_true(fabs(fourths / COUNT - 3.0) < 0.15);
}

static void below_is_exact_at_the_edges(void **state)
{
    (void)state;
    uint64_t word = slim_random_u64(3, 1, 4);
    size_t seen[5] = { 0 };

    assert_int_equal(slim_random_below(3, 1, 4, 1), 0);
    /* n = 2^32: the upper half of the word; n = 2^47: the upper 47 bits */
    assert_int_equal(slim_random_below(3, 1, 4, (uint64_t)1 << 32), word >> 32);
    assert_int_equal(slim_random_below(3, 1, 4, (uint64_t)1 << 47), word >> 17);
    for (uint64_t i = 0; i < 50000; i++) {
        uint64_t value = slim_random_below(3, 1, i, 5);
        assert_true(value < 5);
        seen[value]++;
    }
    for (size_t i = 0; i < 5; i++)
        assert_in_range(seen[i], 9600, 10400);
}

static void a_permutation_has_everything_once(void **state)
{
    (void)state;
    enum { COUNT = 1000 };
    size_t order[COUNT], again[COUNT], moved = 0;
    bool seen[COUNT] = { false };

    slim_random_permutation(order, COUNT, 1, SLIM_STREAM_SHUFFLE, 0);
    slim_random_permutation(again, COUNT, 1, SLIM_STREAM_SHUFFLE, 0);
    for (size_t i = 0; i < COUNT; i++) {
        assert_true(order[i] < COUNT && !seen[order[i]]);
        seen[order[i]] = true;
        moved += order[i] != i;
        assert_int_equal(order[i], again[i]);
    }
    assert_true(moved > COUNT - 10);
    slim_random_permutation(again, COUNT, 1, SLIM_STREAM_SHUFFLE, COUNT);
    assert_memory_not_equal(order, again, sizeof(order));
    slim_random_permutation(order, 0, 1, SLIM_STREAM_SHUFFLE, 0);
}

static void streams_and_seeds_differ(void **state)
{
    (void)state;
    uint64_t word = slim_random_u64(1, 1, 1);

    assert_int_not_equal(word, slim_random_u64(2, 1, 1));
    assert_int_not_equal(word, slim_random_u64(1, 2, 1));
    assert_int_not_equal(word, slim_random_u64(1, 1, 2));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(philox_matches_its_vectors),
        cmocka_unit_test(uniform_fills_the_unit_interval),
        cmocka_unit_test(normal_has_the_right_moments),
        cmocka_unit_test(below_is_exact_at_the_edges),
        cmocka_unit_test(a_permutation_has_everything_once),
        cmocka_unit_test(streams_and_seeds_differ),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
