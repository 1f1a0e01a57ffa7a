/* family.c - any bytes are a family file, or errors with places */
#include "compiler/ir/family.h"

#include "tests/fuzz/fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t count)
{
    struct slim_diag diag = { .arena = slim_arena_open() };
    struct slim_source source = slim_fuzz_source(diag.arena, bytes, count);
    struct slim_family *family = NULL;
    enum slim_status status = slim_family_parse(&family, &source, &diag);

    for (const struct slim_error *e = diag.first; e != NULL; e = e->next)
        if (e->span.begin > e->span.end || e->span.end > count + 1)
            abort();
    slim_fuzz_check(status, &diag);
    slim_arena_close(diag.arena);
    return 0;
}
