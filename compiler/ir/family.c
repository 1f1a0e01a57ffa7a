/* family.c - loads a family file, section by section */
#include "compiler/ir/family.h"

#include "base/text.h"

#include <string.h>

const struct slim_yaml *slim_family_need(const struct slim_yaml *map,
                                         const char *key,
                                         struct slim_diag *diag)
{
    const struct slim_yaml *value = slim_yaml_get(map, key);
    struct slim_span place = map->span;
    place.end = place.begin;
    if (value == NULL)
        slim_error(diag, "F301", place, "\"%s\" is missing here", key);
    return value;
}

enum slim_status slim_family_kind(const struct slim_yaml *node,
                                  enum slim_yaml_kind kind,
                                  struct slim_diag *diag)
{
    static const char *const names[] = { "a plain value", "a list", "a map" };
    if (node == NULL || node->kind == kind)
        return SLIM_OK;
    return slim_fail(diag, "F302", node->span, "this has to be %s, not %s",
                     names[kind], names[node->kind]);
}

/* ---- config ---- */

static const char *const entry_types[] = { "size", "count",   "number",
                                           "flag", "text",    "id",
                                           "list", "version", NULL };

static enum slim_status read_type(struct slim_entry *entry,
                                  const struct slim_yaml *node,
                                  struct slim_diag *diag)
{
    const char *text = NULL;
    if (node == NULL)
        return SLIM_OK;
    if (slim_yaml_text(&text, node, diag) != SLIM_OK)
        return SLIM_FAILED;
    for (size_t t = 0; entry_types[t] != NULL; t++) {
        if (strcmp(entry_types[t], text) == 0) {
            entry->type = (enum slim_entry_type)t;
            return SLIM_OK;
        }
    }
    return slim_fail(diag, "F303", node->span,
                     "\"%s\" is no type; there are size, count, number, flag, "
                     "text, id, list and version",
                     text);
}

static enum slim_status read_keys(struct slim_entry *entry,
                                  const struct slim_yaml *node,
                                  struct slim_diag *diag)
{
    size_t count = node->kind == SLIM_YAML_LIST ? node->count : 1;
    entry->keys = SLIM_NEW_ARRAY(diag->arena, count, const char *);
    for (size_t k = 0; k < count; k++) {
        const struct slim_yaml *key =
            node->kind == SLIM_YAML_LIST ? node->items[k] : node;
        if (slim_yaml_text(&entry->keys[k], key, diag) != SLIM_OK)
            return SLIM_FAILED;
    }
    entry->key_count = count;
    return SLIM_OK;
}

static enum slim_status optional_expr(const struct slim_expr **out,
                                      const struct slim_yaml *map,
                                      const char *key,
                                      const struct slim_names *names,
                                      struct slim_diag *diag)
{
    const struct slim_yaml *node = slim_yaml_get(map, key);
    return node == NULL ? SLIM_OK : slim_expr_parse(out, node, names, diag);
}

static enum slim_status read_values(struct slim_entry *entry,
                                    const struct slim_yaml *node,
                                    struct slim_diag *diag)
{
    entry->values = node;
    if (node == NULL)
        return SLIM_OK;
    if (slim_family_kind(node, SLIM_YAML_MAP, diag) != SLIM_OK)
        return SLIM_FAILED;
    for (size_t v = 0; v < node->count; v++)
        if (slim_family_kind(node->items[v], SLIM_YAML_SCALAR, diag) != SLIM_OK)
            return SLIM_FAILED;
    if (entry->type != SLIM_ENTRY_TEXT)
        return slim_fail(diag, "F303", node->span,
                         "only an entry of type text has values");
    return SLIM_OK;
}

static enum slim_status read_entry_map(struct slim_entry *entry,
                                       const struct slim_names *names,
                                       struct slim_diag *diag)
{
    static const char *const known[] = { "key",   "type", "default", "null",
                                         "value", "when", "values",  NULL };
    const struct slim_yaml *map = entry->node;
    const struct slim_yaml *key = slim_yaml_get(map, "key");
    const struct slim_yaml *value = slim_yaml_get(map, "value");
    if (slim_yaml_only(map, known, diag) != SLIM_OK ||
        read_type(entry, slim_yaml_get(map, "type"), diag) != SLIM_OK ||
        read_values(entry, slim_yaml_get(map, "values"), diag) != SLIM_OK)
        return SLIM_FAILED;
    if ((key == NULL) == (value == NULL))
        return slim_fail(diag, "F303", map->span,
                         "an entry has either a key of config.json or a value");
    if (key != NULL && read_keys(entry, key, diag) != SLIM_OK)
        return SLIM_FAILED;
    if (optional_expr(&entry->fallback, map, "default", names, diag) !=
            SLIM_OK ||
        optional_expr(&entry->if_null, map, "null", names, diag) != SLIM_OK ||
        optional_expr(&entry->value, map, "value", names, diag) != SLIM_OK)
        return SLIM_FAILED;
    return optional_expr(&entry->when, map, "when", names, diag);
}

static enum slim_status check_name(const char *name, struct slim_span place,
                                   struct slim_diag *diag)
{
    static const char letters[] = "abcdefghijklmnopqrstuvwxyz"
                                  "ABCDEFGHIJKLMNOPQRSTUVWXYZ_0123456789";
    if (name[0] == '\0' || strspn(name, letters) != strlen(name) ||
        strchr("0123456789", name[0]) != NULL)
        return slim_fail(diag, "F304", place,
                         "a name has letters, digits and underscores only");
    if (slim_expr_word(name) || strcmp(name, "i") == 0)
        return slim_fail(diag, "F304", place,
                         "\"%s\" is a word of the expressions", name);
    return SLIM_OK;
}

/* An entry sees those above it. A faulty one still defines its name: one
 * mistake is one message. */
enum slim_status slim_family_entries(struct slim_family *family,
                                     struct slim_diag *diag)
{
    const struct slim_yaml *map =
        slim_family_need(family->root, "config", diag);
    enum slim_status status = SLIM_OK;
    if (map == NULL || slim_family_kind(map, SLIM_YAML_MAP, diag) != SLIM_OK ||
        slim_family_order(map, diag) != SLIM_OK)
        return SLIM_FAILED;
    family->entries =
        SLIM_NEW_ARRAY(diag->arena, map->count, struct slim_entry);
    for (size_t e = 0; e < map->count; e++) {
        struct slim_entry *entry = &family->entries[family->entry_count++];
        entry->name = map->keys[e]->text;
        entry->node = map->items[e];
        if (check_name(entry->name, map->keys[e]->span, diag) != SLIM_OK)
            status = SLIM_FAILED;
        enum slim_status read = SLIM_OK;
        if (entry->node->kind == SLIM_YAML_MAP)
            read = read_entry_map(entry, &family->names, diag);
        else
            read = read_keys(entry, entry->node, diag);
        if (read != SLIM_OK)
            status = SLIM_FAILED;
        slim_names_add(&family->names, entry->name, diag->arena);
    }
    if (slim_names_find(&family->names, "layers") == SIZE_MAX)
        return slim_fail(diag, "F301", map->span,
                         "\"layers\" is missing: how many layers there are");
    return status;
}

/* ---- axes ---- */

static enum slim_status read_unit(struct slim_family_axis *axis,
                                  const struct slim_names *names,
                                  const struct slim_yaml *node,
                                  struct slim_diag *diag)
{
    static const char *const known[] = { "when", "then", "else", NULL };
    axis->axis.unit = axis->axis.name;
    if (node == NULL)
        return SLIM_OK;
    if (node->kind != SLIM_YAML_MAP)
        return slim_yaml_text(&axis->axis.unit, node, diag);
    const struct slim_yaml *when = slim_family_need(node, "when", diag);
    const struct slim_yaml *then = slim_family_need(node, "then", diag);
    const struct slim_yaml *other = slim_family_need(node, "else", diag);
    if (when == NULL || then == NULL || other == NULL ||
        slim_yaml_only(node, known, diag) != SLIM_OK ||
        slim_expr_parse(&axis->unit_when, when, names, diag) != SLIM_OK ||
        slim_yaml_text(&axis->axis.unit, then, diag) != SLIM_OK)
        return SLIM_FAILED;
    return slim_yaml_text(&axis->unit_else, other, diag);
}

static enum slim_status read_scale(struct slim_family_axis *axis,
                                   const struct slim_yaml *node,
                                   struct slim_diag *diag)
{
    static const char *const kinds[] = { "model", "layer", "site" };
    const char *text = "model";
    if (node != NULL && slim_yaml_text(&text, node, diag) != SLIM_OK)
        return SLIM_FAILED;
    for (size_t k = 0; k < SLIM_COUNT(kinds); k++) {
        if (strcmp(kinds[k], text) == 0) {
            axis->axis.kind = (enum slim_axis_kind)k;
            return SLIM_OK;
        }
    }
    return slim_fail(diag, "F305", node->span,
                     "an axis is per model, layer or site");
}

static enum slim_status read_axis(struct slim_family_axis *axis,
                                  const struct slim_family *family,
                                  struct slim_diag *diag)
{
    static const char *const known[] = { "size", "per", "fixed", "unit", NULL };
    const struct slim_yaml *map = axis->node;
    if (slim_family_kind(map, SLIM_YAML_MAP, diag) != SLIM_OK ||
        slim_yaml_only(map, known, diag) != SLIM_OK)
        return SLIM_FAILED;
    const struct slim_yaml *size = slim_family_need(map, "size", diag);
    const struct slim_yaml *fixed = slim_yaml_get(map, "fixed");
    if (size == NULL ||
        slim_expr_parse(&axis->size, size, &family->names, diag) != SLIM_OK ||
        read_scale(axis, slim_yaml_get(map, "per"), diag) != SLIM_OK)
        return SLIM_FAILED;
    if (fixed != NULL && slim_yaml_bool(&axis->axis.fixed, fixed, diag))
        return SLIM_FAILED;
    return read_unit(axis, &family->names, slim_yaml_get(map, "unit"), diag);
}

static enum slim_status find_stream(struct slim_family *family,
                                    const struct slim_yaml *map,
                                    struct slim_diag *diag)
{
    size_t found = 0;
    for (size_t a = 0; a < family->axis_count; a++) {
        if (family->axes[a].axis.kind != SLIM_AXIS_STREAM)
            continue;
        family->stream = a;
        if (++found > 1)
            return slim_fail(diag, "F305", family->axes[a].node->span,
                             "a second axis per site; the stream has one");
    }
    if (found == 0)
        return slim_fail(diag, "F305", map->span,
                         "no axis is per site: the width of the stream");
    return SLIM_OK;
}

enum slim_status slim_family_axes(struct slim_family *family,
                                  struct slim_diag *diag)
{
    const struct slim_yaml *map = slim_family_need(family->root, "axes", diag);
    enum slim_status status = SLIM_OK;
    if (map == NULL || slim_family_kind(map, SLIM_YAML_MAP, diag) != SLIM_OK)
        return SLIM_FAILED;
    family->axes =
        SLIM_NEW_ARRAY(diag->arena, map->count, struct slim_family_axis);
    for (size_t a = 0; a < map->count; a++) {
        struct slim_family_axis *axis = &family->axes[family->axis_count++];
        axis->axis.name = map->keys[a]->text;
        axis->node = map->items[a];
        if (check_name(axis->axis.name, map->keys[a]->span, diag) != SLIM_OK)
            status = SLIM_FAILED;
        if (slim_names_find(&family->names, axis->axis.name) != SIZE_MAX)
            status = slim_fail(diag, "F305", map->keys[a]->span,
                               "\"%s\" is a name of the config already",
                               axis->axis.name);
        if (read_axis(axis, family, diag) != SLIM_OK)
            status = SLIM_FAILED;
    }
    if (status != SLIM_OK)
        return status;
    return find_stream(family, map, diag);
}
