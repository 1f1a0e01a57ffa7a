/* objects.c - a report as JSON: an object a row */
#include "report/report.h"

#include <math.h>
#include <stdlib.h>

static json_t *real_or_null(double value)
{
    return isfinite(value) ? json_real(value) : json_null();
}

static json_t *cell_json(const struct slim_report_cell *cell)
{
    return json_pack("{s:I,s:o,s:o}", "count", (json_int_t)cell->count, "mean",
                     real_or_null(cell->count ? cell->mean : NAN), "deviation",
                     real_or_null(cell->deviation));
}

static json_t *metrics_json(const struct slim_report *report,
                            const struct slim_report_row *row)
{
    json_t *list = json_array();

    for (size_t c = 0; c < report->column_count; c++) {
        const struct slim_report_column *column = &report->columns[c];
        json_t *one = cell_json(&row->cells[c]);
        json_object_set_new(one, "label", json_string(column->label));
        json_object_set_new(one, "protocol",
                            column->protocol ? json_string(column->protocol)
                                             : json_null());
        json_object_set_new(one, "input", real_or_null(column->base));
        json_array_append_new(list, one);
    }
    return list;
}

void slim_report_json(struct slim_text *out, const struct slim_report *report)
{
    for (size_t r = 0; r < report->row_count; r++) {
        const struct slim_report_row *row = &report->rows[r];
        json_t *values = json_object();
        for (size_t a = 0; a < report->axis_count; a++)
            json_object_set_new(values, report->axes[a],
                                json_string(row->values[a]));
        json_t *line = json_pack(
            "{s:i,s:s,s:o,s:I,s:I,s:s?,s:o,s:o}", "v", 1, "event", "row",
            "values", values, "points", (json_int_t)row->points, "passed",
            (json_int_t)row->passed, "failure", row->failure, "params",
            cell_json(&row->params), "metrics", metrics_json(report, row));
        char *text = json_dumps(line, JSON_COMPACT);
        slim_text_printf(out, "%s\n", text ? text : "{}");
        free(text);
        json_decref(line);
    }
}
