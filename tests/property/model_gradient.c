/* model_gradient.c - gradients of whole models against finite differences */
#include "tests/made.h"
#include "tests/support.h"
#include "tests/tolerance.h"

#include <math.h>
#include <string.h>

enum { WINDOWS = 3, LENGTH = 7 };

static struct slim_arena *arena;
static struct slim_diag diag;

static int setup(void **state)
{
    (void)state;
    arena = slim_arena_open();
    diag = (struct slim_diag){ .arena = arena };
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    if (diag.errors)
        slim_diag_print(&diag, stderr, false);
    slim_arena_close(arena);
    return 0;
}

/* Gradients by tensor->index, as visits brought them, in the arena. */
struct grads {
    struct slim_model *model;
    float **sum;
    size_t visits;
    long lowest;
};

static size_t elements(const struct slim_model *model,
                       const struct slim_tensor *tensor)
{
    return slim_tensor_size(model->shape, tensor, 0) *
           slim_tensor_size(model->shape, tensor, 1);
}

static enum slim_status visit(void *context, long layer, size_t window,
                              struct slim_layer *weights, float *const *grads,
                              struct slim_diag *unused)
{
    struct grads *to = context;
    const struct slim_arch *arch = to->model->info->arch;

    (void)window;
    (void)weights;
    (void)unused;
    to->visits++;
    to->lowest = layer;
    for (size_t i = 0; i < arch->tensor_count; i++) {
        size_t count = elements(to->model, &arch->tensors[i]);
        if (!grads[i])
            continue;
        if (!to->sum[i])
            to->sum[i] = SLIM_NEW_ARRAY(arena, count, float);
        for (size_t j = 0; j < count; j++)
            to->sum[i][j] += grads[i][j];
    }
    return SLIM_OK;
}

static struct grads collect(struct slim_model *model, const int32_t *ids,
                            bool per_sample, double *loss,
                            const struct slim_kernels *kernels)
{
    struct grads grads = { .model = model };
    struct slim_gradient_visit visitor = { .context = &grads,
                                           .visit = visit,
                                           .per_sample = per_sample };

    grads.sum = SLIM_NEW_ARRAY(arena, model->info->arch->tensor_count, float *);
    assert_int_equal(slim_model_gradients(loss, model, ids, WINDOWS, LENGTH,
                                          &visitor, kernels, NULL, NULL, &diag),
                     SLIM_OK);
    return grads;
}

static double loss_of(struct slim_model *model, const int32_t *ids,
                      const struct slim_kernels *kernels)
{
    double nll[WINDOWS], sum = 0.0;

    assert_int_equal(slim_model_nll(nll, model, ids, WINDOWS, LENGTH, 0, NULL,
                                    kernels, NULL, NULL, &diag),
                     SLIM_OK);
    for (size_t w = 0; w < WINDOWS; w++)
        sum += nll[w];
    return sum / (WINDOWS * (LENGTH - 1));
}

/* The loss with `tensor` moved by `step` along `direction`. */
static double loss_moved(const struct slim_model *model, const int32_t *ids,
                         const struct slim_tensor *tensor,
                         const float *direction, double step,
                         const struct slim_kernels *kernels)
{
    struct slim_model *copy = slim_model_copy(model);
    size_t count = elements(model, tensor);
    struct slim_buffer *buffer = slim_buffer_new(count);
    const struct slim_weight *weight = &model->weights[tensor->index];

    assert_true(copy && buffer);
    for (size_t i = 0; i < count; i++)
        buffer->data[i] = (float)((double)weight->buffer->data[i] +
                                  step * (double)direction[i]);
    slim_model_set(copy, tensor, buffer, weight->size[0], weight->size[1]);
    double loss = loss_of(copy, ids, kernels);
    slim_model_free(copy);
    return loss;
}

/* Fourth-order difference along the gradient and a random direction of equal
 * length: an error in the gradient moves one of both sides. */
static void check_tensor(const struct grads *grads, const int32_t *ids,
                         const struct slim_tensor *tensor,
                         const struct slim_kernels *kernels)
{
    const struct slim_model *model = grads->model;
    const float *grad = grads->sum[tensor->index];
    size_t count = elements(model, tensor);
    struct slim_buffer *d =
        slim_made_buffer(count, 0.0, 1.0, 99, tensor->index);
    double size = 0.0, chance = 0.0, want = 0.0;

    assert_non_null(grad);
    for (size_t i = 0; i < count; i++) {
        size += (double)grad[i] * (double)grad[i];
        chance += (double)d->data[i] * (double)d->data[i];
    }
    assert_true(size > 0.0);
    size = sqrt(size);
    chance = sqrt(chance);
    for (size_t i = 0; i < count; i++) {
        d->data[i] =
            (float)((double)d->data[i] / chance + (double)grad[i] / size);
        want += (double)grad[i] * (double)d->data[i];
    }
    double h = 0.004;
    double near = loss_moved(model, ids, tensor, d->data, h, kernels) -
                  loss_moved(model, ids, tensor, d->data, -h, kernels);
    double far = loss_moved(model, ids, tensor, d->data, 2 * h, kernels) -
                 loss_moved(model, ids, tensor, d->data, -2 * h, kernels);
    double have = (8.0 * near - far) / (12.0 * h);
    slim_buffer_release(d);
    if (!slim_test_near(have, want, SLIM_NEAR_F32_SLOPE, size))
        fail_msg("gradient of %s", tensor->name);
}

static void check_model(struct slim_model *model,
                        const struct slim_kernels *kernels)
{
    const struct slim_arch *arch = model->info->arch;
    int32_t ids[WINDOWS * LENGTH];
    double loss = 0.0;

    slim_made_ids(ids, WINDOWS * LENGTH, arch->axes[0].size, 5);
    struct grads grads = collect(model, ids, false, &loss, kernels);
    assert_true(slim_test_near(loss, loss_of(model, ids, kernels),
                               SLIM_NEAR_F32_ELEMENT, 0.0));
    for (size_t i = 0; i < arch->tensor_count; i++) {
        const struct slim_tensor *tensor = &arch->tensors[i];
        if (slim_model_has(model, tensor) &&
            slim_model_owner(model, tensor) == tensor)
            check_tensor(&grads, ids, tensor, kernels);
        else
            assert_null(grads.sum[i]);
    }
}

static void check_info(struct slim_model_info *info)
{
    struct slim_model *model = slim_made_model(info, 7);

    check_model(model, &slim_kernels_ref);
    check_model(model, slim_kernels_blas());
    slim_model_free(model);
}

static void check_made(struct slim_made made)
{
    made.layers = 2;
    made.vocab = 29;
    made.width = 12;
    made.head = made.head ? made.head : 4;
    made.mlp = 10;
    made.eps = 1e-5;
    made.kv = made.kv ? made.kv : 2;
    made.rep = made.rep ? made.rep : 1;
    check_info(slim_made_info(&made, arena));
}

static void test_plainest(void **state)
{
    (void)state;
    check_made((struct slim_made){ .position = SLIM_POSITION_NONE });
}

static void test_grouped_rotary_tied(void **state)
{
    (void)state;
    check_made((struct slim_made){
        .rep = 2, .tied = true, .position = SLIM_POSITION_ROPE_HALF });
}

static void test_biases_window_pairs(void **state)
{
    (void)state;
    check_made((struct slim_made){ .rep = 3,
                                   .biases = true,
                                   .window = 3,
                                   .position = SLIM_POSITION_ROPE_PAIRS });
}

/* The first window has a prefix of four tokens and a mark in it. */
static void test_prefix_and_grid(void **state)
{
    (void)state;
    int32_t ids[LENGTH];

    slim_made_ids(ids, LENGTH, 29, 5);
    check_made((struct slim_made){ .rep = 2,
                                   .prefix_end = 1.0 + ids[4],
                                   .mark = 1.0 + ids[2],
                                   .position = SLIM_POSITION_ROPE_GRID });
}

static void test_fused_partial_rotary(void **state)
{
    (void)state;
    check_made((struct slim_made){ .rep = 2,
                                   .biases = true,
                                   .fused = true,
                                   .head = 6,
                                   .rotary = 4,
                                   .position = SLIM_POSITION_ROPE_HALF });
}

static void test_interleaved_parallel(void **state)
{
    (void)state;
    check_made((struct slim_made){ .rep = 2,
                                   .biases = true,
                                   .fused = true,
                                   .interleaved = true,
                                   .parallel = true,
                                   .plain = true,
                                   .act = SLIM_ACT_GELU_TANH,
                                   .position = SLIM_POSITION_ROPE_HALF });
}

static void test_activations(void **state)
{
    (void)state;
    check_made((struct slim_made){ .act = SLIM_ACT_GELU });
    check_made((struct slim_made){ .act = SLIM_ACT_SILU, .plain = true });
}

static void test_table_norm(void **state)
{
    (void)state;
    check_made((struct slim_made){ .table_norm = true });
}

/* Sites of different widths, shortcuts between them, norms without weights
 * that divide by the width before slicing. */
static void test_sliced(void **state)
{
    (void)state;
    const struct slim_made made = { .layers = 2,
                                    .vocab = 29,
                                    .width = 12,
                                    .kv = 2,
                                    .rep = 2,
                                    .head = 4,
                                    .mlp = 10,
                                    .table_norm = true, /* folded: done */
                                    .eps = 1e-5,
                                    .position = SLIM_POSITION_ROPE_HALF };
    struct slim_model_info *info = slim_made_info(&made, arena);

    info->shape->shortcuts = info->shape->folded = true;
    info->shape->divisor = 12;
    for (size_t s = 0; s < info->arch->site_count; s++)
        info->shape->sites[s] = 11 - 3 * s % 5;
    check_info(info);
}

/* The mean of the gradients of single windows is the pooled gradient, also of
 * the table that head and embedding share. */
static void test_per_sample(void **state)
{
    (void)state;
    const struct slim_made made = { .layers = 2,
                                    .vocab = 29,
                                    .width = 12,
                                    .kv = 2,
                                    .rep = 2,
                                    .head = 4,
                                    .mlp = 10,
                                    .eps = 1e-5,
                                    .tied = true };
    struct slim_model_info *info = slim_made_info(&made, arena);
    struct slim_model *model = slim_made_model(info, 7);
    int32_t ids[WINDOWS * LENGTH];
    double pooled_loss = 0.0, single_loss = 0.0;

    slim_made_ids(ids, WINDOWS * LENGTH, made.vocab, 5);
    struct grads pooled =
        collect(model, ids, false, &pooled_loss, &slim_kernels_ref);
    struct grads single =
        collect(model, ids, true, &single_loss, &slim_kernels_ref);
    assert_int_equal(pooled.visits, 2 + made.layers);
    assert_int_equal(single.visits, WINDOWS * (2 + made.layers));
    assert_true(
        slim_test_near(single_loss, pooled_loss, SLIM_NEAR_F32_ELEMENT, 0.0));
    for (size_t i = 0; i < info->arch->tensor_count; i++) {
        size_t count = elements(model, &info->arch->tensors[i]);
        if (!pooled.sum[i])
            continue;
        for (size_t j = 0; j < count; j++)
            single.sum[i][j] /= WINDOWS;
        assert_true(slim_test_error_f32(single.sum[i], pooled.sum[i], count) <
                    SLIM_NEAR_F32_SUM);
    }
    slim_model_free(model);
}

static bool only_down(void *context, const struct slim_tensor *tensor)
{
    (void)context;
    return tensor->layer == 1 && strcmp(tensor->slot, "down") == 0;
}

static void test_wanted(void **state)
{
    (void)state;
    const struct slim_made made = { .layers = 3,
                                    .vocab = 29,
                                    .width = 12,
                                    .kv = 2,
                                    .rep = 1,
                                    .head = 4,
                                    .mlp = 10,
                                    .eps = 1e-5,
                                    .tied = true };
    struct slim_model_info *info = slim_made_info(&made, arena);
    struct slim_model *model = slim_made_model(info, 7);
    struct grads some = { .model = model };
    struct slim_gradient_visit visitor = { .context = &some,
                                           .visit = visit,
                                           .wanted = only_down };
    size_t down = slim_made_tensor(info->arch, 1, "down")->index;
    int32_t ids[WINDOWS * LENGTH];
    double loss = 0.0;

    slim_made_ids(ids, WINDOWS * LENGTH, made.vocab, 5);
    some.sum = SLIM_NEW_ARRAY(arena, info->arch->tensor_count, float *);
    assert_int_equal(slim_model_gradients(&loss, model, ids, WINDOWS, LENGTH,
                                          &visitor, &slim_kernels_ref, NULL,
                                          NULL, &diag),
                     SLIM_OK);
    struct grads all = collect(model, ids, false, &loss, &slim_kernels_ref);
    assert_int_equal(some.lowest, 1);
    for (size_t i = 0; i < info->arch->tensor_count; i++)
        assert_int_equal(some.sum[i] != NULL, i == down);
    assert_memory_equal(some.sum[down], all.sum[down],
                        elements(model, &info->arch->tensors[down]) *
                            sizeof(float));
    slim_model_free(model);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_plainest, setup, teardown),
        cmocka_unit_test_setup_teardown(test_grouped_rotary_tied, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(test_biases_window_pairs, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(test_prefix_and_grid, setup, teardown),
        cmocka_unit_test_setup_teardown(test_fused_partial_rotary, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(test_interleaved_parallel, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(test_activations, setup, teardown),
        cmocka_unit_test_setup_teardown(test_table_norm, setup, teardown),
        cmocka_unit_test_setup_teardown(test_sliced, setup, teardown),
        cmocka_unit_test_setup_teardown(test_per_sample, setup, teardown),
        cmocka_unit_test_setup_teardown(test_wanted, setup, teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
