/* tree.c - every file of the store, and whether it is what it was */
#include "runtime/store/gc.h"

#include <dirent.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* "ab/cdef..": the digest that the end of a path spells. */
static bool name_of(struct slim_digest *out, const char *path)
{
    size_t length = strlen(path);
    char hex[65];

    if (length < 66 || path[length - 63] != '/')
        return false;
    memcpy(hex, path + length - 65, 2);
    memcpy(hex + 2, path + length - 62, 63);
    return slim_digest_read(out, hex);
}

static int no_dot(const struct dirent *item)
{
    return item->d_name[0] != '.';
}

static int by_name(const struct dirent **a, const struct dirent **b)
{
    return strcmp((*a)->d_name, (*b)->d_name);
}

/* The kernel says what is a folder, where the file system knows it. */
static bool is_folder(const struct dirent *item, const char *path)
{
    return item->d_type == DT_UNKNOWN || item->d_type == DT_LNK
               ? slim_file_is_directory(path)
               : item->d_type == DT_DIR;
}

/* Paths live as long as their folder is looked at: a store is large. */
static void walk(const char *path,
                 void (*visit)(void *, const char *,
                               const struct slim_digest *),
                 void *context)
{
    struct dirent **items = NULL;
    int count = scandir(path, &items, no_dot, by_name);
    struct slim_arena *arena = slim_arena_open();

    for (int i = 0; i < count; i++) {
        const char *inner = slim_path_join(arena, path, items[i]->d_name);
        struct slim_digest name;

        if (is_folder(items[i], inner))
            walk(inner, visit, context);
        else
            visit(context, inner, name_of(&name, inner) ? &name : NULL);
        free(items[i]);
    }
    free(items);
    slim_arena_close(arena);
}

void slim_store_walk(struct slim_store *store, const char *kind,
                     void (*visit)(void *context, const char *path,
                                   const struct slim_digest *name),
                     void *context)
{
    walk(slim_path_join(store->arena, store->path, kind), visit, context);
}

/* ---- verify ---- */

struct count {
    struct slim_store *store;
    size_t files, bad;
};

static void check_object(void *context, const char *path,
                         const struct slim_digest *name)
{
    struct count *count = context;
    struct slim_diag quiet = { .arena = count->store->arena };
    struct slim_map map;

    if (!name || slim_map_open(&map, path, (struct slim_span){ 0 }, &quiet))
        return;
    struct slim_digest digest = slim_hash(map.data, map.length);
    slim_map_close(&map);
    count->files++;
    if (slim_digest_same(&digest, name))
        return;
    count->bad++;
    slim_store_altered(count->store, "object", name);
    (void)unlink(path);
}

static void check_sealed(void *context, const char *path,
                         const struct slim_digest *name)
{
    struct count *count = context;
    struct slim_map map;
    bool altered = false;

    if (!name)
        return;
    count->files++;
    if (slim_sealed_map(&map, path, &altered, &count->store->diag)) {
        slim_map_close(&map);
        return;
    }
    count->bad += altered;
    if (altered)
        slim_store_altered(count->store, "entry", name);
}

void slim_store_verify(struct slim_store *store, size_t *files, size_t *bad)
{
    static const char *const kinds[] = { "entries", "files", "journals",
                                         "pins",    "rates", "index" };
    struct count count = { store, 0, 0 };

    slim_store_walk(store, "objects", check_object, &count);
    for (size_t i = 0; i < SLIM_COUNT(kinds); i++)
        slim_store_walk(store, kinds[i], check_sealed, &count);
    *files = count.files;
    *bad = count.bad;
}
