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

/* "q (16 rows)" of one unit: what leaves with it. What a norm, the embedding or
 * the head has goes by their name. */
static const char *member_text(const struct slim_member *m,
                               struct slim_arena *arena)
{
    const struct slim_tensor *tensor = m->tensor;
    const char *what = m->dim == 0 ? "row" : "column", *name = tensor->slot;

    if (tensor->dims_count == 1)
        what = "element";
    if (strcmp(name, "weight") == 0)
        name = tensor->node->name;
    else if (strcmp(name, "bias") == 0)
        name = slim_arena_printf(arena, "%s bias", tensor->node->name);
    if (m->per_unit == 1)
        return slim_arena_printf(arena, " %s (%s)", name, what);
    return slim_arena_printf(arena, " %s (%zu %ss)", name, m->per_unit, what);
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

static bool is_same_slot(const struct slim_member *a,
                         const struct slim_member *b)
{
    return strcmp(a->tensor->slot, b->tensor->slot) == 0 &&
           strcmp(a->tensor->node->name, b->tensor->node->name) == 0 &&
           a->dim == b->dim;
}

/* The stream is carried by every layer: one of each slot is enough to see. */
static bool slot_seen(const struct slim_group *group, size_t index)
{
    for (size_t i = 0; i < index; i++)
        if (is_same_slot(&group->members[i], &group->members[index]))
            return true;
    return false;
}

static void print_members(const struct slim_group *group,
                          struct slim_arena *arena, FILE *out)
{
    enum { INDENT = 3, WIDTH = 79 };
    size_t column = INDENT;

    fprintf(out, "%*s", INDENT, "");
    for (size_t m = 0; m < group->member_count; m++) {
        if (slot_seen(group, m))
            continue;
        const char *text = member_text(&group->members[m], arena);
        size_t length = strlen(text);
        if (column > INDENT && column + length > WIDTH) {
            fprintf(out, "\n%*s", INDENT, "");
            column = INDENT;
        }
        fputs(text, out);
        column += length;
    }
    fputc('\n', out);
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
        fprintf(out, "  %s: %zu %s, %s units, %s parameters each\n",
                unit ? unit : arch->axes[group->axis].name, count,
                count == 1 ? "group" : "groups",
                slim_text_grouped(arena, units),
                slim_text_grouped(arena, group->params_per_unit));
        print_members(group, arena, out);
    }
}
