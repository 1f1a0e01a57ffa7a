/* fact.h - metrics that the shape alone decides */
#ifndef SLIM_FACT_H
#define SLIM_FACT_H

#include "compiler/ir/arch.h"

/* A row each: `assert params == N` is decided by check, `measure params` costs
 * nothing. */
struct slim_fact {
    const char *name;
    const char *summary;
    uint64_t (*value)(const struct slim_shape *shape);
};

/* Sorted, ends with name NULL. */
extern const struct slim_fact slim_facts[];

/* False if no fact has that name. */
bool slim_fact_value(double *out, const char *name,
                     const struct slim_shape *shape);

#endif
