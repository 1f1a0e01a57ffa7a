/* lang_refuse.c - bad recipes: one clear error each, and in linear time */
#include "tests/support.h"

#include "tests/lang_support.h"

#include <string.h>

struct row {
    const char *text, *code;
    size_t begin; /* offset of the error */
};

static const struct row refused[] = {
    { "rotate pca on alpaca, slice 25%", "S001", 20 },
    { "score l1 order=1,\nslice 25%", "S001", 16 },
    { "compute f32 bf16", "S001", 12 },
    { "prune 20% 30%", "S002", 10 },
    { "prune 20% in mlp 30%", "S002", 17 },
    { "score l1 a=1, b=2", "S002", 12 },
    { "let x =", "S002", 7 },
    { "let x\nprune 2", "S002", 4 },
    { "data = 3", "S002", 5 },
    { "measure", "S002", 7 },
    { "measure ppl,", "S002", 12 },
    { "prune in", "S002", 8 },
    { "prune in mlp layers 1..", "S002", 23 },
    { "assert a", "S002", 8 },
    { "assert a = 3", "S002", 9 },
    { "assert (a < 3", "S002", 10 },
    { "assert a < b < c", "S002", 13 },
    { "assert a < b else fail", "S002", 18 },
    { "include x", "S002", 8 },
    { "include <x", "S002", 8 },
    { "r = 20%", "S002", 2 },
    { "= 3", "S002", 0 },
    { "save hf \"a\" \"b\"", "S002", 12 },
    { "keep max", "S002", 8 },
    { "keep max p q", "S001", 11 },
    { "sweep p 3", "S002", 6 },
    { "sweep (p = 3", "S002", 7 },
    { "sweep p = 10%..40% step", "S002", 23 },
    { "sweep p = 1..2..3", "S002", 14 },
    { "sweep p = (1, 2", "S002", 15 },
    { "prune %20", "S003", 6 },
    { "slice to", "S003", 8 },
    { "slice to x", "S003", 9 },
    { "prune @@@ 20%", "S004", 6 },
    { "let x = @", "S004", 8 },
    { "prune 20 %", "S004", 9 },
    { "prune 20% \x01\x02", "S004", 10 },
    { "prune \xe2\x80\x9c"
      "a",
      "S004", 6 },
    { "\xef\xbb\xbfslim 1", "S004", 0 },
    { "prune $ 2", "S004", 6 },
    { "# ok\nprune \xff", "S005", 11 },
    { "save hf \"abc", "S007", 8 },
    { "save hf \"abc\\", "S007", 8 },
    { "save hf \"a\\qb\"", "S008", 10 },
    { "prune 20GB", "S009", 6 },
    { "prune 1x%", "S009", 6 },
    { "prune 1e999", "S010", 6 },
    { "prune 1e-999", "S010", 6 },
    { "prune 99999999999999999999:1", "S010", 6 },
    { "prune 2 on a on b", "S011", 13 },
    { "prune 2 in a in b", "S011", 13 },
    { "prune in layers 1.5", "S012", 16 },
    { "prune in layers 1..1e300", "S012", 19 },
    { "slim 1.5", "S012", 5 },
    { "slim 0", "S012", 5 },
    { "slim -1", "S012", 5 },
    { "include <../x>", "S014", 8 },
    { "include <x/>", "S014", 8 },
    { "include <>", "S014", 8 },
    { "include <a//b>", "S014", 8 },
};

static void one_error_each(void **state)
{
    (void)state;
    for (size_t i = 0; i < SLIM_COUNT(refused); i++) {
        struct lang_case c;
        lang_case_open(&c, refused[i].text, strlen(refused[i].text));
        if (strcmp(lang_case_code(&c), refused[i].code) != 0 ||
            c.diag.first->span.begin != refused[i].begin)
            print_message("'%s'\n%s", refused[i].text, slim_test_diag(&c.diag));
        assert_string_equal(lang_case_code(&c), refused[i].code);
        assert_int_equal(c.diag.first->span.begin, refused[i].begin);
        assert_int_equal(c.status, SLIM_FAILED);
        assert_int_equal(slim_diag_exit(&c.diag), 3);
        lang_case_close(&c);
    }
}

static void nul_bytes_are_named(void **state)
{
    (void)state;
    static const char text[] = "prune 20%\n\0\xff slice";
    struct lang_case c;

    lang_case_open(&c, text, sizeof(text) - 1);
    assert_string_equal(lang_case_code(&c), "S006");
    assert_int_equal(c.diag.first->span.begin, 10);
    lang_case_close(&c);
}

static void the_rest_of_the_recipe_is_read(void **state)
{
    (void)state;
    static const char text[] = "prune 20% 30%; discover groups\n"
                               "let = 3\nassert (a < 3\nslice 25%\n"
                               "shrink max p\nsave hf";
    struct lang_case c;

    lang_case_open(&c, text, strlen(text));
    assert_int_equal(c.diag.errors, 4);
    assert_int_equal(c.recipe->count, 3);
    assert_string_equal(c.recipe->first->verb->text, "discover");
    assert_string_equal(c.recipe->first->next->verb->text, "slice");
    assert_string_equal(c.recipe->unread->text, "prune");
    assert_string_equal(c.recipe->unread->next->text, "shrink");
    assert_null(c.recipe->unread->next->next);
    lang_case_close(&c);
}

/* `count` copies of a piece, between a start and an end, as one recipe. */
static char *repeated(const char *start, const char *piece, const char *end,
                      size_t count)
{
    size_t length = strlen(piece), head = strlen(start);
    char *text = malloc(head + count * length + strlen(end) + 1);

    assert_non_null(text);
    memcpy(text, start, head);
    for (size_t i = 0; i < count; i++)
        memcpy(text + head + i * length, piece, length);
    memcpy(text + head + count * length, end, strlen(end) + 1);
    return text;
}

/* Megabytes on one line, of everything that could be read in more than
 * linear time: quadratic would take hours here. */
static void long_lines_are_read_once(void **state)
{
    (void)state;
    static const struct {
        const char *start, *piece, *end;
        bool good;
    } rows[] = {
        { "prune 2 ", "a=1 ", "", true },
        { "prune 2 ", "a ", "", false },
        { "measure a", ", b", "", true },
        { "measure a", ", b ", "=", false },
        { "prune in", " mlp", "", true },
        { "prune in layers 1", ",2", "", true },
        { "", "prune 2;", "", true },
        { "", "a = b;", "", false },
        { "", ";", "", true },
        { "", ";#", "", true },
        { "", "\n", "", true },
        { "", "# c\n", "", true },
        { "prune 2 ", "# c\n", "", true },
        { "measure a,", "# c\n", "b", true },
        { "measure a,", "\n", "b", true },
        { "prune 20% ", " ", "a=1", true },
        { "save hf \"", "a", "\"", true },
        { "save hf \"", "\\\\", "\"", true },
        { "save hf \"", "a", "", false },
        { "", "\"", "", false },
        { "prune ", "9", "", false },
        { "x a=0.", "1", "", true },
        { "x a=1e", "9", "", false },
        { "x ", "a", "=1", true },
        { "x ", "a ", "=1", false },
        { "", "%", "", false },
        { "", "@", "", false },
        { "", "\xc3\xa9", "", false },
        { "assert a < 1", " + 1", "", false },
        { "assert ", "(", "", false },
        { "assert ", "-", "", false },
        { "include <", "a", ">", true },
        { "include ", "<", "", false },
        { "", "include <", "", false },
    };

    for (size_t i = 0; i < SLIM_COUNT(rows); i++) {
        size_t count = 2500000 / strlen(rows[i].piece);
        char *text = repeated(rows[i].start, rows[i].piece, rows[i].end, count);
        struct lang_case c;
        lang_case_open(&c, text, strlen(text));
        if ((c.status == SLIM_OK) != rows[i].good)
            print_message("%s%s%s: %s\n", rows[i].start, rows[i].piece,
                          rows[i].end, slim_test_diag(&c.diag));
        assert_int_equal(c.status == SLIM_OK, rows[i].good);
        lang_case_close(&c);
        free(text);
    }
}

static void errors_stop_where_no_one_reads_them(void **state)
{
    (void)state;
    char *text = repeated("", "prune %20;", "", 100000);
    struct lang_case c;

    lang_case_open(&c, text, strlen(text));
    assert_int_equal(c.diag.errors, 101);
    lang_case_close(&c);
    free(text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(one_error_each),
        cmocka_unit_test(nul_bytes_are_named),
        cmocka_unit_test(the_rest_of_the_recipe_is_read),
        cmocka_unit_test(long_lines_are_read_once),
        cmocka_unit_test(errors_stop_where_no_one_reads_them),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
