/* table.c - tables in plain text, Markdown, CSV and LaTeX */
#include "report/report.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

const struct slim_report_format slim_report_formats[] = {
#define FORMAT(name, file) { #name, file, slim_report_##name },
#include "report/formats.def"
#undef FORMAT
    { NULL, NULL, NULL },
};

const struct slim_report_format *slim_report_format_find(const char *name)
{
    const struct slim_report_format *f = slim_report_formats;

    while (f->name && strcmp(f->name, name) != 0)
        f++;
    return f->name ? f : NULL;
}

void slim_report_put_cell(struct slim_text *out,
                          const struct slim_report_cell *cell, const char *sign)
{
    if (cell->count == 0)
        return;
    slim_text_printf(out, "%.6g", cell->mean);
    if (!isnan(cell->deviation))
        slim_text_printf(out, "%s%.2g", sign, cell->deviation);
}

void slim_report_put_failure(struct slim_text *out,
                             const struct slim_report_row *row)
{
    if (row->passed < row->points)
        slim_text_printf(out, "failed %zu of %zu: %s",
                         row->points - row->passed, row->points,
                         row->failure ? row->failure : "");
}

void slim_report_put_name(struct slim_text *out,
                          const struct slim_report *report,
                          const struct slim_report_row *row)
{
    for (size_t a = 0; a < report->axis_count; a++)
        slim_text_printf(out, "%s%s=%s", a ? " " : "", report->axes[a],
                         row->values[a]);
}

static bool any_failure(const struct slim_report *report)
{
    for (size_t r = 0; r < report->row_count; r++)
        if (report->rows[r].passed < report->rows[r].points)
            return true;
    return false;
}

/* One line of a table: `field` writes the i-th of report's columns. */
static size_t field_count(const struct slim_report *report)
{
    return report->axis_count + 1 + report->column_count +
           (any_failure(report) ? 1 : 0);
}

/* row NULL: the heading. */
static void put_field(struct slim_text *out, const struct slim_report *report,
                      const struct slim_report_row *row, size_t i,
                      const char *sign)
{
    if (i < report->axis_count) {
        slim_text_puts(out, row ? row->values[i] : report->axes[i]);
        return;
    }
    i -= report->axis_count;
    if (i == 0 && !row)
        slim_text_puts(out, "params");
    else if (i == 0 && row->params.count)
        slim_text_printf(out, "%.0f", row->params.mean);
    else if (i > 0 && i <= report->column_count && !row)
        slim_text_puts(out, report->columns[i - 1].label);
    else if (i > 0 && i <= report->column_count)
        slim_report_put_cell(out, &row->cells[i - 1], sign);
    else if (i > report->column_count && !row)
        slim_text_puts(out, "note");
    else if (i > report->column_count)
        slim_report_put_failure(out, row);
}

/* Columns that a reader sees: "±" is two bytes of one. */
static size_t seen(const struct slim_text *text)
{
    size_t count = 0;

    for (size_t i = 0; text->data && i < text->length; i++)
        count += ((unsigned char)text->data[i] & 0xc0) != 0x80;
    return count;
}

static size_t width_of(const struct slim_report *report, size_t field)
{
    size_t width = 0;

    for (size_t r = 0; r <= report->row_count; r++) {
        struct slim_text text = { 0 };
        put_field(&text, report, r ? &report->rows[r - 1] : NULL, field,
                  " \xc2\xb1");
        if (seen(&text) > width)
            width = seen(&text);
        slim_text_free(&text);
    }
    return width;
}

/* What stands below each table: how the columns were measured. */
static void put_protocols(struct slim_text *out,
                          const struct slim_report *report, const char *before,
                          const char *after)
{
    for (size_t c = 0; c < report->column_count; c++) {
        const struct slim_report_column *column = &report->columns[c];
        if (!column->protocol)
            continue;
        slim_text_printf(out, "%s%s: %s", before, column->label,
                         column->protocol);
        if (!isnan(column->base))
            slim_text_printf(out, "; input model %.6g", column->base);
        slim_text_puts(out, after);
    }
    if (report->seeds)
        slim_text_printf(out, "%smean and deviation of the sample over %s%s",
                         before, SLIM_REPORT_SEED, after);
}

static void put_aligned(struct slim_text *out, const struct slim_report *report,
                        const struct slim_report_row *row, const char *left,
                        const char *between, const char *right)
{
    size_t count = field_count(report);

    for (size_t i = 0; i < count; i++) {
        struct slim_text text = { 0 };
        put_field(&text, report, row, i, " \xc2\xb1");
        slim_text_puts(out, i ? between : left);
        slim_text_puts(out, text.data ? text.data : "");
        size_t width = width_of(report, i);
        bool last = i + 1 == count && *right == '\n';
        for (size_t pad = seen(&text); pad < width && !last; pad++)
            slim_text_puts(out, " ");
        slim_text_free(&text);
    }
    slim_text_puts(out, right);
}

void slim_report_text(struct slim_text *out, const struct slim_report *report)
{
    for (size_t r = 0; r <= report->row_count; r++)
        put_aligned(out, report, r ? &report->rows[r - 1] : NULL, "  ", "  ",
                    "\n");
    slim_text_puts(out, "\n");
    put_protocols(out, report, "  ", "\n");
}

void slim_report_md(struct slim_text *out, const struct slim_report *report)
{
    size_t count = field_count(report);

    put_aligned(out, report, NULL, "| ", " | ", " |\n");
    for (size_t i = 0; i < count; i++) {
        slim_text_puts(out, "|-");
        for (size_t w = width_of(report, i); w > 0; w--)
            slim_text_puts(out, "-");
        slim_text_puts(out, i < report->axis_count ? "-" : ":");
    }
    slim_text_puts(out, "|\n");
    for (size_t r = 0; r < report->row_count; r++)
        put_aligned(out, report, &report->rows[r], "| ", " | ", " |\n");
    slim_text_puts(out, "\n");
    put_protocols(out, report, "- ", "\n");
}

/* RFC 4180: quoted where a comma, a quote or a newline is inside. */
static void put_csv(struct slim_text *out, const char *text)
{
    if (!strpbrk(text, ",\"\r\n")) {
        slim_text_puts(out, text);
        return;
    }
    slim_text_puts(out, "\"");
    for (; *text; text++)
        slim_text_printf(out, "%s%c", *text == '"' ? "\"" : "", *text);
    slim_text_puts(out, "\"");
}

static void put_csv_cell(struct slim_text *out,
                         const struct slim_report_cell *cell)
{
    slim_text_puts(out, ",");
    if (cell->count)
        slim_text_printf(out, "%.10g", cell->mean);
    slim_text_puts(out, ",");
    if (cell->count && !isnan(cell->deviation))
        slim_text_printf(out, "%.10g", cell->deviation);
}

void slim_report_csv(struct slim_text *out, const struct slim_report *report)
{
    for (size_t a = 0; a < report->axis_count; a++) {
        put_csv(out, report->axes[a]);
        slim_text_puts(out, ",");
    }
    slim_text_puts(out, "points,passed,params,params_deviation");
    for (size_t c = 0; c < report->column_count; c++)
        slim_text_printf(out, ",%s,%s_deviation", report->columns[c].label,
                         report->columns[c].label);
    slim_text_puts(out, "\r\n");
    for (size_t r = 0; r < report->row_count; r++) {
        const struct slim_report_row *row = &report->rows[r];
        for (size_t a = 0; a < report->axis_count; a++) {
            put_csv(out, row->values[a]);
            slim_text_puts(out, ",");
        }
        slim_text_printf(out, "%zu,%zu", row->points, row->passed);
        put_csv_cell(out, &row->params);
        for (size_t c = 0; c < report->column_count; c++)
            put_csv_cell(out, &row->cells[c]);
        slim_text_puts(out, "\r\n");
    }
}

static void put_tex(struct slim_text *out, const char *text)
{
    for (; *text; text++) {
        if (*text == '\\')
            slim_text_puts(out, "\\textbackslash{}");
        else if (*text == '~' || *text == '^')
            slim_text_printf(out, "\\%c{}", *text);
        else if (strchr("&%$#_{}", *text))
            slim_text_printf(out, "\\%c", *text);
        else
            slim_text_append(out, text, 1);
    }
}

static void put_tex_row(struct slim_text *out, const struct slim_report *report,
                        const struct slim_report_row *row)
{
    size_t count = field_count(report);

    for (size_t i = 0; i < count; i++) {
        bool number = i >= report->axis_count &&
                      i <= report->axis_count + report->column_count && row;
        struct slim_text text = { 0 };
        put_field(&text, report, row, i, " \\pm ");
        slim_text_puts(out, i ? " & " : "");
        if (number && text.length)
            slim_text_printf(out, "$%s$", text.data);
        else
            put_tex(out, text.data ? text.data : "");
        slim_text_free(&text);
    }
    slim_text_puts(out, " \\\\\n");
}

void slim_report_tex(struct slim_text *out, const struct slim_report *report)
{
    struct slim_text notes = { 0 };
    size_t count = field_count(report);

    slim_text_puts(out, "% needs \\usepackage{booktabs}\n\\begin{tabular}{");
    for (size_t i = 0; i < count; i++)
        slim_text_puts(out,
                       i < report->axis_count ||
                               i > report->axis_count + report->column_count
                           ? "l"
                           : "r");
    slim_text_puts(out, "}\n\\toprule\n");
    put_tex_row(out, report, NULL);
    slim_text_puts(out, "\\midrule\n");
    for (size_t r = 0; r < report->row_count; r++)
        put_tex_row(out, report, &report->rows[r]);
    slim_text_puts(out, "\\bottomrule\n\\end{tabular}\n");
    put_protocols(&notes, report, "% ", "\n");
    slim_text_puts(out, notes.data ? notes.data : "");
    slim_text_free(&notes);
}
