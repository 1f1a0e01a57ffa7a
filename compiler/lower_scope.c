/* lower_scope.c - `in attn mlp layers 4..29 except "*.bias"` */
#include "compiler/compilation.h"

#include <string.h>

static const struct {
    const char *word;
    enum slim_role first, last;
} roles[] = {
    { "attn", SLIM_ROLE_ATTN, SLIM_ROLE_ATTN },
    { "mlp", SLIM_ROLE_MLP, SLIM_ROLE_MLP },
    { "linear", SLIM_ROLE_ATTN, SLIM_ROLE_MLP },
    { "embed", SLIM_ROLE_EMBED, SLIM_ROLE_EMBED },
    { "head", SLIM_ROLE_HEAD, SLIM_ROLE_HEAD },
    { "norm", SLIM_ROLE_NORM, SLIM_ROLE_NORM },
};

static enum slim_status unknown(struct slim_lowering *l,
                                const struct slim_value *name)
{
    struct slim_words names = { 0 };

    for (size_t i = 0; i < SLIM_COUNT(roles); i++)
        slim_words_add(&names, l->c->arena, roles[i].word);
    slim_words_add(&names, l->c->arena, "layers");
    if (l->stage->scope_width)
        slim_words_add(&names, l->c->arena, "width");
    struct slim_error *error =
        slim_error(l->c->diag, "N005", name->span, "'%s' is no part of a model",
                   name->text);
    slim_suggest(l->c->diag, error, name->span, name->text, &names);
    return SLIM_FAILED;
}

static enum slim_status lower_name(struct slim_where *where,
                                   struct slim_lowering *l,
                                   const struct slim_value *name, bool except)
{
    bool known = false;

    for (size_t i = 0; i < SLIM_COUNT(roles); i++) {
        if (strcmp(roles[i].word, name->text) != 0)
            continue;
        known = true;
        for (int r = (int)roles[i].first; r <= (int)roles[i].last; r++)
            (except ? where->except_roles : where->roles)[r] = true;
    }
    if (known)
        return SLIM_OK;
    if (strcmp(name->text, "width") != 0 || except)
        return unknown(l, name);
    if (!l->stage->scope_width)
        return slim_fail(l->c->diag, "A009", name->span,
                         "'%s' cannot act on the width", l->stage->name);
    where->width = true;
    return SLIM_OK;
}

/* -1 is the last layer: 4..-1 cannot be judged before the model is known. */
static enum slim_status check_range(struct slim_lowering *l,
                                    const struct slim_range *range)
{
    bool comparable = (range->first < 0) == (range->last < 0);

    if (!comparable || range->first <= range->last)
        return SLIM_OK;
    return slim_fail(l->c->diag, "A005", range->span,
                     "layers %ld..%ld are none: the first comes after the last",
                     range->first, range->last);
}

struct lists {
    struct slim_range_ir *ranges;
    const char **globs;
    size_t range_count, glob_count;
};

static void make_room(struct lists *lists, struct slim_arena *arena,
                      const struct slim_scope *scope)
{
    size_t ranges = 0, globs = 0;

    for (const struct slim_scope *s = scope; s; s = s->next) {
        for (const struct slim_range *r = s->layers; r; r = r->next)
            ranges++;
        globs += s->name && s->name->kind == SLIM_VALUE_STRING;
    }
    lists->ranges = SLIM_NEW_ARRAY(arena, ranges, struct slim_range_ir);
    lists->globs = SLIM_NEW_ARRAY(arena, globs, const char *);
}

static enum slim_status lower_items(struct lists *lists,
                                    struct slim_where *where,
                                    struct slim_lowering *l,
                                    const struct slim_scope *scope, bool except)
{
    enum slim_status status = SLIM_OK;

    make_room(lists, l->c->arena, scope);
    for (const struct slim_scope *s = scope; s; s = s->next) {
        for (const struct slim_range *r = s->layers; r; r = r->next) {
            if (check_range(l, r) != SLIM_OK)
                status = SLIM_FAILED;
            lists->ranges[lists->range_count++] =
                (struct slim_range_ir){ r->first, r->last };
        }
        if (!s->name)
            continue;
        if (s->name->kind == SLIM_VALUE_STRING)
            lists->globs[lists->glob_count++] = s->name->text;
        else if (lower_name(where, l, s->name, except) != SLIM_OK)
            status = SLIM_FAILED;
    }
    return status;
}

enum slim_status slim_lower_scope(struct slim_lowering *l)
{
    struct slim_where where = { .given = true, .span = l->stmt->scope_span };
    struct lists in = { 0 }, out = { 0 };

    if (!l->stmt->scope)
        return SLIM_OK;
    if (!l->stage->scope)
        return slim_fail(l->c->diag, "A009", where.span,
                         "'%s' acts on the whole model: it takes no 'in'",
                         l->stage->name);
    enum slim_status status =
        lower_items(&in, &where, l, l->stmt->scope, false);
    if (lower_items(&out, &where, l, l->stmt->except, true) != SLIM_OK)
        status = SLIM_FAILED;
    where.layers_given = in.range_count > 0 || out.range_count > 0;
    where.ranges = in.ranges;
    where.range_count = in.range_count;
    where.globs = in.globs;
    where.glob_count = in.glob_count;
    where.except = out.ranges;
    where.except_count = out.range_count;
    where.except_globs = out.globs;
    where.except_glob_count = out.glob_count;
    for (size_t i = 0; i < l->count; i++)
        l->drafts[i]->op.where = where;
    return status;
}
