/* pass_effects.c - which result feeds which stage, and what has gone stale */
#include "compiler/compilation.h"

#include "base/file.h"
#include "base/text.h"

#include <string.h>

/* What is current after the operations so far. */
struct state {
    struct slim_compilation *c;
    const struct slim_op *current[SLIM_TYPES]; /* NULL: never made, or stale */
    const struct slim_op *made[SLIM_TYPES]; /* the last maker, stale or not */
    const struct slim_op *spoiler[SLIM_TYPES]; /* what made it stale */
    enum slim_status status;
};

static enum slim_type type_of(int index)
{
    return (enum slim_type)(1 << index);
}

/* Tokens and metrics are bound where the clause is read. */
static bool is_bound_here(enum slim_type type)
{
    return type != SLIM_TYPE_TOKENS && type != SLIM_TYPE_METRIC;
}

static const char *default_method(const struct slim_stage *stage)
{
    if (stage->method_default || !stage->methods)
        return stage->method_default;
    return stage->methods[0].name;
}

/* The first stage that makes a type, and by which of its methods. */
static const struct slim_stage *maker_of(const char **method,
                                         const struct slim_compilation *c,
                                         enum slim_type type)
{
    const struct slim_stage *const *stages = c->host->stages;

    for (; *stages; stages++) {
        const struct slim_method *m = (*stages)->methods;
        *method = default_method(*stages);
        if (!(*stages)->hidden && ((*stages)->gives & (unsigned)type) != 0)
            return *stages;
        for (; m && m->name; m++)
            if ((m->gives & (unsigned)type) != 0) {
                *method = m->name;
                return *stages;
            }
    }
    return NULL;
}

static const char *line_of(struct slim_arena *arena, struct slim_span span,
                           const struct slim_source *here)
{
    size_t line = 0, column = 0;

    slim_span_place(span, &line, &column);
    if (span.source == here)
        return slim_arena_printf(arena, "line %zu", line);
    return slim_arena_printf(arena, "%s:%zu",
                             span.source ? span.source->name : "?", line);
}

static void insert_before(struct state *s, struct slim_error *error,
                          const struct slim_op *op, const char *text)
{
    struct slim_span at = op->span;

    at.end = at.begin;
    slim_error_label(s->c->diag, error, "insert '%s; ' before it", text);
    slim_error_fix(s->c->diag, error, at, "%s; ", text);
}

static bool is_plural(const char *name)
{
    return name[strlen(name) - 1] == 's';
}

static void report_stale(struct state *s, const struct slim_draft *draft,
                         int index)
{
    const struct slim_op *op = &draft->op, *spoiler = s->spoiler[index];
    const struct slim_op *made = s->made[index];
    const char *name = slim_type_name(type_of(index));
    bool plural = is_plural(name);
    struct slim_span verb = draft->stmt ? draft->stmt->verb->span : op->span;

    struct slim_error *error = slim_error(
        s->c->diag, "E121", verb, "%s %s stale: %s changed the weights %s",
        name, plural ? "are" : "is",
        line_of(s->c->arena, spoiler->span, op->span.source),
        plural ? "they describe" : "it describes");
    slim_error_note(s->c->diag, error, made->span, "%s made here", name);
    slim_error_note(s->c->diag, error, spoiler->span, "weights changed here");
    insert_before(s, error, op, made->text);
}

static void report_missing(struct state *s, const struct slim_draft *draft,
                           int index)
{
    enum slim_type type = type_of(index);
    const char *method = NULL;
    const struct slim_stage *maker = maker_of(&method, s->c, type);
    struct slim_span verb =
        draft->stmt ? draft->stmt->verb->span : draft->op.span;
    const char *name = slim_type_name(type);

    struct slim_error *error = slim_error(
        s->c->diag, "E122", verb,
        "'%s' needs %s%s, and no stage before it makes %s",
        slim_stage_title(s->c->arena, draft->op.stage, draft->op.method),
        is_plural(name) ? ""
        : *name == 'a'  ? "an "
                        : "a ",
        name, is_plural(name) ? "them" : "one");
    if (!maker)
        return;
    const char *text = slim_stage_title(s->c->arena, maker, method);
    insert_before(s, error, &draft->op, text);
}

static void bind(struct state *s, struct slim_draft *draft);

static void append(struct state *s, struct slim_draft *draft)
{
    struct slim_op *op = &draft->op;

    bind(s, draft);
    slim_program_append(s->c->program, op);
    for (int i = 0; i < SLIM_TYPES; i++) {
        unsigned type = (unsigned)type_of(i);
        if ((op->stage->invalidates & type) != 0 && s->current[i]) {
            s->current[i] = NULL;
            s->spoiler[i] = op;
        }
        if ((slim_op_gives(op) & type) != 0)
            s->current[i] = s->made[i] = op;
    }
}

static void imply(struct state *s, const struct slim_draft *user, int index)
{
    const char *method = NULL;
    const struct slim_stage *maker = maker_of(&method, s->c, type_of(index));

    if (!maker)
        return;
    struct slim_draft *draft =
        slim_draft_new(s->c, maker, method, user->op.span);
    draft->op.implied = true;
    append(s, draft);
}

static void bind(struct state *s, struct slim_draft *draft)
{
    const struct slim_stage *stage = draft->op.stage;

    for (int i = 0; i < SLIM_TYPES; i++) {
        unsigned type = (unsigned)type_of(i);
        if ((slim_op_needs(&draft->op) & type) == 0 ||
            !is_bound_here(type_of(i)))
            continue;
        if (!s->current[i] && (stage->implied & type) != 0)
            imply(s, draft, i);
        if (s->current[i]) {
            slim_op_add_input(&draft->op, s->current[i], type_of(i));
            continue;
        }
        if (s->made[i])
            report_stale(s, draft, i);
        else
            report_missing(s, draft, i);
        draft->broken = true;
        s->status = SLIM_FAILED;
    }
}

static bool reads(const struct slim_formula *formula, const struct slim_op *op)
{
    if (!formula)
        return false;
    if (formula->op == 0)
        return formula->measure == op;
    return reads(formula->left, op) || reads(formula->right, op);
}

static bool is_read(const struct slim_op *op)
{
    for (const struct slim_op *later = op->next; later; later = later->next) {
        for (size_t i = 0; i < later->input_count; i++)
            if (later->inputs[i].op == op)
                return true;
        if (reads(later->formula, op))
            return true;
    }
    return false;
}

/* Groups are implied wherever they are wanted and cost nothing; a metric is
 * there to be printed. */
static void report_unused(struct state *s)
{
    unsigned judged = SLIM_TYPE_MODEL | SLIM_TYPE_SCORES | SLIM_TYPE_ROTATION |
                      SLIM_TYPE_ADAPTER;

    for (struct slim_op *op = s->c->program->first; op; op = op->next) {
        unsigned gives = slim_op_gives(op) & judged;
        if (gives == 0 || op->stage->hidden || is_read(op))
            continue;
        s->status = SLIM_FAILED;
        if ((gives & SLIM_TYPE_MODEL) == 0) {
            (void)slim_fail(s->c->diag, "E130", op->span,
                            "no stage reads the %s that this one makes",
                            slim_type_name((enum slim_type)gives));
            continue;
        }
        struct slim_error *error = slim_error(
            s->c->diag, "E130", op->span,
            "nothing saves or measures the model that this stage makes");
        slim_error_hint(s->c->diag, error,
                        "Put the 'save' after the last stage.");
    }
}

static void imply_save(struct slim_compilation *c)
{
    const struct slim_stage *save = slim_stage_find(c->host->stages, "save");
    const struct slim_point *point = c->program->point;
    bool changes = false;
    struct slim_span at = { 0 };

    /* of many points, those are saved for which the recipe says so */
    if (point && point->sweep->count > 1 && !c->kept)
        return;
    for (const struct slim_op *op = c->program->first; op; op = op->next) {
        if (op->stage == save)
            return;
        changes = changes || (!op->stage->hidden &&
                              (op->stage->gives & SLIM_TYPE_MODEL) != 0);
        if (!op->stage->hidden)
            at = op->span;
    }
    if (!changes || !save)
        return;
    struct slim_draft *draft = slim_draft_new(c, save, "hf", at);
    struct slim_text text = { 0 };
    slim_default_path(c, draft);
    slim_text_printf(&text, "%s ", draft->op.text);
    slim_text_quote(&text, slim_output_name(c, draft->op.method));
    draft->op.text = slim_arena_strdup(c->arena, text.data);
    draft->op.implied = true;
    slim_text_free(&text);
    slim_program_append(c->program, &draft->op);
}

static enum slim_status report_empty(struct slim_compilation *c)
{
    struct slim_span at = { .source = c->program->source };

    for (const struct slim_op *op = c->program->first; op; op = op->next)
        if (!op->stage->hidden)
            return SLIM_OK;
    return slim_fail(c->diag, "E131", at,
                     "this recipe does nothing: it has no stage");
}

enum slim_status slim_pass_effects(struct slim_compilation *c)
{
    struct state s = { .c = c, .status = report_empty(c) };
    struct slim_op *next;

    imply_save(c);
    struct slim_op *first = c->program->first;
    c->program->first = c->program->last = NULL;
    c->program->count = 0;
    for (struct slim_op *op = first; op; op = next) {
        next = op->next;
        append(&s, slim_draft_of(op));
    }
    report_unused(&s);
    return s.status;
}
