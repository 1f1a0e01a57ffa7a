/* plot.c - what is plotted, as scripts for gnuplot */
#include "report/report.h"

#include <math.h>
#include <string.h>

enum { CURVES = 12, MAPS = 40 };

/* Colours that are told apart on white, on black, and on paper. */
static const char *const colors[] = { "#3b82c4", "#d9730d", "#2e9e5b",
                                      "#c2479a", "#8b6fd6", "#b58900",
                                      "#1fa3a3", "#d14b4b" };

static void put_head(struct slim_text *script, const char *x, const char *y,
                     int height)
{
    slim_text_printf(script,
                     "set terminal svg size 760,%d dynamic font "
                     "'sans-serif,13'\n"
                     "set border 3\nset tics nomirror\n"
                     "set grid lc rgb '#808080' lw 0.4 dt 3\n"
                     "set key outside right top Left reverse samplen 2\n"
                     "set xlabel '%s'\nset ylabel '%s'\n",
                     height, x, y);
}

/* Between double quotes, where gnuplot would read markup and escapes. */
static void put_title(struct slim_text *script, const char *text)
{
    slim_text_puts(script, " noenhanced title \"");
    for (; *text; text++)
        if ((unsigned char)*text >= 0x20)
            slim_text_printf(script, "%s%c",
                             *text == '"' || *text == '\\' ? "\\" : "", *text);
    slim_text_puts(script, "\"");
}

static struct slim_plot *add_plot(struct slim_plot ***tail,
                                  const struct slim_report *report,
                                  const char *title, const char *note,
                                  struct slim_text *script)
{
    struct slim_plot *plot = SLIM_NEW(report->arena, struct slim_plot);

    plot->title = title;
    plot->note = note;
    (void)slim_gnuplot(&plot->svg, script->data);
    slim_text_free(script);
    **tail = plot;
    *tail = &plot->next;
    return plot;
}

/* ---- quality against parameters ---- */

static bool is_number(const char *text)
{
    return (*text >= '0' && *text <= '9') || *text == '-';
}

/* Whether all values of an axis are numbers: then it is a direction, and the
 * other axes tell series apart. */
static bool is_direction(const struct slim_report *report, size_t axis)
{
    for (size_t r = 0; r < report->row_count; r++)
        if (!is_number(report->rows[r].values[axis]))
            return false;
    return true;
}

static const char *series_of(const struct slim_report *report,
                             const struct slim_report_row *row)
{
    const char *name = "";

    for (size_t a = 0; a < report->axis_count; a++)
        if (!is_direction(report, a))
            name = slim_arena_printf(report->arena, "%s%s%s", name,
                                     *name ? " " : "", row->values[a]);
    return *name ? name : "points";
}

struct scale {
    double unit;
    const char *name;
};

/* The unit in which the largest model has one to three digits. */
static const struct scale *scale_of(const struct slim_report *report)
{
    static const struct scale scales[] = { { 1e9, "billions" },
                                           { 1e6, "millions" },
                                           { 1e3, "thousands" },
                                           { 1.0, "one by one" } };
    const struct scale *scale = scales;
    double most = 1.0;

    for (size_t r = 0; r < report->row_count; r++)
        most = fmax(most, report->rows[r].params.mean);
    while (scale->unit > most)
        scale++;
    return scale;
}

/* Data of one series, sorted by gnuplot itself: x, mean, deviation. */
static void put_series(struct slim_text *script,
                       const struct slim_report *report, size_t column,
                       const char *series, size_t number)
{
    slim_text_printf(script, "$s%zu << EOD\n", number);
    for (size_t r = 0; r < report->row_count; r++) {
        const struct slim_report_row *row = &report->rows[r];
        const struct slim_report_cell *cell = &row->cells[column];
        if (cell->count == 0 || strcmp(series_of(report, row), series) != 0)
            continue;
        slim_text_printf(script, "%.10g %.10g %.10g\n",
                         row->params.mean / scale_of(report)->unit, cell->mean,
                         isnan(cell->deviation) ? 0.0 : cell->deviation);
    }
    slim_text_puts(script, "EOD\n");
}

static size_t find_series(const struct slim_report *report, size_t column,
                          const char **names)
{
    size_t count = 0;

    for (size_t r = 0; r < report->row_count; r++) {
        size_t i = 0;
        const char *name = series_of(report, &report->rows[r]);
        while (i < count && strcmp(names[i], name) != 0)
            i++;
        if (i == count && report->rows[r].cells[column].count)
            names[count++] = name;
    }
    return count;
}

static void plot_quality(struct slim_plot ***tail,
                         const struct slim_report *report, size_t column)
{
    const struct slim_report_column *c = &report->columns[column];
    const char **names =
        SLIM_NEW_ARRAY(report->arena, report->row_count + 1, const char *);
    size_t count = find_series(report, column, names);
    struct slim_text script = { 0 };

    if (!c->protocol || count == 0)
        return;
    put_head(&script,
             slim_arena_printf(report->arena, "parameters (%s)",
                               scale_of(report)->name),
             "", 420);
    slim_text_puts(&script, "set offsets graph 0.05, graph 0.05, graph 0.05, "
                            "graph 0.05\n");
    for (size_t s = 0; s < count; s++)
        put_series(&script, report, column, names[s], s);
    slim_text_puts(&script, "plot");
    for (size_t s = 0; s < count; s++) {
        slim_text_printf(&script,
                         "%s $s%zu using 1:2 smooth unique with lines lw 2 "
                         "lc rgb '%s' notitle, $s%zu using 1:2:3 with "
                         "yerrorbars lw 1.5 pt %zu ps 0.9 lc rgb '%s'",
                         s ? "," : "", s, colors[s % SLIM_COUNT(colors)], s,
                         5 + 2 * (s % 4), colors[s % SLIM_COUNT(colors)]);
        put_title(&script, names[s]);
    }
    if (!isnan(c->base)) {
        slim_text_printf(&script, ", %.10g with lines dt 2 lc rgb '#808080'",
                         c->base);
        put_title(&script, "input model");
    }
    slim_text_puts(&script, "\n");
    add_plot(
        tail, report,
        slim_arena_printf(report->arena, "%s against parameters", c->label),
        c->protocol, &script);
}

/* ---- curves: of a kind, one line for each that a point has ---- */

static const json_t *figures_of(const json_t *stage)
{
    return json_object_get(stage, "figures");
}

static void put_curve(struct slim_text *script, const json_t *figure,
                      size_t number)
{
    const json_t *x = json_object_get(figure, "x");
    const json_t *y = json_object_get(figure, "y");
    size_t count = json_array_size(y);

    slim_text_printf(script, "$c%zu << EOD\n", number);
    for (size_t i = 0; i < count; i++)
        if (json_is_number(json_array_get(x, i)) &&
            json_is_number(json_array_get(y, i)))
            slim_text_printf(script, "%.10g %.10g\n",
                             json_number_value(json_array_get(x, i)),
                             json_number_value(json_array_get(y, i)));
    slim_text_puts(script, "EOD\n");
}

struct curves {
    struct slim_text data, plot;
    size_t count, left_out;
};

/* Whether the point has several figures of the kind without a name. */
static bool has_several(const struct slim_report_row *row, const char *kind)
{
    size_t s, f, count = 0;
    json_t *stage, *figure;

    json_array_foreach(json_object_get(row->first, "stages"), s, stage)
    {
        json_array_foreach(figures_of(stage), f, figure)
        {
            const char *is = json_string_value(json_object_get(figure, "kind"));
            count += is && strcmp(is, kind) == 0;
        }
    }
    return count > 1;
}

static void add_curve(struct curves *curves, const json_t *figure,
                      const char *title, size_t most)
{
    if (curves->count == most) {
        curves->left_out++;
        return;
    }
    put_curve(&curves->data, figure, curves->count);
    slim_text_printf(&curves->plot, "%s $c%zu with lines lw 1.5 lc rgb '%s'",
                     curves->count ? "," : "plot", curves->count,
                     colors[curves->count % SLIM_COUNT(colors)]);
    put_title(&curves->plot, title);
    curves->count++;
}

/* Its own name, or that of the point, with the stage where there are several. */
static const char *curve_title(const struct slim_report *report,
                               const struct slim_text *point,
                               const json_t *stage, const json_t *figure,
                               bool several)
{
    const char *own = json_string_value(json_object_get(figure, "name"));
    const char *text = json_string_value(json_object_get(stage, "text"));

    if (own && *own)
        return own;
    if (!point->data)
        return text ? text : "";
    return several ? slim_arena_printf(report->arena, "%s %s", point->data,
                                       text ? text : "")
                   : slim_arena_strdup(report->arena, point->data);
}

/* All figures of the kind that the record has. */
static void add_curves(struct curves *curves, const struct slim_report *report,
                       const struct slim_report_row *row, const char *kind,
                       size_t most)
{
    struct slim_text name = { 0 };
    bool several = has_several(row, kind);
    size_t s, f;
    json_t *stage, *figure;

    slim_report_put_name(&name, report, row);
    json_array_foreach(json_object_get(row->first, "stages"), s, stage)
    {
        json_array_foreach(figures_of(stage), f, figure)
        {
            const char *is = json_string_value(json_object_get(figure, "kind"));
            if (is && strcmp(is, kind) == 0)
                add_curve(curves, figure,
                          curve_title(report, &name, stage, figure, several),
                          most);
        }
    }
    slim_text_free(&name);
}

static void plot_curves(struct slim_plot ***tail,
                        const struct slim_report *report, struct curves *curves,
                        const char *title, const char *x, const char *y,
                        const char *setting)
{
    struct slim_text script = { 0 };

    if (curves->count == 0)
        return;
    put_head(&script, x, y, 420);
    slim_text_puts(&script, setting);
    slim_text_append(&script, curves->data.data, curves->data.length);
    slim_text_append(&script, curves->plot.data, curves->plot.length);
    slim_text_puts(&script, "\n");
    add_plot(
        tail, report, title,
        curves->left_out
            ? slim_arena_printf(report->arena, "the first %zu of %zu are shown",
                                curves->count, curves->count + curves->left_out)
            : NULL,
        &script);
    slim_text_free(&curves->data);
    slim_text_free(&curves->plot);
}

static void plot_losses(struct slim_plot ***tail,
                        const struct slim_report *report)
{
    struct curves curves = { 0 };

    for (size_t r = 0; r < report->row_count; r++)
        if (report->rows[r].first)
            add_curves(&curves, report, &report->rows[r], "loss", CURVES);
    plot_curves(tail, report, &curves, "Loss of recovery", "step",
                "loss, running mean", "");
}

/* Points share most spectra: those of the first point that has one. */
static void plot_spectrum(struct slim_plot ***tail,
                          const struct slim_report *report)
{
    for (size_t r = 0; r < report->row_count; r++) {
        const struct slim_report_row *row = &report->rows[r];
        struct curves curves = { 0 };
        struct slim_text title = { 0 };
        if (!row->first)
            continue;
        add_curves(&curves, report, row, "spectrum", 200);
        if (curves.count == 0)
            continue;
        slim_text_puts(&title, "Eigenvalue spectrum by site ");
        slim_report_put_name(&title, report, row);
        /* a key of a hundred sites would be all that is seen */
        plot_curves(
            tail, report, &curves, slim_arena_strdup(report->arena, title.data),
            "rank", "share of the trace",
            curves.count > 24 ? "unset key\nset logscale y\nset format y '%g'\n"
                              : "set logscale y\nset format y '%g'\n");
        slim_text_free(&title);
        return;
    }
}

/* ---- kept units by layer ---- */

static const json_t *sizes_of(const struct slim_report_row *row)
{
    return slim_report_sizes(NULL, row->first);
}

/* What the input models have. */
static double largest(const struct slim_report *report, const char *axis)
{
    double most = 0.0;
    size_t i;
    json_t *size;

    for (size_t r = 0; r < report->run_count; r++) {
        const json_t *model = json_object_get(report->runs[r].record, "model");
        const json_t *sizes = json_object_get(model, "sizes");
        json_array_foreach(json_object_get(sizes, axis), i, size)
        {
            most = fmax(most, json_number_value(size));
        }
    }
    return most;
}

/* A row of the map: its cells, and its name beside them. */
static void put_map_row(struct slim_text *data, struct slim_text *names,
                        const struct slim_report *report,
                        const struct slim_report_row *row, const json_t *sizes,
                        size_t number, double most)
{
    struct slim_text name = { 0 };
    size_t i;
    json_t *size;

    json_array_foreach(sizes, i, size)
    {
        slim_text_printf(data, "%zu %zu %.6g %.0f\n", i, number,
                         json_number_value(size) / most,
                         json_number_value(size));
    }
    slim_report_put_name(&name, report, row);
    slim_text_puts(names, number ? ", \"" : "\"");
    /* the label of a tic is a format of gnuplot's */
    for (const char *at = name.data ? name.data : ""; *at; at++)
        slim_text_printf(names, "%s%c",
                         *at == '%'            ? "%"
                         : strchr("\"\\", *at) ? "\\"
                                               : "",
                         *at);
    slim_text_printf(names, "\" %zu", number);
    slim_text_free(&name);
}

static void plot_map(struct slim_plot ***tail, const struct slim_report *report,
                     const char *axis)
{
    struct slim_text data = { 0 }, names = { 0 }, script = { 0 };
    double most = largest(report, axis);
    size_t rows = 0, columns = 0;

    for (size_t r = 0; r < report->row_count && rows < MAPS; r++) {
        const json_t *sizes = json_object_get(sizes_of(&report->rows[r]), axis);
        if (json_array_size(sizes) == 0 || !(most > 0.0))
            continue;
        if (json_array_size(sizes) > columns)
            columns = json_array_size(sizes);
        put_map_row(&data, &names, report, &report->rows[r], sizes, rows++,
                    most);
    }
    if (rows > 0) {
        put_head(&script, strcmp(axis, "stream") == 0 ? "site" : "layer", "",
                 110 + 26 * (int)rows);
        slim_text_printf(
            &script,
            "unset key\nunset grid\nset border 0\nset tics scale 0\n"
            "set ytics noenhanced (%s)\nset yrange [%zu.5:-0.5]\n"
            "set xrange [-0.5:%zu.5]\nset cbrange [0:1]\n"
            "set cblabel 'share kept'\nset xtics 0,%zu\n"
            "set palette defined (0 '#c4543b', 0.5 '#e0b75b', 1 '#4f9f8f')\n"
            "$m << EOD\n%sEOD\n"
            "plot $m using 1:2:3 with image pixels",
            names.data, rows - 1, columns - 1, columns / 16 + 1, data.data);
        slim_text_puts(&script, columns <= 16
                                    ? ", $m using 1:2:4 with labels tc rgb "
                                      "'#101010' font ',11'\n"
                                    : "\n");
        add_plot(tail, report,
                 slim_arena_printf(report->arena, "Units kept: %s", axis),
                 slim_arena_printf(report->arena, "%.0f is all of them", most),
                 &script);
    }
    slim_text_free(&data);
    slim_text_free(&names);
}

static void plot_maps(struct slim_plot ***tail,
                      const struct slim_report *report)
{
    const json_t *sizes = NULL;
    const char *axis;
    json_t *unused;

    for (size_t r = 0; r < report->row_count && !sizes; r++)
        sizes = sizes_of(&report->rows[r]);
    json_object_foreach((json_t *)(uintptr_t)sizes, axis, unused)
    {
        plot_map(tail, report, axis);
    }
}

struct slim_plot *slim_report_plots(const struct slim_report *report)
{
    struct slim_plot *first = NULL, **tail = &first;

    for (size_t c = 0; c < report->column_count; c++)
        plot_quality(&tail, report, c);
    plot_losses(&tail, report);
    plot_maps(&tail, report);
    plot_spectrum(&tail, report);
    return first;
}
