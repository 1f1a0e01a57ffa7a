/* nearest.c - the index of a verb says what reading all of its entries says */
#include "runtime/store/nearest.h"

#include "base/random.h"
#include "tests/support.h"

#include <string.h>
#include <unistd.h>
#include <utime.h>

#define OLD ((time_t)1700000000)
#define YOUNG ((time_t)4000000000)

enum { ENTRIES = 300, CAUSES = 6, VALUES = 4 };

struct place {
    char *folder;
    struct slim_arena *arena;
    struct slim_diag told;
    struct slim_store *store;
    struct slim_kept all[ENTRIES]; /* stage NULL: gone */
    uint64_t drawn;
};

static uint64_t draw(struct place *p, uint64_t below)
{
    return slim_random_below(7, 1002, p->drawn++, below);
}

static struct slim_cause *causes_of(struct place *p)
{
    static const char *const names[CAUSES] = { "stage", "amount", "seed",
                                               "model", "scores", "model" };
    struct slim_cause *causes =
        SLIM_NEW_ARRAY(p->arena, CAUSES, struct slim_cause);

    for (size_t i = 0; i < CAUSES; i++)
        causes[i] = (struct slim_cause){
            names[i],
            slim_arena_printf(p->arena, "%u", (unsigned)draw(p, VALUES)),
        };
    return causes;
}

static void put(struct place *p, size_t at)
{
    struct slim_kept *e = &p->all[at];

    *e = (struct slim_kept){ .stage = "prune",
                             .text = "prune 20%",
                             .seconds = 1.0,
                             .made = 1700000000 + (int64_t)draw(p, 5),
                             .causes = causes_of(p),
                             .cause_count = CAUSES };
    e->key = slim_causes_key(e->causes, CAUSES);
    for (size_t i = 0; i < ENTRIES; i++)
        if (i != at && p->all[i].stage &&
            slim_digest_same(&p->all[i].key, &e->key))
            p->all[i].stage = NULL; /* the same key: it is this one now */
    assert_true(slim_entry_put(p->store, e));
}

static void open_place(struct place *p)
{
    *p = (struct place){ .folder = slim_test_directory(),
                         .arena = slim_arena_open() };
    p->told.arena = p->arena;
    p->store = slim_store_open(p->folder, p->arena, &p->told);
    for (size_t i = 0; i < ENTRIES; i++)
        put(p, i);
}

static void close_place(struct place *p)
{
    slim_arena_close(p->arena);
    slim_test_directory_remove(p->folder);
}

static bool differs(const struct slim_kept *e, const struct slim_cause *cause)
{
    for (size_t i = 0; i < e->cause_count; i++)
        if (strcmp(e->causes[i].name, cause->name) == 0)
            return strcmp(e->causes[i].value, cause->value) != 0;
    return true;
}

static const struct slim_kept *by_reading_all(const struct place *p,
                                              const struct slim_cause *causes)
{
    const struct slim_kept *best = NULL;
    size_t least = 0;

    for (size_t i = 0; i < ENTRIES; i++) {
        const struct slim_kept *e = &p->all[i];
        size_t far = 0;
        if (!e->stage)
            continue;
        for (size_t c = 0; c < CAUSES; c++)
            far += differs(e, &causes[c]);
        bool newer =
            best &&
            (e->made > best->made ||
             (e->made == best->made && memcmp(&e->key, &best->key, 32) < 0));
        if (best && (far > least || (far == least && !newer)))
            continue;
        best = e;
        least = far;
    }
    return best;
}

/* Returns how many entries were read to know it. */
static size_t agrees(struct place *p)
{
    struct slim_nearest nearest = { .store = p->store };

    for (int i = 0; i < 50; i++) {
        const struct slim_cause *wanted = causes_of(p);
        const struct slim_kept *want = by_reading_all(p, wanted);
        const struct slim_kept *have =
            slim_nearest_find(&nearest, "prune", wanted, CAUSES);
        assert_non_null(have);
        assert_true(slim_digest_same(&have->key, &want->key));
        assert_true(have->made == want->made);
    }
    assert_null(slim_nearest_find(&nearest, "slice", NULL, 0));
    slim_nearest_close(&nearest);
    return nearest.read;
}

/* What changed long ago, or, far in the future, is young: what changes within a
 * second is looked at again in any case. */
static void change_at(const struct place *p, time_t when)
{
    for (unsigned f = 0; f < 256; f++) {
        const struct utimbuf times = { when, when };
        (void)utime(
            slim_arena_printf(p->arena, "%s/entries/prune/%02x", p->folder, f),
            &times);
    }
}

static char *entry_path(const struct place *p, size_t at)
{
    return slim_store_path(p->store, "entries/prune", &p->all[at].key);
}

static char *index_path(const struct place *p)
{
    struct slim_digest name = slim_hash("prune", 5);

    return slim_store_path(p->store, "index", &name);
}

static void the_index_says_what_all_entries_say(void **state)
{
    struct place p;

    (void)state;
    open_place(&p);
    change_at(&p, YOUNG);
    assert_true(agrees(&p) > 250);
    assert_true(agrees(&p) > 250);
    change_at(&p, OLD);
    assert_true(agrees(&p) > 250);
    assert_int_equal(agrees(&p), 0);
    /* what was added, made again and removed */
    for (size_t i = 0; i < 20; i++)
        put(&p, i);
    for (size_t i = 20; i < 40; i++)
        if (p.all[i].stage) {
            assert_int_equal(unlink(entry_path(&p, i)), 0);
            p.all[i].stage = NULL;
        }
    size_t read = agrees(&p);
    assert_true(read > 20 && read < 200);
    close_place(&p);
}

static void what_is_altered_is_left_out(void **state)
{
    struct place p;
    size_t size;

    (void)state;
    open_place(&p);
    change_at(&p, OLD);
    (void)agrees(&p);
    /* bytes of a file change, not the folder: the entry itself tells */
    for (size_t i = 0; i < ENTRIES; i += 3) {
        if (!p.all[i].stage)
            continue;
        FILE *file = fopen(entry_path(&p, i), "r+");
        assert_non_null(file);
        (void)fputc('x', file);
        (void)fclose(file);
        p.all[i].stage = NULL;
    }
    assert_int_equal(agrees(&p), 0);
    /* an index that is torn, or whose seal holds and that is none */
    char *path = index_path(&p);
    char *bytes = slim_test_read(path, &size);
    slim_test_write(path, bytes, size - 7);
    assert_true(agrees(&p) > 100);
    assert_true(slim_sealed_put(p.store, path, bytes, size - SLIM_SEAL - 8));
    assert_true(agrees(&p) > 100);
    free(bytes);
    close_place(&p);
}

static void refreshing_reads_for_those_who_ask(void **state)
{
    struct place p;

    (void)state;
    open_place(&p);
    change_at(&p, OLD);
    assert_false(slim_file_exists(index_path(&p)));
    slim_nearest_refresh(p.store);
    assert_true(slim_file_exists(index_path(&p)));
    assert_int_equal(agrees(&p), 0);
    close_place(&p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_index_says_what_all_entries_say),
        cmocka_unit_test(what_is_altered_is_left_out),
        cmocka_unit_test(refreshing_reads_for_those_who_ask),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
