/* report.c - rows, means and deviations of results that are known */
#include "report/report.h"
#include "tests/support.h"

#include <math.h>
#include <string.h>

static const char head[] =
    "{\"axes\":[\"p\",\"seed\"],\"model\":{\"name\":\"m\",\"params\":9},"
    "\"points\":[";

/* One point: p, seed, status, parameters, value of w. */
static char *point(const char *p, int seed, const char *status, int params,
                   const char *value)
{
    struct slim_text text = { 0 };

    slim_text_printf(
        &text,
        "{\"name\":\"x\",\"status\":\"%s\",\"values\":{\"p\":\"%s\","
        "\"seed\":\"%d\"},\"params\":%d,\"stages\":[],"
        "\"error\":{\"message\":\"too much\"},"
        "\"metrics\":[{\"label\":\"w\",\"value\":%s,\"protocol\":\"a b\","
        "\"base\":0.5}]}",
        status, p, seed, params, value);
    return text.data;
}

struct fixture {
    char *folder;
    struct slim_diag diag;
    struct slim_report report;
    enum slim_status status;
};

static void open_points(struct fixture *f, char *const *points, size_t count)
{
    struct slim_text text = { 0 };

    *f = (struct fixture){ .folder = slim_test_directory() };
    char *path = slim_test_join(f->folder, "run.json");
    slim_text_puts(&text, head);
    for (size_t i = 0; i < count; i++)
        slim_text_printf(&text, "%s%s", i ? "," : "", points[i]);
    slim_text_puts(&text, "]}");
    slim_test_puts(path, text.data);
    slim_text_free(&text);
    free(path);
    f->diag.arena = slim_arena_open();
    const char *folder = f->folder;
    f->status = slim_report_open(&f->report, &folder, 1, &f->diag);
}

static void close_points(struct fixture *f)
{
    slim_report_close(&f->report);
    slim_arena_close(f->diag.arena);
    slim_test_directory_remove(f->folder);
}

static void means_and_deviations_are_over_seeds(void **state)
{
    char *points[] = {
        point("1%", 1, "done", 30, "1.0"), point("1%", 2, "done", 30, "2.0"),
        point("2%", 1, "done", 20, "7.5"), point("1%", 3, "done", 30, "4.0"),
        point("2%", 2, "assert", 20, "9"), point("3%", 1, "failed", 9, "null"),
    };
    struct fixture f;

    (void)state;
    open_points(&f, points, SLIM_COUNT(points));
    assert_int_equal(f.status, SLIM_OK);
    assert_int_equal(f.report.axis_count, 1);
    assert_int_equal(f.report.row_count, 3);
    assert_int_equal(f.report.column_count, 1);
    assert_true(f.report.columns[0].base == 0.5);
    const struct slim_report_cell *cell = &f.report.rows[0].cells[0];
    assert_int_equal(cell->count, 3);
    assert_true(fabs(cell->mean - 7.0 / 3.0) <= 1e-12);
    /* ((4/3)^2 + (1/3)^2 + (5/3)^2) / 2 = 7/3 */
    assert_true(fabs(cell->deviation - sqrt(7.0 / 3.0)) <= 1e-12);
    assert_int_equal(f.report.rows[1].passed, 1);
    assert_int_equal(f.report.rows[1].points, 2);
    assert_true(f.report.rows[1].cells[0].mean == 7.5);
    assert_true(isnan(f.report.rows[1].cells[0].deviation));
    assert_string_equal(f.report.rows[2].failure, "too much");
    assert_int_equal(f.report.rows[2].cells[0].count, 0);
    close_points(&f);
    for (size_t i = 0; i < SLIM_COUNT(points); i++)
        free(points[i]);
}

/* Markup in names is text: in CSV, LaTeX and HTML. */
static void names_are_escaped(void **state)
{
    static const struct {
        const char *format, *wants;
    } rows[] = {
        { "csv", "\"a,<b>&_\"" },
        { "tex", "a,<b>\\&\\_" },
        { "html", "a,&lt;b&gt;&amp;_" },
    };
    char *points[] = { point("a,<b>&_", 1, "done", 30, "1.0") };
    struct fixture f;

    (void)state;
    open_points(&f, points, 1);
    for (size_t i = 0; i < SLIM_COUNT(rows); i++) {
        struct slim_text text = { 0 };
        slim_report_format_find(rows[i].format)->print(&text, &f.report);
        if (!strstr(text.data, rows[i].wants))
            fail_msg("%s: no %s in\n%s", rows[i].format, rows[i].wants,
                     text.data);
        slim_text_free(&text);
    }
    close_points(&f);
    free(points[0]);
}

static void what_is_no_result_is_refused(void **state)
{
    static const char *const broken[] = {
        "3",
        "{\"name\":\"x\",\"status\":\"done\"}",
        "{\"name\":\"x\",\"status\":\"done\",\"values\":{},\"params\":1,"
        "\"stages\":[],\"metrics\":[{\"label\":\"w\",\"value\":\"1\"}]}",
        "{\"name\":\"x\",\"status\":\"done\",\"values\":{},\"params\":1.5,"
        "\"stages\":[],\"metrics\":[]}",
    };

    (void)state;
    for (size_t i = 0; i < SLIM_COUNT(broken); i++) {
        char *one = (char *)(uintptr_t)broken[i];
        struct fixture f;
        open_points(&f, &one, 1);
        assert_int_equal(f.status, SLIM_FAILED);
        assert_string_equal(f.diag.first->code, "F603");
        close_points(&f);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(means_and_deviations_are_over_seeds),
        cmocka_unit_test(names_are_escaped),
        cmocka_unit_test(what_is_no_result_is_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
