/* units.c - names and sizes of units */
#include "runtime/stage/units.h"

#include <string.h>

const char *slim_units_name(const struct slim_arch *arch, size_t axis,
                            uint64_t count, struct slim_arena *arena)
{
    if (axis == arch->stream)
        return "width";
    return slim_arena_printf(arena, "%s%s", arch->axes[axis].unit,
                             count == 1 ? "" : "s");
}

bool slim_group_is_stream(const struct slim_group *group)
{
    return group->layer == SLIM_NO_LAYER;
}

size_t slim_groups_find(const struct slim_groups *groups,
                        const struct slim_group *like)
{
    size_t i = 0;

    while (i < groups->count && (groups->items[i].axis != like->axis ||
                                 groups->items[i].layer != like->layer))
        i++;
    return i;
}

void slim_shape_resize(struct slim_shape *shape, const struct slim_group *group,
                       size_t units)
{
    const struct slim_arch *arch = shape->arch;

    if (slim_group_is_stream(group)) {
        for (size_t i = 0; i < arch->site_count; i++)
            shape->sites[i] = units;
        return;
    }
    shape->sizes[group->layer * arch->axis_count + group->axis] = units;
}

size_t slim_group_units(const struct slim_shape *shape,
                        const struct slim_group *group)
{
    if (slim_group_is_stream(group))
        return shape->sites[0];
    return slim_shape_size(shape, group->layer, group->axis);
}

bool slim_op_takes_width(const struct slim_op *op)
{
    return op->where.width ||
           (op->amount.unit && strcmp(op->amount.unit, "width") == 0);
}
