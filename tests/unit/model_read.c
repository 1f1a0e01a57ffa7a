/* model_read.c - tensors from disk: element types, selections, turned storage,
 * numbers that are none; copies that share */
#include "tests/made.h"
#include "tests/support.h"

#include <math.h>
#include <string.h>

/* A model whose first layer's `up` [6, 4] lies in a file made by the test. */
struct world {
    struct slim_arena *arena;
    struct slim_diag diag;
    char *directory;
    struct slim_model_info *info;
    struct slim_model *model;
    struct slim_tensor *up;
};

enum { ROWS = 6, COLUMNS = 4, COUNT = ROWS * COLUMNS };

static const struct slim_made made = { .layers = 1,
                                       .vocab = 9,
                                       .width = COLUMNS,
                                       .kv = 1,
                                       .rep = 1,
                                       .head = 2,
                                       .mlp = ROWS };

static int setup(void **state)
{
    struct world *world = calloc(1, sizeof(*world));

    assert_non_null(world);
    world->arena = slim_arena_open();
    world->diag.arena = world->arena;
    world->directory = slim_test_directory();
    world->info = slim_made_info(&made, world->arena);
    size_t index = slim_made_tensor(world->info->arch, 0, "up")->index;
    world->up = &world->info->arch->tensors[index];
    *state = world;
    return 0;
}

static int teardown(void **state)
{
    struct world *world = *state;

    slim_model_free(world->model);
    slim_test_directory_remove(world->directory);
    slim_arena_close(world->arena);
    free(world);
    return 0;
}

/* Puts bytes at an odd offset of a file, as headers of any length do. */
static void store(struct world *world, const void *bytes, size_t count,
                  enum slim_dtype dtype)
{
    char *path = slim_test_join(world->directory, "weights");
    unsigned char whole[3 + 4 * COUNT] = { 0 };
    struct slim_disk_file *file = SLIM_NEW(world->arena, struct slim_disk_file);
    struct slim_disk_tensor *disk =
        SLIM_NEW(world->arena, struct slim_disk_tensor);

    memcpy(whole + 3, bytes, count);
    slim_test_write(path, whole, 3 + count);
    file->path = slim_arena_strdup(world->arena, path);
    file->size = 3 + count;
    file->source.name = "weights";
    *disk = (struct slim_disk_tensor){ .name = "up.weight",
                                       .dtype = dtype,
                                       .dims_count = 2,
                                       .dims = { ROWS, COLUMNS },
                                       .offset = 3,
                                       .bytes = count };
    if (world->up->transposed) {
        disk->dims[0] = COLUMNS;
        disk->dims[1] = ROWS;
    }
    world->up->disk = disk;
    world->info->checkpoint->files = file;
    world->info->checkpoint->file_count = 1;
    free(path);
    assert_int_equal(slim_model_load(&world->model, world->info, &world->diag),
                     SLIM_OK);
}

static void read_up(struct world *world, float *out)
{
    assert_int_equal(
        slim_model_read(out, world->model, world->up, &world->diag), SLIM_OK);
}

static void test_f32(void **state)
{
    float values[COUNT], have[COUNT];

    for (size_t i = 0; i < COUNT; i++)
        values[i] = (float)i * 0.37f - 3.0f;
    store(*state, values, sizeof(values), SLIM_DTYPE_F32);
    read_up(*state, have);
    assert_memory_equal(have, values, sizeof(values));
}

static void test_bf16(void **state)
{
    uint16_t values[COUNT] = { 0x3f80, 0xc020, 0x0001, 0x7f7f };
    float have[COUNT];

    store(*state, values, sizeof(values), SLIM_DTYPE_BF16);
    read_up(*state, have);
    assert_true(have[0] == 1.0f && have[1] == -2.5f && have[4] == 0.0f);
    assert_true(have[2] == 0x1p-133f && have[3] == 0x1.fep127f);
}

/* Stand in for packing, to tell whether halves went through f32. */
static void pack(uint16_t *packed, const struct slim_pack_form *form,
                 void (*row)(void *context, uint16_t *out, size_t r),
                 void *context)
{
    for (size_t r = 0; r < form->out; r++)
        row(context, packed + r * form->in, r);
}

static void pack_wide(uint16_t *packed, const float *w,
                      const struct slim_pack_form *form)
{
    for (size_t i = 0; i < form->out * form->in; i++)
        packed[i] = (uint16_t)(1000.0f + w[i]);
}

static const struct slim_narrow_kernels marked = { .pack = pack,
                                                   .pack_wide = pack_wide };

static enum slim_status read_narrow(struct world *world, uint16_t *out)
{
    return slim_model_read_packed(out, world->model, world->up, false, &marked,
                                  &world->diag);
}

static void test_narrow(void **state)
{
    struct world *world = *state;
    uint16_t values[COUNT], have[COUNT], turned[COUNT];

    for (size_t i = 0; i < COUNT; i++) {
        values[i] = (uint16_t)(0x3f80 + i);
        turned[i % COLUMNS * ROWS + i / COLUMNS] = values[i];
    }
    store(world, values, sizeof(values), SLIM_DTYPE_BF16);
    assert_int_equal(read_narrow(world, have), SLIM_OK);
    assert_memory_equal(have, values, sizeof(values));
    slim_model_free(world->model);
    world->up->transposed = true;
    store(world, turned, sizeof(turned), SLIM_DTYPE_BF16);
    assert_int_equal(read_narrow(world, have), SLIM_OK);
    assert_memory_equal(have, values, sizeof(values));
}

/* Some rows are those of the whole, from a file and from a buffer. */
static void test_rows_alone(void **state)
{
    struct world *world = *state;
    struct slim_buffer *buffer = slim_buffer_new(COUNT);
    float values[COUNT], have[2 * COLUMNS];

    assert_non_null(buffer);
    for (size_t i = 0; i < COUNT; i++)
        values[i] = buffer->data[i] = (float)i;
    store(world, values, sizeof(values), SLIM_DTYPE_F32);
    for (int from = 0; from < 2; from++) {
        assert_int_equal(slim_model_read_rows(have, world->model, world->up, 3,
                                              2, &world->diag),
                         SLIM_OK);
        assert_memory_equal(have, values + 3 * COLUMNS, sizeof(have));
        if (from == 0)
            slim_model_set(world->model, world->up, buffer, ROWS, COLUMNS);
    }
}

/* Other types, and buffers, are rounded. */
static void test_narrow_rounds(void **state)
{
    struct world *world = *state;
    struct slim_buffer *buffer = slim_buffer_new(COUNT);
    float values[COUNT];
    uint16_t have[COUNT];

    assert_non_null(buffer);
    for (size_t i = 0; i < COUNT; i++) {
        values[i] = (float)i;
        buffer->data[i] = (float)(2 * i);
    }
    store(world, values, sizeof(values), SLIM_DTYPE_F32);
    assert_int_equal(read_narrow(world, have), SLIM_OK);
    assert_int_equal(have[COUNT - 1], 1000 + COUNT - 1);
    slim_model_set(world->model, world->up, buffer, ROWS, COLUMNS);
    assert_int_equal(read_narrow(world, have), SLIM_OK);
    assert_int_equal(have[COUNT - 1], 1000 + 2 * (COUNT - 1));
}

static void test_narrow_no_number(void **state)
{
    struct world *world = *state;
    uint16_t values[COUNT] = { [COUNT - 1] = 0xff80 }, have[COUNT];

    store(world, values, sizeof(values), SLIM_DTYPE_BF16);
    assert_int_equal(read_narrow(world, have), SLIM_FAILED);
    assert_string_equal(world->diag.first->code, "F140");
}

static void test_f16(void **state)
{
    /* one, -2.5, the smallest subnormal, the largest, -0, 2^-14 */
    uint16_t values[COUNT] = { 0x3c00, 0xc100, 0x0001, 0x7bff, 0x8000, 0x0400 };
    float have[COUNT];

    store(*state, values, sizeof(values), SLIM_DTYPE_F16);
    read_up(*state, have);
    assert_true(have[0] == 1.0f && have[1] == -2.5f);
    assert_true(have[2] == 0x1p-24f && have[3] == 65504.0f);
    assert_true(have[4] == 0.0f && signbit(have[4]) && have[5] == 0x1p-14f);
}

static const struct slim_group *group_of(const struct world *world,
                                         const struct slim_shape *shape,
                                         size_t layer)
{
    struct slim_groups *groups = slim_discover(shape, world->arena);

    for (size_t g = 0; g < groups->count; g++)
        if (groups->items[g].layer == layer &&
            groups->items[g].units == (layer == 0 ? ROWS : COLUMNS))
            return &groups->items[g];
    fail_msg("no such group");
    return NULL;
}

/* Selections compose, on rows and columns, whichever way the file lies. */
static void check_selection(struct world *world)
{
    float values[COUNT], have[COUNT];
    const uint32_t first[] = { 0, 2, 3, 5 }, channels[] = { 1, 3 };
    const uint32_t second[] = { 1, 3 };
    const size_t rows[] = { 2, 5 };

    for (size_t i = 0; i < COUNT; i++)
        values[i] = (float)i;
    store(world, values, sizeof(values), SLIM_DTYPE_F32);
    struct slim_shape *shape =
        slim_shape_copy(world->model->shape, world->arena);
    size_t *mlp = &shape->sizes[world->up->dims[0]->axis];
    assert_int_equal(slim_model_keep(world->model, group_of(world, shape, 0),
                                     first, 4, &world->diag),
                     SLIM_OK);
    *mlp = 4;
    world->model->shape = shape;
    struct slim_group again = *group_of(world, world->info->shape, 0);
    again.units = 4;
    assert_int_equal(
        slim_model_keep(world->model, &again, second, 2, &world->diag),
        SLIM_OK);
    shape = slim_shape_copy(shape, world->arena);
    shape->sizes[world->up->dims[0]->axis] = 2;
    world->model->shape = shape;
    assert_int_equal(slim_model_keep(world->model,
                                     group_of(world, shape, SLIM_NO_LAYER),
                                     channels, 2, &world->diag),
                     SLIM_OK);
    read_up(world, have);
    for (size_t r = 0; r < 2; r++)
        for (size_t c = 0; c < 2; c++) {
            size_t at = world->up->transposed ? channels[c] * ROWS + rows[r]
                                              : rows[r] * COLUMNS + channels[c];
            assert_true(have[r * 2 + c] == values[at]);
        }
}

static void test_selection(void **state)
{
    check_selection(*state);
}

static void test_selection_turned(void **state)
{
    struct world *world = *state;

    world->up->transposed = true;
    check_selection(world);
}

static void test_no_numbers(void **state)
{
    struct world *world = *state;
    float values[COUNT] = { 0 }, have[COUNT];

    values[2 * COLUMNS + 1] = NAN;
    values[4 * COLUMNS] = INFINITY;
    store(world, values, sizeof(values), SLIM_DTYPE_F32);
    assert_int_equal(
        slim_model_read(have, world->model, world->up, &world->diag),
        SLIM_FAILED);
    assert_string_equal(world->diag.first->code, "F140");
    assert_string_equal(world->diag.first->message,
                        "tensor \"up.weight\" holds NaN at [2, 1]");
}

/* What a copy is given, its source does not see. */
static void test_copies_share(void **state)
{
    struct world *world = *state;
    float values[COUNT] = { 1.0f }, have[COUNT];

    store(world, values, sizeof(values), SLIM_DTYPE_F32);
    struct slim_model *copy = slim_model_copy(world->model);
    slim_model_set(copy, world->up, slim_made_buffer(COUNT, 7.0, 0.0, 1, 1),
                   ROWS, COLUMNS);
    struct slim_model *third = slim_model_copy(copy);
    slim_model_free(copy);
    read_up(world, have);
    assert_memory_equal(have, values, sizeof(values));
    assert_int_equal(slim_model_read(have, third, world->up, &world->diag),
                     SLIM_OK);
    assert_true(have[COUNT - 1] == 7.0f);
    slim_model_free(third);
}

static void test_shrunk_file(void **state)
{
    struct world *world = *state;
    float values[COUNT] = { 0 };
    struct slim_model *second = NULL;

    store(world, values, sizeof(values), SLIM_DTYPE_F32);
    world->info->checkpoint->files[0].size += 8;
    assert_int_equal(slim_model_load(&second, world->info, &world->diag),
                     SLIM_FAILED);
    assert_string_equal(world->diag.first->code, "I120");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_f32, setup, teardown),
        cmocka_unit_test_setup_teardown(test_bf16, setup, teardown),
        cmocka_unit_test_setup_teardown(test_narrow, setup, teardown),
        cmocka_unit_test_setup_teardown(test_rows_alone, setup, teardown),
        cmocka_unit_test_setup_teardown(test_narrow_rounds, setup, teardown),
        cmocka_unit_test_setup_teardown(test_narrow_no_number, setup, teardown),
        cmocka_unit_test_setup_teardown(test_f16, setup, teardown),
        cmocka_unit_test_setup_teardown(test_selection, setup, teardown),
        cmocka_unit_test_setup_teardown(test_selection_turned, setup, teardown),
        cmocka_unit_test_setup_teardown(test_no_numbers, setup, teardown),
        cmocka_unit_test_setup_teardown(test_copies_share, setup, teardown),
        cmocka_unit_test_setup_teardown(test_shrunk_file, setup, teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
