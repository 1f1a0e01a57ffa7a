/* lora.c - low-rank adapters */
#include "runtime/train/lora.h"

#include "base/random.h"

#include <math.h>
#include <stdlib.h>

bool slim_lora_target(const struct slim_tensor *tensor,
                      enum slim_targets targets)
{
    if (!tensor->linear || tensor->dims_count != 2)
        return false;
    if (tensor->role == SLIM_ROLE_ATTN)
        return targets != SLIM_TARGETS_MLP;
    return tensor->role == SLIM_ROLE_MLP && targets != SLIM_TARGETS_ATTN;
}

size_t slim_lora_size(const struct slim_shape *shape, enum slim_targets targets,
                      size_t rank)
{
    const struct slim_arch *arch = shape->arch;
    size_t size = 0;

    for (size_t i = 0; i < arch->tensor_count; i++)
        if (slim_lora_target(&arch->tensors[i], targets))
            size += rank * (slim_tensor_size(shape, &arch->tensors[i], 0) +
                            slim_tensor_size(shape, &arch->tensors[i], 1));
    return size;
}

static void free_one(struct slim_adapter *adapter)
{
    if (!adapter)
        return;
    free(adapter->a);
    free(adapter->b);
    free(adapter->da);
    free(adapter->db);
    free(adapter);
}

void slim_lora_free(struct slim_adapters *adapters)
{
    if (!adapters)
        return;
    for (size_t i = 0; adapters->by_tensor && i < adapters->count; i++)
        free_one(adapters->by_tensor[i]);
    free(adapters->by_tensor);
    free(adapters);
}

static struct slim_adapter *new_one(size_t rank, double alpha, size_t out,
                                    size_t in, uint64_t seed, uint64_t place)
{
    struct slim_adapter *adapter = calloc(1, sizeof(*adapter));

    if (!adapter)
        return NULL;
    adapter->rank = rank;
    adapter->scale = (float)(alpha / (double)rank);
    adapter->a = malloc(rank * in * sizeof(float));
    adapter->b = calloc(out * rank, sizeof(float));
    adapter->da = calloc(rank * in, sizeof(float));
    adapter->db = calloc(out * rank, sizeof(float));
    if (!adapter->a || !adapter->b || !adapter->da || !adapter->db) {
        free_one(adapter);
        return NULL;
    }
    double bound = 1.0 / sqrt((double)in);
    for (size_t i = 0; i < rank * in; i++)
        adapter->a[i] =
            (float)(bound * (2.0 * slim_random_uniform(seed, SLIM_STREAM_LORA,
                                                       (place << 40) + i) -
                             1.0));
    return adapter;
}

struct slim_adapters *slim_lora_new(const struct slim_shape *shape,
                                    enum slim_targets targets, size_t rank,
                                    double alpha, uint64_t seed)
{
    const struct slim_arch *arch = shape->arch;
    struct slim_adapters *adapters = calloc(1, sizeof(*adapters));

    if (!adapters)
        return NULL;
    *adapters = (struct slim_adapters){
        .rank = rank, .alpha = alpha, .count = arch->tensor_count, .arch = arch
    };
    adapters->by_tensor =
        calloc(arch->tensor_count, sizeof(*adapters->by_tensor));
    bool whole = adapters->by_tensor != NULL;
    for (size_t i = 0; whole && i < arch->tensor_count; i++) {
        const struct slim_tensor *tensor = &arch->tensors[i];

        if (!slim_lora_target(tensor, targets))
            continue;
        adapters->by_tensor[i] =
            new_one(rank, alpha, slim_tensor_size(shape, tensor, 0),
                    slim_tensor_size(shape, tensor, 1), seed, i);
        whole = adapters->by_tensor[i] != NULL;
    }
    if (!whole) {
        slim_lora_free(adapters);
        return NULL;
    }
    adapters->trainable = slim_lora_size(shape, targets, rank);
    return adapters;
}

static enum slim_status merge_one(struct slim_model *model,
                                  const struct slim_tensor *tensor,
                                  const struct slim_adapter *adapter,
                                  struct slim_diag *diag)
{
    size_t out = slim_tensor_size(model->shape, tensor, 0);
    size_t in = slim_tensor_size(model->shape, tensor, 1);
    struct slim_buffer *buffer = NULL;

    if (slim_model_room(&buffer, model, tensor, out, in, diag) != SLIM_OK)
        return SLIM_FAILED;
    if (slim_model_read(buffer->data, model, tensor, diag) != SLIM_OK) {
        slim_buffer_release(buffer);
        return SLIM_FAILED;
    }
    for (size_t o = 0; o < out; o++)
        for (size_t i = 0; i < in; i++) {
            double sum = 0.0;

            for (size_t k = 0; k < adapter->rank; k++)
                sum += (double)adapter->b[o * adapter->rank + k] *
                       (double)adapter->a[k * in + i];
            buffer->data[o * in + i] =
                (float)((double)buffer->data[o * in + i] +
                        (double)adapter->scale * sum);
        }
    slim_model_give(model, tensor, buffer, out, in);
    return SLIM_OK;
}

enum slim_status slim_lora_merge(struct slim_model *model,
                                 const struct slim_adapters *adapters,
                                 struct slim_diag *diag)
{
    for (size_t i = 0; i < adapters->count; i++)
        if (adapters->by_tensor[i] &&
            merge_one(model, &adapters->arch->tensors[i],
                      adapters->by_tensor[i], diag) != SLIM_OK)
            return SLIM_FAILED;
    return SLIM_OK;
}
