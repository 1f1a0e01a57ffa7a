/* pass_constants.c - let and -s: every $x becomes its value */
#include "compiler/compilation.h"

#include <string.h>

struct constant {
    const struct slim_value *name;
    const struct slim_value *value; /* written, or given with -s; of a sweep:
                                       at this point, or NULL */
    bool used, swept;
    struct constant *next;
};

struct constants {
    struct slim_compilation *c;
    struct constant *first;
    enum slim_status status;
};

static struct constant *find(const struct constants *all, const char *name)
{
    for (struct constant *k = all->first; k; k = k->next)
        if (strcmp(k->name->text, name) == 0)
            return k;
    return NULL;
}

static struct slim_words names_of(const struct constants *all)
{
    struct slim_words names = { 0 };

    for (struct constant *k = all->first; k; k = k->next)
        slim_words_add(&names, all->c->arena, k->name->text);
    return names;
}

/* The place of the use is kept: that is where an error has to point. */
static void substitute(struct constants *all, struct slim_value *value)
{
    if (!value || value->kind != SLIM_VALUE_VAR)
        return;
    struct constant *k = find(all, value->text);
    if (k && !k->value) { /* what is wrong with the sweep has been said */
        k->used = true;
        all->status = SLIM_FAILED;
        return;
    }
    if (k) {
        struct slim_value old = *value;
        k->used = true;
        *value = *k->value;
        value->span = old.span;
        value->next = old.next;
        value->swept = k->swept;
        return;
    }
    struct slim_words names = names_of(all);
    for (size_t i = 0; i < names.count; i++)
        names.items[i] =
            slim_arena_printf(all->c->arena, "$%s", names.items[i]);
    struct slim_error *error =
        slim_error(all->c->diag, "N007", value->span,
                   "'$%s' is not defined: no 'let %s = ...' comes before",
                   value->text, value->text);
    slim_suggest(all->c->diag, error, value->span,
                 slim_arena_printf(all->c->arena, "$%s", value->text), &names);
    all->status = SLIM_FAILED;
}

static void substitute_expr(struct constants *all, struct slim_expr *expr)
{
    /* sums lean to the left and may be long */
    for (; expr; expr = expr->left) {
        substitute(all, expr->leaf);
        if (expr->right)
            substitute_expr(all, expr->right);
    }
}

static void substitute_scope(struct constants *all, struct slim_scope *scope)
{
    for (; scope; scope = scope->next)
        for (struct slim_range *r = scope->layers; r; r = r->next) {
            const struct slim_value *wrong;
            substitute(all, r->from);
            substitute(all, r->to);
            if (slim_range_fill(r, &wrong))
                continue;
            if (wrong->kind != SLIM_VALUE_VAR) /* else it has been said */
                (void)slim_fail(all->c->diag, "A146", wrong->span,
                                "'%s' cannot stand for a layer", wrong->text);
            all->status = SLIM_FAILED;
        }
}

/* A value goes where its kind fits: names are methods, the rest quantities. */
static void place(struct constants *all, struct slim_stmt *stmt)
{
    struct slim_value *method = stmt->method;

    if (!method || method->kind == SLIM_VALUE_NAME ||
        method->kind == SLIM_VALUE_VAR)
        return;
    struct slim_amount *amount = stmt->amount;
    if (!amount) {
        amount = SLIM_NEW(all->c->arena, struct slim_amount);
        amount->span = method->span;
        amount->quantity = method;
        stmt->amount = amount;
        stmt->method = NULL;
    } else if (amount->quantity->kind == SLIM_VALUE_NAME) {
        stmt->method = amount->quantity;
        amount->quantity = method;
    }
}

static void substitute_stmt(struct constants *all, struct slim_stmt *stmt)
{
    if (stmt->value)
        substitute(all, stmt->value);
    substitute(all, stmt->method);
    if (stmt->amount)
        substitute(all, stmt->amount->quantity);
    substitute(all, stmt->on);
    substitute_scope(all, stmt->scope);
    substitute_scope(all, stmt->except);
    for (struct slim_arg *arg = stmt->args; arg; arg = arg->next)
        substitute(all, arg->value);
    substitute_expr(all, stmt->expr);
    place(all, stmt);
}

static void override(struct constants *all, struct constant *k)
{
    const struct slim_host *host = all->c->host;

    for (struct slim_override *o = host->overrides; o; o = o->next)
        if (strcmp(o->name, k->name->text) == 0) {
            k->value = o->cases->values;
            o->used = true;
        }
}

static struct constant *add(struct constants *all,
                            const struct slim_value *name,
                            const struct slim_value *value)
{
    struct constant *before = find(all, name->text);

    if (before) {
        struct slim_error *error =
            slim_error(all->c->diag, "N009", name->span,
                       "'%s' is defined twice", name->text);
        slim_error_note(all->c->diag, error, before->name->span,
                        "first defined here");
        all->status = SLIM_FAILED;
        return NULL;
    }
    struct constant *k = SLIM_NEW(all->c->arena, struct constant);
    *k = (struct constant){ .name = name, .value = value, .next = all->first };
    all->first = k;
    return k;
}

static void define(struct constants *all, struct slim_stmt *stmt)
{
    substitute(all, stmt->value);
    struct constant *k = add(all, stmt->name, stmt->value);
    if (k)
        override(all, k);
}

static void define_axes(struct constants *all, const struct slim_stmt *stmt)
{
    for (const struct slim_value *name = stmt->words; name; name = name->next) {
        const struct slim_bound *bound = all->c->bound;
        while (bound && strcmp(bound->name, name->text) != 0)
            bound = bound->next;
        struct constant *k = add(all, name, bound ? bound->value : NULL);
        if (k)
            k->swept = true;
    }
}

static void report_unused(struct constants *all)
{
    struct slim_diag *diag = all->c->diag;

    for (struct constant *k = all->first; k; k = k->next)
        /* what did not parse may have used it */
        if (!k->used && !all->c->incomplete)
            all->status = slim_fail(diag, "N008", k->name->span,
                                    "'%s' is never used", k->name->text);
    struct slim_words names = names_of(all);
    for (struct slim_override *o = all->c->host->overrides; o; o = o->next) {
        if (o->used)
            continue;
        struct slim_error *error =
            slim_error(diag, "N011", o->cases->span,
                       "-s %s has no effect: the recipe has no 'let %s'",
                       o->name, o->name);
        slim_suggest(diag, error, (struct slim_span){ 0 }, o->name, &names);
        all->status = SLIM_FAILED;
    }
}

enum slim_status slim_pass_constants(struct slim_compilation *c)
{
    struct constants all = { .c = c, .status = SLIM_OK };
    struct slim_stmt **tail = &c->recipe->first;

    for (struct slim_stmt *stmt = *tail; stmt; stmt = stmt->next) {
        if (stmt->kind == SLIM_STMT_LET) {
            define(&all, stmt);
            continue;
        }
        if (stmt->kind == SLIM_STMT_SWEEP) {
            define_axes(&all, stmt);
            continue;
        }
        substitute_stmt(&all, stmt);
        *tail = stmt;
        tail = &stmt->next;
    }
    *tail = NULL;
    report_unused(&all);
    if (all.status != SLIM_OK)
        c->incomplete = true;
    return all.status;
}
