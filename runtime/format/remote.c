/* remote.c - what the remote code of a saved model needs to build it
 *
 * The family's own description, with every setting, size and name resolved: the
 * blocks in order, each with the registers that it reads and writes, and the
 * tensors in its slots. runtime/format/python/modeling_slimc.py runs it.
 */
#include "runtime/format/export.h"

#include <string.h>

static json_int_t integer(size_t value)
{
    return (json_int_t)value;
}

/* A number, the name of a choice, or a list. */
static json_t *setting_json(const struct slim_node *node, size_t index)
{
    const struct slim_setting *setting =
        &slim_blocks[node->kind].settings[index];
    double value = node->settings[index];

    if (setting->choices)
        return json_string(setting->choices[(size_t)value]);
    if (!slim_setting_is_list(setting))
        return json_real(value);
    json_t *list = json_array();
    for (size_t i = 0; i < (size_t)value; i++)
        json_array_append_new(list, json_real(node->lists[index][i]));
    return list;
}

static json_t *settings_json(const struct slim_shape *shape,
                             const struct slim_node *node)
{
    const struct slim_block *block = &slim_blocks[node->kind];
    json_t *out = json_object();

    for (size_t s = 0; s < block->setting_count; s++)
        json_object_set_new(out, block->settings[s].name,
                            setting_json(node, s));
    if (node->of_table && shape->folded)
        json_object_set_new(out, "kind", json_string("done"));
    if (node->kind == SLIM_BLOCK_NORM)
        json_object_set_new(out, "eps", json_real(slim_shape_eps(shape, node)));
    return out;
}

/* Sizes as the file has them, [out, in] but where the family says otherwise. */
static json_t *tensor_json(const struct slim_shape *shape,
                           const struct slim_tensor *tensor)
{
    json_t *sizes = json_array();
    bool tied = tensor->tied_to && !shape->untied;

    for (size_t d = 0; d < tensor->dims_count; d++) {
        size_t at = tensor->transposed ? tensor->dims_count - 1 - d : d;
        json_array_append_new(
            sizes, json_integer(integer(slim_tensor_size(shape, tensor, at))));
    }
    return json_pack("{s:s,s:o,s:b,s:s?}", "name", tensor->name, "size", sizes,
                     "turned", (int)tensor->transposed, "tied",
                     tied ? tensor->tied_to->name : NULL);
}

static void set_tensors(json_t *out, const struct slim_shape *shape,
                        const struct slim_node *node)
{
    const struct slim_block *block = &slim_blocks[node->kind];
    json_t *tensors = json_object();

    for (size_t s = 0; s < block->slot_count; s++) {
        const struct slim_tensor *tensor = node->slots[s];
        bool shown = tensor && (slim_tensor_stored(shape, tensor) ||
                                (tensor->tied_to && !shape->untied));
        if (shown)
            json_object_set_new(tensors, block->slots[s].name,
                                tensor_json(shape, tensor));
    }
    json_object_set_new(out, "tensors", tensors);
}

/* Rows of a fused matrix that belong to a label: [first, from one block to the
 * next, rows of a block, blocks]. */
static void set_part(json_t *parts, const struct slim_shape *shape,
                     const struct slim_tensor *tensor, const char *label,
                     size_t axis, size_t units)
{
    size_t start, stride, length;

    if (!slim_tensor_part(&start, &stride, &length, shape, tensor, 0, label,
                          axis))
        return;
    bool whole = stride == length;
    json_object_set_new(parts, label,
                        json_pack("[I,I,I,I]", integer(start), integer(stride),
                                  integer(whole ? length * units : length),
                                  integer(whole ? 1 : units)));
}

static enum slim_status set_slopes(json_t *out, struct slim_model *model,
                                   const struct slim_tensor *tensor,
                                   struct slim_diag *diag)
{
    size_t heads = slim_tensor_size(model->shape, tensor, 0);
    float *slopes = SLIM_NEW_ARRAY(diag->arena, heads, float);
    json_t *list = json_array();

    json_object_set_new(out, "slopes", list);
    if (slim_model_read(slopes, model, tensor, diag) != SLIM_OK)
        return SLIM_FAILED;
    for (size_t h = 0; h < heads; h++)
        json_array_append_new(list, json_real((double)slopes[h]));
    return SLIM_OK;
}

static enum slim_status set_attention(json_t *out, struct slim_model *model,
                                      const struct slim_node *node,
                                      struct slim_diag *diag)
{
    static const char *const labels[] = { "q", "k", "v" };
    struct slim_heads heads = slim_node_heads(model->shape, node);
    const struct slim_tensor *fused = node->slots[SLIM_ATTENTION_QKV];
    json_t *parts = json_object();

    json_object_set_new(out, "heads",
                        json_integer(integer(heads.kv * heads.rep)));
    json_object_set_new(out, "kv_heads", json_integer(integer(heads.kv)));
    json_object_set_new(out, "head_dim", json_integer(integer(heads.dim)));
    for (size_t i = 0; fused && i < SLIM_COUNT(labels); i++)
        set_part(parts, model->shape, fused, labels[i], heads.axis, heads.kv);
    json_object_set_new(out, "parts", parts);
    if (!node->slots[SLIM_ATTENTION_SLOPES])
        return SLIM_OK;
    return set_slopes(out, model, node->slots[SLIM_ATTENTION_SLOPES], diag);
}

static void set_mlp(json_t *out, const struct slim_shape *shape,
                    const struct slim_node *node)
{
    const struct slim_tensor *fused = node->slots[SLIM_MLP_GATE_UP];
    json_t *parts = json_object();

    if (fused) {
        set_part(parts, shape, fused, "gate", SIZE_MAX, 1);
        set_part(parts, shape, fused, "up", SIZE_MAX, 1);
    }
    json_object_set_new(out, "parts", parts);
}

static json_t *node_json(struct slim_model *model, const struct slim_node *node,
                         struct slim_diag *diag)
{
    const struct slim_shape *shape = model->shape;
    json_t *inputs = json_array();
    json_t *out =
        json_pack("{s:s,s:s,s:I,s:o,s:o}", "kind", slim_blocks[node->kind].name,
                  "name", node->name, "out", integer(node->output), "in",
                  inputs, "set", settings_json(shape, node));
    enum slim_status status = SLIM_OK;

    for (size_t i = 0; i < slim_blocks[node->kind].inputs; i++)
        json_array_append_new(inputs, json_integer(integer(node->inputs[i])));
    set_tensors(out, shape, node);
    if (node->kind == SLIM_BLOCK_MLP)
        set_mlp(out, shape, node);
    if (node->kind == SLIM_BLOCK_ATTENTION)
        status = set_attention(out, model, node, diag);
    if (status == SLIM_OK)
        return out;
    json_decref(out);
    return NULL;
}

/* Nodes first .. last - 1, or NULL. */
static json_t *nodes_json(struct slim_model *model, size_t first, size_t last,
                          struct slim_diag *diag)
{
    json_t *nodes = json_array();

    for (size_t n = first; n < last; n++) {
        json_t *node = node_json(model, &model->shape->arch->nodes[n], diag);
        if (!node) {
            json_decref(nodes);
            return NULL;
        }
        json_array_append_new(nodes, node);
    }
    return nodes;
}

/* What names begin with up to the first dot: "model", or "transformer". */
static const char *base_name(const struct slim_arch *arch,
                             struct slim_arena *arena)
{
    const char *name = arch->nodes[0].slots[SLIM_EMBEDDING_WEIGHT]->name;

    return slim_arena_strndup(arena, name, strcspn(name, "."));
}

enum slim_status slim_export_remote(json_t **out, struct slim_model *model,
                                    struct slim_diag *diag)
{
    const struct slim_shape *shape = model->shape;
    const struct slim_arch *arch = shape->arch;
    json_t *layers = json_array(), *sites = json_array();
    json_t *before = nodes_json(model, 0, arch->layer_first[0], diag);
    json_t *after = nodes_json(model, arch->layer_first[arch->layers],
                               arch->node_count, diag);
    bool whole = before && after;

    for (size_t i = 0; whole && i < arch->layers; i++) {
        json_t *layer = nodes_json(model, arch->layer_first[i],
                                   arch->layer_first[i + 1], diag);
        whole = layer && json_array_append_new(layers, layer) == 0;
    }
    for (size_t i = 0; i < arch->site_count; i++)
        json_array_append_new(sites, json_integer(integer(shape->sites[i])));
    *out = json_pack("{s:o,s:o*,s:o*,s:o,s:b,s:I,s:s}", "layers", layers,
                     "before", before, "after", after, "sites", sites, "folded",
                     (int)shape->folded, "divisor", integer(shape->divisor),
                     "base", base_name(arch, diag->arena));
    if (whole)
        return SLIM_OK;
    json_decref(*out);
    *out = NULL;
    return SLIM_FAILED;
}
