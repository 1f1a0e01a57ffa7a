/* pass_lower.c - statements to operations */
#include "compiler/compilation.h"

#include "base/text.h"

#include <string.h>

enum { LANGUAGE_VERSION = 1 };

static enum slim_status lower_version(struct slim_compilation *c,
                                      const struct slim_stmt *stmt)
{
    const struct slim_value *value = stmt->value;

    if (value->kind == SLIM_VALUE_NUMBER && value->integer &&
        value->number >= 1 && value->number <= LANGUAGE_VERSION)
        return SLIM_OK;
    if (value->kind == SLIM_VALUE_NUMBER && value->number > LANGUAGE_VERSION)
        return slim_fail(c->diag, "A014", value->span,
                         "this recipe needs a slimc that knows version %s of "
                         "the language: this one knows version %d",
                         value->text, LANGUAGE_VERSION);
    return slim_fail(c->diag, "A014", value->span,
                     "'%s' is no version of the language: versions are whole "
                     "numbers from 1 to %d",
                     value->text, LANGUAGE_VERSION);
}

static enum slim_status lower_compute(struct slim_compilation *c,
                                      const struct slim_stmt *stmt)
{
    const struct slim_value *value = stmt->value;

    if (c->program->compute_given)
        return slim_fail(c->diag, "A013", stmt->span,
                         "'compute' is said twice in one recipe");
    c->program->compute_given = true;
    const struct slim_compute *compute = slim_compute_find(value->text);
    if (!compute) {
        struct slim_error *error =
            slim_error(c->diag, "N013", value->span,
                       "no arithmetic is called '%s'", value->text);
        struct slim_words names = { 0 };
        for (size_t i = 0; slim_compute_at(i); i++)
            slim_words_add(&names, c->arena, slim_compute_at(i)->name);
        slim_suggest(c->diag, error, value->span, value->text, &names);
        return SLIM_FAILED;
    }
    c->program->compute = compute->name;
    if (c->host->bf16 || strcmp(compute->name, "bf16") != 0)
        return SLIM_OK;
    /* what f32 computes bf16 would, rounded: the recipe means the same */
    c->program->compute = "f32";
    struct slim_error *warning =
        slim_warning(c->diag, "A015", value->span,
                     "bf16 arithmetic is not available here: computed in f32");
    slim_error_hint(c->diag, warning,
                    "it takes a processor with AVX512-BF16 or AMX, and a slimc "
                    "that was built with oneDNN");
    return SLIM_OK;
}

static enum slim_status unknown_method(struct slim_compilation *c,
                                       const struct slim_stage *stage,
                                       const struct slim_value *word)
{
    struct slim_words names = { 0 };

    for (const struct slim_method *m = stage->methods; m && m->name; m++)
        slim_words_add(&names, c->arena, m->name);
    struct slim_error *error = slim_error(
        c->diag, "N003", word->span,
        names.count ? "'%s' has no method '%s'" : "'%s' takes no method '%s'",
        stage->name, word->text);
    slim_suggest(c->diag, error, word->span, word->text, &names);
    return SLIM_FAILED;
}

static enum slim_status missing_method(struct slim_compilation *c,
                                       const struct slim_stmt *stmt,
                                       const struct slim_stage *stage)
{
    struct slim_text known = { 0 };

    for (const struct slim_method *m = stage->methods; m->name; m++)
        slim_text_printf(&known, " %s", m->name);
    struct slim_error *error = slim_error(c->diag, "A001", stmt->verb->span,
                                          "'%s' needs a method", stage->name);
    slim_error_hint(c->diag, error, "known:%s", known.data);
    slim_text_free(&known);
    return SLIM_FAILED;
}

/* The methods that the statement names: several only where the row lists. */
static enum slim_status methods_of(struct slim_words *methods,
                                   struct slim_compilation *c,
                                   const struct slim_stmt *stmt,
                                   const struct slim_stage *stage)
{
    enum slim_status status = SLIM_OK;
    const struct slim_value *word = stmt->kind == SLIM_STMT_MEASURE
                                        ? stmt->words
                                    : stmt->value ? stmt->value
                                                  : stmt->method;

    for (; word; word = word->next) {
        const struct slim_method *method = slim_method_find(stage, word->text);
        /* what a missing constant would have been cannot be known */
        if (word->kind == SLIM_VALUE_VAR)
            status = SLIM_FAILED;
        else if (!method)
            status = unknown_method(c, stage, word);
        else
            slim_words_add(methods, c->arena, method->name);
        if (stmt->kind != SLIM_STMT_MEASURE)
            break;
    }
    if (status != SLIM_OK || methods->count > 0 || !stage->methods)
        return status;
    if (!stage->method_default)
        return missing_method(c, stmt, stage);
    slim_words_add(methods, c->arena, stage->method_default);
    return SLIM_OK;
}

/* The statement as it is or, of a list, the part that became the operation. */
static const char *text_of(const struct slim_lowering *l,
                           const struct slim_draft *draft)
{
    struct slim_stmt part = *l->stmt;
    struct slim_text text = { 0 };
    struct slim_value word;

    if (l->count > 1) {
        word = *part.words;
        word.text = draft->op.method;
        word.next = NULL;
        part.words = &word;
        if (!draft->op.label)
            part.label = NULL;
        if (!slim_op_input(&draft->op, SLIM_TYPE_TOKENS)) {
            part.on = NULL;
            part.args = NULL;
        }
    }
    slim_stmt_print(&text, &part);
    const char *kept = slim_arena_strndup(
        l->c->arena, text.data ? text.data : "", text.length);
    slim_text_free(&text);
    return kept;
}

static void make_drafts(struct slim_lowering *l,
                        const struct slim_words *methods)
{
    struct slim_compilation *c = l->c;

    l->count = methods->count ? methods->count : 1;
    l->drafts = SLIM_NEW_ARRAY(c->arena, l->count, struct slim_draft *);
    for (size_t i = 0; i < l->count; i++) {
        const char *method = methods->count ? methods->items[i] : NULL;
        l->drafts[i] = slim_draft_new(c, l->stage, method, l->stmt->span);
        l->drafts[i]->stmt = l->stmt;
    }
}

/* `as` names the first that reads data, else the first. */
static enum slim_status lower_label(struct slim_lowering *l)
{
    const struct slim_value *label = l->stmt->label;
    struct slim_draft *named = l->drafts[0];

    if (!label)
        return SLIM_OK;
    for (size_t i = l->count; i-- > 0;) {
        const struct slim_method *method =
            slim_method_find(l->stage, l->drafts[i]->op.method);
        if (method && method->data)
            named = l->drafts[i];
    }
    named->op.label = label->text;
    for (struct slim_op *op = l->c->program->first; op; op = op->next) {
        if (!op->label || op->stage->hidden ||
            strcmp(op->label, label->text) != 0)
            continue;
        struct slim_error *error =
            slim_error(l->c->diag, "N009", label->span,
                       "'%s' already names another stage", label->text);
        slim_error_note(l->c->diag, error, op->span, "the first");
        return SLIM_FAILED;
    }
    return SLIM_OK;
}

/* What syntax alone says: the path of a save, the axis of a keep, the `else
 * warn` of an assert. */
static void lower_syntax(struct slim_lowering *l)
{
    const struct slim_param *path = slim_param_find(l->stage, "path");
    const struct slim_param *warn = slim_param_find(l->stage, "warn");
    const struct slim_param *axis = slim_param_find(l->stage, "axis");
    char *args = l->drafts[0]->op.args;

    if (l->stmt->kind == SLIM_STMT_SAVE && l->stmt->path && path)
        *(const char **)(void *)(args + path->offset) = l->stmt->path->text;
    else if (l->stmt->kind == SLIM_STMT_SAVE)
        slim_default_path(l->c, l->drafts[0]);
    if (l->stmt->kind == SLIM_STMT_KEEP && axis)
        *(const char **)(void *)(args + axis->offset) = l->stmt->name->text;
    if (l->stmt->kind == SLIM_STMT_ASSERT && warn)
        *(bool *)(void *)(args + warn->offset) = l->stmt->warn;
}

static enum slim_status check_args(struct slim_lowering *l)
{
    if (!l->stage->check)
        return SLIM_OK;
    for (size_t i = 0; i < l->count; i++)
        if (l->stage->check(&l->drafts[i]->op, l->c->diag) != SLIM_OK)
            return SLIM_FAILED;
    return SLIM_OK;
}

static enum slim_status lower_clauses(struct slim_lowering *l)
{
    static enum slim_status (*const clauses[])(struct slim_lowering *) = {
        slim_lower_amount, slim_lower_scope,   slim_lower_args, slim_lower_path,
        slim_lower_data,   slim_lower_formula, lower_label,
    };
    enum slim_status status = SLIM_OK;

    slim_lower_swept(l);
    lower_syntax(l);
    for (size_t i = 0; i < SLIM_COUNT(clauses); i++)
        if (clauses[i](l) != SLIM_OK)
            status = SLIM_FAILED;
    if (status == SLIM_OK)
        status = check_args(l);
    for (size_t i = 0; i < l->count; i++) {
        l->drafts[i]->op.text = text_of(l, l->drafts[i]);
        l->drafts[i]->broken = status != SLIM_OK;
        slim_program_append(l->c->program, &l->drafts[i]->op);
    }
    return status;
}

static enum slim_status lower_stage(struct slim_compilation *c,
                                    struct slim_stmt *stmt)
{
    struct slim_lowering l = { .c = c, .stmt = stmt };
    struct slim_words methods = { 0 };

    l.stage = slim_stage_find(c->host->stages, stmt->verb->text);
    if (!l.stage || l.stage->hidden) {
        struct slim_error *error =
            slim_error(c->diag, "N001", stmt->verb->span, "unknown verb '%s'",
                       stmt->verb->text);
        slim_suggest_verb(c, error, stmt->verb);
        c->incomplete = true;
        return SLIM_FAILED;
    }
    enum slim_status status = methods_of(&methods, c, stmt, l.stage);
    /* arguments are judged against what can be known of the method */
    make_drafts(&l, &methods);
    if (status != SLIM_OK) {
        c->incomplete = true;
        if (methods.count > 0 || !l.stage->methods)
            (void)lower_clauses(&l);
        return SLIM_FAILED;
    }
    return lower_clauses(&l);
}

static enum slim_status lower(struct slim_compilation *c,
                              struct slim_stmt *stmt)
{
    switch (stmt->kind) {
    case SLIM_STMT_VERSION:
        return lower_version(c, stmt);
    case SLIM_STMT_COMPUTE:
        return lower_compute(c, stmt);
    case SLIM_STMT_DATA:
        return slim_define_data(c, stmt);
    case SLIM_STMT_MEASURE:
    case SLIM_STMT_ASSERT:
    case SLIM_STMT_SAVE:
    case SLIM_STMT_STAGE:
        return lower_stage(c, stmt);
    case SLIM_STMT_KEEP:
        c->kept = true;
        return lower_stage(c, stmt);
    case SLIM_STMT_INCLUDE:
    case SLIM_STMT_LET:
    case SLIM_STMT_SWEEP:
        return SLIM_OK;
    }
    return SLIM_OK;
}

enum slim_status slim_pass_lower(struct slim_compilation *c)
{
    const struct slim_stage *input = slim_stage_find(c->host->stages, "input");
    enum slim_status status = SLIM_OK;

    if (input) {
        struct slim_span nowhere = { .source = NULL };
        slim_program_append(c->program,
                            &slim_draft_new(c, input, NULL, nowhere)->op);
    }
    for (struct slim_stmt *stmt = c->recipe->first; stmt; stmt = stmt->next) {
        if (lower(c, stmt) != SLIM_OK)
            status = SLIM_FAILED;
        if (c->program->count <= SLIM_OPS_MAX / 2)
            continue;
        c->incomplete = true;
        return slim_fail(c->diag, "A017", stmt->verb->span,
                         "a recipe has at most %u stages", SLIM_OPS_MAX / 2);
    }
    for (struct slim_data_name *d = c->data; d; d = d->next)
        if (!d->used && !c->incomplete)
            slim_warning(c->diag, "N015", d->stmt->name->span,
                         "no stage reads the data '%s'", d->stmt->name->text);
    return status;
}
