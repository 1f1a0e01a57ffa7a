/* weights.c - the weights of one layer: what is read, in which type, and when
 */
#include "runtime/model/layer.h"

#include <stdlib.h>
#include <string.h>

static void layer_point(struct slim_layer *layer, struct slim_model *model,
                        long index)
{
    const struct slim_arch *arch = model->info->arch;

    layer->model = model;
    layer->shape = model->shape;
    layer->arch = arch;
    layer->index = index;
    layer->first = index < 0 ? 0 : arch->layer_first[index];
    layer->last = index < 0                      ? arch->layer_first[0]
                  : (size_t)index < arch->layers ? arch->layer_first[index + 1]
                                                 : arch->node_count;
}

/* A weight that some stage left in another size than the shape's would be
 * read past its end by the blocks. */
static enum slim_status size_check(const struct slim_layer *layer,
                                   const struct slim_tensor *tensor,
                                   struct slim_diag *diag)
{
    const struct slim_tensor *owner = slim_model_owner(layer->model, tensor);
    const struct slim_weight *weight = &layer->model->weights[owner->index];

    for (size_t d = 0; d < tensor->dims_count; d++) {
        size_t want = slim_tensor_size(layer->shape, tensor, d);
        if (weight->size[d] != want)
            return slim_fail(diag, "R122", (struct slim_span){ 0 },
                             "tensor \"%s\" is %zu x %zu where dimension %zu "
                             "of the model's shape is %zu",
                             tensor->name, weight->size[0], weight->size[1], d,
                             want);
    }
    return SLIM_OK;
}

static enum slim_status make_wide(struct slim_layer *layer,
                                  const struct slim_tensor *tensor,
                                  struct slim_diag *diag)
{
    if (layer->made[tensor->index] & SLIM_FORM_WIDE)
        return SLIM_OK;
    if (slim_model_read(layer->weights[tensor->index], layer->model, tensor,
                        diag) != SLIM_OK)
        return SLIM_FAILED;
    layer->made[tensor->index] |= SLIM_FORM_WIDE;
    return SLIM_OK;
}

/* Lays the layer's tensors out one after another, each from a cache line on,
 * and with `read` fills the vectors; `total` numbers are needed. */
static enum slim_status weights_place(struct slim_layer *layer, bool read,
                                      size_t *total, struct slim_diag *diag)
{
    size_t offset = 0;

    for (size_t n = layer->first; n < layer->last; n++) {
        for (size_t s = 0; s < SLIM_SLOTS; s++) {
            const struct slim_tensor *tensor = layer->arch->nodes[n].slots[s];
            if (!tensor || !slim_model_has(layer->model, tensor))
                continue;
            size_t count = slim_tensor_size(layer->shape, tensor, 0) *
                           (tensor->dims_count > 1
                                ? slim_tensor_size(layer->shape, tensor, 1)
                                : 1);
            if (size_check(layer, tensor, diag) != SLIM_OK)
                return SLIM_FAILED;
            if (read) {
                layer->weights[tensor->index] = layer->storage.data + offset;
                if (tensor->dims_count == 1 &&
                    make_wide(layer, tensor, diag) != SLIM_OK)
                    return SLIM_FAILED;
            }
            offset += (count + 15) / 16 * 16;
        }
    }
    *total = offset;
    return SLIM_OK;
}

/* Of the matrices of a layer in the middle: what comes before and after all
 * layers is one table for both, or read row by row. */
static void pages_advise(const struct slim_model *model, long index,
                         void (*advise)(const struct slim_model *model,
                                        const struct slim_tensor *tensor))
{
    const struct slim_arch *arch = model->info->arch;

    if (index < 0 || (size_t)index >= arch->layers)
        return;
    for (size_t n = arch->layer_first[index]; n < arch->layer_first[index + 1];
         n++)
        for (size_t s = 0; s < SLIM_SLOTS; s++) {
            const struct slim_tensor *tensor = arch->nodes[n].slots[s];
            if (tensor && tensor->dims_count > 1)
                advise(model, tensor);
        }
}

enum slim_status slim_layer_load(struct slim_layer *layer,
                                 struct slim_model *model, long index,
                                 struct slim_diag *diag)
{
    size_t tensors = model->info->arch->tensor_count, total = 0;
    long before = layer->model == model ? layer->index : index - 1;

    layer_point(layer, model, index);
    if (tensors > layer->weight_count || !layer->weights) {
        free(layer->weights);
        free(layer->made);
        layer->weights = calloc(tensors ? tensors : 1, sizeof(float *));
        layer->made = calloc(tensors ? tensors : 1, 1);
        layer->weight_count = 0;
        if (!layer->weights || !layer->made)
            return slim_fail(diag, "O101", (struct slim_span){ 0 },
                             "out of memory: a table of %zu tensors", tensors);
        layer->weight_count = tensors;
    }
    memset(layer->made, 0, layer->weight_count);
    layer->packs[0].placed = layer->packs[1].placed = false;
    memset(layer->weights, 0, layer->weight_count * sizeof(float *));
    if (weights_place(layer, false, &total, diag) != SLIM_OK ||
        slim_floats_need(&layer->storage, total, 1, "the weights of a layer",
                         diag) != SLIM_OK)
        return SLIM_FAILED;
    pages_advise(model, before, slim_model_leave);
    if (index >= 0 && (size_t)index < layer->arch->layers)
        pages_advise(model, 2 * index - before, slim_model_fetch);
    return weights_place(layer, true, &total, diag);
}

enum slim_status slim_layer_weight(float **out, struct slim_layer *layer,
                                   const struct slim_tensor *tensor,
                                   struct slim_diag *diag)
{
    *out = tensor->index < layer->weight_count ? layer->weights[tensor->index]
                                               : NULL;
    if (!*out)
        return SLIM_OK;
    if (make_wide(layer, tensor, diag) != SLIM_OK)
        return SLIM_FAILED;
    layer->made[tensor->index] = SLIM_FORM_WIDE;
    return SLIM_OK;
}

float *slim_step_weight(const struct slim_step *step, size_t slot)
{
    const struct slim_tensor *tensor =
        slot == SLIM_NO_SLOT ? NULL : step->node->slots[slot];

    return tensor ? step->layer->weights[tensor->index] : NULL;
}

static enum slim_status wide_matrix(const float **out,
                                    const struct slim_step *step, size_t slot)
{
    *out = slim_step_weight(step, slot);
    return *out ? make_wide(step->layer, step->node->slots[slot], step->diag)
                : SLIM_OK;
}

enum slim_status slim_step_embed(float *y, const struct slim_step *step,
                                 size_t slot, const int32_t *rows)
{
    const struct slim_tensor *tensor = step->node->slots[slot];
    struct slim_layer *layer = step->layer;
    size_t width = slim_step_columns(step, slot);

    if (layer->made[tensor->index] & SLIM_FORM_WIDE) {
        step->kernels->embed(y, layer->weights[tensor->index], rows,
                             step->tokens, width);
        return SLIM_OK;
    }
    for (size_t t = 0; t < step->tokens; t++)
        if (slim_model_read_rows(y + t * width, layer->model, tensor,
                                 (size_t)rows[t], 1, step->diag) != SLIM_OK)
            return SLIM_FAILED;
    return SLIM_OK;
}

enum slim_status slim_step_matrix(struct slim_matrix *out,
                                  const struct slim_step *step, size_t slot,
                                  unsigned ways)
{
    const struct slim_narrow_kernels *narrow = step->kernels->narrow;
    struct slim_layer *layer = step->layer;

    *out = (struct slim_matrix){ .rows = slim_step_rows(step, slot),
                                 .columns = slim_step_columns(step, slot) };
    if (!narrow)
        return wide_matrix(&out->wide, step, slot);
    if (!slim_step_weight(step, slot))
        return SLIM_OK;
    const struct slim_tensor *tensor = step->node->slots[slot];

    if (ways & SLIM_WAY_FORWARD &&
        slim_layer_packed(&out->narrow, layer, tensor, false, narrow,
                          step->diag) != SLIM_OK)
        return SLIM_FAILED;
    return ways & SLIM_WAY_BACK ? slim_layer_packed(&out->back, layer, tensor,
                                                    true, narrow, step->diag)
                                : SLIM_OK;
}

void slim_step_multiply(const struct slim_step *step, float *y, const float *x,
                        const struct slim_matrix *w, const float *bias)
{
    if (w->narrow)
        step->kernels->narrow->linear(y, x, w->narrow, bias, step->tokens,
                                      w->columns, w->rows);
    else
        step->kernels->linear(y, x, w->wide, bias, step->tokens, w->columns,
                              w->rows);
}

void slim_step_multiply_back(const struct slim_step *step, float *dx,
                             const float *dy, const struct slim_matrix *w,
                             bool add)
{
    if (w->back)
        step->kernels->narrow->linear_grad_x(dx, dy, w->back, step->tokens,
                                             w->columns, w->rows, add);
    else
        step->kernels->linear_grad_x(dx, dy, w->wide, step->tokens, w->columns,
                                     w->rows, add);
}

void slim_step_multiply_grad(const struct slim_step *step, float *dw,
                             const float *dy, const float *x, size_t rows,
                             size_t columns)
{
    const struct slim_kernels *kernels = step->kernels;

    (kernels->narrow ? kernels->narrow->linear_grad_w : kernels->linear_grad_w)(
        dw, dy, x, step->tokens, columns, rows, true);
}
