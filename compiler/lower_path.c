/* lower_path.c - where a save goes: two must not go to one place */
#include "compiler/compilation.h"

#include <string.h>

static const char **path_of(const struct slim_op *op)
{
    const struct slim_param *path = slim_param_find(op->stage, "path");
    char *args = op->args;

    return path ? (const char **)(void *)(args + path->offset) : NULL;
}

/* "out/" and "out" are one place. */
static const char *bare(const char *path, struct slim_arena *arena)
{
    size_t length = strlen(path);

    while (length > 1 && path[length - 1] == '/')
        length--;
    return slim_arena_strndup(arena, path, length);
}

/* "out" takes the place of "out/small", but not the other way round. */
static bool takes_place(const char *path, const char *earlier)
{
    size_t length = strlen(path);

    return strncmp(path, earlier, length) == 0 &&
           (earlier[length] == '\0' || earlier[length] == '/');
}

enum slim_status slim_lower_path(struct slim_lowering *l)
{
    struct slim_op *op = &l->drafts[0]->op;
    const char **path = path_of(op);

    if (!path || !*path)
        return SLIM_OK;
    *path = bare(*path, l->c->arena);
    /* every point writes, each to a place of its own, until one is kept */
    const struct slim_point *point = l->c->program->point;
    if (point && point->sweep->count > 1 && !l->c->kept)
        *path = slim_arena_printf(l->c->arena, "%s/%s", *path, point->name);
    for (struct slim_op *old = l->c->program->first; old; old = old->next) {
        const char **earlier = path_of(old);
        if (!earlier || !*earlier || !takes_place(*path, *earlier))
            continue;
        struct slim_error *error = slim_error(
            l->c->diag, "N018", op->span,
            "'%s' would replace what an earlier statement writes", *path);
        slim_error_note(l->c->diag, error, old->span, "written here");
        return SLIM_FAILED;
    }
    return SLIM_OK;
}
