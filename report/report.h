/* report.h - results of runs, as tables and plots */
#ifndef SLIM_REPORT_TABLE_H
#define SLIM_REPORT_TABLE_H

#include "base/json.h"
#include "base/text.h"

/* The axis over which means are taken. */
#define SLIM_REPORT_SEED "seed"

/* What a run wrote: run.json, with the path as it was given. */
struct slim_report_run {
    const char *path;
    json_t *record; /* borrowed by everything below */
};

/* A metric; numbers taken in two ways are two metrics, and one label for both
 * is refused. */
struct slim_report_column {
    const char *label;
    const char *protocol; /* NULL: a fact of the shape */
    double base;          /* of the input model; NAN: not measured */
};

struct slim_report_cell {
    size_t count; /* points that have it */
    double mean;
    double deviation; /* of the sample (n - 1); NAN for fewer than two */
};

/* Points that differ in their seed alone. */
struct slim_report_row {
    const char **values; /* by axis; "-": the run has no such axis */
    size_t points, passed;
    const char *failure; /* of the first that did not pass, or NULL */
    struct slim_report_cell params;
    struct slim_report_cell *cells; /* by column */
    json_t *first; /* record of the first point that passed, or NULL */
};

struct slim_report {
    struct slim_arena *arena;
    struct slim_report_run *runs;
    size_t run_count;
    const char **axes; /* with "run" first where there are several runs */
    size_t axis_count;
    struct slim_report_column *columns;
    size_t column_count;
    struct slim_report_row *rows;
    size_t row_count;
    bool seeds; /* some row has several points */
};

/* Reads the files, or run.json in directories. F603: a file that is none. */
SLIM_NODISCARD enum slim_status slim_report_open(struct slim_report *out,
                                                 const char *const *paths,
                                                 size_t count,
                                                 struct slim_diag *diag);
void slim_report_close(struct slim_report *report);

#define FORMAT(name, file)                                                     \
    void slim_report_##name(struct slim_text *out,                             \
                            const struct slim_report *report);
#include "report/formats.def"
#undef FORMAT

/* A row of formats.def; `name` NULL ends the table. */
struct slim_report_format {
    const char *name, *file; /* "md", "table.md" */
    void (*print)(struct slim_text *out, const struct slim_report *report);
};
extern const struct slim_report_format slim_report_formats[];
const struct slim_report_format *slim_report_format_find(const char *name);

/* "7.12 ±0.1", or "" where nothing was measured. `sign` stands between. */
void slim_report_put_cell(struct slim_text *out,
                          const struct slim_report_cell *cell,
                          const char *sign);
/* "failed 1 of 3: reason", or "". */
void slim_report_put_failure(struct slim_text *out,
                             const struct slim_report_row *row);
/* "p=20% m=l2", of the axes that a page has to name. */
void slim_report_put_name(struct slim_text *out,
                          const struct slim_report *report,
                          const struct slim_report_row *row);

/* One plot: its title, and the SVG; data NULL: gnuplot is not there. */
struct slim_plot {
    const char *title, *note;
    struct slim_text svg;
    struct slim_plot *next;
};
struct slim_plot *slim_report_plots(const struct slim_report *report);

/* The sizes that a point ended with: {"mlp": [..by layer..], ..}. Borrowed. */
const json_t *slim_report_sizes(const json_t *record, const json_t *point);

/* What two records of runs differ in: points by name, parameters, metrics that
 * were measured alike, sizes by layer; for people, or JSON, an object a line.
 * True: in nothing. */
bool slim_report_compare(struct slim_text *out, const json_t *a,
                         const json_t *b, bool json, struct slim_arena *arena);

/* Reads one file, or run.json of a directory; the caller owns *out. */
SLIM_NODISCARD enum slim_status slim_report_read(json_t **out, const char *path,
                                                 struct slim_diag *diag);

/* Runs gnuplot on a script; false if it is not installed or fails. */
bool slim_gnuplot(struct slim_text *svg, const char *script);

#endif
