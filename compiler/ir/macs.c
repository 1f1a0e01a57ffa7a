/* macs.c - multiply-accumulates of a forward pass */
#include "compiler/ir/arch.h"

/*
 * T tokens of one sequence. Counted are, as in LLM-Pruner's tables:
 *
 *     linear [n, m]     T n m            norm over D      2 T D
 *     scores and mix    h (2 T T d)      softmax          h T T
 *     rotation          2 T d (h + kv)   gate times up    T I
 *
 * and a shortcut as the linear that it is. Embeddings are looked up, not
 * multiplied.
 */
static uint64_t linear_macs(const struct slim_shape *shape,
                            const struct slim_node *node, uint64_t tokens)
{
    uint64_t macs = 0;
    for (size_t s = 0; s < slim_blocks[node->kind].slot_count; s++) {
        const struct slim_tensor *tensor = node->slots[s];
        bool multiplied =
            tensor != NULL &&
            (tensor->linear ||
             (tensor->presence == SLIM_PRESENT_SHORTCUTS && shape->shortcuts));
        if (multiplied)
            macs += tokens * slim_tensor_size(shape, tensor, 0) *
                    slim_tensor_size(shape, tensor, 1);
    }
    return macs;
}

static uint64_t attention_macs(const struct slim_shape *shape,
                               const struct slim_node *node, uint64_t tokens)
{
    struct slim_heads heads = slim_node_heads(shape, node);
    uint64_t query = (uint64_t)heads.kv * heads.rep;
    uint64_t macs = query * (2 * tokens * tokens * heads.dim + tokens * tokens);
    double position = node->settings[SLIM_ATTENTION_POSITION];
    uint64_t rotated = (uint64_t)node->settings[SLIM_ATTENTION_ROTARY_DIM];
    if (rotated == 0)
        rotated = heads.dim;
    if (position == SLIM_POSITION_ROPE_HALF ||
        position == SLIM_POSITION_ROPE_PAIRS ||
        position == SLIM_POSITION_ROPE_GRID)
        macs += 2 * tokens * rotated * (query + heads.kv);
    return macs;
}

static uint64_t mlp_macs(const struct slim_shape *shape,
                         const struct slim_node *node, uint64_t tokens)
{
    bool gated = node->slots[SLIM_MLP_GATE] != NULL ||
                 node->slots[SLIM_MLP_GATE_UP] != NULL;
    const struct slim_tensor *down = node->slots[SLIM_MLP_DOWN];
    return gated ? tokens * slim_tensor_size(shape, down, 1) : 0;
}

uint64_t slim_shape_macs(const struct slim_shape *shape, uint64_t tokens)
{
    uint64_t macs = 0;
    for (size_t n = 0; n < shape->arch->node_count; n++) {
        const struct slim_node *node = &shape->arch->nodes[n];
        macs += linear_macs(shape, node, tokens);
        switch (node->kind) {
        case SLIM_BLOCK_ATTENTION:
            macs += attention_macs(shape, node, tokens);
            break;
        case SLIM_BLOCK_MLP:
            macs += mlp_macs(shape, node, tokens);
            break;
        case SLIM_BLOCK_NORM:
            macs += 2 * tokens * shape->sites[node->site_in];
            break;
        case SLIM_BLOCK_EMBEDDING:
        case SLIM_BLOCK_ADD:
        case SLIM_BLOCK_HEAD:
        case SLIM_BLOCK_COUNT:
            break;
        }
    }
    return macs;
}
