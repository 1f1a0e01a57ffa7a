/* lang_support.c - recipes parsed and compared by the tests of lang/ */
#include "tests/lang_support.h"

#include "base/text.h"
#include "lang/parse.h"

#include <string.h>

void lang_case_open(struct lang_case *c, const char *text, size_t length)
{
    memset(c, 0, sizeof(*c));
    c->diag.arena = slim_arena_open();
    c->source.name = "test.slim";
    c->source.text = text;
    c->source.length = length;
    c->status = slim_parse(&c->recipe, &c->source, &c->diag);
}

void lang_case_close(struct lang_case *c)
{
    slim_arena_close(c->diag.arena);
}

const char *lang_case_code(const struct lang_case *c)
{
    if (c->diag.errors > 1)
        return "many";
    return c->diag.first ? c->diag.first->code : "";
}

char *lang_case_print(const struct lang_case *c)
{
    struct slim_text out = { 0 };

    slim_text_puts(&out, "");
    slim_recipe_print(&out, c->recipe);
    return out.data;
}

static bool same_value(const struct slim_value *a, const struct slim_value *b)
{
    for (; a && b; a = a->next, b = b->next)
        if (a->kind != b->kind || strcmp(a->text, b->text) != 0 ||
            memcmp(&a->number, &b->number, sizeof(a->number)) != 0 ||
            a->integer != b->integer || a->left != b->left ||
            a->right != b->right)
            return false;
    return !a && !b;
}

static bool same_amount(const struct slim_amount *a,
                        const struct slim_amount *b)
{
    if (!a || !b)
        return a == b;
    return a->to == b->to && same_value(a->quantity, b->quantity) &&
           same_value(a->unit, b->unit);
}

static bool same_range(const struct slim_range *a, const struct slim_range *b)
{
    for (; a && b; a = a->next, b = b->next)
        if (a->first != b->first || a->last != b->last)
            return false;
    return !a && !b;
}

static bool same_scope(const struct slim_scope *a, const struct slim_scope *b)
{
    for (; a && b; a = a->next, b = b->next)
        if (!same_value(a->name, b->name) || !same_range(a->layers, b->layers))
            return false;
    return !a && !b;
}

static bool same_args(const struct slim_arg *a, const struct slim_arg *b)
{
    for (; a && b; a = a->next, b = b->next)
        if (!same_value(a->name, b->name) || !same_value(a->value, b->value))
            return false;
    return !a && !b;
}

static bool same_cases(const struct slim_case *a, const struct slim_case *b)
{
    for (; a && b; a = a->next, b = b->next)
        if (!same_value(a->values, b->values) ||
            !same_value(a->last, b->last) || !same_value(a->step, b->step))
            return false;
    return !a && !b;
}

static bool same_expr(const struct slim_expr *a, const struct slim_expr *b)
{
    if (!a || !b)
        return a == b;
    if (a->kind != b->kind)
        return false;
    if (a->kind == SLIM_EXPR_LEAF)
        return same_value(a->leaf, b->leaf);
    return a->op == b->op && same_expr(a->left, b->left) &&
           same_expr(a->right, b->right);
}

bool lang_same_stmt(const struct slim_stmt *a, const struct slim_stmt *b)
{
    return a->kind == b->kind && same_value(a->verb, b->verb) &&
           same_value(a->name, b->name) && same_value(a->value, b->value) &&
           a->library == b->library && same_value(a->path, b->path) &&
           same_value(a->words, b->words) && same_value(a->method, b->method) &&
           same_amount(a->amount, b->amount) && same_value(a->on, b->on) &&
           same_scope(a->scope, b->scope) && same_scope(a->except, b->except) &&
           same_args(a->args, b->args) && same_value(a->label, b->label) &&
           same_cases(a->cases, b->cases) && same_expr(a->expr, b->expr) &&
           a->warn == b->warn;
}

bool lang_same_recipe(const struct slim_recipe *a, const struct slim_recipe *b)
{
    const struct slim_stmt *x = a->first, *y = b->first;

    for (; x && y; x = x->next, y = y->next)
        if (!lang_same_stmt(x, y))
            return false;
    return !x && !y && a->count == b->count;
}
