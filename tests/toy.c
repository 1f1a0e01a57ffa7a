/* toy.c - architectures of any size, made without files */
#include "tests/toy.h"

#include <string.h>

struct maker {
    struct slim_arch *arch;
    struct slim_arena *arena;
    size_t layer, site;
};

static const struct slim_dim *dim_axis(struct maker *maker, size_t axis)
{
    struct slim_dim *dim = SLIM_NEW(maker->arena, struct slim_dim);

    dim->kind = SLIM_DIM_AXIS;
    dim->axis = axis;
    return dim;
}

/* kv.rep.dim, or kv.dim where rep is left out */
static const struct slim_dim *dim_heads(struct maker *maker, bool rep)
{
    struct slim_dim *dim = SLIM_NEW(maker->arena, struct slim_dim);

    dim->kind = SLIM_DIM_PRODUCT;
    dim->parts = SLIM_NEW_ARRAY(maker->arena, 3, const struct slim_dim *);
    dim->parts[dim->part_count++] = dim_axis(maker, SLIM_TOY_KV);
    if (rep)
        dim->parts[dim->part_count++] = dim_axis(maker, SLIM_TOY_REP);
    dim->parts[dim->part_count++] = dim_axis(maker, SLIM_TOY_DIM);
    return dim;
}

static struct slim_node *add_node(struct maker *maker,
                                  enum slim_block_kind kind)
{
    struct slim_node *node = &maker->arch->nodes[maker->arch->node_count++];

    node->kind = kind;
    node->name = slim_blocks[kind].name;
    node->layer = maker->layer;
    node->site_in = maker->site;
    node->site_out = maker->site;
    return node;
}

static bool carries_stream(const struct slim_dim *dim)
{
    return dim && dim->kind == SLIM_DIM_AXIS && dim->axis == SLIM_TOY_WIDTH;
}

static struct slim_tensor *add_tensor(struct maker *maker,
                                      struct slim_node *node, size_t slot,
                                      const struct slim_dim *first,
                                      const struct slim_dim *second)
{
    struct slim_arch *arch = maker->arch;
    struct slim_tensor *tensor = &arch->tensors[arch->tensor_count];

    tensor->index = arch->tensor_count++;
    tensor->slot = slim_blocks[node->kind].slots[slot].name;
    tensor->name = slim_arena_printf(maker->arena, "layer.%zu.%s.%s",
                                     node->layer, node->name, tensor->slot);
    tensor->role = slim_blocks[node->kind].role;
    tensor->layer = node->layer;
    tensor->dims[0] = first;
    tensor->dims[1] = second;
    tensor->dims_count = second ? 2 : 1;
    tensor->sites[0] = carries_stream(first) ? node->site_out : SLIM_NO_SITE;
    tensor->sites[1] = carries_stream(second) ? node->site_in : SLIM_NO_SITE;
    tensor->linear = second && node->kind != SLIM_BLOCK_EMBEDDING;
    tensor->node = node;
    node->slots[slot] = tensor;
    return tensor;
}

static void add_norm(struct maker *maker)
{
    struct slim_node *node = add_node(maker, SLIM_BLOCK_NORM);

    add_tensor(maker, node, SLIM_NORM_WEIGHT, dim_axis(maker, SLIM_TOY_WIDTH),
               NULL)
        ->presence = SLIM_PRESENT_UNFOLDED;
}

static void add_residual(struct maker *maker)
{
    struct slim_node *node = add_node(maker, SLIM_BLOCK_ADD);

    node->site_out = ++maker->site;
}

static void add_attention(struct maker *maker)
{
    struct slim_node *node = add_node(maker, SLIM_BLOCK_ATTENTION);
    const struct slim_dim *width = dim_axis(maker, SLIM_TOY_WIDTH);

    node->site_out++;
    add_tensor(maker, node, SLIM_ATTENTION_Q, dim_heads(maker, true), width);
    add_tensor(maker, node, SLIM_ATTENTION_K, dim_heads(maker, false), width);
    add_tensor(maker, node, SLIM_ATTENTION_V, dim_heads(maker, false), width);
    add_tensor(maker, node, SLIM_ATTENTION_O, width, dim_heads(maker, true));
}

static void add_mlp(struct maker *maker)
{
    struct slim_node *node = add_node(maker, SLIM_BLOCK_MLP);
    const struct slim_dim *width = dim_axis(maker, SLIM_TOY_WIDTH);
    const struct slim_dim *mlp = dim_axis(maker, SLIM_TOY_MLP);

    node->site_out++;
    add_tensor(maker, node, SLIM_MLP_GATE, mlp, width);
    add_tensor(maker, node, SLIM_MLP_UP, mlp, width);
    add_tensor(maker, node, SLIM_MLP_DOWN, width, mlp);
}

static void add_layer(struct maker *maker, size_t layer)
{
    maker->layer = layer;
    maker->arch->layer_first[layer] = maker->arch->node_count;
    add_norm(maker);
    add_attention(maker);
    add_residual(maker);
    add_norm(maker);
    add_mlp(maker);
    add_residual(maker);
    maker->layer = SLIM_NO_LAYER;
}

static void add_axes(struct maker *maker, const struct slim_toy *toy)
{
    struct slim_axis axes[SLIM_TOY_AXES] = {
        [SLIM_TOY_VOCAB] = { "vocab", SLIM_AXIS_GLOBAL, toy->vocab, true,
                             "token" },
        [SLIM_TOY_WIDTH] = { "width", SLIM_AXIS_STREAM, toy->width, false,
                             "channel" },
        [SLIM_TOY_KV] = { "kv", SLIM_AXIS_LAYER, toy->kv, false, "kv head" },
        [SLIM_TOY_REP] = { "rep", SLIM_AXIS_GLOBAL, toy->rep, true,
                           "query head" },
        [SLIM_TOY_DIM] = { "dim", SLIM_AXIS_GLOBAL, toy->dim, true, "channel" },
        [SLIM_TOY_MLP] = { "mlp", SLIM_AXIS_LAYER, toy->mlp, false,
                           "mlp column" },
    };

    maker->arch->axes =
        SLIM_NEW_ARRAY(maker->arena, SLIM_TOY_AXES, struct slim_axis);
    memcpy(maker->arch->axes, axes, sizeof axes);
    maker->arch->axis_count = SLIM_TOY_AXES;
    maker->arch->stream = SLIM_TOY_WIDTH;
}

struct slim_arch *slim_test_toy(const struct slim_toy *toy,
                                struct slim_arena *arena)
{
    struct maker maker = { .arch = SLIM_NEW(arena, struct slim_arch),
                           .arena = arena,
                           .layer = SLIM_NO_LAYER };
    struct slim_arch *arch = maker.arch;
    struct slim_tensor *table, *head;
    struct slim_node *node;

    arch->family = "toy";
    arch->layers = toy->layers;
    arch->site_count = 1 + 2 * toy->layers;
    arch->tied = toy->tied;
    arch->nodes = SLIM_NEW_ARRAY(arena, 3 + 6 * toy->layers, struct slim_node);
    arch->tensors =
        SLIM_NEW_ARRAY(arena, 3 + 9 * toy->layers, struct slim_tensor);
    arch->layer_first = SLIM_NEW_ARRAY(arena, toy->layers + 1, size_t);
    add_axes(&maker, toy);
    node = add_node(&maker, SLIM_BLOCK_EMBEDDING);
    table = add_tensor(&maker, node, SLIM_EMBEDDING_WEIGHT,
                       dim_axis(&maker, SLIM_TOY_VOCAB),
                       dim_axis(&maker, SLIM_TOY_WIDTH));
    for (size_t layer = 0; layer < toy->layers; layer++)
        add_layer(&maker, layer);
    arch->layer_first[toy->layers] = arch->node_count;
    add_norm(&maker);
    node = add_node(&maker, SLIM_BLOCK_HEAD);
    head = add_tensor(&maker, node, SLIM_HEAD_WEIGHT,
                      dim_axis(&maker, SLIM_TOY_VOCAB),
                      dim_axis(&maker, SLIM_TOY_WIDTH));
    head->tied_to = toy->tied ? table : NULL;
    return arch;
}

const struct slim_tensor *slim_test_slot(const struct slim_arch *arch,
                                         size_t layer, const char *slot)
{
    for (size_t i = 0; i < arch->tensor_count; i++)
        if (arch->tensors[i].layer == layer &&
            arch->tensors[i].role != SLIM_ROLE_NORM &&
            strcmp(arch->tensors[i].slot, slot) == 0)
            return &arch->tensors[i];
    return NULL;
}
