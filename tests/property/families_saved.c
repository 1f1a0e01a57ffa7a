/* families_saved.c - of every family: what is saved and read again computes what it
 * computed, as a class of transformers and with code of its own */
#include "base/file.h"
#include "runtime/format/export.h"
#include "tests/kinds.h"
#include "tests/support.h"
#include "tests/tolerance.h"

#include <stdio.h>
#include <string.h>

/* Of the two names that the type of numbers has, the newer one would win. */
static void check_type(struct slim_kind_world *world, const char *directory)
{
    char *path = slim_test_join(directory, "config.json");
    char *text = slim_test_read(path, NULL);

    if (strstr(text, "\"dtype\"") ||
        !strstr(text, "\"torch_dtype\": \"float32\""))
        fail_msg("%s: %s", world->name, text);
    free(text);
    free(path);
}

static void write(struct slim_kind_world *world, struct slim_model *model,
                  const char *directory, bool stock)
{
    struct slim_run run = { .arena = world->arena,
                            .diag = &world->diag,
                            .input = world->info };
    struct slim_op op = { .text = "save" };
    struct slim_export export = { .run = &run,
                                  .op = &op,
                                  .model = model,
                                  .dtype = SLIM_DTYPE_F32,
                                  .shard_bytes = 1 << 20,
                                  .directory = directory };

    slim_kind_check(world, slim_export_model(&export));
    check_type(world, directory);
    if (export.stock != stock)
        fail_msg("%s: %s", world->name, stock ? "no class" : "a class");
}

static struct slim_model *read_again(struct slim_kind_world *world,
                                     const struct slim_kind *kind,
                                     const char *directory)
{
    struct slim_model_info *info = NULL;
    struct slim_model *model = NULL;
    struct slim_span at = { 0 };
    char *family = slim_test_source(kind->file);

    slim_kind_check(world,
                    slim_model_open(&info, directory,
                                    slim_path_directory(world->arena, family),
                                    at, &world->diag));
    slim_kind_check(world, slim_model_load(&model, info, &world->diag));
    free(family);
    return model;
}

static void check_saved(struct slim_kind_world *world,
                        const struct slim_kind *kind, struct slim_model *model,
                        bool stock)
{
    char *directory = slim_test_directory();
    const char *path = slim_arena_strdup(world->arena, directory);

    write(world, model, path, stock);
    struct slim_model *again = read_again(world, kind, path);
    double off = slim_kind_apart(world, again, model);
    if (off > SLIM_NEAR_EXACT)
        fail_msg("%s: %g apart", world->name, off);
    slim_model_free(again);
    slim_test_directory_remove(directory);
}

/* Layers that stay alike are a class of transformers, where there is one. */
static void whole(void **state)
{
    struct slim_kind_world world;

    slim_kind_open(&world, *state);
    check_saved(&world, *state, world.model,
                world.info->arch->save_class != NULL);
    slim_kind_close(&world);
}

/* The first layer loses the first unit of each group. */
static void cut(void **state)
{
    struct slim_kind_world world;
    uint32_t kept[64];

    slim_kind_open(&world, *state);
    struct slim_groups *groups = slim_discover(world.info->shape, world.arena);
    struct slim_model *model = slim_model_copy(world.model);
    struct slim_shape *shape = slim_shape_copy(model->shape, world.arena);
    for (size_t g = 0; g < groups->count; g++) {
        const struct slim_group *group = &groups->items[g];
        if (group->layer != 0 || group->units < 2)
            continue;
        for (uint32_t u = 1; u < group->units; u++)
            kept[u - 1] = u;
        slim_kind_check(&world, slim_model_keep(model, group, kept,
                                                group->units - 1, &world.diag));
        shape->sizes[group->axis] = group->units - 1;
    }
    model->shape = shape;
    check_saved(&world, *state, model, false);
    slim_model_free(model);
    slim_kind_close(&world);
}

int main(void)
{
    struct CMUnitTest tests[2 * 64];
    char names[SLIM_COUNT(tests)][64];

    assert_true(2 * slim_kind_count <= SLIM_COUNT(tests));
    for (size_t i = 0; i < 2 * slim_kind_count; i++) {
        const struct slim_kind *kind = &slim_kinds[i / 2];
        (void)snprintf(names[i], sizeof(names[i]), "%s: %s", kind->name,
                       i % 2 ? "cut" : "whole");
        tests[i] =
            (struct CMUnitTest){ .name = names[i],
                                 .test_func = i % 2 ? cut : whole,
                                 .initial_state = (void *)(uintptr_t)kind };
    }
    return _cmocka_run_group_tests("families saved", tests, 2 * slim_kind_count,
                                   NULL, NULL);
}
