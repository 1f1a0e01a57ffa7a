/* read.c - results of runs to rows and columns */
#include "report/report.h"

#include "base/file.h"

#include <math.h>
#include <string.h>

static const struct slim_span nowhere = { NULL, 0, 0 };

static const char *text_of(const json_t *object, const char *key)
{
    const char *text = json_string_value(json_object_get(object, key));

    return text ? text : "";
}

static enum slim_status not_results(struct slim_diag *diag, const char *path)
{
    return slim_fail(diag, "F603", nowhere,
                     "\"%s\" holds no results of a run: slimc run writes them",
                     path);
}

static bool is_newer(const json_t *record)
{
    return json_is_string(json_object_get(record, "slimc")) &&
           json_integer_value(json_object_get(record, "v")) >
               SLIM_RESULTS_VERSION;
}

static enum slim_status newer_results(struct slim_diag *diag, const char *path,
                                      const json_t *record)
{
    struct slim_error *error = slim_error(
        diag, "F605", nowhere,
        "\"%s\" has results of version %lld; this slimc reads up to %d", path,
        (long long)json_integer_value(json_object_get(record, "v")),
        SLIM_RESULTS_VERSION);

    slim_error_hint(diag, error,
                    "slimc %s wrote them: read them with that, or run the "
                    "recipe again with this one.",
                    text_of(record, "slimc"));
    return SLIM_FAILED;
}

static bool is_point(const json_t *point)
{
    return json_is_object(point) &&
           json_is_string(json_object_get(point, "status")) &&
           json_is_object(json_object_get(point, "values")) &&
           json_is_array(json_object_get(point, "metrics")) &&
           json_is_array(json_object_get(point, "stages")) &&
           json_is_integer(json_object_get(point, "params"));
}

static bool is_metric(const json_t *metric)
{
    const json_t *value = json_object_get(metric, "value");

    return json_is_string(json_object_get(metric, "label")) &&
           (json_is_number(value) || json_is_null(value));
}

/* Everything that is read below is there, so that nothing has to ask again. */
static bool is_record(const json_t *record)
{
    const json_t *points = json_object_get(record, "points");
    const json_t *axes = json_object_get(record, "axes");
    size_t i, j;
    json_t *point, *metric;

    if (!json_is_array(points) || !json_is_array(axes))
        return false;
    json_array_foreach(points, i, point)
    {
        if (!is_point(point))
            return false;
        json_array_foreach(json_object_get(point, "metrics"), j, metric)
        {
            if (!is_metric(metric))
                return false;
        }
    }
    json_array_foreach(axes, i, point)
    {
        if (!json_is_string(point))
            return false;
    }
    return true;
}

enum slim_status slim_report_read(json_t **out, const char *path,
                                  struct slim_diag *diag)
{
    if (slim_file_is_directory(path))
        path = slim_path_join(diag->arena, path, "run.json");
    if (slim_json_read(out, path, (size_t)1 << 30, nowhere, diag) != SLIM_OK)
        return SLIM_FAILED;
    if (is_newer(*out))
        return newer_results(diag, path, *out);
    return is_record(*out) ? SLIM_OK : not_results(diag, path);
}

static size_t axis_index(const struct slim_report *report, const char *name)
{
    size_t i = 0;

    while (i < report->axis_count && strcmp(report->axes[i], name) != 0)
        i++;
    return i;
}

static void add_axes(struct slim_report *report, const json_t *record)
{
    size_t i;
    json_t *axis;

    json_array_foreach(json_object_get(record, "axes"), i, axis)
    {
        const char *name = json_string_value(axis);
        if (strcmp(name, SLIM_REPORT_SEED) != 0 &&
            axis_index(report, name) == report->axis_count)
            report->axes[report->axis_count++] =
                slim_arena_strdup(report->arena, name);
    }
}

static void find_axes(struct slim_report *report)
{
    size_t room = 1;

    for (size_t r = 0; r < report->run_count; r++)
        room +=
            json_array_size(json_object_get(report->runs[r].record, "axes"));
    report->axes = SLIM_NEW_ARRAY(report->arena, room, const char *);
    if (report->run_count > 1)
        report->axes[report->axis_count++] = "run";
    for (size_t r = 0; r < report->run_count; r++)
        add_axes(report, report->runs[r].record);
}

static const char *axis_value(const struct slim_report *report,
                              const struct slim_report_run *run,
                              const json_t *point, size_t axis)
{
    const json_t *values = json_object_get(point, "values");
    const char *text;

    if (axis == 0 && report->run_count > 1)
        return run->path;
    text = json_string_value(json_object_get(values, report->axes[axis]));
    return text ? text : "-";
}

static struct slim_report_row *row_of(struct slim_report *report,
                                      const struct slim_report_run *run,
                                      const json_t *point)
{
    for (size_t i = 0; i < report->row_count; i++) {
        size_t a = 0;
        while (a < report->axis_count &&
               strcmp(report->rows[i].values[a],
                      axis_value(report, run, point, a)) == 0)
            a++;
        if (a == report->axis_count)
            return &report->rows[i];
    }
    struct slim_report_row *row = &report->rows[report->row_count++];
    row->values =
        SLIM_NEW_ARRAY(report->arena, report->axis_count + 1, const char *);
    for (size_t a = 0; a < report->axis_count; a++)
        row->values[a] = axis_value(report, run, point, a);
    row->cells = SLIM_NEW_ARRAY(report->arena, report->column_count + 1,
                                struct slim_report_cell);
    return row;
}

/* Parameters have a column of their own. */
static bool is_shown(const json_t *metric)
{
    return strcmp(text_of(metric, "label"), "params") != 0;
}

static bool same_protocol(const char *a, const char *b)
{
    return a && b ? strcmp(a, b) == 0 : a == b;
}

static enum slim_status two_protocols(const struct slim_report_column *column,
                                      const char *other, struct slim_diag *diag)
{
    struct slim_error *error =
        slim_error(diag, "F604", nowhere,
                   "'%s' was measured in two ways, which one column cannot "
                   "hold",
                   column->label);

    slim_error_note(diag, error, nowhere, "%s",
                    column->protocol ? column->protocol : "of the shape");
    slim_error_note(diag, error, nowhere, "%s", other ? other : "of the shape");
    slim_error_hint(diag, error,
                    "Give them labels of their own with 'as', or report the "
                    "runs apart.");
    return SLIM_FAILED;
}

static enum slim_status add_column(struct slim_report *report,
                                   const json_t *metric, struct slim_diag *diag)
{
    const char *label = text_of(metric, "label");
    const char *protocol =
        json_string_value(json_object_get(metric, "protocol"));
    const json_t *base = json_object_get(metric, "base");
    struct slim_report_column *column = report->columns;
    struct slim_report_column *end = column + report->column_count;

    while (column < end && strcmp(column->label, label) != 0)
        column++;
    if (column < end && !same_protocol(column->protocol, protocol))
        return two_protocols(column, protocol, diag);
    if (column == end) {
        report->column_count++;
        *column = (struct slim_report_column){ label, protocol, (double)NAN };
    }
    if (json_is_number(base))
        column->base = json_number_value(base);
    return SLIM_OK;
}

static enum slim_status find_columns(struct slim_report *report,
                                     struct slim_diag *diag)
{
    size_t room = 1, i, j;
    json_t *point, *metric;

    for (size_t r = 0; r < report->run_count; r++)
        json_array_foreach(json_object_get(report->runs[r].record, "points"), i,
                           point)
        {
            room += json_array_size(json_object_get(point, "metrics"));
        }
    report->columns =
        SLIM_NEW_ARRAY(report->arena, room, struct slim_report_column);
    for (size_t r = 0; r < report->run_count; r++)
        json_array_foreach(json_object_get(report->runs[r].record, "points"), i,
                           point)
        {
            json_array_foreach(json_object_get(point, "metrics"), j, metric)
            {
                if (is_shown(metric) &&
                    add_column(report, metric, diag) != SLIM_OK)
                    return SLIM_FAILED;
            }
        }
    return SLIM_OK;
}

/* Running mean, and the sum of squares about it (Welford 1962). */
static void add_value(struct slim_report_cell *cell, double value)
{
    double before = value - cell->mean;

    cell->count++;
    cell->mean += before / (double)cell->count;
    cell->deviation += before * (value - cell->mean);
}

static void close_cell(struct slim_report_cell *cell)
{
    cell->deviation = cell->count > 1
                          ? sqrt(cell->deviation / (double)(cell->count - 1))
                          : (double)NAN;
}

static void add_metrics(struct slim_report *report, struct slim_report_row *row,
                        const json_t *point)
{
    size_t i;
    json_t *metric;

    json_array_foreach(json_object_get(point, "metrics"), i, metric)
    {
        const json_t *value = json_object_get(metric, "value");
        for (size_t c = 0; c < report->column_count; c++)
            if (strcmp(report->columns[c].label, text_of(metric, "label")) ==
                    0 &&
                json_is_number(value))
                add_value(&row->cells[c], json_number_value(value));
    }
}

static void add_point(struct slim_report *report,
                      const struct slim_report_run *run, json_t *point)
{
    struct slim_report_row *row = row_of(report, run, point);

    row->points++;
    report->seeds = report->seeds || row->points > 1;
    if (strcmp(text_of(point, "status"), "done") != 0) {
        if (!row->failure)
            row->failure = slim_arena_strdup(
                report->arena,
                text_of(json_object_get(point, "error"), "message"));
        return;
    }
    row->passed++;
    if (!row->first)
        row->first = point;
    add_value(&row->params,
              (double)json_integer_value(json_object_get(point, "params")));
    add_metrics(report, row, point);
}

static void find_rows(struct slim_report *report)
{
    size_t room = 1, i;
    json_t *point;

    for (size_t r = 0; r < report->run_count; r++)
        room +=
            json_array_size(json_object_get(report->runs[r].record, "points"));
    report->rows = SLIM_NEW_ARRAY(report->arena, room, struct slim_report_row);
    for (size_t r = 0; r < report->run_count; r++)
        json_array_foreach(json_object_get(report->runs[r].record, "points"), i,
                           point)
        {
            add_point(report, &report->runs[r], point);
        }
    for (size_t r = 0; r < report->row_count; r++) {
        close_cell(&report->rows[r].params);
        for (size_t c = 0; c < report->column_count; c++)
            close_cell(&report->rows[r].cells[c]);
    }
}

enum slim_status slim_report_open(struct slim_report *out,
                                  const char *const *paths, size_t count,
                                  struct slim_diag *diag)
{
    *out = (struct slim_report){ .arena = diag->arena, .run_count = count };
    out->runs = SLIM_NEW_ARRAY(diag->arena, count, struct slim_report_run);
    enum slim_status status = SLIM_OK;
    for (size_t i = 0; i < count; i++)
        out->runs[i].path = paths[i];
    for (size_t i = 0; i < count && status == SLIM_OK; i++)
        status = slim_report_read(&out->runs[i].record, paths[i], diag);
    if (status != SLIM_OK)
        return status;
    find_axes(out);
    if (find_columns(out, diag) != SLIM_OK)
        return SLIM_FAILED;
    find_rows(out);
    return SLIM_OK;
}

void slim_report_close(struct slim_report *report)
{
    for (size_t i = 0; i < report->run_count; i++)
        json_decref(report->runs[i].record);
}
