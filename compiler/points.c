/* points.c - a recipe with a sweep: one program for each of its points */
#include "compiler/compilation.h"

#include "base/text.h"

#include <string.h>

/* A record of some point, and at how many points it was made. */
struct seen {
    struct slim_error *error;
    size_t count;
    const char *point;
    struct seen *next;
};

static bool is_same(const struct slim_error *a, const struct slim_error *b)
{
    return strcmp(a->code, b->code) == 0 && a->span.source == b->span.source &&
           a->span.begin == b->span.begin && a->span.end == b->span.end &&
           strcmp(a->message, b->message) == 0;
}

/* A point whose shape fails an assertion is a point less, not a mistake. */
static bool only_unmet(const struct slim_diag *found)
{
    for (const struct slim_error *e = found->first; e; e = e->next)
        if (e->severity == SLIM_ERROR && strcmp(e->code, "V001") != 0)
            return false;
    return found->errors > 0;
}

/* Each mistake is reported once, whatever the number of points. */
static void gather(struct seen **list, const struct slim_diag *found,
                   const char *point, struct slim_diag *diag)
{
    struct slim_error *next;

    for (struct slim_error *e = found->first; e; e = next) {
        struct seen *s = *list;
        next = e->next;
        while (s && !is_same(s->error, e))
            s = s->next;
        if (s) {
            s->count++;
            continue;
        }
        struct slim_error *kept = slim_diag_move(diag, e);
        if (!kept)
            continue;
        s = SLIM_NEW(diag->arena, struct seen);
        *s = (struct seen){ kept, 1, point, *list };
        *list = s;
    }
}

static void name_points(const struct seen *list, size_t points,
                        struct slim_diag *diag)
{
    for (const struct seen *s = list; s; s = s->next)
        if (s->count < points && !s->error->hint)
            slim_error_hint(diag, s->error, "At %zu of %zu points, as %s.",
                            s->count, points, s->point);
}

/* What a shell and a path take as it is; nothing is lost that tells points
 * apart, since what is replaced gets the number of the point. */
static const char *point_name(struct slim_compilation *c, size_t index)
{
    static const char plain[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRST"
                                "UVWXYZ0123456789._%+-:";
    struct slim_text name = { 0 };
    bool replaced = false;

    for (const struct slim_bound *b = c->bound; b; b = b->next) {
        struct slim_text value = { 0 };
        slim_text_printf(&name, "%s%s=", b == c->bound ? "" : ",", b->name);
        slim_value_print(&value, b->value);
        for (size_t i = 0; i < value.length; i++) {
            bool fits = strchr(plain, value.data[i]) != NULL;
            replaced = replaced || !fits;
            slim_text_append(&name, fits ? value.data + i : "-", 1);
        }
        slim_text_free(&value);
    }
    if (replaced)
        slim_text_printf(&name, ",%zu", index + 1);
    const char *kept = slim_arena_strdup(c->arena, name.data);
    slim_text_free(&name);
    return kept;
}

/* The values of a point; the last sweep of the recipe varies fastest. */
static void bind(struct slim_compilation *c, size_t index)
{
    struct slim_bound **tail = &c->bound;
    size_t rest = 1;

    c->bound = NULL;
    for (const struct slim_axes *g = c->groups; g; g = g->next)
        rest *= g->count ? g->count : 1;
    for (const struct slim_axes *g = c->groups; g; g = g->next) {
        const struct slim_tuple *place = g->places;
        size_t count = g->count ? g->count : 1, column = 0;
        rest /= count;
        for (size_t i = index / rest % count; i > 0; i--)
            place = place->next;
        for (const struct slim_value *n = g->stmt->words; n; n = n->next) {
            struct slim_bound *bound = SLIM_NEW(c->arena, struct slim_bound);
            *bound =
                (struct slim_bound){ n->text, slim_tuple_value(place, column++),
                                     NULL };
            *tail = bound;
            tail = &bound->next;
        }
    }
}

static const struct slim_sweep *sweep_of(const struct slim_compilation *c)
{
    struct slim_sweep *sweep = SLIM_NEW(c->arena, struct slim_sweep);
    size_t count = 0;

    for (const struct slim_bound *b = c->bound; b; b = b->next)
        count++;
    const char **axes = SLIM_NEW_ARRAY(c->arena, count, const char *);
    *sweep = (struct slim_sweep){ axes, count, c->points };
    for (const struct slim_bound *b = c->bound; b; b = b->next)
        *axes++ = b->name;
    return sweep;
}

static void make_point(struct slim_compilation *c,
                       const struct slim_sweep *sweep, size_t index)
{
    struct slim_point *point = SLIM_NEW(c->arena, struct slim_point);
    const char **values =
        SLIM_NEW_ARRAY(c->arena, sweep->axis_count, const char *);
    double *numbers = SLIM_NEW_ARRAY(c->arena, sweep->axis_count, double);
    size_t i = 0;

    *point = (struct slim_point){ sweep, index, point_name(c, index), values,
                                  numbers };
    for (const struct slim_bound *b = c->bound; b; b = b->next, i++) {
        struct slim_text text = { 0 };
        slim_value_print(&text, b->value);
        values[i] = slim_arena_strdup(c->arena, text.data);
        numbers[i] = b->value->number;
        slim_text_free(&text);
    }
    c->program->point = point;
}

static struct slim_recipe *copy_recipe(const struct slim_compilation *c)
{
    struct slim_recipe *copy = SLIM_NEW(c->arena, struct slim_recipe);
    struct slim_stmt **tail = &copy->first;

    *copy = *c->recipe;
    for (const struct slim_stmt *s = c->recipe->first; s; s = s->next) {
        *tail = slim_stmt_copy(s, c->arena);
        tail = &(*tail)->next;
    }
    *tail = NULL;
    return copy;
}

/* What the point comes to, as a recipe that needs no sweep. */
static const char *point_text(struct slim_compilation *c)
{
    struct slim_recipe recipe = *c->recipe;
    struct slim_stmt **tail = &recipe.first;
    struct slim_text text = { 0 };

    for (struct slim_stmt *s = c->recipe->first; s; s = s->next) {
        struct slim_stmt *copy = SLIM_NEW(c->arena, struct slim_stmt);
        if (s->kind == SLIM_STMT_KEEP)
            continue;
        *copy = *s;
        *tail = copy;
        tail = &copy->next;
    }
    *tail = NULL;
    slim_recipe_print(&text, &recipe);
    const char *kept = slim_arena_strdup(c->arena, text.data ? text.data : "");
    slim_text_free(&text);
    return kept;
}

/* Whether the command line chose the values: then the recipe was written for
 * other ones. */
static bool is_overridden(const struct slim_compilation *c,
                          const struct slim_value *name)
{
    for (const struct slim_override *o = c->host->overrides; o; o = o->next)
        if (strcmp(o->name, name->text) == 0)
            return true;
    return false;
}

/* An argument that a swept method leaves out must matter to another one. */
static enum slim_status check_arguments(const struct slim_compilation *c)
{
    enum slim_status status = SLIM_OK;

    for (const struct slim_stmt *s = c->recipe->first; s; s = s->next)
        for (const struct slim_arg *arg = s->args; arg; arg = arg->next)
            if (s->method && !is_overridden(c, s->method) && arg->matters &&
                !*arg->matters)
                status =
                    slim_fail(c->diag, "A008", arg->name->span,
                              "'%s' cannot matter at any point of the sweep",
                              arg->name->text);
    return status;
}

enum slim_status slim_compile_points(struct slim_compilation *c,
                                     void (*compile)(struct slim_compilation *))
{
    struct slim_program *first = NULL, **tail = &first;
    const struct slim_sweep *sweep = NULL;
    struct seen *seen = NULL;
    size_t unmet = 0;

    for (size_t i = 0; i < c->points; i++) {
        struct slim_compilation one = *c;
        struct slim_diag diag = { .arena = c->arena };
        one.diag = &diag;
        one.recipe = copy_recipe(c);
        one.program = SLIM_NEW(c->arena, struct slim_program);
        *one.program = *c->program;
        bind(&one, i);
        sweep = sweep ? sweep : sweep_of(&one);
        if (!c->incomplete)
            make_point(&one, sweep, i);
        compile(&one);
        if (diag.errors == 0 && one.program->point)
            one.program->text = point_text(&one);
        if (only_unmet(&diag)) {
            one.program->unmet = diag.first;
            unmet++;
        }
        if (!one.program->unmet || unmet == c->points)
            gather(&seen, &diag,
                   one.program->point ? one.program->point->name : "", c->diag);
        *tail = one.program;
        tail = &one.program->next;
    }
    if (!first) /* there is a point at least: else nobody calls this */
        return SLIM_FAILED;
    *c->program = *first;
    if (!c->incomplete)
        name_points(seen, c->points, c->diag);
    return c->diag->errors || c->incomplete ? SLIM_FAILED : check_arguments(c);
}
