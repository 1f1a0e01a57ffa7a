/* plan_json.c - the plan as JSON, one object a line */
#include "compiler/plan.h"

#include "base/text.h"

#include <jansson.h>

void slim_plan_put(json_t *object, FILE *out)
{
    json_dumpf(object, out, JSON_COMPACT);
    fputc('\n', out);
    json_decref(object);
}

static json_int_t integer(uint64_t value)
{
    return (json_int_t)value;
}

static json_t *text_or_null(const char *text)
{
    return text ? json_string(text) : json_null();
}

static json_t *streams_json(const struct slim_stream_plan *plan)
{
    return json_pack("{s:I,s:I,s:I,s:I,s:f,s:o}", "found", integer(plan->found),
                     "kept", integer(plan->kept), "computed",
                     integer(plan->computed), "bytes", integer(plan->bytes),
                     "seconds", plan->seconds, "why", text_or_null(plan->why));
}

static void put_op(const struct slim_program *program, const struct slim_op *op,
                   FILE *out)
{
    size_t line = 0, column = 0;

    slim_span_place(op->span, &line, &column);
    json_t *object = json_pack(
        "{s:i,s:s,s:i,s:s,s:s,s:o,s:o,s:b,s:I,s:I,s:b,s:f,s:I,s:I,s:I,s:I}",
        "v", 1, "event", "stage", "id", (int)op->id, "stage", op->stage->name,
        "text", op->text, "method", text_or_null(op->method), "resolved",
        text_or_null(op->resolved), "implied", (int)op->implied,
        "params_before", integer(slim_shape_params(op->before)), "params",
        integer(slim_shape_params(op->after)), "estimated", (int)op->estimated,
        "seconds", slim_plan_seconds(program, op), "memory",
        integer(slim_plan_memory(program, &op->cost)), "least",
        integer(op->cost.least), "disk", integer(op->cost.disk), "line",
        integer(line));
    if (op->cached)
        json_object_set_new(object, "cache", json_string(op->cached));
    if (op->pace > 0.0)
        json_object_set_new(object, "seconds_from", json_string("stages"));
    if (!slim_shape_equal(op->before, op->after))
        json_object_set_new(object, "sizes", slim_shape_sizes(op->after));
    if (op->streams)
        json_object_set_new(object, "streams", streams_json(op->streams));
    slim_plan_put(object, out);
}

static void put_tally(const struct slim_program *programs, FILE *out)
{
    struct slim_arena *arena = slim_arena_open();
    json_t *runs = json_object(), *kept = json_object();

    for (const struct slim_tally *t = slim_sweep_tally(programs, arena);
         t->stage; t++) {
        json_object_set_new(runs, t->stage->name,
                            json_integer(integer(t->runs)));
        json_object_set_new(kept, t->stage->name,
                            json_integer(integer(t->kept)));
    }
    /* nothing is said of a store that was not asked */
    if (!slim_plan_totals(programs).asked) {
        json_decref(kept);
        kept = NULL;
    }
    slim_plan_put(json_pack("{s:i,s:s,s:I,s:o,s:o*}", "v", 1, "event", "sweep",
                            "points", integer(programs->point->sweep->count),
                            "distinct", runs, "kept", kept),
                  out);
    slim_arena_close(arena);
}

static void put_point(const struct slim_program *program, FILE *out)
{
    const struct slim_point *point = program->point;
    json_t *values = json_object();

    for (size_t i = 0; i < point->sweep->axis_count; i++)
        json_object_set_new(values, point->sweep->axes[i],
                            json_string(point->values[i]));
    slim_plan_put(
        json_pack(
            "{s:i,s:s,s:s,s:o,s:o}", "v", 1, "event", "point", "point",
            point->name, "values", values, "unmet",
            text_or_null(program->unmet ? program->unmet->message : NULL)),
        out);
}

static void put_program(const struct slim_program *program, FILE *out)
{
    struct slim_totals totals = slim_plan_totals(program);

    if (program->point)
        put_point(program, out);
    for (const struct slim_op *op = program->first; op; op = op->next)
        if (slim_plan_shows(op))
            put_op(program, op, out);
        else if ((op->stage->gives & SLIM_TYPE_TOKENS) != 0)
            slim_plan_put(json_pack("{s:i,s:s,s:i,s:s,s:o}", "v", 1, "event",
                                    "data", "id", (int)op->id, "text", op->text,
                                    "name", text_or_null(op->label)),
                          out);
    slim_plan_put(json_pack("{s:i,s:s,s:I,s:I,s:f,s:f,s:I,s:I}", "v", 1,
                            "event", "total", "params", integer(totals.after),
                            "params_before", integer(totals.before), "seconds",
                            totals.seconds, "saved_seconds", totals.saved,
                            "memory", integer(totals.memory), "disk",
                            integer(totals.disk)),
                  out);
}

void slim_plan_print_json(const struct slim_program *program, FILE *out)
{
    const struct slim_model_info *model = program->model;
    struct slim_totals totals = slim_plan_totals(program);

    slim_plan_put(
        json_pack("{s:i,s:s,s:s,s:s,s:s,s:I,s:I,s:s,s:s,s:f,s:b}", "v", 1,
                  "event", "plan", "recipe", program->source->name, "model",
                  model->name, "family", model->arch->family, "layers",
                  integer(model->arch->layers), "params",
                  integer(totals.before), "dtype",
                  slim_dtype_name(model->arch->dtype), "compute",
                  program->compute, "flops_per_second", slim_plan_rate(program),
                  "measured", program->limit > 0.0),
        out);
    if (program->next)
        put_tally(program, out);
    for (; program; program = program->next)
        put_program(program, out);
}
