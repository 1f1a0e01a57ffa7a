/* read.c - a listing back to the program that was printed */
#include "compiler/ir/reader.h"

#include "base/text.h"

#include <stdlib.h>
#include <string.h>

/* An operation with what stands behind its text, and is only compared. */
struct line {
    struct slim_op op;
    struct slim_span rest;
    unsigned long fused;
    bool is_fused;
};

static enum slim_status read_method(struct slim_op *op, struct slim_reader *r)
{
    if (!op->stage->methods)
        return SLIM_OK;
    const struct slim_method *method =
        r->word ? slim_method_find(op->stage, r->word) : NULL;
    if (!method)
        return slim_reader_fail(r, "a method of this stage");
    op->method = method->name;
    slim_reader_next(r);
    return SLIM_OK;
}

/* What the listing leaves out was not given, whatever the default is. */
static enum slim_status read_args(struct slim_op *op, struct slim_reader *r)
{
    op->args = slim_arena_alloc(r->diag->arena, op->stage->args_size);
    while (r->word && strchr(r->word, '=') && *r->word != '"') {
        char *name = slim_arena_strdup(r->diag->arena, r->word);
        char *equal = strchr(name, '=');
        *equal = '\0';
        const struct slim_param *p = slim_param_find(op->stage, name);
        if (!p || !slim_param_applies(p, op->method) ||
            !slim_param_kept(op->stage, p, op->method))
            return slim_reader_fail(r, "an argument of this stage");
        if (!slim_param_parse(op->args, p, equal + 1, r->diag->arena))
            return slim_reader_fail(r, "a value that the argument takes");
        slim_reader_next(r);
    }
    for (const struct slim_param *p = op->stage->params; p && p->name; p++)
        if (p->always && slim_param_applies(p, op->method) &&
            !slim_param_in_range(p, op->args))
            return slim_reader_fail(
                r, slim_arena_printf(r->diag->arena, "argument '%s'", p->name));
    return SLIM_OK;
}

static bool find_type(enum slim_type *out, const char *name)
{
    for (int i = 0; i < SLIM_TYPES; i++) {
        enum slim_type type = (enum slim_type)(1 << i);
        if (strcmp(slim_type_name(type), name) == 0) {
            *out = type;
            return true;
        }
    }
    return false;
}

static enum slim_status read_inputs(struct slim_op *op, struct slim_reader *r)
{
    if (!slim_reader_take(r, "<-"))
        return SLIM_OK;
    do {
        struct slim_input *input = &op->inputs[op->input_count];
        const char *type = NULL;
        if (op->input_count == SLIM_OP_INPUTS)
            return slim_reader_fail(r, "no more inputs");
        if (slim_reader_op(&input->op, r, &type) != SLIM_OK)
            return SLIM_FAILED;
        if (!find_type(&input->type, type))
            return slim_fail(r->diag, "F504", op->span,
                             "'%s' is no type of input", type);
        op->input_count++;
    } while (r->word && *r->word == '%');
    return SLIM_OK;
}

/* `fused %7` may name an operation that is still to come. */
static enum slim_status read_fused(struct line *line, struct slim_reader *r)
{
    char *end = NULL;

    if (!slim_reader_take(r, "fused"))
        return SLIM_OK;
    if (!r->word || *r->word != '%' || r->word[1] < '0' || r->word[1] > '9')
        return slim_reader_fail(r, "an operation such as %0");
    line->is_fused = true;
    line->fused = strtoul(r->word + 1, &end, 10);
    if (*end != '\0')
        return slim_reader_fail(r, "an operation such as %0");
    slim_reader_next(r);
    return SLIM_OK;
}

static enum slim_status join_fused(struct slim_reader *r)
{
    for (struct slim_op *op = r->program->first; op; op = op->next) {
        const struct line *line = (const struct line *)op;
        if (!line->is_fused)
            continue;
        for (struct slim_op *other = r->program->first; other;
             other = other->next)
            if (other->id == line->fused)
                op->fused = other;
        if (!op->fused)
            return slim_fail(r->diag, "F502", op->span,
                             "there is no operation '%%%lu'", line->fused);
    }
    return SLIM_OK;
}

static enum slim_status read_text(struct slim_op *op, struct slim_reader *r)
{
    char *text = NULL;

    if (!slim_reader_take(r, "text"))
        return slim_reader_fail(r, "'text'");
    if (r->word && *r->word == '"')
        text = slim_text_unquote(r->diag->arena, r->word);
    if (!text)
        return slim_reader_fail(r, "a string");
    op->text = text;
    slim_reader_next(r);
    return SLIM_OK;
}

static enum slim_status read_names(struct slim_op *op, struct slim_reader *r)
{
    if (slim_reader_take(r, "as")) {
        if (!r->word)
            return slim_reader_fail(r, "a label");
        op->label = r->word;
        slim_reader_next(r);
    }
    op->implied = slim_reader_take(r, "implied");
    return SLIM_OK;
}

static enum slim_status read_clauses(struct line *line, struct slim_reader *r)
{
    struct slim_op *op = &line->op;

    if (read_method(op, r) != SLIM_OK || slim_read_amount(op, r) != SLIM_OK ||
        slim_read_where(op, r) != SLIM_OK || read_args(op, r) != SLIM_OK ||
        read_names(op, r) != SLIM_OK || read_fused(line, r) != SLIM_OK ||
        read_inputs(op, r) != SLIM_OK)
        return SLIM_FAILED;
    if (slim_reader_take(r, "when") &&
        slim_read_formula(&op->formula, r) != SLIM_OK)
        return SLIM_FAILED;
    return read_text(op, r);
}

static enum slim_status read_op(struct slim_reader *r)
{
    struct line *line = SLIM_NEW(r->diag->arena, struct line);
    struct slim_program *program = r->program;
    const char *number =
        slim_arena_printf(r->diag->arena, "%%%u", program->count);

    line->op.span = (struct slim_span){ r->source, r->span.begin, r->end };
    if (program->count >= SLIM_OPS_MAX)
        return slim_fail(r->diag, "F511", line->op.span,
                         "a program has at most %u operations", SLIM_OPS_MAX);
    if (!slim_reader_take(r, number))
        return slim_reader_fail(r, number);
    line->op.stage = r->word ? slim_stage_find(r->stages, r->word) : NULL;
    if (!line->op.stage)
        return slim_reader_fail(r, "a stage");
    slim_reader_next(r);
    if (read_clauses(line, r) != SLIM_OK)
        return SLIM_FAILED;
    /* the word after the text is read already, with the space before it */
    size_t rest = r->word ? r->span.begin - 1 : r->end;
    line->rest = (struct slim_span){ r->source, rest, r->end };
    line->op.id = program->count++;
    if (program->last)
        program->last->next = &line->op;
    else
        program->first = &line->op;
    program->last = &line->op;
    return SLIM_OK;
}

static enum slim_status compare(const struct line *line, struct slim_reader *r)
{
    struct slim_text text = { 0 };
    size_t length = line->rest.end - line->rest.begin;

    slim_op_print_resolved(&text, &line->op);
    bool same =
        text.length == length &&
        (length == 0 ||
         memcmp(text.data, r->source->text + line->rest.begin, length) == 0);
    slim_text_free(&text);
    if (same)
        return SLIM_OK;
    return slim_fail(r->diag, "F505", line->rest, "%s",
                     r->program->model
                         ? "this is not what the operation comes "
                           "to on this model"
                         : "sizes mean nothing without the model");
}

/* Resolves as the compiler did, and compares with what stands there. */
static enum slim_status resolve(struct slim_reader *r)
{
    const struct slim_model_info *model = r->program->model;
    const struct slim_shape *shape = model ? model->shape : NULL;

    for (struct slim_op *op = r->program->first; op; op = op->next) {
        op->before = shape;
        if (model && op->stage->scope)
            slim_where_fill(&op->where, model->arch->layers, r->diag->arena);
        if (model && op->stage->resolve &&
            op->stage->resolve(op, r->diag) != SLIM_OK)
            return SLIM_FAILED;
        if (!op->after)
            op->after = op->before;
        shape = op->after;
        if (compare((const struct line *)op, r) != SLIM_OK)
            return SLIM_FAILED;
    }
    return SLIM_OK;
}

static enum slim_status read_compute(struct slim_reader *r)
{
    const struct slim_compute *compute = NULL;

    if (slim_reader_take(r, "compute") && r->word)
        compute = slim_compute_find(r->word);
    if (!compute)
        return slim_reader_fail(r, "'compute f32'");
    r->program->compute = compute->name;
    slim_reader_next(r);
    r->program->compute_given = !slim_reader_take(r, "default");
    return r->word ? slim_reader_fail(r, "the end of the line") : SLIM_OK;
}

/* The name is for people; family and sizes must be the model's. */
static enum slim_status read_model(struct slim_reader *r)
{
    const struct slim_model_info *model = r->program->model;
    struct slim_span line = { r->source, r->span.begin, r->end };
    struct slim_text want = { 0 };

    if (!model)
        return slim_fail(r->diag, "F506", line,
                         "this listing was made for a model: it has to be "
                         "named");
    slim_reader_next(r);
    if (!r->word || *r->word != '"')
        return slim_reader_fail(r, "the model's name");
    slim_text_printf(&want, " %s layers=%zu", model->arch->family,
                     model->arch->layers);
    slim_shape_print(&want, model->shape);
    bool same = want.length == r->end - r->at &&
                memcmp(want.data, r->source->text + r->at, want.length) == 0;
    slim_text_free(&want);
    return same ? SLIM_OK
                : slim_fail(r->diag, "F507", line,
                            "this listing was made for another model");
}

/* What a listing begins with; false: an operation stands here. */
static bool read_head(enum slim_status *status, struct slim_reader *r)
{
    bool model = r->word && strcmp(r->word, "model") == 0;
    bool point = r->word && strcmp(r->word, "point") == 0;
    bool unmet = r->word && strcmp(r->word, "unmet") == 0;

    if (r->head == 1 && point && !r->program->point)
        *status = slim_read_point(r);
    else if (r->head == 1 && unmet && r->program->point && !r->program->unmet)
        *status = slim_read_unmet(r);
    else if (r->head++ == 1)
        *status = read_compute(r);
    else if (r->head == 3 && model)
        *status = read_model(r);
    else if (r->head == 3 && r->program->model)
        *status = slim_reader_fail(r, "the line of the model");
    else
        return false;
    return true;
}

static enum slim_status check(struct slim_reader *r)
{
    for (struct slim_op *op = r->program->first; op; op = op->next)
        if (op->stage->check && op->stage->check(op, r->diag) != SLIM_OK)
            return SLIM_FAILED;
    return SLIM_OK;
}

/* A listing is whole; what a stage resolves may be trusted only if the program
 * is sound. */
static enum slim_status finish(struct slim_reader *r)
{
    if (r->head < 2)
        return slim_reader_fail(r, r->head ? "'compute f32'" : "'slim-ir 1'");
    return join_fused(r) == SLIM_OK &&
                   slim_program_verify(r->program, r->diag) == SLIM_OK &&
                   check(r) == SLIM_OK && resolve(r) == SLIM_OK
               ? SLIM_OK
               : SLIM_FAILED;
}

/* The next listing of several. */
static enum slim_status begin(struct slim_reader *r)
{
    struct slim_program *program =
        SLIM_NEW(r->diag->arena, struct slim_program);

    if (!slim_reader_take(r, "slim-ir") || !slim_reader_take(r, "1") || r->word)
        return slim_reader_fail(r, "'slim-ir 1'");
    program->source = r->source;
    program->model = r->model;
    if (r->program)
        r->program->next = program;
    r->program = program;
    r->head = 1;
    return SLIM_OK;
}

static enum slim_status read_line(struct slim_reader *r)
{
    enum slim_status status = SLIM_OK;

    if (!r->program)
        return begin(r);
    if (r->head > 1 && r->word && strcmp(r->word, "slim-ir") == 0)
        return finish(r) == SLIM_OK ? begin(r) : SLIM_FAILED;
    return read_head(&status, r) ? status : read_op(r);
}

/* Leads to the first program. */
static enum slim_status read_lines(struct slim_program **out,
                                   struct slim_reader *r)
{
    const struct slim_source *text = r->source;

    for (size_t at = 0; at < text->length;) {
        const char *stop = memchr(text->text + at, '\n', text->length - at);
        r->at = at;
        r->end = stop ? (size_t)(stop - text->text) : text->length;
        slim_reader_next(r);
        if (!stop)
            return slim_fail(r->diag, "F501", r->span,
                             "the last line has no end: the listing is torn");
        if (memchr(text->text + at, '\0', r->end - at))
            return slim_fail(r->diag, "F501", r->span,
                             "this line holds a NUL byte");
        if (read_line(r) != SLIM_OK)
            return SLIM_FAILED;
        *out = *out ? *out : r->program;
        at = r->end + 1;
    }
    return finish(r);
}

enum slim_status slim_program_read(struct slim_program **out,
                                   const struct slim_source *text,
                                   const struct slim_stage *const *stages,
                                   const struct slim_model_info *model,
                                   struct slim_diag *diag)
{
    struct slim_program *first = NULL;
    struct slim_reader r = {
        .source = text,
        .diag = diag,
        .model = model,
        .stages = stages,
    };

    r.span.source = text;
    if (read_lines(&first, &r) != SLIM_OK ||
        slim_check_points(first, diag) != SLIM_OK)
        return SLIM_FAILED;
    *out = first;
    return SLIM_OK;
}
