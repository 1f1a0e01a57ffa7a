/* nearest.c - what is kept that is most like something (nearest.h)
 *
 * An index is a sealed file: the head, a record an entry in the order of
 * folders, and the numbers of their causes.
 */
#include "runtime/store/nearest.h"

#include "base/size.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

enum { FOLDERS = 256 };
/* Fewer entries are read sooner than an index is written. */
enum { WORTH = 256 };

static const char magic[8] = "index 1";

/* When a folder last changed; zeros: it is to be read again. A change within
 * the tick of the clock would leave the same time, so what is young is. */
struct seen {
    int64_t seconds, nanoseconds;
};

struct head {
    char magic[8];
    uint64_t records, numbers;
    struct seen seen[FOLDERS];
};

struct record {
    struct slim_digest key;
    int64_t made;
    uint64_t first; /* of its numbers */
    uint32_t folder, count;
};

struct slim_index {
    const char *verb;
    struct head head;
    const struct record *records;
    const uint64_t *numbers;
    struct slim_map map; /* where they stand, or NULL .. */
    struct record *own_records;
    uint64_t *own_numbers; /* .. or here */
    size_t record_room, number_room;
    struct slim_index *next;
};

/* FNV-1a over both strings and the zero between them. */
static uint64_t number_of(const struct slim_cause *cause)
{
    const char *const parts[] = { cause->name, cause->value };
    uint64_t number = 0xcbf29ce484222325u;

    for (size_t i = 0; i < SLIM_COUNT(parts); i++) {
        const char *at = parts[i];
        do
            number = (number ^ (unsigned char)*at) * 0x100000001b3u;
        while (*at++);
    }
    return number;
}

/* ---- the file ---- */

static char *index_path(const struct slim_store *store, const char *verb)
{
    struct slim_digest name = slim_hash(verb, strlen(verb));

    return slim_store_path(store, "index", &name);
}

static bool is_whole(const struct slim_map *map)
{
    const struct head *head = (const void *)map->data;
    size_t length = map->length - SLIM_SEAL;

    if (length < sizeof(*head) ||
        memcmp(head->magic, magic, sizeof(magic)) != 0 ||
        head->records > length || head->numbers > length ||
        length != sizeof(*head) + head->records * sizeof(struct record) +
                      head->numbers * sizeof(uint64_t))
        return false;
    const struct record *records = (const void *)(head + 1);
    for (size_t i = 0; i < head->records; i++)
        if (records[i].first > head->numbers ||
            records[i].count > head->numbers - records[i].first ||
            records[i].folder >= FOLDERS)
            return false;
    return true;
}

static void load(struct slim_index *index, struct slim_store *store)
{
    if (!slim_sealed_map(&index->map, index_path(store, index->verb), NULL,
                         &store->diag)) {
        index->map = (struct slim_map){ 0 };
        return;
    }
    if (!is_whole(&index->map)) {
        slim_map_close(&index->map);
        index->map = (struct slim_map){ 0 };
        return;
    }
    const struct head *head = (const void *)index->map.data;
    index->head = *head;
    index->records = (const void *)(head + 1);
    index->numbers = (const void *)(index->records + head->records);
}

static void save(const struct slim_index *index, struct slim_store *store)
{
    const struct head *head = &index->head;
    const struct slim_piece parts[] = {
        { head, sizeof(*head) },
        { index->records, head->records * sizeof(*index->records) },
        { index->numbers, head->numbers * sizeof(*index->numbers) },
    };

    /* a store of somebody else is only looked at */
    if (store->writes && access(store->path, W_OK) == 0)
        (void)slim_sealed_put_parts(store, index_path(store, index->verb),
                                    parts, SLIM_COUNT(parts));
}

/* ---- bringing it up to date ---- */

static void *grow(void *old, size_t *room, size_t size)
{
    size_t more = *room ? 2 * *room : 1024, bytes;
    void *grown =
        slim_size_mul(&bytes, more, size) ? realloc(old, bytes) : NULL;

    if (!grown)
        slim_out_of_memory("an index of the store");
    *room = more;
    return grown;
}

static struct record *add_record(struct slim_index *to,
                                 const struct record *like)
{
    struct head *head = &to->head;

    if (head->records == to->record_room)
        to->own_records =
            grow(to->own_records, &to->record_room, sizeof(*to->own_records));
    struct record *record = &to->own_records[head->records++];
    *record = *like;
    record->first = head->numbers;
    record->count = 0;
    return record;
}

static void add_number(struct slim_index *to, struct record *record,
                       uint64_t number)
{
    struct head *head = &to->head;

    if (head->numbers == to->number_room)
        to->own_numbers =
            grow(to->own_numbers, &to->number_room, sizeof(*to->own_numbers));
    to->own_numbers[head->numbers++] = number;
    record->count++;
}

/* Of a name that stands twice the first counts. */
static bool stands_before(const struct slim_kept *entry, size_t at)
{
    for (size_t i = 0; i < at; i++)
        if (strcmp(entry->causes[i].name, entry->causes[at].name) == 0)
            return true;
    return false;
}

static void add_entry(struct slim_index *to, const struct slim_kept *entry,
                      uint32_t folder)
{
    struct record *record = add_record(
        to, &(struct record){
                .key = entry->key, .made = entry->made, .folder = folder });

    for (size_t i = 0; i < entry->cause_count; i++)
        if (!stands_before(entry, i))
            add_number(to, record, number_of(&entry->causes[i]));
}

static const char *folder_path(const struct slim_store *store, const char *verb,
                               unsigned folder)
{
    return slim_arena_printf(store->arena, "%s/entries/%s/%02x", store->path,
                             verb, folder);
}

static size_t read_folder(struct slim_index *to, struct slim_store *store,
                          unsigned folder)
{
    const char *path = folder_path(store, to->verb, folder);
    /* of each entry only numbers stay */
    struct slim_store passing = *store;
    size_t count = 0;

    passing.arena = slim_arena_open();
    passing.diag = (struct slim_diag){ .arena = passing.arena };
    char **names = slim_list_directory(passing.arena, path, "");
    for (; *names; names++, count++) {
        bool altered;
        const struct slim_kept *entry = slim_entry_read(
            &passing, slim_path_join(passing.arena, path, *names), &altered);
        if (entry && strcmp(entry->stage, to->verb) == 0)
            add_entry(to, entry, folder);
    }
    slim_arena_close(passing.arena);
    return count;
}

static struct seen look(const struct slim_store *store, const char *verb,
                        unsigned folder, bool *young)
{
    struct stat info;

    *young = false;
    if (stat(folder_path(store, verb, folder), &info) != 0)
        return (struct seen){ -1, 0 };
    *young = (int64_t)info.st_mtim.tv_sec >= (int64_t)time(NULL) - 1;
    return (struct seen){ (int64_t)info.st_mtim.tv_sec,
                          (int64_t)info.st_mtim.tv_nsec };
}

static bool is_same(const struct seen *a, const struct seen *b)
{
    return a->seconds == b->seconds && a->nanoseconds == b->nanoseconds;
}

/* The records of a folder, from `*at` on. */
static void copy_folder(struct slim_index *to, const struct slim_index *from,
                        size_t *at, unsigned folder)
{
    for (; *at < from->head.records; ++*at) {
        const struct record *old = &from->records[*at];
        if (old->folder != folder)
            return;
        struct record *record = add_record(to, old);
        for (size_t i = 0; i < old->count; i++)
            add_number(to, record, from->numbers[old->first + i]);
    }
}

static void skip_folder(const struct slim_index *from, size_t *at,
                        unsigned folder)
{
    while (*at < from->head.records && from->records[*at].folder == folder)
        ++*at;
}

/* What the store has now; returns how many entries were read. */
static size_t renew(struct slim_index *to, const struct slim_index *from,
                    struct slim_store *store, const struct seen *now,
                    const bool *young)
{
    static const struct seen never = { 0 };
    size_t at = 0, read = 0;

    memcpy(to->head.magic, magic, sizeof(magic));
    for (unsigned f = 0; f < FOLDERS; f++) {
        if (is_same(&now[f], &from->head.seen[f]))
            copy_folder(to, from, &at, f);
        else
            read += read_folder(to, store, f);
        skip_folder(from, &at, f);
        to->head.seen[f] = young[f] ? never : now[f];
    }
    to->records = to->own_records;
    to->numbers = to->own_numbers;
    return read;
}

static void release(struct slim_index *index)
{
    if (index->map.data)
        slim_map_close(&index->map);
    free(index->own_records);
    free(index->own_numbers);
}

static struct slim_index *open_index(struct slim_nearest *nearest,
                                     const char *verb)
{
    struct slim_store *store = nearest->store;
    struct slim_index *old = SLIM_NEW(store->arena, struct slim_index), *index;
    struct seen now[FOLDERS];
    bool young[FOLDERS], same = true;

    old->verb = verb;
    load(old, store);
    for (unsigned f = 0; f < FOLDERS; f++) {
        now[f] = look(store, verb, f, &young[f]);
        same = same && is_same(&now[f], &old->head.seen[f]);
    }
    if (same)
        return old;
    index = SLIM_NEW(store->arena, struct slim_index);
    index->verb = verb;
    size_t read = renew(index, old, store, now, young);
    release(old);
    nearest->read += read;
    if (read >= WORTH)
        save(index, store);
    return index;
}

static struct slim_index *index_of(struct slim_nearest *nearest,
                                   const char *verb)
{
    struct slim_index *index = nearest->first;

    while (index && strcmp(index->verb, verb) != 0)
        index = index->next;
    if (index)
        return index;
    index = open_index(nearest, verb);
    index->next = nearest->first;
    nearest->first = index;
    return index;
}

/* ---- asking it ---- */

static bool has(const struct slim_index *index, const struct record *record,
                size_t hint, uint64_t number)
{
    const uint64_t *numbers = index->numbers + record->first;

    if (hint < record->count && numbers[hint] == number)
        return true;
    for (size_t i = 0; i < record->count; i++)
        if (numbers[i] == number)
            return true;
    return false;
}

static size_t distance(const struct slim_index *index,
                       const struct record *record, const uint64_t *wanted,
                       size_t count)
{
    size_t far = 0;

    for (size_t i = 0; i < count; i++)
        far += !has(index, record, i, wanted[i]);
    return far;
}

static bool is_before(const struct record *a, const struct record *b)
{
    if (a->made != b->made)
        return a->made > b->made;
    return memcmp(&a->key, &b->key, sizeof(a->key)) < 0;
}

/* The best that is not in `gone`, which holds a mark a record. */
static const struct record *best_of(const struct slim_index *index,
                                    const uint64_t *wanted, size_t count,
                                    const bool *gone)
{
    const struct record *best = NULL;
    size_t least = 0;

    for (size_t i = 0; i < index->head.records; i++) {
        const struct record *record = &index->records[i];
        if (gone[i])
            continue;
        size_t far = distance(index, record, wanted, count);
        if (best && (far > least || (far == least && !is_before(record, best))))
            continue;
        best = record;
        least = far;
    }
    return best;
}

const struct slim_kept *slim_nearest_find(struct slim_nearest *nearest,
                                          const char *verb,
                                          const struct slim_cause *causes,
                                          size_t count)
{
    struct slim_store *store = nearest->store;
    const struct slim_index *index = index_of(nearest, verb);
    bool *gone = SLIM_NEW_ARRAY(store->arena, index->head.records + 1, bool);
    uint64_t *wanted = SLIM_NEW_ARRAY(store->arena, count + 1, uint64_t);
    const char *kind = slim_arena_printf(store->arena, "entries/%s", verb);
    const struct record *best;
    bool altered;

    for (size_t i = 0; i < count; i++)
        wanted[i] = number_of(&causes[i]);
    while ((best = best_of(index, wanted, count, gone))) {
        const struct slim_kept *entry = slim_entry_read(
            store, slim_store_path(store, kind, &best->key), &altered);
        if (entry)
            return entry;
        gone[best - index->records] = true; /* altered, or just now removed */
    }
    return NULL;
}

void slim_nearest_close(struct slim_nearest *nearest)
{
    for (struct slim_index *index = nearest->first; index; index = index->next)
        release(index);
    nearest->first = NULL;
}

void slim_nearest_refresh(struct slim_store *store)
{
    struct slim_nearest nearest = { .store = store };
    char **verbs = slim_list_directory(
        store->arena, slim_path_join(store->arena, store->path, "entries"), "");

    for (; *verbs; verbs++)
        (void)index_of(&nearest, slim_path_base(*verbs));
    slim_nearest_close(&nearest);
}
