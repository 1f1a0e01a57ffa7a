/* find.c - the file of a sample: named by -d, beside the recipe, or in a data
 * folder */
#include "runtime/data/set.h"

#include "base/file.h"

#include <stdlib.h>
#include <string.h>

/* ---- data folders ---- */

struct folders {
    const char **items;
    size_t count;
};

static void add_folder(struct folders *folders, const char *path)
{
    if (!*path)
        return;
    for (size_t i = 0; i < folders->count; i++)
        if (strcmp(folders->items[i], path) == 0)
            return;
    folders->items[folders->count++] = path;
}

/* --data, then $SLIMC_DATA, then the user's own. */
static struct folders data_folders(const struct slim_data_world *world,
                                   struct slim_arena *arena)
{
    const char *listed = getenv("SLIMC_DATA");
    const char *home = getenv("XDG_DATA_HOME");
    size_t most = 3;

    for (const char **at = world->directories; at && *at; at++)
        most++;
    for (const char *at = listed; at && *at; at++)
        most += *at == ':';
    struct folders out = { SLIM_NEW_ARRAY(arena, most, const char *), 0 };

    for (const char **at = world->directories; at && *at; at++)
        add_folder(&out, *at);
    while (listed && *listed) {
        size_t length = strcspn(listed, ":");

        add_folder(&out, slim_arena_strndup(arena, listed, length));
        listed += length + (listed[length] == ':');
    }
    if (home && *home)
        add_folder(&out, slim_arena_printf(arena, "%s/slimc/data", home));
    else if (getenv("HOME"))
        add_folder(&out, slim_arena_printf(arena, "%s/.local/share/slimc/data",
                                           getenv("HOME")));
    return out;
}

static bool is_file(const char *path)
{
    return slim_file_exists(path) && !slim_file_is_directory(path);
}

/* DIR/FILE, then DIR/SET/FILE. */
static const char *look_in(const char *folder, const char *set,
                           const char *file, struct slim_arena *arena)
{
    const char *path = slim_path_join(arena, folder, file);

    if (is_file(path))
        return path;
    if (!set || file[0] == '/')
        return NULL;
    path = slim_path_join(arena, slim_path_join(arena, folder, set), file);
    return is_file(path) ? path : NULL;
}

/* ---- errors ---- */

static void say_where(struct slim_error *error, const char *recipe,
                      struct folders folders, struct slim_diag *diag)
{
    struct slim_text list = { 0 };
    struct slim_span nowhere = { 0 };

    if (recipe)
        slim_text_printf(&list, " %s", recipe);
    for (size_t i = 0; i < folders.count; i++)
        slim_text_printf(&list, "%s %s", list.length ? "," : "",
                         folders.items[i]);
    slim_error_note(diag, error, nowhere, "looked in%s",
                    list.length ? list.data : " no folder");
    slim_text_free(&list);
}

static enum slim_status missing_set(const struct slim_set *set,
                                    const struct slim_set_split *split,
                                    struct folders folders, struct slim_span at,
                                    struct slim_diag *diag)
{
    const char *wanted = split->files[0];
    struct slim_error *error = slim_error(
        diag, "D101", at,
        "data set \"%s\" wants the file \"%s\", which is not there",
        slim_arena_printf(diag->arena, "%s.%s", set->name, split->name),
        wanted);

    say_where(error, NULL, folders, diag);
    slim_error_hint(diag, error,
                    "%s Name data folders with --data DIR or SLIMC_DATA, or "
                    "one file with -d %s=FILE.",
                    set->obtain, set->name);
    return SLIM_FAILED;
}

static enum slim_status missing_file(const char *name, const char *recipe,
                                     struct folders folders,
                                     struct slim_span at,
                                     struct slim_diag *diag)
{
    struct slim_error *error =
        slim_error(diag, "D101", at, "data file \"%s\" is not there", name);

    say_where(error, recipe, folders, diag);
    slim_error_hint(diag, error,
                    "Put it beside the recipe, or name its folder with --data "
                    "DIR.");
    return SLIM_FAILED;
}

static enum slim_status unknown_split(const struct slim_set *set,
                                      const char *split, struct slim_span at,
                                      struct slim_diag *diag)
{
    const char **names =
        SLIM_NEW_ARRAY(diag->arena, set->split_count + 1, const char *);
    struct slim_text known = { 0 };

    for (size_t i = 0; i < set->split_count; i++) {
        names[i] = set->splits[i].name;
        slim_text_printf(&known, " %s", names[i]);
    }
    const char *near = slim_text_nearest(split, names);
    struct slim_error *error =
        slim_error(diag, "N021", at, "data set \"%s\" has no split \"%s\"",
                   set->name, split);

    if (near)
        slim_error_label(diag, error, "did you mean '%s.%s'?", set->name, near);
    slim_error_hint(diag, error, "Its splits are:%s.",
                    known.data ? known.data : "");
    slim_text_free(&known);
    return SLIM_FAILED;
}

/* ---- finding ---- */

/* The file that -d gives for exactly this name, or NULL. */
static struct slim_data_map *find_map(const struct slim_data_world *world,
                                      const char *name)
{
    for (struct slim_data_map *map = world->maps; map; map = map->next)
        if (strcmp(map->set, name) == 0)
            return map;
    return NULL;
}

static enum slim_status take_map(struct slim_set_place *out,
                                 struct slim_data_map *map, struct slim_span at,
                                 struct slim_diag *diag)
{
    map->used = true;
    out->path = map->file;
    out->mapped = map->file;
    if (is_file(map->file))
        return SLIM_OK;
    struct slim_error *error = slim_error(
        diag, "D101", at, "data file \"%s\" is not there", map->file);

    slim_error_hint(diag, error, "It was named by -d %s=%s.", map->set,
                    map->file);
    return SLIM_FAILED;
}

static const struct slim_set_split *find_split(const struct slim_set *set,
                                               const char *name)
{
    for (size_t i = 0; i < set->split_count; i++)
        if (strcmp(set->splits[i].name, name) == 0)
            return &set->splits[i];
    return NULL;
}

static const char *find_in_folders(const struct slim_set *set,
                                   const struct slim_set_split *split,
                                   struct folders folders,
                                   struct slim_arena *arena)
{
    for (size_t i = 0; i < folders.count; i++)
        for (const char **file = split->files; *file; file++) {
            const char *path =
                look_in(folders.items[i], set->name, *file, arena);

            if (path)
                return path;
        }
    return NULL;
}

static enum slim_status find_set(struct slim_set_place *out,
                                 const struct slim_set *set, const char *name,
                                 const struct slim_data_world *world,
                                 struct slim_span at, struct slim_diag *diag)
{
    const struct slim_set_split *split = find_split(set, name);
    struct folders folders = data_folders(world, diag->arena);

    if (!split)
        return unknown_split(set, name, at, diag);
    out->set = set;
    out->split = split->name;
    out->to = 100;
    struct slim_data_map *map = find_map(
        world, slim_arena_printf(diag->arena, "%s.%s", set->name, name));

    if (map)
        return take_map(out, map, at, diag);
    map = find_map(world, set->name);
    out->path = map ? NULL : find_in_folders(set, split, folders, diag->arena);
    if (out->path)
        return SLIM_OK;
    if (split->of) {
        out->from = split->from;
        out->to = split->to;
        split = find_split(set, split->of);
    }
    if (map)
        return take_map(out, map, at, diag);
    out->path = find_in_folders(set, split, folders, diag->arena);
    return out->path ? SLIM_OK : missing_set(set, split, folders, at, diag);
}

/* A file named by the recipe: one row, or JSON by its first record. */
static enum slim_status find_file(struct slim_set_place *out, const char *name,
                                  const struct slim_data_world *world,
                                  struct slim_span at, struct slim_diag *diag)
{
    struct folders folders = data_folders(world, diag->arena);
    struct slim_set *set = SLIM_NEW(diag->arena, struct slim_set);
    const char *recipe = world->recipe ? world->recipe : ".";

    *set = (struct slim_set){ .name = slim_path_base(name),
                              .rows = SLIM_ROWS_WHOLE,
                              .join = "\n\n",
                              .quoted = true };
    out->set = set;
    out->to = 100;
    out->path = look_in(recipe, NULL, name, diag->arena);
    for (size_t i = 0; !out->path && i < folders.count; i++)
        out->path = look_in(folders.items[i], NULL, name, diag->arena);
    return out->path ? SLIM_OK : missing_file(name, recipe, folders, at, diag);
}

enum slim_status slim_set_find(struct slim_set_place *out,
                               const struct slim_sample *sample,
                               const struct slim_data_world *world,
                               struct slim_span at, struct slim_diag *diag)
{
    struct slim_set *set;

    *out = (struct slim_set_place){ 0 };
    if (sample->file)
        return find_file(out, sample->set, world, at, diag);
    if (slim_set_read(&set, sample->set, world, at, diag))
        return SLIM_FAILED;
    return find_set(out, set, sample->split ? sample->split : set->initial,
                    world, at, diag);
}

/* ---- formats ---- */

/* What the end of a file's name says. */
static const struct {
    const char *suffix;
    enum slim_format format;
    const char *refused; /* what to do first, or NULL */
} suffixes[] = {
    { ".arrow", SLIM_FORMAT_JSON, "Write it as JSON lines." },
    { ".gz", SLIM_FORMAT_JSON, "Unpack it with gunzip." },
    { ".json", SLIM_FORMAT_JSON, NULL },
    { ".jsonl", SLIM_FORMAT_JSON, NULL },
    { ".ndjson", SLIM_FORMAT_JSON, NULL },
    { ".parquet", SLIM_FORMAT_JSON, "Write it as JSON lines." },
    { ".raw", SLIM_FORMAT_TEXT, NULL },
    { ".text", SLIM_FORMAT_TEXT, NULL },
    { ".txt", SLIM_FORMAT_TEXT, NULL },
    { ".xz", SLIM_FORMAT_JSON, "Unpack it with unxz." },
    { ".zip", SLIM_FORMAT_JSON, "Unpack it with unzip." },
    { ".zst", SLIM_FORMAT_JSON, "Unpack it with unzstd." },
};

enum slim_status slim_set_format(enum slim_format *out,
                                 const struct slim_set *set, const char *path,
                                 struct slim_span at, struct slim_diag *diag)
{
    size_t length = strlen(path);

    *out = set->format;
    for (size_t i = 0; i < SLIM_COUNT(suffixes); i++) {
        size_t tail = strlen(suffixes[i].suffix);

        if (length < tail ||
            strcmp(path + length - tail, suffixes[i].suffix) != 0)
            continue;
        *out = suffixes[i].format;
        if (!suffixes[i].refused)
            return SLIM_OK;
        struct slim_error *error = slim_error(
            diag, "F414", at,
            "slimc reads text and JSON, and \"%s\" is neither", path);

        slim_error_hint(diag, error, "%s", suffixes[i].refused);
        return SLIM_FAILED;
    }
    return SLIM_OK;
}
