/* layer.c - the loop over the blocks of a layer, forward and backward */
#include "runtime/model/layer.h"

#include "base/size.h"
#include "base/trace.h"

#include <stdlib.h>
#include <string.h>

/* By kind. The head has no row: logits are never made in a layer's pass, but
 * by slim_head_*. */
static const struct slim_block_code *const codes[SLIM_BLOCK_COUNT] = {
    [SLIM_BLOCK_EMBEDDING] = &slim_block_embedding_code,
    [SLIM_BLOCK_NORM] = &slim_block_norm_code,
    [SLIM_BLOCK_ATTENTION] = &slim_block_attention_code,
    [SLIM_BLOCK_MLP] = &slim_block_mlp_code,
    [SLIM_BLOCK_ADD] = &slim_block_add_code,
};

struct slim_layer *slim_layer_new(void)
{
    return calloc(1, sizeof(struct slim_layer));
}

void slim_layer_free(struct slim_layer *layer)
{
    if (!layer)
        return;
    free(layer->weights);
    slim_packs_free(&layer->packs[0]);
    slim_packs_free(&layer->packs[1]);
    free(layer->made);
    slim_floats_free(&layer->storage);
    for (size_t i = 0; i < SLIM_POOL; i++)
        slim_floats_free(&layer->pool.items[i]);
    slim_record_free(&layer->kept);
    slim_record_free(&layer->work);
    slim_angles_free(&layer->angles);
    slim_prefix_free(&layer->prefix);
    free(layer->positions);
    free(layer);
}

void slim_layer_limit(struct slim_layer *layer, size_t first, size_t last)
{
    layer->first = first;
    layer->last = last;
}

/* The stream's site before the first block that reads it. */
size_t slim_layer_width_in(const struct slim_layer *layer)
{
    for (size_t n = layer->first; n < layer->last; n++) {
        const struct slim_node *node = &layer->arch->nodes[n];
        if (slim_blocks[node->kind].inputs > 0 && node->inputs[0] == 0 &&
            node->site_in != SLIM_NO_SITE)
            return layer->shape->sites[node->site_in];
    }
    return 0;
}

/* The site after the last block that writes the stream. */
size_t slim_layer_width_out(const struct slim_layer *layer)
{
    for (size_t n = layer->last; n > layer->first; n--) {
        const struct slim_node *node = &layer->arch->nodes[n - 1];
        if (node->output == 0 && node->site_out != SLIM_NO_SITE)
            return layer->shape->sites[node->site_out];
    }
    return slim_layer_width_in(layer);
}

static enum slim_status positions_fit(struct slim_layer *layer,
                                      const struct slim_batch *batch,
                                      struct slim_diag *diag)
{
    size_t tokens = batch->starts[batch->sequences];
    size_t past = layer->cache ? layer->cache->past : 0;

    if (tokens > layer->position_room) {
        free(layer->positions);
        layer->positions = malloc(tokens * sizeof(*layer->positions));
        layer->position_room = layer->positions ? tokens : 0;
        if (!layer->positions)
            return slim_fail(diag, "O101", (struct slim_span){ 0 },
                             "out of memory: the positions of %zu tokens",
                             tokens);
    }
    for (size_t s = 0; s < batch->sequences; s++)
        for (size_t t = batch->starts[s]; t < batch->starts[s + 1]; t++)
            layer->positions[t] = (int32_t)(t - batch->starts[s] + past);
    return SLIM_OK;
}

/* What a register holds: `item` of the pool, or nothing of ours. */
struct held {
    const float *data;
    size_t width, item;
};

static enum slim_status pool_take(size_t *item, struct slim_pool *pool,
                                  size_t rows, size_t width,
                                  struct slim_diag *diag)
{
    size_t i = 0;

    while (pool->used[i])
        i++;
    if (slim_floats_need(&pool->items[i], rows, width, "activations", diag) !=
        SLIM_OK)
        return SLIM_FAILED;
    pool->used[i] = true;
    *item = i;
    return SLIM_OK;
}

static void held_release(struct held *held, struct slim_pool *pool)
{
    if (held->item != SLIM_NO_ITEM)
        pool->used[held->item] = false;
    *held = (struct held){ NULL, 0, SLIM_NO_ITEM };
}

static struct slim_step step_start(struct slim_layer *layer,
                                   const struct slim_batch *batch,
                                   const struct slim_kernels *kernels,
                                   struct slim_adapter *const *adapters,
                                   struct slim_diag *diag)
{
    return (struct slim_step){
        .layer = layer,
        .batch = batch,
        .tokens = batch->starts[batch->sequences],
        .adapters = adapters,
        .kernels = kernels,
        .diag = diag,
    };
}

/* Points the step at a node and at the registers that it reads. */
static void step_point(struct slim_step *step, size_t n,
                       const struct held *registers, struct slim_tape *tape)
{
    const struct slim_node *node = &step->layer->arch->nodes[n];

    step->node = node;
    step->record =
        tape ? &tape->records[n - step->layer->first] : &step->layer->kept;
    for (size_t i = 0; i < slim_blocks[node->kind].inputs; i++) {
        step->x[i] = registers[node->inputs[i]].data;
        step->width[i] = registers[node->inputs[i]].width;
    }
    step->width_out = codes[node->kind]->width(step);
}

/* Whether the backward of a later node reads what node n gives. */
static bool read_back(const struct slim_layer *layer, size_t n)
{
    const struct slim_node *nodes = layer->arch->nodes;
    struct slim_step step = { .layer = (struct slim_layer *)layer };

    for (size_t m = n + 1; m < layer->last; m++) {
        const struct slim_block_code *code = codes[nodes[m].kind];

        step.node = &nodes[m];
        for (size_t i = 0; i < slim_blocks[nodes[m].kind].inputs; i++)
            if (nodes[m].inputs[i] == nodes[n].output &&
                (!code || !code->reads || code->reads(&step, i)))
                return true;
        if (nodes[m].output == nodes[n].output)
            return false;
    }
    return false;
}

static enum slim_status node_forward(struct slim_step *step, size_t n,
                                     struct held *registers,
                                     struct slim_tape *tape)
{
    struct slim_pool *pool = &step->layer->pool;
    const struct slim_node *node;
    size_t item = SLIM_NO_ITEM;

    step_point(step, n, registers, tape);
    node = step->node;
    if (tape && read_back(step->layer, n)) {
        struct slim_floats *out = &tape->outputs[n - step->layer->first];
        if (slim_floats_need(out, step->tokens, step->width_out, node->name,
                             step->diag) != SLIM_OK)
            return SLIM_FAILED;
        step->y = out->data;
    } else {
        if (pool_take(&item, pool, step->tokens, step->width_out, step->diag) !=
            SLIM_OK)
            return SLIM_FAILED;
        step->y = pool->items[item].data;
    }
    if (step->hooks && step->hooks->input && slim_blocks[node->kind].inputs)
        step->hooks->input(step->hooks->context, node, step->x[0], step->tokens,
                           step->width[0]);
    if (codes[node->kind]->forward(step) != SLIM_OK)
        return SLIM_FAILED;
    held_release(&registers[node->output], pool);
    registers[node->output] = (struct held){ step->y, step->width_out, item };
    return SLIM_OK;
}

/* Where the nodes that run in a layer's pass end: before the head. */
static size_t nodes_end(const struct slim_layer *layer)
{
    size_t end = layer->last;

    while (end > layer->first &&
           layer->arch->nodes[end - 1].kind == SLIM_BLOCK_HEAD)
        end--;
    return end;
}

static void trace_begin(const struct slim_layer *layer, const char *way)
{
    if (layer->index < 0)
        slim_trace_begin("layer", "embedding %s", way);
    else if ((size_t)layer->index < layer->arch->layers)
        slim_trace_begin("layer", "layer %ld %s", layer->index, way);
    else
        slim_trace_begin("layer", "final norm %s", way);
}

/* The nodes up to `end`, and where the last one's output goes. */
static enum slim_status nodes_forward(float *y, struct slim_step *step,
                                      const float *x, size_t end,
                                      struct slim_tape *tape)
{
    struct slim_layer *layer = step->layer;
    struct held registers[SLIM_REGISTERS];
    const float *result = x;
    size_t width = slim_layer_width_in(layer);

    memset(layer->pool.used, 0, sizeof(layer->pool.used));
    for (size_t r = 0; r < SLIM_REGISTERS; r++)
        registers[r] = (struct held){ NULL, 0, SLIM_NO_ITEM };
    registers[0] = (struct held){ x, width, SLIM_NO_ITEM };
    for (size_t n = layer->first; n < end; n++) {
        if (node_forward(step, n, registers, tape) != SLIM_OK)
            return SLIM_FAILED;
        result = step->y;
        width = step->width_out;
    }
    if (result != y)
        memcpy(y, result, step->tokens * width * sizeof(*y));
    return SLIM_OK;
}

enum slim_status slim_layer_forward(
    float *y, struct slim_layer *layer, const float *x,
    const struct slim_batch *batch, struct slim_tape *tape,
    const struct slim_hooks *hooks, struct slim_adapter *const *adapters,
    const struct slim_kernels *kernels, struct slim_diag *diag)
{
    struct slim_step step = step_start(layer, batch, kernels, adapters, diag);
    size_t end = nodes_end(layer);

    step.hooks = hooks;
    if (tape)
        slim_record_free(&layer->kept); /* not both at once */
    if (positions_fit(layer, batch, diag) != SLIM_OK ||
        (tape && slim_tape_fit(tape, end - layer->first, diag) != SLIM_OK))
        return SLIM_FAILED;
    trace_begin(layer, "forward");
    enum slim_status status = nodes_forward(y, &step, x, end, tape);
    slim_trace_end();
    return status;
}

/* The activations that each node read, as the forward left them on the tape:
 * found by running the registers, not the blocks, forward again. */
static void values_find(struct held *registers, struct slim_layer *layer,
                        size_t node, const float *x, struct slim_tape *tape)
{
    struct slim_step probe = { .layer = layer };

    for (size_t r = 0; r < SLIM_REGISTERS; r++)
        registers[r] = (struct held){ NULL, 0, SLIM_NO_ITEM };
    registers[0] = (struct held){ x, slim_layer_width_in(layer), SLIM_NO_ITEM };
    for (size_t n = layer->first; n < node; n++) {
        step_point(&probe, n, registers, tape);
        registers[probe.node->output] =
            (struct held){ tape->outputs[n - layer->first].data,
                           probe.width_out, SLIM_NO_ITEM };
    }
}

/* Gives the step a place for each input's gradient: what other readers of that
 * register left is added to. */
static enum slim_status gradients_place(struct slim_step *step,
                                        struct held *gradients)
{
    struct slim_pool *pool = &step->layer->pool;

    for (size_t i = 0; i < slim_blocks[step->node->kind].inputs; i++) {
        struct held *to = &gradients[step->node->inputs[i]];
        step->add[i] = to->item != SLIM_NO_ITEM;
        if (!step->add[i]) {
            size_t item = 0;
            if (pool_take(&item, pool, step->tokens, step->width[i],
                          step->diag) != SLIM_OK)
                return SLIM_FAILED;
            *to = (struct held){ pool->items[item].data, step->width[i], item };
        }
        step->dx[i] = pool->items[to->item].data;
    }
    return SLIM_OK;
}

static enum slim_status node_backward(struct slim_step *step, size_t n,
                                      struct held *gradients, const float *x,
                                      struct slim_tape *tape)
{
    struct held registers[SLIM_REGISTERS];

    values_find(registers, step->layer, n, x, tape);
    step_point(step, n, registers, tape);
    struct held dy = gradients[step->node->output];
    gradients[step->node->output] = (struct held){ NULL, 0, SLIM_NO_ITEM };
    if (dy.item == SLIM_NO_ITEM)
        return SLIM_OK; /* nobody read what this node wrote */
    step->dy = dy.data;
    if (gradients_place(step, gradients) != SLIM_OK ||
        codes[step->node->kind]->backward(step) != SLIM_OK)
        return SLIM_FAILED;
    held_release(&dy, &step->layer->pool);
    return SLIM_OK;
}

static size_t tape_floats(const struct slim_step *step, size_t n)
{
    const struct slim_node *node = step->node;
    const struct slim_block_code *code = codes[node->kind];
    size_t site =
        node->site_out != SLIM_NO_SITE ? node->site_out : node->site_in;

    return (read_back(step->layer, n) ? step->layer->shape->sites[site] : 0) +
           (code->kept ? code->kept(step) : 0);
}

/* All nodes share layer->work: no more than the sum of what each takes. */
static size_t work_floats(const struct slim_step *step, size_t n)
{
    const struct slim_block_code *code = codes[step->node->kind];

    (void)n;
    return code->works ? code->works(step) : 0;
}

/* The sum over the nodes of a layer, for `tokens` tokens, in bytes. */
static size_t bytes_of(const struct slim_shape *shape, size_t layer,
                       size_t tokens,
                       size_t (*floats)(const struct slim_step *step, size_t n))
{
    const struct slim_arch *arch = shape->arch;
    struct slim_layer outline = { .shape = shape,
                                  .arch = arch,
                                  .last = arch->layer_first[layer + 1] };
    struct slim_step step = { .layer = &outline };
    size_t sum = 0;

    for (size_t n = arch->layer_first[layer]; n < outline.last; n++) {
        step.node = &arch->nodes[n];
        sum += floats(&step, n);
    }
    return sum * tokens * sizeof(float);
}

size_t slim_tape_bytes(const struct slim_shape *shape, size_t layer,
                       size_t tokens)
{
    return bytes_of(shape, layer, tokens, tape_floats);
}

size_t slim_work_bytes(const struct slim_shape *shape, size_t layer,
                       size_t tokens)
{
    return bytes_of(shape, layer, tokens, work_floats);
}

enum slim_status slim_layer_backward(
    float *dx, struct slim_layer *layer, const float *dy, const float *x,
    const struct slim_batch *batch, struct slim_tape *tape, float *const *grads,
    struct slim_adapter *const *adapters, const struct slim_kernels *kernels,
    struct slim_diag *diag)
{
    struct slim_step step = step_start(layer, batch, kernels, adapters, diag);
    struct held gradients[SLIM_REGISTERS];
    struct slim_pool *pool = &layer->pool;
    size_t end = nodes_end(layer), item = 0;
    size_t width = slim_layer_width_out(layer);

    step.grads = grads;
    memset(pool->used, 0, sizeof(pool->used));
    for (size_t r = 0; r < SLIM_REGISTERS; r++)
        gradients[r] = (struct held){ NULL, 0, SLIM_NO_ITEM };
    if (positions_fit(layer, batch, diag) != SLIM_OK ||
        pool_take(&item, pool, step.tokens, width, diag) != SLIM_OK)
        return SLIM_FAILED;
    memcpy(pool->items[item].data, dy, step.tokens * width * sizeof(*dy));
    gradients[end > layer->first ? layer->arch->nodes[end - 1].output : 0] =
        (struct held){ pool->items[item].data, width, item };
    enum slim_status status = SLIM_OK;
    trace_begin(layer, "backward");
    for (size_t n = end; n > layer->first && status == SLIM_OK; n--)
        status = node_backward(&step, n - 1, gradients, x, tape);
    slim_trace_end();
    if (status != SLIM_OK)
        return status;
    if (dx && gradients[0].data)
        memcpy(dx, gradients[0].data,
               step.tokens * gradients[0].width * sizeof(*dx));
    return SLIM_OK;
}
