/* compute.c - arithmetics by name */
#include "compiler/ir/ir.h"

#include <string.h>

static const struct slim_compute rows[] = {
#define COMPUTE(name, text, noise, share, rate)                                \
    { name, text, noise, share, rate },
#include "compiler/ir/compute.def"
#undef COMPUTE
};

const struct slim_compute *slim_compute_at(size_t index)
{
    return index < sizeof(rows) / sizeof(*rows) ? &rows[index] : NULL;
}

const struct slim_compute *slim_compute_find(const char *name)
{
    for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++)
        if (strcmp(rows[i].name, name) == 0)
            return &rows[i];
    return NULL;
}
