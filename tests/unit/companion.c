/* companion.c - the files of every kind of tokenizer go along with a model */
#include "tests/support.h"

#include "base/file.h"
#include "runtime/format/companion.h"

#include <string.h>

static const char bytes[] = "\x0a\0\xff of a model\n";

static const char *const copied[] = {
    "tokenizer.json",       "tokenizer.model",   "vocab.json",
    "merges.txt",           "added_tokens.json", "special_tokens_map.json",
    "tokenizer_config.json"
};

static void files_are_copied_byte_for_byte(void **state)
{
    char *from = slim_test_directory(), *to = slim_test_directory();
    struct slim_arena *arena = slim_arena_open();
    struct slim_diag diag = { .arena = arena };

    (void)state;
    for (size_t i = 0; i < SLIM_COUNT(copied); i++) {
        char *path = slim_test_join(from, copied[i]);

        slim_test_write(path, bytes, sizeof(bytes) - 1 - i % 2);
        free(path);
    }
    char *other = slim_test_join(from, "notes.txt");

    slim_test_puts(other, "not of the model");
    assert_int_equal(
        slim_companions_copy(to, from, (struct slim_span){ 0 }, &diag),
        SLIM_OK);
    for (size_t i = 0; i < SLIM_COUNT(copied); i++) {
        size_t length;
        char *path = slim_test_join(to, copied[i]);
        char *have = slim_test_read(path, &length);

        assert_int_equal(length, sizeof(bytes) - 1 - i % 2);
        assert_memory_equal(have, bytes, length);
        free(have);
        free(path);
    }
    assert_false(slim_file_exists(slim_path_join(arena, to, "notes.txt")));
    free(other);
    slim_arena_close(arena);
    slim_test_directory_remove(from);
    slim_test_directory_remove(to);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(files_are_copied_byte_for_byte),
    };

    return cmocka_run_group_tests_name("companions of a model", tests, NULL,
                                       NULL);
}
