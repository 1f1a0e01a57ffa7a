/* points.c - the points of a sweep, one after another */
#include "runtime/points.h"

#include "base/text.h"
#include "runtime/report.h"

#include <string.h>

/* Of base/diag.h, those that say more than what failed before. */
enum { EXIT_LOCK = 6, EXIT_INTERRUPTED = 130 };

/* The best point so far. */
struct best {
    struct slim_program *program;
    double value;
    size_t index; /* of its record */
    const struct slim_op *keep;
    const char *axis;
    bool max;
};

static bool is_json(const struct slim_points *points)
{
    return points->run->progress.mode == SLIM_OUTPUT_JSON;
}

static void put_json(const struct slim_points *points, json_t *object)
{
    FILE *out = points->run->progress.out;

    json_dumpf(object, out, JSON_COMPACT);
    fputc('\n', out);
    fflush(out);
    json_decref(object);
}

static int name_width(const struct slim_points *points)
{
    size_t width = 0;

    for (const struct slim_program *p = points->first; p; p = p->next)
        if (strlen(p->point->name) > width)
            width = strlen(p->point->name);
    return (int)width;
}

/* "w2 7.123  tuned 6.4": what was measured with data. */
static const char *measured(const struct slim_run *run)
{
    const char *text = "";

    for (const struct slim_metric *m = run->metrics; m; m = m->next)
        if (m->protocol)
            text = slim_arena_printf(run->arena, "%s  %s %.6g", text, m->label,
                                     m->value);
    return text;
}

static void say(const struct slim_points *points, const struct slim_run *run,
                const char *status, const char *message, double seconds)
{
    const char *name = run->program->point->name;
    FILE *out = points->run->progress.out;
    bool good = strcmp(status, "done") == 0;

    if (is_json(points)) {
        put_json(points,
                 json_pack("{s:i,s:s,s:s,s:s,s:I,s:f,s:s?}", "v", 1, "event",
                           "point", "point", name, "status", status, "params",
                           (json_int_t)slim_shape_params(run->shape), "seconds",
                           seconds, "message", message));
        return;
    }
    fprintf(out, " %c %-*s %7s", good ? '+' : '!', name_width(points), name,
            slim_text_seconds(run->arena, seconds));
    if (good)
        fprintf(out, "  %s%s\n",
                slim_text_count(run->arena, slim_shape_params(run->shape)),
                measured(run));
    else
        fprintf(out, "  %s: %s\n", status, message);
    fflush(out);
}

/* The first error, which decides what the point came to. */
static struct slim_error *error_of(const struct slim_diag *diag)
{
    struct slim_error *e = diag->first;

    while (e && e->severity != SLIM_ERROR)
        e = e->next;
    return e;
}

static size_t shared_values(const struct slim_point *a,
                            const struct slim_point *b)
{
    size_t count = 0;

    for (size_t i = 0; i < a->sweep->axis_count; i++)
        count += strcmp(a->values[i], b->values[i]) == 0;
    return count;
}

/* What a failed assertion is told of: of the points that passed before, in this
 * run or kept from an earlier one, that which is most like it; the newest of
 * several. */
static void hint_passed(const struct slim_points *points,
                        const struct slim_point *point, struct slim_diag *diag,
                        struct slim_error *error)
{
    const struct slim_passed *best = NULL;

    for (const struct slim_passed *p = points->passed; p; p = p->next)
        if (!best ||
            shared_values(p->point, point) > shared_values(best->point, point))
            best = p;
    if (best && !error->hint)
        slim_error_hint(diag, error,
                        *best->values ? "%s passes:%s." : "%s passes.",
                        best->point->name, best->values);
}

static void add_passed(struct slim_points *points, const struct slim_run *run)
{
    struct slim_passed *passed = SLIM_NEW(run->arena, struct slim_passed);
    const char *values = measured(run);

    values += *values != 0; /* one blank of two */
    *passed =
        (struct slim_passed){ run->program->point, values, points->passed };
    points->passed = passed;
}

static void add_record(struct slim_points *points, struct slim_run *run,
                       const char *status, const struct slim_error *error)
{
    json_t *record = slim_record_point(run, status);

    points->parts[run->program->point->index] = slim_ledger_part(run, status);

    if (error)
        json_object_set_new(record, "error",
                            json_pack("{s:s,s:s}", "code", error->code,
                                      "message", error->message));
    json_array_append_new(points->records, record);
}

static double value_of(const struct slim_program *program, const char *axis)
{
    const struct slim_point *point = program->point;

    for (size_t i = 0; i < point->sweep->axis_count; i++)
        if (strcmp(point->sweep->axes[i], axis) == 0)
            return point->numbers[i];
    return 0.0;
}

static void consider(struct best *best, struct slim_program *program,
                     const struct slim_run *run, size_t index)
{
    if (!run->ended)
        return;
    double value = value_of(program, run->keep_axis);
    best->keep = run->ended;
    best->axis = run->keep_axis;
    best->max = run->keep_max;
    if (best->program &&
        (best->max ? value <= best->value : value >= best->value))
        return;
    best->program = program;
    best->value = value;
    best->index = index;
}

static void count_failure(struct slim_points *points,
                          const struct slim_diag *diag, bool trial)
{
    int code = slim_diag_exit(diag);

    points->broken++;
    if (points->code == 0 && !(trial && code == 4))
        points->code = code;
    points->refused = points->refused || code == EXIT_LOCK;
    if (code == EXIT_INTERRUPTED ||
        (code == EXIT_LOCK && points->code != EXIT_INTERRUPTED))
        points->code = code;
}

/* A point of its own: what it shares with the others is read only, but for
 * the tokenizer, which the first one opens. */
static struct slim_run run_of(struct slim_points *points,
                              struct slim_program *program,
                              struct slim_diag *diag, FILE *nowhere)
{
    struct slim_run run = *points->run;

    *diag = (struct slim_diag){ .arena = run.arena };
    run.diag = diag;
    run.program = program;
    run.lock = NULL; /* it is of all points */
    run.recipe_text = program->text;
    run.shape = run.input->shape;
    run.trial = program->point->sweep->count > 1;
    if (!points->verbose)
        run.progress = (struct slim_progress){ .out = nowhere };
    return run;
}

static bool has_keep(const struct slim_program *program)
{
    for (const struct slim_op *op = program->first; op; op = op->next)
        if (slim_param_find(op->stage, "axis"))
            return true;
    return false;
}

/* A point that is not run: its shape fails an assertion, or what is compared
 * has nothing of it. */
static bool leave_out(struct slim_points *points, struct slim_run *run)
{
    const struct slim_program *program = run->program;

    if (program->unmet) {
        points->unmet++;
        add_record(points, run, "unmet", program->unmet);
        say(points, run, "left out", program->unmet->message, 0.0);
        return true;
    }
    if (!run->anew || slim_ledger_has(run->locked, program->point, run->arena))
        return false;
    say(points, run, "left out", "the lock file has no line of it", 0.0);
    return true;
}

/* Where stages run anew: the assertion failed when the lock was written too. */
static bool failed_before(const struct slim_run *run)
{
    const char *owner = slim_ledger_owner(run->arena, run->program->point);
    const char *was = run->anew && run->locked
                          ? slim_ledger_find(run->locked, owner, "outcome ")
                          : NULL;

    return was && strstr(was, " outcome assert") != NULL;
}

/* False: interrupted, or out of what goes on. */
static bool run_point(struct slim_points *points, struct slim_program *program,
                      struct best *best, struct slim_tokenizer **tokenizer,
                      FILE *nowhere)
{
    struct slim_diag diag;
    struct slim_run run = run_of(points, program, &diag, nowhere);
    double started = slim_now();

    if (leave_out(points, &run))
        return true;
    run.tokenizer = *tokenizer;
    if (points->verbose && !is_json(points))
        fprintf(run.progress.out, "\npoint %s\n", program->point->name);
    enum slim_status status = slim_run_program(&run);
    *tokenizer = run.tokenizer;
    points->differs = points->differs || run.differs;
    if (status == SLIM_OK) {
        consider(best, program, &run, json_array_size(points->records));
        points->done++;
        add_passed(points, &run);
        if (!run.trial && run.saved_count)
            points->saved = run.saved[run.saved_count - 1];
        add_record(points, &run, "done", NULL);
        say(points, &run, "done", NULL, slim_now() - started);
        if (diag.warnings && points->report)
            points->report(points->context, &diag);
        return true;
    }
    struct slim_error *error = error_of(&diag);
    bool gate = slim_diag_exit(&diag) == 4;
    if (gate && error)
        hint_passed(points, program->point, &diag, error);
    add_record(points, &run, gate ? "assert" : "failed", error);
    say(points, &run, gate ? "assert" : "failed", error ? error->message : "",
        slim_now() - started);
    if (gate && failed_before(&run))
        return true;
    count_failure(points, &diag, has_keep(program));
    if (points->report)
        points->report(points->context, &diag);
    return slim_diag_exit(&diag) != 130;
}

/* What somebody would try next, who wants the assertions to hold. */
static void say_gate(const struct slim_points *points,
                     const struct slim_gate *gate)
{
    const char *most = gate->largest ? "largest" : "smallest";

    if (is_json(points))
        put_json(points, json_pack("{s:i,s:s,s:I,s:s,s:s}", "v", 1, "event",
                                   "gate", "points", (json_int_t)gate->points,
                                   "axis", gate->axis, most, gate->value));
    else
        fprintf(points->run->progress.out,
                "   of %zu points, the %s %s that passes is %s\n", gate->points,
                most, gate->axis, gate->value);
}

static void say_gates(const struct slim_points *points)
{
    const struct slim_program *first = points->first;
    struct slim_gate gate;

    for (size_t axis = 0; first && axis < first->point->sweep->axis_count;
         axis++)
        if (slim_points_gate(&gate, points, axis))
            say_gate(points, &gate);
}

static enum slim_status keep_best(struct slim_points *points,
                                  const struct best *best,
                                  struct slim_tokenizer **tokenizer,
                                  struct slim_diag *diag)
{
    struct slim_run run = *points->run;
    const struct slim_program *program = best->program;

    if (!is_json(points))
        fprintf(run.progress.out, "\n   %-12s %s\n", best->keep->text,
                program->point->name);
    run.diag = diag;
    run.program = program;
    run.lock = NULL;
    run.recipe_text = program->text;
    run.tokenizer = *tokenizer;
    enum slim_status status = slim_run_program(&run);
    *tokenizer = run.tokenizer;
    points->differs = points->differs || run.differs;
    if (status != SLIM_OK)
        return status;
    points->parts[program->point->index] = slim_ledger_part(&run, "done");
    if (run.saved_count)
        points->saved = run.saved[run.saved_count - 1];
    json_t *record = slim_record_point(&run, "done");
    json_object_set_new(record, "kept", json_true());
    json_array_set_new(points->records, best->index, record);
    return SLIM_OK;
}

static enum slim_status nothing_kept(const struct slim_points *points,
                                     struct slim_diag *diag)
{
    const struct slim_program *first = points->first;
    bool several = first && first->next;

    for (const struct slim_op *op = several ? first->first : NULL; op;
         op = op->next)
        if (slim_param_find(op->stage, "axis"))
            return slim_fail(diag, "V003", op->span,
                             "no point of the sweep passed: there is none to "
                             "keep");
    return SLIM_OK;
}

enum slim_status slim_points_run(struct slim_points *points,
                                 struct slim_diag *diag)
{
    FILE *nowhere = fopen("/dev/null", "w");
    struct slim_tokenizer *tokenizer = NULL;
    struct best best = { 0 };
    enum slim_status status = SLIM_OK;
    bool goes_on = true;

    points->records = json_array();
    points->parts =
        SLIM_NEW_ARRAY(points->run->arena, points->first->point->sweep->count,
                       struct slim_ledger_part);
    if (!nowhere)
        return slim_fail(diag, "I001", points->first->first->span,
                         "could not open \"/dev/null\"");
    for (struct slim_program *p = points->first; p && goes_on; p = p->next)
        if (p->point->index % points->shards == points->shard - 1)
            goes_on = run_point(points, p, &best, &tokenizer, nowhere);
    say_gates(points);
    if (!goes_on)
        status = SLIM_FAILED;
    else if (best.program && points->shards == 1)
        status = keep_best(points, &best, &tokenizer, diag);
    else if (points->shards == 1)
        status = nothing_kept(points, diag);
    slim_tokenizer_close(tokenizer);
    (void)fclose(nowhere);
    return status;
}
