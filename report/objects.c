/* objects.c - a table as JSON, an object a line */
#include "report/report.h"

#include <jansson.h>
#include <math.h>
#include <stdlib.h>

static json_t *number_or_null(double value)
{
    return isfinite(value) ? json_real(value) : json_null();
}

static json_t *cell_of(const struct slim_report_cell *cell)
{
    return json_pack("{s:I,s:o,s:o}", "points", (json_int_t)cell->count, "mean",
                     number_or_null(cell->mean), "deviation",
                     number_or_null(cell->deviation));
}

/* Takes the object over. */
static void put_line(struct slim_text *out, json_t *object)
{
    char *text = object ? json_dumps(object, JSON_COMPACT) : NULL;

    if (!text)
        slim_out_of_memory("a row of a table");
    slim_text_printf(out, "%s\n", text);
    free(text);
    json_decref(object);
}

/* How a metric was measured; "base" is the input model's. */
static void put_column(struct slim_text *out,
                       const struct slim_report_column *column)
{
    put_line(out,
             json_pack("{s:i,s:s,s:s,s:s?,s:o}", "v", 1, "event", "column",
                       "label", column->label, "protocol", column->protocol,
                       "base", number_or_null(column->base)));
}

static void put_row(struct slim_text *out, const struct slim_report *report,
                    const struct slim_report_row *row)
{
    json_t *axes = json_object(), *metrics = json_object();

    for (size_t a = 0; a < report->axis_count; a++)
        (void)json_object_set_new(axes, report->axes[a],
                                  json_string(row->values[a]));
    for (size_t c = 0; c < report->column_count; c++)
        if (row->cells[c].count)
            (void)json_object_set_new(metrics, report->columns[c].label,
                                      cell_of(&row->cells[c]));
    put_line(out,
             json_pack("{s:i,s:s,s:o,s:I,s:I,s:s?,s:o,s:o}", "v", 1, "event",
                       "row", "axes", axes, "points", (json_int_t)row->points,
                       "passed", (json_int_t)row->passed, "failure",
                       row->failure, "params", cell_of(&row->params), "metrics",
                       metrics));
}

void slim_report_json(struct slim_text *out, const struct slim_report *report)
{
    for (size_t c = 0; c < report->column_count; c++)
        put_column(out, &report->columns[c]);
    for (size_t r = 0; r < report->row_count; r++)
        put_row(out, report, &report->rows[r]);
}
