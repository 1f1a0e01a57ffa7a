/* base_diag.c - errors as people and programs see them */
#include "base/diag.h"

#include "tests/support.h"

#include <jansson.h>
#include <string.h>

static struct slim_diag diag;

static struct slim_source source_of(const char *text)
{
    return (struct slim_source){ "ablate.slim", text, strlen(text) };
}

/* The span of the first occurrence of a piece. */
static struct slim_span span_of(const struct slim_source *source,
                                const char *piece)
{
    size_t begin = (size_t)(strstr(source->text, piece) - source->text);

    return (struct slim_span){ source, begin, begin + strlen(piece) };
}

static void prints(const char *expected)
{
    char *text = slim_test_diag(&diag);

    assert_string_equal(text, expected);
    free(text);
}

static void several_errors_with_carets_and_fixes(void **state)
{
    (void)state;
    struct slim_source s = source_of("prune %20\n"
                                     "rotate pca on alpaca, slice 25%\n"
                                     "recover lora r=8 step=2000\n");
    struct slim_span step = span_of(&s, "step");
    struct slim_error *e = slim_error(&diag, "N002", step,
                                      "'recover lora' has no argument 'step'");
    slim_error_label(&diag, e, "did you mean 'steps'?");
    slim_error_hint(&diag, e, "known: r alpha steps");
    slim_error_fix(&diag, e, step, "steps");

    struct slim_span quantity = span_of(&s, "%20");
    e = slim_error(&diag, "S003", quantity, "expected a quantity, found '%%'");
    slim_error_label(&diag, e, "the number comes first");
    slim_error_fix(&diag, e, quantity, "20%%");

    struct slim_span comma = span_of(&s, ",");
    e = slim_error(&diag, "S001", comma,
                   "statements end with ';' or a newline");
    slim_error_fix(&diag, e, comma, ";");

    prints("ablate.slim:1:7: error[S003]: expected a quantity, found '%'\n"
           "   1 | prune %20\n"
           "     |       ^~~ the number comes first\n"
           "     |       fix: 20%\n"
           "ablate.slim:2:21: error[S001]: statements end with ';' or a "
           "newline\n"
           "   2 | rotate pca on alpaca, slice 25%\n"
           "     |                     ^ fix: ;\n"
           "ablate.slim:3:18: error[N002]: 'recover lora' has no argument "
           "'step'\n"
           "   3 | recover lora r=8 step=2000\n"
           "     |                  ^~~~ did you mean 'steps'?\n"
           "     |                  known: r alpha steps\n"
           "3 errors, all fixable: slimc fix ablate.slim\n");
    assert_int_equal(slim_diag_exit(&diag), 3);
}

static void notes_have_their_own_line(void **state)
{
    (void)state;
    struct slim_source s = source_of("score taylor\nprune 20%\nprune 10%\n");
    struct slim_span late = { &s, 23, 32 };
    struct slim_error *e = slim_error(&diag, "E121", late, "scores are stale");

    slim_error_label(&diag, e, "used here");
    slim_error_note(&diag, e, span_of(&s, "score taylor"), "scores made here");
    slim_error_note(&diag, e, (struct slim_span){ 0 }, "a note of no place");
    slim_error_fix(&diag, e, (struct slim_span){ 0 }, "score again");
    prints("ablate.slim:3:1: error[E121]: scores are stale\n"
           "   3 | prune 10%\n"
           "     | ^~~~~~~~~ used here\n"
           "   1 | score taylor\n"
           "     | ------------ scores made here\n"
           "     | a note of no place\n"
           "     | fix: score again\n");
}

static void a_file_without_text_is_named(void **state)
{
    (void)state;
    struct slim_source model = { "m/model.safetensors", NULL, 0 };
    struct slim_span span = { &model, 0, 0 };
    struct slim_error *e = slim_error(&diag, "F010", span, "header is long");

    slim_error_hint(&diag, e, "Fetch it again.");
    (void)slim_fail(&diag, "U001", (struct slim_span){ 0 }, "no such command");
    prints("m/model.safetensors: error[F010]: header is long\n"
           "     | Fetch it again.\n"
           "error[U001]: no such command\n"
           "2 errors\n");
    assert_int_equal(slim_diag_exit(&diag), 1);
}

static void hostile_bytes_are_escaped(void **state)
{
    (void)state;
    struct slim_source s = source_of("a\t\033[2J \xff \xe2\x82\xac here");

    (void)slim_fail(&diag, "S002", span_of(&s, "here"), "bad \"\033\"");
    prints("ablate.slim:1:14: error[S002]: bad \"\\x1b\"\n"
           "   1 | a    \\x1b[2J \\xff \xe2\x82\xac here\n"
           "     |                     ^~~~\n");
}

static void a_long_line_is_shown_around_the_place(void **state)
{
    (void)state;
    size_t length = 10 * 1000 * 1000;
    char *text = malloc(length + 1);
    assert_non_null(text);
    memset(text, 'a', length);
    text[length] = '\0';
    text[length / 2] = '!';
    struct slim_source s = { "long.slim", text, length };

    (void)slim_fail(&diag, "S001", (struct slim_span){ &s, length / 2, length },
                    "odd");
    char *shown = slim_test_diag(&diag);
    assert_in_range(strlen(shown), 200, 400);
    assert_non_null(strstr(shown, "long.slim:1:5000001: "));
    assert_non_null(strstr(shown, "   1 | ...aaaa"));
    assert_non_null(strstr(shown, "aaaa!aaaa"));
    assert_non_null(strstr(shown, "aaaa...\n"));
    assert_non_null(strstr(shown, "     |                                      "
                                  "      ^~~~"));
    free(shown);
    free(text);
}

static void spans_past_the_end_are_clipped(void **state)
{
    (void)state;
    struct slim_source s = source_of("save");
    struct slim_source crlf = { "b.slim", "x\r\ny", 4 };

    (void)slim_fail(&diag, "S004", (struct slim_span){ &s, 4, 99 }, "end");
    (void)slim_fail(&diag, "S005", (struct slim_span){ &crlf, 0, 4 }, "both");
    prints("ablate.slim:1:5: error[S004]: end\n"
           "   1 | save\n"
           "     |     ^\n"
           "b.slim:1:1: error[S005]: both\n"
           "   1 | x\n"
           "     | ^\n"
           "2 errors\n");
}

static void warnings_do_not_fail(void **state)
{
    (void)state;
    struct slim_source s = source_of("slice 25%");

    (void)slim_warning(&diag, "M120", span_of(&s, "25%"), "it grows");
    prints("ablate.slim:1:7: warning[M120]: it grows\n"
           "   1 | slice 25%\n"
           "     |       ^~~\n");
    assert_int_equal(slim_diag_exit(&diag), 0);
}

static void recording_stops_at_the_limit(void **state)
{
    (void)state;
    diag.limit = 2;
    for (int i = 0; i < 5; i++)
        assert_non_null(
            slim_error(&diag, "S001", (struct slim_span){ 0 }, "e%d", i));
    prints("error[S001]: e0\nerror[S001]: e1\n"
           "5 errors, the first 2 shown\n");
}

static void colour_is_only_where_asked(void **state)
{
    (void)state;
    struct slim_source s = source_of("x");
    char *text = NULL;
    size_t length = 0;
    FILE *out = open_memstream(&text, &length);

    assert_non_null(out);
    (void)slim_fail(&diag, "S001", (struct slim_span){ &s, 0, 1 }, "m");
    slim_diag_print(&diag, out, true);
    (void)fclose(out);
    assert_non_null(strstr(text, "\033[1;31m^\033[0m"));
    free(text);
}

static void programs_get_one_object_a_line(void **state)
{
    (void)state;
    struct slim_source s = source_of("prune %20\nx\xff");
    struct slim_error *e = slim_error(&diag, "S003", span_of(&s, "%20"), "m");
    char *text = NULL;
    size_t length = 0;
    FILE *out = open_memstream(&text, &length);

    assert_non_null(out);
    slim_error_fix(&diag, e, e->span, "20%%");
    (void)slim_fail(&diag, "S009", span_of(&s, "x"), "bytes \xff");
    slim_diag_print_json(&diag, out);
    (void)fclose(out);
    char *second = strchr(text, '\n') + 1;
    json_t *object = json_loadb(text, (size_t)(second - text), 0, NULL);
    assert_non_null(object);
    assert_int_equal(json_integer_value(json_object_get(object, "v")), 1);
    assert_int_equal(json_integer_value(json_object_get(object, "line")), 1);
    assert_int_equal(json_integer_value(json_object_get(object, "column")), 7);
    assert_int_equal(json_integer_value(json_object_get(object, "end_column")),
                     10);
    json_t *fix = json_object_get(object, "fix");
    assert_int_equal(json_integer_value(json_object_get(fix, "begin")), 6);
    assert_string_equal(json_string_value(json_object_get(fix, "text")), "20%");
    json_decref(object);
    object = json_loads(second, 0, NULL);
    assert_string_equal(json_string_value(json_object_get(object, "message")),
                        "bytes \\xff");
    json_decref(object);
    free(text);
}

static void spans_join(void **state)
{
    (void)state;
    struct slim_source s = source_of("abc");
    struct slim_span joined = slim_span_join((struct slim_span){ &s, 2, 3 },
                                             (struct slim_span){ &s, 0, 1 });

    assert_int_equal(joined.begin, 0);
    assert_int_equal(joined.end, 3);
    joined = slim_span_join((struct slim_span){ 0 }, joined);
    assert_ptr_equal(joined.source, &s);
}

static void the_class_decides_the_exit_code(void **state)
{
    static const struct {
        const char *code;
        int exit;
    } cases[] = { { "U001", 2 }, { "O001", 5 }, { "V001", 4 }, { "C130", 130 },
                  { "L001", 6 }, { "D001", 3 }, { "R001", 1 }, { "I001", 1 } };

    for (size_t i = 0; i < SLIM_COUNT(cases); i++) {
        struct slim_diag one = { .arena = diag.arena };
        (void)state;
        assert_int_equal(
            slim_fail(&one, cases[i].code, (struct slim_span){ 0 }, "m"),
            SLIM_FAILED);
        assert_int_equal(slim_diag_exit(&one), cases[i].exit);
    }
}

static int open_diag(void **state)
{
    (void)state;
    diag = (struct slim_diag){ .arena = slim_arena_open() };
    return 0;
}

static int close_diag(void **state)
{
    (void)state;
    slim_arena_close(diag.arena);
    return 0;
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, open_diag, close_diag)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(several_errors_with_carets_and_fixes),
        TEST(notes_have_their_own_line),
        TEST(a_file_without_text_is_named),
        TEST(hostile_bytes_are_escaped),
        TEST(a_long_line_is_shown_around_the_place),
        TEST(spans_past_the_end_are_clipped),
        TEST(warnings_do_not_fail),
        TEST(recording_stops_at_the_limit),
        TEST(colour_is_only_where_asked),
        TEST(programs_get_one_object_a_line),
        TEST(spans_join),
        TEST(the_class_decides_the_exit_code),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
