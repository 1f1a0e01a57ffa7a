/* base_file.c - reading, mapping, and writing that leaves no half file */
#include "base/file.h"

#include "tests/support.h"

#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static struct slim_diag diag;
static char *folder;
static const struct slim_span nowhere;

static char *in_folder(const char *name)
{
    return slim_path_join(diag.arena, folder, name);
}

static size_t entries(void)
{
    size_t count = 0;
    char **names = slim_list_directory(diag.arena, folder, "");

    while (names[count])
        count++;
    return count;
}

static enum slim_status write_file(const char *path, const char *text)
{
    struct slim_writer writer;

    if (slim_writer_open(&writer, path, nowhere, &diag) != SLIM_OK)
        return SLIM_FAILED;
    if (slim_writer_put(&writer, text, strlen(text), nowhere, &diag) !=
        SLIM_OK) {
        slim_writer_abort(&writer);
        return SLIM_FAILED;
    }
    return slim_writer_commit(&writer, nowhere, &diag);
}

static void a_file_is_read_whole(void **state)
{
    (void)state;
    struct slim_source source;
    char *path = in_folder("a.slim");

    slim_test_write(path, "a\0b\n", 4);
    assert_int_equal(slim_file_read(&source, path, 0, nowhere, &diag), SLIM_OK);
    assert_int_equal(source.length, 4);
    assert_memory_equal(source.text, "a\0b\n", 5);
    assert_string_equal(source.name, path);
}

static void what_cannot_be_read_is_refused(void **state)
{
    (void)state;
    struct slim_source source;
    char *path = in_folder("a");

    slim_test_puts(path, "12345");
    assert_int_equal(slim_file_read(&source, path, 5, nowhere, &diag), SLIM_OK);
    assert_int_equal(slim_file_read(&source, path, 4, nowhere, &diag),
                     SLIM_FAILED);
    assert_int_equal(slim_file_read(&source, folder, 0, nowhere, &diag),
                     SLIM_FAILED);
    assert_int_equal(
        slim_file_read(&source, in_folder("none"), 0, nowhere, &diag),
        SLIM_FAILED);
    assert_int_equal(diag.errors, 3);
    assert_int_equal(slim_diag_exit(&diag), 1);
    assert_non_null(strstr(diag.last->message, "No such file"));
}

static void maps_show_the_bytes(void **state)
{
    (void)state;
    struct slim_map map;
    char *path = in_folder("m");

    slim_test_puts(path, "bytes");
    assert_int_equal(slim_map_open(&map, path, nowhere, &diag), SLIM_OK);
    assert_int_equal(map.length, 5);
    assert_memory_equal(map.data, "bytes", 5);
    slim_map_close(&map);
    slim_map_close(&map);
    slim_test_puts(path, "");
    assert_int_equal(slim_map_open(&map, path, nowhere, &diag), SLIM_OK);
    assert_null(map.data);
    slim_map_close(&map);
    assert_int_equal(slim_map_open(&map, folder, nowhere, &diag), SLIM_FAILED);
    assert_int_equal(slim_map_open(&map, in_folder("x"), nowhere, &diag),
                     SLIM_FAILED);
}

static void a_written_file_appears_at_commit(void **state)
{
    (void)state;
    struct slim_writer writer;
    char *path = in_folder("out");
    size_t count = 0;

    assert_int_equal(slim_writer_open(&writer, path, nowhere, &diag), SLIM_OK);
    assert_int_equal(slim_writer_put(&writer, "one", 3, nowhere, &diag),
                     SLIM_OK);
    assert_int_equal(writer.written, 3);
    assert_false(slim_file_exists(path));
    assert_int_equal(slim_writer_commit(&writer, nowhere, &diag), SLIM_OK);
    char *text = slim_test_read(path, &count);
    assert_string_equal(text, "one");
    free(text);
    assert_int_equal(slim_file_size(path), 3);
    assert_int_equal(entries(), 1);
}

static void an_aborted_file_leaves_nothing(void **state)
{
    (void)state;
    struct slim_writer writer, unopened = { 0 };
    char *path = in_folder("out");

    slim_test_puts(path, "old");
    assert_int_equal(slim_writer_open(&writer, path, nowhere, &diag), SLIM_OK);
    assert_int_equal(slim_writer_put(&writer, "new", 3, nowhere, &diag),
                     SLIM_OK);
    slim_writer_abort(&writer);
    slim_writer_abort(&writer);
    slim_writer_abort(&unopened);
    char *text = slim_test_read(path, NULL);
    assert_string_equal(text, "old");
    free(text);
    assert_int_equal(entries(), 1);
}

static void each_failing_write_is_an_error_and_leaves_nothing(void **state)
{
    (void)state;
    /* write_file passes two places that can fail: the bytes, the commit */
    for (unsigned long n = 1; n <= 2; n++) {
        diag.first = diag.last = NULL;
        slim_file_fail_after(n);
        assert_int_equal(write_file(in_folder("out"), "text"), SLIM_FAILED);
        assert_string_equal(diag.first->code, "O001");
        assert_int_equal(slim_diag_exit(&diag), 5);
        assert_int_equal(entries(), 0);
    }
    slim_file_fail_after(3);
    assert_int_equal(write_file(in_folder("out"), "text"), SLIM_OK);
    slim_file_fail_after(0);
}

static void a_full_disk_is_an_error(void **state)
{
    (void)state;
    struct slim_writer writer;

    if (access("/dev/full", W_OK) != 0)
        skip();
    assert_int_equal(
        slim_writer_open(&writer, in_folder("out"), nowhere, &diag), SLIM_OK);
    assert_non_null(freopen("/dev/full", "wb", writer.file));
    assert_int_equal(slim_writer_put(&writer, "x", 1, nowhere, &diag), SLIM_OK);
    assert_int_equal(slim_writer_commit(&writer, nowhere, &diag), SLIM_FAILED);
    assert_string_equal(diag.first->code, "O001");
    assert_int_equal(entries(), 0);
}

static void a_missing_directory_is_an_error(void **state)
{
    (void)state;
    assert_int_equal(write_file(in_folder("no/out"), "x"), SLIM_FAILED);
    assert_string_equal(diag.first->code, "I001");
}

static void new_files_follow_the_umask(void **state)
{
    (void)state;
    struct stat info;
    mode_t kept = umask(027);
    char *path = in_folder("out");

    assert_int_equal(write_file(path, "x"), SLIM_OK);
    (void)umask(kept);
    assert_int_equal(stat(path, &info), 0);
    assert_int_equal(info.st_mode & 0777, 0640);
}

static void paths_are_joined_and_taken_apart(void **state)
{
    (void)state;
    struct slim_arena *a = diag.arena;

    assert_string_equal(slim_path_join(a, "a/", "b"), "a/b");
    assert_string_equal(slim_path_join(a, "a", "b"), "a/b");
    assert_string_equal(slim_path_join(a, "a", "/b"), "/b");
    assert_string_equal(slim_path_join(a, "", "b"), "b");
    assert_string_equal(slim_path_directory(a, "a/b/c.slim"), "a/b");
    assert_string_equal(slim_path_directory(a, "c.slim"), ".");
    assert_string_equal(slim_path_directory(a, "/c"), "/");
    assert_string_equal(slim_path_base("a/b/c.slim"), "c.slim");
    assert_string_equal(slim_path_base("c"), "c");
}

static void directories_are_made_listed_and_removed(void **state)
{
    (void)state;
    char *deep = in_folder("x/y//z");

    assert_int_equal(slim_make_directory(deep, nowhere, &diag), SLIM_OK);
    assert_int_equal(slim_make_directory(deep, nowhere, &diag), SLIM_OK);
    assert_true(slim_file_is_directory(deep));
    slim_test_puts(in_folder("x/b.yaml"), "");
    slim_test_puts(in_folder("x/a.yaml"), "");
    slim_test_puts(in_folder("x/c.txt"), "");
    char **names = slim_list_directory(diag.arena, in_folder("x"), ".yaml");
    assert_string_equal(names[0], "a.yaml");
    assert_string_equal(names[1], "b.yaml");
    assert_null(names[2]);
    assert_null(slim_list_directory(diag.arena, in_folder("q"), "")[0]);
    assert_int_equal(
        slim_make_directory(in_folder("x/c.txt/d"), nowhere, &diag),
        SLIM_FAILED);
    slim_remove_tree(in_folder("x"));
    assert_false(slim_file_exists(in_folder("x")));
}

static void shipped_files_are_found(void **state)
{
    (void)state;
    char *old = getenv("SLIMC_SHARE") ? strdup(getenv("SLIMC_SHARE")) : NULL;

    assert_int_equal(slim_make_directory(in_folder("recipes"), nowhere, &diag),
                     SLIM_OK);
    (void)setenv("SLIMC_SHARE", folder, 1);
    assert_string_equal(slim_share_directory(diag.arena, "recipes"),
                        in_folder("recipes"));
    (void)unsetenv("SLIMC_SHARE");
    assert_non_null(slim_share_directory(diag.arena, "recipes"));
    assert_null(slim_share_directory(diag.arena, "nothing"));
    if (old)
        (void)setenv("SLIMC_SHARE", old, 1);
    free(old);
}

static int set_up(void **state)
{
    (void)state;
    diag = (struct slim_diag){ .arena = slim_arena_open() };
    folder = slim_test_directory();
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    slim_test_directory_remove(folder);
    slim_arena_close(diag.arena);
    return 0;
}

static void spilled_memory_has_no_name(void **state)
{
    (void)state;
    struct slim_map map;
    size_t length = 10000;

    assert_int_equal(slim_spill_open(&map, folder, length, nowhere, &diag),
                     SLIM_OK);
    assert_int_equal(map.length, length);
    unsigned char *bytes = (unsigned char *)(uintptr_t)map.data;
    for (size_t i = 0; i < length; i++)
        bytes[i] = (unsigned char)(i % 251);
    assert_int_equal(entries(), 0);
    slim_spill_seal(&map);
    for (size_t i = 0; i < length; i++)
        assert_int_equal(map.data[i], i % 251);
    slim_map_close(&map);
    assert_int_equal(entries(), 0);
}

static void a_full_disk_spills_nothing(void **state)
{
    (void)state;
    struct slim_map map;

    slim_file_fail_after(1);
    assert_int_equal(slim_spill_open(&map, folder, 10000, nowhere, &diag),
                     SLIM_FAILED);
    assert_true(slim_test_has_error(&diag, "O001"));
    assert_int_equal(entries(), 0);
    assert_int_equal(slim_spill_open(&map, in_folder("no"), 1, nowhere, &diag),
                     SLIM_FAILED);
    assert_true(slim_test_has_error(&diag, "I001"));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(spilled_memory_has_no_name),
        TEST(a_full_disk_spills_nothing),
        TEST(a_file_is_read_whole),
        TEST(what_cannot_be_read_is_refused),
        TEST(maps_show_the_bytes),
        TEST(a_written_file_appears_at_commit),
        TEST(an_aborted_file_leaves_nothing),
        TEST(each_failing_write_is_an_error_and_leaves_nothing),
        TEST(a_full_disk_is_an_error),
        TEST(a_missing_directory_is_an_error),
        TEST(new_files_follow_the_umask),
        TEST(paths_are_joined_and_taken_apart),
        TEST(directories_are_made_listed_and_removed),
        TEST(shipped_files_are_found),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
