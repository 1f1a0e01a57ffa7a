/* model_decode.c - fed in pieces, with a cache, a model says what it says of the
 * whole sequence */
#include "runtime/model/decode.h"
#include "tests/made.h"
#include "tests/support.h"
#include "tests/tolerance.h"

#include <string.h>

enum { LENGTH = 23, VOCAB = 31 };

struct world {
    struct slim_arena *arena;
    struct slim_diag diag;
};

static int setup(void **state)
{
    static struct world world;

    world = (struct world){ .arena = slim_arena_open() };
    world.diag.arena = world.arena;
    *state = &world;
    return 0;
}

static int teardown(void **state)
{
    struct world *world = *state;

    slim_arena_close(world->arena);
    return 0;
}

static void near(const float *have, const float *want)
{
    double apart = slim_test_deviation_f32(have, want, VOCAB);

    if (!(apart <= SLIM_NEAR_F32_LAYER))
        fail_msg("logits are %.3g deviations apart", apart);
}

/* Feeds pieces of the given lengths and compares after each. */
static void feed(struct world *world, struct slim_decoder *decoder,
                 const int32_t *ids, const float *whole, size_t at,
                 const size_t *pieces, size_t count)
{
    float logits[VOCAB];

    for (size_t i = 0; i < count; i++) {
        assert_int_equal(slim_decoder_feed(decoder, logits, ids + at, pieces[i],
                                           &world->diag),
                         SLIM_OK);
        at += pieces[i];
        near(logits, whole + (at - 1) * VOCAB);
    }
}

static void pieces_agree(struct world *world, const struct slim_made *made)
{
    static const size_t first[] = { 5, 1, 1, 9, 1, 6 }, again[] = { 1, 2, 1 };
    const struct slim_kernels *kernels = slim_kernels_blas();
    struct slim_model *model =
        slim_made_model(slim_made_info(made, world->arena), 3);
    struct slim_decoder *decoder = NULL;
    float *whole = SLIM_NEW_ARRAY(world->arena, LENGTH * VOCAB, float);
    int32_t ids[LENGTH];

    slim_made_ids(ids, LENGTH, VOCAB, 7);
    assert_int_equal(
        slim_model_logits(whole, model, ids, 1, LENGTH, kernels, &world->diag),
        SLIM_OK);
    assert_int_equal(
        slim_decoder_open(&decoder, model, LENGTH, kernels, &world->diag),
        SLIM_OK);
    feed(world, decoder, ids, whole, 0, first, 6);
    slim_decoder_rewind(decoder, 8);
    feed(world, decoder, ids, whole, 8, again, 3);
    slim_decoder_rewind(decoder, 0);
    feed(world, decoder, ids, whole, 0, made->prefix_end > 0.0 ? first : again,
         3);
    slim_decoder_close(decoder);
    slim_model_free(model);
}

static const struct slim_made plain = { .layers = 3,
                                        .vocab = VOCAB,
                                        .width = 16,
                                        .kv = 3,
                                        .rep = 2,
                                        .head = 4,
                                        .mlp = 11,
                                        .eps = 1e-6,
                                        .position = SLIM_POSITION_ROPE_HALF };

static void grouped_heads(void **state)
{
    pieces_agree(*state, &plain);
}

static void a_window(void **state)
{
    struct slim_made made = plain;

    made.window = 4;
    pieces_agree(*state, &made);
}

/* The prefix has to be in the first piece: its tokens see each other. */
static void a_prefix(void **state)
{
    struct slim_made made = plain;
    int32_t ids[LENGTH];

    slim_made_ids(ids, LENGTH, VOCAB, 7);
    made.position = SLIM_POSITION_ROPE_GRID;
    made.prefix_end = 1.0 + ids[3];
    pieces_agree(*state, &made);
}

static void fused_and_parallel(void **state)
{
    struct slim_made made = plain;

    made.fused = made.parallel = made.biases = true;
    made.rotary = 2;
    pieces_agree(*state, &made);
}

static void no_positions(void **state)
{
    struct slim_made made = plain;

    made.position = SLIM_POSITION_NONE;
    made.tied = true;
    pieces_agree(*state, &made);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(grouped_heads), cmocka_unit_test(a_window),
        cmocka_unit_test(a_prefix),      cmocka_unit_test(fused_and_parallel),
        cmocka_unit_test(no_positions),
    };

    return cmocka_run_group_tests(tests, setup, teardown);
}
