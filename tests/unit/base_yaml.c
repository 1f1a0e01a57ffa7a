/* base_yaml.c - YAML trees whose nodes know their place */
#include "base/yaml.h"

#include "base/text.h"
#include "tests/support.h"

#include <string.h>

static struct slim_diag diag;

static struct slim_yaml *parse(const char *text)
{
    struct slim_source *source = SLIM_NEW(diag.arena, struct slim_source);
    struct slim_yaml *tree = NULL;

    *source = (struct slim_source){ "f.yaml", text, strlen(text) };
    return slim_yaml_parse(&tree, source, &diag) == SLIM_OK ? tree : NULL;
}

static void a_tree_is_read(void **state)
{
    (void)state;
    const struct slim_yaml *tree = parse("family: some # which\n"
                                         "config:\n"
                                         "  theta: [rope, 10000.0]\n"
                                         "blocks:\n"
                                         "  - { kind: norm, bias: true }\n"
                                         "  - 'quoted'\n");

    assert_non_null(tree);
    assert_int_equal(tree->kind, SLIM_YAML_MAP);
    assert_int_equal(tree->count, 3);
    assert_string_equal(tree->keys[1]->text, "config");
    assert_string_equal(slim_yaml_get(tree, "family")->text, "some");
    assert_null(slim_yaml_get(tree, "famil"));
    const struct slim_yaml *theta =
        slim_yaml_get(slim_yaml_get(tree, "config"), "theta");
    assert_int_equal(theta->kind, SLIM_YAML_LIST);
    assert_int_equal(theta->count, 2);
    const struct slim_yaml *blocks = slim_yaml_get(tree, "blocks");
    assert_int_equal(blocks->count, 2);
    assert_true(blocks->items[1]->quoted);
    assert_string_equal(slim_yaml_get(blocks->items[0], "kind")->text, "norm");
}

static void places_are_bytes(void **state)
{
    (void)state;
    const struct slim_yaml *tree = parse("a: \xe2\x82\xac\xc3\xa9\n"
                                         "b: [x, here]\n");
    const struct slim_yaml *here = slim_yaml_get(tree, "b")->items[1];
    size_t line = 0, column = 0;

    assert_int_equal(here->span.end - here->span.begin, 4);
    assert_memory_equal(here->span.source->text + here->span.begin, "here", 4);
    slim_span_place(here->span, &line, &column);
    assert_int_equal(line, 2);
    assert_int_equal(column, 8);
}

static void bad_documents_are_refused(void **state)
{
    (void)state;
    static const char *const bad[] = {
        "",          "a: 1\na: 2\n",   "a: &x 1\n",     "a: !!int 1\n",
        "a: *x\n",   "--- a\n--- b\n", "a: [1\n",       "{[a]: 1}\n",
        "a: \xff\n", "a: \"\\0\"\n",   "a: 1\n b: 2\n", "\tb: 2\n",
    };

    for (size_t i = 0; i < SLIM_COUNT(bad); i++) {
        assert_null(parse(bad[i]));
        assert_int_equal(diag.errors, i + 1);
    }
}

static void deep_nesting_is_refused(void **state)
{
    (void)state;
    assert_non_null(parse("[[[[[[[[[[1]]]]]]]]]]"));
    struct slim_text text = { 0 };
    for (int i = 0; i < 5000; i++)
        slim_text_puts(&text, "[");
    assert_null(parse(text.data));
    slim_text_free(&text);
}

static void unknown_keys_are_all_reported(void **state)
{
    (void)state;
    static const char *const known[] = { "kind", "weight", NULL };
    const struct slim_yaml *tree = parse("kind: a\nwieght: b\nzzzzz: c\n");

    assert_int_equal(slim_yaml_only(tree, known, &diag), SLIM_FAILED);
    char *text = slim_test_diag(&diag);
    assert_string_equal(text,
                        "f.yaml:2:1: error[F005]: unknown key \"wieght\"\n"
                        "   2 | wieght: b\n"
                        "     | ^~~~~~ did you mean 'weight'?\n"
                        "     | known: kind weight\n"
                        "f.yaml:3:1: error[F005]: unknown key \"zzzzz\"\n"
                        "   3 | zzzzz: c\n"
                        "     | ^~~~~\n"
                        "     | known: kind weight\n"
                        "2 errors\n");
    free(text);
}

static void values_are_checked(void **state)
{
    (void)state;
    const struct slim_yaml *t = parse("[true, 1e-5, 42, text, 'true', -1, 0x10,"
                                      " 99999999999999999999, nan, [1], '']");
    bool flag = false;
    double number = 0.0;
    size_t size = 0;
    const char *text = NULL;

    assert_int_equal(slim_yaml_bool(&flag, t->items[0], &diag), SLIM_OK);
    assert_true(flag);
    assert_int_equal(slim_yaml_double(&number, t->items[1], &diag), SLIM_OK);
    assert_true(number == 1e-5);
    assert_int_equal(slim_yaml_size(&size, t->items[2], &diag), SLIM_OK);
    assert_int_equal(size, 42);
    assert_int_equal(slim_yaml_text(&text, t->items[3], &diag), SLIM_OK);
    assert_string_equal(text, "text");
    assert_int_equal(diag.errors, 0);

    assert_int_equal(slim_yaml_bool(&flag, t->items[4], &diag), SLIM_FAILED);
    assert_int_equal(slim_yaml_bool(&flag, t->items[2], &diag), SLIM_FAILED);
    assert_int_equal(slim_yaml_size(&size, t->items[5], &diag), SLIM_FAILED);
    assert_int_equal(slim_yaml_size(&size, t->items[6], &diag), SLIM_FAILED);
    assert_int_equal(slim_yaml_size(&size, t->items[7], &diag), SLIM_FAILED);
    assert_int_equal(slim_yaml_double(&number, t->items[6], &diag),
                     SLIM_FAILED);
    assert_int_equal(slim_yaml_double(&number, t->items[8], &diag),
                     SLIM_FAILED);
    assert_int_equal(slim_yaml_double(&number, t->items[10], &diag),
                     SLIM_FAILED);
    assert_int_equal(slim_yaml_text(&text, t->items[9], &diag), SLIM_FAILED);
    assert_int_equal(diag.errors, 9);
}

static int set_up(void **state)
{
    (void)state;
    diag = (struct slim_diag){ .arena = slim_arena_open() };
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    slim_arena_close(diag.arena);
    return 0;
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_tree_is_read),
        TEST(places_are_bytes),
        TEST(bad_documents_are_refused),
        TEST(deep_nesting_is_refused),
        TEST(unknown_keys_are_all_reported),
        TEST(values_are_checked),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
