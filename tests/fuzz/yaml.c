/* yaml.c - any bytes are YAML, or an error with a place */
#include "base/yaml.h"

#include "tests/fuzz/fuzz.h"

/* Every node's span lies in its parent's source. */
static void visit(const struct slim_yaml *node, size_t length)
{
    if (node->span.begin > node->span.end || node->span.end > length)
        abort();
    for (size_t i = 0; i < node->count; i++) {
        visit(node->items[i], length);
        if (node->kind == SLIM_YAML_MAP)
            visit(node->keys[i], length);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t count)
{
    struct slim_diag diag = { .arena = slim_arena_open() };
    struct slim_source source = slim_fuzz_source(diag.arena, bytes, count);
    struct slim_yaml *tree = NULL;
    enum slim_status status = slim_yaml_parse(&tree, &source, &diag);

    if (status == SLIM_OK)
        visit(tree, count);
    slim_fuzz_check(status, &diag);
    slim_arena_close(diag.arena);
    return 0;
}
