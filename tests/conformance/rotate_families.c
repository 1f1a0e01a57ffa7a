/* rotate_families.c - another basis keeps the function, whatever the norms and
 * however the matrices are packed */
#include "runtime/stage/rotate.h"
#include "runtime/stage/stages.h"
#include "tests/session.h"
#include "tests/support.h"
#include "tests/tiny.h"
#include "tests/tolerance.h"

#include <string.h>

enum { LENGTH = 48 };

static void logits_of(float *out, struct slim_session *session,
                      struct slim_model *model, size_t vocab)
{
    int32_t ids[LENGTH];

    for (int32_t i = 0; i < LENGTH; i++)
        ids[i] = (int32_t)((size_t)(i * i + 5 * i) % vocab);
    assert_int_equal(slim_model_logits(out, model, ids, 1, LENGTH,
                                       session->run.kernels, &session->diag),
                     SLIM_OK);
}

static size_t vocab_of(const struct slim_model_info *info)
{
    return slim_tensor_size(
        info->shape, info->arch->nodes[0].slots[SLIM_EMBEDDING_WEIGHT], 0);
}

/* Runs the stages up to and with that verb on a tiny model of the family, and
 * compares with the dense one. */
static void keeps(const char *family, const char *stages, const char *verb)
{
    char name[64], text[256];

    (void)snprintf(name, sizeof(name), "models/tiny/%s", family);
    char *path = slim_test_need_shared(name);
    char *stories = slim_test_need_shared("models/stories260k");
    char *data = slim_test_need_shared("data/wikitext-2-raw");
    (void)snprintf(text, sizeof(text),
                   "compute f32\ndata cal = \"wikitext2_train.first1MB.txt\" "
                   "n=8 len=48\n%s\n",
                   stages);
    struct slim_session *session = slim_test_session(text, path, stories, data);
    size_t vocab = vocab_of(session->info), count = LENGTH * vocab;
    float *dense = SLIM_NEW_ARRAY(session->arena, count, float);
    float *turned = SLIM_NEW_ARRAY(session->arena, count, float);
    struct slim_model *model = NULL;

    assert_int_equal(slim_model_load(&model, session->info, &session->diag),
                     SLIM_OK);
    logits_of(dense, session, model, vocab);
    const struct slim_op *op = slim_test_session_to(session, verb);
    assert_non_null(op);
    logits_of(turned, session, session->run.results[op->id].model, vocab);
    double apart = slim_test_deviation_f32(turned, dense, count);
    if (!(apart <= SLIM_NEAR_F32_LAYER))
        fail_msg("%s, %s: %.3g deviations apart", family, stages, apart);
    slim_model_free(model);
    slim_test_session_free(session);
    free(data);
    free(stories);
    free(path);
}

static const char *const families[] = { "opt",   "phi",         "phi3",
                                        "gemma", "baichuan-7b", "baichuan-13b",
                                        "bloom", "llama-gqa",   "mistral",
                                        "qwen2" };

static void one_basis(void **state)
{
    (void)state;
    for (size_t f = 0; f < SLIM_COUNT(families); f++)
        keeps(families[f], "rotate pca per=model on cal", "rotate");
}

static void a_basis_each(void **state)
{
    (void)state;
    for (size_t f = 0; f < SLIM_COUNT(families); f++)
        keeps(families[f], "rotate pca per=block on cal", "rotate");
}

/* Where means are subtracted, the direction of all ones carries nothing: one
 * column less changes nothing. Parallel blocks and blocks in a row. */
static void a_mean_is_a_column_to_spare(void **state)
{
    (void)state;
    keeps("opt", "rotate pca per=model on cal\nslice to 63 width", "slice");
    keeps("phi", "rotate pca per=model on cal\nslice to 63 width", "slice");
    keeps("opt", "rotate pca per=block on cal\nslice to 63 width", "slice");
    keeps("phi", "rotate pca per=block on cal\nslice to 63 width", "slice");
    keeps("bloom", "rotate pca per=model on cal\nslice to 63 width", "slice");
    keeps("bloom", "rotate pca per=block on cal\nslice to 63 width", "slice");
}

/* Said of the shape alone, before anything runs. */
static void refuses(const char *config, const char *file)
{
    struct slim_arena *arena = slim_arena_open();
    struct slim_diag diag = { .arena = arena };
    char *family = slim_test_source(file);
    struct slim_model_info *info = slim_test_plan(config, family, &diag);
    struct slim_rotate_args args = { .per = SLIM_PER_MODEL };
    struct slim_op op = { .stage = &slim_stage_rotate,
                          .text = "rotate",
                          .args = &args,
                          .before = info->shape };

    assert_int_equal(slim_stage_rotate.resolve(&op, &diag), SLIM_FAILED);
    char *text = slim_test_diag(&diag);
    assert_non_null(strstr(text, "error[M210]"));
    free(text);
    free(family);
    slim_arena_close(arena);
}

static void a_normed_stream_is_refused(void **state)
{
    (void)state;
    refuses("{\"model_type\":\"chatglm\",\"num_layers\":2,\"hidden_size\":16,"
            "\"num_attention_heads\":2,\"vocab_size\":40,"
            "\"max_sequence_length\":32}",
            "compiler/families/chatglm.yaml");
    refuses("{\"model_type\":\"opt\",\"do_layer_norm_before\":false,"
            "\"num_hidden_layers\":2,\"hidden_size\":16,\"ffn_dim\":24,"
            "\"word_embed_proj_dim\":8,\"num_attention_heads\":2,"
            "\"vocab_size\":40,\"max_position_embeddings\":32}",
            "compiler/families/opt_post_norm.yaml");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(one_basis),
        cmocka_unit_test(a_basis_each),
        cmocka_unit_test(a_mean_is_a_column_to_spare),
        cmocka_unit_test(a_normed_stream_is_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
