/* pass_include.c - splice included recipes into the list of statements */
#include "compiler/compilation.h"

#include "base/file.h"
#include "base/text.h"
#include "lang/parse.h"

#include <stdlib.h>
#include <string.h>

enum { DEPTH = 16, FILES = 1000 };

/* The recipes being read, innermost first. */
struct nest {
    char *real; /* realpath, or NULL for what is no file */
    const struct nest *outer;
    size_t depth;
};

static const char *library_path(struct slim_compilation *c, const char *name)
{
    char *directory = slim_share_directory(c->arena, "recipes");

    return directory
               ? slim_arena_printf(c->arena, "%s/%s.slim", directory, name)
               : NULL;
}

static const char *beside(struct slim_compilation *c,
                          const struct slim_stmt *stmt)
{
    const char *recipe = stmt->span.source->name;

    return slim_path_join(c->arena, slim_path_directory(c->arena, recipe),
                          stmt->value->text);
}

static bool is_open(const struct nest *nest, const char *real)
{
    for (; nest; nest = nest->outer)
        if (nest->real && strcmp(nest->real, real) == 0)
            return true;
    return false;
}

static enum slim_status splice(struct slim_stmt ***tail,
                               struct slim_compilation *c,
                               struct slim_stmt *first,
                               const struct nest *nest);

static enum slim_status splice_file(struct slim_stmt ***tail,
                                    struct slim_compilation *c,
                                    struct slim_stmt *stmt, const char *path,
                                    const struct nest *inner)
{
    struct slim_source *source = SLIM_NEW(c->arena, struct slim_source);
    struct slim_recipe *recipe = NULL;

    if (slim_file_read(source, path, 0, stmt->value->span, c->diag) != SLIM_OK)
        return SLIM_FAILED;
    enum slim_status status = slim_parse(&recipe, source, c->diag);
    if (status != SLIM_OK)
        c->incomplete = true;
    if (recipe)
        slim_unread_verbs(c, recipe);
    if (recipe && splice(tail, c, recipe->first, inner) != SLIM_OK)
        return SLIM_FAILED;
    return status;
}

static enum slim_status include(struct slim_stmt ***tail,
                                struct slim_compilation *c,
                                struct slim_stmt *stmt, const struct nest *nest)
{
    const char *path =
        stmt->library ? library_path(c, stmt->value->text) : beside(c, stmt);
    struct slim_span at = stmt->value->span;

    if (!path || !slim_file_exists(path))
        return slim_fail(c->diag, "N012", at, "there is no recipe '%s'%s%s",
                         stmt->value->text, path ? ": looked for " : "",
                         path ? path : "");
    if (nest->depth >= DEPTH)
        return slim_fail(c->diag, "N014", at, "includes nest more than %d deep",
                         DEPTH);
    if (c->included++ >= FILES)
        return slim_fail(c->diag, "N014", at,
                         "a recipe includes at most %d others", FILES);
    struct nest inner = { realpath(path, NULL), nest, nest->depth + 1 };
    enum slim_status status = SLIM_FAILED;
    if (inner.real && is_open(nest, inner.real))
        (void)slim_fail(c->diag, "N014", at, "'%s' includes itself",
                        stmt->value->text);
    else
        status = splice_file(tail, c, stmt, path, &inner);
    free(inner.real);
    return status;
}

static enum slim_status splice(struct slim_stmt ***tail,
                               struct slim_compilation *c,
                               struct slim_stmt *first, const struct nest *nest)
{
    enum slim_status status = SLIM_OK;
    struct slim_stmt *next;

    for (struct slim_stmt *stmt = first; stmt; stmt = next) {
        next = stmt->next;
        if (stmt->kind == SLIM_STMT_INCLUDE) {
            if (include(tail, c, stmt, nest) != SLIM_OK) {
                c->incomplete = true;
                status = SLIM_FAILED;
            }
            continue;
        }
        stmt->next = NULL;
        **tail = stmt;
        *tail = &stmt->next;
    }
    return status;
}

enum slim_status slim_pass_include(struct slim_compilation *c)
{
    struct slim_stmt *first = c->recipe->first;
    struct slim_stmt **tail = &c->recipe->first;
    const char *name = c->recipe->source->name;
    struct nest outermost = { realpath(name, NULL), NULL, 0 };

    slim_unread_verbs(c, c->recipe);
    c->recipe->first = NULL;
    enum slim_status status = splice(&tail, c, first, &outermost);
    free(outermost.real);
    return slim_check_limits(c) == SLIM_OK ? status : SLIM_FAILED;
}
