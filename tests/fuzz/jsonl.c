/* jsonl.c - any bytes are JSON lines, a JSON list or a text, or one error */
#include "runtime/data/set.h"

#include "tests/fuzz/fuzz.h"
#include "tests/support.h"

static const char *directory, *path;

static const struct slim_set_template frame = { .optional = "input",
                                                .full = "{name}: {input}\n",
                                                .bare = "{name}\n",
                                                .answer = "{text}" };

/* The first byte chooses what the file is taken for. */
static void run(const uint8_t *bytes, size_t count)
{
    unsigned choice = count ? bytes[0] : 0;
    char *sets = slim_test_source("runtime/data/sets");
    struct slim_diag diag = { .arena = slim_arena_open() };
    struct slim_set set = {
        .name = "fuzz",
        .format = choice & 1 ? SLIM_FORMAT_JSON : SLIM_FORMAT_TEXT,
        .rows = (enum slim_row_rule)(choice / 2 % 3),
        .field = choice & 8 ? "text" : NULL,
        .frame = choice & 8 ? NULL : &frame,
        .join = "\n\n",
        .limit = choice & 16 ? 20 : 0,
        .quoted = (choice & 32) != 0,
    };
    struct slim_set_place place = { .set = &set,
                                    .split = "train",
                                    .path = path,
                                    .from = choice & 64 ? 10 : 0,
                                    .to = choice & 64 ? 60 : 100 };
    struct slim_data_world world = { .sets = sets, .arena = diag.arena };
    struct slim_rows rows;
    struct slim_text text = { 0 };

    if (set.quoted)
        set.frame = NULL;
    slim_test_write(path, bytes + (count > 0), count - (count > 0));
    enum slim_status status =
        slim_rows_read(&rows, &place, &world, (struct slim_span){ 0 }, &diag);

    if (!status)
        slim_rows_join(&text, &rows, &set);
    slim_fuzz_check(status, &diag);
    slim_text_free(&text);
    slim_rows_free(&rows);
    slim_arena_close(diag.arena);
    free(sets);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t count)
{
    slim_fuzz_place(&directory, &path, "data");
    run(bytes, count);
    return 0;
}
