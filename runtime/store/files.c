/* files.c - digests of files outside, remembered while they stay as they are */
#include "runtime/store/store.h"

#include "runtime/kernel/parallel.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

/* Read in any case: it takes less than a few milliseconds. */
#define CHEAP_SIZE (4 << 20)

/* What a change of the file changes too. A file that was written within the
 * last second is not remembered: another write could leave the same times. */
struct state {
    uint64_t device, inode, size;
    int64_t written, written_ns, changed, changed_ns;
};

struct memory {
    struct state state;
    struct slim_digest digest;
};

/* Where there is no folder: what this process has read. */
struct slim_file_known {
    struct slim_file_known *next;
    const char *path;
    struct memory memory;
};

static bool look(struct state *out, const char *path)
{
    struct stat info;

    if (stat(path, &info) != 0 || !S_ISREG(info.st_mode))
        return false;
    memset(out, 0, sizeof(*out));
    out->device = (uint64_t)info.st_dev;
    out->inode = (uint64_t)info.st_ino;
    out->size = (uint64_t)info.st_size;
    out->written = (int64_t)info.st_mtim.tv_sec;
    out->written_ns = (int64_t)info.st_mtim.tv_nsec;
    out->changed = (int64_t)info.st_ctim.tv_sec;
    out->changed_ns = (int64_t)info.st_ctim.tv_nsec;
    return true;
}

static char *memory_path(const struct slim_store *store, const char *path)
{
    char *real = realpath(path, NULL);
    const char *name = real ? real : path;
    struct slim_digest digest = slim_hash(name, strlen(name));

    free(real);
    return slim_store_path(store, "files", &digest);
}

static bool recall_here(struct slim_digest *out, const struct slim_store *store,
                        const char *path, const struct state *now)
{
    const struct slim_file_known *known = store->known;

    while (known && (strcmp(known->path, path) != 0 ||
                     memcmp(&known->memory.state, now, sizeof(*now)) != 0))
        known = known->next;
    if (known)
        *out = known->memory.digest;
    return known != NULL;
}

static bool recall(struct slim_digest *out, struct slim_store *store,
                   const char *path, const struct state *now)
{
    if (!store->path)
        return recall_here(out, store, path, now);
    char *name = memory_path(store, path);
    struct slim_map map;
    struct memory memory;
    bool altered = false, same = false;

    if (!slim_sealed_map(&map, name, &altered, &store->diag)) {
        if (altered) {
            struct slim_digest of = slim_hash(path, strlen(path));
            slim_store_altered(store, "digest", &of);
        }
        return false;
    }
    if (map.length == sizeof(memory) + SLIM_SEAL) {
        memcpy(&memory, map.data, sizeof(memory));
        same = memcmp(&memory.state, now, sizeof(*now)) == 0;
        *out = memory.digest;
    }
    slim_map_close(&map);
    return same;
}

/* Of a file longer than a block: the digest of those of its blocks, which
 * threads share. */
enum { BLOCK = 16 << 20 };

struct blocks {
    struct slim_digest *digests;
    const struct slim_map *map;
};

static void hash_block(void *context, size_t block, size_t worker)
{
    const struct blocks *blocks = context;
    const unsigned char *first = blocks->map->data + block * BLOCK;
    size_t length = slim_tile_length(blocks->map->length, BLOCK, block);

    (void)worker;
    slim_map_fetch(blocks->map, first, length);
    blocks->digests[block] = slim_hash(first, length);
    slim_map_leave(blocks->map, first, length);
}

static bool hash_map(struct slim_digest *out, const struct slim_map *map)
{
    size_t count = slim_tiles(map->length, BLOCK);
    struct blocks blocks = { NULL, map };

    if (count <= 1) {
        *out = slim_hash(map->data, map->length);
        return true;
    }
    blocks.digests = malloc(count * sizeof(*blocks.digests));
    if (!blocks.digests)
        return false;
    slim_parallel(count, (double)map->length, hash_block, &blocks);
    *out = slim_hash(blocks.digests, count * sizeof(*blocks.digests));
    free(blocks.digests);
    return true;
}

static bool hash_file(struct slim_digest *out, const char *path,
                      struct slim_arena *arena)
{
    struct slim_diag quiet = { .arena = arena };
    struct slim_map map;

    if (slim_map_open(&map, path, (struct slim_span){ 0 }, &quiet) != SLIM_OK)
        return false;
    bool done = hash_map(out, &map);
    slim_map_close(&map);
    return done;
}

static void remember(struct slim_store *store, const char *path,
                     const struct memory *memory)
{
    if (store->path) {
        (void)slim_sealed_put(store, memory_path(store, path), memory,
                              sizeof(*memory));
        return;
    }
    struct slim_file_known *known =
        SLIM_NEW(store->arena, struct slim_file_known);
    *known = (struct slim_file_known){ store->known,
                                       slim_arena_strdup(store->arena, path),
                                       *memory };
    store->known = known;
}

bool slim_file_digest(struct slim_digest *out, struct slim_store *store,
                      const char *path, enum slim_hashing how)
{
    struct state before, after;
    struct slim_arena *arena;
    time_t now = time(NULL);

    if (!look(&before, path))
        return false;
    if (store && how != SLIM_HASH_ANEW && recall(out, store, path, &before))
        return true;
    if (how == SLIM_HASH_CHEAP && before.size > CHEAP_SIZE)
        return false;
    arena = store ? store->arena : slim_arena_open();
    bool done = hash_file(out, path, arena);
    if (!store)
        slim_arena_close(arena);
    if (!done || !store || !look(&after, path) ||
        memcmp(&before, &after, sizeof(before)) != 0 ||
        before.written >= now - 1 || before.changed >= now - 1)
        return done;
    remember(store, path, &(struct memory){ before, *out });
    return true;
}
