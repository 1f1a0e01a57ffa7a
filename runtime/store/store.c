/* store.c - where the store is, and what it says when it cannot be used */
#include "runtime/store/store.h"

#include <stdlib.h>
#include <string.h>
#include <sys/statvfs.h>
#include <time.h>
#include <unistd.h>

static const struct slim_span nowhere = { NULL, 0, 0 };

const char *slim_store_place(const char *given, struct slim_arena *arena)
{
    const char *place = given ? given : getenv("SLIMC_STORE");
    const char *cache = getenv("XDG_CACHE_HOME"), *home = getenv("HOME");

    if (place && *place)
        return strcmp(place, "none") == 0 ? NULL : place;
    if (cache && *cache)
        return slim_path_join(arena, cache, "slimc");
    if (home && *home)
        return slim_path_join(arena, home, ".cache/slimc");
    return NULL;
}

/* SLIMC_STORE_BUDGET, else 100 GiB, else half of what the file system has. */
static uint64_t find_budget(const char *path)
{
    const char *given = getenv("SLIMC_STORE_BUDGET");
    uint64_t budget = (uint64_t)100 << 30, half;
    struct statvfs info;

    if (given && *given) {
        double value = slim_text_to_bytes(&given, given);

        return value > 0.0 && value < 1e18 ? (uint64_t)value : 0;
    }
    if (statvfs(path, &info) != 0)
        return budget;
    half = (uint64_t)info.f_blocks * (uint64_t)info.f_frsize / 2;
    return half < budget ? half : budget;
}

struct slim_store *slim_store_open(const char *path, struct slim_arena *arena,
                                   struct slim_diag *told)
{
    struct slim_store *store = SLIM_NEW(arena, struct slim_store);

    *store = (struct slim_store){
        .arena = arena,
        .path = path,
        .writes = true,
        .opened = (int64_t)time(NULL),
        .told = told,
    };
    store->diag.arena = arena;
    if (path && slim_make_directory(slim_path_join(arena, path, "objects"),
                                    nowhere, &store->diag) != SLIM_OK) {
        (void)slim_store_give_up(store);
        store->path = NULL;
    }
    store->writes = store->path != NULL;
    store->budget = store->path ? find_budget(path) : 0;
    return store;
}

bool slim_store_keeps(const struct slim_store *store)
{
    return store && store->path;
}

const char *slim_store_spill(const struct slim_store *store,
                             struct slim_arena *arena)
{
    bool writes = store && store->writes && access(store->path, W_OK) == 0;

    return writes ? store->path : slim_spill_place(arena);
}

char *slim_store_path(const struct slim_store *store, const char *kind,
                      const struct slim_digest *name)
{
    char hex[65];

    slim_digest_hex(hex, name);
    return slim_arena_printf(store->arena, "%s/%s/%.2s/%s", store->path, kind,
                             hex, hex + 2);
}

static void forget_errors(struct slim_store *store)
{
    store->diag = (struct slim_diag){ .arena = store->arena };
}

bool slim_store_give_up(struct slim_store *store)
{
    const char *reason =
        store->diag.first ? store->diag.first->message : "it is not writable";

    if (store->writes && store->told)
        slim_warning(store->told, "I501", nowhere,
                     "nothing more is kept in the store \"%s\": %s",
                     store->path, reason);
    store->writes = false;
    forget_errors(store);
    return false;
}

void slim_store_altered(struct slim_store *store, const char *what,
                        const struct slim_digest *name)
{
    char hex[65];

    slim_digest_hex(hex, name);
    forget_errors(store);
    if (store->told)
        slim_warning(store->told, "I502", nowhere,
                     "%s %.8s of the store was altered or cut off; it is "
                     "discarded and made again",
                     what, hex);
}

bool slim_digest_read(struct slim_digest *out, const char *hex)
{
    for (size_t i = 0; i < sizeof(out->bytes); i++) {
        unsigned value = 0;

        for (size_t j = 0; j < 2; j++) {
            char c = hex[2 * i + j];
            if (c >= '0' && c <= '9')
                value = value * 16 + (unsigned)(c - '0');
            else if (c >= 'a' && c <= 'f')
                value = value * 16 + (unsigned)(c - 'a') + 10;
            else
                return false;
        }
        out->bytes[i] = (unsigned char)value;
    }
    return true;
}

bool slim_digest_same(const struct slim_digest *a, const struct slim_digest *b)
{
    return memcmp(a->bytes, b->bytes, sizeof(a->bytes)) == 0;
}
