/* families.c - what must hold of every family: removed is as good as nil,
 * gradients are slopes, a matrix may be in one piece or in three */
#include "base/file.h"
#include "tests/made.h"
#include "tests/support.h"
#include "tests/tiny.h"
#include "tests/tolerance.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { WINDOWS = 2, LENGTH = 9 };

/* One small model of each kind of block that the family files describe. */
struct kind {
    const char *name, *file, *config;
};

#define SHIPPED(name, config)                                                  \
    {                                                                          \
        name, "compiler/families/" name ".yaml", config                        \
    }
#define TRIAL(name, config)                                                    \
    {                                                                          \
        name, "tests/families/" name ".yaml", config                           \
    }
#define SIZES(heads)                                                           \
    "\"hidden_size\":16,\"num_hidden_layers\":2,\"vocab_size\":40,"            \
    "\"max_position_embeddings\":32,\"num_attention_heads\":" heads
#define GATED SIZES("4") ",\"intermediate_size\":11,\"num_key_value_heads\":2"

static const struct kind kinds[] = {
    SHIPPED("llama", "\"model_type\":\"llama\",\"rope_parameters\":{"
                     "\"rope_type\":\"llama3\",\"rope_theta\":1e4,\"factor\":8,"
                     "\"low_freq_factor\":1,\"high_freq_factor\":4,"
                     "\"original_max_position_embeddings\":8}," GATED),
    SHIPPED("mistral", "\"model_type\":\"mistral\",\"sliding_window\":4,"
                       "\"rms_norm_eps\":1e-6," GATED),
    SHIPPED("qwen2", "\"model_type\":\"qwen2\"," GATED),
    SHIPPED("gemma", "\"model_type\":\"gemma\",\"head_dim\":6," GATED),
    SHIPPED("phi3", "\"model_type\":\"phi3\",\"rms_norm_eps\":1e-5," GATED),
    SHIPPED("phi", "\"model_type\":\"phi\",\"intermediate_size\":11,"
                   "\"partial_rotary_factor\":0.5," SIZES("4")),
    SHIPPED("opt", "\"model_type\":\"opt\",\"ffn_dim\":11," SIZES("4")),
    SHIPPED("opt_post_norm",
            "\"model_type\":\"opt\",\"do_layer_norm_before\":false,"
            "\"word_embed_proj_dim\":8,\"ffn_dim\":11," SIZES("4")),
    SHIPPED("bloom", "\"model_type\":\"bloom\",\"n_layer\":2,\"n_head\":4,"
                     "\"hidden_size\":16,\"vocab_size\":40"),
    SHIPPED("baichuan", "\"model_type\":\"baichuan\",\"intermediate_size\":11,"
                        "\"rms_norm_eps\":1e-6," SIZES("4")),
    SHIPPED("chatglm",
            "\"model_type\":\"chatglm\",\"num_layers\":2,\"hidden_size\":16,"
            "\"inner_hidden_size\":11,\"num_attention_heads\":4,"
            "\"vocab_size\":40,\"max_sequence_length\":32,\"bos_token_id\":36,"
            "\"eos_token_id\":37,\"mask_token_id\":38,\"gmask_token_id\":39"),
    TRIAL("gpt2", "\"model_type\":\"gpt2\",\"n_layer\":2,\"n_head\":4,"
                  "\"n_embd\":16,\"n_inner\":11,\"vocab_size\":40,"
                  "\"n_positions\":32"),
    TRIAL("gpt_neox", "\"model_type\":\"gpt_neox\",\"intermediate_size\":11,"
                      "\"rotary_pct\":0.5," SIZES("4")),
};

struct world {
    struct slim_arena *arena;
    struct slim_diag diag;
    const char *name;
    struct slim_model_info *info;
    struct slim_model *model;
    size_t vocab;
    int32_t ids[WINDOWS * LENGTH];
    float **grads; /* by tensor->index, in the arena */
};

/* A model of the family in that file, with the numbers of slim_made_model: off
 * every trivial value. */
static void open_file(struct world *world, const struct kind *kind,
                      const char *family)
{
    char *folder = slim_test_directory();
    struct slim_span at = { 0 };

    *world = (struct world){ .arena = slim_arena_open(), .name = kind->name };
    world->diag.arena = world->arena;
    struct slim_tiny tiny = {
        .config = slim_arena_printf(world->arena, "{%s}", kind->config),
        .family = family,
        .hollow = true,
    };
    slim_test_tiny(folder, &tiny);
    if (slim_model_open(&world->info, slim_arena_strdup(world->arena, folder),
                        slim_path_directory(world->arena, family), at,
                        &world->diag) != SLIM_OK)
        fail_msg("%s: %s", kind->name, slim_test_diag(&world->diag));
    world->model = slim_made_model(world->info, 3);
    world->vocab = slim_tensor_size(
        world->info->shape,
        world->info->arch->nodes[0].slots[SLIM_EMBEDDING_WEIGHT], 0);
    slim_made_ids(world->ids, WINDOWS * LENGTH, world->vocab, 5);
    slim_test_directory_remove(folder);
}

static void open_world(struct world *world, const struct kind *kind)
{
    char *family = slim_test_source(kind->file);

    open_file(world, kind, family);
    free(family);
}

static void close_world(struct world *world)
{
    slim_model_free(world->model);
    slim_arena_close(world->arena);
}

static void check(struct world *world, enum slim_status status)
{
    if (status != SLIM_OK)
        fail_msg("%s: %s", world->name, slim_test_diag(&world->diag));
}

static float *logits_of(struct world *world, struct slim_model *model)
{
    float *logits =
        SLIM_NEW_ARRAY(world->arena, WINDOWS * LENGTH * world->vocab, float);

    check(world, slim_model_logits(logits, model, world->ids, WINDOWS, LENGTH,
                                   &slim_kernels_ref, &world->diag));
    return logits;
}

static double apart(struct world *world, struct slim_model *a,
                    struct slim_model *b)
{
    return slim_test_deviation_f32(logits_of(world, a), logits_of(world, b),
                                   WINDOWS * LENGTH * world->vocab);
}

/* ---- removed is as good as nil ---- */

/* A copy in which what the units that go hold is nil. */
static struct slim_model *zeroed(struct world *world,
                                 const struct slim_group *group,
                                 const bool *alive)
{
    struct slim_model *model = slim_model_copy(world->model);

    for (size_t m = 0; m < group->member_count; m++) {
        const struct slim_tensor *tensor = group->members[m].tensor;
        size_t rows = slim_tensor_size(model->shape, tensor, 0);
        size_t columns = slim_tensor_size(model->shape, tensor, 1);
        size_t d = group->members[m].dim;

        if (tensor->presence == SLIM_PRESENT_COMPUTED)
            continue; /* slopes of heads that say nothing */
        struct slim_buffer *buffer = slim_buffer_new(rows * columns);
        size_t *units =
            SLIM_NEW_ARRAY(world->arena, d ? columns : rows, size_t);

        slim_tensor_units(units, model->shape, tensor, d, group->axis);
        check(world,
              slim_model_read(buffer->data, model, tensor, &world->diag));
        for (size_t i = 0; i < rows * columns; i++)
            if (!alive[units[d ? i % columns : i / columns]])
                buffer->data[i] = 0.0f;
        slim_model_set(model, tensor, buffer, rows, columns);
    }
    return model;
}

static struct slim_model *without(struct world *world,
                                  const struct slim_group *group,
                                  const uint32_t *kept, size_t count)
{
    struct slim_model *cut = slim_model_copy(world->model);
    struct slim_shape *shape = slim_shape_copy(cut->shape, world->arena);

    check(world, slim_model_keep(cut, group, kept, count, &world->diag));
    shape->sizes[group->layer * shape->arch->axis_count + group->axis] = count;
    cut->shape = shape;
    return cut;
}

static void check_group(struct world *world, const struct slim_group *group)
{
    bool alive[64] = { false };
    uint32_t kept[64];

    size_t count = 0;

    assert_true(group->units <= SLIM_COUNT(kept));
    for (uint32_t u = 0; u < group->units; u++)
        if (u % 3 != 1) {
            alive[u] = true;
            kept[count++] = u;
        }
    struct slim_model *zero = zeroed(world, group, alive);
    struct slim_model *cut = without(world, group, kept, count);
    double nil = apart(world, cut, zero);
    double moved = apart(world, cut, world->model);

    if (!(nil < SLIM_NEAR_F32_ELEMENT && moved > SLIM_NEAR_ORACLE_SLICED))
        fail_msg("%s, axis %zu of layer %zu: %g from nil, %g from what was",
                 world->name, group->axis, group->layer, nil, moved);
    slim_model_free(zero);
    slim_model_free(cut);
}

static void zero_is_remove(void **state)
{
    struct world world;
    size_t seen = 0;

    open_world(&world, *state);
    struct slim_groups *groups = slim_discover(world.info->shape, world.arena);
    for (size_t g = 0; g < groups->count; g++)
        if (groups->items[g].layer != SLIM_NO_LAYER) {
            check_group(&world, &groups->items[g]);
            seen++;
        }
    assert_int_equal(seen, 2 * world.info->arch->layers);
    close_world(&world);
}

/* ---- gradients are slopes ---- */

static size_t elements(const struct world *world,
                       const struct slim_tensor *tensor)
{
    return slim_tensor_size(world->model->shape, tensor, 0) *
           slim_tensor_size(world->model->shape, tensor, 1);
}

static enum slim_status keep_grads(void *context, long layer, size_t window,
                                   struct slim_layer *weights,
                                   float *const *grads, struct slim_diag *diag)
{
    struct world *world = context;
    const struct slim_arch *arch = world->info->arch;

    (void)layer;
    (void)window;
    (void)weights;
    (void)diag;
    for (size_t i = 0; i < arch->tensor_count; i++) {
        size_t count = elements(world, &arch->tensors[i]);
        if (!grads[i])
            continue;
        world->grads[i] = SLIM_NEW_ARRAY(world->arena, count, float);
        memcpy(world->grads[i], grads[i], count * sizeof(float));
    }
    return SLIM_OK;
}

/* The mean loss with the tensor moved by `step` along its gradient. */
static double loss_moved(struct world *world, const struct slim_tensor *tensor,
                         double step)
{
    struct slim_model *copy = slim_model_copy(world->model);
    const struct slim_weight *weight = &copy->weights[tensor->index];
    size_t count = elements(world, tensor);
    struct slim_buffer *buffer = slim_buffer_new(count);
    double nll[WINDOWS], sum = 0.0;

    for (size_t i = 0; i < count; i++)
        buffer->data[i] =
            (float)((double)weight->buffer->data[i] +
                    step * (double)world->grads[tensor->index][i]);
    slim_model_set(copy, tensor, buffer, weight->size[0], weight->size[1]);
    check(world, slim_model_nll(nll, copy, world->ids, WINDOWS, LENGTH, 0,
                                &slim_kernels_ref, NULL, NULL, &world->diag));
    for (size_t w = 0; w < WINDOWS; w++)
        sum += nll[w];
    slim_model_free(copy);
    return sum / (WINDOWS * (LENGTH - 1));
}

/* Fourth-order difference along the gradient against its squared length. */
static bool check_slope(struct world *world, const struct slim_tensor *tensor)
{
    const float *grad = world->grads[tensor->index];
    double size = 0.0;

    for (size_t i = 0; i < elements(world, tensor); i++)
        size += (double)grad[i] * (double)grad[i];
    size = sqrt(size);
    /* a bias on keys that do not turn moves nothing: rounding is left */
    if (size < 1e-6)
        return false;
    double h = 0.004 / size;
    double near = loss_moved(world, tensor, h) - loss_moved(world, tensor, -h);
    double far =
        loss_moved(world, tensor, 2 * h) - loss_moved(world, tensor, -2 * h);
    double have = (8.0 * near - far) / (12.0 * h) / size;

    if (!slim_test_near(have, size, SLIM_NEAR_F32_SLOPE, size))
        fail_msg("%s, %s: slope %g, gradient %g", world->name, tensor->name,
                 have, size);
    return true;
}

static void gradients_are_slopes(void **state)
{
    struct world world;
    struct slim_gradient_visit visit = { .context = &world,
                                         .visit = keep_grads };
    double loss = 0.0;
    size_t nil = 0;

    open_world(&world, *state);
    const struct slim_arch *arch = world.info->arch;
    world.grads = SLIM_NEW_ARRAY(world.arena, arch->tensor_count, float *);
    check(&world, slim_model_gradients(&loss, world.model, world.ids, WINDOWS,
                                       LENGTH, &visit, &slim_kernels_ref, NULL,
                                       NULL, &world.diag));
    for (size_t i = 0; i < arch->tensor_count; i++)
        if (world.grads[i] && !check_slope(&world, &arch->tensors[i]))
            nil++;
    assert_true(nil <= arch->layers);
    close_world(&world);
}

/* ---- in one piece or in three ---- */

/* What an entry "KEY: { .. }" of a family file becomes; the text where there is
 * none. */
static const char *replaced(const char *text, const char *key, const char *by,
                            struct slim_arena *arena)
{
    const char *begin =
        strstr(text, slim_arena_printf(arena, "\n        %s: {", key));
    size_t depth = 0;

    if (!begin)
        return text;
    const char *end = strchr(begin, '{');
    do {
        depth += *end == '{';
        depth -= *end == '}';
        end++;
    } while (depth > 0);
    return slim_arena_printf(arena, "%.*s%s%s", (int)(begin - text), text, by,
                             end);
}

#define ENTRY(slot, rows)                                                      \
    "\n        " slot ": { name: \"{layer}own." slot "\", dims: [" rows "] }"

/* The family with a matrix, and a bias, for each label. */
static const char *unfused(const char *text, struct slim_arena *arena)
{
    bool grouped = strstr(text, "kv.rep.dim") != NULL;

    text = replaced(
        text, "qkv",
        grouped ? ENTRY("q", "kv.rep.dim, stream") ENTRY("k", "kv.dim, stream")
                      ENTRY("v", "kv.dim, stream")
                : ENTRY("q", "kv.dim, stream") ENTRY("k", "kv.dim, stream")
                      ENTRY("v", "kv.dim, stream"),
        arena);
    text = replaced(text, "qkv_bias",
                    ENTRY("q_bias", "kv.dim") ENTRY("k_bias", "kv.dim")
                        ENTRY("v_bias", "kv.dim"),
                    arena);
    return replaced(text, "gate_up",
                    ENTRY("gate", "mlp, stream") ENTRY("up", "mlp, stream"),
                    arena);
}

static void copy(struct world *to, const struct slim_tensor *tensor,
                 const float *rows, size_t count, size_t columns)
{
    struct slim_buffer *buffer = slim_buffer_new(count * columns);

    memcpy(buffer->data, rows, count * columns * sizeof(*rows));
    slim_model_set(to->model, tensor, buffer, count, columns);
}

/* The rows with a label, unit by unit. */
static void copy_part(struct world *to, const struct slim_tensor *tensor,
                      struct world *from, const struct slim_tensor *fused,
                      const char *label, size_t axis, size_t units)
{
    const float *data = from->model->weights[fused->index].buffer->data;
    size_t columns = slim_tensor_size(from->info->shape, fused, 1);
    size_t start = 0, stride = 0, length = 0;

    assert_true(slim_tensor_part(&start, &stride, &length, from->info->shape,
                                 fused, 0, label, axis));
    float *rows = SLIM_NEW_ARRAY(from->arena, units * length * columns, float);
    for (size_t u = 0; u < units; u++)
        memcpy(rows + u * length * columns,
               data + (start + u * stride) * columns,
               length * columns * sizeof(*rows));
    copy(to, tensor, rows, units * length, columns);
}

/* A tensor of the other model, or a part of one. */
static void copy_slot(struct world *to, const struct slim_tensor *tensor,
                      struct world *from, const struct slim_node *node)
{
    const struct slim_block *block = &slim_blocks[node->kind];
    bool bias = strstr(tensor->slot, "bias") != NULL;
    char label[8];

    for (size_t s = 0; s < block->slot_count; s++)
        if (node->slots[s] && strcmp(node->slots[s]->slot, tensor->slot) == 0) {
            copy(to, tensor,
                 from->model->weights[node->slots[s]->index].buffer->data,
                 slim_tensor_size(from->info->shape, node->slots[s], 0),
                 slim_tensor_size(from->info->shape, node->slots[s], 1));
            return;
        }
    (void)snprintf(label, sizeof(label), "%.*s",
                   (int)strcspn(tensor->slot, "_"), tensor->slot);
    if (node->kind == SLIM_BLOCK_MLP) {
        copy_part(to, tensor, from, node->slots[SLIM_MLP_GATE_UP], label,
                  SIZE_MAX, 1);
        return;
    }
    struct slim_heads heads = slim_node_heads(from->info->shape, node);
    copy_part(to, tensor, from,
              node->slots[bias ? SLIM_ATTENTION_QKV_BIAS : SLIM_ATTENTION_QKV],
              label, heads.axis, heads.kv);
}

static void copy_model(struct world *to, struct world *from)
{
    const struct slim_arch *arch = to->info->arch;

    for (size_t i = 0; i < arch->tensor_count; i++) {
        const struct slim_tensor *tensor = &arch->tensors[i];
        size_t n = (size_t)(tensor->node - arch->nodes);
        if (slim_tensor_stored(to->info->shape, tensor))
            copy_slot(to, tensor, from, &from->info->arch->nodes[n]);
    }
}

static void fused_is_unfused(void **state)
{
    const struct kind *kind = *state;
    char *source = slim_test_source(kind->file);
    char *text = slim_test_read(source, NULL);
    char *folder = slim_test_directory();
    char *path = slim_test_join(folder, "family.yaml");
    struct world whole, parts;

    open_world(&whole, kind);
    const char *other = unfused(text, whole.arena);
    assert_int_equal(other != text, strstr(text, "qkv:") != NULL);
    if (other != text) {
        slim_test_puts(path, other);
        open_file(&parts, kind, path);
        copy_model(&parts, &whole);
        double off = slim_test_deviation_f32(logits_of(&parts, parts.model),
                                             logits_of(&whole, whole.model),
                                             WINDOWS * LENGTH * whole.vocab);
        if (!(off < SLIM_NEAR_F32_ELEMENT))
            fail_msg("%s: in parts %g from whole", kind->name, off);
        close_world(&parts);
    }
    close_world(&whole);
    slim_test_directory_remove(folder);
    free(path);
    free(text);
    free(source);
}

int main(void)
{
    static const struct {
        const char *name;
        CMUnitTestFunction run;
    } checks[] = {
        { "zero is remove", zero_is_remove },
        { "gradients are slopes", gradients_are_slopes },
        { "fused is unfused", fused_is_unfused },
    };
    enum { COUNT = SLIM_COUNT(checks) * SLIM_COUNT(kinds) };
    struct CMUnitTest tests[COUNT];
    char names[COUNT][64];

    for (size_t i = 0; i < COUNT; i++) {
        const struct kind *kind = &kinds[i / SLIM_COUNT(checks)];
        (void)snprintf(names[i], sizeof(names[i]), "%s: %s", kind->name,
                       checks[i % SLIM_COUNT(checks)].name);
        tests[i] = (struct CMUnitTest){
            .name = names[i],
            .test_func = checks[i % SLIM_COUNT(checks)].run,
            .initial_state = (void *)(uintptr_t)kind,
        };
    }
    return cmocka_run_group_tests(tests, NULL, NULL);
}
