/* step.c - what blocks share: slots, linears with adapters, fused parts */
#include "runtime/model/layer.h"

#include "base/progress.h"
#include "base/random.h"

#include <string.h>

enum slim_status slim_step_part(float **out, struct slim_step *step,
                                struct slim_record *record, size_t part,
                                size_t rows, size_t width)
{
    struct slim_floats *floats = &record->parts[part];

    if (slim_floats_need(floats, rows, width, step->node->name, step->diag) !=
        SLIM_OK)
        return SLIM_FAILED;
    *out = floats->data;
    return SLIM_OK;
}

float *slim_step_grad(const struct slim_step *step, size_t slot)
{
    const struct slim_tensor *tensor =
        slot == SLIM_NO_SLOT ? NULL : step->node->slots[slot];

    if (!tensor || !step->grads)
        return NULL;
    tensor = slim_model_owner(step->layer->model, tensor);
    return step->grads[tensor->index];
}

size_t slim_step_rows(const struct slim_step *step, size_t slot)
{
    return slim_tensor_size(step->layer->shape, step->node->slots[slot], 0);
}

size_t slim_step_columns(const struct slim_step *step, size_t slot)
{
    return slim_tensor_size(step->layer->shape, step->node->slots[slot], 1);
}

void slim_step_hidden(const struct slim_step *step, const float *x,
                      size_t width)
{
    if (step->hooks && step->hooks->hidden)
        step->hooks->hidden(step->hooks->context, step->node, x, step->tokens,
                            width);
}

void slim_add(float *y, const float *x, size_t count)
{
    for (size_t i = 0; i < count; i++)
        y[i] += x[i];
}

enum slim_status slim_pass_going(struct slim_diag *diag)
{
    if (!slim_interrupted())
        return SLIM_OK;
    return slim_fail(diag, "C130", (struct slim_span){ 0 }, "interrupted");
}

/* ---- parts of a fused linear ---- */

enum slim_status slim_slice_find(struct slim_slice *out,
                                 const struct slim_step *step, size_t slot,
                                 const char *label, size_t axis)
{
    const struct slim_tensor *tensor = step->node->slots[slot];
    const struct slim_shape *shape = step->layer->shape;

    if (!slim_tensor_part(&out->start, &out->stride, &out->length, shape,
                          tensor, 0, label, axis))
        return slim_fail(step->diag, "M130", (struct slim_span){ 0 },
                         "tensor \"%s\" is fused, but its rows have no part "
                         "labelled \"%s\"",
                         tensor->name, label);
    out->units = axis == SLIM_NO_AXIS
                     ? 1
                     : slim_shape_size(shape, step->node->layer, axis);
    out->width = out->units * out->length;
    if (out->stride == out->length) { /* one run */
        out->stride = out->length = out->width;
        out->units = 1;
    }
    return SLIM_OK;
}

void slim_slice_take(float *part, const float *fused,
                     const struct slim_slice *slice, size_t tokens,
                     size_t width)
{
    for (size_t t = 0; t < tokens; t++)
        for (size_t u = 0; u < slice->units; u++)
            memcpy(part + t * slice->width + u * slice->length,
                   fused + t * width + slice->start + u * slice->stride,
                   slice->length * sizeof(*part));
}

void slim_slice_put(float *fused, const float *part,
                    const struct slim_slice *slice, size_t tokens, size_t width)
{
    for (size_t t = 0; t < tokens; t++)
        for (size_t u = 0; u < slice->units; u++)
            memcpy(fused + t * width + slice->start + u * slice->stride,
                   part + t * slice->width + u * slice->length,
                   slice->length * sizeof(*part));
}
