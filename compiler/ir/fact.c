/* fact.c - metrics that the shape alone decides */
#include "compiler/ir/fact.h"

#include <string.h>

/* LLM-Pruner's tables count one pass over 64 tokens. */
static uint64_t macs(const struct slim_shape *shape)
{
    return slim_shape_macs(shape, 64);
}

const struct slim_fact slim_facts[] = {
    { "macs", "multiply-accumulates of one forward pass over 64 tokens", macs },
    { "memory", "bytes of the stored weights", slim_shape_bytes },
    { "params", "parameters stored", slim_shape_params },
    { NULL, NULL, NULL },
};

bool slim_fact_value(double *out, const char *name,
                     const struct slim_shape *shape)
{
    for (const struct slim_fact *fact = slim_facts; fact->name; fact++)
        if (strcmp(fact->name, name) == 0) {
            *out = (double)fact->value(shape);
            return true;
        }
    return false;
}
