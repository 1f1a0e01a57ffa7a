/* codec_model.c - a model: its shape, and where each tensor's numbers are
 *
 * A selection over a tensor of the input model stays one: the indices that are
 * kept. Buffers of one layer are one object, end to end.
 */
#include "runtime/store/codec.h"

#include "compiler/ir/family.h"

#include <stdlib.h>
#include <string.h>

static const struct slim_tensor *tensor_at(const struct slim_model *model,
                                           size_t index)
{
    return &model->info->arch->tensors[index];
}

static bool in_part(const struct slim_model *model, size_t index, size_t layer)
{
    return tensor_at(model, index)->layer == layer &&
           model->weights[index].buffer != NULL;
}

static size_t bytes_of(const struct slim_weight *weight)
{
    return weight->size[0] * weight->size[1] * sizeof(float);
}

/* Takes both over. */
static json_t *with_tensors(json_t *blob, json_t *tensors)
{
    if (blob && json_object_set(blob, "tensors", tensors) == 0) {
        json_decref(tensors);
        return blob;
    }
    json_decref(tensors);
    json_decref(blob);
    return NULL;
}

/* Whether the bytes of a map from `at` on are the tensor's. */
static bool same_bytes(const struct slim_map *map, size_t at,
                       const struct slim_weight *weight)
{
    return at + bytes_of(weight) <= map->length &&
           memcmp(map->data + at, weight->buffer->data, bytes_of(weight)) == 0;
}

/* What was written to the store need not lie in a file of its own as well. */
static void move_spilled(const struct slim_packing *packing,
                         const struct slim_model *model, size_t layer,
                         const json_t *blob)
{
    struct slim_diag quiet = { .arena = packing->store->arena };
    struct slim_map map;
    struct slim_digest name;
    size_t at = 0;

    if (!packing->store->path ||
        !slim_digest_read(&name,
                          json_string_value(json_object_get(blob, "blob"))) ||
        slim_map_open(&map, slim_store_path(packing->store, "objects", &name),
                      (struct slim_span){ 0 }, &quiet) != SLIM_OK)
        return;
    struct slim_region *region = slim_region_new(&map);
    for (size_t i = 0; region && i < model->info->arch->tensor_count; i++) {
        const struct slim_weight *weight = &model->weights[i];
        if (!in_part(model, i, layer))
            continue;
        if (slim_buffer_spilled(weight->buffer) &&
            same_bytes(&region->map, at, weight))
            slim_buffer_move(weight->buffer, region, at);
        at += bytes_of(weight);
    }
    if (region)
        slim_map_leave(&region->map, region->map.data, region->map.length);
    slim_region_release(region);
}

/* Numbers that stand in files were read: they need not stay in memory. */
static void leave(const struct slim_model *model, size_t layer)
{
    for (size_t i = 0; i < model->info->arch->tensor_count; i++)
        if (in_part(model, i, layer))
            slim_model_leave(model, tensor_at(model, i));
}

/* {"blob":.., "size":.., "tensors":[[index, rows, cols], ..]} or null where
 * the layer has no buffer. SLIM_NO_LAYER: what is before and after them. */
json_t *slim_pack_layer(struct slim_packing *packing,
                        const struct slim_model *model, size_t layer)
{
    size_t count = model->info->arch->tensor_count, parts = 0;
    struct slim_piece *part =
        SLIM_NEW_ARRAY(packing->store->arena, count + 1, struct slim_piece);
    json_t *tensors = json_array();

    for (size_t i = 0; i < count; i++) {
        const struct slim_weight *weight = &model->weights[i];
        if (!in_part(model, i, layer))
            continue;
        part[parts++] =
            (struct slim_piece){ weight->buffer->data, bytes_of(weight) };
        json_array_append_new(tensors, json_pack("[I,I,I]", (json_int_t)i,
                                                 (json_int_t)weight->size[0],
                                                 (json_int_t)weight->size[1]));
    }
    if (parts == 0) {
        json_decref(tensors);
        return json_null();
    }
    json_t *blob = slim_pack_blob(packing, part, parts);
    if (blob)
        move_spilled(packing, model, layer, blob);
    leave(model, layer);
    return with_tensors(blob, tensors);
}

/* The indices that stay of every selected tensor, as one object of u32. */
static json_t *pack_kept(struct slim_packing *packing,
                         const struct slim_model *model)
{
    size_t count = model->info->arch->tensor_count, parts = 0;
    struct slim_piece *part =
        SLIM_NEW_ARRAY(packing->store->arena, 2 * count + 1, struct slim_piece);
    json_t *tensors = json_array();

    for (size_t i = 0; i < count; i++) {
        const struct slim_weight *weight = &model->weights[i];
        if (weight->buffer || !weight->disk)
            continue;
        for (size_t d = 0; d < 2; d++)
            if (weight->kept[d])
                part[parts++] =
                    (struct slim_piece){ weight->kept[d],
                                         weight->size[d] * sizeof(uint32_t) };
        json_array_append_new(tensors, json_pack("[I,I,I,b,b]", (json_int_t)i,
                                                 (json_int_t)weight->size[0],
                                                 (json_int_t)weight->size[1],
                                                 weight->kept[0] != NULL,
                                                 weight->kept[1] != NULL));
    }
    return with_tensors(slim_pack_blob(packing, part, parts), tensors);
}

json_t *slim_pack_model(struct slim_packing *packing)
{
    const struct slim_model *model =
        slim_run_result(packing->run, packing->op)->model;
    size_t layers = model->info->arch->layers;
    json_t *parts = json_array();
    json_t *kept = pack_kept(packing, model);
    bool whole = kept != NULL;

    for (size_t l = 0; l <= layers && whole; l++)
        whole =
            json_array_append_new(
                parts, slim_pack_layer(packing, model,
                                       l < layers ? l : SLIM_NO_LAYER)) == 0;
    char source[65];
    slim_digest_hex(source, &packing->run->input_digest);
    if (whole)
        return json_pack("{s:o,s:o,s:o,s:s}", "shape",
                         slim_shape_to_json(model->shape), "kept", kept,
                         "parts", parts, "input", source);
    json_decref(parts);
    json_decref(kept);
    return NULL;
}

/* ---- back ---- */

const struct slim_shape *slim_unpack_shape(struct slim_run *run,
                                           const json_t *manifest)
{
    struct slim_diag quiet = { .arena = run->arena };
    struct slim_source source = { .name = "store", .text = "", .length = 0 };
    struct slim_shape *shape = NULL;

    if (slim_shape_from_json(&shape, run->input->arch,
                             json_object_get(manifest, "shape"), &source,
                             &quiet) != SLIM_OK)
        return NULL;
    return shape;
}

/* One row of a list of tensors: index and sizes that the shape has too. */
static bool read_tensor(size_t out[3], const struct slim_model *model,
                        const json_t *row)
{
    const struct slim_arch *arch = model->info->arch;

    for (size_t i = 0; i < 3; i++) {
        json_int_t value = json_integer_value(json_array_get(row, i));
        if (value < 0)
            return false;
        out[i] = (size_t)value;
    }
    return out[0] < arch->tensor_count;
}

static bool take_kept(struct slim_weight *weight, const json_t *row,
                      const struct slim_map *map, size_t *at)
{
    for (size_t d = 0; d < 2; d++) {
        size_t bytes = weight->size[d] * sizeof(uint32_t);
        if (!json_is_true(json_array_get(row, 3 + d)))
            continue;
        if (bytes > map->length - *at)
            return false;
        weight->kept[d] = malloc(bytes ? bytes : 1);
        if (!weight->kept[d])
            return false;
        if (bytes)
            memcpy(weight->kept[d], map->data + *at, bytes);
        *at += bytes;
    }
    return true;
}

static bool unpack_kept(struct slim_unpacking *unpacking,
                        struct slim_model *model, const json_t *json)
{
    const json_t *tensors = json_object_get(json, "tensors");
    struct slim_map map;
    size_t at = 0, i;
    json_t *row;
    bool whole = true;

    if (!slim_unpack_blob(unpacking, &map, json))
        return false;
    json_array_foreach(tensors, i, row)
    {
        size_t is[3];
        whole = read_tensor(is, model, row);
        if (!whole)
            break;
        struct slim_weight *weight = &model->weights[is[0]];
        weight->disk = tensor_at(model, is[0])->disk;
        weight->size[0] = is[1];
        weight->size[1] = is[2];
        whole = weight->disk && take_kept(weight, row, &map, &at);
        if (!whole)
            break;
    }
    slim_map_close(&map);
    return whole;
}

bool slim_unpack_layer(struct slim_unpacking *unpacking,
                       struct slim_model *model, const json_t *json)
{
    const json_t *tensors = json_object_get(json, "tensors");
    struct slim_map map;
    size_t at = 0, i;
    json_t *row;
    bool whole = true;

    if (json_is_null(json))
        return true;
    if (!slim_unpack_blob(unpacking, &map, json))
        return false;
    struct slim_region *region = slim_region_new(&map);
    json_array_foreach(tensors, i, row)
    {
        size_t is[3];
        whole = region && read_tensor(is, model, row) &&
                is[1] * is[2] <= (region->map.length - at) / sizeof(float);
        struct slim_buffer *buffer =
            whole ? slim_buffer_mapped(region, at, is[1] * is[2]) : NULL;
        whole = buffer != NULL;
        if (!whole)
            break;
        slim_model_set(model, tensor_at(model, is[0]), buffer, is[1], is[2]);
        at += is[1] * is[2] * sizeof(float);
    }
    slim_region_release(region);
    return whole;
}

/* What is read must be as large as the shape says: a stage would read past. */
static bool fits(const struct slim_model *model)
{
    const struct slim_arch *arch = model->info->arch;

    for (size_t i = 0; i < arch->tensor_count; i++) {
        const struct slim_tensor *tensor = &arch->tensors[i];
        const struct slim_weight *weight = &model->weights[i];
        if (!slim_model_has(model, tensor) ||
            slim_model_owner(model, tensor) != tensor)
            continue;
        for (size_t d = 0; d < tensor->dims_count; d++)
            if (weight->size[d] != slim_tensor_size(model->shape, tensor, d))
                return false;
    }
    return true;
}

bool slim_unpack_model(struct slim_unpacking *unpacking, const json_t *json)
{
    struct slim_run *run = unpacking->run;
    struct slim_diag quiet = { .arena = run->arena };
    const struct slim_shape *shape = slim_unpack_shape(run, json);
    const json_t *parts = json_object_get(json, "parts");
    struct slim_model *model = NULL;
    json_t *part;
    size_t i;

    if (!shape || slim_model_load(&model, run->input, &quiet) != SLIM_OK)
        return false;
    slim_model_forget(model);
    model->shape = shape;
    model->spill = run->spill;
    bool whole = unpack_kept(unpacking, model, json_object_get(json, "kept"));
    json_array_foreach(parts, i, part) whole =
        whole && slim_unpack_layer(unpacking, model, part);
    if (!whole || !fits(model)) {
        slim_model_free(model);
        return false;
    }
    slim_run_result(run, unpacking->op)->model = model;
    return true;
}
