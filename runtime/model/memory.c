/* memory.c - what the parts of a model take at work, for plans */
#include "runtime/model/pass.h"

/* The program, its libraries and the code that they make; and for each entry
 * of the vocabulary what the tokenizer keeps and needs while it is read. */
static const uint64_t PROCESS = (uint64_t)32 << 20, ENTRY = 448;

uint64_t slim_memory_process(const struct slim_shape *shape)
{
    const struct slim_tensor *table =
        shape->arch->nodes[0].slots[SLIM_EMBEDDING_WEIGHT];

    return PROCESS + ENTRY * (table ? slim_tensor_size(shape, table, 0) : 0);
}

/* Elements of the weights of nodes first .. last - 1, of which no tensor is
 * counted twice where it is shared. */
static uint64_t elements(const struct slim_shape *shape, size_t first,
                         size_t last)
{
    uint64_t count = 0;

    for (size_t i = first * SLIM_SLOTS; i < last * SLIM_SLOTS; i++) {
        const struct slim_tensor *t =
            shape->arch->nodes[i / SLIM_SLOTS].slots[i % SLIM_SLOTS];
        if (!t || (t->presence == SLIM_PRESENT_SHORTCUTS && !shape->shortcuts))
            continue;
        count += (uint64_t)slim_tensor_size(shape, t, 0) *
                 (t->dims_count > 1 ? slim_tensor_size(shape, t, 1) : 1);
    }
    return count;
}

static uint64_t most(uint64_t a, uint64_t b)
{
    return a > b ? a : b;
}

uint64_t slim_memory_layer(const struct slim_shape *shape)
{
    const struct slim_arch *arch = shape->arch;
    uint64_t count = 0;

    for (size_t l = 0; l < arch->layers; l++)
        count = most(count, elements(shape, arch->layer_first[l],
                                     arch->layer_first[l + 1]));
    return count * sizeof(float);
}

uint64_t slim_memory_tables(const struct slim_shape *shape)
{
    const struct slim_arch *arch = shape->arch;

    return sizeof(float) * most(elements(shape, 0, arch->layer_first[0]),
                                elements(shape, arch->layer_first[arch->layers],
                                         arch->node_count));
}

/* The longest row or column of a matrix in a layer. */
static size_t widest(const struct slim_shape *shape)
{
    const struct slim_arch *arch = shape->arch;
    size_t width = 0;

    for (size_t i = 0; i < arch->tensor_count; i++)
        for (size_t d = 0; d < arch->tensors[i].dims_count; d++)
            if (arch->tensors[i].layer != SLIM_NO_LAYER &&
                slim_tensor_size(shape, &arch->tensors[i], d) > width)
                width = slim_tensor_size(shape, &arch->tensors[i], d);
    return width;
}

/* Queries of a token, at most. */
static size_t widest_attention(const struct slim_shape *shape)
{
    size_t width = 0;

    for (size_t n = 0; n < shape->arch->node_count; n++) {
        const struct slim_node *node = &shape->arch->nodes[n];
        if (node->kind != SLIM_BLOCK_ATTENTION)
            continue;
        struct slim_heads heads = slim_node_heads(shape, node);
        if (heads.kv * heads.rep * heads.dim > width)
            width = heads.kv * heads.rep * heads.dim;
    }
    return width;
}

/* Of the weights, no more than `largest` bytes are at hand at a time. */
static uint64_t work(const struct slim_shape *shape, uint64_t largest,
                     size_t tokens, bool backward)
{
    uint64_t stream = (uint64_t)tokens * slim_pass_width(shape) * sizeof(float);
    /* of a linear: operands in bf16, or an adapter's gradients of parts */
    uint64_t copies = (uint64_t)tokens * widest(shape) * 2 * sizeof(float);
    /* what attention's backward multiplies, in bf16: q and d_o twice, k, v */
    uint64_t panels = (uint64_t)tokens * widest_attention(shape) * 7 * 2;
    uint64_t layer = 0;

    for (size_t l = 0; l < shape->arch->layers; l++)
        layer = most(layer, slim_tape_bytes(shape, l, tokens) +
                                slim_work_bytes(shape, l, tokens));
    return largest + layer + copies + (backward ? panels : 0) +
           (backward ? 6 : 3) * stream;
}

/* Of weights of so many bytes in f32: those, and bf16 beside them, packed for the
 * linears and for their backward. */
static uint64_t forms(uint64_t wide, bool backward)
{
    return wide + (backward ? 2 : 1) * (wide / 2);
}

uint64_t slim_memory_layers(const struct slim_shape *shape, size_t tokens,
                            bool backward)
{
    return work(shape, forms(slim_memory_layer(shape), backward), tokens,
                backward);
}

uint64_t slim_memory_pass(const struct slim_shape *shape, size_t tokens,
                          bool backward)
{
    uint64_t largest =
        most(slim_memory_layer(shape), slim_memory_tables(shape));

    return work(shape, forms(largest, backward), tokens, backward);
}
