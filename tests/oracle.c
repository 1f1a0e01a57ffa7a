/* oracle.c - tensors that another implementation left */
#include "tests/oracle.h"

#include "tests/support.h"

struct slim_oracle *slim_test_oracle_at(const char *name)
{
    struct slim_oracle *oracle = calloc(1, sizeof *oracle);
    struct slim_diag diag = { 0 };
    size_t count;

    assert_non_null(oracle);
    oracle->arena = slim_arena_open();
    diag.arena = oracle->arena;
    if (slim_checkpoint_open(&oracle->checkpoint, name, (struct slim_span){ 0 },
                             &diag) != SLIM_OK)
        fail_msg("%s", diag.first->message);
    oracle->bytes = slim_test_read(name, &count);
    return oracle;
}

struct slim_oracle *slim_test_oracle(const char *path)
{
    char *name = slim_test_need_shared(path);
    struct slim_oracle *oracle = slim_test_oracle_at(name);

    free(name);
    return oracle;
}

void slim_test_oracle_free(struct slim_oracle *oracle)
{
    slim_arena_close(oracle->arena);
    free(oracle->bytes);
    free(oracle);
}

const void *slim_test_oracle_find(const struct slim_oracle *oracle,
                                  const char *name, size_t *count)
{
    const struct slim_disk_tensor *tensor =
        slim_checkpoint_find(oracle->checkpoint, name);

    if (!tensor)
        return NULL;
    *count = tensor->bytes / 4;
    return oracle->bytes + tensor->offset;
}
