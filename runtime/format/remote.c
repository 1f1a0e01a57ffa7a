/* remote.c - what the remote code of a saved model needs to build it */
#include "runtime/format/export.h"

static const char *const positions[] = { "none", "rope_half", "rope_pairs",
                                         "alibi" };
static const char *const scalings[] = { "none", "linear", "llama3" };
static const char *const activations[] = { "silu", "relu", "gelu",
                                           "gelu_pytorch_tanh" };

static size_t rows(const struct slim_shape *shape,
                   const struct slim_tensor *tensor)
{
    return slim_tensor_size(shape, tensor, 0);
}

/* Size of the last factor of a projection's rows: the head's dimension. */
static size_t head_dim(const struct slim_shape *shape,
                       const struct slim_tensor *tensor)
{
    const struct slim_dim *dim = tensor->dims[0];

    while (dim->kind != SLIM_DIM_AXIS)
        dim = dim->parts[dim->part_count - 1];
    return slim_shape_size(shape, tensor->layer, dim->axis);
}

static void set_attention(json_t *layer, const struct slim_shape *shape,
                          const struct slim_node *node)
{
    const struct slim_tensor *q = node->slots[SLIM_ATTENTION_Q];
    const struct slim_tensor *k = node->slots[SLIM_ATTENTION_K];
    const double *settings = node->settings;
    size_t dim = head_dim(shape, q);
    size_t rotary = settings[SLIM_ATTENTION_ROTARY_DIM] > 0.0
                        ? (size_t)settings[SLIM_ATTENTION_ROTARY_DIM]
                        : dim;
    json_t *attention = json_pack(
        "{s:I,s:I,s:I,s:b,s:b,s:I,s:f,s:s,s:f,s:I,s:s,s:f,s:f,s:f,s:f}",
        "heads", (json_int_t)(rows(shape, q) / dim), "kv_heads",
        (json_int_t)(rows(shape, k) / dim), "head_dim", (json_int_t)dim,
        "qkv_bias", node->slots[SLIM_ATTENTION_Q_BIAS] != NULL, "o_bias",
        node->slots[SLIM_ATTENTION_O_BIAS] != NULL, "window",
        (json_int_t)settings[SLIM_ATTENTION_WINDOW], "scale",
        settings[SLIM_ATTENTION_SCALE], "position",
        positions[(int)settings[SLIM_ATTENTION_POSITION]], "theta",
        settings[SLIM_ATTENTION_THETA], "rotary_dim", (json_int_t)rotary,
        "scaling", scalings[(int)settings[SLIM_ATTENTION_SCALING]], "factor",
        settings[SLIM_ATTENTION_FACTOR], "low_freq",
        settings[SLIM_ATTENTION_LOW_FREQ], "high_freq",
        settings[SLIM_ATTENTION_HIGH_FREQ], "original",
        settings[SLIM_ATTENTION_ORIGINAL]);

    json_object_set_new(layer, "attention", attention);
}

static void set_mlp(json_t *layer, const struct slim_shape *shape,
                    const struct slim_node *node)
{
    json_object_set_new(
        layer, "mlp",
        json_pack("{s:I,s:b,s:b,s:b,s:s}", "width",
                  (json_int_t)rows(shape, node->slots[SLIM_MLP_UP]), "gated",
                  node->slots[SLIM_MLP_GATE] != NULL, "up_bias",
                  node->slots[SLIM_MLP_UP_BIAS] != NULL, "down_bias",
                  node->slots[SLIM_MLP_DOWN_BIAS] != NULL, "act",
                  activations[(int)node->settings[SLIM_MLP_ACT]]));
}

static json_t *layer_json(const struct slim_shape *shape, size_t index)
{
    const struct slim_arch *arch = shape->arch;
    json_t *layer = json_object();

    for (size_t i = arch->layer_first[index]; i < arch->layer_first[index + 1];
         i++) {
        const struct slim_node *node = &arch->nodes[i];

        if (node->kind == SLIM_BLOCK_ATTENTION)
            set_attention(layer, shape, node);
        else if (node->kind == SLIM_BLOCK_MLP)
            set_mlp(layer, shape, node);
    }
    return layer;
}

json_t *slim_export_remote(const struct slim_shape *shape)
{
    const struct slim_arch *arch = shape->arch;
    const struct slim_node *norm =
        &arch->nodes[arch->layer_first[arch->layers]];
    const struct slim_tensor *table =
        arch->nodes[0].slots[SLIM_EMBEDDING_WEIGHT];
    json_t *layers = json_array(), *sites = json_array();

    for (size_t i = 0; i < arch->layers; i++)
        json_array_append_new(layers, layer_json(shape, i));
    for (size_t i = 0; i < arch->site_count; i++)
        json_array_append_new(sites, json_integer((json_int_t)shape->sites[i]));
    return json_pack("{s:o,s:o,s:I,s:b,s:b,s:f,s:f,s:I}", "layers", layers,
                     "sites", sites, "vocab", (json_int_t)rows(shape, table),
                     "shortcuts", shape->shortcuts, "norm_weights",
                     !shape->folded, "norm_eps", slim_shape_eps(shape, norm),
                     "norm_offset", norm->settings[SLIM_NORM_OFFSET],
                     "norm_divisor", (json_int_t)shape->divisor);
}
