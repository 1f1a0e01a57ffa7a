/* codec_adapter.c - the low-rank factors of a recovery */
#include "runtime/store/codec.h"

#include "runtime/train/lora.h"

#include <stdlib.h>
#include <string.h>

bool slim_given_adapter(struct slim_run *run, const struct slim_op *op)
{
    return slim_run_result(run, op)->adapters != NULL;
}

json_t *slim_pack_adapter(struct slim_packing *packing)
{
    const struct slim_adapters *all =
        slim_run_result(packing->run, packing->op)->adapters;
    const struct slim_shape *shape =
        slim_run_result(packing->run, packing->op)->model->shape;
    struct slim_piece *parts = SLIM_NEW_ARRAY(
        packing->store->arena, 2 * all->count + 1, struct slim_piece);
    json_t *tensors = json_array();
    size_t count = 0;

    for (size_t i = 0; i < all->count; i++) {
        const struct slim_adapter *one = all->by_tensor[i];
        const struct slim_tensor *tensor = &all->arch->tensors[i];
        if (!one)
            continue;
        size_t out = slim_tensor_size(shape, tensor, 0);
        size_t in = slim_tensor_size(shape, tensor, 1);
        parts[count++] =
            (struct slim_piece){ one->a, one->rank * in * sizeof(float) };
        parts[count++] =
            (struct slim_piece){ one->b, one->rank * out * sizeof(float) };
        json_array_append_new(tensors,
                              json_pack("[I,I,I]", (json_int_t)i,
                                        (json_int_t)out, (json_int_t)in));
    }
    json_t *blob = slim_pack_blob(packing, parts, count);
    json_t *rest = json_pack("{s:o,s:I,s:f,s:I}", "tensors", tensors, "rank",
                             (json_int_t)all->rank, "alpha", all->alpha,
                             "trainable", (json_int_t)all->trainable);
    if (blob)
        (void)json_object_update(blob, rest);
    json_decref(rest);
    return blob;
}

static bool take_adapter(struct slim_adapters *all, const json_t *row,
                         const struct slim_map *map, size_t *at)
{
    json_int_t index = json_integer_value(json_array_get(row, 0));
    size_t sizes[2];

    for (size_t d = 0; d < 2; d++) {
        json_int_t size = json_integer_value(json_array_get(row, 1 + d));
        if (size < 0 || (uint64_t)size > map->length)
            return false;
        sizes[d] = all->rank * (size_t)size * sizeof(float);
    }
    if (index < 0 || (uint64_t)index >= all->count || all->by_tensor[index])
        return false;
    struct slim_adapter *one = calloc(1, sizeof(*one));
    if (!one)
        return false;
    all->by_tensor[index] = one;
    one->rank = all->rank;
    one->scale = (float)(all->alpha / (double)all->rank);
    one->a = malloc(sizes[1] + 1);
    one->b = malloc(sizes[0] + 1);
    return one->a && one->b && slim_unpack_take(one->a, map, at, sizes[1]) &&
           slim_unpack_take(one->b, map, at, sizes[0]);
}

bool slim_unpack_adapter(struct slim_unpacking *unpacking,
                         const json_t *manifest)
{
    struct slim_run *run = unpacking->run;
    const struct slim_arch *arch = run->input->arch;
    struct slim_adapters *all = calloc(1, sizeof(*all));
    struct slim_map map;
    size_t at = 0, i;
    json_t *row;

    if (!all || !slim_unpack_blob(unpacking, &map, manifest)) {
        free(all);
        return false;
    }
    all->arch = arch;
    all->count = arch->tensor_count;
    all->by_tensor = calloc(all->count, sizeof(*all->by_tensor));
    all->alpha = json_number_value(json_object_get(manifest, "alpha"));
    bool whole =
        all->by_tensor &&
        slim_unpack_count(&all->rank, manifest, "rank", 1 << 20) &&
        slim_unpack_count(&all->trainable, manifest, "trainable", SIZE_MAX);
    json_array_foreach(json_object_get(manifest, "tensors"), i, row) whole =
        whole && take_adapter(all, row, &map, &at);
    slim_map_close(&map);
    if (whole)
        slim_run_result(run, unpacking->op)->adapters = all;
    else
        slim_lora_free(all);
    return whole;
}
