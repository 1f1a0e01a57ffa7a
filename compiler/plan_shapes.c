/* plan_shapes.c - the verbose plan: shapes by layer, kinds of groups */
#include "compiler/plan.h"

#include "base/text.h"

#include <string.h>

static size_t print_run(const struct slim_shape *shape, size_t axis,
                        size_t first, FILE *out)
{
    size_t layers = shape->arch->layers;
    size_t size = slim_shape_size(shape, first, axis), end = first;

    while (end < layers && slim_shape_size(shape, end, axis) == size)
        end++;
    if (end - first == 1)
        fprintf(out, " %zu: %zu", first, size);
    else
        fprintf(out, " %zu..%zu: %zu", first, end - 1, size);
    return end;
}

static void print_sites(const struct slim_shape *shape, FILE *out)
{
    size_t count = shape->arch->site_count;

    for (size_t i = 0; i < count;) {
        size_t first = i;
        while (i < count && shape->sites[i] == shape->sites[first])
            i++;
        if (i - first == count)
            fprintf(out, " all: %zu", shape->sites[first]);
        else
            fprintf(out, " sites %zu..%zu: %zu", first, i - 1,
                    shape->sites[first]);
    }
}

void slim_plan_shape(const struct slim_shape *shape, const char *indent,
                     FILE *out)
{
    const struct slim_arch *arch = shape->arch;

    for (size_t a = 0; a < arch->axis_count; a++) {
        if (arch->axes[a].kind != SLIM_AXIS_LAYER)
            continue;
        fprintf(out, "%s%-8s layers", indent, arch->axes[a].name);
        for (size_t l = 0; l < arch->layers;)
            l = print_run(shape, a, l, out);
        fputc('\n', out);
    }
    fprintf(out, "%s%-8s", indent, arch->axes[arch->stream].name);
    print_sites(shape, out);
    fprintf(out, "%s%s%s\n", shape->shortcuts ? ", shortcut matrices" : "",
            shape->folded ? ", norms folded" : "",
            shape->untied ? ", head untied" : "");
}

/* "q 192 rows" of one unit: what leaves with it. */
static void print_member(const struct slim_member *m, FILE *out)
{
    const char *what = m->output ? "row" : "column";

    if (m->tensor->dims_count == 1)
        what = "element";
    fprintf(out, " %s", m->tensor->slot);
    if (m->per_unit == 1)
        fprintf(out, " (%s)", what);
    else
        fprintf(out, " (%zu %ss)", m->per_unit, what);
}

/* The groups of one axis differ from layer to layer only in what was pruned:
 * the first of each kind speaks for all. */
static bool first_of_kind(const struct slim_groups *groups, size_t index)
{
    for (size_t i = 0; i < index; i++)
        if (groups->items[i].axis == groups->items[index].axis)
            return false;
    return true;
}

static size_t count_of_kind(const struct slim_groups *groups, size_t axis,
                            size_t *units)
{
    size_t count = 0;

    *units = 0;
    for (size_t i = 0; i < groups->count; i++)
        if (groups->items[i].axis == axis) {
            *units += groups->items[i].units;
            count++;
        }
    return count;
}

/* The stream is carried by every layer: one of each slot is enough to see. */
static bool slot_seen(const struct slim_group *group, size_t index)
{
    const struct slim_member *m = &group->members[index];

    for (size_t i = 0; i < index; i++)
        if (strcmp(group->members[i].tensor->slot, m->tensor->slot) == 0 &&
            group->members[i].tensor->role == m->tensor->role &&
            group->members[i].output == m->output)
            return true;
    return false;
}

void slim_plan_groups(const struct slim_shape *shape, struct slim_arena *arena,
                      FILE *out)
{
    const struct slim_arch *arch = shape->arch;
    struct slim_groups *groups = slim_discover(shape, arena);

    fputs("\ngroups  what leaves together with one unit\n", out);
    for (size_t i = 0; i < groups->count; i++) {
        const struct slim_group *group = &groups->items[i];
        size_t units = 0;
        if (!first_of_kind(groups, i))
            continue;
        size_t count = count_of_kind(groups, group->axis, &units);
        const char *unit = arch->axes[group->axis].unit;
        fprintf(out, "  %s: %zu %s, %s units, %s parameters each\n   ",
                unit ? unit : arch->axes[group->axis].name, count,
                count == 1 ? "group" : "groups",
                slim_text_grouped(arena, units),
                slim_text_grouped(arena, group->params_per_unit));
        for (size_t m = 0; m < group->member_count; m++)
            if (!slot_seen(group, m))
                print_member(&group->members[m], out);
        fputc('\n', out);
    }
}
