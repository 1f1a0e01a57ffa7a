/* base_json.c - JSON errors have a place */
#include "base/json.h"

#include "tests/support.h"

#include <string.h>

static struct slim_diag diag;

static json_t *parse(const char *text)
{
    struct slim_source *source = SLIM_NEW(diag.arena, struct slim_source);
    json_t *value = NULL;

    *source = (struct slim_source){ "c.json", text, strlen(text) };
    if (slim_json_parse(&value, source, &diag) != SLIM_OK)
        assert_null(value);
    return value;
}

static void values_are_read(void **state)
{
    (void)state;
    json_t *value = parse("{\"a\": [1, 2.5]}");

    assert_true(json_is_array(json_object_get(value, "a")));
    json_decref(value);
    value = parse("3");
    assert_int_equal(json_integer_value(value), 3);
    json_decref(value);
}

static void errors_point_at_the_place(void **state)
{
    (void)state;
    size_t line = 0, column = 0;

    assert_null(parse("{\n  \"a\": tru\n}"));
    assert_string_equal(diag.first->code, "F001");
    slim_span_place(diag.first->span, &line, &column);
    assert_int_equal(line, 2);
    assert_in_range(column, 8, 11);
}

static void bad_documents_are_refused(void **state)
{
    (void)state;
    static const char *const bad[] = {
        "", "{", "{\"a\":1,\"a\":2}", "[1] x", "\"\xff\"", "{\"a\":1e999}",
    };

    for (size_t i = 0; i < SLIM_COUNT(bad); i++)
        assert_null(parse(bad[i]));
    assert_int_equal(diag.errors, SLIM_COUNT(bad));
}

static void deep_nesting_is_refused(void **state)
{
    (void)state;
    char text[100001];

    memset(text, '[', sizeof(text) - 1);
    text[sizeof(text) - 1] = '\0';
    assert_null(parse(text));
}

static void files_are_read(void **state)
{
    (void)state;
    char *folder = slim_test_directory();
    char *path = slim_test_join(folder, "x.json");
    json_t *value = NULL;
    struct slim_span at = { 0 };

    slim_test_puts(path, "{}");
    assert_int_equal(slim_json_read(&value, path, 0, at, &diag), SLIM_OK);
    json_decref(value);
    assert_int_equal(slim_json_read(&value, folder, 0, at, &diag), SLIM_FAILED);
    assert_null(value);
    free(path);
    slim_test_directory_remove(folder);
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
        TEST(values_are_read),
        TEST(errors_point_at_the_place),
        TEST(bad_documents_are_refused),
        TEST(deep_nesting_is_refused),
        TEST(files_are_read),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
