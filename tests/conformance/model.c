/* model.c - logits, hidden states, losses and gradients of small models of each
 * family against the implementations that they come from */
#include "runtime/model/model.h"
#include "base/file.h"
#include "tests/oracle.h"
#include "tests/support.h"
#include "tests/tolerance.h"

#include <math.h>
#include <string.h>

struct world {
    struct slim_arena *arena;
    struct slim_diag diag;
    struct slim_oracle *oracle;
    struct slim_model *model;
    const int32_t *ids;
    size_t windows, length;
    const struct slim_kernels *kernels;
    size_t compared;
};

static void check(struct world *world, enum slim_status status)
{
    if (status == SLIM_OK)
        return;
    slim_diag_print(&world->diag, stderr, false);
    fail();
}

/* The model and the oracle in a folder, with the families of that folder of the
 * source tree: windows of so many ids. */
static void world_open(struct world *world, const char *path,
                       const char *families, size_t windows, size_t length)
{
    char *oracle = slim_test_join(path, "oracle.safetensors");
    struct slim_model_info *info = NULL;
    size_t count = 0;

    *world = (struct world){ .arena = slim_arena_open() };
    world->diag.arena = world->arena;
    world->oracle = slim_test_oracle_at(oracle);
    char *descriptions = slim_test_source(families);
    check(world, slim_model_open(&info, path, descriptions,
                                 (struct slim_span){ 0 }, &world->diag));
    free(descriptions);
    check(world, slim_model_load(&world->model, info, &world->diag));
    world->ids = slim_test_oracle_find(world->oracle, "ids", &count);
    assert_int_equal(count, windows * length);
    world->windows = windows;
    world->length = length;
    free(oracle);
}

static void world_close(struct world *world)
{
    slim_model_free(world->model);
    slim_test_oracle_free(world->oracle);
    slim_arena_close(world->arena);
}

static void check_logits(struct world *world)
{
    size_t count = 0;
    const float *want = slim_test_oracle_find(world->oracle, "logits", &count);
    float *have = SLIM_NEW_ARRAY(world->arena, count, float);

    assert_non_null(want);
    check(world,
          slim_model_logits(have, world->model, world->ids, world->windows,
                            world->length, world->kernels, &world->diag));
    double apart = slim_test_deviation_f32(have, want, count);
    print_message("# %s: logits within %.1e of their deviation\n",
                  world->kernels->name, apart);
    assert_true(apart < SLIM_NEAR_ORACLE_LOGITS);
}

/* Then the last hidden state is the projected one. */
static bool projects(const struct slim_arch *arch)
{
    return arch->nodes[arch->node_count - 1].slots[SLIM_HEAD_PROJECT] != NULL;
}

/* hidden.i is what layer i reads; the last one is after the final norm. Some
 * oracles have none. */
static void check_hidden(struct world *world, bool hidden)
{
    size_t layers = world->model->info->arch->layers, count = 0;
    size_t tokens = world->windows * world->length;
    size_t *starts = SLIM_NEW_ARRAY(world->arena, world->windows + 1, size_t);
    struct slim_batch batch = { world->ids, world->windows, starts };
    struct slim_layer *layer = slim_layer_new();
    float *x = NULL;

    for (size_t w = 0; w <= world->windows; w++)
        starts[w] = w * world->length;
    for (long part = -1; part <= (long)layers; part++) {
        char name[32];
        check(world, slim_layer_load(layer, world->model, part, &world->diag));
        if (!x)
            x = SLIM_NEW_ARRAY(world->arena,
                               tokens * slim_layer_width_out(layer), float);
        check(world, slim_layer_forward(x, layer, x, &batch, NULL, NULL, NULL,
                                        world->kernels, &world->diag));
        if (part == (long)layers - 1)
            continue;
        (void)snprintf(name, sizeof(name), "hidden.%ld",
                       part < 0               ? 0
                       : part == (long)layers ? part
                                              : part + 1);
        const float *want = slim_test_oracle_find(world->oracle, name, &count);
        if (!want && !hidden)
            continue;
        assert_non_null(want);
        if (part == (long)layers && projects(world->model->info->arch))
            continue;
        assert_true(slim_test_error_f32(x, want, count) < SLIM_NEAR_F32_LAYER);
    }
    slim_layer_free(layer);
}

/* A gradient is [out, in] here; some files have their matrices [in, out]. */
static const float *as_stored(struct world *world,
                              const struct slim_tensor *tensor,
                              const float *gradient, size_t count)
{
    size_t rows = slim_tensor_size(world->model->shape, tensor, 0);
    size_t columns = count / rows;

    if (!tensor->transposed)
        return gradient;
    float *turned = SLIM_NEW_ARRAY(world->arena, count, float);
    for (size_t i = 0; i < count; i++)
        turned[i % columns * rows + i / columns] = gradient[i];
    return turned;
}

static double norm_of(const float *x, size_t count)
{
    double sum = 0.0;

    for (size_t i = 0; i < count; i++)
        sum += (double)x[i] * (double)x[i];
    return sqrt(sum);
}

/* Where positions do not turn them, a bias on the keys moves all scores of a
 * query alike: its gradient is nil, and what is left of it is rounding. */
static bool is_nil(const struct slim_tensor *tensor, float *const *grads,
                   size_t count)
{
    const struct slim_node *node = tensor->node;

    if (node->kind != SLIM_BLOCK_ATTENTION ||
        tensor != node->slots[SLIM_ATTENTION_K_BIAS] ||
        (int)node->settings[SLIM_ATTENTION_POSITION] != SLIM_POSITION_NONE)
        return false;
    const float *values = grads[node->slots[SLIM_ATTENTION_V_BIAS]->index];
    assert_true(norm_of(grads[tensor->index], count) <
                SLIM_NEAR_ORACLE_GRADIENT * norm_of(values, count));
    return true;
}

static enum slim_status compare_grads(void *context, long layer, size_t window,
                                      struct slim_layer *weights,
                                      float *const *grads,
                                      struct slim_diag *diag)
{
    struct world *world = context;
    const struct slim_arch *arch = world->model->info->arch;

    (void)layer;
    (void)window;
    (void)weights;
    (void)diag;
    for (size_t i = 0; i < arch->tensor_count; i++) {
        char name[160];
        size_t count = 0;
        if (!grads[i])
            continue;
        (void)snprintf(name, sizeof(name), "grad.%s", arch->tensors[i].name);
        const float *want = slim_test_oracle_find(world->oracle, name, &count);
        assert_non_null(want);
        double apart = slim_test_error_f32(
            as_stored(world, &arch->tensors[i], grads[i], count), want, count);
        if (!(apart < SLIM_NEAR_ORACLE_GRADIENT) &&
            !is_nil(&arch->tensors[i], grads, count))
            fail_msg("gradient of %s is off by %g", arch->tensors[i].name,
                     apart);
        world->compared++;
    }
    return SLIM_OK;
}

static void check_gradients(struct world *world)
{
    const struct slim_checkpoint *tensors = world->oracle->checkpoint;
    struct slim_gradient_visit visit = { .context = world,
                                         .visit = compare_grads };
    const float *want = NULL;
    size_t count = 0, all = 0;
    double loss = 0.0;

    world->compared = 0;
    check(world,
          slim_model_gradients(&loss, world->model, world->ids, world->windows,
                               world->length, &visit, world->kernels, NULL,
                               NULL, &world->diag));
    want = slim_test_oracle_find(world->oracle, "loss", &count);
    assert_non_null(want);
    assert_true(slim_test_near(loss, (double)*want, SLIM_NEAR_F32_SUM, 0.0));
    for (size_t i = 0; i < tensors->tensor_count; i++)
        all += strncmp(tensors->tensors[i].name, "grad.", 5) == 0;
    assert_int_equal(world->compared, all);
}

static void check_world(struct world *world, bool hidden)
{
    const struct slim_kernels *tables[] = { &slim_kernels_ref,
                                            slim_kernels_blas() };

    for (size_t k = 0; k < 2; k++) {
        world->kernels = tables[k];
        check_logits(world);
        check_hidden(world, hidden);
        check_gradients(world);
    }
}

static void check_from(const char *name, const char *families, bool hidden)
{
    char *folder = slim_test_join("models/tiny", name);
    char *path = slim_test_need_shared(folder);
    struct world world;

    world_open(&world, path, families, 3, 48);
    check_world(&world, hidden);
    world_close(&world);
    free(path);
    free(folder);
}

/* What tests/interop/oracles.py made. */
static void check_made(const char *name)
{
    char *folder = slim_test_join("tests/conformance/fixtures", name);
    char *path = slim_test_source(folder);
    struct world world;

    world_open(&world, path, "tests/families", 2, 12);
    check_world(&world, true);
    world_close(&world);
    free(path);
    free(folder);
}

static void check_model(const char *name)
{
    check_from(name, "compiler/families", true);
}

#define MODEL(test, name)                                                      \
    static void test(void **state)                                             \
    {                                                                          \
        (void)state;                                                           \
        check_model(name);                                                     \
    }
MODEL(test_heads_all_alike, "llama-mha")
MODEL(test_heads_grouped_and_tied, "llama-gqa")
MODEL(test_rotary_scaled, "llama-rope-linear")
MODEL(test_window, "mistral")
MODEL(test_biases, "qwen2")
MODEL(test_learned_positions_and_layer_norms, "opt")
MODEL(test_parallel_blocks, "phi")
MODEL(test_fused, "phi3")
MODEL(test_post_norm_and_projections, "opt-350m-like")
MODEL(test_slopes, "bloom")
MODEL(test_scaled_embedding, "gemma")

/* The code that these models came with leaves no hidden states. */
static void test_packed(void **state)
{
    (void)state;
    check_from("baichuan-7b", "compiler/families", false);
    check_from("baichuan-13b", "compiler/families", false);
}

static void test_prefix_and_grid(void **state)
{
    (void)state;
    check_from("chatglm-6b", "compiler/families", false);
}

/* Families that are YAML and a line here. */
static void test_trials(void **state)
{
    (void)state;
    check_from("gpt2", "tests/families", true);
    check_from("gpt-neox", "tests/families", true);
}

static void test_logits_scaled_and_pairs_turned(void **state)
{
    (void)state;
    check_made("cohere");
}

static void test_a_norm_for_each_block(void **state)
{
    (void)state;
    check_made("falcon");
}

static void test_one_norm_and_one_key(void **state)
{
    (void)state;
    check_made("falcon-one-norm");
}

static void test_layer_norms_around_gates(void **state)
{
    (void)state;
    check_made("stablelm");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_heads_all_alike),
        cmocka_unit_test(test_heads_grouped_and_tied),
        cmocka_unit_test(test_rotary_scaled),
        cmocka_unit_test(test_window),
        cmocka_unit_test(test_biases),
        cmocka_unit_test(test_learned_positions_and_layer_norms),
        cmocka_unit_test(test_post_norm_and_projections),
        cmocka_unit_test(test_parallel_blocks),
        cmocka_unit_test(test_fused),
        cmocka_unit_test(test_slopes),
        cmocka_unit_test(test_scaled_embedding),
        cmocka_unit_test(test_packed),
        cmocka_unit_test(test_prefix_and_grid),
        cmocka_unit_test(test_trials),
        cmocka_unit_test(test_logits_scaled_and_pairs_turned),
        cmocka_unit_test(test_a_norm_for_each_block),
        cmocka_unit_test(test_one_norm_and_one_key),
        cmocka_unit_test(test_layer_norms_around_gates),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
