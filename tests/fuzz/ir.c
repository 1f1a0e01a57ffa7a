/* ir.c - any bytes as a listing: no crash, and what is read prints the same */
#include "tests/fuzz/fuzz.h"

#include "base/text.h"
#include "compiler/ir/stage.h"
#include "tests/compile_support.h"

#include <stdlib.h>
#include <string.h>

static void read_one(const struct slim_source *source,
                     const struct slim_model_info *model,
                     struct slim_arena *arena)
{
    struct slim_diag diag = { .arena = arena };
    struct slim_program *program = NULL, *again = NULL;

    enum slim_status status =
        slim_program_read(&program, source, slim_stages, model, &diag);
    slim_fuzz_check(status, &diag);
    if (status != SLIM_OK)
        return;
    char *first = compile_print(program);
    struct slim_source printed = { "<ir>", first, strlen(first) };
    if (slim_program_read(&again, &printed, slim_stages, model, &diag) !=
        SLIM_OK)
        abort();
    char *second = compile_print(again);
    if (strcmp(first, second) != 0)
        abort();
    free(first);
    free(second);
}

static struct slim_arena *forever; /* of the model that all inputs share */

static void close_forever(void)
{
    slim_arena_close(forever);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t count)
{
    static struct slim_model_info *model;
    struct slim_arena *arena = slim_arena_open();

    if (!model) {
        forever = slim_arena_open();
        (void)atexit(close_forever);
        model = compile_toy(4, 64, 4, 2, 96, 50, forever);
    }
    struct slim_source source = slim_fuzz_source(arena, bytes, count);

    read_one(&source, NULL, arena);
    read_one(&source, model, arena);
    slim_arena_close(arena);
    return 0;
}
