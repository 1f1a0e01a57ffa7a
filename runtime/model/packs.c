/* packs.c - the matrices of a layer in bf16, packed for products */
#include "base/array.h"
#include "runtime/model/layer.h"

#include <stdlib.h>

void slim_packs_free(struct slim_packs *packs)
{
    free(packs->data);
    free(packs->places);
    *packs = (struct slim_packs){ 0 };
}

static enum slim_status no_memory(size_t numbers, struct slim_diag *diag)
{
    return slim_fail(diag, "O101", (struct slim_span){ 0 },
                     "out of memory: %zu numbers in bf16", numbers);
}

/* Places for all matrices of the layer, of which those that are not asked for
 * are never touched. */
static enum slim_status packs_place(struct slim_packs *packs,
                                    const struct slim_layer *layer, bool back,
                                    const struct slim_narrow_kernels *kernels,
                                    struct slim_diag *diag)
{
    size_t total = 0;

    free(packs->places);
    packs->places = calloc(layer->weight_count + 1, sizeof(*packs->places));
    if (!packs->places)
        return no_memory(layer->weight_count, diag);
    for (size_t i = 0; i < layer->weight_count; i++) {
        const struct slim_tensor *tensor = &layer->arch->tensors[i];
        if (!layer->weights[i] || tensor->dims_count < 2)
            continue;
        packs->places[i] = total;
        total += kernels->packed(&(struct slim_pack_form){
            slim_tensor_size(layer->shape, tensor, 0),
            slim_tensor_size(layer->shape, tensor, 1), back });
    }
    if (packs->room < total) {
        free(packs->data);
        packs->data = slim_array(total, sizeof(*packs->data));
        packs->room = packs->data ? total : 0;
        if (!packs->data)
            return no_memory(total, diag);
    }
    packs->placed = true;
    return SLIM_OK;
}

enum slim_status slim_layer_packed(const uint16_t **out,
                                   struct slim_layer *layer,
                                   const struct slim_tensor *tensor, bool back,
                                   const struct slim_narrow_kernels *kernels,
                                   struct slim_diag *diag)
{
    struct slim_packs *packs = &layer->packs[back];
    unsigned char *made = &layer->made[tensor->index];
    unsigned char form = SLIM_FORM_PACKED << back;

    if (!packs->placed &&
        packs_place(packs, layer, back, kernels, diag) != SLIM_OK)
        return SLIM_FAILED;
    uint16_t *data = packs->data + packs->places[tensor->index];
    *out = data;
    if (*made & form)
        return SLIM_OK;
    if (*made & SLIM_FORM_WIDE)
        kernels->pack_wide(
            data, layer->weights[tensor->index],
            &(struct slim_pack_form){ slim_tensor_size(layer->shape, tensor, 0),
                                      slim_tensor_size(layer->shape, tensor, 1),
                                      back });
    else if (slim_model_read_packed(data, layer->model, tensor, back, kernels,
                                    diag) != SLIM_OK)
        return SLIM_FAILED;
    *made |= form;
    return SLIM_OK;
}
