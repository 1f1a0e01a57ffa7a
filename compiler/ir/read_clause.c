/* read_clause.c - quantities, scopes and formulas of a listing */
#include "compiler/ir/reader.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { DEPTH = 200 };

static bool read_ratio(struct slim_quantity *q, const char *word)
{
    char *end = NULL;

    if (*word < '0' || *word > '9')
        return false;
    q->left = strtoull(word, &end, 10);
    if (*end != ':' || end[1] < '0' || end[1] > '9')
        return false;
    q->right = strtoull(end + 1, &end, 10);
    q->kind = SLIM_QUANTITY_RATIO;
    return *end == '\0';
}

static bool read_plain(struct slim_quantity *q, const char *word)
{
    char *end = NULL;

    if ((*word < '0' || *word > '9') && *word != '-')
        return false;
    q->value = strtod(word, &end);
    q->kind = *end == '%' ? SLIM_QUANTITY_PERCENT : SLIM_QUANTITY_NUMBER;
    return isfinite(q->value) && strcmp(end, *end == '%' ? "%" : "") == 0;
}

enum slim_status slim_read_amount(struct slim_op *op, struct slim_reader *r)
{
    struct slim_quantity *q = &op->amount;
    bool to = slim_reader_take(r, "to");

    if (!to && (!r->word || *r->word < '0' || *r->word > '9'))
        return SLIM_OK;
    if (!r->word || (!read_ratio(q, r->word) && !read_plain(q, r->word)))
        return slim_reader_fail(r, "a quantity");
    q->to = to;
    q->span = r->span;
    slim_reader_next(r);
    if (!slim_reader_take(r, "of") || !r->word)
        return slim_reader_fail(r, "'of' and a unit");
    q->unit = r->word;
    slim_reader_next(r);
    return SLIM_OK;
}

struct items {
    bool *roles;
    struct slim_range_ir *ranges;
    const char **globs;
    size_t range_count, glob_count;
};

static bool take_role(bool *roles, struct slim_reader *r)
{
    for (int i = 0; i < SLIM_ROLE_STREAM; i++)
        if (slim_reader_take(r, slim_role_name((enum slim_role)i))) {
            roles[i] = true;
            return true;
        }
    return false;
}

static bool read_layer(long *out, const char **at)
{
    char *end = NULL;
    const char *digit = **at == '-' ? *at + 1 : *at;

    if (*digit < '0' || *digit > '9')
        return false;
    *out = strtol(*at, &end, 10);
    *at = end;
    return true;
}

/* "4..29,31" */
static enum slim_status read_ranges(struct items *items, struct slim_reader *r)
{
    if (!r->word)
        return slim_reader_fail(r, "layers such as 4..29,31");
    const char *at = r->word;
    items->ranges =
        SLIM_NEW_ARRAY(r->diag->arena, strlen(at), struct slim_range_ir);
    do {
        struct slim_range_ir *range = &items->ranges[items->range_count++];
        at += *at == ',';
        if (!read_layer(&range->first, &at))
            return slim_reader_fail(r, "layers such as 4..29,31");
        range->last = range->first;
        if (strncmp(at, "..", 2) == 0) {
            at += 2;
            if (!read_layer(&range->last, &at))
                return slim_reader_fail(r, "layers such as 4..29,31");
        }
    } while (*at == ',');
    if (*at != '\0')
        return slim_reader_fail(r, "layers such as 4..29,31");
    slim_reader_next(r);
    return SLIM_OK;
}

static enum slim_status read_items(struct items *items, struct slim_reader *r)
{
    /* no more globs than words in what is left of the line */
    items->globs =
        SLIM_NEW_ARRAY(r->diag->arena, r->end - r->at + 1, const char *);
    for (;;) {
        if (take_role(items->roles, r))
            continue;
        if (r->word && *r->word == '"') {
            char *plain = slim_text_unquote(r->diag->arena, r->word);
            if (!plain)
                return slim_reader_fail(r, "a string");
            items->globs[items->glob_count++] = plain;
            slim_reader_next(r);
            continue;
        }
        if (items->range_count > 0 || !slim_reader_take(r, "layers"))
            return SLIM_OK;
        if (read_ranges(items, r) != SLIM_OK)
            return SLIM_FAILED;
    }
}

enum slim_status slim_read_where(struct slim_op *op, struct slim_reader *r)
{
    struct slim_where *where = &op->where;
    struct items in = { .roles = where->roles };
    struct items out = { .roles = where->except_roles };

    where->span = r->span;
    if (!slim_reader_take(r, "in"))
        return SLIM_OK;
    where->given = true;
    where->width = slim_reader_take(r, "width");
    if (read_items(&in, r) != SLIM_OK)
        return SLIM_FAILED;
    if (slim_reader_take(r, "except") && read_items(&out, r) != SLIM_OK)
        return SLIM_FAILED;
    where->layers_given = in.range_count > 0 || out.range_count > 0;
    where->ranges = in.ranges;
    where->range_count = in.range_count;
    where->globs = in.globs;
    where->glob_count = in.glob_count;
    where->except = out.ranges;
    where->except_count = out.range_count;
    where->except_globs = out.globs;
    where->except_glob_count = out.glob_count;
    return SLIM_OK;
}

/* 1.15="1.15", 0.8="80%" */
static enum slim_status read_number(struct slim_formula *f,
                                    struct slim_reader *r)
{
    char *end = NULL;

    f->number = true;
    f->value = strtod(r->word, &end);
    if (*end != '=' || !isfinite(f->value))
        return slim_reader_fail(r, "a number such as 0.8=\"80%\"");
    f->text = slim_text_unquote(r->diag->arena, end + 1);
    if (end[1] != '"' || !f->text)
        return slim_reader_fail(r, "a number such as 0.8=\"80%\"");
    slim_reader_next(r);
    return SLIM_OK;
}

static enum slim_status read_metric(struct slim_formula *f,
                                    struct slim_reader *r)
{
    static const char prefix[] = "base.";
    const char *at = strchr(r->word, '@');
    size_t length = at ? (size_t)(at - r->word) : strlen(r->word);

    f->text = slim_arena_strndup(r->diag->arena, r->word, length);
    f->base = strncmp(f->text, prefix, sizeof(prefix) - 1) == 0;
    f->metric = f->base ? f->text + sizeof(prefix) - 1 : f->text;
    if (*f->metric == '\0' || strchr(f->text, '"'))
        return slim_reader_fail(r, "a metric");
    if (!at) {
        slim_reader_next(r);
        return SLIM_OK;
    }
    r->word = slim_arena_printf(r->diag->arena, "%%%s", at + 1);
    if (slim_reader_op(&f->measure, r, NULL) != SLIM_OK)
        return SLIM_FAILED;
    if ((f->measure->stage->gives & SLIM_TYPE_METRIC) != 0)
        return SLIM_OK;
    return slim_fail(r->diag, "F503", r->span,
                     "operation %%%u measures nothing", f->measure->id);
}

static char take_sign(struct slim_reader *r)
{
    static const char ops[] = "+-*/<>lg=!";

    for (const char *op = ops; *op; op++)
        if (slim_reader_take(r, slim_formula_sign(*op)))
            return *op;
    return 0;
}

enum slim_status slim_read_formula(const struct slim_formula **out,
                                   struct slim_reader *r)
{
    struct slim_formula *f = SLIM_NEW(r->diag->arena, struct slim_formula);

    *out = f;
    f->span = r->span;
    if (!r->word || strcmp(r->word, ")") == 0)
        return slim_reader_fail(r, "a formula");
    if (!slim_reader_take(r, "(")) {
        bool number = (*r->word >= '0' && *r->word <= '9') || *r->word == '-';
        return number ? read_number(f, r) : read_metric(f, r);
    }
    if (++r->depth > DEPTH)
        return slim_reader_fail(r, "a formula that nests less deeply");
    f->op = take_sign(r);
    if (f->op == 0)
        return slim_reader_fail(r, "a sign such as <= or *");
    if (slim_read_formula(&f->left, r) != SLIM_OK ||
        slim_read_formula(&f->right, r) != SLIM_OK)
        return SLIM_FAILED;
    r->depth--;
    return slim_reader_take(r, ")") ? SLIM_OK : slim_reader_fail(r, "')'");
}
