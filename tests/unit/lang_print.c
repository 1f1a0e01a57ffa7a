/* lang_print.c - canonical text: order, spelling, comments */
#include "tests/support.h"

#include "tests/lang_support.h"

#include "base/text.h"

#include <string.h>

static void prints(const char *text, const char *want)
{
    struct lang_case c;

    lang_case_open(&c, text, strlen(text));
    assert_int_equal(c.status, SLIM_OK);
    char *have = lang_case_print(&c);
    assert_string_equal(have, want);
    lang_case_close(&c);

    /* and is its own canonical text */
    lang_case_open(&c, want, strlen(want));
    char *again = lang_case_print(&c);
    assert_string_equal(again, want);
    lang_case_close(&c);
    free(again);
    free(have);
}

static void clauses_have_one_order(void **state)
{
    (void)state;
    prints("prune 20% round=8 on cal n=1 in mlp layers 3..28, -1 except head "
           "as p",
           "prune 20% in mlp layers 3..28, -1 except head on cal round=8 n=1 "
           "as p\n");
    prints("measure ppl,params len=2048 on w.test as w2",
           "measure ppl, params on w.test len=2048 as w2\n");
    prints("score   taylor order = 1 on \"a b\"",
           "score taylor on \"a b\" order=1\n");
    prints("slice to 3072 width in \"*\"", "slice to 3072 width in \"*\"\n");
}

static void every_statement_has_a_canonical_text(void **state)
{
    (void)state;
    prints("slim 1;include \"a\";include<a/b>;let  r=20%;data c=\"d\" n=1;"
           "compute bf16;save hf \"x\\\\\\t\" a=b;save adapter",
           "slim 1\ninclude \"a\"\ninclude <a/b>\nlet r = 20%\n"
           "data c = \"d\" n=1\ncompute bf16\nsave hf \"x\\\\\\t\" a=b\n"
           "save adapter\n");
    prints("x a=-  1 b=-2% c=5.4B d=2:4 e=$v",
           "x a=-1 b=-2% c=5.4B d=2:4 e=$v\n");
}

static void parentheses_are_kept_where_they_mean_something(void **state)
{
    (void)state;
    prints("assert ((a)) < (b*c)+d", "assert a < b * c + d\n");
    prints("assert a-(b-c) == (a-b)-c", "assert a - (b - c) == a - b - c\n");
    prints("assert a/(b*c) != (a+b)*c else warn",
           "assert a / (b * c) != (a + b) * c else warn\n");
    prints("assert a - -1 >= (-1)", "assert a - -1 >= -1\n");
}

static void comments_and_single_blank_lines_stay(void **state)
{
    (void)state;
    prints("\n\n# a  \n\n\n#b\nprune 2 # c\n\n\nslice 3; # d\n\n# e\n\n\n",
           "# a\n\n#b\nprune 2  # c\n\nslice 3  # d\n\n# e\n");
    prints("a; b # of b\n", "a\nb  # of b\n");
    prints("a ; # of a\nb", "a  # of a\nb\n");
    prints("; # alone\nb", "# alone\nb\n");
    prints("measure x, # why x\n\n  # and y\n  y # end\n",
           "# why x\n# and y\nmeasure x, y  # end\n");
    prints("assert (a # one\n + b) < 3\n", "# one\nassert a + b < 3\n");
    prints("", "");
    prints("\n\n", "");
    prints("# only\r\n\r\n# this", "# only\n\n# this\n");
    prints("\n;\n\nb", "b\n");
}

static void values_without_text_are_spelled(void **state)
{
    (void)state;
    struct slim_value number = { .kind = SLIM_VALUE_NUMBER, .number = 2e-4 };
    struct slim_value percent = { .kind = SLIM_VALUE_PERCENT, .number = 12.5 };
    struct slim_value ratio = { .kind = SLIM_VALUE_RATIO };
    struct slim_text out = { 0 };

    ratio.left = 2;
    ratio.right = 4;
    slim_value_print(&out, &number);
    slim_text_puts(&out, " ");
    slim_value_print(&out, &percent);
    slim_text_puts(&out, " ");
    slim_value_print(&out, &ratio);
    assert_string_equal(out.data, "2e-4 12.5% 2:4");
    slim_text_free(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(clauses_have_one_order),
        cmocka_unit_test(every_statement_has_a_canonical_text),
        cmocka_unit_test(parentheses_are_kept_where_they_mean_something),
        cmocka_unit_test(comments_and_single_blank_lines_stay),
        cmocka_unit_test(values_without_text_are_spelled),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
