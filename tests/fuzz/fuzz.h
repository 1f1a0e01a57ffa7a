/* fuzz.h - what the harnesses share */
#ifndef SLIM_TEST_FUZZ_H
#define SLIM_TEST_FUZZ_H

#include "base/diag.h"

#include <stdint.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t count);

/* Prints what was found, both ways, to nowhere: printing is fuzzed too. Aborts
 * where a failure left no error, or success left one. */
static inline void slim_fuzz_check(enum slim_status status,
                                   const struct slim_diag *diag)
{
    char *text = NULL;
    size_t length = 0;
    FILE *out = open_memstream(&text, &length);

    if ((status == SLIM_OK) != (diag->errors == 0) || !out)
        abort();
    slim_diag_print(diag, out, true);
    slim_diag_print_json(diag, out);
    (void)fclose(out);
    free(text);
}

/* A file of that name in a folder of its own, the same at each call; both are
 * removed at the end. */
void slim_fuzz_place(const char **folder, const char **file, const char *name);

/* The input as a source: a copy that ends in a NUL. */
static inline struct slim_source slim_fuzz_source(struct slim_arena *arena,
                                                  const uint8_t *bytes,
                                                  size_t count)
{
    return (struct slim_source){
        .name = "input",
        .text = slim_arena_strndup(arena, (const char *)bytes, count),
        .length = count,
    };
}

#endif
