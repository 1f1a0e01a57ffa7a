/* model_real.c - a real model of 134 million parameters in bf16: logits, hidden
 * states and gradients against the implementation that it comes from */
#include "base/file.h"
#include "runtime/model/model.h"
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
    size_t compared;
};

static void check(struct world *world, enum slim_status status)
{
    if (status == SLIM_OK)
        return;
    slim_diag_print(&world->diag, stderr, false);
    fail();
}

static void world_open(struct world *world)
{
    char *path = slim_test_need_smollm2();
    struct slim_model_info *info = NULL;

    *world = (struct world){ .arena = slim_arena_open() };
    world->diag.arena = world->arena;
    world->oracle = slim_test_oracle("oracles/smollm2/dense.safetensors");
    check(world, slim_model_open(&info, path,
                                 slim_share_directory(world->arena, "families"),
                                 (struct slim_span){ 0 }, &world->diag));
    check(world, slim_model_load(&world->model, info, &world->diag));
    free(path);
}

static void world_close(struct world *world)
{
    slim_model_free(world->model);
    slim_test_oracle_free(world->oracle);
    slim_arena_close(world->arena);
}

static const void *need(const struct world *world, const char *name,
                        size_t count)
{
    size_t have = 0;
    const void *data = slim_test_oracle_find(world->oracle, name, &have);

    assert_non_null(data);
    assert_int_equal(have, count);
    return data;
}

static void check_row(const float *logits, float want_lse, int32_t want_top)
{
    size_t top = 0;
    double sum = 0.0;

    for (size_t v = 0; v < 49152; v++)
        top = logits[v] > logits[top] ? v : top;
    for (size_t v = 0; v < 49152; v++)
        sum += exp((double)(logits[v] - logits[top]));
    assert_int_equal(top, want_top);
    assert_true(slim_test_near((double)logits[top] + log(sum), (double)want_lse,
                               SLIM_NEAR_F32_SUM, 1.0));
}

static void test_logits(void **state)
{
    enum { TOKENS = 128, VOCAB = 49152, EVERY = 64, SOME = VOCAB / EVERY };
    struct world world;

    (void)state;
    world_open(&world);
    const int32_t *ids = need(&world, "ids", TOKENS);
    const float *want = need(&world, "logits_every_64", TOKENS * SOME);
    const float *lse = need(&world, "logsumexp", TOKENS);
    const int32_t *top = need(&world, "argmax", TOKENS);
    float *logits = SLIM_NEW_ARRAY(world.arena, TOKENS * VOCAB, float);
    float *have = SLIM_NEW_ARRAY(world.arena, TOKENS * SOME, float);

    check(&world, slim_model_logits(logits, world.model, ids, 2, 64,
                                    slim_kernels_blas(), &world.diag));
    for (size_t i = 0; i < TOKENS * SOME; i++)
        have[i] = logits[i / SOME * VOCAB + i % SOME * EVERY];
    double apart = slim_test_deviation_f32(have, want, TOKENS * SOME);
    print_message("# logits within %.1e of their deviation\n", apart);
    assert_true(apart < SLIM_NEAR_ORACLE_LOGITS);
    for (size_t t = 0; t < TOKENS; t++)
        check_row(logits + t * VOCAB, lse[t], top[t]);
    world_close(&world);
}

/* The last position of the first row as each layer reads it, and after the
 * final norm. */
static void test_hidden(void **state)
{
    enum { LAYERS = 30, WIDTH = 576, TOKENS = 64 };
    const size_t starts[] = { 0, TOKENS };
    static float x[TOKENS * WIDTH];
    struct world world;

    (void)state;
    world_open(&world);
    struct slim_batch batch = { need(&world, "ids", 2 * TOKENS), 1, starts };
    const float *want = need(&world, "hidden", (LAYERS + 1) * WIDTH);
    struct slim_layer *layer = slim_layer_new();
    for (long part = -1; part <= LAYERS; part++) {
        check(&world, slim_layer_load(layer, world.model, part, &world.diag));
        check(&world, slim_layer_forward(x, layer, x, &batch, NULL, NULL, NULL,
                                         slim_kernels_blas(), &world.diag));
        if (part == LAYERS - 1)
            continue;
        size_t row = part == LAYERS ? LAYERS : (size_t)(part + 1);
        assert_true(slim_test_error_f32(x + (TOKENS - 1) * WIDTH,
                                        want + row * WIDTH,
                                        WIDTH) < SLIM_NEAR_F32_LAYER);
    }
    slim_layer_free(layer);
    world_close(&world);
}

/*
 * The oracle's softmax adds 49152 terms in f32 and loses small ones: its
 * probabilities sum to 1 + 7e-6, which moves this gradient, the difference of
 * large terms, by 1.6e-4 from that of the same model in f64.
 */
static double bound_of(const char *name)
{
    return strcmp(name, "model.layers.29.input_layernorm.weight") == 0
               ? SLIM_NEAR_ORACLE_BIASED
               : SLIM_NEAR_ORACLE_GRADIENT;
}

static void compare_norm(struct world *world, const char *name,
                         const float *grad, size_t count)
{
    char full[160];
    size_t found = 0;
    double sum = 0.0;

    (void)snprintf(full, sizeof(full), "gradnorm.%s", name);
    const float *want = slim_test_oracle_find(world->oracle, full, &found);
    if (!want)
        return;
    for (size_t i = 0; i < count; i++)
        sum += (double)grad[i] * (double)grad[i];
    assert_true(slim_test_near(sqrt(sum), (double)*want, bound_of(name), 0.0));
    world->compared++;
}

static enum slim_status compare(void *context, long layer, size_t window,
                                struct slim_layer *weights, float *const *grads,
                                struct slim_diag *diag)
{
    struct world *world = context;
    const struct slim_arch *arch = world->model->info->arch;

    (void)window;
    (void)weights;
    (void)diag;
    for (size_t i = 0; i < arch->tensor_count; i++) {
        const struct slim_tensor *tensor = &arch->tensors[i];
        char name[160];
        size_t count = 0;
        if (!grads[i])
            continue;
        size_t all = slim_tensor_size(world->model->shape, tensor, 0) *
                     slim_tensor_size(world->model->shape, tensor, 1);
        compare_norm(world, layer < 0 ? "embed" : tensor->name, grads[i], all);
        (void)snprintf(name, sizeof(name), "grad.%s", tensor->name);
        const float *want = slim_test_oracle_find(world->oracle, name, &count);
        if (!want)
            continue;
        double apart = slim_test_error_f32(grads[i], want, count);
        print_message("# %s: gradient within %.1e\n", tensor->name, apart);
        assert_true(apart < bound_of(tensor->name));
        world->compared++;
    }
    return SLIM_OK;
}

static void test_gradients(void **state)
{
    struct world world;
    struct slim_gradient_visit visit = { .context = &world, .visit = compare };
    double loss = 0.0;

    (void)state;
    world_open(&world);
    check(&world, slim_model_gradients(&loss, world.model,
                                       need(&world, "taylor_ids", 10 * 64), 10,
                                       64, &visit, slim_kernels_blas(), NULL,
                                       NULL, &world.diag));
    assert_int_equal(world.compared, 5 + 6);
    world_close(&world);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_logits),
        cmocka_unit_test(test_hidden),
        cmocka_unit_test(test_gradients),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
