/* plain_driver.c - replays a fuzz corpus without libFuzzer */
#include "tests/support.h"

#include <dirent.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t count);

/* Linked only where no other main is: a harness has none. */
int main(int argc, char **argv);

static bool replay(const char *path)
{
    size_t count;
    char *text = slim_test_read(path, &count);
    /* an exact copy, so that the sanitizer sees a read past the end */
    uint8_t *bytes = malloc(count ? count : 1);

    if (!bytes)
        abort();
    memcpy(bytes, text, count);
    bool fine = LLVMFuzzerTestOneInput(bytes, count) == 0;
    free(bytes);
    free(text);
    return fine;
}

static int by_name(const struct dirent **a, const struct dirent **b)
{
    return strcmp((*a)->d_name, (*b)->d_name);
}

int main(int argc, char **argv)
{
    const char *slash = argc > 0 ? strrchr(argv[0], '/') : NULL;
    const char *name = slash ? slash + 1 : argv[0];
    char *corpus = slim_test_source("tests/fuzz/corpus");
    char *folder = slim_test_join(corpus, name);
    struct dirent **entries = NULL;
    int found = scandir(folder, &entries, NULL, by_name);
    int number = 0;

    for (int i = 0; i < found; i++) {
        if (entries[i]->d_name[0] != '.') {
            char *path = slim_test_join(folder, entries[i]->d_name);
            printf("%s %d - %s\n", replay(path) ? "ok" : "not ok", ++number,
                   entries[i]->d_name);
            free(path);
        }
        free(entries[i]);
    }
    free(entries);
    free(folder);
    free(corpus);
    printf("1..%d%s\n", number, number ? "" : " # SKIP no corpus");
    return 0;
}
