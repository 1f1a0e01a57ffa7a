/* yaml_value.c - what a node says: values, known keys (yaml.h) */
#include "base/yaml.h"

#include "base/text.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

const struct slim_yaml *slim_yaml_get(const struct slim_yaml *map,
                                      const char *key)
{
    if (!map || map->kind != SLIM_YAML_MAP)
        return NULL;
    for (size_t i = 0; i < map->count; i++)
        if (strcmp(map->keys[i]->text, key) == 0)
            return map->items[i];
    return NULL;
}

static const char *join(struct slim_diag *diag, const char *const *words)
{
    const char *all = "";

    for (size_t i = 0; words[i]; i++)
        all = slim_arena_printf(diag->arena, "%s%s%s", all, i ? " " : "",
                                words[i]);
    return all;
}

static bool is_known(const char *const *known, const char *key)
{
    for (size_t i = 0; known[i]; i++)
        if (strcmp(known[i], key) == 0)
            return true;
    return false;
}

enum slim_status slim_yaml_only(const struct slim_yaml *map,
                                const char *const *known,
                                struct slim_diag *diag)
{
    enum slim_status status = SLIM_OK;

    if (map->kind != SLIM_YAML_MAP)
        return slim_fail(diag, "F003", map->span, "expected keys with values");
    for (size_t i = 0; i < map->count; i++) {
        const struct slim_yaml *key = map->keys[i];
        if (is_known(known, key->text))
            continue;
        struct slim_error *error = slim_error(diag, "F005", key->span,
                                              "unknown key \"%s\"", key->text);
        const char *near = slim_text_nearest(key->text, known);
        if (near) {
            slim_error_label(diag, error, "did you mean '%s'?", near);
            slim_error_fix(diag, error, key->span, "%s", near);
        }
        slim_error_hint(diag, error, "known: %s", join(diag, known));
        status = SLIM_FAILED;
    }
    return status;
}

/* A scalar, unquoted where `plain`; otherwise an error that says what. */
static enum slim_status scalar(const struct slim_yaml *node, bool plain,
                               const char *what, struct slim_diag *diag)
{
    if (node->kind != SLIM_YAML_SCALAR)
        return slim_fail(diag, "F003", node->span, "expected %s, found a %s",
                         what, node->kind == SLIM_YAML_LIST ? "list" : "map");
    if (plain && node->quoted)
        return slim_fail(diag, "F003", node->span,
                         "expected %s, found text in quotes", what);
    return SLIM_OK;
}

static enum slim_status unexpected(const struct slim_yaml *node,
                                   const char *what, struct slim_diag *diag)
{
    return slim_fail(diag, "F003", node->span, "expected %s, found \"%s\"",
                     what, node->text);
}

enum slim_status slim_yaml_bool(bool *out, const struct slim_yaml *node,
                                struct slim_diag *diag)
{
    static const char what[] = "true or false";

    if (scalar(node, true, what, diag) != SLIM_OK)
        return SLIM_FAILED;
    if (strcmp(node->text, "true") != 0 && strcmp(node->text, "false") != 0)
        return unexpected(node, what, diag);
    *out = node->text[0] == 't';
    return SLIM_OK;
}

enum slim_status slim_yaml_double(double *out, const struct slim_yaml *node,
                                  struct slim_diag *diag)
{
    static const char what[] = "a number";
    char *end = NULL;

    if (scalar(node, true, what, diag) != SLIM_OK)
        return SLIM_FAILED;
    /* no hexadecimal, no infinity, no spaces: what a person calls a number */
    size_t span = strspn(node->text, "0123456789+-.eE");
    double value = strtod(node->text, &end);
    if (*node->text == '\0' || node->text[span] != '\0' || *end != '\0' ||
        !isfinite(value))
        return unexpected(node, what, diag);
    *out = value;
    return SLIM_OK;
}

enum slim_status slim_yaml_size(size_t *out, const struct slim_yaml *node,
                                struct slim_diag *diag)
{
    static const char what[] = "a whole number";
    char *end = NULL;

    if (scalar(node, true, what, diag) != SLIM_OK)
        return SLIM_FAILED;
    size_t span = strspn(node->text, "0123456789");
    errno = 0;
    unsigned long long value = strtoull(node->text, &end, 10);
    if (span == 0 || node->text[span] != '\0' || errno != 0 || value > SIZE_MAX)
        return unexpected(node, what, diag);
    *out = (size_t)value;
    return SLIM_OK;
}

enum slim_status slim_yaml_text(const char **out, const struct slim_yaml *node,
                                struct slim_diag *diag)
{
    if (scalar(node, false, "text", diag) != SLIM_OK)
        return SLIM_FAILED;
    *out = node->text;
    return SLIM_OK;
}
