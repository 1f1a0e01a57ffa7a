/* families.c - what must hold of every family: removed is as good as nil,
 * gradients are slopes, norms may move into what writes and reads them */
#include "runtime/stage/rotate.h"
#include "runtime/stage/stages.h"
#include "tests/kinds.h"
#include "tests/support.h"
#include "tests/tolerance.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

/* ---- removed is as good as nil ---- */

/* A copy in which what the units that go hold is nil. */
static struct slim_model *zeroed(struct slim_kind_world *world,
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
        slim_kind_check(
            world, slim_model_read(buffer->data, model, tensor, &world->diag));
        for (size_t i = 0; i < rows * columns; i++)
            if (!alive[units[d ? i % columns : i / columns]])
                buffer->data[i] = 0.0f;
        slim_model_set(model, tensor, buffer, rows, columns);
    }
    return model;
}

static struct slim_model *without(struct slim_kind_world *world,
                                  const struct slim_group *group,
                                  const uint32_t *kept, size_t count)
{
    struct slim_model *cut = slim_model_copy(world->model);
    struct slim_shape *shape = slim_shape_copy(cut->shape, world->arena);

    slim_kind_check(world,
                    slim_model_keep(cut, group, kept, count, &world->diag));
    shape->sizes[group->layer * shape->arch->axis_count + group->axis] = count;
    cut->shape = shape;
    return cut;
}

static void check_group(struct slim_kind_world *world,
                        const struct slim_group *group)
{
    bool alive[64] = { false };
    uint32_t kept[64];

    size_t count = 0;

    assert_true(group->units <= SLIM_COUNT(kept));
    if (group->units == 1)
        return; /* the last one stays: one key/value head for all */
    for (uint32_t u = 0; u < group->units; u++)
        if (u % 3 != 1) {
            alive[u] = true;
            kept[count++] = u;
        }
    struct slim_model *zero = zeroed(world, group, alive);
    struct slim_model *cut = without(world, group, kept, count);
    double nil = slim_kind_apart(world, cut, zero);
    double moved = slim_kind_apart(world, cut, world->model);

    if (!(nil < SLIM_NEAR_F32_ELEMENT && moved > SLIM_NEAR_ORACLE_SLICED))
        fail_msg("%s, axis %zu of layer %zu: %g from nil, %g from what was",
                 world->name, group->axis, group->layer, nil, moved);
    slim_model_free(zero);
    slim_model_free(cut);
}

static void zero_is_remove(void **state)
{
    struct slim_kind_world world;
    size_t seen = 0;

    slim_kind_open(&world, *state);
    struct slim_groups *groups = slim_discover(world.info->shape, world.arena);
    for (size_t g = 0; g < groups->count; g++)
        if (groups->items[g].layer != SLIM_NO_LAYER) {
            check_group(&world, &groups->items[g]);
            seen++;
        }
    assert_int_equal(seen, 2 * world.info->arch->layers);
    slim_kind_close(&world);
}

/* ---- gradients are slopes ---- */

static size_t elements(const struct slim_kind_world *world,
                       const struct slim_tensor *tensor)
{
    return slim_tensor_size(world->model->shape, tensor, 0) *
           slim_tensor_size(world->model->shape, tensor, 1);
}

static enum slim_status keep_grads(void *context, long layer, size_t window,
                                   struct slim_layer *weights,
                                   float *const *grads, struct slim_diag *diag)
{
    struct slim_kind_world *world = context;
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
static double loss_moved(struct slim_kind_world *world,
                         const struct slim_tensor *tensor, double step)
{
    struct slim_model *copy = slim_model_copy(world->model);
    const struct slim_weight *weight = &copy->weights[tensor->index];
    size_t count = elements(world, tensor);
    struct slim_buffer *buffer = slim_buffer_new(count);
    double nll[SLIM_KIND_WINDOWS], sum = 0.0;

    for (size_t i = 0; i < count; i++)
        buffer->data[i] =
            (float)((double)weight->buffer->data[i] +
                    step * (double)world->grads[tensor->index][i]);
    slim_model_set(copy, tensor, buffer, weight->size[0], weight->size[1]);
    slim_kind_check(world,
                    slim_model_nll(nll, copy, world->ids, SLIM_KIND_WINDOWS,
                                   SLIM_KIND_LENGTH, 0, NULL, &slim_kernels_ref,
                                   NULL, NULL, &world->diag));
    for (size_t w = 0; w < SLIM_KIND_WINDOWS; w++)
        sum += nll[w];
    slim_model_free(copy);
    return sum / (SLIM_KIND_WINDOWS * (SLIM_KIND_LENGTH - 1));
}

/* Fourth-order difference along the gradient against its squared length. */
static bool check_slope(struct slim_kind_world *world,
                        const struct slim_tensor *tensor)
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
    struct slim_kind_world world;
    struct slim_gradient_visit visit = { .context = &world,
                                         .visit = keep_grads };
    double loss = 0.0;
    size_t nil = 0;

    slim_kind_open(&world, *state);
    const struct slim_arch *arch = world.info->arch;
    world.grads = SLIM_NEW_ARRAY(world.arena, arch->tensor_count, float *);
    slim_kind_check(&world, slim_model_gradients(
                                &loss, world.model, world.ids,
                                SLIM_KIND_WINDOWS, SLIM_KIND_LENGTH, &visit,
                                &slim_kernels_ref, NULL, NULL, &world.diag));
    for (size_t i = 0; i < arch->tensor_count; i++)
        if (world.grads[i] && !check_slope(&world, &arch->tensors[i]))
            nil++;
    assert_true(nil <= arch->layers);
    slim_kind_close(&world);
}

/* ---- norms in what writes and reads them ---- */

/* Rotation begins so; where the stream itself is normalised it is refused. */
static void absorbed_is_equal(void **state)
{
    struct slim_model *absorbed = NULL;
    struct slim_rotate_args args = { .per = SLIM_PER_MODEL };
    struct slim_kind_world world;

    slim_kind_open(&world, *state);
    struct slim_op op = { .stage = &slim_stage_rotate,
                          .text = "rotate",
                          .args = &args,
                          .before = world.info->shape };
    bool normed = strcmp(world.name, "chatglm") == 0 ||
                  strcmp(world.name, "opt_post_norm") == 0;
    bool refused = slim_stage_rotate.resolve(&op, &world.diag) != SLIM_OK;

    assert_int_equal(refused, normed);
    if (!refused) {
        slim_kind_check(&world,
                        slim_absorb_norms(&absorbed, world.model, &world.diag));
        double off = slim_kind_apart(&world, absorbed, world.model);
        if (!(off < SLIM_NEAR_F32_LAYER))
            fail_msg("%s: %g from what was", world.name, off);
    }
    slim_model_free(absorbed);
    slim_kind_close(&world);
}

int main(void)
{
    static const struct {
        const char *name;
        CMUnitTestFunction run;
    } checks[] = {
        { "zero is remove", zero_is_remove },
        { "gradients are slopes", gradients_are_slopes },
        { "absorbed is equal", absorbed_is_equal },
    };
    struct CMUnitTest tests[SLIM_COUNT(checks) * 64];
    char names[SLIM_COUNT(tests)][64];
    size_t count = SLIM_COUNT(checks) * slim_kind_count;

    assert_true(count <= SLIM_COUNT(tests));
    for (size_t i = 0; i < count; i++) {
        const struct slim_kind *kind = &slim_kinds[i / SLIM_COUNT(checks)];
        (void)snprintf(names[i], sizeof(names[i]), "%s: %s", kind->name,
                       checks[i % SLIM_COUNT(checks)].name);
        tests[i] = (struct CMUnitTest){
            .name = names[i],
            .test_func = checks[i % SLIM_COUNT(checks)].run,
            .initial_state = (void *)(uintptr_t)kind,
        };
    }
    return _cmocka_run_group_tests("families", tests, count, NULL, NULL);
}
