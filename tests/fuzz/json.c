/* json.c - any bytes are JSON, or an error with a place */
#include "base/json.h"

#include "tests/fuzz/fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t count)
{
    struct slim_diag diag = { .arena = slim_arena_open() };
    struct slim_source source = slim_fuzz_source(diag.arena, bytes, count);
    json_t *value = NULL;
    enum slim_status status = slim_json_parse(&value, &source, &diag);

    if ((status == SLIM_OK) != (value != NULL))
        abort();
    json_decref(value);
    slim_fuzz_check(status, &diag);
    slim_arena_close(diag.arena);
    return 0;
}
