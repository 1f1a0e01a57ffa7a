/* record.c - what a run found out, kept for reports: stages, curves, metrics */
#include "runtime/record.h"

#include "base/file.h"
#include "base/text.h"
#include "runtime/stage/rotate.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { CURVE = 500, SPECTRUM = 160, DIGITS = 10 };

static const struct slim_span nowhere = { NULL, 0, 0 };

/* JSON has no word for what is no number. */
static json_t *real(double value)
{
    return isfinite(value) ? json_real(value) : json_null();
}

static const char *kept_text(struct slim_arena *arena, json_t *value)
{
    char *text = json_dumps(value, JSON_COMPACT | JSON_REAL_PRECISION(DIGITS));
    const char *kept = slim_arena_strdup(arena, text ? text : "null");

    free(text);
    json_decref(value);
    return kept;
}

void slim_figure_add(struct slim_run *run, const struct slim_op *op,
                     const char *kind, const char *name, const double *x,
                     const double *y, size_t count)
{
    struct slim_result *result = slim_run_result(run, op);
    json_t *xs = json_array(), *ys = json_array();

    for (size_t i = 0; i < count; i++) {
        json_array_append_new(xs, real(x ? x[i] : (double)(i + 1)));
        json_array_append_new(ys, real(y[i]));
    }
    const char *text =
        kept_text(run->arena, json_pack("{s:s,s:s,s:o,s:o}", "kind", kind,
                                        "name", name, "x", xs, "y", ys));
    result->figures = result->figures ? slim_arena_printf(run->arena, "%s,%s",
                                                          result->figures, text)
                                      : text;
}

struct slim_curve slim_curve_open(struct slim_run *run, size_t total)
{
    struct slim_curve curve = { .total = total,
                                .stride = (total + CURVE - 1) / CURVE,
                                .room = CURVE + 1 };

    if (curve.stride == 0)
        curve.stride = 1;
    curve.x = SLIM_NEW_ARRAY(run->arena, CURVE + 1, double);
    curve.y = SLIM_NEW_ARRAY(run->arena, CURVE + 1, double);
    return curve;
}

void slim_curve_add(struct slim_curve *curve, size_t step, double value)
{
    if ((step % curve->stride != 0 && step != curve->total) ||
        curve->count > CURVE)
        return;
    curve->x[curve->count] = (double)step;
    curve->y[curve->count++] = value;
}

/* The next rank to keep: all up to 64, then so many a doubling. */
static size_t next_rank(size_t rank)
{
    return rank < 64 ? rank + 1 : rank + rank / 16;
}

static void add_spectrum(struct slim_run *run, const struct slim_op *op,
                         const char *name, const double *values, size_t width)
{
    double x[SPECTRUM], y[SPECTRUM], sum = 0.0;
    size_t count = 0;

    for (size_t i = 0; i < width; i++)
        sum += values[i];
    for (size_t rank = 1; rank <= width && count < SPECTRUM && sum > 0.0;
         rank = next_rank(rank)) {
        x[count] = (double)rank;
        y[count++] = values[rank - 1] / sum;
    }
    slim_figure_add(run, op, "spectrum", name, x, y, count);
}

void slim_figure_spectrum(struct slim_run *run, const struct slim_op *op,
                          const struct slim_rotation *rotation)
{
    for (size_t s = 0; rotation && s < rotation->sites; s++)
        add_spectrum(run, op,
                     rotation->sites == 1
                         ? "all sites"
                         : slim_arena_printf(run->arena, "site %zu", s),
                     rotation->values[s], rotation->width);
}

/* Texts that are JSON already, joined by commas, as an array. */
static json_t *parsed_list(struct slim_arena *arena, const char *texts)
{
    const char *list = slim_arena_printf(arena, "[%s]", texts ? texts : "");
    json_t *array = json_loads(list, 0, NULL);

    return array ? array : json_array();
}

/* Whether the operation measured a time, or compares one. */
static bool is_fleeting(const struct slim_run *run, const struct slim_op *op,
                        const struct slim_formula *f)
{
    for (const struct slim_metric *m = run->metrics; m; m = m->next)
        if (m->fleeting && (m->op == op || (f && f->measure == m->op)))
            return true;
    return f && f->op != 0 &&
           (is_fleeting(run, op, f->left) || is_fleeting(run, op, f->right));
}

void slim_record_stage(struct slim_run *run, const struct slim_op *op,
                       const char *result)
{
    const char *figures = slim_run_result(run, op)->figures;
    size_t line = 0, column = 0;

    if (op->stage->hidden || op->implied)
        return;
    slim_span_place(op->span, &line, &column);
    if (is_fleeting(run, op, op->formula))
        result = "";
    json_t *stage =
        json_pack("{s:s,s:s,s:s,s:I,s:I}", "stage", op->stage->name, "text",
                  op->text, "result", result, "line", (json_int_t)line,
                  "params", (json_int_t)slim_shape_params(run->shape));
    if (!slim_shape_equal(run->shape_before, run->shape))
        json_object_set_new(stage, "sizes", slim_shape_sizes(run->shape));
    if (figures)
        json_object_set_new(stage, "figures", parsed_list(run->arena, figures));
    const char *text = kept_text(run->arena, stage);
    run->stages =
        run->stages ? slim_arena_printf(run->arena, "%s,%s", run->stages, text)
                    : text;
}

static json_t *metrics_of(const struct slim_run *run)
{
    json_t *metrics = json_array();

    for (const struct slim_metric *m = run->metrics; m; m = m->next) {
        if (m->fleeting)
            continue;
        json_t *metric =
            json_pack("{s:s,s:s,s:o,s:s?}", "name", m->name, "label", m->label,
                      "value", real(m->value), "protocol", m->protocol);
        if (!isnan(m->base))
            json_object_set_new(metric, "base", real(m->base));
        json_array_append_new(metrics, metric);
    }
    return metrics;
}

json_t *slim_record_point(const struct slim_run *run, const char *status)
{
    const struct slim_point *point = run->program->point;
    json_t *record = json_pack("{s:s,s:s}", "name", point ? point->name : "",
                               "status", status);
    json_t *values = json_object(), *saved = json_array();

    for (size_t i = 0; point && i < point->sweep->axis_count; i++)
        json_object_set_new(values, point->sweep->axes[i],
                            json_string(point->values[i]));
    for (size_t i = 0; i < run->saved_count; i++)
        json_array_append_new(saved, json_string(run->saved[i]));
    json_object_set_new(record, "values", values);
    json_object_set_new(record, "params",
                        json_integer((json_int_t)slim_shape_params(
                            run->shape ? run->shape : run->input->shape)));
    json_object_set_new(record, "metrics", metrics_of(run));
    json_object_set_new(record, "stages", parsed_list(run->arena, run->stages));
    json_object_set_new(record, "saved", saved);
    return record;
}

json_t *slim_record_head(const struct slim_run *run)
{
    const struct slim_model_info *input = run->input;
    const struct slim_program *program = run->program;
    json_t *axes = json_array();

    for (size_t i = 0; program->point && i < program->point->sweep->axis_count;
         i++)
        json_array_append_new(axes,
                              json_string(program->point->sweep->axes[i]));
    return json_pack("{s:s,s:i,s:s,s:{s:s,s:s,s:I,s:I,s:o},s:s,s:o}", "slimc",
                     PACKAGE_VERSION, "v", SLIM_RESULTS_VERSION, "recipe",
                     slim_path_base(program->source->name), "model", "name",
                     input->name, "family", input->arch->family, "params",
                     (json_int_t)slim_shape_params(input->shape), "layers",
                     (json_int_t)input->arch->layers, "sizes",
                     slim_shape_sizes(input->shape), "compute",
                     program->compute, "axes", axes);
}

enum slim_status slim_record_write(const json_t *record, const char *path,
                                   struct slim_diag *diag)
{
    struct slim_writer writer = { 0 };
    char *text = json_dumps(record, JSON_INDENT(1) | JSON_REAL_PRECISION(15));

    if (!text)
        return slim_fail(diag, "O001", nowhere,
                         "out of memory for the results of a run");
    slim_writer_clear(path);
    enum slim_status status = slim_writer_open(&writer, path, nowhere, diag);
    if (status == SLIM_OK)
        status = slim_writer_put(&writer, text, strlen(text), nowhere, diag);
    if (status == SLIM_OK)
        status = slim_writer_put(&writer, "\n", 1, nowhere, diag);
    if (status == SLIM_OK)
        status = slim_writer_commit(&writer, nowhere, diag);
    slim_writer_abort(&writer);
    free(text);
    return status;
}
