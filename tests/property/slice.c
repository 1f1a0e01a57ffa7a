/* slice.c - rotations keep the function; a sliced model is the dense one with
 * its stream projected at every site */
#include "runtime/stage/rotate.h"
#include "runtime/stage/stages.h"
#include "tests/made.h"
#include "tests/support.h"
#include "tests/tolerance.h"

#include <math.h>
#include <string.h>

enum { VOCAB = 61, WIDTH = 24, WINDOWS = 6, LENGTH = 16, SITES = 7 };
enum { TOKENS = WINDOWS * LENGTH };

static const struct slim_made plain = { .layers = 3,
                                        .vocab = VOCAB,
                                        .width = WIDTH,
                                        .kv = 2,
                                        .rep = 2,
                                        .head = 6,
                                        .mlp = 40,
                                        .biases = true,
                                        .eps = 1e-5,
                                        .position = SLIM_POSITION_ROPE_HALF };

/* A program of four operations, put together by hand: a model, tokens,
 * `rotate` and `slice`. */
enum { MODEL, SAMPLE, ROTATE, SLICE, OPS };

struct world {
    struct slim_arena *arena;
    struct slim_diag diag;
    struct slim_model_info *info;
    struct slim_tokens tokens;
    size_t starts[WINDOWS + 1];
    int32_t ids[TOKENS];
    struct slim_sample sample;
    struct slim_op ops[OPS];
    struct slim_result results[OPS];
    struct slim_program program;
    struct slim_run run;
};

static void input(struct slim_op *op, const struct slim_op *from,
                  enum slim_type type)
{
    op->inputs[op->input_count++] = (struct slim_input){ from, type };
}

static void set_args(struct world *world, struct slim_op *op,
                     const struct slim_stage *stage)
{
    op->stage = stage;
    op->text = stage->name;
    op->args = SLIM_NEW_ARRAY(world->arena, stage->args_size, char);
}

static void join_ops(struct world *world)
{
    struct slim_op *ops = world->ops;

    for (unsigned i = 0; i < OPS; i++) {
        ops[i].id = i;
        ops[i].next = i + 1 < OPS ? &ops[i + 1] : NULL;
    }
    ops[SAMPLE].args = &world->sample;
    set_args(world, &ops[ROTATE], &slim_stage_rotate);
    set_args(world, &ops[SLICE], &slim_stage_slice);
    input(&ops[ROTATE], &ops[MODEL], SLIM_TYPE_MODEL);
    input(&ops[ROTATE], &ops[SAMPLE], SLIM_TYPE_TOKENS);
    input(&ops[SLICE], &ops[ROTATE], SLIM_TYPE_MODEL);
    input(&ops[SLICE], &ops[ROTATE], SLIM_TYPE_ROTATION);
    world->program = (struct slim_program){ .compute = "f32",
                                            .first = &ops[MODEL],
                                            .last = &ops[SLICE],
                                            .count = OPS };
    world->results[MODEL].model = slim_made_model(world->info, 7);
    world->results[SAMPLE].tokens = &world->tokens;
}

static void world_open(struct world *world, const struct slim_made *made)
{
    *world = (struct world){ .arena = slim_arena_open() };
    world->diag.arena = world->arena;
    world->info = slim_made_info(made, world->arena);
    world->sample = (struct slim_sample){ .n = WINDOWS, .len = LENGTH };
    slim_made_ids(world->ids, TOKENS, VOCAB, 5);
    for (size_t i = 0; i <= WINDOWS; i++)
        world->starts[i] = i * LENGTH;
    world->tokens = (struct slim_tokens){ .ids = world->ids,
                                          .starts = world->starts,
                                          .sequences = WINDOWS,
                                          .uniform = true,
                                          .length = LENGTH };
    join_ops(world);
    world->run = (struct slim_run){ .arena = world->arena,
                                    .diag = &world->diag,
                                    .program = &world->program,
                                    .kernels = &slim_kernels_ref,
                                    .input = world->info,
                                    .progress = { .out = stderr },
                                    .results = world->results };
}

static void release(struct world *world, unsigned op)
{
    slim_model_free(world->results[op].model);
    slim_rotation_free(world->results[op].rotation);
    world->results[op] = (struct slim_result){ 0 };
}

static void world_close(struct world *world)
{
    if (world->diag.errors)
        slim_diag_print(&world->diag, stderr, false);
    release(world, MODEL);
    release(world, ROTATE);
    release(world, SLICE);
    slim_arena_close(world->arena);
}

/* What a recipe would say: rotate with these arguments, slice to `width`
 * (0: none), at once if `fused`. */
static void resolve(struct world *world, struct slim_rotate_args args,
                    size_t width, bool fused)
{
    struct slim_op *rotate = &world->ops[ROTATE], *slice = &world->ops[SLICE];

    memcpy(rotate->args, &args, sizeof(args));
    rotate->before = world->info->shape;
    assert_int_equal(slim_stage_rotate.resolve(rotate, &world->diag), SLIM_OK);
    rotate->next = width ? slice : NULL;
    rotate->fused = fused ? slice : NULL;
    slice->fused = fused ? rotate : NULL;
    if (!width)
        return;
    slice->before = rotate->after;
    slice->amount = (struct slim_quantity){ .kind = SLIM_QUANTITY_NUMBER,
                                            .to = true,
                                            .value = (double)width,
                                            .unit = "width" };
    assert_int_equal(slim_stage_slice.resolve(slice, &world->diag), SLIM_OK);
}

/* The model after rotate, and slice if it has a width. */
static struct slim_model *make(struct world *world,
                               struct slim_rotate_args args, size_t width,
                               bool fused)
{
    release(world, ROTATE);
    release(world, SLICE);
    resolve(world, args, width, fused);
    assert_int_equal(slim_stage_rotate.run(&world->run, &world->ops[ROTATE]),
                     SLIM_OK);
    if (!width)
        return world->results[ROTATE].model;
    assert_int_equal(slim_stage_slice.run(&world->run, &world->ops[SLICE]),
                     SLIM_OK);
    return world->results[SLICE].model;
}

static float *logits_of(struct world *world, struct slim_model *model)
{
    float *logits = SLIM_NEW_ARRAY(world->arena, TOKENS * VOCAB, float);

    assert_int_equal(slim_model_logits(logits, model, world->ids, WINDOWS,
                                       LENGTH, world->run.kernels,
                                       &world->diag),
                     SLIM_OK);
    return logits;
}

static double apart(const float *have, const float *want)
{
    return slim_test_deviation_f32(have, want, TOKENS * VOCAB);
}

static const struct slim_rotate_args ways[] = {
    { .per = SLIM_PER_MODEL },
    { .per = SLIM_PER_MODEL, .orient = SLIM_ORIENT_RANDOM },
    { .per = SLIM_PER_MODEL, .cov = SLIM_COV_RAW },
    { .per = SLIM_PER_BLOCK },
    { .per = SLIM_PER_BLOCK, .orient = SLIM_ORIENT_RANDOM },
    { .per = SLIM_PER_BLOCK, .cov = SLIM_COV_NORMED },
};

static void check_rotations(struct slim_made made)
{
    for (int tied = 0; tied < 2; tied++) {
        struct world world;
        made.tied = tied;
        world_open(&world, &made);
        const float *want = logits_of(&world, world.results[MODEL].model);
        for (size_t i = 0; i < SLIM_COUNT(ways); i++)
            assert_true(
                apart(logits_of(&world, make(&world, ways[i], 0, false)),
                      want) < SLIM_NEAR_F32_LAYER);
        world_close(&world);
    }
}

static void test_rotation_keeps_the_function(void **state)
{
    (void)state;
    check_rotations(plain);
}

/* Norms of the root mean square alone: no mean is taken out of the stream, only
 * the table's norm goes into the table. */
static void test_a_norm_of_a_table_folds(void **state)
{
    struct slim_made made = plain;

    (void)state;
    made.table_norm = true;
    check_rotations(made);
}

/* ---- the projected model: slicing with no slices in it ---- */

struct projected {
    struct world *world;
    struct slim_model *model;
    bool turned; /* the stream is rotated: cut means zero */
    struct slim_layer *layer;
    struct slim_batch batch;
    bool normed;
    double lost[SITES]; /* sum of |x - x P|^2 */
    float x[TOKENS * WIDTH];
    size_t kept, site;
};

/* P = Q_d Q_d^T of the stream as it is. */
static void find_projector(double *p, const struct projected *walk)
{
    double gram[WIDTH * WIDTH] = { 0 }, values[WIDTH];

    for (size_t t = 0; t < TOKENS; t++) {
        const float *x = walk->x + t * WIDTH;
        double square = 0.0;
        for (size_t i = 0; i < WIDTH; i++)
            square += (double)x[i] * (double)x[i];
        double weight = walk->normed ? WIDTH / (square + WIDTH * plain.eps) : 1;
        for (size_t i = 0; i < WIDTH * WIDTH; i++)
            gram[i] += weight * (double)x[i / WIDTH] * (double)x[i % WIDTH];
    }
    assert_true(slim_eigh(gram, values, WIDTH));
    for (size_t i = 0; i < WIDTH * WIDTH; i++) {
        p[i] = 0.0;
        for (size_t k = 0; k < walk->kept; k++)
            p[i] += gram[i / WIDTH * WIDTH + k] * gram[i % WIDTH * WIDTH + k];
    }
}

static void cut(struct projected *walk)
{
    for (size_t i = 0; i < TOKENS * WIDTH; i++)
        if (i % WIDTH >= walk->kept)
            walk->x[i] = 0.0f;
}

static void project(struct projected *walk)
{
    double p[WIDTH * WIDTH], *lost = &walk->lost[walk->site++];

    find_projector(p, walk);
    for (size_t t = 0; t < TOKENS; t++) {
        float *x = walk->x + t * WIDTH, row[WIDTH];
        for (size_t j = 0; j < WIDTH; j++) {
            double sum = 0.0;
            for (size_t i = 0; i < WIDTH; i++)
                sum += (double)x[i] * p[i * WIDTH + j];
            row[j] = (float)sum;
            *lost += ((double)x[j] - sum) * ((double)x[j] - sum);
        }
        memcpy(x, row, sizeof(row));
    }
}

static void pass(struct projected *walk)
{
    struct world *world = walk->world;

    assert_int_equal(slim_layer_forward(walk->x, walk->layer, walk->x,
                                        &walk->batch, NULL, NULL, NULL,
                                        world->run.kernels, &world->diag),
                     SLIM_OK);
}

static void load(struct projected *walk, long part)
{
    assert_int_equal(
        slim_layer_load(walk->layer, walk->model, part, &walk->world->diag),
        SLIM_OK);
}

/* The stream has reached a site. SliceGPT leaves the last one whole. */
static void arrive(struct projected *walk)
{
    if (walk->turned)
        cut(walk);
    else if (walk->site + 1 < walk->world->info->arch->site_count)
        project(walk);
}

/* Logits of the model whose stream is projected at its sites. */
static float *projected_logits(struct projected *walk)
{
    const struct slim_arch *arch = walk->world->info->arch;
    float *logits = SLIM_NEW_ARRAY(walk->world->arena, TOKENS * VOCAB, float);

    walk->layer = slim_layer_new();
    load(walk, -1);
    pass(walk);
    arrive(walk);
    for (size_t layer = 0; layer < arch->layers; layer++) {
        size_t first = arch->layer_first[layer];
        load(walk, (long)layer);
        for (size_t i = first; i < arch->layer_first[layer + 1]; i++) {
            if (arch->nodes[i].kind != SLIM_BLOCK_ADD)
                continue;
            slim_layer_limit(walk->layer, first, i + 1);
            pass(walk);
            arrive(walk);
            first = i + 1;
        }
    }
    load(walk, (long)arch->layers);
    pass(walk);
    assert_int_equal(slim_head_logits(logits, walk->layer, walk->x, TOKENS,
                                      walk->world->run.kernels,
                                      &walk->world->diag),
                     SLIM_OK);
    slim_layer_free(walk->layer);
    return logits;
}

static struct projected projected_open(struct world *world, size_t kept)
{
    return (struct projected){ .world = world,
                               .model = world->results[MODEL].model,
                               .batch = { world->ids, WINDOWS, world->starts },
                               .kept = kept };
}

static const struct slim_rotate_args blocks = { .per = SLIM_PER_BLOCK,
                                                .center = SLIM_CENTER_NO };

static void test_slicing_is_projecting(void **state)
{
    (void)state;
    for (size_t kept = 1; kept < WIDTH; kept += 5) {
        struct slim_rotate_args args = blocks;
        struct world world;
        world_open(&world, &plain);
        struct projected walk = projected_open(&world, kept);
        walk.normed = kept % 2 == 0;
        args.cov = walk.normed ? SLIM_COV_NORMED : SLIM_COV_DEFAULT;
        const float *want = projected_logits(&walk);
        assert_true(apart(logits_of(&world, make(&world, args, kept, true)),
                          want) < SLIM_NEAR_F32_LAYER);
        world_close(&world);
    }
}

/* One basis: the rotated model with the last columns of its stream zeroed. */
static void test_one_basis_is_cut_everywhere(void **state)
{
    enum { KEPT = 15 };
    struct world world;

    (void)state;
    world_open(&world, &plain);
    const float *have = logits_of(&world, make(&world, ways[0], KEPT, true));
    struct projected walk = projected_open(&world, KEPT);
    walk.model = world.results[ROTATE].model;
    walk.turned = true;
    assert_true(apart(have, projected_logits(&walk)) < SLIM_NEAR_F32_LAYER);
    world_close(&world);
}

/* At each site the squared length of what is cut off is the sum of the
 * eigenvalues that are cut off. */
static void test_what_is_lost_is_in_the_spectrum(void **state)
{
    enum { KEPT = 15 };
    struct world world;

    (void)state;
    world_open(&world, &plain);
    struct projected walk = projected_open(&world, KEPT);
    (void)projected_logits(&walk);
    (void)make(&world, blocks, KEPT, true);
    const struct slim_rotation *rotation = world.results[SLICE].rotation;
    assert_int_equal(rotation->sites, SITES);
    for (size_t s = 0; s + 1 < SITES; s++) {
        double tail = 0.0, all = 0.0;
        for (size_t i = 0; i < WIDTH; i++) {
            all += rotation->values[s][i];
            tail += i < KEPT ? 0.0 : rotation->values[s][i];
        }
        assert_true(fabs(walk.lost[s] - tail) < SLIM_NEAR_F32_SUM * all);
    }
    world_close(&world);
}

/* Whichever way the kept columns are turned, whether slice follows at once or
 * later, the kept subspace is the same. */
static void test_orientation_does_not_matter(void **state)
{
    enum { KEPT = 17 };

    (void)state;
    for (int per = SLIM_PER_MODEL; per <= SLIM_PER_BLOCK; per++)
        for (int fused = 0; fused < 2; fused++) {
            struct slim_rotate_args args = { .per = per,
                                             .center = SLIM_CENTER_NO };
            struct world world;
            world_open(&world, &plain);
            const float *want =
                logits_of(&world, make(&world, args, KEPT, fused));
            args.orient = SLIM_ORIENT_RANDOM;
            const float *have =
                logits_of(&world, make(&world, args, KEPT, fused));
            assert_true(apart(have, want) < SLIM_NEAR_F32_LAYER);
            assert_true(
                apart(want, logits_of(&world, world.results[MODEL].model)) >
                SLIM_NEAR_ORACLE_SLICED);
            world_close(&world);
        }
}

/* Gives the model an embedding whose rows have mean zero. */
static void center(struct world *world)
{
    struct slim_model *model = world->results[MODEL].model;
    const struct slim_tensor *table =
        world->info->arch->nodes[0].slots[SLIM_EMBEDDING_WEIGHT];
    struct slim_buffer *buffer = slim_buffer_new(VOCAB * WIDTH);

    assert_int_equal(slim_model_read(buffer->data, model, table, &world->diag),
                     SLIM_OK);
    for (size_t r = 0; r < VOCAB; r++) {
        double sum = 0.0;
        for (size_t j = 0; j < WIDTH; j++)
            sum += (double)buffer->data[r * WIDTH + j];
        for (size_t j = 0; j < WIDTH; j++)
            buffer->data[r * WIDTH + j] -= (float)(sum / WIDTH);
    }
    slim_model_set(model, table, buffer, VOCAB, WIDTH);
}

/* SliceGPT centers embeddings first; `auto` does where slice follows. */
static void test_centering_comes_first(void **state)
{
    enum { KEPT = 20 };
    struct slim_rotate_args given = { .per = SLIM_PER_BLOCK };
    struct world world;

    (void)state;
    world_open(&world, &plain);
    const float *have = logits_of(&world, make(&world, given, KEPT, true));
    const float *not = logits_of(&world, make(&world, blocks, KEPT, true));
    center(&world);
    const float *want = logits_of(&world, make(&world, blocks, KEPT, true));
    assert_true(apart(have, want) < SLIM_NEAR_F32_LAYER);
    assert_true(apart(not, want) > SLIM_NEAR_ORACLE_SLICED);
    world_close(&world);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_rotation_keeps_the_function),
        cmocka_unit_test(test_a_norm_of_a_table_folds),
        cmocka_unit_test(test_slicing_is_projecting),
        cmocka_unit_test(test_one_basis_is_cut_everywhere),
        cmocka_unit_test(test_what_is_lost_is_in_the_spectrum),
        cmocka_unit_test(test_orientation_does_not_matter),
        cmocka_unit_test(test_centering_comes_first),
    };

    slim_threads_set(1);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
