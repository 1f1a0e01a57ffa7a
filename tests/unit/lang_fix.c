/* lang_fix.c - proposed changes are applied, each once */
#include "tests/support.h"

#include "base/text.h"
#include "lang/parse.h"
#include "tests/lang_support.h"

#include <string.h>

static void fixes(const char *text, const char *want, size_t count)
{
    struct lang_case c;
    size_t applied = 99;

    lang_case_open(&c, text, strlen(text));
    struct slim_text have = slim_apply_fixes(&c.source, &c.diag, &applied);
    assert_string_equal(have.data, want);
    assert_int_equal(have.length, strlen(want));
    assert_int_equal(applied, count);
    slim_text_free(&have);
    lang_case_close(&c);
}

static void the_parsers_own_fixes(void **state)
{
    (void)state;
    fixes("prune 20%\n", "prune 20%\n", 0);
    fixes("prune %20", "prune 20%", 1);
    fixes("rotate pca on alpaca, slice %25\n",
          "rotate pca on alpaca; slice 25%\n", 2);
    fixes("score l1 a=1, b=2", "score l1 a=1 b=2", 1);
    fixes("assert a = 2\nr = 3", "assert a == 2\nlet r = 3", 2);
}

static struct slim_span bytes(const struct slim_source *source, size_t begin,
                              size_t end)
{
    return (struct slim_span){ .source = source, .begin = begin, .end = end };
}

static void propose(struct slim_diag *diag, struct slim_span span,
                    const char *text)
{
    struct slim_error *error = slim_error(diag, "N001", span, "wrong");

    slim_error_fix(diag, error, span, "%s", text);
}

static void the_first_of_two_that_overlap_wins(void **state)
{
    (void)state;
    const struct slim_source source = { "a", "0123456789", 10 };
    const struct slim_source other = { "b", "0123456789", 10 };
    struct slim_diag diag = { .arena = slim_arena_open() };
    size_t applied = 0;

    propose(&diag, bytes(&source, 8, 10), "E");
    propose(&diag, bytes(&source, 2, 5), "A");
    propose(&diag, bytes(&source, 4, 6), "overlaps");
    propose(&diag, bytes(&source, 2, 2), "same place");
    propose(&diag, bytes(&source, 5, 5), "B");
    propose(&diag, bytes(&source, 7, 7), "I");
    propose(&diag, bytes(&source, 7, 7), "inserted twice");
    propose(&diag, bytes(&source, 0, 0), "");
    propose(&diag, bytes(&source, 9, 11), "outside");
    propose(&diag, bytes(&other, 0, 10), "another file");
    propose(&diag, bytes(NULL, 0, 0), "advice");
    struct slim_text have = slim_apply_fixes(&source, &diag, &applied);
    assert_string_equal(have.data, "01AB56I7E");
    assert_int_equal(applied, 5);
    slim_text_free(&have);
    slim_arena_close(diag.arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_parsers_own_fixes),
        cmocka_unit_test(the_first_of_two_that_overlap_wins),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
