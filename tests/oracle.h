/* oracle.h - tensors that another implementation left, and recipes that must
 * give the same */
#ifndef SLIM_TEST_ORACLE_H
#define SLIM_TEST_ORACLE_H

#include "compiler/ir/checkpoint.h"

/* A safetensors file held in memory. */
struct slim_oracle {
    struct slim_arena *arena;
    struct slim_checkpoint *checkpoint;
    char *bytes;
};

/* Opens PATH under ../shared; skips the running test where it is absent. The
 * other opens a file wherever it lies. */
struct slim_oracle *slim_test_oracle(const char *path);
struct slim_oracle *slim_test_oracle_at(const char *name);
void slim_test_oracle_free(struct slim_oracle *oracle);

/* A tensor's elements (4 bytes each, of the dtype that the test knows), or
 * NULL; *count receives their number. */
const void *slim_test_oracle_find(const struct slim_oracle *oracle,
                                  const char *name, size_t *count);

#endif
