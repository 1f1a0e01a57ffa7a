/* read_point.c - the points of a sweep in a listing, and how they fit together
 */
#include "compiler/ir/reader.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* The axes of a listing's point, before the points are compared. */
struct axes {
    const char **names, **values;
    double *numbers;
    size_t count, room;
};

static void make_room(struct axes *axes, struct slim_arena *arena)
{
    size_t room = axes->room ? 2 * axes->room : 8;
    struct axes more = { .names = SLIM_NEW_ARRAY(arena, room, const char *),
                         .values = SLIM_NEW_ARRAY(arena, room, const char *),
                         .numbers = SLIM_NEW_ARRAY(arena, room, double),
                         .count = axes->count,
                         .room = room };

    for (size_t i = 0; i < axes->count; i++) {
        more.names[i] = axes->names[i];
        more.values[i] = axes->values[i];
        more.numbers[i] = axes->numbers[i];
    }
    *axes = more;
}

static bool is_name(const char *text, size_t length)
{
    static const char plain[] = "abcdefghijklmnopqrstuvwxyz"
                                "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_.";

    return length > 0 && strspn(text, plain) == length;
}

/* p="20%"=20, m="l2" */
static enum slim_status read_value(struct axes *axes, struct slim_reader *r)
{
    char *name = slim_arena_strdup(r->diag->arena, r->word);
    char *equal = strchr(name, '='), *end = NULL;
    double number = 0.0;

    /* no quote or bracket: it has to be one word again */
    if (!equal || equal[1] != '"' || !is_name(name, (size_t)(equal - name)))
        return slim_reader_fail(r, "a value such as p=\"20%\"=20");
    *equal++ = '\0';
    /* the quote that ends the value is the last of the word */
    char *behind = strrchr(equal, '"') + 1;
    if (*behind == '=') {
        number = strtod(behind + 1, &end);
        if (end == behind + 1 || *end || !isfinite(number) ||
            !(number < 0 || number > 0))
            return slim_reader_fail(r, "a value such as p=\"20%\"=20");
    } else if (*behind) {
        return slim_reader_fail(r, "a value such as p=\"20%\"=20");
    }
    *behind = '\0';
    const char *value = slim_text_unquote(r->diag->arena, equal);
    if (!value)
        return slim_reader_fail(r, "a string");
    if (axes->count == axes->room)
        make_room(axes, r->diag->arena);
    axes->names[axes->count] = name;
    axes->values[axes->count] = value;
    axes->numbers[axes->count++] = number;
    slim_reader_next(r);
    return SLIM_OK;
}

/* The first point says which axes there are. */
static bool same_axes(const struct slim_sweep *sweep, const struct axes *axes)
{
    if (axes->count != sweep->axis_count)
        return false;
    for (size_t i = 0; i < axes->count; i++)
        if (strcmp(axes->names[i], sweep->axes[i]) != 0)
            return false;
    return true;
}

enum slim_status slim_read_point(struct slim_reader *r)
{
    struct slim_arena *arena = r->diag->arena;
    struct slim_point *point = SLIM_NEW(arena, struct slim_point);
    struct slim_span line = { r->source, r->span.begin, r->end };
    struct axes axes = { 0 };

    slim_reader_next(r);
    if (r->word && *r->word == '"')
        point->name = slim_text_unquote(arena, r->word);
    if (!point->name)
        return slim_reader_fail(r, "the name of a point");
    slim_reader_next(r);
    while (r->word)
        if (read_value(&axes, r) != SLIM_OK)
            return SLIM_FAILED;
    if (!r->sweep) {
        r->sweep = SLIM_NEW(arena, struct slim_sweep);
        *r->sweep = (struct slim_sweep){ axes.names, axes.count, 0 };
    }
    if (!same_axes(r->sweep, &axes))
        return slim_fail(r->diag, "F508", line,
                         "this point has other axes than the first");
    if (r->sweep->count == SLIM_POINTS_MAX)
        return slim_fail(r->diag, "F508", line, "a sweep has at most %d points",
                         SLIM_POINTS_MAX);
    point->sweep = r->sweep;
    point->index = r->sweep->count++;
    point->values = axes.values;
    point->numbers = axes.numbers;
    r->program->point = point;
    return SLIM_OK;
}

enum slim_status slim_read_unmet(struct slim_reader *r)
{
    struct slim_error *error = SLIM_NEW(r->diag->arena, struct slim_error);
    struct slim_span line = { r->source, r->span.begin, r->end };
    char *message = NULL;

    slim_reader_next(r);
    if (r->word && *r->word == '"')
        message = slim_text_unquote(r->diag->arena, r->word);
    if (!message)
        return slim_reader_fail(r, "why the point is left out");
    *error = (struct slim_error){
        .severity = SLIM_ERROR, .code = "V001", .span = line, .message = message
    };
    r->program->unmet = error;
    slim_reader_next(r);
    return r->word ? slim_reader_fail(r, "the end of the line") : SLIM_OK;
}

static int by_name(const void *a, const void *b)
{
    const struct slim_program *const *x = a, *const *y = b;

    return strcmp((*x)->point->name, (*y)->point->name);
}

static struct slim_span whole(const struct slim_program *program)
{
    return (struct slim_span){ program->source, 0, 0 };
}

enum slim_status slim_check_points(const struct slim_program *first,
                                   struct slim_diag *diag)
{
    const struct slim_program **all;
    size_t count = 0;

    for (const struct slim_program *p = first; p; p = p->next, count++)
        if (!p->point && (p != first || p->next))
            return slim_fail(diag, "F508", whole(first),
                             "several listings are points of a sweep: each "
                             "has a name");
    if (!first || !first->point)
        return SLIM_OK;
    all = SLIM_NEW_ARRAY(diag->arena, count, const struct slim_program *);
    count = 0;
    for (const struct slim_program *p = first; p; p = p->next)
        all[count++] = p;
    qsort(all, count, sizeof(const struct slim_program *), by_name);
    for (size_t i = 1; i < count; i++)
        if (by_name(&all[i - 1], &all[i]) == 0)
            return slim_fail(diag, "F508", whole(first),
                             "two points have the name \"%s\"",
                             all[i]->point->name);
    return SLIM_OK;
}
