/* gc.c - what may leave the store, and in which order */
#include "runtime/store/gc.h"

#include "base/text.h"

#include "runtime/store/journal.h"
#include "runtime/store/ledger.h"
#include "runtime/store/nearest.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define HOUR 3600
#define MONTH (30 * 24 * HOUR)

/* ---- lists of names ---- */

struct named {
    struct slim_digest name;
    uint64_t size;
    size_t times;
};

struct names {
    struct slim_store *store;
    struct named *items; /* sorted once all are there */
    size_t count, capacity;
    uint64_t freed;
    int64_t spared; /* what was touched at this time or later stays */
};

static void add_name(struct names *names, const struct slim_digest *name,
                     uint64_t size)
{
    if (names->count == names->capacity) {
        size_t room = names->capacity ? 2 * names->capacity : 256;
        struct named *more =
            SLIM_NEW_ARRAY(names->store->arena, room, struct named);
        if (names->count)
            memcpy(more, names->items, names->count * sizeof(*more));
        names->items = more;
        names->capacity = room;
    }
    names->items[names->count++] = (struct named){ *name, size, 1 };
}

static int by_name(const void *a, const void *b)
{
    return memcmp(a, b, sizeof(struct slim_digest));
}

/* Equal names become one. */
static void sort_names(struct names *names)
{
    size_t kept = 0;

    if (names->count)
        qsort(names->items, names->count, sizeof(*names->items), by_name);
    for (size_t i = 0; i < names->count; i++)
        if (kept && slim_digest_same(&names->items[kept - 1].name,
                                     &names->items[i].name))
            names->items[kept - 1].times++;
        else
            names->items[kept++] = names->items[i];
    names->count = kept;
}

static struct named *find_name(const struct names *names,
                               const struct slim_digest *name)
{
    return names->count ? bsearch(name, names->items, names->count,
                                  sizeof(*names->items), by_name)
                        : NULL;
}

/* ---- the listing ---- */

struct listing_work {
    struct slim_store *store;
    struct slim_listing *out;
    struct names pinned;
};

static void add_bytes(void *context, const char *path,
                      const struct slim_digest *name)
{
    (void)name;
    *(uint64_t *)context += slim_file_size(path);
}

static char *copy_text(struct slim_arena *arena, const char *text)
{
    return text ? slim_arena_strdup(arena, text) : NULL;
}

/* What a listing needs of an entry, which is a tenth of it. */
static struct slim_kept *copy_entry(const struct slim_kept *entry,
                                    struct slim_arena *arena)
{
    struct slim_kept *copy = SLIM_NEW(arena, struct slim_kept);
    size_t count = entry->object_count;

    *copy = (struct slim_kept){ .key = entry->key,
                                .stage = copy_text(arena, entry->stage),
                                .text = copy_text(arena, entry->text),
                                .recipe = copy_text(arena, entry->recipe),
                                .seconds = entry->seconds,
                                .amount = entry->amount,
                                .made = entry->made,
                                .object_count = count };
    copy->objects = SLIM_NEW_ARRAY(arena, count, struct slim_kept_object);
    if (count)
        memcpy(copy->objects, entry->objects, count * sizeof(*copy->objects));
    return copy;
}

static struct slim_kept *read_entry(struct slim_store *store, const char *path,
                                    bool *altered)
{
    struct slim_store passing = *store;
    struct slim_arena *arena = slim_arena_open();

    passing.arena = arena;
    passing.diag = (struct slim_diag){ .arena = arena };
    const struct slim_kept *entry = slim_entry_read(&passing, path, altered);
    struct slim_kept *copy = entry ? copy_entry(entry, store->arena) : NULL;
    slim_arena_close(arena);
    return copy;
}

static struct slim_listed *add_item(struct slim_listing *out,
                                    struct slim_arena *arena)
{
    if (out->count == out->capacity) {
        size_t room = out->capacity ? 2 * out->capacity : 64;
        struct slim_listed *more =
            SLIM_NEW_ARRAY(arena, room, struct slim_listed);
        if (out->count)
            memcpy(more, out->items, out->count * sizeof(*more));
        out->items = more;
        out->capacity = room;
    }
    return &out->items[out->count++];
}

static void list_entry(void *context, const char *path,
                       const struct slim_digest *name)
{
    struct listing_work *work = context;
    struct slim_listing *out = work->out;
    struct stat info;
    bool altered = false;

    if (stat(path, &info) != 0)
        return;
    out->bytes += (uint64_t)info.st_size;
    struct slim_kept *entry =
        name ? read_entry(work->store, path, &altered) : NULL;
    out->altered += altered;
    if (!entry)
        return;
    struct slim_listed *item = add_item(out, work->store->arena);
    *item = (struct slim_listed){ .entry = entry,
                                  .used = (int64_t)info.st_mtim.tv_sec,
                                  .bytes = (uint64_t)info.st_size };
    for (size_t i = 0; i < entry->object_count; i++)
        item->bytes += entry->objects[i].size;
}

/* Seconds of work that a byte saves, then age. */
static int by_worth(const void *a, const void *b)
{
    const struct slim_listed *x = a, *y = b;
    double left = x->entry->seconds / (double)x->bytes;
    double right = y->entry->seconds / (double)y->bytes;

    if (left < right || left > right)
        return left < right ? -1 : 1;
    return (x->used > y->used) - (x->used < y->used);
}

static void add_pinned(void *context, const struct slim_digest *key)
{
    add_name(context, key, 0);
}

/* A pin holds the path of a lock file; one that is gone pins nothing. */
static void read_pin(void *context, const char *path,
                     const struct slim_digest *name)
{
    struct listing_work *work = context;
    struct slim_map map;

    if (!name || !slim_sealed_map(&map, path, NULL, &work->store->diag))
        return;
    const char *lock = slim_arena_strndup(
        work->store->arena, (const char *)map.data, map.length - SLIM_SEAL);
    slim_map_close(&map);
    if (!slim_file_exists(lock))
        (void)unlink(path);
    else
        slim_ledger_keys(lock, work->store->arena, add_pinned, &work->pinned);
}

void slim_listing_make(struct slim_listing *out, struct slim_store *store)
{
    /* entries are read below */
    static const char *const kinds[] = { "objects", "files",    "journals",
                                         "pins",    "promises", "rates",
                                         "index" };
    struct listing_work work = { store, out, { .store = store } };

    *out = (struct slim_listing){ 0 };
    for (size_t i = 0; i < SLIM_COUNT(kinds); i++)
        slim_store_walk(store, kinds[i], add_bytes, &out->bytes);
    slim_store_walk(store, "entries", list_entry, &work);
    slim_store_walk(store, "pins", read_pin, &work);
    sort_names(&work.pinned);
    for (size_t i = 0; i < out->count; i++)
        out->items[i].pinned =
            find_name(&work.pinned, &out->items[i].entry->key) != NULL;
    if (out->count)
        qsort(out->items, out->count, sizeof(*out->items), by_worth);
}

/* ---- objects, and who names them ---- */

static void add_blobs(struct names *names, json_t *json)
{
    const char *hex = json_string_value(json_object_get(json, "blob"));
    struct slim_digest name;

    if (hex && strlen(hex) == 64 && slim_digest_read(&name, hex))
        add_name(names, &name, 0);
    for (void *at = json_object_iter(json); at;
         at = json_object_iter_next(json, at))
        add_blobs(names, json_object_iter_value(at));
    for (size_t i = 0; i < json_array_size(json); i++)
        add_blobs(names, json_array_get(json, i));
}

static bool is_older(const char *path, int64_t seconds)
{
    struct stat info;

    return stat(path, &info) == 0 &&
           (int64_t)info.st_mtim.tv_sec < (int64_t)time(NULL) - seconds;
}

static void free_file(struct names *names, const char *path)
{
    uint64_t size = slim_file_size(path);

    if (unlink(path) == 0)
        names->freed += size;
}

/* Layers that a journal holds are needed to go on. */
static void visit_journal(void *context, const char *path,
                          const struct slim_digest *name)
{
    struct names *names = context;
    json_t *note;

    if (is_older(path, name ? MONTH : HOUR)) {
        free_file(names, path);
        return;
    }
    note = name ? slim_journal_note(path, names->store) : NULL;
    if (note)
        add_blobs(names, note);
    json_decref(note);
}

static void visit_object(void *context, const char *path,
                         const struct slim_digest *name)
{
    struct names *names = context;

    if ((!name || !find_name(names, name)) && is_older(path, HOUR))
        free_file(names, path);
}

static void visit_other(void *context, const char *path,
                        const struct slim_digest *name)
{
    if (!name && is_older(path, HOUR))
        free_file(context, path);
}

/* A promise of 30 days ago, or the lock of who died then. */
static void visit_claim(void *context, const char *path,
                        const struct slim_digest *name)
{
    struct names *names = context;

    if (is_older(path, name ? MONTH : HOUR) &&
        (!name || !slim_lock_held(names->store, name)))
        free_file(names, path);
}

/* The entry, and the objects that no other one names. */
static void evict(struct names *names, const struct slim_listed *item)
{
    const struct slim_kept *entry = item->entry;
    struct stat info;

    const char *kind =
        slim_arena_printf(names->store->arena, "entries/%s", entry->stage);
    free_file(names, slim_store_path(names->store, kind, &entry->key));
    for (size_t i = 0; i < entry->object_count; i++) {
        struct named *named = find_name(names, &entry->objects[i].name);
        if (!named || --named->times > 0)
            continue;
        const char *path =
            slim_store_path(names->store, "objects", &named->name);
        /* what is about to be named again was touched */
        if (!stat(path, &info) && (int64_t)info.st_mtim.tv_sec < names->spared)
            free_file(names, path);
    }
}

/* What nothing names leaves. */
static void sweep(struct names *names, const struct slim_listing *listing)
{
    struct slim_store *store = names->store;

    for (size_t i = 0; i < listing->count; i++)
        for (size_t j = 0; j < listing->items[i].entry->object_count; j++)
            add_name(names, &listing->items[i].entry->objects[j].name,
                     listing->items[i].entry->objects[j].size);
    slim_store_walk(store, "journals", visit_journal, names);
    sort_names(names);
    slim_store_walk(store, "objects", visit_object, names);
    slim_store_walk(store, "entries", visit_other, names);
    slim_store_walk(store, "files", visit_other, names);
    slim_store_walk(store, "index", visit_other, names);
    slim_store_walk(store, "promises", visit_claim, names);
    slim_store_walk(store, "locks", visit_claim, names);
}

/* Entries leave until the store takes at most `budget` bytes: how many did. */
static size_t shrink(struct names *names, const struct slim_listing *listing,
                     uint64_t budget)
{
    size_t count = 0;

    for (size_t i = 0; i < listing->count; i++) {
        const struct slim_listed *item = &listing->items[i];

        if (listing->bytes - names->freed <= budget)
            break;
        if (item->pinned || item->used >= names->spared)
            continue;
        evict(names, item);
        count++;
    }
    return count;
}

uint64_t slim_store_gc(struct slim_store *store, uint64_t budget,
                       size_t *entries)
{
    struct names names = { .store = store, .spared = INT64_MAX };
    struct slim_listing listing = { 0 };

    slim_listing_make(&listing, store);
    sweep(&names, &listing);
    *entries = shrink(&names, &listing, budget);
    return names.freed;
}

bool slim_store_make_room(struct slim_store *store, uint64_t size)
{
    struct names names = { .store = store, .spared = store->opened };
    const struct slim_error *error = store->diag.first;
    struct slim_listing listing = { 0 };

    if (!error || strcmp(error->code, "O001") != 0)
        return false;
    store->diag = (struct slim_diag){ .arena = store->arena };
    slim_listing_make(&listing, store);
    sweep(&names, &listing);
    uint64_t wanted = 2 * size + listing.bytes / 16;
    size_t count = shrink(&names, &listing,
                          wanted < listing.bytes ? listing.bytes - wanted : 0);
    if (store->told)
        slim_warning(store->told, "I503", (struct slim_span){ 0 },
                     "the disk is full: %zu entries left the store \"%s\", %s",
                     count, store->path,
                     slim_text_bytes(store->arena, names.freed));
    return true;
}

bool slim_store_pin(struct slim_store *store, const char *lock)
{
    char *real = realpath(lock, NULL);
    const char *path = real ? real : lock;
    struct slim_digest name = slim_hash(path, strlen(path));
    bool done = slim_sealed_put(store, slim_store_path(store, "pins", &name),
                                path, strlen(path));

    free(real);
    return done;
}

void slim_store_tidy(struct slim_store *store)
{
    size_t entries;

    if (!store->writes)
        return;
    const char *stamp = slim_path_join(store->arena, store->path, "tidied");
    if ((slim_file_exists(stamp) && !is_older(stamp, HOUR)))
        return;
    if (slim_sealed_put(store, stamp, "", 0))
        (void)slim_store_gc(store, store->budget, &entries);
    slim_nearest_refresh(store);
}
