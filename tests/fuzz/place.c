/* place.c - a file that a harness writes each input to */
#include "tests/fuzz/fuzz.h"
#include "tests/support.h"

static char *directory, *path;

static void clean_up(void)
{
    (void)remove(path);
    (void)remove(directory);
    free(path);
    free(directory);
}

void slim_fuzz_place(const char **folder, const char **file, const char *name)
{
    if (!directory) {
        (void)atexit(clean_up);
        directory = slim_test_directory();
        path = slim_test_join(directory, name);
    }
    *folder = directory;
    *file = path;
}
