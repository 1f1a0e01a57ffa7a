/* llm_pruner.c - scores and pruned units are those of LLM-Pruner's own code */
#include "tests/oracle.h"
#include "tests/session.h"
#include "tests/support.h"
#include "tests/tolerance.h"

#include <math.h>
#include <string.h>

#define STORIES "models/stories260k"
#define TINY "models/tiny/llama-mha"

struct oracle_case {
    const char *model;
    const char *name;
};

static const struct oracle_case cases[] = {
    { STORIES, "oracles/stories/block_global_25" },
    { STORIES, "oracles/stories/block_l1_25" },
    { STORIES, "oracles/stories/block_l2_25" },
    { STORIES, "oracles/stories/block_param_first_25" },
    { STORIES, "oracles/stories/block_param_first_25_first" },
    { STORIES, "oracles/stories/block_param_first_25_max" },
    { STORIES, "oracles/stories/block_param_first_25_mean" },
    { STORIES, "oracles/stories/block_param_first_25_prod" },
    { STORIES, "oracles/stories/block_param_mix_25" },
    { STORIES, "oracles/stories/block_param_second_25" },
    { STORIES, "oracles/stories/block_vectorize_25" },
    { STORIES, "oracles/stories/channel_param_first_25" },
    { STORIES, "oracles/stories/channel_vectorize_25" },
    { TINY, "oracles/tiny-llama-mha/block_global_25" },
    { TINY, "oracles/tiny-llama-mha/block_l1_25" },
    { TINY, "oracles/tiny-llama-mha/block_l2_25" },
    { TINY, "oracles/tiny-llama-mha/block_param_first_25" },
    { TINY, "oracles/tiny-llama-mha/block_param_first_25_first" },
    { TINY, "oracles/tiny-llama-mha/block_param_first_25_max" },
    { TINY, "oracles/tiny-llama-mha/block_param_first_25_mean" },
    { TINY, "oracles/tiny-llama-mha/block_param_first_25_prod" },
    { TINY, "oracles/tiny-llama-mha/block_param_mix_25" },
    { TINY, "oracles/tiny-llama-mha/block_param_second_25" },
    { TINY, "oracles/tiny-llama-mha/block_steps2_50" },
    { TINY, "oracles/tiny-llama-mha/block_vectorize_25" },
    { TINY, "oracles/tiny-llama-mha/channel_param_first_25" },
    { TINY, "oracles/tiny-llama-mha/channel_vectorize_25" },
};

struct fixture {
    struct slim_oracle *oracle;
    struct slim_session *session;
};

static char *shared_path(const char *stem, const char *suffix)
{
    char path[256];

    snprintf(path, sizeof path, "%s%s", stem, suffix);
    return slim_test_need_shared(path);
}

static void open_fixture(struct fixture *fixture,
                         const struct oracle_case *chosen)
{
    char *recipe = shared_path(chosen->name, ".slim");
    char *model = shared_path(chosen->model, "");
    char *tokenizer = shared_path(STORIES, "");
    char *data = shared_path("data/wikitext-2-raw", "");
    char oracle[256];
    size_t length;
    char *text = slim_test_read(recipe, &length);

    snprintf(oracle, sizeof oracle, "%s.safetensors", chosen->name);
    fixture->oracle = slim_test_oracle(oracle);
    fixture->session = slim_test_session(text, model, tokenizer, data);
    free(text);
    free(data);
    free(tokenizer);
    free(model);
    free(recipe);
}

static void close_fixture(struct fixture *fixture)
{
    slim_test_session_free(fixture->session);
    slim_test_oracle_free(fixture->oracle);
}

/* "score.0.model.layers.1.mlp.gate_proj": what the oracle says of a group,
 * which it names by the module that it starts from. */
static const void *oracle_of(const struct fixture *fixture, const char *what,
                             size_t step, const struct slim_group *group,
                             size_t *count)
{
    const char *root = group->members[0].tensor->name;
    int length = (int)(strlen(root) - strlen(".weight"));
    char name[256];

    snprintf(name, sizeof name, "%s.%zu.%.*s", what, step, length, root);
    return slim_test_oracle_find(fixture->oracle, name, count);
}

static size_t check_scores(const struct fixture *fixture,
                           const struct slim_scores *scores)
{
    size_t checked = 0;

    for (size_t g = 0; g < scores->groups->count; g++) {
        const struct slim_group *group = &scores->groups->items[g];
        size_t count;
        const float *want = oracle_of(fixture, "score", 0, group, &count);
        if (!want)
            continue;
        assert_non_null(scores->values[g]);
        assert_int_equal(count, group->units);
        for (size_t u = 0; u < count; u++)
            assert_true(slim_test_near(scores->values[g][u], (double)want[u],
                                       SLIM_NEAR_ORACLE_SCORE, 0));
        checked++;
    }
    return checked;
}

/* Marks the indices of a group's root that are gone after all steps; the rows
 * of a later step are numbered among those that are left. */
static void mark_gone(bool *gone, const struct fixture *fixture,
                      const struct slim_group *group, size_t rows)
{
    size_t *left = calloc(rows, sizeof *left);

    assert_non_null(left);
    for (size_t step = 0;; step++) {
        size_t count, at = 0;
        const int32_t *pruned =
            oracle_of(fixture, "pruned", step, group, &count);
        if (!pruned)
            break;
        for (size_t i = 0; i < rows; i++)
            if (!gone[i])
                left[at++] = i;
        for (size_t i = 0; i < count; i++)
            gone[left[pruned[i]]] = true;
    }
    free(left);
}

/* Whether a unit's score is as good as the highest of those that went: then
 * either of the two may go. */
static bool near_tie(const struct fixture *fixture,
                     const struct slim_group *group, const bool *gone,
                     size_t unit)
{
    size_t count, each = group->members[0].per_unit;
    const float *scores = oracle_of(fixture, "score", 0, group, &count);
    float highest = 0;

    for (size_t u = 0; scores && u < count; u++)
        if (gone[u * each])
            highest = fmaxf(highest, scores[u]);
    return scores && fabsf(scores[unit] - highest) <=
                         (float)SLIM_NEAR_ORACLE_SCORE * highest;
}

static void check_group(const struct fixture *fixture,
                        const struct slim_group *group,
                        const struct slim_weight *weight, size_t rows)
{
    bool *gone = calloc(rows, sizeof *gone), *here = calloc(rows, sizeof *here);
    size_t each = group->members[0].per_unit;

    assert_true(gone && here);
    mark_gone(gone, fixture, group, rows);
    for (size_t i = 0; i < weight->size[0]; i++)
        here[weight->kept[0] ? weight->kept[0][i] : i] = true;
    for (size_t i = 0; i < rows; i++)
        if (here[i] == gone[i] && !near_tie(fixture, group, gone, i / each))
            fail_msg("row %zu of %s: here %s, in the oracle %s", i,
                     group->members[0].tensor->name,
                     here[i] ? "kept" : "pruned", gone[i] ? "pruned" : "kept");
    free(gone);
    free(here);
}

static void check_model(const struct fixture *fixture,
                        const struct slim_model *model)
{
    const struct slim_shape *dense = model->info->shape;
    const struct slim_groups *groups =
        slim_discover(dense, fixture->session->arena);

    for (size_t g = 0; g < groups->count; g++) {
        const struct slim_group *group = &groups->items[g];
        const struct slim_tensor *root = group->members[0].tensor;
        check_group(fixture, group, &model->weights[root->index],
                    slim_tensor_size(dense, root, 0));
    }
}

/* The recipe as it stands: scores, pruned rows, and its assertion on the
 * parameters. */
static void conforms(void **state)
{
    struct fixture fixture;
    const struct slim_op *op;

    open_fixture(&fixture, *state);
    op = slim_test_session_to(fixture.session, "score");
    assert_non_null(op);
    assert_true(check_scores(&fixture,
                             fixture.session->run.results[op->id].scores) > 0);
    op = slim_test_session_to(fixture.session, "prune");
    assert_non_null(op);
    check_model(&fixture, fixture.session->run.results[op->id].model);
    assert_non_null(slim_test_session_to(fixture.session, "assert"));
    close_fixture(&fixture);
}

int main(void)
{
    struct CMUnitTest tests[SLIM_COUNT(cases)];

    for (size_t i = 0; i < SLIM_COUNT(cases); i++) {
        tests[i] = (struct CMUnitTest){ .name = cases[i].name,
                                        .test_func = conforms,
                                        .initial_state = (void *)&cases[i] };
    }
    return cmocka_run_group_tests(tests, NULL, NULL);
}
