/* causes.c - what decides the result of an operation, by name */
#include "runtime/store/causes.h"

#include "compiler/ir/param.h"
#include "runtime/store/memo.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void add(struct slim_causes *causes, const char *name, const char *value)
{
    if (causes->count == causes->capacity) {
        size_t room = causes->capacity ? 2 * causes->capacity : 16;
        struct slim_cause *more =
            SLIM_NEW_ARRAY(causes->arena, room, struct slim_cause);
        if (causes->count)
            memcpy(more, causes->items, causes->count * sizeof(*more));
        causes->items = more;
        causes->capacity = room;
    }
    causes->items[causes->count++] = (struct slim_cause){ name, value };
}

void slim_causes_add(struct slim_causes *causes, const char *name,
                     const char *format, ...)
{
    char *text = NULL;
    va_list args;

    va_start(args, format);
    if (vasprintf(&text, format, args) < 0)
        slim_out_of_memory("a key of the store");
    va_end(args);
    add(causes, name, slim_arena_strdup(causes->arena, text));
    free(text);
}

void slim_causes_digest(struct slim_causes *causes, const char *name,
                        const struct slim_digest *digest)
{
    char hex[65];

    slim_digest_hex(hex, digest);
    add(causes, name, slim_arena_strdup(causes->arena, hex));
}

bool slim_causes_file(struct slim_causes *causes, const char *name,
                      struct slim_run *run, const char *path)
{
    struct slim_digest digest;

    if (!slim_file_digest(&digest, run->store, path, run->hashing))
        return false;
    slim_causes_digest(causes, name, &digest);
    return true;
}

static void add_text(struct slim_causes *causes, const char *name,
                     struct slim_text *text)
{
    if (text->length > 0)
        add(causes, name, slim_arena_strdup(causes->arena, text->data));
    slim_text_free(text);
}

void slim_causes_written(struct slim_causes *causes, const struct slim_op *op)
{
    struct slim_text amount = { 0 }, where = { 0 };

    slim_op_print_amount(&amount, op);
    slim_op_print_where(&where, op);
    add_text(causes, "amount", &amount);
    add_text(causes, "scope", &where);
}

void slim_causes_shape(struct slim_causes *causes, const char *name,
                       const struct slim_shape *shape)
{
    struct slim_text text = { 0 };

    slim_shape_print(&text, shape);
    if (shape->eps > 0.0)
        slim_text_printf(&text, " eps=%.17g", shape->eps);
    add_text(causes, name, &text);
}

static void add_args(struct slim_causes *causes, const struct slim_op *op)
{
    const struct slim_param *p = op->stage->params;

    for (; p && p->name; p++) {
        struct slim_text value = { 0 };

        if (slim_param_applies(p, op->method) &&
            slim_param_kept(op->stage, p, op->method) &&
            slim_param_print(&value, p, op->args))
            add_text(causes, p->name, &value);
        slim_text_free(&value);
    }
}

static bool add_inputs(struct slim_causes *causes, struct slim_run *run,
                       const struct slim_op *op)
{
    for (size_t i = 0; i < op->input_count; i++) {
        struct slim_digest digest;
        bool given;

        if (!slim_memo_identity(&digest, &given, run, op, &op->inputs[i]))
            return false;
        if (given)
            slim_causes_digest(causes, slim_type_name(op->inputs[i].type),
                               &digest);
    }
    return true;
}

bool slim_causes_find(struct slim_causes *causes, struct slim_run *run,
                      const struct slim_op *op)
{
    const struct slim_stage *stage = op->stage;

    slim_causes_add(causes, "stage", "%s %u", stage->name, stage->version);
    if (op->method)
        slim_causes_add(causes, "method", "%s", op->method);
    add_args(causes, op);
    if (!stage->keep.causes)
        slim_causes_written(causes, op);
    else if (!stage->keep.causes(causes, run, op))
        return false;
    if (stage->keep.how != SLIM_KEEP_SOURCE)
        slim_causes_add(causes, "arithmetic", "%s %s", run->program->compute,
                        slim_numerics(run->kernels));
    return add_inputs(causes, run, op);
}
