/* html.c - one page that needs nothing else: the table, and plots as SVG */
#include "report/report.h"

#include <math.h>
#include <string.h>

/* The plots are black on nothing; in the page they take the colour of the
 * text, light or dark. */
static const char style[] =
    ":root{color-scheme:light dark;--text:#1c1e21;--page:#fff;--line:#c9ccd1;"
    "--soft:#5d6470}"
    "@media(prefers-color-scheme:dark){:root{--text:#e4e6ea;--page:#15171a;"
    "--line:#3d424a;--soft:#a3abb8}}"
    "@media print{:root{--text:#000;--page:#fff;--line:#999;--soft:#333}"
    "figure{break-inside:avoid}}"
    "body{font:15px/1.5 sans-serif;color:var(--text);background:var(--page);"
    "max-width:60em;margin:2em auto;padding:0 1em}"
    "h1{font-size:1.5em}h2{font-size:1.15em;margin-top:2em}"
    ".wide{overflow-x:auto}table{border-collapse:collapse;"
    "font-variant-numeric:tabular-nums}"
    "caption,figcaption,.soft{color:var(--soft);text-align:left}"
    "th,td{padding:.3em .8em;text-align:left;border-bottom:1px solid "
    "var(--line)}"
    "thead th{border-bottom:2px solid var(--text)}"
    "td.n,th.n{text-align:right}"
    "figure{margin:1em 0}svg{max-width:100%;height:auto;display:block}"
    "svg [stroke=black]{stroke:var(--text)}svg [fill=black]{fill:var(--text)}"
    "svg [color=black]{color:var(--text)}"
    "pre{overflow-x:auto;border:1px solid var(--line);padding:.8em}";

static void put(struct slim_text *out, const char *text)
{
    for (; *text; text++)
        switch (*text) {
        case '&':
            slim_text_puts(out, "&amp;");
            break;
        case '<':
            slim_text_puts(out, "&lt;");
            break;
        case '>':
            slim_text_puts(out, "&gt;");
            break;
        case '"':
            slim_text_puts(out, "&quot;");
            break;
        default:
            slim_text_append(out, text, 1);
        }
}

static void put_in(struct slim_text *out, const char *open, const char *text,
                   const char *close)
{
    slim_text_puts(out, open);
    put(out, text);
    slim_text_puts(out, close);
}

static void put_heading(struct slim_text *out, const struct slim_report *report)
{
    slim_text_puts(out, "<thead><tr>");
    for (size_t a = 0; a < report->axis_count; a++)
        put_in(out, "<th scope=\"col\">", report->axes[a], "</th>");
    slim_text_puts(out, "<th scope=\"col\" class=\"n\">params</th>");
    for (size_t c = 0; c < report->column_count; c++)
        put_in(out, "<th scope=\"col\" class=\"n\">", report->columns[c].label,
               "</th>");
    slim_text_puts(out, "<th scope=\"col\"></th></tr></thead>\n");
}

static void put_row(struct slim_text *out, const struct slim_report *report,
                    const struct slim_report_row *row)
{
    struct slim_text failure = { 0 };

    slim_text_puts(out, "<tr>");
    for (size_t a = 0; a < report->axis_count; a++)
        put_in(out, "<td>", row->values[a], "</td>");
    slim_text_puts(out, "<td class=\"n\">");
    if (row->params.count)
        slim_text_puts(
            out, slim_text_grouped(report->arena, (uint64_t)row->params.mean));
    for (size_t c = 0; c < report->column_count; c++) {
        slim_text_puts(out, "</td><td class=\"n\">");
        slim_report_put_cell(out, &row->cells[c], " \xc2\xb1\xc2\xa0");
    }
    slim_report_put_failure(&failure, row);
    put_in(out, "</td><td>", failure.data ? failure.data : "", "</td></tr>\n");
    slim_text_free(&failure);
}

static void put_table(struct slim_text *out, const struct slim_report *report)
{
    slim_text_puts(out, "<div class=\"wide\"><table>\n");
    put_heading(out, report);
    slim_text_puts(out, "<tbody>\n");
    for (size_t r = 0; r < report->row_count; r++)
        put_row(out, report, &report->rows[r]);
    slim_text_puts(out, "</tbody></table></div>\n<ul class=\"soft\">\n");
    for (size_t c = 0; c < report->column_count; c++) {
        const struct slim_report_column *column = &report->columns[c];
        if (!column->protocol)
            continue;
        put_in(out, "<li>", column->label, ": ");
        put(out, column->protocol);
        if (!isnan(column->base))
            slim_text_printf(out, "; input model %.6g", column->base);
        slim_text_puts(out, "</li>\n");
    }
    if (report->seeds)
        slim_text_puts(
            out, "<li>mean and deviation of the sample over " SLIM_REPORT_SEED
                 "</li>\n");
    slim_text_puts(out, "</ul>\n");
}

static void put_plots(struct slim_text *out, const struct slim_report *report)
{
    struct slim_plot *plots = slim_report_plots(report);
    bool drawn = false;

    for (struct slim_plot *p = plots; p; p = p->next) {
        if (!p->svg.data)
            continue;
        drawn = true;
        put_in(out, "<h2>", p->title, "</h2>\n<figure>\n");
        slim_text_append(out, p->svg.data, p->svg.length);
        if (p->note)
            put_in(out, "<figcaption>", p->note, "</figcaption>");
        slim_text_puts(out, "</figure>\n");
        slim_text_free(&p->svg);
    }
    if (plots && !drawn)
        slim_text_puts(out, "<p>There are no plots: gnuplot, which draws them, "
                            "is not installed or failed.</p>\n");
}

static void put_set(struct slim_text *out, const json_t *set)
{
    size_t i;
    json_t *text;

    json_array_foreach(set, i, text)
    {
        if (json_is_string(text))
            put_in(out, "<p>with <code>-s ", json_string_value(text),
                   "</code></p>\n");
    }
}

static void put_runs(struct slim_text *out, const struct slim_report *report)
{
    for (size_t r = 0; r < report->run_count; r++) {
        const json_t *record = report->runs[r].record;
        const json_t *model = json_object_get(record, "model");
        const char *text = json_string_value(json_object_get(record, "text"));
        const char *name = json_string_value(json_object_get(record, "recipe"));
        const char *of = json_string_value(json_object_get(model, "name"));
        put_in(out, "<h2>", name ? name : report->runs[r].path, "</h2>\n");
        slim_text_printf(out, "<p class=\"soft\">on ");
        put(out, of ? of : "a model");
        slim_text_printf(
            out, ", %s parameters</p>\n",
            slim_text_grouped(report->arena,
                              (uint64_t)json_integer_value(
                                  json_object_get(model, "params"))));
        put_set(out, json_object_get(record, "set"));
        put_in(out, "<pre>", text ? text : "", "</pre>\n");
    }
}

void slim_report_html(struct slim_text *out, const struct slim_report *report)
{
    slim_text_printf(out,
                     "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n"
                     "<meta charset=\"utf-8\">\n"
                     "<meta name=\"viewport\" "
                     "content=\"width=device-width,initial-scale=1\">\n"
                     "<link rel=\"icon\" href=\"data:,\">\n"
                     "<title>Results of slimc</title>\n<style>%s</style>\n"
                     "</head>\n<body>\n<h1>Results</h1>\n",
                     style);
    put_table(out, report);
    put_plots(out, report);
    put_runs(out, report);
    slim_text_puts(out, "</body>\n</html>\n");
}
