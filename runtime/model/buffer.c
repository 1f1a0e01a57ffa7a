/* buffer.c - numbers of a model's own: in memory, in files without a name, or
 * in a store's objects
 */
#include "base/size.h"
#include "runtime/model/weight.h"

#include <stdlib.h>

struct slim_buffer *slim_buffer_new(size_t count)
{
    struct slim_buffer *buffer = malloc(sizeof(*buffer));
    size_t bytes = 0;

    if (!buffer || !slim_size_mul(&bytes, count, sizeof(float))) {
        free(buffer);
        return NULL;
    }
    buffer->data = malloc(bytes ? bytes : 1);
    if (!buffer->data) {
        free(buffer);
        return NULL;
    }
    buffer->count = count;
    buffer->references = 1;
    buffer->region = NULL;
    return buffer;
}

void slim_buffer_release(struct slim_buffer *buffer)
{
    if (!buffer || --buffer->references > 0)
        return;
    if (buffer->region)
        slim_region_release(buffer->region);
    else
        free(buffer->data);
    free(buffer);
}

struct slim_region *slim_region_new(struct slim_map *map)
{
    struct slim_region *region = malloc(sizeof(*region));

    if (!region) {
        slim_map_close(map);
        return NULL;
    }
    *region = (struct slim_region){ .map = *map, .references = 1 };
    return region;
}

void slim_region_release(struct slim_region *region)
{
    if (!region || --region->references > 0)
        return;
    slim_map_close(&region->map);
    free(region);
}

struct slim_buffer *slim_buffer_mapped(struct slim_region *region, size_t at,
                                       size_t count)
{
    struct slim_buffer *buffer = malloc(sizeof(*buffer));

    if (!buffer)
        return NULL;
    *buffer =
        (struct slim_buffer){ .data =
                                  (float *)(uintptr_t)(region->map.data + at),
                              .count = count,
                              .references = 1,
                              .region = region };
    region->references++;
    return buffer;
}

/* ---- buffers of a model ---- */

/* Smaller ones stay in memory: a page of a file holds 1024 numbers. */
enum { LARGE = 1 << 14 };

static enum slim_status spilled(struct slim_buffer **out, const char *directory,
                                size_t count, struct slim_diag *diag)
{
    struct slim_map map;

    if (slim_spill_open(&map, directory, count * sizeof(float),
                        (struct slim_span){ 0 }, diag) != SLIM_OK)
        return SLIM_FAILED;
    struct slim_region *region = slim_region_new(&map);
    if (region) {
        region->spilled = true;
        *out = slim_buffer_mapped(region, 0, count);
        slim_region_release(region);
    }
    return SLIM_OK;
}

enum slim_status slim_model_room(struct slim_buffer **out,
                                 const struct slim_model *model,
                                 const struct slim_tensor *tensor, size_t rows,
                                 size_t cols, struct slim_diag *diag)
{
    size_t count = 0, bytes = 0;
    bool fits = slim_size_mul(&count, rows, cols) &&
                slim_size_mul(&bytes, count, sizeof(float));

    *out = NULL;
    if (fits && model->spill && count >= LARGE) {
        if (spilled(out, model->spill, count, diag) != SLIM_OK)
            return SLIM_FAILED;
    } else if (fits) {
        *out = slim_buffer_new(count);
    }
    if (*out)
        return SLIM_OK;
    return slim_fail(diag, "O001", (struct slim_span){ 0 },
                     "out of memory for tensor \"%s\"", tensor->name);
}

void slim_model_give(struct slim_model *model, const struct slim_tensor *tensor,
                     struct slim_buffer *buffer, size_t rows, size_t cols)
{
    if (slim_buffer_spilled(buffer))
        slim_spill_seal(&buffer->region->map);
    slim_model_set(model, tensor, buffer, rows, cols);
}

bool slim_buffer_spilled(const struct slim_buffer *buffer)
{
    return buffer->region && buffer->region->spilled;
}

void slim_buffer_move(struct slim_buffer *buffer, struct slim_region *region,
                      size_t at)
{
    struct slim_region *old = buffer->region;

    region->references++;
    buffer->region = region;
    buffer->data = (float *)(uintptr_t)(region->map.data + at);
    slim_region_release(old);
}

/* The bytes of a tensor that lie in a file; NULL: none do. */
static const struct slim_map *mapped(const void **from, size_t *bytes,
                                     const struct slim_model *model,
                                     const struct slim_tensor *tensor)
{
    const struct slim_weight *weight = &model->weights[tensor->index];
    const struct slim_disk_tensor *disk = weight->disk;

    if (weight->buffer) {
        *from = weight->buffer->data;
        *bytes = weight->buffer->count * sizeof(float);
        return weight->buffer->region ? &weight->buffer->region->map : NULL;
    }
    if (!disk)
        return NULL;
    *bytes = slim_dtype_bits(disk->dtype) / 8;
    for (size_t d = 0; d < disk->dims_count; d++)
        *bytes *= (size_t)disk->dims[d];
    *from = model->maps->items[disk->file].data + disk->offset;
    return &model->maps->items[disk->file];
}

void slim_model_fetch(const struct slim_model *model,
                      const struct slim_tensor *tensor)
{
    size_t bytes = 0;
    const void *from = NULL;
    const struct slim_map *map = mapped(&from, &bytes, model, tensor);

    if (map)
        slim_map_fetch(map, from, bytes);
}

void slim_model_leave(const struct slim_model *model,
                      const struct slim_tensor *tensor)
{
    size_t bytes = 0;
    const void *from = NULL;
    const struct slim_map *map = mapped(&from, &bytes, model, tensor);

    if (map)
        slim_map_leave(map, from, bytes);
}
