/* dtype.c - element types of safetensors by number and by name */
#include "compiler/ir/checkpoint.h"

#include <string.h>

static const struct {
    const char *name;
    size_t bits;
    bool computes;
} rows[SLIM_DTYPE_COUNT] = {
#define DTYPE(id, name, bits, compute) { name, bits, compute },
#include "compiler/ir/dtype.def"
#undef DTYPE
};

const char *slim_dtype_name(enum slim_dtype dtype)
{
    return rows[dtype].name;
}

size_t slim_dtype_bits(enum slim_dtype dtype)
{
    return rows[dtype].bits;
}

bool slim_dtype_computes(enum slim_dtype dtype)
{
    return rows[dtype].computes;
}

bool slim_dtype_find(enum slim_dtype *out, const char *name)
{
    for (size_t i = 0; i < SLIM_DTYPE_COUNT; i++) {
        if (strcmp(rows[i].name, name) == 0) {
            *out = (enum slim_dtype)i;
            return true;
        }
    }
    return false;
}
