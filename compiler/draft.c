/* draft.c - making operations */
#include "compiler/compilation.h"

#include <assert.h>
#include <string.h>

struct slim_draft *slim_draft_new(struct slim_compilation *c,
                                  const struct slim_stage *stage,
                                  const char *method, struct slim_span span)
{
    struct slim_draft *draft = SLIM_NEW(c->arena, struct slim_draft);

    draft->op.stage = stage;
    draft->op.method = method;
    draft->op.args = slim_arena_alloc(c->arena, stage->args_size);
    draft->op.span = span;
    draft->op.text = slim_stage_title(c->arena, stage, method);
    slim_args_default(draft, c->arena);
    return draft;
}

void slim_args_default(struct slim_draft *draft, struct slim_arena *arena)
{
    const struct slim_stage *stage = draft->op.stage;

    for (const struct slim_param *p = stage->params; p && p->name; p++) {
        if (!p->initial || !slim_param_kept(stage, p, draft->op.method) ||
            !slim_param_applies(p, draft->op.method))
            continue;
        bool fits = slim_param_parse(draft->op.args, p, p->initial, arena);
        assert(fits && "the row's own default");
        (void)fits;
    }
}

void slim_program_append(struct slim_program *program, struct slim_op *op)
{
    op->id = program->count++;
    op->next = NULL;
    if (program->last)
        program->last->next = op;
    else
        program->first = op;
    program->last = op;
}

void slim_op_add_input(struct slim_op *op, const struct slim_op *from,
                       enum slim_type type)
{
    assert(op->input_count < SLIM_OP_INPUTS);
    op->inputs[op->input_count++] = (struct slim_input){ from, type };
}

/* The recipe's own name without .slim, beside it; what is not a whole model
 * goes beside that. */
const char *slim_output_name(const struct slim_compilation *c,
                             const char *method)
{
    const char *name = c->program->source->name;
    size_t length = strlen(name);
    bool whole = strcmp(method, "hf") == 0;

    if (length > 5 && strcmp(name + length - 5, ".slim") == 0)
        name = slim_arena_strndup(c->arena, name, length - 5);
    else
        name = slim_arena_printf(c->arena, "%s.out", name);
    return whole ? name : slim_arena_printf(c->arena, "%s.%s", name, method);
}

void slim_default_path(const struct slim_compilation *c,
                       struct slim_draft *draft)
{
    const struct slim_param *path = slim_param_find(draft->op.stage, "path");
    char *args = draft->op.args;

    if (path && draft->op.method)
        *(const char **)(void *)(args + path->offset) =
            slim_output_name(c, draft->op.method);
}
