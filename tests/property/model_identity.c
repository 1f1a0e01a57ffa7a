/* model_identity.c - what must be equal: removed and zeroed, batched and apart,
 * one thread and two, saliences on both sides of a linear pair */
#include "tests/made.h"
#include "tests/support.h"
#include "tests/tolerance.h"

#include <math.h>
#include <string.h>

enum { WINDOWS = 3, LENGTH = 9 };

static const struct slim_made made = { .layers = 2,
                                       .vocab = 31,
                                       .width = 16,
                                       .kv = 3,
                                       .rep = 2,
                                       .head = 4,
                                       .mlp = 11,
                                       .eps = 1e-7,
                                       .position = SLIM_POSITION_ROPE_HALF };

struct world {
    struct slim_arena *arena;
    struct slim_diag diag;
    struct slim_model_info *info;
    struct slim_model *model;
    int32_t ids[WINDOWS * LENGTH];
    float **grads; /* by tensor->index, in the arena */
};

static int setup(void **state)
{
    struct world *world = calloc(1, sizeof(*world));

    assert_non_null(world);
    world->arena = slim_arena_open();
    world->diag.arena = world->arena;
    world->info = slim_made_info(&made, world->arena);
    world->model = slim_made_model(world->info, 3);
    slim_made_ids(world->ids, WINDOWS * LENGTH, made.vocab, 5);
    *state = world;
    return 0;
}

static int teardown(void **state)
{
    struct world *world = *state;

    if (world->diag.errors)
        slim_diag_print(&world->diag, stderr, false);
    slim_model_free(world->model);
    slim_arena_close(world->arena);
    free(world);
    return 0;
}

static float *logits_of(struct world *world, struct slim_model *model,
                        const struct slim_kernels *kernels)
{
    float *logits =
        SLIM_NEW_ARRAY(world->arena, WINDOWS * LENGTH * made.vocab, float);

    assert_int_equal(slim_model_logits(logits, model, world->ids, WINDOWS,
                                       LENGTH, kernels, &world->diag),
                     SLIM_OK);
    return logits;
}

static size_t rows_of(const struct slim_model *model,
                      const struct slim_tensor *tensor)
{
    return slim_tensor_size(model->shape, tensor, 0);
}

static size_t columns_of(const struct slim_model *model,
                         const struct slim_tensor *tensor)
{
    return slim_tensor_size(model->shape, tensor, 1);
}

/* A copy in which the rows or columns of `units` dropped are zero. */
static struct slim_model *zeroed(struct world *world,
                                 const struct slim_group *group,
                                 const bool *alive)
{
    struct slim_model *model = slim_model_copy(world->model);

    for (size_t m = 0; m < group->member_count; m++) {
        const struct slim_tensor *tensor = group->members[m].tensor;
        size_t rows = rows_of(model, tensor);
        size_t columns = columns_of(model, tensor), d = group->members[m].dim;
        struct slim_buffer *buffer = slim_buffer_new(rows * columns);
        size_t *units =
            SLIM_NEW_ARRAY(world->arena, d ? columns : rows, size_t);

        slim_tensor_units(units, model->shape, tensor, d, group->axis);
        assert_int_equal(
            slim_model_read(buffer->data, model, tensor, &world->diag),
            SLIM_OK);
        for (size_t i = 0; i < rows * columns; i++)
            if (!alive[units[d ? i % columns : i / columns]])
                buffer->data[i] = 0.0f;
        slim_model_set(model, tensor, buffer, rows, columns);
    }
    return model;
}

/* Removes units of each of a layer's groups; zeroing them says the same. */
static void test_zero_is_remove(void **state)
{
    struct world *world = *state;
    struct slim_groups *groups =
        slim_discover(world->info->shape, world->arena);
    size_t seen = 0;

    for (size_t g = 0; g < groups->count; g++) {
        const struct slim_group *group = &groups->items[g];
        bool alive[32] = { false };
        uint32_t kept[32];
        size_t count = 0;

        if (group->layer == SLIM_NO_LAYER)
            continue;
        for (uint32_t u = 0; u < group->units; u++)
            if (u % 3 != 1) {
                alive[u] = true;
                kept[count++] = u;
            }
        struct slim_model *zero = zeroed(world, group, alive);
        struct slim_model *cut = slim_model_copy(world->model);
        struct slim_shape *shape = slim_shape_copy(cut->shape, world->arena);
        assert_int_equal(slim_model_keep(cut, group, kept, count, &world->diag),
                         SLIM_OK);
        shape->sizes[group->layer * shape->arch->axis_count + group->axis] =
            count;
        cut->shape = shape;
        assert_true(slim_test_deviation_f32(
                        logits_of(world, cut, &slim_kernels_ref),
                        logits_of(world, zero, &slim_kernels_ref),
                        WINDOWS * LENGTH * made.vocab) < SLIM_NEAR_F32_ELEMENT);
        assert_true(slim_test_deviation_f32(
                        logits_of(world, cut, &slim_kernels_ref),
                        logits_of(world, world->model, &slim_kernels_ref),
                        WINDOWS * LENGTH * made.vocab) >
                    SLIM_NEAR_ORACLE_SLICED);
        slim_model_free(zero);
        slim_model_free(cut);
        seen++;
    }
    assert_int_equal(seen, 2 * made.layers);
}

static enum slim_status keep_grads(void *context, long layer, size_t window,
                                   struct slim_layer *weights,
                                   float *const *grads, struct slim_diag *diag)
{
    struct world *world = context;

    (void)layer;
    (void)window;
    (void)weights;
    (void)diag;
    for (size_t i = 0; i < world->info->arch->tensor_count; i++) {
        const struct slim_tensor *tensor = &world->info->arch->tensors[i];
        size_t count =
            rows_of(world->model, tensor) * columns_of(world->model, tensor);
        if (!grads[i])
            continue;
        world->grads[i] = SLIM_NEW_ARRAY(world->arena, count, float);
        memcpy(world->grads[i], grads[i], count * sizeof(float));
    }
    return SLIM_OK;
}

static void make_grads(struct world *world)
{
    struct slim_gradient_visit visit = { .context = world,
                                         .visit = keep_grads };
    double loss = 0.0;

    world->grads =
        SLIM_NEW_ARRAY(world->arena, world->info->arch->tensor_count, float *);
    assert_int_equal(slim_model_gradients(
                         &loss, world->model, world->ids, WINDOWS, LENGTH,
                         &visit, &slim_kernels_ref, NULL, NULL, &world->diag),
                     SLIM_OK);
}

/* Sum of w * g over the indices [from, from + count) of dimension d. */
static double salience(struct world *world, const struct slim_tensor *tensor,
                       size_t d, size_t from, size_t count)
{
    size_t columns = columns_of(world->model, tensor);
    const float *w = world->model->weights[tensor->index].buffer->data;
    const float *g = world->grads[tensor->index];
    double sum = 0.0;

    for (size_t i = 0; i < rows_of(world->model, tensor) * columns; i++) {
        size_t at = d ? i % columns : i / columns;
        if (at >= from && at < from + count)
            sum += (double)w[i] * (double)g[i];
    }
    return sum;
}

static double salience_all(struct world *world,
                           const struct slim_tensor *tensor)
{
    return salience(world, tensor, 0, 0, rows_of(world->model, tensor));
}

static void check_near(double have, double want)
{
    assert_true(slim_test_near(have, want, SLIM_NEAR_F32_SUM, 1.0));
}

/* Row c of v against the columns of o that read it, over its query heads. */
static void check_v_o(struct world *world, size_t layer)
{
    const struct slim_arch *arch = world->info->arch;
    const struct slim_tensor *v = slim_made_tensor(arch, layer, "v");
    const struct slim_tensor *o = slim_made_tensor(arch, layer, "o");

    for (size_t c = 0; c < made.kv * made.head; c++) {
        size_t kv = c / made.head, t = c % made.head;
        double sum = 0.0;
        for (size_t r = 0; r < made.rep; r++)
            sum +=
                salience(world, o, 1, (kv * made.rep + r) * made.head + t, 1);
        check_near(salience(world, v, 0, c, 1), sum);
    }
}

/* The two rows of a rotary pair of k against those of its query heads. */
static void check_q_k(struct world *world, size_t layer)
{
    const struct slim_arch *arch = world->info->arch;
    const struct slim_tensor *q = slim_made_tensor(arch, layer, "q");
    const struct slim_tensor *k = slim_made_tensor(arch, layer, "k");
    size_t half = made.head / 2;

    for (size_t kv = 0; kv < made.kv; kv++)
        for (size_t t = 0; t < half; t++) {
            size_t row = kv * made.head + t;
            double sum = 0.0;
            for (size_t r = 0; r < made.rep; r++) {
                size_t at = (kv * made.rep + r) * made.head + t;
                sum += salience(world, q, 0, at, 1) +
                       salience(world, q, 0, at + half, 1);
            }
            check_near(salience(world, k, 0, row, 1) +
                           salience(world, k, 0, row + half, 1),
                       sum);
        }
}

static void check_up_down(struct world *world, size_t layer)
{
    const struct slim_arch *arch = world->info->arch;
    const struct slim_tensor *up = slim_made_tensor(arch, layer, "up");
    const struct slim_tensor *down = slim_made_tensor(arch, layer, "down");

    for (size_t j = 0; j < made.mlp; j++)
        check_near(salience(world, up, 0, j, 1),
                   salience(world, down, 1, j, 1));
}

/* Gains of a norm against the columns of what reads it. */
static void check_norm(struct world *world, const struct slim_node *norm,
                       const struct slim_node *reader)
{
    const struct slim_tensor *gain = norm->slots[SLIM_NORM_WEIGHT];

    for (size_t i = 0; i < made.width; i++) {
        double sum = 0.0;
        for (size_t s = 0; s < SLIM_SLOTS; s++) {
            const struct slim_tensor *tensor = reader->slots[s];
            if (tensor && tensor->dims_count == 2 &&
                columns_of(world->model, tensor) == made.width &&
                strcmp(tensor->slot, "o") != 0 &&
                strcmp(tensor->slot, "down") != 0)
                sum += salience(world, tensor, 1, i, 1);
        }
        check_near(salience(world, gain, 0, i, 1), sum);
    }
}

static void test_salience_identities(void **state)
{
    struct world *world = *state;
    const struct slim_arch *arch = world->info->arch;
    double sum = 0.0;

    make_grads(world);
    for (size_t l = 0; l < made.layers; l++) {
        check_v_o(world, l);
        check_q_k(world, l);
        check_up_down(world, l);
        sum += salience_all(world, slim_made_tensor(arch, l, "o")) +
               salience_all(world, slim_made_tensor(arch, l, "down"));
    }
    for (size_t n = 0; n + 1 < arch->node_count; n++)
        if (arch->nodes[n].kind == SLIM_BLOCK_NORM)
            check_norm(world, &arch->nodes[n], &arch->nodes[n + 1]);
    /* the stream may be scaled as a whole: only eps notices */
    sum += salience_all(world, arch->nodes[0].slots[SLIM_EMBEDDING_WEIGHT]);
    check_near(sum, 0.0);
}

/* A layer on sequences of different lengths laid end to end. */
static void test_ragged_is_one_by_one(void **state)
{
    struct world *world = *state;
    const size_t starts[] = { 0, 1, 8, 8, 27 };
    float *together = SLIM_NEW_ARRAY(world->arena, 27 * made.width, float);
    float *apart = SLIM_NEW_ARRAY(world->arena, 27 * made.width, float);
    struct slim_batch batch = { world->ids, 4, starts };
    struct slim_layer *layer = slim_layer_new();
    struct slim_diag *diag = &world->diag;

    for (long part = -1; part <= (long)made.layers; part++) {
        assert_int_equal(slim_layer_load(layer, world->model, part, diag),
                         SLIM_OK);
        assert_int_equal(slim_layer_forward(together, layer, together, &batch,
                                            NULL, NULL, NULL, &slim_kernels_ref,
                                            diag),
                         SLIM_OK);
        for (size_t s = 0; s < 4; s++) {
            const size_t single[] = { 0, starts[s + 1] - starts[s] };
            struct slim_batch one = { world->ids + starts[s], 1, single };
            float *x = apart + starts[s] * made.width;
            assert_int_equal(slim_layer_forward(x, layer, x, &one, NULL, NULL,
                                                NULL, &slim_kernels_ref, diag),
                             SLIM_OK);
        }
        assert_memory_equal(together, apart, 27 * made.width * sizeof(float));
    }
    slim_layer_free(layer);
}

/* With a tape or without, whole or in two parts, a layer says the same. */
static void test_parts_of_a_layer(void **state)
{
    struct world *world = *state;
    const struct slim_arch *arch = world->info->arch;
    const size_t starts[] = { 0, 20 };
    size_t first = arch->layer_first[1], count = 20 * made.width;
    struct slim_batch batch = { world->ids, 1, starts };
    struct slim_buffer *x = slim_made_buffer(count, 0.0, 1.0, 1, 0);
    float *whole = SLIM_NEW_ARRAY(world->arena, count, float);
    float *parts = SLIM_NEW_ARRAY(world->arena, count, float);
    struct slim_layer *layer = slim_layer_new();
    struct slim_tape *tape = slim_tape_new();
    struct slim_diag *diag = &world->diag;

    assert_int_equal(slim_layer_load(layer, world->model, 1, diag), SLIM_OK);
    assert_int_equal(slim_layer_forward(whole, layer, x->data, &batch, tape,
                                        NULL, NULL, &slim_kernels_ref, diag),
                     SLIM_OK);
    slim_layer_limit(layer, first, first + 3);
    assert_int_equal(slim_layer_forward(parts, layer, x->data, &batch, NULL,
                                        NULL, NULL, &slim_kernels_ref, diag),
                     SLIM_OK);
    slim_layer_limit(layer, first + 3, first + 6);
    assert_int_equal(slim_layer_forward(parts, layer, parts, &batch, NULL, NULL,
                                        NULL, &slim_kernels_ref, diag),
                     SLIM_OK);
    assert_memory_equal(whole, parts, count * sizeof(float));
    slim_tape_free(tape);
    slim_layer_free(layer);
    slim_buffer_release(x);
}

static void test_threads_change_nothing(void **state)
{
    struct world *world = *state;
    const struct slim_kernels *tables[] = { &slim_kernels_ref,
                                            slim_kernels_blas() };
    size_t before = slim_threads();

    for (size_t k = 0; k < 2; k++) {
        slim_threads_set(1);
        const float *one = logits_of(world, world->model, tables[k]);
        slim_threads_set(2);
        const float *two = logits_of(world, world->model, tables[k]);
        assert_memory_equal(one, two,
                            WINDOWS * LENGTH * made.vocab * sizeof(float));
    }
    slim_threads_set(before);
}

/* A budget that holds one group of windows at a time changes no loss. */
static void test_memory_changes_nothing(void **state)
{
    struct world *world = *state;
    enum { MANY = 2000 };
    int32_t *ids = SLIM_NEW_ARRAY(world->arena, MANY * 4, int32_t);
    double *all = SLIM_NEW_ARRAY(world->arena, MANY, double);
    double *few = SLIM_NEW_ARRAY(world->arena, MANY, double);

    slim_made_ids(ids, MANY * 4, made.vocab, 8);
    assert_int_equal(slim_model_nll(all, world->model, ids, MANY, 4, 0, NULL,
                                    &slim_kernels_ref, NULL, NULL,
                                    &world->diag),
                     SLIM_OK);
    assert_int_equal(slim_model_nll(few, world->model, ids, MANY, 4, 1, NULL,
                                    &slim_kernels_ref, NULL, NULL,
                                    &world->diag),
                     SLIM_OK);
    assert_memory_equal(all, few, MANY * sizeof(double));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_zero_is_remove, setup, teardown),
        cmocka_unit_test_setup_teardown(test_salience_identities, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(test_ragged_is_one_by_one, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(test_parts_of_a_layer, setup, teardown),
        cmocka_unit_test_setup_teardown(test_threads_change_nothing, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(test_memory_changes_nothing, setup,
                                        teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
