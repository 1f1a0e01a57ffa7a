/* slopes.h - the slopes of ALiBi, one a head */
#ifndef SLIM_SLOPES_H
#define SLIM_SLOPES_H

#include "compiler/ir/arch.h"

#include <jansson.h>

/* The slope of a head of so many. */
double slim_alibi_slope(size_t head, size_t heads);

/*
 * Gives each computed tensor its numbers in this shape: by the formula, or, of a
 * model that slimc saved (`slimc` not NULL), those of the heads that were kept.
 * Fails with F358 where that holds no fitting list.
 */
SLIM_NODISCARD enum slim_status slim_slopes_find(
    struct slim_arch *arch, const struct slim_shape *shape, const json_t *slimc,
    const struct slim_source *source, struct slim_diag *diag);

#endif
