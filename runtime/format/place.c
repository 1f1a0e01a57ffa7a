/* place.c - a directory that appears whole or not at all */
#include "runtime/format/place.h"

#include "base/file.h"
#include "base/progress.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* Without slashes at its end, except where it is all slashes. */
static const char *bare(const char *path, struct slim_arena *arena)
{
    size_t length = strlen(path);

    while (length > 1 && path[length - 1] == '/')
        length--;
    return slim_arena_strndup(arena, path, length);
}

/* A link that leads nowhere is there too: nothing can take its name. */
static bool is_there(const char *path)
{
    struct stat info;

    return lstat(path, &info) == 0;
}

/* The length of the longest parent that is there; 0: none is named. */
static size_t parent_there(const char *path, struct slim_arena *arena)
{
    char *copy = slim_arena_strdup(arena, path);
    char *slash;

    while ((slash = strrchr(copy, '/'))) {
        if (slash == copy)
            return 1;
        *slash = '\0';
        if (slim_file_exists(copy))
            break;
    }
    return slash ? strlen(copy) : 0;
}

/* "models" holds the model of "models/small", as "models/small" does. */
static bool holds(const char *path, const char *model)
{
    char *outer = realpath(path, NULL), *inner = realpath(model, NULL);
    size_t length = outer ? strlen(outer) : 0;
    bool inside = outer && inner && strncmp(outer, inner, length) == 0 &&
                  (inner[length] == '/' || inner[length] == 0);

    free(outer);
    free(inner);
    return inside;
}

static enum slim_status check_old(const char *path, bool force,
                                  const char *input, struct slim_span at,
                                  struct slim_diag *diag)
{
    if (!is_there(path))
        return SLIM_OK;
    if (!force)
        return slim_fail(diag, "I410", at,
                         "\"%s\" exists already; --force replaces it", path);
    if (!slim_file_is_directory(path))
        return slim_fail(diag, "I411", at, "\"%s\" is a file, not a directory",
                         path);
    if (holds(path, input))
        return slim_fail(diag, "I414", at,
                         "\"%s\" cannot be replaced: it holds the model that "
                         "is read",
                         path);
    if (at.source && holds(path, at.source->name))
        return slim_fail(diag, "I414", at,
                         "\"%s\" cannot be replaced: it holds this recipe",
                         path);
    return SLIM_OK;
}

enum slim_status slim_place_open(struct slim_place *out, const char *path,
                                 struct slim_span at, struct slim_diag *diag)
{
    *out = (struct slim_place){ .path = bare(path, diag->arena) };
    out->temporary =
        slim_arena_printf(diag->arena, "%s.tmp-%ld", out->path, (long)getpid());
    out->kept = parent_there(out->path, diag->arena);
    const char *parent =
        out->kept ? slim_arena_strndup(diag->arena, out->path, out->kept) : ".";

    if (!slim_file_is_directory(parent))
        return slim_fail(diag, "I411", at, "\"%s\" is a file, not a directory",
                         parent);
    if (access(parent, W_OK) != 0)
        return slim_fail(diag, "I412", at,
                         "directory \"%s\" is not writable: %s", parent,
                         strerror(errno));
    enum slim_status status = slim_make_directory(out->temporary, at, diag);
    if (status != SLIM_OK)
        slim_place_abort(out);
    return status;
}

void slim_place_abort(struct slim_place *place)
{
    char *copy = strdup(place->path);
    char *slash;

    slim_remove_tree(place->temporary);
    while (copy && (slash = strrchr(copy, '/')) &&
           (size_t)(slash - copy) > place->kept) {
        *slash = '\0';
        if (rmdir(copy) != 0)
            break;
    }
    free(copy);
}

/* What may go wrong late is tried early. */
enum slim_status slim_place_check(const char *path, bool force,
                                  const char *input, struct slim_span at,
                                  struct slim_diag *diag)
{
    struct slim_place place;

    if (check_old(bare(path, diag->arena), force, input, at, diag) != SLIM_OK ||
        slim_place_open(&place, path, at, diag) != SLIM_OK)
        return SLIM_FAILED;
    slim_place_abort(&place);
    return SLIM_OK;
}

static enum slim_status take_name(const struct slim_place *place,
                                  struct slim_span at, struct slim_diag *diag)
{
    const char *path = place->path;
    const char *old =
        slim_arena_printf(diag->arena, "%s.old-%ld", path, (long)getpid());
    bool replaces = is_there(path);

    if (replaces && rename(path, old) != 0)
        return slim_fail(diag, "I413", at, "could not move \"%s\" aside: %s",
                         path, strerror(errno));
    if (rename(place->temporary, path) != 0) {
        int reason = errno;

        if (replaces)
            (void)rename(old, path);
        return slim_fail(diag, "I413", at, "could not give \"%s\" its name: %s",
                         path, strerror(reason));
    }
    if (replaces)
        slim_remove_tree(old);
    return SLIM_OK;
}

enum slim_status slim_place_settle(struct slim_place *place, bool force,
                                   struct slim_span at, struct slim_diag *diag)
{
    if (slim_interrupted())
        return slim_fail(diag, "C130", at, "interrupted: \"%s\" is not written",
                         place->path);
    if (is_there(place->path) && !force)
        return slim_fail(diag, "I410", at,
                         "\"%s\" exists already; --force replaces it",
                         place->path);
    return take_name(place, at, diag);
}
