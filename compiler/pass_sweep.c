/* pass_sweep.c - what varies, and through which values it goes */
#include "compiler/compilation.h"

#include "base/text.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* More points than anyone waits for are refused, not expanded; nor are points
 * of recipes so long that all of them together would not fit. */
enum { POINTS = SLIM_POINTS_MAX, STATEMENTS = 200000 };

static struct slim_override *override_of(const struct slim_compilation *c,
                                         const char *name)
{
    struct slim_override *o = c->host->overrides;

    while (o && strcmp(o->name, name) != 0)
        o = o->next;
    return o;
}

static enum slim_status bad_range(struct slim_compilation *c,
                                  const struct slim_case *one,
                                  const char *reason)
{
    return slim_fail(c->diag, "A140", one->span, "this range %s", reason);
}

static bool is_plain(const struct slim_value *value)
{
    return value->kind == SLIM_VALUE_NUMBER ||
           value->kind == SLIM_VALUE_PERCENT;
}

/* The i-th value of a range, without the dust of binary sums: 0.1 + 0.2 is
 * 0.3. */
static struct slim_value *range_value(struct slim_compilation *c,
                                      const struct slim_case *one, double step,
                                      size_t i)
{
    struct slim_value *value = SLIM_NEW(c->arena, struct slim_value);
    bool percent = one->values->kind == SLIM_VALUE_PERCENT;
    char digits[40];

    *value = *one->values;
    (void)snprintf(digits, sizeof(digits), "%.12g",
                   one->values->number + (double)i * step);
    value->number = strtod(digits, NULL);
    value->integer = !percent && value->number >= floor(value->number) &&
                     fabs(value->number) <= 9007199254740992.0;
    value->span = one->span;
    value->text = slim_arena_printf(c->arena, "%s%s",
                                    slim_text_number(c->arena, value->number),
                                    percent ? "%" : "");
    return value;
}

/* How many values a range has, both ends included; 0 after an error. */
static size_t range_count(struct slim_compilation *c,
                          const struct slim_case *one, double *step)
{
    const struct slim_value *first = one->values, *last = one->last;

    if (first->wrong || last->wrong || (one->step && one->step->wrong))
        return 0;
    if (!is_plain(first) || first->kind != last->kind ||
        (one->step && one->step->kind != first->kind)) {
        (void)bad_range(c, one, "needs two ends, and a step, of one kind");
        return 0;
    }
    *step = one->step ? one->step->number : 1.0;
    if (!(*step > 0.0) || last->number < first->number) {
        (void)bad_range(c, one, "leads nowhere: it goes up, by a step above 0");
        return 0;
    }
    double steps = (last->number - first->number) / *step;
    if (steps > POINTS) {
        (void)slim_fail(c->diag, "A142", one->span,
                        "a sweep has at most %d points", POINTS);
        return 0;
    }
    if (fabs(steps - round(steps)) > 1e-6) {
        (void)bad_range(c, one, "does not reach its end by whole steps");
        return 0;
    }
    return (size_t)round(steps) + 1;
}

static bool same_value(const struct slim_value *a, const struct slim_value *b)
{
    struct slim_text left = { 0 }, right = { 0 };

    slim_value_print(&left, a);
    slim_value_print(&right, b);
    bool same = strcmp(left.data, right.data) == 0;
    slim_text_free(&left);
    slim_text_free(&right);
    return same;
}

/* A point that is there twice is a slip of the pen. */
static enum slim_status add_point(struct slim_compilation *c,
                                  struct slim_axes *group,
                                  const struct slim_value *values,
                                  struct slim_span span)
{
    struct slim_tuple **tail = &group->places;

    for (; *tail; tail = &(*tail)->next) {
        const struct slim_value *a = (*tail)->values, *b = values;
        while (a && b && same_value(a, b)) {
            a = a->next;
            b = b->next;
        }
        if (!a && !b)
            return slim_fail(c->diag, "A143", span,
                             "the sweep goes through this value twice");
    }
    struct slim_tuple *place = SLIM_NEW(c->arena, struct slim_tuple);
    *place = (struct slim_tuple){ values, NULL };
    *tail = place;
    group->count++;
    return SLIM_OK;
}

static enum slim_status check_case(struct slim_compilation *c,
                                   const struct slim_axes *group,
                                   const struct slim_case *one)
{
    size_t count = 0;

    for (const struct slim_value *v = one->values; v; v = v->next) {
        count++;
        if (v->kind == SLIM_VALUE_VAR)
            return slim_fail(c->diag, "A145", v->span,
                             "a sweep goes through values, not constants");
    }
    if (count == group->width)
        return SLIM_OK;
    return slim_fail(c->diag, "A141", one->span,
                     "%zu %s for %zu %s: each place of a sweep has a value "
                     "for each of its names",
                     count, count == 1 ? "value" : "values", group->width,
                     group->width == 1 ? "name" : "names");
}

static enum slim_status add_case(struct slim_compilation *c,
                                 struct slim_axes *group,
                                 const struct slim_case *one)
{
    double step = 1.0;

    if (check_case(c, group, one) != SLIM_OK)
        return SLIM_FAILED;
    if (!one->last)
        return add_point(c, group, one->values, one->span);
    size_t count = range_count(c, one, &step);
    for (size_t i = 0; i < count; i++)
        if (add_point(c, group, range_value(c, one, step, i), one->span) !=
            SLIM_OK)
            return SLIM_FAILED;
    return count > 0 ? SLIM_OK : SLIM_FAILED;
}

/* What the command line says stands in place of what is written. */
static enum slim_status cases_of(const struct slim_case **out,
                                 struct slim_compilation *c,
                                 const struct slim_stmt *stmt)
{
    *out = stmt->cases;
    for (const struct slim_value *name = stmt->words; name; name = name->next) {
        struct slim_override *o = override_of(c, name->text);
        if (!o)
            continue;
        o->used = true;
        if (stmt->words->next)
            return slim_fail(c->diag, "U012", o->cases->span,
                             "-s %s: the recipe sweeps '%s' together with "
                             "other names",
                             o->name, o->name);
        *out = o->cases;
    }
    return SLIM_OK;
}

static enum slim_status add_group(struct slim_compilation *c,
                                  struct slim_stmt *stmt)
{
    struct slim_axes *group = SLIM_NEW(c->arena, struct slim_axes);
    struct slim_axes **tail = &c->groups;
    const struct slim_case *one = NULL;

    while (*tail)
        tail = &(*tail)->next;
    *tail = group;
    group->stmt = stmt;
    for (const struct slim_value *name = stmt->words; name; name = name->next)
        group->width++;
    enum slim_status status = cases_of(&one, c, stmt);
    for (; one; one = one->next)
        if (add_case(c, group, one) != SLIM_OK)
            status = SLIM_FAILED;
    return status;
}

/* `let p` with several values from the command line is an axis. */
static void take_override(struct slim_compilation *c, struct slim_stmt *stmt)
{
    struct slim_override *o = override_of(c, stmt->name->text);

    if (!o || (!o->cases->next && !o->cases->last && !o->cases->values->next))
        return;
    stmt->kind = SLIM_STMT_SWEEP;
    stmt->words = stmt->name;
    stmt->cases = o->cases;
    stmt->value = NULL;
}

static const struct slim_axes *group_of(const struct slim_compilation *c,
                                        const char *name, size_t *index)
{
    for (const struct slim_axes *g = c->groups; g; g = g->next) {
        *index = 0;
        for (const struct slim_value *v = g->stmt->words; v; v = v->next) {
            if (strcmp(v->text, name) == 0)
                return g;
            ++*index;
        }
    }
    return NULL;
}

const struct slim_value *slim_tuple_value(const struct slim_tuple *place,
                                          size_t index)
{
    const struct slim_value *value = place ? place->values : NULL;

    while (value && index-- > 0)
        value = value->next;
    return value;
}

static enum slim_status unknown_axis(struct slim_compilation *c,
                                     const struct slim_value *name)
{
    struct slim_words names = { 0 };

    for (const struct slim_axes *g = c->groups; g; g = g->next)
        for (const struct slim_value *v = g->stmt->words; v; v = v->next)
            slim_words_add(&names, c->arena, v->text);
    struct slim_error *error = slim_error(
        c->diag, "N022", name->span, "no sweep goes through '%s'", name->text);
    slim_suggest(c->diag, error, name->span, name->text, &names);
    return SLIM_FAILED;
}

static enum slim_status check_keep(struct slim_compilation *c,
                                   const struct slim_stmt *stmt,
                                   const struct slim_stmt *earlier)
{
    size_t index = 0;

    if (!c->groups) {
        struct slim_error *error = slim_error(
            c->diag, "E150", stmt->span, "there is no sweep to keep one of");
        slim_error_hint(c->diag, error, "Say 'sweep %s = ...' before it.",
                        stmt->name->text);
        return SLIM_FAILED;
    }
    if (earlier) {
        struct slim_error *error =
            slim_error(c->diag, "E151", stmt->span, "'keep' is said twice");
        slim_error_note(c->diag, error, earlier->span, "here is the first");
        return SLIM_FAILED;
    }
    const struct slim_axes *group = group_of(c, stmt->name->text, &index);
    if (!group)
        return unknown_axis(c, stmt->name);
    for (const struct slim_tuple *p = group->places; p; p = p->next) {
        const struct slim_value *value = slim_tuple_value(p, index);
        if (!value || is_plain(value))
            continue;
        struct slim_error *error =
            slim_error(c->diag, "A144", stmt->name->span,
                       "'%s' has values without an order", stmt->name->text);
        slim_error_note(c->diag, error, value->span, "no number");
        return SLIM_FAILED;
    }
    return SLIM_OK;
}

static size_t count_statements(const struct slim_recipe *recipe)
{
    size_t count = 0;

    for (const struct slim_stmt *s = recipe->first; s; s = s->next)
        count++;
    return count;
}

static enum slim_status count_points(struct slim_compilation *c)
{
    size_t count = 1, statements = count_statements(c->recipe);

    for (const struct slim_axes *g = c->groups; g; g = g->next) {
        count *= g->count ? g->count : 1;
        if (count > POINTS)
            return slim_fail(c->diag, "A142", g->stmt->span,
                             "a sweep has at most %d points", POINTS);
        if (count > 1 && count * statements > STATEMENTS)
            return slim_fail(c->diag, "A142", g->stmt->span,
                             "%zu points of %zu statements are too many", count,
                             statements);
    }
    c->points = c->groups ? count : 0;
    return SLIM_OK;
}

enum slim_status slim_pass_sweep(struct slim_compilation *c)
{
    const struct slim_stmt *keep = NULL;
    enum slim_status status = SLIM_OK;

    for (struct slim_stmt *stmt = c->recipe->first; stmt; stmt = stmt->next) {
        if (stmt->kind == SLIM_STMT_LET)
            take_override(c, stmt);
        if (stmt->kind == SLIM_STMT_SWEEP && add_group(c, stmt) != SLIM_OK)
            status = SLIM_FAILED;
        if (stmt->kind != SLIM_STMT_KEEP)
            continue;
        if (check_keep(c, stmt, keep) != SLIM_OK)
            status = SLIM_FAILED;
        keep = stmt;
    }
    if (count_points(c) != SLIM_OK)
        status = SLIM_FAILED;
    if (status != SLIM_OK) {
        c->incomplete = true;
        c->points = c->points > 0;
    }
    return status;
}
