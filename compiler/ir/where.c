/* where.c - whether something lies in a scope */
#include "compiler/ir/ir.h"

#include <fnmatch.h>

bool slim_where_role(const struct slim_where *where, enum slim_role role)
{
    bool named = false;

    for (size_t i = 0; i < SLIM_ROLE_COUNT; i++)
        named = named || where->roles[i];
    if (where->except_roles[role])
        return false;
    /* globs and `width` name what is meant as well as roles do */
    return named ? where->roles[role] : where->glob_count == 0 && !where->width;
}

static bool matches(const char *const *globs, size_t count, const char *name)
{
    for (size_t i = 0; i < count; i++)
        if (fnmatch(globs[i], name, 0) == 0)
            return true;
    return false;
}

bool slim_where_tensor(const struct slim_where *where,
                       const struct slim_tensor *tensor)
{
    if (tensor->layer == SLIM_NO_LAYER && where->layers_given)
        return false;
    if (tensor->layer != SLIM_NO_LAYER && where->layers &&
        !where->layers[tensor->layer])
        return false;
    if (matches(where->except_globs, where->except_glob_count, tensor->name))
        return false;
    return slim_where_role(where, tensor->role) ||
           (matches(where->globs, where->glob_count, tensor->name) &&
            !where->except_roles[tensor->role]);
}

long slim_layer_absolute(long layer, size_t layers)
{
    return layer < 0 ? layer + (long)layers : layer;
}

static void mark(bool *layers, size_t count, const struct slim_range_ir *ranges,
                 size_t range_count, bool value)
{
    for (size_t i = 0; i < range_count; i++) {
        long first = slim_layer_absolute(ranges[i].first, count);
        long last = slim_layer_absolute(ranges[i].last, count);
        for (long l = first < 0 ? 0 : first; l <= last && l < (long)count; l++)
            layers[l] = value;
    }
}

void slim_where_fill(struct slim_where *where, size_t layers,
                     struct slim_arena *arena)
{
    where->layers = SLIM_NEW_ARRAY(arena, layers, bool);
    for (size_t i = 0; i < layers; i++)
        where->layers[i] = where->range_count == 0;
    mark(where->layers, layers, where->ranges, where->range_count, true);
    mark(where->layers, layers, where->except, where->except_count, false);
}

const char *slim_role_name(enum slim_role role)
{
    switch (role) {
    case SLIM_ROLE_EMBED:
        return "embed";
    case SLIM_ROLE_ATTN:
        return "attn";
    case SLIM_ROLE_MLP:
        return "mlp";
    case SLIM_ROLE_NORM:
        return "norm";
    case SLIM_ROLE_HEAD:
        return "head";
    case SLIM_ROLE_STREAM:
        return "width";
    case SLIM_ROLE_COUNT:
        break;
    }
    return "nothing";
}
