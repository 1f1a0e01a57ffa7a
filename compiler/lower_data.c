/* lower_data.c - the sample of tokens that a stage reads */
#include "compiler/compilation.h"

#include "base/text.h"

#include <string.h>

static const struct slim_stage *sample_stage(const struct slim_compilation *c)
{
    return slim_stage_find(c->host->stages, "sample");
}

static struct slim_data_name *find(const struct slim_compilation *c,
                                   const char *name)
{
    for (struct slim_data_name *d = c->data; d; d = d->next)
        if (strcmp(d->stmt->name->text, name) == 0)
            return d;
    return NULL;
}

static enum slim_status unknown_set(struct slim_compilation *c,
                                    struct slim_span span, const char *set)
{
    struct slim_words names = { 0 };

    for (struct slim_data_name *d = c->data; d; d = d->next)
        slim_words_add(&names, c->arena, d->stmt->name->text);
    for (size_t i = 0; c->host->sets[i]; i++)
        slim_words_add(&names, c->arena, c->host->sets[i]);
    struct slim_error *error =
        slim_error(c->diag, "N006", span, "unknown data set '%s'", set);
    span.end = span.begin + strlen(set);
    slim_suggest(c->diag, error, span, set, &names);
    return SLIM_FAILED;
}

/* "wikitext2.test": the set and its split; a string names a file. */
static enum slim_status read_source(struct slim_sample *sample,
                                    struct slim_compilation *c,
                                    const struct slim_value *value)
{
    const char *dot = strchr(value->text, '.');

    if (value->kind == SLIM_VALUE_VAR)
        return SLIM_FAILED;
    if (value->kind == SLIM_VALUE_STRING) {
        sample->set = value->text;
        sample->file = true;
        return SLIM_OK;
    }
    if (value->kind != SLIM_VALUE_NAME)
        return slim_fail(c->diag, "A004", value->span,
                         "'%s' is neither a data set nor a quoted file name",
                         value->text);
    sample->set = value->text;
    if (dot) {
        sample->set = slim_arena_strndup(c->arena, value->text,
                                         (size_t)(dot - value->text));
        sample->split = dot + 1;
    }
    for (size_t i = 0; c->host->sets && c->host->sets[i]; i++)
        if (strcmp(c->host->sets[i], sample->set) == 0)
            return SLIM_OK;
    return c->host->sets ? unknown_set(c, value->span, sample->set) : SLIM_OK;
}

static struct slim_draft *sample_draft(struct slim_compilation *c,
                                       const struct slim_sample *sample,
                                       const char *label, struct slim_span span)
{
    struct slim_draft *draft = slim_draft_new(c, sample_stage(c), NULL, span);
    struct slim_text text = { 0 };

    *(struct slim_sample *)draft->op.args = *sample;
    slim_sample_print(&text, sample);
    draft->op.text = slim_arena_strdup(c->arena, text.data);
    draft->op.label = label;
    draft->op.implied = true;
    slim_text_free(&text);
    slim_program_append(c->program, &draft->op);
    return draft;
}

static enum slim_status define_arg(struct slim_sample *sample,
                                   struct slim_compilation *c,
                                   const struct slim_stmt *stmt,
                                   const struct slim_arg *arg)
{
    const struct slim_stage *stage = sample_stage(c);
    const struct slim_param *param = slim_param_find(stage, arg->name->text);
    struct slim_words names = { 0 };

    for (const struct slim_arg *a = stmt->args; a != arg; a = a->next)
        if (strcmp(a->name->text, arg->name->text) == 0)
            return slim_fail(c->diag, "A007", arg->name->span,
                             "'%s' is given twice", arg->name->text);
    if (param && param->sample)
        return slim_value_store(sample, param, arg->value, c->diag);
    for (const struct slim_param *p = stage->params; p->name; p++)
        if (p->sample)
            slim_words_add(&names, c->arena, p->name);
    struct slim_error *error =
        slim_error(c->diag, "N002", arg->name->span,
                   "'data' has no argument '%s'", arg->name->text);
    slim_suggest(c->diag, error, arg->name->span, arg->name->text, &names);
    return SLIM_FAILED;
}

static void row_defaults(struct slim_sample *sample, struct slim_compilation *c)
{
    const struct slim_stage *stage = sample_stage(c);

    for (const struct slim_param *p = stage->params; p && p->name; p++)
        if (p->initial)
            (void)slim_param_parse(sample, p, p->initial, c->arena);
}

/* A length that nobody wrote is not longer than the model was made for. */
static void cap_length(struct slim_sample *sample,
                       const struct slim_compilation *c)
{
    const struct slim_model_info *model = c->program->model;

    if (model && model->arch->context > 1 &&
        (size_t)sample->len > model->arch->context)
        sample->len = (long)model->arch->context;
}

enum slim_status slim_define_data(struct slim_compilation *c,
                                  struct slim_stmt *stmt)
{
    struct slim_data_name *before = find(c, stmt->name->text);
    struct slim_data_name *d = SLIM_NEW(c->arena, struct slim_data_name);

    if (before) {
        struct slim_error *error =
            slim_error(c->diag, "N009", stmt->name->span,
                       "'%s' is defined twice", stmt->name->text);
        slim_error_note(c->diag, error, before->stmt->name->span,
                        "first defined here");
        return SLIM_FAILED;
    }
    d->stmt = stmt;
    d->sample = SLIM_NEW(c->arena, struct slim_sample);
    row_defaults(d->sample, c);
    cap_length(d->sample, c);
    d->broken = read_source(d->sample, c, stmt->value) != SLIM_OK;
    for (const struct slim_arg *arg = stmt->args; arg; arg = arg->next)
        if (define_arg(d->sample, c, stmt, arg) != SLIM_OK)
            d->broken = true;
    d->next = c->data;
    c->data = d;
    return d->broken ? SLIM_FAILED : SLIM_OK;
}

/* "bookcorpus n=10 len=64" over what is there; the set may be absent. */
static void documented(struct slim_sample *sample, struct slim_compilation *c,
                       const char *text)
{
    const struct slim_stage *stage = sample_stage(c);

    while (text && *text) {
        size_t word = strcspn(text, " ");
        char *copy = slim_arena_strndup(c->arena, text, word);
        char *equal = strchr(copy, '=');
        char *dot = strchr(copy, '.');
        if (equal) {
            *equal = '\0';
            (void)slim_param_parse(sample, slim_param_find(stage, copy),
                                   equal + 1, c->arena);
        } else {
            if (dot)
                *dot = '\0';
            sample->set = copy;
            sample->split = dot ? dot + 1 : NULL;
        }
        text += word;
        text += strspn(text, " ");
    }
}

static enum slim_status explicit_args(struct slim_sample *sample,
                                      struct slim_lowering *l,
                                      const char *method)
{
    const struct slim_stage *stage = sample_stage(l->c);
    enum slim_status status = SLIM_OK;

    for (const struct slim_arg *arg = l->stmt->args; arg; arg = arg->next) {
        const struct slim_param *own =
            slim_param_find(l->stage, arg->name->text);
        const struct slim_param *row = slim_param_find(stage, arg->name->text);
        if (!own || !own->sample || !row || !slim_param_applies(own, method))
            continue;
        /* the stage's own range, at the place where a sample keeps it */
        struct slim_param param = *own;
        param.offset = row->offset;
        param.kind = row->kind;
        if (slim_value_store(sample, &param, arg->value, l->c->diag) != SLIM_OK)
            status = SLIM_FAILED;
    }
    return status;
}

static void stage_defaults(struct slim_sample *sample, struct slim_lowering *l,
                           const char *method)
{
    const struct slim_stage *stage = sample_stage(l->c);

    for (const struct slim_param *p = l->stage->params; p && p->name; p++) {
        const struct slim_param *row = slim_param_find(stage, p->name);
        if (p->sample && p->initial && row && slim_param_applies(p, method))
            (void)slim_param_parse(sample, row, p->initial, l->c->arena);
    }
}

static bool same(const struct slim_sample *a, const struct slim_sample *b)
{
    bool split =
        a->split ? b->split && strcmp(a->split, b->split) == 0 : !b->split;

    return split && strcmp(a->set, b->set) == 0 && a->file == b->file &&
           a->n == b->n && a->len == b->len && a->pick == b->pick &&
           (a->seed == b->seed || a->pick == SLIM_PICK_FIRST);
}

/* One operation for all that read the same tokens. */
static struct slim_op *shared(struct slim_lowering *l,
                              const struct slim_sample *sample,
                              struct slim_span span)
{
    struct slim_compilation *c = l->c;

    for (struct slim_op *op = c->program->first; op; op = op->next)
        if (op->stage == sample_stage(c) && same(op->args, sample))
            return op;
    return &sample_draft(c, sample, NULL, span)->op;
}

void slim_use_data(struct slim_compilation *c, const struct slim_value *name)
{
    struct slim_data_name *d =
        name->kind == SLIM_VALUE_NAME ? find(c, name->text) : NULL;

    if (d)
        d->used = true;
}

static enum slim_status use_name(struct slim_op **out, struct slim_lowering *l,
                                 struct slim_data_name *d)
{
    d->used = true;
    for (const struct slim_arg *arg = l->stmt->args; arg; arg = arg->next) {
        const struct slim_param *own =
            slim_param_find(l->stage, arg->name->text);
        if (!own || !own->sample)
            continue;
        struct slim_error *error = slim_error(
            l->c->diag, "A011", arg->span, "the sample '%s' has its own '%s'",
            d->stmt->name->text, own->name);
        slim_error_note(l->c->diag, error, d->stmt->span, "defined here");
        return SLIM_FAILED;
    }
    if (d->broken)
        return SLIM_FAILED;
    if (!d->draft)
        d->draft = sample_draft(l->c, d->sample, d->stmt->name->text,
                                d->stmt->value->span);
    *out = &d->draft->op;
    return SLIM_OK;
}

static enum slim_status no_default(struct slim_lowering *l, const char *method)
{
    struct slim_error *error = slim_error(
        l->c->diag, "A012", l->stmt->verb->span, "'%s' reads data: on which?",
        slim_stage_title(l->c->arena, l->stage, method));

    slim_error_hint(l->c->diag, error,
                    "Add 'on NAME' with a data set, or with a sample that "
                    "'data NAME = ...' defines.");
    return SLIM_FAILED;
}

static enum slim_status lower_one(struct slim_lowering *l,
                                  struct slim_draft *draft,
                                  const struct slim_method *method)
{
    const struct slim_value *on = l->stmt->on;
    const char *name = method ? method->name : NULL;
    const char *said = method ? method->sample : NULL;
    struct slim_sample sample = { 0 };
    struct slim_op *tokens = NULL;
    struct slim_data_name *d =
        on && on->kind == SLIM_VALUE_NAME ? find(l->c, on->text) : NULL;

    if (d) {
        if (use_name(&tokens, l, d) != SLIM_OK)
            return SLIM_FAILED;
        slim_op_add_input(&draft->op, tokens, SLIM_TYPE_TOKENS);
        return SLIM_OK;
    }
    row_defaults(&sample, l->c);
    stage_defaults(&sample, l, name);
    documented(&sample, l->c, said);
    cap_length(&sample, l->c);
    enum slim_status status = explicit_args(&sample, l, name);
    if (on) {
        sample.set = sample.split = NULL;
        if (read_source(&sample, l->c, on) != SLIM_OK)
            status = SLIM_FAILED;
    } else if (!sample.set) {
        return no_default(l, name);
    }
    if (status != SLIM_OK)
        return status;
    tokens = shared(l, &sample, on ? on->span : l->stmt->verb->span);
    slim_op_add_input(&draft->op, tokens, SLIM_TYPE_TOKENS);
    return SLIM_OK;
}

static enum slim_status refuse_data(struct slim_lowering *l)
{
    const char *title =
        slim_stage_title(l->c->arena, l->stage, l->drafts[0]->op.method);
    const struct slim_value *on = l->stmt->on;

    if (on)
        return slim_fail(l->c->diag, "A010", on->span,
                         "'%s' reads no data: it takes no 'on'", title);
    for (const struct slim_arg *arg = l->stmt->args; arg; arg = arg->next) {
        const struct slim_param *own =
            slim_param_find(l->stage, arg->name->text);
        if (own && slim_param_applies(own, l->drafts[0]->op.method) &&
            !slim_param_kept(l->stage, own, l->drafts[0]->op.method))
            return slim_fail(l->c->diag, "A010", arg->span,
                             "'%s' reads no data: '%s' cannot matter", title,
                             own->name);
    }
    return SLIM_OK;
}

enum slim_status slim_lower_data(struct slim_lowering *l)
{
    enum slim_status status = SLIM_OK;
    bool reads = false;

    for (size_t i = 0; i < l->count; i++) {
        const struct slim_method *method =
            slim_method_find(l->stage, l->drafts[i]->op.method);
        if (!l->stage->data || (method && !method->data))
            continue;
        reads = true;
        if (lower_one(l, l->drafts[i], method) != SLIM_OK)
            status = SLIM_FAILED;
    }
    return reads ? status : refuse_data(l);
}
