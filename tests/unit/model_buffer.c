/* model_buffer.c - what stages make of weights: where it stands, what it holds */
#include "base/file.h"
#include "runtime/store/codec.h"
#include "tests/made.h"
#include "tests/support.h"

#include <string.h>

/* The up projection, 256 x 96, is large; a norm's weight is not. */
static const struct slim_made sizes = { .layers = 2,
                                        .vocab = 64,
                                        .width = 96,
                                        .kv = 2,
                                        .rep = 2,
                                        .head = 16,
                                        .mlp = 256,
                                        .eps = 1e-5 };
enum { ROWS = 256, COLUMNS = 96, COUNT = ROWS * COLUMNS };

struct world {
    struct slim_diag diag;
    struct slim_model_info *info;
    struct slim_model *model;
    const struct slim_tensor *up;
    char *folder;
};

static int set_up(void **state)
{
    struct world *world = calloc(1, sizeof(*world));

    assert_non_null(world);
    world->diag.arena = slim_arena_open();
    world->info = slim_made_info(&sizes, world->diag.arena);
    world->model = slim_made_model(world->info, 7);
    world->up = slim_made_tensor(world->info->arch, 1, "up");
    world->folder = slim_test_directory();
    *state = world;
    return 0;
}

static int tear_down(void **state)
{
    struct world *world = *state;

    slim_model_free(world->model);
    slim_arena_close(world->diag.arena);
    slim_test_directory_remove(world->folder);
    free(world);
    return 0;
}

static float number(size_t i)
{
    return (float)(i % 1000) * 0.5f;
}

static struct slim_buffer *give(struct world *world)
{
    struct slim_buffer *buffer = NULL;

    assert_int_equal(slim_model_room(&buffer, world->model, world->up, ROWS,
                                     COLUMNS, &world->diag),
                     SLIM_OK);
    for (size_t i = 0; i < COUNT; i++)
        buffer->data[i] = number(i);
    slim_model_give(world->model, world->up, buffer, ROWS, COLUMNS);
    return buffer;
}

static void holds_them(struct world *world)
{
    float have[COUNT];

    assert_int_equal(
        slim_model_read(have, world->model, world->up, &world->diag), SLIM_OK);
    for (size_t i = 0; i < COUNT; i++)
        assert_true(have[i] == number(i));
}

static void test_large_ones_leave_memory(void **state)
{
    struct world *world = *state;
    const struct slim_tensor *norm =
        slim_made_tensor(world->info->arch, 1, "weight");
    struct slim_buffer *buffer = NULL;

    assert_false(slim_buffer_spilled(give(world)));
    world->model->spill = world->folder;
    assert_true(slim_buffer_spilled(give(world)));
    holds_them(world);
    assert_int_equal(slim_model_room(&buffer, world->model, norm, sizes.width,
                                     1, &world->diag),
                     SLIM_OK);
    assert_false(slim_buffer_spilled(buffer));
    slim_buffer_release(buffer);
}

static void test_copies_share_them(void **state)
{
    struct world *world = *state;

    world->model->spill = world->folder;
    (void)give(world);
    struct slim_model *copy = slim_model_copy(world->model);
    assert_non_null(copy);
    assert_string_equal(copy->spill, world->folder);
    slim_model_free(world->model);
    world->model = copy;
    holds_them(world);
}

/* What the store has is not kept twice, and a copy sees it too. */
static void test_the_store_takes_them(void **state)
{
    struct world *world = *state;
    struct slim_arena *arena = world->diag.arena;
    struct slim_store *store = slim_store_open(
        slim_path_join(arena, world->folder, "s"), arena, &world->diag);
    struct slim_packing packing = { .store = store };

    world->model->spill = world->folder;
    struct slim_buffer *buffer = give(world);
    struct slim_model *copy = slim_model_copy(world->model);
    json_t *layer = slim_pack_layer(&packing, world->model, 1);

    assert_non_null(layer);
    assert_non_null(copy);
    assert_false(slim_buffer_spilled(buffer));
    holds_them(world);
    slim_model_free(world->model);
    world->model = copy;
    holds_them(world);
    json_decref(layer);
}

static void test_a_full_disk(void **state)
{
    struct world *world = *state;
    struct slim_buffer *buffer = NULL;

    world->model->spill = world->folder;
    slim_file_fail_after(1);
    assert_int_equal(slim_model_room(&buffer, world->model, world->up, ROWS,
                                     COLUMNS, &world->diag),
                     SLIM_FAILED);
    assert_null(buffer);
    assert_true(slim_test_has_error(&world->diag, "O001"));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_large_ones_leave_memory),
        TEST(test_copies_share_them),
        TEST(test_the_store_takes_them),
        TEST(test_a_full_disk),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
