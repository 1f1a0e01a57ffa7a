/* compile.c - any bytes as a recipe for a model: a program or an error */
#include "tests/fuzz/fuzz.h"

#include "base/text.h"
#include "tests/compile_support.h"

#include <stdlib.h>
#include <string.h>

/* What is compiled is printed, and its listing is read back. */
static void use(const struct compile_case *c,
                const struct slim_model_info *model)
{
    struct slim_diag diag = { .arena = c->diag.arena };
    struct slim_program *again = NULL;
    char *first = compile_print(c->program);
    struct slim_source listing = { "<ir>", first, strlen(first) };

    if (slim_program_read(&again, &listing, slim_stages, model, &diag) !=
        SLIM_OK)
        abort();
    char *second = compile_print(again);
    if (strcmp(first, second) != 0)
        abort();
    free(first);
    free(second);
    if (!model)
        return;
    FILE *out = open_memstream(&first, &(size_t){ 0 });
    if (!out)
        abort();
    slim_plan_print(c->program, true, out);
    slim_plan_print_json(c->program, out);
    (void)fclose(out);
    free(first);
}

static void compile(const char *text, const struct slim_model_info *model)
{
    struct compile_case c;

    compile_case_open(&c, text, model);
    slim_fuzz_check(c.status, &c.diag);
    if (c.status == SLIM_OK)
        use(&c, model);
    compile_case_close(&c);
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
    /* other files are none of the input's business, and some never end */
    if (!strstr(source.text, "include")) {
        compile(source.text, NULL);
        compile(source.text, model);
    }
    slim_arena_close(arena);
    return 0;
}
