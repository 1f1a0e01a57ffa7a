/* rope.c - rotary angles of models with scaled frequencies, as tables */
#include "runtime/model/layer.h"

#include "tests/support.h"
#include "tests/tolerance.h"

#include <math.h>
#include <string.h>

/* A step of one attention node, as slim_angles_fit reads it. */
struct made {
    struct slim_diag diag;
    struct slim_node node;
    struct slim_layer *layer;
    struct slim_batch batch;
    struct slim_step step;
};

static const double shorter[] = { 1.0, 1.25, 1.5, 2.0 };
static const double longer[] = { 1.0, 3.0, 7.5, 20.0 };

/* Heads of 8 channels, made for 8 tokens and stretched to 64. */
static void make(struct made *made, const size_t *starts, size_t sequences)
{
    static int32_t positions[64];

    *made = (struct made){ .diag.arena = slim_arena_open() };
    double *settings = made->node.settings;
    made->node.kind = SLIM_BLOCK_ATTENTION;
    made->node.name = "attention";
    settings[SLIM_ATTENTION_POSITION] = SLIM_POSITION_ROPE_HALF;
    settings[SLIM_ATTENTION_THETA] = 10000.0;
    settings[SLIM_ATTENTION_SCALING] = SLIM_SCALING_LONGROPE;
    settings[SLIM_ATTENTION_ORIGINAL] = 8.0;
    settings[SLIM_ATTENTION_AMPLITUDE] = sqrt(1.0 + log(8.0) / log(8.0));
    settings[SLIM_ATTENTION_SHORT] = settings[SLIM_ATTENTION_LONG] = 4.0;
    made->node.lists[SLIM_ATTENTION_SHORT] = shorter;
    made->node.lists[SLIM_ATTENTION_LONG] = longer;
    made->layer = slim_layer_new();
    made->batch = (struct slim_batch){ NULL, sequences, starts };
    for (size_t s = 0; s < sequences; s++)
        for (size_t t = starts[s]; t < starts[s + 1]; t++)
            positions[t] = (int32_t)(t - starts[s]);
    made->layer->positions = positions;
    made->step = (struct slim_step){ .layer = made->layer,
                                     .node = &made->node,
                                     .batch = &made->batch,
                                     .tokens = starts[sequences],
                                     .diag = &made->diag };
}

static void leave(struct made *made)
{
    made->layer->positions = NULL;
    slim_layer_free(made->layer);
    slim_arena_close(made->diag.arena);
}

static void expect(const struct made *made, size_t token, const double *cosine,
                   const double *sine)
{
    const struct slim_angles *angles = &made->layer->angles;
    size_t row = (size_t)angles->rows[token] * 4;

    for (size_t t = 0; t < 4; t++)
        if (!slim_test_near((double)angles->cosine.data[row + t], cosine[t],
                            SLIM_NEAR_F32_ELEMENT, 1.0) ||
            !slim_test_near((double)angles->sine.data[row + t], sine[t],
                            SLIM_NEAR_F32_ELEMENT, 1.0))
            fail_msg("pair %zu of token %zu", t, token);
}

/*
 * Made with Phi3RotaryEmbedding of transformers 4.56.2 and torch 2.15, for
 * hidden_size 32, 4 heads, max_position_embeddings 64,
 * original_max_position_embeddings 8 and a rope_scaling of type "longrope" with
 * the two lists above: cos[0, p, :4] and sin[0, p, :4] for position_ids
 * arange(8), which are short, and arange(9), which are long.
 */
static const struct {
    size_t position;
    double cosine[4], sine[4];
} in_short[] = {
    { 1,
      { 0.764102876, 1.40969038, 1.41418207, 1.41421342 },
      { 1.19001961, 0.113016434, 0.00942802057, 0.000707106781 } },
    { 7,
      { 1.0661788, 1.19819963, 1.41267395, 1.41420484 },
      { 0.929119349, 0.751210749, 0.0659726858, 0.00494973734 } },
}, in_long[] = {
    { 1,
      { 0.764102876, 1.41342795, 1.41421223, 1.41421354 },
      { 1.19001961, 0.0471317247, 0.0018856175, 7.07106738e-05 } },
    { 7,
      { 1.0661788, 1.37588978, 1.41415191, 1.41421342 },
      { 0.929119349, 0.326997042, 0.0131991347, 0.000494974724 } },
};

static void longrope_turns_as_others_do(void **state)
{
    (void)state;
    static const size_t eight[] = { 0, 8 }, nine[] = { 0, 9 };
    struct made made;

    make(&made, eight, 1);
    assert_int_equal(slim_angles_fit(&made.step, 8), SLIM_OK);
    for (size_t i = 0; i < SLIM_COUNT(in_short); i++)
        expect(&made, in_short[i].position, in_short[i].cosine,
               in_short[i].sine);
    /* the same layer, a longer sequence: the tables are made anew */
    made.batch.starts = nine;
    made.step.tokens = 9;
    made.layer->positions[8] = 8;
    assert_int_equal(slim_angles_fit(&made.step, 8), SLIM_OK);
    for (size_t i = 0; i < SLIM_COUNT(in_long); i++)
        expect(&made, in_long[i].position, in_long[i].cosine, in_long[i].sine);
    leave(&made);
}

/* What a sequence turns by does not depend on what is beside it. */
static void each_sequence_has_its_own_length(void **state)
{
    (void)state;
    static const size_t starts[] = { 0, 8, 17, 25 };
    struct made made;

    make(&made, starts, 3);
    assert_int_equal(slim_angles_fit(&made.step, 8), SLIM_OK);
    for (size_t i = 0; i < SLIM_COUNT(in_short); i++) {
        size_t p = in_short[i].position;
        expect(&made, p, in_short[i].cosine, in_short[i].sine);
        expect(&made, 17 + p, in_short[i].cosine, in_short[i].sine);
        expect(&made, 8 + p, in_long[i].cosine, in_long[i].sine);
    }
    leave(&made);
}

/* A sequence that is decoded is as long as it may become. */
static void decoding_turns_as_the_whole_does(void **state)
{
    (void)state;
    static const size_t starts[] = { 0, 2 };
    struct slim_cache cache = { .room = 9, .past = 0 };
    struct made made;

    make(&made, starts, 1);
    made.layer->cache = &cache;
    assert_int_equal(slim_angles_fit(&made.step, 8), SLIM_OK);
    expect(&made, 1, in_long[0].cosine, in_long[0].sine);
    cache.room = 8;
    assert_int_equal(slim_angles_fit(&made.step, 8), SLIM_OK);
    expect(&made, 1, in_short[0].cosine, in_short[0].sine);
    leave(&made);
}

static void lists_have_to_fit_the_heads(void **state)
{
    (void)state;
    static const size_t starts[] = { 0, 2 };
    struct made made;

    make(&made, starts, 1);
    assert_int_equal(slim_angles_fit(&made.step, 6), SLIM_FAILED);
    assert_string_equal(made.diag.first->code, "M131");
    assert_non_null(strstr(made.diag.first->message, "\"short\" has 4"));
    leave(&made);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(longrope_turns_as_others_do),
        cmocka_unit_test(each_sequence_has_its_own_length),
        cmocka_unit_test(decoding_turns_as_the_whole_does),
        cmocka_unit_test(lists_have_to_fit_the_heads),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
