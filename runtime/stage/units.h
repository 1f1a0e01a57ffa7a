/* units.h - groups and their units, as score and prune speak of them */
#ifndef SLIM_UNITS_H
#define SLIM_UNITS_H

#include "compiler/ir/ir.h"

/* "kv heads", "mlp column" (count 1), "width" for the stream. */
const char *slim_units_name(const struct slim_arch *arch, size_t axis,
                            uint64_t count, struct slim_arena *arena);

/* Whether the group is the residual stream: one for the whole model. */
bool slim_group_is_stream(const struct slim_group *group);

/* Where the group of the same axis instance stands; groups->count: nowhere. */
size_t slim_groups_find(const struct slim_groups *groups,
                        const struct slim_group *like);

/* Gives a group's axis instance a new size in a shape. */
void slim_shape_resize(struct slim_shape *shape, const struct slim_group *group,
                       size_t units);

/* Size of a group's axis instance in a shape that may not be the group's. */
size_t slim_group_units(const struct slim_shape *shape,
                        const struct slim_group *group);

/* Whether the operation acts on the stream: `in width`, or `of width`. */
bool slim_op_takes_width(const struct slim_op *op);

#endif
