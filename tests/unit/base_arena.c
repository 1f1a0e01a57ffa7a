/* base_arena.c - many small objects with one lifetime */
#include "base/arena.h"

#include "tests/support.h"

#include <string.h>

static void memory_is_zeroed_and_aligned(void **state)
{
    struct slim_arena *arena = *state;

    for (size_t size = 0; size < 300; size++) {
        unsigned char *bytes = slim_arena_alloc(arena, size);
        assert_int_equal((uintptr_t)bytes % _Alignof(max_align_t), 0);
        for (size_t i = 0; i < size; i++)
            assert_int_equal(bytes[i], 0);
        if (size > 0)
            memset(bytes, 0xff, size);
    }
}

static void objects_do_not_overlap(void **state)
{
    enum { COUNT = 200, SIZE = 1000 };
    struct slim_arena *arena = *state;
    char *objects[COUNT];

    for (size_t i = 0; i < COUNT; i++) {
        /* every seventh is larger than a block */
        size_t size = i % 7 == 0 ? 100000 : SIZE;
        objects[i] = slim_arena_alloc(arena, size);
        memset(objects[i], (int)(i % 100), size);
    }
    for (size_t i = 0; i < COUNT; i++) {
        assert_int_equal(objects[i][0], i % 100);
        assert_int_equal(objects[i][SIZE - 1], i % 100);
    }
}

static void text_is_copied(void **state)
{
    struct slim_arena *arena = *state;
    char original[] = "abcdef";
    char *whole = slim_arena_strdup(arena, original);
    char *part = slim_arena_strndup(arena, original, 3);

    original[0] = 'x';
    assert_string_equal(whole, "abcdef");
    assert_string_equal(part, "abc");
    assert_string_equal(slim_arena_strndup(arena, NULL, 0), "");
    assert_string_equal(slim_arena_printf(arena, "%d-%s", 7, "b"), "7-b");
}

static void a_long_text_is_printed_whole(void **state)
{
    struct slim_arena *arena = *state;
    char *text = slim_arena_printf(arena, "%200000d", 1);

    assert_int_equal(strlen(text), 200000);
}

static int open_arena(void **state)
{
    *state = slim_arena_open();
    return 0;
}

static int close_arena(void **state)
{
    slim_arena_close(*state);
    slim_arena_close(NULL);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(memory_is_zeroed_and_aligned),
        cmocka_unit_test(objects_do_not_overlap),
        cmocka_unit_test(text_is_copied),
        cmocka_unit_test(a_long_text_is_printed_whole),
    };

    return cmocka_run_group_tests(tests, open_arena, close_arena);
}
