/* family_load.c - a whole family file */
#include "compiler/ir/family.h"

#include "base/file.h"
#include "base/text.h"

#include <string.h>

#define FAMILY_MAX (1u << 20)

/* ---- sections ---- */

static enum slim_status check_texts(const struct slim_yaml *list,
                                    struct slim_diag *diag)
{
    if (slim_family_kind(list, SLIM_YAML_LIST, diag) != SLIM_OK)
        return SLIM_FAILED;
    for (size_t i = 0; list != NULL && i < list->count; i++)
        if (slim_family_kind(list->items[i], SLIM_YAML_SCALAR, diag) != SLIM_OK)
            return SLIM_FAILED;
    return SLIM_OK;
}

static enum slim_status read_names(struct slim_family *family,
                                   struct slim_diag *diag)
{
    static const char *const known[] = { "root", "layer", NULL };
    const struct slim_yaml *map = slim_family_need(family->root, "names", diag);
    if (map == NULL || slim_family_kind(map, SLIM_YAML_MAP, diag) != SLIM_OK ||
        slim_yaml_only(map, known, diag) != SLIM_OK)
        return SLIM_FAILED;
    const struct slim_yaml *layer = slim_family_need(map, "layer", diag);
    family->roots = slim_family_need(map, "root", diag);
    if (layer == NULL || family->roots == NULL ||
        check_texts(family->roots, diag) != SLIM_OK)
        return SLIM_FAILED;
    return slim_yaml_text(&family->layer_prefix, layer, diag);
}

static enum slim_status read_ignored(struct slim_family *family,
                                     struct slim_diag *diag)
{
    static const char *const known[] = { "keys", "tensors", NULL };
    const struct slim_yaml *map = slim_yaml_get(family->root, "ignore");
    family->refused = slim_yaml_get(family->root, "refuse");
    if (slim_family_kind(family->refused, SLIM_YAML_MAP, diag) != SLIM_OK ||
        slim_family_kind(map, SLIM_YAML_MAP, diag) != SLIM_OK)
        return SLIM_FAILED;
    if (map == NULL)
        return SLIM_OK;
    family->ignored_keys = slim_yaml_get(map, "keys");
    family->ignored_tensors = slim_yaml_get(map, "tensors");
    if (slim_yaml_only(map, known, diag) != SLIM_OK ||
        check_texts(family->ignored_keys, diag) != SLIM_OK)
        return SLIM_FAILED;
    return check_texts(family->ignored_tensors, diag);
}

static enum slim_status read_rules(struct slim_family *family,
                                   struct slim_diag *diag)
{
    static const char *const known[] = { "that", "else", NULL };
    const struct slim_yaml *list = slim_yaml_get(family->root, "rules");
    if (list == NULL)
        return SLIM_OK;
    if (slim_family_kind(list, SLIM_YAML_LIST, diag) != SLIM_OK)
        return SLIM_FAILED;
    family->rule_exprs =
        SLIM_NEW_ARRAY(diag->arena, list->count, const struct slim_expr *);
    family->rules = list;
    enum slim_status status = SLIM_OK;
    for (size_t r = 0; r < list->count; r++) {
        const struct slim_yaml *rule = list->items[r];
        if (slim_family_kind(rule, SLIM_YAML_MAP, diag) != SLIM_OK ||
            slim_yaml_only(rule, known, diag) != SLIM_OK)
            return SLIM_FAILED;
        const struct slim_yaml *that = slim_family_need(rule, "that", diag);
        const struct slim_yaml *other = slim_family_need(rule, "else", diag);
        if (that == NULL || other == NULL ||
            slim_family_kind(other, SLIM_YAML_SCALAR, diag) != SLIM_OK ||
            slim_expr_parse(&family->rule_exprs[r], that, &family->names,
                            diag) != SLIM_OK)
            status = SLIM_FAILED;
    }
    return status;
}

/* ---- save ---- */

static enum slim_status read_class(struct slim_class *class,
                                   const struct slim_family *family,
                                   const struct slim_yaml *map,
                                   struct slim_diag *diag)
{
    static const char *const known[] = { "type", "class", "when", "set", NULL };
    if (slim_family_kind(map, SLIM_YAML_MAP, diag) != SLIM_OK ||
        slim_yaml_only(map, known, diag) != SLIM_OK)
        return SLIM_FAILED;
    const struct slim_yaml *type = slim_family_need(map, "type", diag);
    const struct slim_yaml *name = slim_family_need(map, "class", diag);
    const struct slim_yaml *when = slim_yaml_get(map, "when");
    class->set = slim_yaml_get(map, "set");
    if (type == NULL || name == NULL ||
        slim_yaml_text(&class->type, type, diag) != SLIM_OK ||
        slim_yaml_text(&class->name, name, diag) != SLIM_OK ||
        slim_family_kind(class->set, SLIM_YAML_MAP, diag) != SLIM_OK)
        return SLIM_FAILED;
    if (when == NULL)
        return SLIM_OK;
    return slim_expr_parse(&class->when, when, &family->save_names, diag);
}

static enum slim_status read_classes(struct slim_family *family,
                                     const struct slim_yaml *list,
                                     struct slim_diag *diag)
{
    if (list == NULL || slim_family_kind(list, SLIM_YAML_LIST, diag) != SLIM_OK)
        return SLIM_FAILED;
    if (list->count > SLIM_COUNT(family->classes))
        return slim_fail(diag, "F335", list->span,
                         "there are at most two classes to save with");
    family->class_count = list->count;
    for (size_t c = 0; c < list->count; c++)
        if (read_class(&family->classes[c], family, list->items[c], diag) !=
            SLIM_OK)
            return SLIM_FAILED;
    return SLIM_OK;
}

static enum slim_status read_save_keys(struct slim_saved_keys *out,
                                       const struct slim_family *family,
                                       const struct slim_yaml *map,
                                       struct slim_diag *diag)
{
    if (map == NULL)
        return SLIM_OK;
    if (slim_family_kind(map, SLIM_YAML_MAP, diag) != SLIM_OK)
        return SLIM_FAILED;
    out->map = map;
    out->values =
        SLIM_NEW_ARRAY(diag->arena, map->count, const struct slim_expr *);
    enum slim_status status = SLIM_OK;
    for (size_t k = 0; k < map->count; k++)
        if (slim_expr_parse(&out->values[k], map->items[k], &family->save_names,
                            diag) != SLIM_OK)
            status = SLIM_FAILED;
    return status;
}

enum slim_status slim_family_save(struct slim_family *family,
                                  struct slim_diag *diag)
{
    static const char *const known[] = { "classes", "shortcut", "keys", "also",
                                         NULL };
    const struct slim_yaml *map = slim_family_need(family->root, "save", diag);
    if (map == NULL || slim_family_kind(map, SLIM_YAML_MAP, diag) != SLIM_OK ||
        slim_yaml_only(map, known, diag) != SLIM_OK)
        return SLIM_FAILED;
    const struct slim_yaml *shortcut = slim_family_need(map, "shortcut", diag);
    struct slim_pattern words = { "", family->layer_prefix, "", 0 };
    const char *filled = NULL;
    if (shortcut == NULL ||
        slim_yaml_text(&family->shortcut, shortcut, diag) != SLIM_OK ||
        slim_pattern_fill(&filled, family->shortcut, &words, shortcut->span,
                          diag) != SLIM_OK)
        return SLIM_FAILED;
    enum slim_status status =
        read_classes(family, slim_family_need(map, "classes", diag), diag);
    const struct slim_yaml *keys = slim_family_need(map, "keys", diag);
    if (keys == NULL ||
        read_save_keys(&family->keys, family, keys, diag) != SLIM_OK ||
        read_save_keys(&family->also, family, slim_yaml_get(map, "also"),
                       diag) != SLIM_OK)
        status = SLIM_FAILED;
    return status;
}

/* ---- the file ---- */

static void copy_names(struct slim_names *out, const struct slim_names *names,
                       struct slim_arena *arena)
{
    for (size_t n = 0; n < names->count; n++)
        slim_names_add(out, names->names[n], arena);
}

static void extend_names(struct slim_family *family, struct slim_arena *arena)
{
    copy_names(&family->layer_names, &family->names, arena);
    slim_names_add(&family->layer_names, "i", arena);
    copy_names(&family->save_names, &family->names, arena);
    for (size_t a = 0; a < family->axis_count; a++)
        slim_names_add(&family->save_names, family->axes[a].axis.name, arena);
    slim_names_add(&family->save_names, "divisor", arena);
    slim_names_add(&family->save_names, "untied", arena);
}

/* Other files, each for the models whose config.json has some values. */
static enum slim_status read_variants(struct slim_family *family,
                                      struct slim_diag *diag)
{
    static const char *const known[] = { "file", "where", NULL };
    const struct slim_yaml *list = slim_yaml_get(family->root, "variants");

    family->variants = list;
    if (slim_family_kind(list, SLIM_YAML_LIST, diag) != SLIM_OK)
        return SLIM_FAILED;
    for (size_t v = 0; list != NULL && v < list->count; v++) {
        const struct slim_yaml *map = list->items[v], *where;
        if (slim_family_kind(map, SLIM_YAML_MAP, diag) != SLIM_OK ||
            slim_yaml_only(map, known, diag) != SLIM_OK)
            return SLIM_FAILED;
        where = slim_family_need(map, "where", diag);
        if (where == NULL ||
            slim_family_kind(where, SLIM_YAML_MAP, diag) != SLIM_OK ||
            slim_family_kind(slim_family_need(map, "file", diag),
                             SLIM_YAML_SCALAR, diag) != SLIM_OK ||
            !slim_yaml_get(map, "file"))
            return SLIM_FAILED;
        for (size_t k = 0; k < where->count; k++)
            if (slim_family_kind(where->items[k], SLIM_YAML_SCALAR, diag) !=
                SLIM_OK)
                return SLIM_FAILED;
    }
    return SLIM_OK;
}

static enum slim_status read_head(struct slim_family *family,
                                  struct slim_diag *diag)
{
    static const char *const known[] = { "family", "model_types", "config",
                                         "rules",  "axes",        "names",
                                         "blocks", "ignore",      "refuse",
                                         "save",   "variants",    NULL };
    if (slim_family_kind(family->root, SLIM_YAML_MAP, diag) != SLIM_OK)
        return SLIM_FAILED;
    enum slim_status status = slim_yaml_only(family->root, known, diag);
    const struct slim_yaml *name =
        slim_family_need(family->root, "family", diag);
    family->types = slim_family_need(family->root, "model_types", diag);
    if (name == NULL || family->types == NULL ||
        slim_yaml_text(&family->name, name, diag) != SLIM_OK ||
        check_texts(family->types, diag) != SLIM_OK)
        return SLIM_FAILED;
    return status;
}

/* Sections that others build on end the work where they fail; the rest are
 * all looked at. */
static enum slim_status read_sections(struct slim_family *family,
                                      struct slim_diag *diag)
{
    enum slim_status status = read_head(family, diag);
    if (read_ignored(family, diag) != SLIM_OK ||
        read_variants(family, diag) != SLIM_OK)
        status = SLIM_FAILED;
    if (slim_family_entries(family, diag) != SLIM_OK ||
        slim_family_axes(family, diag) != SLIM_OK ||
        read_names(family, diag) != SLIM_OK)
        return SLIM_FAILED;
    extend_names(family, diag->arena);
    if (read_rules(family, diag) != SLIM_OK ||
        slim_family_save(family, diag) != SLIM_OK)
        status = SLIM_FAILED;
    if (slim_family_blocks(family, diag) != SLIM_OK)
        return SLIM_FAILED;
    if (slim_family_tensors(family, diag) != SLIM_OK)
        status = SLIM_FAILED;
    if (slim_family_names(family, diag) != SLIM_OK)
        status = SLIM_FAILED;
    if (slim_family_flow(family, diag) != SLIM_OK)
        status = SLIM_FAILED;
    return status;
}

enum slim_status slim_family_parse(struct slim_family **out,
                                   const struct slim_source *text,
                                   struct slim_diag *diag)
{
    struct slim_family *family = SLIM_NEW(diag->arena, struct slim_family);
    struct slim_yaml *root = NULL;
    family->path = text->name;
    if (slim_yaml_parse(&root, text, diag) != SLIM_OK)
        return SLIM_FAILED;
    family->root = root;
    if (read_sections(family, diag) != SLIM_OK)
        return SLIM_FAILED;
    *out = family;
    return SLIM_OK;
}

enum slim_status slim_family_load(struct slim_family **out, const char *path,
                                  struct slim_span at, struct slim_diag *diag)
{
    struct slim_source *text = SLIM_NEW(diag->arena, struct slim_source);
    if (slim_file_read(text, path, FAMILY_MAX, at, diag) != SLIM_OK)
        return SLIM_FAILED;
    return slim_family_parse(out, text, diag);
}

enum slim_status slim_family_check(const char *path, struct slim_diag *diag)
{
    struct slim_family *family = NULL;
    struct slim_span nowhere = { 0 };
    return slim_family_load(&family, path, nowhere, diag);
}
