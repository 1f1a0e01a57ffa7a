/* set.c - the descriptors of data sets */
#include "runtime/data/set.h"

#include "base/file.h"
#include "base/yaml.h"

#include <stdlib.h>
#include <string.h>

const char **slim_set_names(const struct slim_data_world *world,
                            struct slim_arena *arena)
{
    char **files =
        slim_list_directory(arena, world->sets ? world->sets : "", ".yaml");
    size_t count = 0;

    while (files[count])
        count++;
    const char **names = SLIM_NEW_ARRAY(arena, count + 1, const char *);

    for (size_t i = 0; i < count; i++)
        names[i] = slim_arena_strndup(arena, files[i], strlen(files[i]) - 5);
    return names;
}

/* ---- fields ---- */

static enum slim_status need(const struct slim_yaml **out,
                             const struct slim_yaml *map, const char *key,
                             enum slim_yaml_kind kind, struct slim_diag *diag)
{
    *out = slim_yaml_get(map, key);
    if (!*out)
        return slim_fail(diag, "F410", map->span,
                         "the data set's description lacks \"%s\"", key);
    if ((*out)->kind != kind)
        return slim_fail(diag, "F410", (*out)->span,
                         "\"%s\" of a data set is a %s", key,
                         kind == SLIM_YAML_MAP    ? "map"
                         : kind == SLIM_YAML_LIST ? "list"
                                                  : "text");
    return SLIM_OK;
}

static enum slim_status text_of(const char **out, const struct slim_yaml *map,
                                const char *key, bool needed,
                                struct slim_diag *diag)
{
    const struct slim_yaml *node = slim_yaml_get(map, key);

    if (!node && !needed)
        return SLIM_OK;
    if (need(&node, map, key, SLIM_YAML_SCALAR, diag))
        return SLIM_FAILED;
    return slim_yaml_text(out, node, diag);
}

/* The place of a word in a NULL-terminated list. */
static enum slim_status word_of(size_t *out, const struct slim_yaml *map,
                                const char *key, const char *const *words,
                                struct slim_diag *diag)
{
    const char *text = NULL;

    if (text_of(&text, map, key, false, diag))
        return SLIM_FAILED;
    *out = 0;
    if (!text)
        return SLIM_OK;
    for (; words[*out]; ++*out)
        if (strcmp(words[*out], text) == 0)
            return SLIM_OK;
    struct slim_error *error =
        slim_error(diag, "F410", slim_yaml_get(map, key)->span,
                   "a data set's \"%s\" cannot be \"%s\"", key, text);
    const char *near = slim_text_nearest(text, words);

    if (near)
        slim_error_label(diag, error, "did you mean '%s'?", near);
    return SLIM_FAILED;
}

static enum slim_status read_files(struct slim_set_split *split,
                                   const struct slim_yaml *map,
                                   struct slim_diag *diag)
{
    const struct slim_yaml *list;

    if (need(&list, map, "files", SLIM_YAML_LIST, diag))
        return SLIM_FAILED;
    split->files = SLIM_NEW_ARRAY(diag->arena, list->count + 1, const char *);
    for (size_t i = 0; i < list->count; i++)
        if (slim_yaml_text(&split->files[i], list->items[i], diag))
            return SLIM_FAILED;
    return list->count > 0 ? SLIM_OK
                           : slim_fail(diag, "F410", list->span,
                                       "a split of a data set names no file");
}

static enum slim_status read_share(struct slim_set_split *split,
                                   const struct slim_yaml *map,
                                   struct slim_diag *diag)
{
    const struct slim_yaml *share = slim_yaml_get(map, "share");

    split->to = 100;
    if (text_of(&split->of, map, "of", share != NULL, diag))
        return SLIM_FAILED;
    if (!share)
        return split->of ? slim_fail(diag, "F410", map->span,
                                     "a split that is a part of another one "
                                     "needs \"share\"")
                         : SLIM_OK;
    if (share->kind != SLIM_YAML_LIST || share->count != 2)
        return slim_fail(diag, "F410", share->span,
                         "a split's \"share\" is a list of two percentages");
    if (slim_yaml_size(&split->from, share->items[0], diag) ||
        slim_yaml_size(&split->to, share->items[1], diag))
        return SLIM_FAILED;
    if (split->from >= split->to || split->to > 100)
        return slim_fail(diag, "F410", share->span,
                         "a split's \"share\" rises within 0 to 100");
    return SLIM_OK;
}

static enum slim_status read_splits(struct slim_set *set,
                                    const struct slim_yaml *map,
                                    struct slim_diag *diag)
{
    static const char *const known[] = { "files", "share", "of", NULL };
    const struct slim_yaml *splits;

    if (need(&splits, map, "splits", SLIM_YAML_MAP, diag))
        return SLIM_FAILED;
    set->splits =
        SLIM_NEW_ARRAY(diag->arena, splits->count + 1, struct slim_set_split);
    set->split_count = splits->count;
    for (size_t i = 0; i < splits->count; i++) {
        struct slim_set_split *split = &set->splits[i];
        const struct slim_yaml *item = splits->items[i];

        split->name = splits->keys[i]->text;
        if (item->kind != SLIM_YAML_MAP)
            return slim_fail(diag, "F410", item->span,
                             "a split of a data set is a map");
        if (slim_yaml_only(item, known, diag) ||
            read_files(split, item, diag) || read_share(split, item, diag))
            return SLIM_FAILED;
    }
    return SLIM_OK;
}

static enum slim_status read_template(struct slim_set *set,
                                      const struct slim_yaml *map,
                                      struct slim_diag *diag)
{
    static const char *const known[] = { "optional", "full", "bare", "answer",
                                         NULL };
    const struct slim_yaml *node = slim_yaml_get(map, "template");

    if (!node)
        return SLIM_OK;
    struct slim_set_template *frame =
        SLIM_NEW(diag->arena, struct slim_set_template);

    set->frame = frame;
    if (need(&node, map, "template", SLIM_YAML_MAP, diag) ||
        slim_yaml_only(node, known, diag) ||
        text_of(&frame->optional, node, "optional", false, diag) ||
        text_of(&frame->full, node, "full", true, diag) ||
        text_of(&frame->bare, node, "bare", frame->optional != NULL, diag))
        return SLIM_FAILED;
    return text_of(&frame->answer, node, "answer", true, diag);
}

/* ---- the whole ---- */

static bool has_split(const struct slim_set *set, const char *name)
{
    for (size_t i = 0; i < set->split_count; i++)
        if (strcmp(set->splits[i].name, name) == 0)
            return true;
    return false;
}

static enum slim_status check_names(const struct slim_set *set,
                                    const struct slim_yaml *map,
                                    struct slim_diag *diag)
{
    if (!has_split(set, set->initial))
        return slim_fail(diag, "F410", slim_yaml_get(map, "default")->span,
                         "the default split \"%s\" is not among the splits",
                         set->initial);
    for (size_t i = 0; i < set->split_count; i++) {
        const char *of = set->splits[i].of;

        if (of && (!has_split(set, of) || strcmp(of, set->initial) != 0))
            return slim_fail(diag, "F410", slim_yaml_get(map, "splits")->span,
                             "split \"%s\" is a part of \"%s\", which is not "
                             "the default split",
                             set->splits[i].name, of);
    }
    if (!set->field == !set->frame)
        return slim_fail(diag, "F410", map->span,
                         "a data set has either \"field\" or \"template\"");
    return SLIM_OK;
}

static enum slim_status read_set(struct slim_set *set,
                                 const struct slim_yaml *map,
                                 struct slim_diag *diag)
{
    static const char *const known[] = { "title",    "licence", "obtain",
                                         "format",   "rows",    "field",
                                         "template", "join",    "limit",
                                         "default",  "splits",  NULL };
    static const char *const formats[] = { "text", "json", "jsonl", NULL };
    static const char *const rules[] = { "whole", "lines", "kept", NULL };
    const char *licence;
    size_t format = 0, rule = 0;

    if (map->kind != SLIM_YAML_MAP)
        return slim_fail(diag, "F410", map->span,
                         "a data set's description is a map");
    if (slim_yaml_only(map, known, diag) ||
        text_of(&set->title, map, "title", true, diag) ||
        text_of(&licence, map, "licence", true, diag) ||
        text_of(&set->obtain, map, "obtain", true, diag) ||
        word_of(&format, map, "format", formats, diag) ||
        word_of(&rule, map, "rows", rules, diag) ||
        text_of(&set->field, map, "field", false, diag) ||
        text_of(&set->join, map, "join", true, diag) ||
        text_of(&set->initial, map, "default", true, diag) ||
        read_template(set, map, diag) || read_splits(set, map, diag))
        return SLIM_FAILED;
    set->format = format == 0 ? SLIM_FORMAT_TEXT : SLIM_FORMAT_JSON;
    set->rows = (enum slim_row_rule)rule;
    const struct slim_yaml *limit = slim_yaml_get(map, "limit");

    if (limit && slim_yaml_size(&set->limit, limit, diag))
        return SLIM_FAILED;
    return check_names(set, map, diag);
}

static enum slim_status unknown_set(const char *name,
                                    const struct slim_data_world *world,
                                    struct slim_span at, struct slim_diag *diag)
{
    const char **names = slim_set_names(world, diag->arena);
    const char *near = slim_text_nearest(name, names);
    struct slim_text known = { 0 };
    struct slim_error *error =
        slim_error(diag, "N020", at, "there is no data set \"%s\"", name);

    for (size_t i = 0; names[i]; i++)
        slim_text_printf(&known, " %s", names[i]);
    if (near)
        slim_error_label(diag, error, "did you mean '%s'?", near);
    slim_error_hint(diag, error,
                    "Known data sets:%s. A file of your own stands in quotes.",
                    known.data ? known.data : " none");
    slim_text_free(&known);
    return SLIM_FAILED;
}

enum slim_status slim_set_read(struct slim_set **out, const char *name,
                               const struct slim_data_world *world,
                               struct slim_span at, struct slim_diag *diag)
{
    const char *file = slim_arena_printf(diag->arena, "%s.yaml", name);
    const char *path =
        slim_path_join(diag->arena, world->sets ? world->sets : "", file);
    struct slim_yaml *map = NULL;

    *out = SLIM_NEW(diag->arena, struct slim_set);
    (*out)->name = slim_arena_strdup(diag->arena, name);
    if (strchr(name, '/') || !slim_file_exists(path))
        return unknown_set(name, world, at, diag);
    if (slim_yaml_read(&map, path, at, diag))
        return SLIM_FAILED;
    return read_set(*out, map, diag);
}
