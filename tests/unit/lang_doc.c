/* lang_doc.c - every example of the manual parses, and every shared recipe */
#include "tests/support.h"

#include "tests/lang_support.h"

#include <dirent.h>
#include <string.h>

static void parses(const char *name, const char *text, size_t length)
{
    struct lang_case c;

    lang_case_open(&c, text, length);
    if (c.status != SLIM_OK)
        print_message("%s: %.*s\n%s", name, (int)length, text,
                      slim_test_diag(&c.diag));
    assert_int_equal(c.status, SLIM_OK);
    assert_true(c.recipe->count > 0);
    lang_case_close(&c);
}

static void the_manuals_examples_parse(void **state)
{
    (void)state;
    static const char open[] = "```slim\n", shut[] = "```\n";
    size_t length = 0;
    char *path = slim_test_source("doc/language.md");
    char *text = slim_test_read(path, &length), *at = text;
    size_t count = 0;

    while ((at = strstr(at, open))) {
        at += strlen(open);
        char *end = strstr(at, shut);
        assert_non_null(end);
        *end = '\0';
        parses(path, at, (size_t)(end - at));
        at = end + 1;
        count++;
    }
    assert_true(count >= 10);
    free(text);
    free(path);
}

static void parse_folder(const char *folder)
{
    DIR *directory = opendir(folder);

    assert_non_null(directory);
    for (struct dirent *e = readdir(directory); e; e = readdir(directory)) {
        const char *dot = strrchr(e->d_name, '.');
        if (!dot || strcmp(dot, ".slim") != 0)
            continue;
        size_t length = 0;
        char *path = slim_test_join(folder, e->d_name);
        char *text = slim_test_read(path, &length);
        parses(path, text, length);
        free(text);
        free(path);
    }
    (void)closedir(directory);
}

static void the_reference_recipes_parse(void **state)
{
    (void)state;
    char *oracles = slim_test_need_shared("oracles");
    DIR *directory = opendir(oracles);

    assert_non_null(directory);
    for (struct dirent *e = readdir(directory); e; e = readdir(directory)) {
        char *folder = slim_test_join(oracles, e->d_name);
        DIR *inner = e->d_name[0] == '.' ? NULL : opendir(folder);
        if (inner) {
            (void)closedir(inner);
            parse_folder(folder);
        }
        free(folder);
    }
    (void)closedir(directory);
    free(oracles);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_manuals_examples_parse),
        cmocka_unit_test(the_reference_recipes_parse),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
