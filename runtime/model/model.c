/* model.c - where a model's numbers are: mapped files, selections, buffers */
#include "runtime/model/model.h"

#include "base/file.h"
#include "runtime/model/weight.h"

#include <stdlib.h>
#include <string.h>

static void maps_release(struct slim_maps *maps)
{
    if (!maps || --maps->references > 0)
        return;
    for (size_t i = 0; i < maps->count; i++)
        slim_map_close(&maps->items[i]);
    free(maps->items);
    free(maps);
}

static enum slim_status maps_open(struct slim_maps **out,
                                  const struct slim_checkpoint *checkpoint,
                                  struct slim_diag *diag)
{
    struct slim_maps *maps = calloc(1, sizeof(*maps));
    size_t count = checkpoint->file_count;

    if (maps)
        maps->items = calloc(count ? count : 1, sizeof(*maps->items));
    if (!maps || !maps->items) {
        free(maps);
        return slim_fail(diag, "O101", (struct slim_span){ 0 },
                         "out of memory: the table of %zu mapped files", count);
    }
    maps->references = 1;
    maps->count = count;
    for (size_t i = 0; i < count; i++) {
        const struct slim_disk_file *file = &checkpoint->files[i];
        struct slim_span at = { .source = &file->source };
        enum slim_status status =
            slim_map_open(&maps->items[i], file->path, at, diag);

        if (status == SLIM_OK && maps->items[i].length != file->size)
            status = slim_fail(diag, "I120", at,
                               "the file changed while it was in use: it has "
                               "%zu bytes and had %llu",
                               maps->items[i].length,
                               (unsigned long long)file->size);
        if (status != SLIM_OK) {
            maps_release(maps);
            return SLIM_FAILED;
        }
    }
    *out = maps;
    return SLIM_OK;
}

static struct slim_model *model_new(const struct slim_model_info *info)
{
    struct slim_model *model = calloc(1, sizeof(*model));
    size_t count = info->arch->tensor_count;

    if (!model)
        return NULL;
    model->weights = calloc(count ? count : 1, sizeof(*model->weights));
    if (!model->weights) {
        free(model);
        return NULL;
    }
    model->info = info;
    return model;
}

/* What the family computes is of no file. */
static enum slim_status compute_slopes(struct slim_model *model,
                                       struct slim_diag *diag)
{
    const struct slim_arch *arch = model->info->arch;

    for (size_t i = 0; i < arch->tensor_count; i++) {
        const struct slim_tensor *tensor = &arch->tensors[i];
        if (tensor->presence != SLIM_PRESENT_COMPUTED)
            continue;
        size_t heads = slim_tensor_size(model->shape, tensor, 0);
        struct slim_buffer *buffer = slim_buffer_new(heads);
        if (!buffer)
            return slim_fail(diag, "O101", (struct slim_span){ 0 },
                             "out of memory: the slopes of %zu heads", heads);
        for (size_t h = 0; h < heads; h++)
            buffer->data[h] = (float)tensor->computed[h];
        slim_model_set(model, tensor, buffer, heads, 1);
    }
    return SLIM_OK;
}

enum slim_status slim_model_load(struct slim_model **out,
                                 const struct slim_model_info *info,
                                 struct slim_diag *diag)
{
    struct slim_model *model = model_new(info);

    if (!model)
        return slim_fail(diag, "O101", (struct slim_span){ 0 },
                         "out of memory: the table of %zu tensors",
                         info->arch->tensor_count);
    model->shape = info->shape;
    if (maps_open(&model->maps, info->checkpoint, diag) != SLIM_OK) {
        slim_model_free(model);
        return SLIM_FAILED;
    }
    for (size_t i = 0; i < info->arch->tensor_count; i++) {
        const struct slim_tensor *tensor = &info->arch->tensors[i];
        struct slim_weight *weight = &model->weights[i];

        weight->disk = tensor->disk;
        if (!slim_model_has(model, tensor))
            continue;
        for (size_t d = 0; d < 2; d++)
            weight->size[d] = d < tensor->dims_count
                                  ? slim_tensor_size(info->shape, tensor, d)
                                  : 1;
    }
    if (compute_slopes(model, diag) != SLIM_OK) {
        slim_model_free(model);
        return SLIM_FAILED;
    }
    *out = model;
    return SLIM_OK;
}

static bool kept_copy(struct slim_weight *to, const struct slim_weight *from)
{
    for (size_t d = 0; d < 2; d++) {
        if (!from->kept[d])
            continue;
        size_t bytes = from->size[d] * sizeof(*from->kept[d]);
        to->kept[d] = malloc(bytes ? bytes : 1);
        if (!to->kept[d])
            return false;
        memcpy(to->kept[d], from->kept[d], bytes);
    }
    return true;
}

struct slim_model *slim_model_copy(const struct slim_model *model)
{
    struct slim_model *copy = model_new(model->info);

    if (!copy)
        return NULL;
    copy->shape = model->shape;
    copy->spill = model->spill;
    copy->maps = model->maps;
    copy->maps->references++;
    for (size_t i = 0; i < model->info->arch->tensor_count; i++) {
        const struct slim_weight *from = &model->weights[i];
        struct slim_weight *to = &copy->weights[i];

        *to = *from;
        to->kept[0] = to->kept[1] = NULL;
        if (to->buffer)
            to->buffer->references++;
        if (!kept_copy(to, from)) {
            slim_model_free(copy);
            return NULL;
        }
    }
    return copy;
}

static void weight_clear(struct slim_weight *weight)
{
    free(weight->kept[0]);
    free(weight->kept[1]);
    slim_buffer_release(weight->buffer);
    *weight = (struct slim_weight){ 0 };
}

void slim_model_forget(struct slim_model *model)
{
    for (size_t i = 0; i < model->info->arch->tensor_count; i++)
        weight_clear(&model->weights[i]);
}

void slim_model_free(struct slim_model *model)
{
    if (!model)
        return;
    slim_model_forget(model);
    maps_release(model->maps);
    free(model->weights);
    free(model);
}

const struct slim_tensor *slim_model_owner(const struct slim_model *model,
                                           const struct slim_tensor *tensor)
{
    return tensor->tied_to && !model->shape->untied ? tensor->tied_to : tensor;
}

bool slim_model_has(const struct slim_model *model,
                    const struct slim_tensor *tensor)
{
    const struct slim_tensor *owner = slim_model_owner(model, tensor);
    const struct slim_weight *weight = &model->weights[owner->index];

    return slim_tensor_present(model->shape, owner) &&
           (weight->buffer || weight->disk);
}

void slim_model_set(struct slim_model *model, const struct slim_tensor *tensor,
                    struct slim_buffer *buffer, size_t rows, size_t cols)
{
    struct slim_weight *weight = &model->weights[tensor->index];

    weight_clear(weight);
    weight->buffer = buffer;
    weight->size[0] = rows;
    weight->size[1] = cols;
}
