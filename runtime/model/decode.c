/* decode.c - one sequence token by token, with the keys and values of before */
#include "runtime/model/decode.h"

#include "runtime/model/layer.h"
#include "runtime/model/pass.h"

#include <assert.h>
#include <stdlib.h>

/* A part of the model (embedding, layer, or head) that stays loaded. */
struct part {
    struct slim_layer *layer;
    struct slim_cache cache;
};

struct slim_decoder {
    const struct slim_kernels *kernels;
    struct part *parts;
    size_t count; /* layers + 2 */
    size_t width; /* widest site */
    size_t room, past;
    struct slim_floats stream;
};

static size_t cache_width(const struct slim_shape *shape,
                          const struct slim_node *node)
{
    if (node->kind != SLIM_BLOCK_ATTENTION)
        return 0;
    struct slim_heads heads = slim_node_heads(shape, node);
    return heads.kv * heads.dim;
}

uint64_t slim_decoder_bytes(const struct slim_shape *shape, size_t room)
{
    const struct slim_arch *arch = shape->arch;
    /* weights in f32, and in bf16 beside it */
    uint64_t bytes = slim_shape_params(shape) * (sizeof(float) + 2);

    for (size_t n = 0; n < arch->node_count; n++)
        bytes += 2 * (uint64_t)room * cache_width(shape, &arch->nodes[n]) *
                 sizeof(float);
    for (size_t l = 0; l < arch->layers; l++)
        bytes +=
            slim_tape_bytes(shape, l, room) + slim_work_bytes(shape, l, room);
    return bytes;
}

static enum slim_status cache_open(struct slim_cache *cache,
                                   const struct slim_layer *layer, size_t room,
                                   struct slim_diag *diag)
{
    size_t nodes = layer->last - layer->first;

    cache->room = room;
    cache->count = nodes;
    cache->keys = calloc(nodes + 1, sizeof(*cache->keys));
    cache->values = calloc(nodes + 1, sizeof(*cache->values));
    if (!cache->keys || !cache->values)
        return slim_fail(diag, "O101", (struct slim_span){ 0 },
                         "out of memory: the caches of %zu blocks", nodes);
    for (size_t i = 0; i < nodes; i++) {
        size_t width =
            cache_width(layer->shape, &layer->arch->nodes[layer->first + i]);
        if (width > 0 && (slim_floats_need(&cache->keys[i], room, width,
                                           "cached keys", diag) != SLIM_OK ||
                          slim_floats_need(&cache->values[i], room, width,
                                           "cached values", diag) != SLIM_OK))
            return SLIM_FAILED;
    }
    return SLIM_OK;
}

static void part_close(struct part *part)
{
    struct slim_cache *cache = &part->cache;

    for (size_t i = 0; cache->keys && cache->values && i < cache->count; i++) {
        slim_floats_free(&cache->keys[i]);
        slim_floats_free(&cache->values[i]);
    }
    free(cache->keys);
    free(cache->values);
    slim_layer_free(part->layer);
}

static enum slim_status part_open(struct part *part, struct slim_model *model,
                                  long index, size_t room,
                                  struct slim_diag *diag)
{
    part->layer = slim_layer_new();
    if (!part->layer)
        return slim_fail(diag, "O101", (struct slim_span){ 0 },
                         "out of memory: a layer");
    if (slim_layer_load(part->layer, model, index, diag) != SLIM_OK)
        return SLIM_FAILED;
    part->layer->cache = &part->cache;
    return cache_open(&part->cache, part->layer, room, diag);
}

enum slim_status slim_decoder_open(struct slim_decoder **out,
                                   struct slim_model *model, size_t room,
                                   const struct slim_kernels *kernels,
                                   struct slim_diag *diag)
{
    size_t count = model->info->arch->layers + 2;
    struct slim_decoder *decoder = calloc(1, sizeof(*decoder));
    enum slim_status status = SLIM_OK;

    *out = decoder;
    if (decoder)
        decoder->parts = calloc(count, sizeof(*decoder->parts));
    if (!decoder || !decoder->parts)
        return slim_fail(diag, "O101", (struct slim_span){ 0 },
                         "out of memory: %zu parts of a model", count);
    decoder->kernels = kernels;
    decoder->room = room;
    decoder->width = slim_pass_width(model->shape);
    decoder->count = count;
    for (size_t p = 0; status == SLIM_OK && p < count; p++)
        status = part_open(&decoder->parts[p], model, (long)p - 1, room, diag);
    return status;
}

void slim_decoder_close(struct slim_decoder *decoder)
{
    if (!decoder)
        return;
    for (size_t p = 0; decoder->parts && p < decoder->count; p++)
        part_close(&decoder->parts[p]);
    free(decoder->parts);
    slim_floats_free(&decoder->stream);
    free(decoder);
}

enum slim_status slim_decoder_feed(struct slim_decoder *decoder, float *logits,
                                   const int32_t *ids, size_t count,
                                   struct slim_diag *diag)
{
    size_t starts[2] = { 0, count };
    struct slim_batch batch = { ids, 1, starts };
    struct slim_layer *head = decoder->parts[decoder->count - 1].layer;

    assert(count > 0 && decoder->past + count <= decoder->room);
    if (slim_floats_need(&decoder->stream, count, decoder->width,
                         "the residual stream", diag) != SLIM_OK)
        return SLIM_FAILED;
    float *x = decoder->stream.data;
    for (size_t p = 0; p < decoder->count; p++) {
        struct part *part = &decoder->parts[p];

        part->cache.past = decoder->past;
        if (slim_layer_forward(x, part->layer, x, &batch, NULL, NULL, NULL,
                               decoder->kernels, diag) != SLIM_OK)
            return SLIM_FAILED;
    }
    decoder->past += count;
    if (!logits)
        return SLIM_OK;
    return slim_head_logits(logits, head,
                            x + (count - 1) * slim_layer_width_out(head), 1,
                            decoder->kernels, diag);
}

void slim_decoder_rewind(struct slim_decoder *decoder, size_t length)
{
    assert(length <= decoder->past);
    decoder->past = length;
}
