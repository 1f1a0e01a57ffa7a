/* plan_print.c - the plan as people read it */
#include "compiler/plan.h"

#include "base/text.h"

#include <string.h>

enum { STAGE_WIDTH = 44, RESULT_WIDTH = 48 };

double slim_plan_rate(const struct slim_program *program)
{
    const struct slim_compute *compute = slim_compute_find(program->compute);

    return program->limit > 0.0 ? compute->share * program->limit
                                : compute->rate;
}

double slim_plan_seconds(const struct slim_program *program,
                         const struct slim_op *op)
{
    return op->pace > 0.0 ? op->pace : op->cost.flops / slim_plan_rate(program);
}

uint64_t slim_plan_memory(const struct slim_program *program,
                          const struct slim_cost *cost)
{
    bool over = program->budget && cost->memory > program->budget;

    return over ? program->budget : cost->memory;
}

bool slim_plan_shows(const struct slim_op *op)
{
    return !op->stage->hidden;
}

struct slim_totals slim_plan_totals(const struct slim_program *program)
{
    struct slim_totals totals = { 0 };

    for (const struct slim_op *op = program->first; op; op = op->next) {
        bool hit = slim_op_hit(op);
        totals.asked = totals.asked || op->cached;
        if (!op->stage->hidden && op->cached)
            ++*(hit ? &totals.hits : &totals.runs);
        totals.saved += op->spent;
        if (hit)
            continue;
        totals.seconds += slim_plan_seconds(program, op);
        totals.disk += op->cost.disk;
        uint64_t memory = slim_plan_memory(program, &op->cost);
        if (memory > totals.memory)
            totals.memory = memory;
    }
    totals.before = slim_shape_params(program->model->shape);
    totals.after = slim_shape_params(program->last ? program->last->after
                                                   : program->model->shape);
    return totals;
}

static const char *change(struct slim_arena *arena, uint64_t after,
                          uint64_t before)
{
    double percent = 100.0 * ((double)after / (double)before - 1.0);

    return slim_arena_printf(arena, "%+.2f%%", percent);
}

/* "bf16": as recipes write it. */
static const char *dtype_text(struct slim_arena *arena, enum slim_dtype dtype)
{
    char *text = slim_arena_strdup(arena, slim_dtype_name(dtype));

    for (char *at = text; *at; at++)
        if (*at >= 'A' && *at <= 'Z')
            *at = (char)(*at - 'A' + 'a');
    return text;
}

static void print_head(const struct slim_program *program,
                       struct slim_arena *arena, FILE *out)
{
    const struct slim_model_info *model = program->model;
    const struct slim_arch *arch = model->arch;

    fprintf(out, "recipe %s   model %s %s %zux%zu %s %s %s\n",
            program->source->name, model->name, arch->family, arch->layers,
            model->shape->sites[0],
            slim_text_count(arena, slim_shape_params(model->shape)),
            dtype_text(arena, arch->dtype),
            slim_text_bytes(arena, slim_shape_bytes(model->shape)));
}

static void print_data(const struct slim_program *program, FILE *out)
{
    const char *lead = "data   ";

    for (const struct slim_op *op = program->first; op; op = op->next) {
        if ((op->stage->gives & SLIM_TYPE_TOKENS) == 0)
            continue;
        fputs(lead, out);
        if (op->label)
            fprintf(out, "%s = ", op->label);
        fputs(op->text, out);
        lead = " \xc2\xb7 ";
    }
    if (*lead != 'd')
        fputc('\n', out);
}

static void print_arithmetic(const struct slim_program *program,
                             struct slim_arena *arena, FILE *out)
{
    fprintf(out,
            "arithmetic is %s, %s to do %.0f GFLOP/s, model stored as %s\n",
            slim_compute_find(program->compute)->text,
            program->limit > 0.0 ? "measured" : "assumed",
            1e-9 * slim_plan_rate(program),
            dtype_text(arena, program->model->arch->dtype));
}

/* The part of a long result that fits a line: up to its last ", ". */
static size_t part_that_fits(const char *text)
{
    size_t length = strlen(text), best = 0;

    if (length <= RESULT_WIDTH)
        return length;
    for (size_t i = 1; i < length && (i <= RESULT_WIDTH || best == 0); i++)
        if (text[i] == ' ' && text[i - 1] == ',')
            best = i;
    return best ? best : length;
}

/* How wide the first two columns have to be; UTF-8 is not expected there. */
static void widths(const struct slim_program *program, int *stage, int *result)
{
    size_t longest = 5, widest = 11;

    for (const struct slim_op *op = program->first; op; op = op->next) {
        size_t text = slim_plan_shows(op) ? strlen(op->text) : 0;
        size_t resolved = op->resolved ? part_that_fits(op->resolved) : 0;
        if (text > longest && text <= STAGE_WIDTH)
            longest = text;
        if (resolved > widest && resolved <= RESULT_WIDTH)
            widest = resolved;
    }
    *stage = (int)longest;
    *result = (int)widest;
}

static const char *params_text(const struct slim_op *op,
                               struct slim_arena *arena)
{
    uint64_t before = slim_shape_params(op->before);
    uint64_t after = slim_shape_params(op->after);

    if (before == after)
        return slim_text_count(arena, after);
    return slim_arena_printf(arena, "%s%s %s", op->estimated ? "~" : "",
                             slim_text_count(arena, after),
                             change(arena, after, before));
}

/* What did not fit stands in the same column below. */
static void print_rest(const char *rest, int stage, FILE *out)
{
    while (*rest) {
        rest += *rest == ' ';
        size_t part = part_that_fits(rest);
        fprintf(out, "   %-*s  %.*s\n", stage, "", (int)part, rest);
        rest += part;
    }
}

/* The column is there only where a store was asked. */
static const char *cache_column(const struct slim_op *op, bool asked)
{
    if (!asked)
        return "";
    return !op->cached ? "-      " : slim_op_hit(op) ? "hit    " : "run    ";
}

static void print_op(const struct slim_program *program,
                     const struct slim_op *op, size_t number, int stage,
                     int result, bool asked, struct slim_arena *arena,
                     FILE *out)
{
    double ahead = slim_op_hit(op) ? 0.0 : slim_plan_seconds(program, op);
    const char *seconds =
        ahead > 0.0
            ? slim_arena_printf(arena, "~%s", slim_text_seconds(arena, ahead))
            : "-";
    const char *memory =
        op->cost.memory
            ? slim_text_bytes(arena, slim_plan_memory(program, &op->cost))
            : "-";

    const char *resolved = op->resolved ? op->resolved : "";
    size_t part = part_that_fits(resolved);
    /* a statement too long for the column has a line of its own */
    bool long_text = strlen(op->text) > (size_t)stage;
    if (long_text)
        fprintf(out, "%2zu %s\n", number, op->text);
    else
        fprintf(out, "%2zu %-*s", number, stage, op->text);
    fprintf(out, "%-*s  %-*.*s  %-16s  %s%-8s  %s\n", long_text ? stage + 3 : 0,
            "", result, (int)part, resolved, params_text(op, arena),
            cache_column(op, asked), seconds, memory);
    print_rest(resolved + part, stage, out);
}

/* "streams  5 layers found, 3 kept; all are 12 MiB against ~0.4s" */
static void print_streams(const struct slim_stream_plan *plan,
                          struct slim_arena *arena, FILE *out)
{
    const char *lead = "     streams  ";

    if (!plan)
        return;
    if (plan->found)
        fprintf(out, "%s%zu layers found", lead, plan->found);
    if (plan->kept)
        fprintf(out, "%s%zu %skept", plan->found ? ", " : lead, plan->kept,
                plan->found ? "" : "layers ");
    if (plan->computed)
        fprintf(out, "%s%zu layers computed and not kept: %s", lead,
                plan->computed, plan->why);
    size_t all = plan->found + plan->kept + plan->computed;
    fprintf(out, "; all are %s against ~%s\n",
            slim_text_bytes(arena, plan->bytes * all),
            slim_text_seconds(arena, plan->seconds * (double)all));
}

static void print_table(const struct slim_program *program, bool verbose,
                        struct slim_arena *arena, FILE *out)
{
    int stage = 0, result = 0;
    size_t number = 0;
    bool asked = slim_plan_totals(program).asked;

    widths(program, &stage, &result);
    fprintf(out, "\n # %-*s  %-*s  %-16s  %s%-8s  %s\n", stage, "stage", result,
            "resolves to", "params", asked ? "cache  " : "", "time",
            "peak memory");
    for (const struct slim_op *op = program->first; op; op = op->next) {
        if (!slim_plan_shows(op))
            continue;
        print_op(program, op, ++number, stage, result, asked, arena, out);
        if (verbose && !slim_shape_equal(op->before, op->after))
            slim_plan_shape(op->after, "     ", out);
        if (verbose)
            print_streams(op->streams, arena, out);
    }
}

static void print_work(const struct slim_totals *totals,
                       struct slim_arena *arena, FILE *out)
{
    if (totals->runs == 0)
        fputs("plan   nothing to do: all is kept", out);
    else
        fprintf(out, "plan   %zu to run, %zu kept", totals->runs, totals->hits);
    if (totals->hits > 0)
        fprintf(out, "; it took %s", slim_text_seconds(arena, totals->saved));
    fputc('\n', out);
}

static void print_totals(const struct slim_program *program,
                         struct slim_arena *arena, FILE *out)
{
    struct slim_totals totals = slim_plan_totals(program);

    fprintf(out, "\ntotal  %s parameters",
            slim_text_grouped(arena, totals.after));
    if (totals.after != totals.before)
        fprintf(out, " (%s of %s)", change(arena, totals.after, totals.before),
                slim_text_grouped(arena, totals.before));
    if (totals.seconds > 0.0)
        fprintf(out, ", ~%s", slim_text_seconds(arena, totals.seconds));
    if (totals.memory)
        fprintf(out, ", peak memory %s", slim_text_bytes(arena, totals.memory));
    if (totals.disk)
        fprintf(out, ", disk +%s", slim_text_bytes(arena, totals.disk));
    fputc('\n', out);
    if (totals.asked)
        print_work(&totals, arena, out);
}

static void print_one(const struct slim_program *program, bool verbose,
                      struct slim_arena *arena, FILE *out)
{
    print_table(program, verbose, arena, out);
    print_totals(program, arena, out);
}

/* Of a sweep, the stages of each point are for who asks for more. */
void slim_plan_print(const struct slim_program *program, bool verbose,
                     FILE *out)
{
    struct slim_arena *arena = slim_arena_open();
    bool sweep = program->next != NULL;

    print_head(program, arena, out);
    print_data(program, out);
    print_arithmetic(program, arena, out);
    if (verbose)
        slim_plan_groups(program->model->shape, arena, out);
    if (sweep)
        slim_plan_sweep(program, out);
    else
        print_one(program, verbose, arena, out);
    for (const struct slim_program *p = program; sweep && verbose && p;
         p = p->next) {
        fprintf(out, "\npoint %s\n", p->point->name);
        print_one(p, verbose, arena, out);
    }
    slim_arena_close(arena);
}
