/* saved.c - a saved model, read again, computes what it computed */
#include "tests/session.h"
#include "tests/support.h"
#include "tests/tolerance.h"

#include <string.h>

enum { LENGTH = 64 };

struct form {
    const char *stages;
    double bound; /* of the logits' deviation */
};

/* Stock models of one basis fold what their norms divide by into the norm's
 * weight, one rounding more. */
static const struct form forms[] = {
    { "score taylor on cal\nprune 30% of groups in mlp\n", SLIM_NEAR_EXACT },
    { "score taylor on cal\nprune 30% of groups in attn mlp layers 1..2\n",
      SLIM_NEAR_EXACT },
    { "score l2\nprune 25% of groups in width\n", SLIM_NEAR_EXACT },
    { "rotate pca per=block on cal\nslice 20%\n", SLIM_NEAR_EXACT },
    { "rotate pca per=block orient=random on cal\n", SLIM_NEAR_EXACT },
    { "rotate pca per=model on cal\n", SLIM_NEAR_EXACT },
    { "rotate pca per=model on cal\nslice 20%\n", SLIM_NEAR_F32_LAYER },
    { "score taylor on cal\nprune 20% of params\nrotate pca per=block on cal\n"
      "slice 20%\n",
      SLIM_NEAR_EXACT },
    { "recover lora on \"wikitext2_train.first1MB.txt\" len=32 r=2 steps=2 "
      "batch=2\n",
      SLIM_NEAR_EXACT },
};

static float *logits_of(struct slim_session *session, struct slim_model *model,
                        size_t *count)
{
    const struct slim_arch *arch = model->info->arch;
    const struct slim_tensor *table =
        arch->nodes[0].slots[SLIM_EMBEDDING_WEIGHT];
    size_t vocab = slim_tensor_size(model->shape, table, 0);
    int32_t ids[LENGTH];

    *count = LENGTH * vocab;
    for (size_t i = 0; i < LENGTH; i++)
        ids[i] = (int32_t)(i * i % vocab);
    float *logits = SLIM_NEW_ARRAY(session->arena, *count, float);
    assert_int_equal(slim_model_logits(logits, model, ids, 1, LENGTH,
                                       session->run.kernels, &session->diag),
                     SLIM_OK);
    return logits;
}

/* The recipe run to its end; `model` is what it saved. */
static struct slim_session *run(const struct form *form, const char *directory,
                                struct slim_model **model)
{
    char *stories = slim_test_need_shared("models/stories260k");
    char *data = slim_test_need_shared("data/wikitext-2-raw");
    char text[1024];

    (void)snprintf(text, sizeof(text),
                   "slim 1\ndata cal = \"wikitext2_train.first1MB.txt\" n=8 "
                   "len=64\n%ssave hf \"%s/saved\" dtype=f32\n",
                   form->stages, directory);
    struct slim_session *session =
        slim_test_session(text, stories, stories, data);
    session->run.recipe_text = session->source.text;
    const struct slim_op *save = slim_test_session_to(session, "save");
    assert_non_null(save);
    *model = slim_run_model(&session->run, save);
    free(data);
    free(stories);
    return session;
}

static struct slim_model *read_again(struct slim_session *session,
                                     const char *directory)
{
    char *path = slim_test_join(directory, "saved");
    char *families = slim_test_source("compiler/families");
    struct slim_model_info *info;
    struct slim_model *model;

    if (slim_model_open(&info, slim_arena_strdup(session->arena, path),
                        families, (struct slim_span){ 0 },
                        &session->diag) != SLIM_OK ||
        slim_model_load(&model, info, &session->diag) != SLIM_OK) {
        char *text = slim_test_diag(&session->diag);
        fail_msg("%s", text);
        return NULL;
    }
    free(families);
    free(path);
    return model;
}

static void computes_the_same(void **state)
{
    const struct form *form = *state;
    char *directory = slim_test_directory();
    struct slim_model *model;
    struct slim_session *session = run(form, directory, &model);
    struct slim_model *again = read_again(session, directory);
    size_t count = 0, count_again = 0;

    const float *want = logits_of(session, model, &count);
    const float *have = logits_of(session, again, &count_again);
    assert_int_equal(count, count_again);
    double apart = slim_test_deviation_f32(have, want, count);
    assert_true(apart <= form->bound);
    assert_int_equal(slim_shape_params(again->shape),
                     slim_shape_params(model->shape));
    slim_model_free(again);
    slim_test_session_free(session);
    slim_test_directory_remove(directory);
}

int main(void)
{
    struct CMUnitTest tests[SLIM_COUNT(forms)];
    char *names[SLIM_COUNT(forms)];

    for (size_t i = 0; i < SLIM_COUNT(forms); i++) {
        names[i] = strdup(forms[i].stages);
        for (char *c = names[i]; c && *c; c++)
            *c = *c == '\n' ? ';' : *c;
        tests[i] = (struct CMUnitTest){ .name = names[i],
                                        .test_func = computes_the_same,
                                        .initial_state = (void *)&forms[i] };
    }
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    for (size_t i = 0; i < SLIM_COUNT(forms); i++)
        free(names[i]);
    return failed;
}
