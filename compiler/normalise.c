/* normalise.c - what `slimc fmt` writes out: units, order, and defaults */
#include "compiler/compile.h"

#include <stdio.h>
#include <string.h>

struct normal {
    struct slim_recipe *recipe;
    const struct slim_stage *const *stages;
    struct slim_arena *arena;
    bool full;
};

static struct slim_value *new_value(struct normal *n, enum slim_value_kind kind,
                                    const char *text)
{
    struct slim_value *value = SLIM_NEW(n->arena, struct slim_value);

    value->kind = kind;
    value->text = text;
    return value;
}

/* Whether all that the sweep gives to the name are percentages. */
static bool sweeps_percent(const struct slim_stmt *sweep, const char *name)
{
    size_t index = 0;
    const struct slim_value *word = sweep->words;

    for (; word && strcmp(word->text, name) != 0; word = word->next)
        index++;
    for (const struct slim_case *c = sweep->cases; word && c; c = c->next) {
        const struct slim_value *value = c->values;
        for (size_t i = 0; value && i < index; i++)
            value = value->next;
        if (!value || value->kind != SLIM_VALUE_PERCENT)
            return false;
    }
    return word != NULL;
}

static bool is_percent(const struct normal *n, const struct slim_value *value)
{
    if (value->kind != SLIM_VALUE_VAR)
        return value->kind == SLIM_VALUE_PERCENT;
    for (const struct slim_stmt *s = n->recipe->first; s; s = s->next) {
        if (s->kind == SLIM_STMT_LET && strcmp(s->name->text, value->text) == 0)
            return s->value->kind == SLIM_VALUE_PERCENT;
        if (s->kind == SLIM_STMT_SWEEP && sweeps_percent(s, value->text))
            return true;
    }
    return false;
}

/* `prune $r` and `prune 20%` to `prune $r of params`, `prune 20% of params`. */
static void put_unit(struct normal *n, struct slim_stmt *stmt,
                     const struct slim_stage *stage)
{
    struct slim_value *method = stmt->method;

    if (!stage->amount.units)
        return;
    if (method && !stmt->amount && method->kind == SLIM_VALUE_VAR &&
        is_percent(n, method)) {
        stmt->amount = SLIM_NEW(n->arena, struct slim_amount);
        stmt->amount->quantity = method;
        stmt->method = NULL;
    }
    struct slim_amount *amount = stmt->amount;
    if (amount && !amount->unit && is_percent(n, amount->quantity))
        amount->unit = new_value(n, SLIM_VALUE_NAME, stage->amount.units[0]);
}

static struct slim_arg *take_arg(struct slim_stmt *stmt, const char *name)
{
    struct slim_arg **at = &stmt->args;

    while (*at && (!name || strcmp((*at)->name->text, name) != 0))
        at = &(*at)->next;
    struct slim_arg *arg = *at;
    if (arg)
        *at = arg->next;
    return arg;
}

/* In the order of the row; what the row does not know stays at the end. */
static void sort_args(struct slim_stmt *stmt, const struct slim_stage *stage)
{
    struct slim_arg *sorted = NULL, **tail = &sorted;

    for (const struct slim_param *p = stage->params; p && p->name; p++) {
        struct slim_arg *arg;
        while ((arg = take_arg(stmt, p->name))) {
            arg->next = NULL;
            *tail = arg;
            tail = &arg->next;
        }
    }
    *tail = stmt->args;
    stmt->args = sorted;
}

static bool has_arg(const struct slim_stmt *stmt, const char *name)
{
    for (const struct slim_arg *arg = stmt->args; arg; arg = arg->next)
        if (strcmp(arg->name->text, name) == 0)
            return true;
    return false;
}

static void add_arg(struct normal *n, struct slim_stmt *stmt, const char *name,
                    const char *text)
{
    struct slim_arg **tail = &stmt->args;

    if (has_arg(stmt, name))
        return;
    struct slim_arg *arg = SLIM_NEW(n->arena, struct slim_arg);
    arg->name = new_value(n, SLIM_VALUE_NAME, name);
    arg->value = new_value(n, SLIM_VALUE_NAME, text);
    while (*tail)
        tail = &(*tail)->next;
    *tail = arg;
}

static bool defines_data(const struct normal *n, const char *name)
{
    for (const struct slim_stmt *s = n->recipe->first; s; s = s->next)
        if (s->kind == SLIM_STMT_DATA && strcmp(s->name->text, name) == 0)
            return true;
    return false;
}

/* "bookcorpus n=10 len=64" to `on bookcorpus` and arguments. */
static void put_sample(struct normal *n, struct slim_stmt *stmt,
                       const char *text)
{
    while (text && *text) {
        size_t length = strcspn(text, " ");
        char *word = slim_arena_strndup(n->arena, text, length);
        char *equal = strchr(word, '=');
        if (equal) {
            *equal = '\0';
            add_arg(n, stmt, word, equal + 1);
        } else if (!stmt->on) {
            stmt->on = new_value(n, SLIM_VALUE_NAME, word);
        }
        text += length;
        text += strspn(text, " ");
    }
}

static void put_data(struct normal *n, struct slim_stmt *stmt,
                     const struct slim_stage *stage,
                     const struct slim_method *method)
{
    if (stmt->on && stmt->on->kind == SLIM_VALUE_NAME &&
        defines_data(n, stmt->on->text))
        return;
    put_sample(n, stmt, method ? method->sample : NULL);
    for (const struct slim_param *p = stage->params; p && p->name; p++)
        if (p->sample && p->initial && stmt->on &&
            slim_param_applies(p, method ? method->name : NULL))
            add_arg(n, stmt, p->name, p->initial);
}

static const struct slim_method *method_of(const struct slim_stmt *stmt,
                                           const struct slim_stage *stage)
{
    const struct slim_value *word = stmt->kind == SLIM_STMT_MEASURE
                                        ? stmt->words
                                    : stmt->value ? stmt->value
                                                  : stmt->method;

    if (!word)
        return slim_method_find(stage, stage->method_default);
    return slim_method_find(stage, word->text);
}

/* Every default that the statement leaves unsaid, if its method is known. */
static void put_defaults(struct normal *n, struct slim_stmt *stmt,
                         const struct slim_stage *stage)
{
    const struct slim_method *method = method_of(stmt, stage);
    bool several = stmt->kind == SLIM_STMT_MEASURE && stmt->words->next;

    if ((stage->methods && !method) || several ||
        stmt->kind == SLIM_STMT_ASSERT)
        return;
    if (method && stmt->kind == SLIM_STMT_STAGE && !stmt->method)
        stmt->method = new_value(n, SLIM_VALUE_NAME, method->name);
    for (const struct slim_param *p = stage->params; p && p->name; p++)
        if (p->initial &&
            slim_param_kept(stage, p, method ? method->name : NULL) &&
            slim_param_applies(p, method ? method->name : NULL))
            add_arg(n, stmt, p->name, p->initial);
    if (stage->data && (!method || method->data))
        put_data(n, stmt, stage, method);
}

static void normalise(struct normal *n, struct slim_stmt *stmt)
{
    const char *row =
        stmt->kind == SLIM_STMT_DATA ? "sample" : stmt->verb->text;
    const struct slim_stage *stage = slim_stage_find(n->stages, row);

    if (!stage)
        return;
    if (stmt->kind == SLIM_STMT_STAGE)
        put_unit(n, stmt, stage);
    if (n->full && stmt->kind != SLIM_STMT_DATA)
        put_defaults(n, stmt, stage);
    sort_args(stmt, stage);
}

/* `slim 1` comes after what the file says about itself: the comment lines up
 * to the last blank line before the first statement. */
static void put_version(struct normal *n)
{
    struct slim_stmt *first = n->recipe->first;
    struct slim_stmt *version;
    size_t header = 0;

    if (!first || first->kind == SLIM_STMT_VERSION)
        return;
    for (size_t i = 0; i < first->before_count; i++)
        if (*first->before[i] == '\0')
            header = i + 1;
    version = SLIM_NEW(n->arena, struct slim_stmt);
    version->kind = SLIM_STMT_VERSION;
    version->verb = new_value(n, SLIM_VALUE_NAME, "slim");
    version->value = new_value(n, SLIM_VALUE_NUMBER, "1");
    version->value->number = 1;
    version->value->integer = true;
    version->before = first->before;
    version->before_count = header;
    first->before += header;
    first->before_count -= header;
    version->next = first;
    n->recipe->first = version;
    n->recipe->count++;
}

void slim_normalise(struct slim_recipe *recipe,
                    const struct slim_stage *const *stages, bool full,
                    struct slim_arena *arena)
{
    struct normal n = { recipe, stages, arena, full };

    put_version(&n);
    for (struct slim_stmt *s = recipe->first; s; s = s->next)
        normalise(&n, s);
}
