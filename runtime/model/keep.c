/* keep.c - cutting units out of every tensor of a group, by selection */
#include "base/size.h"
#include "runtime/model/model.h"

#include <stdlib.h>
#include <string.h>

static enum slim_status no_memory(const struct slim_tensor *tensor,
                                  size_t bytes, struct slim_diag *diag)
{
    return slim_fail(diag, "O101", (struct slim_span){ 0 },
                     "out of memory: %zu bytes for the kept part of \"%s\"",
                     bytes, tensor->name);
}

/* Indices of a dimension that stay: those of kept units and those that do not
 * carry the axis at all. Returns how many. */
static size_t stay_list(uint32_t *stay, const size_t *units, size_t size,
                        const bool *alive)
{
    size_t count = 0;

    for (size_t i = 0; i < size; i++)
        if (units[i] == SLIM_NO_UNIT || alive[units[i]])
            stay[count++] = (uint32_t)i;
    return count;
}

/* A buffer may be shared, so what stays is copied out of it. */
static bool buffer_cut(struct slim_weight *weight, size_t d,
                       const uint32_t *stay, size_t count)
{
    size_t rows = d == 0 ? count : weight->size[0];
    size_t columns = d == 1 ? count : weight->size[1];
    struct slim_buffer *cut = slim_buffer_new(rows * columns);

    if (!cut)
        return false;
    for (size_t r = 0; r < rows; r++) {
        const float *from =
            weight->buffer->data + (d == 0 ? stay[r] : r) * weight->size[1];
        float *to = cut->data + r * columns;
        for (size_t c = 0; c < columns; c++)
            to[c] = from[d == 1 ? stay[c] : c];
    }
    slim_buffer_release(weight->buffer);
    weight->buffer = cut;
    return true;
}

/* Takes `stay` over: it becomes the selection, or is applied and freed. */
static bool weight_cut(struct slim_weight *weight, size_t d, uint32_t *stay,
                       size_t count)
{
    bool done = true;

    if (weight->buffer) {
        done = buffer_cut(weight, d, stay, count);
        free(stay);
    } else {
        for (size_t i = 0; weight->kept[d] && i < count; i++)
            stay[i] = weight->kept[d][stay[i]];
        free(weight->kept[d]);
        weight->kept[d] = stay;
    }
    if (done)
        weight->size[d] = count;
    return done;
}

static enum slim_status member_cut(struct slim_model *model,
                                   const struct slim_tensor *tensor, size_t d,
                                   size_t axis, const bool *alive,
                                   struct slim_diag *diag)
{
    struct slim_weight *weight = &model->weights[tensor->index];
    size_t size = slim_tensor_size(model->shape, tensor, d);
    size_t *units = malloc((size ? size : 1) * sizeof(*units));
    uint32_t *stay = malloc((size ? size : 1) * sizeof(*stay));
    enum slim_status status = SLIM_OK;

    if (!units || !stay) {
        free(stay);
        status = no_memory(tensor, size * sizeof(*units), diag);
    } else if (weight->size[d] != size) {
        free(stay);
        status = slim_fail(diag, "R129", (struct slim_span){ 0 },
                           "tensor \"%s\" was cut already: it has %zu indices "
                           "where the model's shape says %zu",
                           tensor->name, weight->size[d], size);
    } else {
        slim_tensor_units(units, model->shape, tensor, d, axis);
        size_t count = stay_list(stay, units, size, alive);
        if (!weight_cut(weight, d, stay, count))
            status = no_memory(tensor, count * sizeof(float), diag);
    }
    free(units);
    return status;
}

/* A tied head and the embedding may both be members: the table that they
 * share is cut once. */
static bool cut_before(const struct slim_model *model,
                       const struct slim_group *group, size_t member)
{
    const struct slim_member *m = &group->members[member];
    const struct slim_tensor *owner = slim_model_owner(model, m->tensor);

    for (size_t i = 0; i < member; i++)
        if (slim_model_owner(model, group->members[i].tensor) == owner &&
            group->members[i].dim == m->dim)
            return true;
    return false;
}

enum slim_status slim_model_keep(struct slim_model *model,
                                 const struct slim_group *group,
                                 const uint32_t *kept, size_t count,
                                 struct slim_diag *diag)
{
    bool *alive = calloc(group->units ? group->units : 1, sizeof(*alive));
    enum slim_status status = SLIM_OK;

    if (!alive)
        return slim_fail(diag, "O101", (struct slim_span){ 0 },
                         "out of memory: a list of %zu units", group->units);
    for (size_t i = 0; i < count; i++)
        alive[kept[i]] = true;
    for (size_t i = 0; i < group->member_count && status == SLIM_OK; i++) {
        const struct slim_member *member = &group->members[i];
        const struct slim_tensor *owner =
            slim_model_owner(model, member->tensor);

        if (slim_model_has(model, owner) && !cut_before(model, group, i))
            status =
                member_cut(model, owner, member->dim, group->axis, alive, diag);
    }
    free(alive);
    return status;
}
