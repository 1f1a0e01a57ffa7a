/* tokenizer.c - speed of tokenizers on a text, in MB a second of one core */
#include "runtime/data/tokenizer.h"
#include "base/text.h"

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

/* Folders with a tokenizer beside this one's parent, and the text that all of
 * them read; where the first is absent, what the project itself ships. */
static const char *const folders[] = {
    "../shared/data/tokenizers/llama2",
    "../shared/data/tokenizers/llama3",
    "../shared/data/tokenizers/qwen3",
    "../shared/models/stories260k",
    "model",
};

static const char *const texts[] = {
    "../shared/data/wikitext-2-raw/wikitext2_train.first1MB.txt",
    "model/text/sample.txt",
};

enum { REPEATS = 5 };

static double now(void)
{
    struct timespec t;

    (void)clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static char *path_of(const char *name)
{
    const char *root = getenv("srcdir");
    struct slim_text path = { 0 };

    slim_text_printf(&path, "%s/%s", root ? root : ".", name);
    return path.data;
}

/* The first text that is there; NULL: none. */
static char *read_text(size_t *length)
{
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        char *path = path_of(texts[i]);
        FILE *file = fopen(path, "rb");
        char *bytes = malloc((size_t)4 << 20);

        free(path);
        if (file && bytes) {
            *length = fread(bytes, 1, (size_t)4 << 20, file);
            (void)fclose(file);
            return bytes;
        }
        free(bytes);
    }
    return NULL;
}

/* The first call meets words for the first time; the others know them. */
static void measure(const struct slim_tokenizer *tokenizer, const char *name,
                    const char *text, size_t length, struct slim_diag *diag)
{
    struct slim_ids ids = { 0 };
    double first = 0, best = 1e30;

    for (int i = 0; i < REPEATS; i++) {
        double start = now();

        ids.count = 0;
        if (slim_tokenizer_encode(&ids, tokenizer, text, length, true, diag))
            break;
        double took = now() - start;

        first = i == 0 ? took : first;
        best = took < best ? took : best;
    }
    printf("%-36s %9zu ids %8.1f MB/s first %8.1f MB/s best\n", name, ids.count,
           1e-6 * (double)length / first, 1e-6 * (double)length / best);
    slim_ids_free(&ids);
}

int main(void)
{
    size_t length = 0;
    char *text = read_text(&length);

    for (size_t i = 0; text && i < sizeof folders / sizeof *folders; i++) {
        struct slim_diag diag = { .arena = slim_arena_open() };
        struct slim_tokenizer *tokenizer;
        char *path = path_of(folders[i]);

        if (!slim_tokenizer_open(&tokenizer, path, (struct slim_span){ 0 },
                                 &diag)) {
            measure(tokenizer, folders[i], text, length, &diag);
            slim_tokenizer_close(tokenizer);
        }
        free(path);
        slim_arena_close(diag.arena);
    }
    free(text);
    return 0;
}
