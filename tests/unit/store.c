/* store.c - what is put in comes out as it was, or not at all */
#include "runtime/store/gc.h"

#include "tests/support.h"

#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>
#include <utime.h>

struct place {
    char *folder;
    struct slim_arena *arena;
    struct slim_diag told;
    struct slim_store *store;
};

static struct place open_place(void)
{
    struct place p = { .folder = slim_test_directory(),
                       .arena = slim_arena_open() };

    p.told.arena = p.arena;
    return p;
}

static void open_store(struct place *p)
{
    p->store = slim_store_open(slim_path_join(p->arena, p->folder, "s"),
                               p->arena, &p->told);
    assert_true(slim_store_keeps(p->store));
}

static void close_place(struct place *p)
{
    slim_arena_close(p->arena);
    slim_test_directory_remove(p->folder);
}

/* Changes one bit of byte `at`; -1 is the last. */
static void flip(const char *path, long at)
{
    size_t count;
    char *bytes = slim_test_read(path, &count);

    bytes[at < 0 ? count - (size_t)-at : (size_t)at] ^= 4;
    slim_test_write(path, bytes, count);
    free(bytes);
}

static void objects(void **state)
{
    struct place p = open_place();
    const struct slim_piece parts[] = { { "one", 3 },
                                        { NULL, 0 },
                                        { "two", 3 } };
    const struct slim_piece whole = { "onetwo", 6 };
    struct slim_digest name, again;
    struct slim_map map;

    (void)state;
    open_store(&p);
    assert_true(slim_object_put(p.store, &name, parts, 3));
    assert_true(slim_object_put(p.store, &again, &whole, 1));
    assert_true(slim_digest_same(&name, &again));
    assert_true(slim_object_has(p.store, &name, 6));
    assert_false(slim_object_has(p.store, &name, 5));
    assert_true(slim_object_map(p.store, &map, &name, 6));
    assert_memory_equal(map.data, "onetwo", 6);
    slim_map_close(&map);

    const char *path = slim_store_path(p.store, "objects", &name);
    flip(path, 2);
    assert_false(slim_object_map(p.store, &map, &name, 6));
    assert_true(slim_test_has_error(&p.told, "I502"));
    assert_false(slim_file_exists(path));
    assert_false(slim_object_map(p.store, &map, &name, 6));
    close_place(&p);
}

static void sealed(void **state)
{
    struct place p = open_place();
    struct slim_map map;
    bool altered = true;

    (void)state;
    open_store(&p);
    const char *path = slim_path_join(p.arena, p.folder, "s/x/file");
    assert_false(slim_sealed_map(&map, path, &altered, &p.told));
    assert_false(altered);
    for (long at = -33; at < 5; at++) {
        assert_true(slim_sealed_put(p.store, path, "bytes", 5));
        assert_true(slim_sealed_map(&map, path, &altered, &p.told));
        assert_int_equal(map.length, 5 + SLIM_SEAL);
        slim_map_close(&map);
        flip(path, at);
        assert_false(slim_sealed_map(&map, path, &altered, &p.told));
        assert_true(altered);
        assert_false(slim_file_exists(path));
    }
    assert_true(slim_sealed_put(p.store, path, "bytes", 5));
    assert_int_equal(truncate(path, 31), 0);
    assert_false(slim_sealed_map(&map, path, &altered, &p.told));
    assert_true(altered);
    close_place(&p);
}

static struct slim_kept *sample_entry(struct place *p,
                                      struct slim_cause *causes)
{
    const struct slim_piece piece = { "{}", 2 };
    struct slim_kept *e = SLIM_NEW(p->arena, struct slim_kept);
    struct slim_kept_object *object =
        SLIM_NEW(p->arena, struct slim_kept_object);

    causes[0] = (struct slim_cause){ "a \"name\"", "line\nline \\ \"" };
    causes[1] = (struct slim_cause){ "empty", "" };
    assert_true(slim_object_put(p->store, &object->name, &piece, 1));
    object->size = 2;
    *e = (struct slim_kept){ .stage = "score",
                             .text = "score \"taylor\"",
                             .recipe = "r.slim",
                             .report = "a\nb\n",
                             .seconds = 0.1,
                             .amount = 20,
                             .made = 1234567890123,
                             .causes = causes,
                             .cause_count = 2,
                             .result_count = 1,
                             .objects = object,
                             .object_count = 1 };
    e->key = slim_causes_key(causes, 2);
    e->results[0].type = 4;
    e->results[0].manifest = *object;
    return e;
}

static void entries(void **state)
{
    struct place p = open_place();
    struct slim_cause causes[2];

    (void)state;
    open_store(&p);
    struct slim_kept *e = sample_entry(&p, causes);
    assert_null(slim_entry_find(p.store, "score", &e->key));
    assert_true(slim_entry_put(p.store, e));
    struct slim_kept *found = slim_entry_find(p.store, "score", &e->key);
    assert_non_null(found);
    assert_string_equal(found->text, e->text);
    assert_string_equal(found->report, e->report);
    assert_null(found->detail);
    assert_true(found->seconds == 0.1);
    assert_true(found->made == e->made);
    assert_int_equal(found->cause_count, 2);
    assert_string_equal(found->causes[0].name, causes[0].name);
    assert_string_equal(found->causes[0].value, causes[0].value);
    assert_int_equal(found->results[0].type, 4);
    assert_null(slim_entry_find(p.store, "prune", &e->key));

    /* without its object an entry counts for nothing */
    assert_int_equal(
        unlink(slim_store_path(p.store, "objects", &e->objects[0].name)), 0);
    assert_null(slim_entry_find(p.store, "score", &e->key));
    close_place(&p);
}

/* A key that is another's. */
static void wrong_name(void **state)
{
    struct place p = open_place();
    struct slim_cause causes[2];
    struct slim_digest other = slim_hash("x", 1);

    (void)state;
    open_store(&p);
    struct slim_kept *e = sample_entry(&p, causes);
    e->key = other;
    assert_true(slim_entry_put(p.store, e));
    assert_null(slim_entry_find(p.store, "score", &other));
    close_place(&p);
}

static void make_old(const char *path)
{
    struct utimbuf times = { 1000000000, 1000000000 };

    assert_int_equal(utime(path, &times), 0);
}

static void files(void **state)
{
    struct place p = open_place();
    struct slim_digest a, b, want = slim_hash("first", 5);

    (void)state;
    open_store(&p);
    const char *path = slim_path_join(p.arena, p.folder, "file");
    slim_test_puts(path, "first");
    make_old(path);
    assert_true(slim_file_digest(&a, p.store, path, SLIM_HASH_ALWAYS));
    assert_true(slim_digest_same(&a, &want));
    assert_true(slim_file_digest(&a, NULL, path, SLIM_HASH_ALWAYS));
    assert_true(slim_digest_same(&a, &want));
    /* as long, as old: the inode's time tells */
    slim_test_puts(path, "other");
    make_old(path);
    assert_true(slim_file_digest(&b, p.store, path, SLIM_HASH_ALWAYS));
    assert_false(slim_digest_same(&a, &b));
    assert_false(slim_file_digest(&a, p.store, p.folder, SLIM_HASH_ALWAYS));
    close_place(&p);
}

/* Of the digests of its blocks of 16 MiB, the last of them shorter. */
static void long_files(void **state)
{
    enum { BLOCK = 16 << 20, LENGTH = 2 * BLOCK + 5 };
    struct place p = open_place();
    struct slim_digest blocks[3], want, have;
    char *bytes = calloc(LENGTH, 1);

    (void)state;
    open_store(&p);
    const char *path = slim_path_join(p.arena, p.folder, "long");
    bytes[0] = 1;
    bytes[BLOCK] = 2;
    bytes[LENGTH - 1] = 3;
    assert_int_equal(
        slim_file_write(path, bytes, LENGTH, (struct slim_span){ 0 }, &p.told),
        SLIM_OK);
    for (size_t i = 0; i < 3; i++)
        blocks[i] = slim_hash(bytes + i * BLOCK, i < 2 ? BLOCK : 5);
    want = slim_hash(blocks, sizeof(blocks));
    assert_true(slim_file_digest(&have, p.store, path, SLIM_HASH_ALWAYS));
    assert_true(slim_digest_same(&have, &want));
    free(bytes);
    close_place(&p);
}

static void waited(void *context)
{
    *(bool *)context = true;
}

static void locks(void **state)
{
    struct place p = open_place();
    struct slim_digest key = slim_hash("k", 1);
    struct slim_lock lock;
    int pipes[2], code;
    char byte = 0;
    bool was_told = false;

    (void)state;
    open_store(&p);
    assert_int_equal(pipe(pipes), 0);
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        if (!slim_lock_take(&lock, p.store, &key, NULL, NULL) ||
            write(pipes[1], "x", 1) != 1)
            _exit(1);
        struct timespec pause = { .tv_nsec = 200000000 };
        (void)nanosleep(&pause, NULL);
        slim_lock_release(&lock);
        _exit(0);
    }
    assert_int_equal(read(pipes[0], &byte, 1), 1);
    assert_true(slim_lock_take(&lock, p.store, &key, waited, &was_told));
    assert_true(was_told);
    slim_lock_release(&lock);
    assert_false(slim_file_exists(slim_store_path(p.store, "locks", &key)));
    assert_int_equal(waitpid(child, &code, 0), child);
    assert_int_equal(code, 0);
    close_place(&p);
}

static void full_disk(void **state)
{
    struct place p = open_place();
    const struct slim_piece piece = { "x", 1 };
    struct slim_digest name;

    (void)state;
    open_store(&p);
    slim_file_fail_from(1);
    assert_false(slim_object_put(p.store, &name, &piece, 1));
    slim_file_fail_after(0);
    assert_false(p.store->writes);
    assert_int_equal(p.told.warnings, 2);
    assert_true(slim_test_has_error(&p.told, "I503"));
    assert_true(slim_test_has_error(&p.told, "I501"));
    assert_false(slim_object_put(p.store, &name, &piece, 1));
    assert_int_equal(p.told.warnings, 2);
    close_place(&p);
}

/* An entry with an object of its own; of `age` seconds ago. */
static struct slim_kept *put_aged(struct place *p, const char *text, int age)
{
    struct slim_kept_object *object =
        SLIM_NEW(p->arena, struct slim_kept_object);
    struct slim_kept *entry = SLIM_NEW(p->arena, struct slim_kept);
    struct slim_cause *cause = SLIM_NEW(p->arena, struct slim_cause);
    const struct slim_piece piece = { text, strlen(text) };
    const struct timespec then = { .tv_sec = time(NULL) - age };
    const struct timespec times[2] = { then, then };

    object->size = piece.size;
    assert_true(slim_object_put(p->store, &object->name, &piece, 1));
    *cause = (struct slim_cause){ "text", text };
    *entry = (struct slim_kept){ .key = slim_causes_key(cause, 1),
                                 .stage = "score",
                                 .text = text,
                                 .causes = cause,
                                 .cause_count = 1,
                                 .seconds = 1.0,
                                 .objects = object,
                                 .object_count = 1 };
    assert_true(slim_entry_put(p->store, entry));
    const char *paths[] = {
        slim_store_path(p->store, "entries/score", &entry->key),
        slim_store_path(p->store, "objects", &object->name),
    };
    for (size_t i = 0; i < 2; i++)
        assert_int_equal(utimensat(AT_FDCWD, paths[i], times, 0), 0);
    return entry;
}

/* What was there before leaves, what is of this run stays. */
static void room_is_made(void **state)
{
    struct place p = open_place();
    const struct slim_piece piece = { "x", 1 };
    struct slim_digest name;

    (void)state;
    open_store(&p);
    struct slim_kept *old = put_aged(&p, "old", 100);
    struct slim_kept *new = put_aged(&p, "new", -100);

    assert_non_null(slim_entry_find(p.store, "score", &old->key));
    slim_file_fail_after(1);
    assert_true(slim_object_put(p.store, &name, &piece, 1));
    slim_file_fail_after(0);
    assert_true(p.store->writes);
    assert_int_equal(p.told.warnings, 1);
    assert_true(slim_test_has_error(&p.told, "I503"));
    assert_null(slim_entry_find(p.store, "score", &old->key));
    assert_false(slim_object_has(p.store, &old->objects[0].name, 3));
    assert_non_null(slim_entry_find(p.store, "score", &new->key));
    close_place(&p);
}

/* Promises of long ago leave, unless somebody works on them still. */
static void old_promises(void **state)
{
    struct place p = open_place();
    const struct timespec then = { .tv_sec = time(NULL) - 40 * 86400L };
    const struct timespec times[2] = { then, then };
    static const char *const of[] = { "fresh", "held", "stale" };
    const char *paths[3];
    struct slim_digest names[3];
    struct slim_lock lock;
    size_t entries;

    (void)state;
    open_store(&p);
    for (size_t i = 0; i < 3; i++) {
        names[i] = slim_hash(of[i], strlen(of[i]));
        paths[i] = slim_store_path(p.store, "promises", &names[i]);
        assert_true(slim_sealed_put(p.store, paths[i], "x", 1));
        if (i > 0)
            assert_int_equal(utimensat(AT_FDCWD, paths[i], times, 0), 0);
    }
    assert_true(slim_lock_take(&lock, p.store, &names[1], NULL, NULL));
    (void)slim_store_gc(p.store, UINT64_MAX, &entries);
    slim_lock_release(&lock);
    assert_true(slim_file_exists(paths[0]));
    assert_true(slim_file_exists(paths[1]));
    assert_false(slim_file_exists(paths[2]));
    (void)slim_store_gc(p.store, UINT64_MAX, &entries);
    assert_false(slim_file_exists(paths[1]));
    close_place(&p);
}

static void places(void **state)
{
    struct place p = open_place();

    (void)state;
    assert_int_equal(setenv("SLIMC_STORE", "", 1), 0);
    assert_int_equal(setenv("XDG_CACHE_HOME", "/c", 1), 0);
    assert_string_equal(slim_store_place(NULL, p.arena), "/c/slimc");
    assert_int_equal(unsetenv("XDG_CACHE_HOME"), 0);
    assert_int_equal(setenv("HOME", "/h", 1), 0);
    assert_string_equal(slim_store_place(NULL, p.arena), "/h/.cache/slimc");
    assert_int_equal(setenv("SLIMC_STORE", "/e", 1), 0);
    assert_string_equal(slim_store_place(NULL, p.arena), "/e");
    assert_string_equal(slim_store_place("/g", p.arena), "/g");
    assert_null(slim_store_place("none", p.arena));
    slim_test_puts(slim_path_join(p.arena, p.folder, "file"), "x");
    struct slim_store *none = slim_store_open(
        slim_path_join(p.arena, p.folder, "file"), p.arena, &p.told);
    assert_false(slim_store_keeps(none));
    assert_true(slim_test_has_error(&p.told, "I501"));
    close_place(&p);
}

/* Bytes have the same name whether they are kept or not. */
static void without_a_folder(void **state)
{
    const struct slim_piece part = { "abc", 3 };
    struct slim_digest kept, named, file;
    struct place p = open_place();

    (void)state;
    open_store(&p);
    struct slim_store *none = slim_store_open(NULL, p.arena, &p.told);
    const char *path = slim_path_join(p.arena, p.folder, "file");

    assert_false(slim_store_keeps(none));
    assert_false(slim_store_keeps(NULL));
    assert_true(slim_object_put(p.store, &kept, &part, 1));
    assert_false(slim_object_put(none, &named, &part, 1));
    assert_true(slim_digest_same(&kept, &named));
    assert_false(slim_object_has(none, &named, 3));
    assert_null(slim_entry_find(none, "score", &named));
    slim_test_puts(path, "abc");
    assert_true(slim_file_digest(&file, none, path, SLIM_HASH_ALWAYS));
    assert_true(slim_digest_same(&file, &named));
    assert_null(p.told.first);
    close_place(&p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(objects),      cmocka_unit_test(sealed),
        cmocka_unit_test(entries),      cmocka_unit_test(wrong_name),
        cmocka_unit_test(files),        cmocka_unit_test(long_files),
        cmocka_unit_test(locks),        cmocka_unit_test(full_disk),
        cmocka_unit_test(room_is_made), cmocka_unit_test(places),
        cmocka_unit_test(old_promises), cmocka_unit_test(without_a_folder),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
