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
