/* report.c - what a run says: one line a stage, and a summary */
#include "runtime/report.h"

#include "base/text.h"
#include "runtime/record.h"

#include <jansson.h>
#include <math.h>
#include <string.h>

struct slim_metric *slim_metric_add(struct slim_run *run,
                                    const struct slim_op *op, const char *name,
                                    const char *protocol, double value)
{
    struct slim_metric *metric = SLIM_NEW(run->arena, struct slim_metric);
    struct slim_metric **tail = &run->metrics;
    /* that of a sample goes with its tokens */
    const char *kept =
        protocol ? slim_arena_strdup(run->arena, protocol) : NULL;

    *metric = (struct slim_metric){ .name = name,
                                    .label = op->label ? op->label : name,
                                    .protocol = kept,
                                    .value = value,
                                    .base = (double)NAN,
                                    .op = op };
    while (*tail)
        tail = &(*tail)->next;
    *tail = metric;
    return metric;
}

static bool is_json(const struct slim_run *run)
{
    return run->progress.mode == SLIM_OUTPUT_JSON;
}

static void put_json(const struct slim_run *run, json_t *object)
{
    json_dumpf(object, run->progress.out, JSON_COMPACT);
    fputc('\n', run->progress.out);
    fflush(run->progress.out);
    json_decref(object);
}

static uint64_t params_of(const struct slim_shape *shape)
{
    return shape ? slim_shape_params(shape) : 0;
}

void slim_report_start(struct slim_run *run)
{
    const struct slim_model_info *input = run->input;
    uint64_t params = params_of(input->shape);

    if (is_json(run)) {
        put_json(run,
                 json_pack("{s:i,s:s,s:s,s:s,s:I,s:s}", "v", 1, "event",
                           "start", "model", input->name, "family",
                           input->arch->family, "params", (json_int_t)params,
                           "compute", run->program->compute));
        return;
    }
    fprintf(run->progress.out,
            "%s: %s, %zu layers, %s parameters, stored as "
            "%s, arithmetic in %s\n",
            input->name, input->arch->family, input->arch->layers,
            slim_text_grouped(run->arena, params),
            slim_dtype_name(input->arch->dtype),
            slim_compute_find(run->program->compute)->text);
}

/* "-1.342B", or "" where nothing changed */
static const char *change(struct slim_run *run)
{
    uint64_t before = params_of(run->shape_before);
    uint64_t after = params_of(run->shape);

    if (before == after)
        return "";
    bool less = after < before;
    return slim_arena_printf(
        run->arena, "%c%s", less ? '-' : '+',
        slim_text_count(run->arena, less ? before - after : after - before));
}

/* "dense 1.39258": what an operation measured, or NULL. */
static const char *measured(struct slim_run *run, const struct slim_op *op)
{
    for (const struct slim_metric *m = run->metrics; m; m = m->next)
        if (m->op == op)
            return slim_arena_printf(run->arena,
                                     m->protocol ? "%s %.6g" : "%s %.10g",
                                     m->label, m->value);
    return NULL;
}

/* What stands in the middle of the line: the plan's integers, then what the
 * run found out. */
static const char *middle(struct slim_run *run, const struct slim_op *op)
{
    const char *resolved = op->resolved ? op->resolved : "";
    const char *detail = run->detail ? run->detail : measured(run, op);

    if (!detail)
        detail = "";
    return slim_arena_printf(run->arena, "%s%s%s", resolved,
                             *resolved && *detail ? ", " : "", detail);
}

/* The columns come first, so that only the last one has any length: a long
 * statement is cut, the recipe has all of it. */
enum { STATEMENT = 34 };

/* The rate, and what part it is of that of a product, where that is known. */
static json_t *spent_json(const struct slim_run *run, const struct slim_op *op,
                          const char *result, const struct slim_spent *spent)
{
    double rate = spent->seconds > 0.0
                      ? (double)spent->work.operations / spent->seconds
                      : 0.0;
    json_t *object = json_pack(
        "{s:i,s:s,s:s,s:s,s:s,s:f,s:I,s:I,s:f,s:I,s:I,s:I}", "v", 1, "event",
        "stage", "stage", op->stage->name, "text", op->text, "result", result,
        "seconds", spent->seconds, "params", (json_int_t)params_of(run->shape),
        "flops", (json_int_t)spent->work.operations, "flops_per_second", rate,
        "bytes_read", (json_int_t)spent->work.read, "bytes_written",
        (json_int_t)spent->work.written, "peak_memory",
        (json_int_t)spent->peak);

    if (run->limit > 0.0)
        json_object_set_new(object, "share_of_limit",
                            json_real(rate / run->limit));
    return object;
}

void slim_report_stage(struct slim_run *run, const struct slim_op *op,
                       const struct slim_spent *spent)
{
    FILE *out = run->progress.out;

    slim_record_stage(run, op, middle(run, op));
    if (op->stage->hidden || op->implied)
        return;
    if (is_json(run)) {
        put_json(run, spent_json(run, op, middle(run, op), spent));
        return;
    }
    fprintf(out, " + %-*s %7s %9s  %s\n", STATEMENT,
            slim_text_clip(run->arena, op->text, STATEMENT),
            slim_text_seconds(run->arena, spent->seconds), change(run),
            middle(run, op));
    struct slim_text *lines = run->results[op->id].report;
    if (lines && lines->data)
        fputs(lines->data, out);
    fflush(out);
}

void slim_report_hit(struct slim_run *run, const struct slim_op *op,
                     const struct slim_kept *entry)
{
    FILE *out = run->progress.out;
    char key[65];

    if (op->stage->hidden || op->implied)
        return;
    slim_record_stage(run, op, middle(run, op));
    slim_digest_hex(key, &entry->key);
    if (is_json(run)) {
        put_json(run, json_pack("{s:i,s:s,s:s,s:s,s:s,s:b,s:s,s:f,s:I}", "v", 1,
                                "event", "stage", "stage", op->stage->name,
                                "text", op->text, "result", middle(run, op),
                                "hit", 1, "key", key, "saved", entry->seconds,
                                "params", (json_int_t)params_of(run->shape)));
        return;
    }
    fprintf(out, " = %-*s %7s %9s  %s\n", STATEMENT,
            slim_text_clip(run->arena, op->text, STATEMENT), "hit", change(run),
            middle(run, op));
    if (entry->report)
        fputs(entry->report, out);
    fflush(out);
}

void slim_report_resumed(struct slim_run *run, const struct slim_op *op,
                         size_t units, size_t of, const char *what)
{
    FILE *out = run->progress.out;

    if (is_json(run))
        put_json(run, json_pack("{s:i,s:s,s:s,s:s,s:I,s:I,s:s}", "v", 1,
                                "event", "resume", "stage", op->stage->name,
                                "text", op->text, "done", (json_int_t)units,
                                "of", (json_int_t)of, "unit", what));
    else
        fprintf(out, " ~ %-*s %7s %9s  %zu of %zu %s were done\n", STATEMENT,
                slim_text_clip(run->arena, op->text, STATEMENT), "", "", units,
                of, what);
    fflush(out);
}

/* First measurement of the same name and protocol, if it came before. */
static const struct slim_metric *earlier(const struct slim_run *run,
                                         const struct slim_metric *metric)
{
    for (const struct slim_metric *m = run->metrics; m != metric; m = m->next)
        if (strcmp(m->name, metric->name) == 0 && m->protocol &&
            metric->protocol && strcmp(m->protocol, metric->protocol) == 0)
            return m;
    return NULL;
}

static void metric_line(struct slim_run *run, const struct slim_metric *m)
{
    const struct slim_metric *first = earlier(run, m);
    FILE *out = run->progress.out;

    fprintf(out, "   %-12s ", m->label);
    if (!isnan(m->base))
        fprintf(out, "%.6g (input model) -> ", m->base);
    else if (first)
        fprintf(out, "%.6g -> ", first->value);
    fprintf(out, "%.6g%s%s\n", m->value, m->protocol ? "   " : "",
            m->protocol ? m->protocol : "");
}

static void end_json(struct slim_run *run, uint64_t before, uint64_t after)
{
    for (const struct slim_metric *m = run->metrics; m; m = m->next) {
        json_t *object =
            json_pack("{s:i,s:s,s:s,s:s,s:f,s:s?}", "v", 1, "event", "metric",
                      "name", m->name, "label", m->label, "value", m->value,
                      "protocol", m->protocol);
        if (!isnan(m->base))
            json_object_set_new(object, "base", json_real(m->base));
        put_json(run, object);
    }
    put_json(run,
             json_pack("{s:i,s:s,s:I,s:I,s:f,s:I}", "v", 1, "event", "end",
                       "params_before", (json_int_t)before, "params",
                       (json_int_t)after, "seconds", slim_now() - run->started,
                       "peak_memory", (json_int_t)slim_footprint_peak()));
}

void slim_report_end(struct slim_run *run)
{
    uint64_t before = params_of(run->input->shape);
    uint64_t after = params_of(run->shape);

    if (is_json(run)) {
        end_json(run, before, after);
        return;
    }
    FILE *out = run->progress.out;
    fprintf(out, "\n   parameters   %s -> %s (%+.2f%%)\n",
            slim_text_grouped(run->arena, before),
            slim_text_grouped(run->arena, after),
            100.0 * ((double)after / (double)before - 1.0));
    for (const struct slim_metric *m = run->metrics; m; m = m->next)
        if (m->protocol)
            metric_line(run, m);
    if (run->hits)
        fprintf(out, "   store        %zu %s, which took %s\n", run->hits,
                run->hits == 1 ? "hit" : "hits",
                slim_text_seconds(run->arena, run->saved_seconds));
    for (size_t i = 0; i < run->saved_count; i++)
        fprintf(out, "   wrote        %s\n", run->saved[i]);
    fprintf(out, "   took         %s, peak memory %s\n",
            slim_text_seconds(run->arena, slim_now() - run->started),
            slim_text_bytes(run->arena, slim_footprint_peak()));
}
