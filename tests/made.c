/* made.c - small random models made in memory, of any kind of block */
#include "tests/made.h"

#include "base/random.h"
#include "tests/support.h"

#include <math.h>
#include <string.h>

enum { AXIS_VOCAB, AXIS_STREAM, AXIS_KV, AXIS_REP, AXIS_DIM, AXIS_MLP, AXES };

/* An arch while it is put together. */
struct maker {
    const struct slim_made *made;
    struct slim_arena *arena;
    struct slim_arch *arch;
    const struct slim_dim *axes[AXES];
    size_t layer, site;
};

static struct slim_dim *dim_new(struct maker *maker, enum slim_dim_kind kind,
                                const char *label, size_t count,
                                const struct slim_dim *const *parts)
{
    struct slim_dim *dim = SLIM_NEW(maker->arena, struct slim_dim);

    dim->kind = kind;
    dim->label = label;
    dim->part_count = count;
    dim->parts = SLIM_NEW_ARRAY(maker->arena, count, const struct slim_dim *);
    for (size_t i = 0; i < count; i++)
        dim->parts[i] = parts[i];
    return dim;
}

static const struct slim_dim *labelled(struct maker *maker, const char *label,
                                       const struct slim_dim *dim)
{
    struct slim_dim *copy = SLIM_NEW(maker->arena, struct slim_dim);

    *copy = *dim;
    copy->label = label;
    return copy;
}

static const struct slim_dim *product(struct maker *maker, size_t count,
                                      const struct slim_dim *a,
                                      const struct slim_dim *b,
                                      const struct slim_dim *c)
{
    return dim_new(maker, SLIM_DIM_PRODUCT, NULL, count,
                   (const struct slim_dim *[]){ a, b, c });
}

static const struct slim_dim *sum(struct maker *maker, size_t count,
                                  const struct slim_dim *a,
                                  const struct slim_dim *b,
                                  const struct slim_dim *c)
{
    return dim_new(maker, SLIM_DIM_SUM, NULL, count,
                   (const struct slim_dim *[]){ a, b, c });
}

static void axes_make(struct maker *maker)
{
    const struct slim_made *made = maker->made;
    struct slim_arch *arch = maker->arch;
    const struct slim_axis axes[AXES] = {
        { "vocab", SLIM_AXIS_GLOBAL, made->vocab, true, "token" },
        { "stream", SLIM_AXIS_STREAM, made->width, false, "channel" },
        { "kv", SLIM_AXIS_LAYER, made->kv, false, "kv head" },
        { "rep", SLIM_AXIS_GLOBAL, made->rep, true, "query head" },
        { "dim", SLIM_AXIS_GLOBAL, made->head, true, "head channel" },
        { "mlp", SLIM_AXIS_LAYER, made->mlp, false, "mlp column" },
    };

    arch->axes = SLIM_NEW_ARRAY(maker->arena, AXES, struct slim_axis);
    memcpy(arch->axes, axes, sizeof(axes));
    arch->axis_count = AXES;
    arch->stream = AXIS_STREAM;
    for (size_t a = 0; a < AXES; a++) {
        struct slim_dim *dim = dim_new(maker, SLIM_DIM_AXIS, NULL, 0, NULL);
        dim->axis = a;
        maker->axes[a] = dim;
    }
}

/* A slot of the newest node. */
static struct slim_tensor *slot_make(struct maker *maker, size_t slot,
                                     const struct slim_dim *rows,
                                     const struct slim_dim *columns)
{
    struct slim_arch *arch = maker->arch;
    struct slim_node *node = &arch->nodes[arch->node_count - 1];
    struct slim_tensor *tensor = &arch->tensors[arch->tensor_count];

    tensor->index = arch->tensor_count++;
    tensor->slot = slim_blocks[node->kind].slots[slot].name;
    tensor->name = slim_arena_printf(maker->arena, "%s.%zu.%s", node->name,
                                     arch->node_count, tensor->slot);
    tensor->role = slim_blocks[node->kind].role;
    tensor->layer = maker->layer;
    tensor->dims_count = columns ? 2 : 1;
    tensor->dims[0] = rows;
    tensor->dims[1] = columns;
    tensor->sites[0] = node->site_out;
    tensor->sites[1] = node->site_in;
    tensor->linear = columns != NULL;
    tensor->bias = !columns && node->kind != SLIM_BLOCK_NORM;
    tensor->node = node;
    node->slots[slot] = tensor;
    return tensor;
}

static void linear_make(struct maker *maker, size_t slot, size_t bias,
                        const struct slim_dim *rows,
                        const struct slim_dim *columns)
{
    slot_make(maker, slot, rows, columns);
    if (maker->made->biases)
        slot_make(maker, bias, rows, NULL);
}

static struct slim_node *node_make(struct maker *maker,
                                   enum slim_block_kind kind, size_t input,
                                   size_t output)
{
    struct slim_node *node = &maker->arch->nodes[maker->arch->node_count++];

    node->kind = kind;
    node->name = slim_blocks[kind].name;
    node->layer = maker->layer;
    node->inputs[0] = input;
    node->output = output;
    node->site_in = maker->site;
    node->site_out = maker->site;
    return node;
}

static struct slim_node *norm_make(struct maker *maker, size_t output)
{
    struct slim_node *node = node_make(maker, SLIM_BLOCK_NORM, 0, output);

    node->settings[SLIM_NORM_KIND] = SLIM_NORM_RMS;
    node->settings[SLIM_NORM_EPS] = maker->made->eps;
    slot_make(maker, SLIM_NORM_WEIGHT, maker->axes[AXIS_STREAM], NULL)
        ->presence = SLIM_PRESENT_UNFOLDED;
    return node;
}

static void add_make(struct maker *maker, size_t block)
{
    struct slim_node *node = node_make(maker, SLIM_BLOCK_ADD, 0, 0);
    const struct slim_dim *stream = maker->axes[AXIS_STREAM];
    struct slim_tensor *shortcut;

    node->inputs[1] = block;
    node->site_out = ++maker->site;
    node->settings[SLIM_ADD_SCALE] = 1.0;
    shortcut = slot_make(maker, SLIM_ADD_SHORTCUT, stream, stream);
    shortcut->presence = SLIM_PRESENT_SHORTCUTS;
    shortcut->linear = false;
    shortcut->sites[0] = node->site_in;
    shortcut->sites[1] = node->site_out;
}

static void qkv_make(struct maker *maker)
{
    const struct slim_dim *const *axes = maker->axes;
    const struct slim_dim *stream = axes[AXIS_STREAM];
    const struct slim_dim *q =
        product(maker, 3, axes[AXIS_KV], axes[AXIS_REP], axes[AXIS_DIM]);
    const struct slim_dim *k =
        product(maker, 2, axes[AXIS_KV], axes[AXIS_DIM], NULL);
    const struct slim_dim *rows;

    if (!maker->made->fused) {
        linear_make(maker, SLIM_ATTENTION_Q, SLIM_ATTENTION_Q_BIAS, q, stream);
        linear_make(maker, SLIM_ATTENTION_K, SLIM_ATTENTION_K_BIAS, k, stream);
        linear_make(maker, SLIM_ATTENTION_V, SLIM_ATTENTION_V_BIAS, k, stream);
        return;
    }
    if (maker->made->interleaved) {
        q = product(maker, 2, axes[AXIS_REP], axes[AXIS_DIM], NULL);
        k = axes[AXIS_DIM];
    }
    rows = sum(maker, 3, labelled(maker, "q", q), labelled(maker, "k", k),
               labelled(maker, "v", k));
    if (maker->made->interleaved)
        rows = product(maker, 2, axes[AXIS_KV], rows, NULL);
    linear_make(maker, SLIM_ATTENTION_QKV, SLIM_ATTENTION_QKV_BIAS, rows,
                stream);
}

static void attention_make(struct maker *maker, size_t input, size_t output)
{
    struct slim_node *node =
        node_make(maker, SLIM_BLOCK_ATTENTION, input, output);
    const struct slim_dim *const *axes = maker->axes;

    node->site_out = maker->site + 1;
    node->settings[SLIM_ATTENTION_POSITION] = maker->made->position;
    node->settings[SLIM_ATTENTION_THETA] = 100.0;
    node->settings[SLIM_ATTENTION_ROTARY_DIM] = (double)maker->made->rotary;
    node->settings[SLIM_ATTENTION_FACTOR] = 1.0;
    node->settings[SLIM_ATTENTION_AMPLITUDE] = 1.0;
    node->settings[SLIM_ATTENTION_PREFIX_END] = maker->made->prefix_end - 1.0;
    node->settings[SLIM_ATTENTION_MARK] = maker->made->mark - 1.0;
    node->settings[SLIM_ATTENTION_MARK_ELSE] = -1.0;
    node->settings[SLIM_ATTENTION_WINDOW] = (double)maker->made->window;
    qkv_make(maker);
    linear_make(
        maker, SLIM_ATTENTION_O, SLIM_ATTENTION_O_BIAS, axes[AXIS_STREAM],
        product(maker, 3, axes[AXIS_KV], axes[AXIS_REP], axes[AXIS_DIM]));
}

static void mlp_make(struct maker *maker, size_t input, size_t output)
{
    struct slim_node *node = node_make(maker, SLIM_BLOCK_MLP, input, output);
    const struct slim_dim *stream = maker->axes[AXIS_STREAM];
    const struct slim_dim *mlp = maker->axes[AXIS_MLP];

    node->site_out = maker->site + (maker->made->parallel ? 2 : 1);
    node->settings[SLIM_MLP_ACT] = maker->made->act;
    if (maker->made->fused && !maker->made->plain) {
        linear_make(maker, SLIM_MLP_GATE_UP, SLIM_MLP_GATE_UP_BIAS,
                    sum(maker, 2, labelled(maker, "gate", mlp),
                        labelled(maker, "up", mlp), NULL),
                    stream);
    } else {
        if (!maker->made->plain)
            linear_make(maker, SLIM_MLP_GATE, SLIM_MLP_GATE_BIAS, mlp, stream);
        linear_make(maker, SLIM_MLP_UP, SLIM_MLP_UP_BIAS, mlp, stream);
    }
    linear_make(maker, SLIM_MLP_DOWN, SLIM_MLP_DOWN_BIAS, stream, mlp);
}

static void layer_make(struct maker *maker)
{
    norm_make(maker, 1);
    attention_make(maker, 1, 2);
    if (maker->made->parallel) {
        mlp_make(maker, 1, 3);
        add_make(maker, 2);
        add_make(maker, 3);
        return;
    }
    add_make(maker, 2);
    norm_make(maker, 1);
    mlp_make(maker, 1, 2);
    add_make(maker, 2);
}

static void arch_make(struct maker *maker)
{
    struct slim_arch *arch = maker->arch;
    const struct slim_made *made = maker->made;
    const struct slim_dim *vocab = maker->axes[AXIS_VOCAB];
    const struct slim_dim *stream = maker->axes[AXIS_STREAM];
    struct slim_tensor *embed, *head;

    maker->layer = SLIM_NO_LAYER;
    node_make(maker, SLIM_BLOCK_EMBEDDING, 0, 0)
        ->settings[SLIM_EMBEDDING_SCALE] = made->table_norm ? 2.0 : 1.0;
    embed = slot_make(maker, SLIM_EMBEDDING_WEIGHT, vocab, stream);
    embed->linear = false;
    if (made->table_norm)
        norm_make(maker, 0)->of_table = true;
    for (size_t l = 0; l < made->layers; l++) {
        arch->layer_first[l] = arch->node_count;
        maker->layer = l;
        layer_make(maker);
    }
    arch->layer_first[made->layers] = arch->node_count;
    maker->layer = SLIM_NO_LAYER;
    norm_make(maker, 1);
    node_make(maker, SLIM_BLOCK_HEAD, 1, 1)->settings[SLIM_HEAD_SCALE] = 1.0;
    head = slot_make(maker, SLIM_HEAD_WEIGHT, vocab, stream);
    head->tied_to = made->tied ? embed : NULL;
    arch->site_count = maker->site + 1;
}

struct slim_model_info *slim_made_info(const struct slim_made *made,
                                       struct slim_arena *arena)
{
    struct slim_model_info *info = SLIM_NEW(arena, struct slim_model_info);
    struct slim_arch *arch = SLIM_NEW(arena, struct slim_arch);
    struct maker maker = { .made = made, .arena = arena, .arch = arch };
    size_t nodes = 4 + 6 * made->layers;

    arch->family = "made";
    arch->layers = made->layers;
    arch->tied = made->tied;
    arch->dtype = SLIM_DTYPE_F32;
    arch->bos = arch->eos = -1;
    arch->nodes = SLIM_NEW_ARRAY(arena, nodes, struct slim_node);
    arch->tensors =
        SLIM_NEW_ARRAY(arena, nodes * SLIM_SLOTS, struct slim_tensor);
    arch->layer_first = SLIM_NEW_ARRAY(arena, made->layers + 1, size_t);
    axes_make(&maker);
    arch_make(&maker);
    info->path = info->name = "made";
    info->checkpoint = SLIM_NEW(arena, struct slim_checkpoint);
    info->arch = arch;
    info->shape = slim_shape_dense(arch, arena);
    return info;
}

struct slim_buffer *slim_made_buffer(size_t count, double mean,
                                     double deviation, uint64_t seed,
                                     uint64_t index)
{
    struct slim_buffer *buffer = slim_buffer_new(count);

    assert_non_null(buffer);
    for (size_t i = 0; i < count; i++)
        buffer->data[i] = (float)(mean + deviation * slim_random_normal(
                                                         seed, SLIM_STREAM_INIT,
                                                         (index << 32) + i));
    return buffer;
}

struct slim_model *slim_made_model(const struct slim_model_info *info,
                                   uint64_t seed)
{
    struct slim_diag diag = { .arena = slim_arena_open() };
    struct slim_model *model = NULL;

    assert_int_equal(slim_model_load(&model, info, &diag), SLIM_OK);
    slim_arena_close(diag.arena);
    for (size_t i = 0; i < info->arch->tensor_count; i++) {
        const struct slim_tensor *tensor = &info->arch->tensors[i];
        size_t rows = slim_tensor_size(info->shape, tensor, 0);
        size_t columns = slim_tensor_size(info->shape, tensor, 1);
        bool gain = tensor->node->kind == SLIM_BLOCK_NORM;
        double deviation = tensor->linear ? 1.5 / sqrt((double)columns)
                           : gain         ? 0.2
                                          : 0.7;

        if (slim_tensor_stored(info->shape, tensor))
            slim_model_set(model, tensor,
                           slim_made_buffer(rows * columns, gain ? 1.0 : 0.0,
                                            deviation, seed, i),
                           rows, columns);
    }
    return model;
}

const struct slim_tensor *slim_made_tensor(const struct slim_arch *arch,
                                           size_t layer, const char *slot)
{
    for (size_t i = 0; i < arch->tensor_count; i++)
        if (arch->tensors[i].layer == layer &&
            strcmp(arch->tensors[i].slot, slot) == 0)
            return &arch->tensors[i];
    fail_msg("no slot \"%s\" in layer %zu", slot, layer);
    return NULL;
}

void slim_made_ids(int32_t *ids, size_t count, size_t vocab, uint64_t seed)
{
    for (size_t i = 0; i < count; i++)
        ids[i] = (int32_t)slim_random_below(seed, SLIM_STREAM_PICK, i, vocab);
}
