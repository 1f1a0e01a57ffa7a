/* model_adapter.c - adapters on linears: no change at first, the same as a
 * merged weight, gradients against differences */
#include "tests/made.h"
#include "tests/support.h"
#include "tests/tolerance.h"

#include <math.h>
#include <string.h>

enum { TOKENS = 14, WIDTH = 12, RANK = 3, COUNT = TOKENS * WIDTH };

static const struct slim_made made = { .layers = 1,
                                       .vocab = 23,
                                       .width = WIDTH,
                                       .kv = 2,
                                       .rep = 2,
                                       .head = 4,
                                       .mlp = 10,
                                       .eps = 1e-5,
                                       .biases = true,
                                       .position = SLIM_POSITION_ROPE_HALF };
static const size_t starts[] = { 0, 5, TOKENS };

/* A layer with an adapter on each of its linears. */
struct world {
    struct slim_arena *arena;
    struct slim_diag diag;
    struct slim_model_info *info;
    struct slim_model *model;
    struct slim_layer *layer;
    struct slim_tape *tape;
    struct slim_adapter **adapters; /* by tensor->index */
    float *x, *weight;              /* input; d loss / d output */
    const struct slim_kernels *kernels;
};

static float *numbers(struct world *world, size_t count, double deviation,
                      uint64_t index)
{
    struct slim_buffer *buffer =
        slim_made_buffer(count, 0.0, deviation, 17, index);
    float *copy = SLIM_NEW_ARRAY(world->arena, count, float);

    memcpy(copy, buffer->data, count * sizeof(*copy));
    slim_buffer_release(buffer);
    return copy;
}

static void adapters_make(struct world *world)
{
    const struct slim_arch *arch = world->info->arch;

    world->adapters =
        SLIM_NEW_ARRAY(world->arena, arch->tensor_count, struct slim_adapter *);
    for (size_t i = 0; i < arch->tensor_count; i++) {
        const struct slim_tensor *tensor = &arch->tensors[i];
        size_t out = slim_tensor_size(world->info->shape, tensor, 0);
        size_t in = slim_tensor_size(world->info->shape, tensor, 1);
        struct slim_adapter *adapter;
        if (!tensor->linear || tensor->layer != 0)
            continue;
        adapter = SLIM_NEW(world->arena, struct slim_adapter);
        adapter->rank = RANK;
        adapter->scale = 1.5f;
        adapter->seed = 4;
        adapter->place = i;
        adapter->a = numbers(world, RANK * in, 0.3, 100 + i);
        adapter->b = numbers(world, out * RANK, 0.3, 200 + i);
        adapter->da = SLIM_NEW_ARRAY(world->arena, RANK * in, float);
        adapter->db = SLIM_NEW_ARRAY(world->arena, out * RANK, float);
        world->adapters[i] = adapter;
    }
}

static int setup(void **state)
{
    struct world *world = calloc(1, sizeof(*world));

    assert_non_null(world);
    world->arena = slim_arena_open();
    world->diag.arena = world->arena;
    world->info = slim_made_info(&made, world->arena);
    world->model = slim_made_model(world->info, 3);
    world->layer = slim_layer_new();
    world->tape = slim_tape_new();
    world->kernels = &slim_kernels_ref;
    world->x = numbers(world, COUNT, 1.0, 1);
    world->weight = numbers(world, COUNT, 1.0, 2);
    adapters_make(world);
    assert_int_equal(
        slim_layer_load(world->layer, world->model, 0, &world->diag), SLIM_OK);
    *state = world;
    return 0;
}

static int teardown(void **state)
{
    struct world *world = *state;

    if (world->diag.errors)
        slim_diag_print(&world->diag, stderr, false);
    slim_layer_free(world->layer);
    slim_tape_free(world->tape);
    slim_model_free(world->model);
    slim_arena_close(world->arena);
    free(world);
    return 0;
}

static float *run(struct world *world, struct slim_adapter *const *adapters)
{
    struct slim_batch batch = { NULL, 2, starts };
    float *y = SLIM_NEW_ARRAY(world->arena, COUNT, float);

    assert_int_equal(slim_layer_forward(y, world->layer, world->x, &batch,
                                        world->tape, NULL, adapters,
                                        world->kernels, &world->diag),
                     SLIM_OK);
    return y;
}

static void test_no_change_at_first(void **state)
{
    struct world *world = *state;
    const float *without = run(world, NULL);

    for (size_t i = 0; i < world->info->arch->tensor_count; i++)
        if (world->adapters[i])
            memset(world->adapters[i]->b, 0,
                   RANK * sizeof(float) *
                       slim_tensor_size(world->info->shape,
                                        &world->info->arch->tensors[i], 0));
    assert_memory_equal(run(world, world->adapters), without,
                        COUNT * sizeof(float));
}

static void test_merged_is_unmerged(void **state)
{
    struct world *world = *state;
    const struct slim_arch *arch = world->info->arch;
    const float *without = run(world, NULL);
    const float *unmerged = run(world, world->adapters);

    assert_true(slim_test_error_f32(unmerged, without, COUNT) >
                SLIM_NEAR_ORACLE_SLICED);
    for (size_t i = 0; i < arch->tensor_count; i++) {
        const struct slim_adapter *adapter = world->adapters[i];
        float *w = NULL;
        size_t out = slim_tensor_size(world->info->shape, &arch->tensors[i], 0);
        size_t in = slim_tensor_size(world->info->shape, &arch->tensors[i], 1);
        assert_int_equal(slim_layer_weight(&w, world->layer, &arch->tensors[i],
                                           &world->diag),
                         SLIM_OK);
        for (size_t j = 0; adapter && j < out * in; j++)
            for (size_t r = 0; r < RANK; r++)
                w[j] += adapter->scale * adapter->b[j / in * RANK + r] *
                        adapter->a[r * in + j % in];
    }
    assert_true(slim_test_error_f32(run(world, NULL), unmerged, COUNT) <
                SLIM_NEAR_F32_SUM);
}

/* The loss is the output's product with `weight`. */
static double loss_of(struct world *world)
{
    const float *y = run(world, world->adapters);
    double sum = 0.0;

    for (size_t i = 0; i < COUNT; i++)
        sum += (double)y[i] * (double)world->weight[i];
    return sum;
}

/* Slope of the loss along a direction of `values`, against <grad, direction>. */
static void check_slope(struct world *world, float *values, const float *grad,
                        size_t count, uint64_t index)
{
    const float *d = numbers(world, count, 1.0, 300 + index);
    float *before = SLIM_NEW_ARRAY(world->arena, count, float);
    const double at[4] = { 2.0, 1.0, -1.0, -2.0 };
    double loss[4], want = 0.0, size = 0.0, h = 0.004;

    memcpy(before, values, count * sizeof(*values));
    for (size_t k = 0; k < 4; k++) {
        for (size_t i = 0; i < count; i++)
            values[i] = (float)((double)before[i] + at[k] * h * (double)d[i]);
        loss[k] = loss_of(world);
    }
    memcpy(values, before, count * sizeof(*values));
    for (size_t i = 0; i < count; i++) {
        want += (double)grad[i] * (double)d[i];
        size += (double)grad[i] * (double)grad[i];
    }
    assert_true(slim_test_near(
        (8.0 * (loss[1] - loss[2]) - (loss[0] - loss[3])) / (12.0 * h), want,
        SLIM_NEAR_F32_SLOPE, sqrt(size)));
}

static void check_gradients(struct world *world)
{
    const struct slim_arch *arch = world->info->arch;
    struct slim_batch batch = { NULL, 2, starts };
    float *dx = SLIM_NEW_ARRAY(world->arena, COUNT, float);

    (void)run(world, world->adapters);
    assert_int_equal(slim_layer_backward(dx, world->layer, world->weight,
                                         world->x, &batch, world->tape, NULL,
                                         world->adapters, world->kernels,
                                         &world->diag),
                     SLIM_OK);
    check_slope(world, world->x, dx, COUNT, 0);
    for (size_t i = 0; i < arch->tensor_count; i++) {
        struct slim_adapter *adapter = world->adapters[i];
        if (!adapter)
            continue;
        size_t out = slim_tensor_size(world->info->shape, &arch->tensors[i], 0);
        size_t in = slim_tensor_size(world->info->shape, &arch->tensors[i], 1);
        check_slope(world, adapter->a, adapter->da, RANK * in, 2 * i);
        check_slope(world, adapter->b, adapter->db, RANK * out, 2 * i + 1);
    }
}

static void test_gradients(void **state)
{
    check_gradients(*state);
}

static void test_gradients_blas(void **state)
{
    struct world *world = *state;

    world->kernels = slim_kernels_blas();
    check_gradients(world);
}

/* The backward makes the forward's mask again; another place, another mask. */
static void test_dropout(void **state)
{
    struct world *world = *state;
    size_t count = world->info->arch->tensor_count;

    for (size_t i = 0; i < count; i++)
        if (world->adapters[i])
            world->adapters[i]->dropout = 0.3f;
    check_gradients(world);
    const float *first = run(world, world->adapters);
    assert_memory_equal(run(world, world->adapters), first,
                        COUNT * sizeof(float));
    for (size_t i = 0; i < count; i++)
        if (world->adapters[i])
            world->adapters[i]->place += 1000;
    assert_true(slim_test_error_f32(run(world, world->adapters), first, COUNT) >
                SLIM_NEAR_ORACLE_SLICED);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_no_change_at_first, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(test_merged_is_unmerged, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(test_gradients, setup, teardown),
        cmocka_unit_test_setup_teardown(test_gradients_blas, setup, teardown),
        cmocka_unit_test_setup_teardown(test_dropout, setup, teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
