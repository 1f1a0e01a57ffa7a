/* base_text.c - growing text, numbers as people write them, near words */
#include "base/text.h"

#include "tests/support.h"

#include <math.h>
#include <string.h>

static struct slim_arena *arena;

static void text_grows(void **state)
{
    (void)state;
    struct slim_text text = { 0 };

    slim_text_append(&text, "", 0);
    assert_string_equal(text.data, "");
    for (int i = 0; i < 1000; i++)
        slim_text_printf(&text, "%03d", i);
    slim_text_puts(&text, "end");
    assert_int_equal(text.length, 3003);
    assert_int_equal(strlen(text.data), 3003);
    assert_memory_equal(text.data + 2997, "999end", 6);
    slim_text_free(&text);
    assert_null(text.data);
}

static void numbers_are_short_and_read_back(void **state)
{
    (void)state;
    static const struct {
        double value;
        const char *text;
    } cases[] = {
        { 0.0, "0" },           { -0.0, "0" },
        { 0.1, "0.1" },         { 2e-4, "2e-4" },
        { 5.4e15, "5.4e15" },   { 1e14, "100000000000000" },
        { 0.25, "0.25" },       { 0.01, "0.01" },
        { -1.5, "-1.5" },       { 1e-300, "1e-300" },
        { 123.456, "123.456" }, { 1.0 / 3.0, "0.3333333333333333" },
        { 1e15, "1e15" },
    };

    for (size_t i = 0; i < SLIM_COUNT(cases); i++)
        assert_string_equal(slim_text_number(arena, cases[i].value),
                            cases[i].text);
    assert_string_equal(slim_text_number(arena, (double)NAN), "nan");
    assert_string_equal(slim_text_number(arena, (double)-INFINITY), "-inf");
}

static void every_number_reads_back_the_same(void **state)
{
    (void)state;
    uint64_t bits = 0x9e3779b97f4a7c15;

    for (int i = 0; i < 20000; i++) {
        double value;
        bits = bits * 6364136223846793005U + 1442695040888963407U;
        memcpy(&value, &bits, sizeof(value));
        if (!isfinite(value))
            continue;
        const char *text = slim_text_number(arena, value);
        assert_true(strtod(text, NULL) == value);
    }
}

static void counts_have_four_digits(void **state)
{
    (void)state;
    assert_string_equal(slim_text_count(arena, 999), "999");
    assert_string_equal(slim_text_count(arena, 1000), "1.000K");
    assert_string_equal(slim_text_count(arena, 134515008), "134.5M");
    assert_string_equal(slim_text_count(arena, 5396000000), "5.396B");
    assert_string_equal(slim_text_count(arena, 999999), "1.000M");
    assert_string_equal(slim_text_count(arena, 99996), "100.0K");
    assert_string_equal(slim_text_count(arena, 68976648192), "68.98B");
}

static void digits_are_grouped(void **state)
{
    (void)state;
    assert_string_equal(slim_text_grouped(arena, 0), "0");
    assert_string_equal(slim_text_grouped(arena, 999), "999");
    assert_string_equal(slim_text_grouped(arena, 1000), "1,000");
    assert_string_equal(slim_text_grouped(arena, 134515008), "134,515,008");
    assert_string_equal(slim_text_grouped(arena, UINT64_MAX),
                        "18,446,744,073,709,551,615");
}

static void bytes_have_a_unit(void **state)
{
    (void)state;
    assert_string_equal(slim_text_bytes(arena, 512), "512 B");
    assert_string_equal(slim_text_bytes(arena, 1024), "1.00 KiB");
    assert_string_equal(slim_text_bytes(arena, 13476839424), "12.55 GiB");
    assert_string_equal(slim_text_bytes(arena, (1 << 20) - 1), "1.00 MiB");
}

static void seconds_have_two_units(void **state)
{
    (void)state;
    assert_string_equal(slim_text_seconds(arena, 0.0), "0s");
    assert_string_equal(slim_text_seconds(arena, 0.4), "0.4s");
    assert_string_equal(slim_text_seconds(arena, 9.96), "10s");
    assert_string_equal(slim_text_seconds(arena, 59.6), "1m00s");
    assert_string_equal(slim_text_seconds(arena, 75.0), "1m15s");
    assert_string_equal(slim_text_seconds(arena, 9000.0), "2h30m");
    assert_string_equal(slim_text_seconds(arena, (double)NAN), "?");
}

static size_t valid(const char *bytes)
{
    return slim_text_utf8_valid(bytes, strlen(bytes));
}

static void utf8_is_checked(void **state)
{
    (void)state;
    assert_int_equal(valid("a\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80"), 10);
    assert_int_equal(valid("ab\xc0\xaf"), 2);       /* overlong */
    assert_int_equal(valid("\xe0\x80\xaf"), 0);     /* overlong */
    assert_int_equal(valid("\xf0\x80\x80\xaf"), 0); /* overlong */
    assert_int_equal(valid("\xed\xa0\x80"), 0);     /* surrogate */
    assert_int_equal(valid("\xf4\x90\x80\x80"), 0); /* above 10FFFF */
    assert_int_equal(valid("\xf4\x8f\xbf\xbf"), 4);
    assert_int_equal(valid("x\xe2\x82"), 1); /* cut short */
    assert_int_equal(valid("\x80"), 0);
    assert_int_equal(slim_text_utf8_valid("a\0b", 3), 3);
}

static void what_a_terminal_must_not_get_is_escaped(void **state)
{
    (void)state;
    static const char bytes[] = "a\033[2J\xff\xc2\x85\xc3\xa9\0z";
    struct slim_text text = { 0 };

    slim_text_visible(&text, bytes, sizeof(bytes) - 1);
    assert_string_equal(text.data, "a\\x1b[2J\\xff\\xc2\\x85\xc3\xa9\\x00z");
    slim_text_free(&text);
}

static void a_cut_text_ends_with_a_whole_character(void **state)
{
    (void)state;
    assert_string_equal(slim_text_clip(arena, "abcdef", 6), "abcdef");
    assert_string_equal(slim_text_clip(arena, "abcdefg", 6), "abcd..");
    assert_string_equal(slim_text_clip(arena, "abc\u00e9fg", 6), "abc..");
    assert_string_equal(slim_text_clip(arena, "ab\u00e9fgh", 6), "ab\u00e9..");
}

static void the_nearest_word_is_found(void **state)
{
    (void)state;
    static const char *const words[] = { "steps", "epochs", "lr",   "len",
                                         "alpha", "wanda",  "seed", NULL };

    assert_string_equal(slim_text_nearest("step", words), "steps");
    assert_string_equal(slim_text_nearest("wandu", words), "wanda");
    assert_string_equal(slim_text_nearest("aplha", words), "alpha");
    assert_string_equal(slim_text_nearest("epoch", words), "epochs");
    assert_string_equal(slim_text_nearest("rl", words), "lr");
    assert_null(slim_text_nearest("temperature", words));
    assert_null(slim_text_nearest("xyzzy", words));
    char endless[4096];
    memset(endless, 'a', sizeof(endless) - 1);
    endless[sizeof(endless) - 1] = '\0';
    assert_null(slim_text_nearest(endless, words));
}

static int open_arena(void **state)
{
    (void)state;
    arena = slim_arena_open();
    return 0;
}

static int close_arena(void **state)
{
    (void)state;
    slim_arena_close(arena);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(text_grows),
        cmocka_unit_test(numbers_are_short_and_read_back),
        cmocka_unit_test(every_number_reads_back_the_same),
        cmocka_unit_test(counts_have_four_digits),
        cmocka_unit_test(digits_are_grouped),
        cmocka_unit_test(bytes_have_a_unit),
        cmocka_unit_test(seconds_have_two_units),
        cmocka_unit_test(utf8_is_checked),
        cmocka_unit_test(what_a_terminal_must_not_get_is_escaped),
        cmocka_unit_test(a_cut_text_ends_with_a_whole_character),
        cmocka_unit_test(the_nearest_word_is_found),
    };

    return cmocka_run_group_tests(tests, open_arena, close_arena);
}
