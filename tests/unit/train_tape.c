/* train_tape.c - activations kept from the forward, or made again: the same */
#include "tests/session.h"
#include "tests/support.h"

#include "runtime/model/layer.h"
#include "runtime/train/trainer.h"

#include <stdlib.h>
#include <string.h>

static const char *const recipes[] = {
    "recover lora on \"wikitext2_train.first1MB.txt\" len=48 r=4 steps=3 "
    "batch=4 dropout=0.1 warmup=1",
    "recover full on \"wikitext2_train.first1MB.txt\" len=48 steps=2 batch=4 "
    "warmup=1",
    "rotate pca on \"wikitext2_train.first1MB.txt\" n=4 len=32 per=block; "
    "slice 25%; recover full on \"wikitext2_train.first1MB.txt\" len=48 "
    "steps=2 batch=4 warmup=1",
};

/* Some of the layers of a pass of a few windows, and all of them. */
enum { SOME = 1 << 20, ALL = 1 << 28 };

static struct slim_session *trained(const char *recipe, size_t memory)
{
    char *stories = slim_test_need_shared("models/stories260k");
    char *data = slim_test_need_shared("data/wikitext-2-raw");
    struct slim_session *session =
        slim_test_session(recipe, stories, stories, data);

    session->run.tape_memory = memory;
    assert_non_null(slim_test_session_to(session, "recover"));
    free(data);
    free(stories);
    return session;
}

static void same_weights(struct slim_session *have, struct slim_session *want)
{
    struct slim_model *a = slim_run_model(&have->run, have->program->last);
    struct slim_model *b = slim_run_model(&want->run, want->program->last);
    size_t learned = 0;

    for (size_t i = 0; i < b->info->arch->tensor_count; i++) {
        const struct slim_weight *x = &a->weights[i], *y = &b->weights[i];

        if (!y->buffer)
            continue;
        assert_non_null(x->buffer);
        assert_memory_equal(x->buffer->data, y->buffer->data,
                            y->buffer->count * sizeof(float));
        learned++;
    }
    assert_true(learned > 0);
}

static void keeping_changes_nothing(void **state)
{
    const char *recipe = *state;
    struct slim_session *none = trained(recipe, 0);
    struct slim_session *some = trained(recipe, SOME);
    struct slim_session *all = trained(recipe, ALL);

    same_weights(some, none);
    same_weights(all, none);
    slim_test_session_free(all);
    slim_test_session_free(some);
    slim_test_session_free(none);
}

/* As many layers as fit, from the last: the bytes are those of the layers. */
static void as_many_as_fit(void **state)
{
    struct slim_session *session = trained(recipes[0], 0);
    const struct slim_shape *shape = session->info->shape;
    size_t layers = shape->arch->layers, bytes, tokens = 100;
    size_t last = slim_tape_bytes(shape, layers - 1, tokens);

    (void)state;
    assert_true(last > 0);
    assert_int_equal(slim_train_kept(&bytes, shape, tokens, last - 1), layers);
    assert_int_equal(bytes, 0);
    assert_int_equal(slim_train_kept(&bytes, shape, tokens, last), layers - 1);
    assert_int_equal(bytes, last);
    assert_int_equal(slim_train_kept(&bytes, shape, tokens, ALL), 0);
    assert_int_equal(bytes, layers * last);
    slim_test_session_free(session);
}

/* The shape of a plan and the tape of a pass say the same. */
static void a_tape_is_as_long_as_planned(void **state)
{
    struct slim_session *session = trained(*state, 0);
    struct slim_model *model =
        slim_run_model(&session->run, session->program->last);
    size_t starts[] = { 0, 7, 12 }, floats = 0, last;
    int32_t ids[12] = { 1, 2, 3 };
    struct slim_batch batch = { ids, 2, starts };
    struct slim_layer *layer = slim_layer_new();
    struct slim_tape *tape = slim_tape_new();
    float *x = calloc((size_t)12 * 1024, sizeof(*x));

    last = model->shape->arch->layers - 1;
    assert_int_equal(
        slim_layer_load(layer, model, (long)last, session->run.diag), SLIM_OK);
    assert_int_equal(slim_layer_forward(x, layer, x, &batch, tape, NULL, NULL,
                                        session->run.kernels,
                                        session->run.diag),
                     SLIM_OK);
    for (size_t n = 0; n < tape->count; n++) {
        floats += tape->outputs[n].capacity;
        for (size_t i = 0; i < SLIM_RECORD_PARTS; i++)
            floats += tape->records[n].parts[i].capacity;
    }
    assert_int_equal(floats * sizeof(float),
                     slim_tape_bytes(model->shape, last, 12));
    free(x);
    slim_tape_free(tape);
    slim_layer_free(layer);
    slim_test_session_free(session);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_prestate(keeping_changes_nothing, (void *)recipes[0]),
        cmocka_unit_test_prestate(keeping_changes_nothing, (void *)recipes[1]),
        cmocka_unit_test_prestate(keeping_changes_nothing, (void *)recipes[2]),
        cmocka_unit_test(as_many_as_fit),
        cmocka_unit_test_prestate(a_tape_is_as_long_as_planned,
                                  (void *)recipes[0]),
        cmocka_unit_test_prestate(a_tape_is_as_long_as_planned,
                                  (void *)recipes[2]),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
