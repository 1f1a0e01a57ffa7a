/* model_slopes.c - the slopes of ALiBi, and that each stays with its head */
#include "compiler/ir/slopes.h"
#include "runtime/model/model.h"
#include "tests/support.h"
#include "tests/tiny.h"
#include "tests/tolerance.h"

#include <math.h>

enum { HEADS = 4, DIM = 8, WIDTH = HEADS * DIM, LENGTH = 20, VOCAB = 40 };

/* The numbers of Press et al.: 1/2, 1/4, .., 1/256 for eight heads; for five
 * those of four, and then the first of eight. */
static void the_published_sequence(void **state)
{
    (void)state;
    static const double five[] = { 1.0 / 4, 1.0 / 16, 1.0 / 64, 1.0 / 256,
                                   1.0 / 2 };
    for (size_t h = 0; h < 8; h++)
        assert_true(slim_alibi_slope(h, 8) == ldexp(1.0, -(int)h - 1));
    for (size_t h = 0; h < 5; h++)
        assert_true(slim_alibi_slope(h, 5) == five[h]);
    assert_true(slim_alibi_slope(0, 1) == 1.0 / 256);
}

struct world {
    struct slim_diag diag;
    struct slim_model_info *info;
    struct slim_model *model;
    char *folder;
};

static void open_world(struct world *world)
{
    char *families = slim_test_source("compiler/families");
    char *family = slim_test_source("compiler/families/bloom.yaml");

    *world = (struct world){ .diag = { .arena = slim_arena_open() },
                             .folder = slim_test_directory() };
    slim_test_tiny(world->folder,
                   &(struct slim_tiny){
                       .config = "{\"model_type\":\"bloom\",\"n_layer\":2,"
                                 "\"hidden_size\":32,\"n_head\":4,"
                                 "\"vocab_size\":40}",
                       .family = family,
                       .seed = 5 });
    assert_int_equal(slim_model_open(&world->info, world->folder, families,
                                     (struct slim_span){ 0 }, &world->diag),
                     SLIM_OK);
    assert_int_equal(slim_model_load(&world->model, world->info, &world->diag),
                     SLIM_OK);
    free(family);
    free(families);
}

static void close_world(struct world *world)
{
    slim_model_free(world->model);
    slim_arena_close(world->diag.arena);
    slim_test_directory_remove(world->folder);
}

static void logits_of(float *out, struct world *world, struct slim_model *model)
{
    int32_t ids[LENGTH];

    for (int32_t i = 0; i < LENGTH; i++)
        ids[i] = (7 * i * i + 3) % VOCAB;
    assert_int_equal(slim_model_logits(out, model, ids, 1, LENGTH,
                                       &slim_kernels_ref, &world->diag),
                     SLIM_OK);
}

/* A head whose columns of the output matrix are nil might as well be absent. */
static struct slim_model *silenced(struct world *world, size_t head)
{
    struct slim_model *model = slim_model_copy(world->model);
    const struct slim_arch *arch = model->info->arch;
    size_t count = (size_t)WIDTH * WIDTH;

    for (size_t n = 0; n < arch->node_count; n++) {
        const struct slim_node *node = &arch->nodes[n];
        if (node->kind != SLIM_BLOCK_ATTENTION || node->layer != 0)
            continue;
        struct slim_buffer *buffer = slim_buffer_new(count);
        assert_int_equal(slim_model_read(buffer->data, model,
                                         node->slots[SLIM_ATTENTION_O],
                                         &world->diag),
                         SLIM_OK);
        for (size_t i = 0; i < count; i++)
            if (i % WIDTH / DIM == head)
                buffer->data[i] = 0.0f;
        slim_model_set(model, node->slots[SLIM_ATTENTION_O], buffer, WIDTH,
                       WIDTH);
    }
    return model;
}

static struct slim_model *without(struct world *world, size_t head)
{
    struct slim_model *model = slim_model_copy(world->model);
    struct slim_arena *arena = world->diag.arena;
    const struct slim_groups *groups = slim_discover(model->shape, arena);
    struct slim_shape *shape = slim_shape_copy(model->shape, arena);
    uint32_t kept[HEADS];
    size_t count = 0;

    for (size_t h = 0; h < HEADS; h++)
        if (h != head)
            kept[count++] = (uint32_t)h;
    for (size_t g = 0; g < groups->count; g++) {
        const struct slim_group *group = &groups->items[g];
        if (group->role != SLIM_ROLE_ATTN || group->layer != 0)
            continue;
        assert_int_equal(
            slim_model_keep(model, group, kept, count, &world->diag), SLIM_OK);
        shape->sizes[group->axis] = count;
    }
    model->shape = shape;
    return model;
}

static void a_slope_stays_with_its_head(void **state)
{
    (void)state;
    struct world world;

    open_world(&world);
    for (size_t head = 0; head < HEADS; head++) {
        struct slim_model *quiet = silenced(&world, head);
        struct slim_model *less = without(&world, head);
        float a[LENGTH * VOCAB], b[LENGTH * VOCAB];

        logits_of(a, &world, quiet);
        logits_of(b, &world, less);
        double apart = slim_test_deviation_f32(b, a, LENGTH * VOCAB);
        if (!(apart <= SLIM_NEAR_F32_SUM))
            fail_msg("without head %zu logits are %.3g deviations away", head,
                     apart);
        slim_model_free(quiet);
        slim_model_free(less);
    }
    close_world(&world);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_published_sequence),
        cmocka_unit_test(a_slope_stays_with_its_head),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
