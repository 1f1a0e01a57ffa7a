/* oracle_run.c - a recipe of ../shared/oracles run as it stands: parameters and
 * perplexities */
#include "tests/oracle_run.h"

#include "tests/support.h"

#include <math.h>
#include <string.h>
#include <unistd.h>

/* Where the model of a folder of oracles is, and where its tokenizer. */
struct place {
    const char *folder, *model, *tokenizer;
};

static const struct place places[] = {
    { "stories", "models/stories260k", "models/stories260k" },
    { "tiny-llama-mha", "models/tiny/llama-mha", "models/stories260k" },
};

/* What a run of the program gives a pass for activations. */
#define MEMORY ((size_t)256 << 20)

static char *beside(const struct slim_oracle_run *run, const char *suffix)
{
    char path[256];

    (void)snprintf(path, sizeof(path), "oracles/%s%s", run->name, suffix);
    return slim_test_need_shared(path);
}

static void open_tensors(struct slim_oracle_run *run)
{
    char path[256];

    (void)snprintf(path, sizeof(path), "oracles/%s.safetensors", run->name);
    char *full = slim_test_shared(path);
    if (full)
        run->oracle = slim_test_oracle(path);
    free(full);
}

static void open_session(struct slim_oracle_run *run)
{
    char *recipe = beside(run, ".slim");
    char *data = slim_test_need_shared("data/wikitext-2-raw");
    char *text = slim_test_read(recipe, NULL);
    char *model = NULL, *tokenizer = NULL;

    for (size_t i = 0; i < SLIM_COUNT(places); i++)
        if (strncmp(run->name, places[i].folder, strlen(places[i].folder)) ==
            0) {
            model = slim_test_need_shared(places[i].model);
            tokenizer = slim_test_need_shared(places[i].tokenizer);
        }
    if (!model)
        model = slim_test_need_smollm2();
    run->session =
        slim_test_session(text, model, tokenizer ? tokenizer : model, data);
    run->session->run.memory = MEMORY;
    if (!tokenizer) /* a large model has work for every core */
        slim_threads_set(0);
    free(tokenizer);
    free(model);
    free(text);
    free(data);
    free(recipe);
}

static bool is_verb(const struct slim_op *op, const char *verb)
{
    return strcmp(op->stage->name, verb) == 0;
}

void slim_oracle_run_start(struct slim_oracle_run *run, const char *name)
{
    *run = (struct slim_oracle_run){ .name = name };
    char *path = beside(run, ".json");

    run->facts = json_load_file(path, 0, NULL);
    free(path);
    if (!run->facts)
        fail_msg("what %s says of itself is not JSON", name);
    open_tensors(run);
    open_session(run);
}

void slim_oracle_run_go(struct slim_oracle_run *run)
{
    while (run->session->next && !is_verb(run->session->next, "save"))
        if (run->quick && is_verb(run->session->next, "measure"))
            run->session->next = run->session->next->next;
        else
            (void)slim_test_session_to(run->session,
                                       run->session->next->stage->name);
}

void slim_oracle_run_close(struct slim_oracle_run *run)
{
    if (run->session)
        slim_test_session_free(run->session);
    if (run->oracle)
        slim_test_oracle_free(run->oracle);
    json_decref(run->facts);
    *run = (struct slim_oracle_run){ 0 };
}

const struct slim_op *slim_oracle_run_op(const struct slim_oracle_run *run,
                                         const char *verb)
{
    const struct slim_op *last = NULL;

    for (const struct slim_op *op = run->session->program->first;
         op != run->session->next; op = op->next)
        if (is_verb(op, verb))
            last = op;
    if (!last)
        fail_msg("%s has not run a %s", run->name, verb);
    return last;
}

struct slim_model *slim_oracle_run_model(const struct slim_oracle_run *run)
{
    struct slim_model *model = NULL;

    for (const struct slim_op *op = run->session->program->first;
         op != run->session->next; op = op->next)
        if (run->session->run.results[op->id].model)
            model = run->session->run.results[op->id].model;
    assert_non_null(model);
    return model;
}

static struct slim_distance relative(double have, double want)
{
    return (struct slim_distance){ have, want, fabs(have - want) / fabs(want) };
}

struct slim_distance slim_oracle_params(struct slim_oracle_run *run)
{
    const json_t *want = json_object_get(run->facts, "params_after");
    const struct slim_model *model = slim_oracle_run_model(run);

    assert_non_null(want);
    return relative((double)slim_shape_params(model->shape),
                    (double)json_integer_value(want));
}

/* "ppl_len2048_first16", or "len2048": {"ppl": ..} */
static double wanted_ppl(const struct slim_oracle_run *run, const char *length)
{
    const json_t *group = json_object_get(run->facts, length);
    char start[32];
    const char *key;
    json_t *value;

    if (group)
        return json_number_value(json_object_get(group, "ppl"));
    (void)snprintf(start, sizeof(start), "ppl_%s_", length);
    json_object_foreach(run->facts, key,
                        value) if (strncmp(key, start, strlen(start)) ==
                                   0) return json_number_value(value);
    fail_msg("%s says no perplexity of %s", run->name, length);
    return (double)NAN;
}

static struct slim_distance ppl(const struct slim_oracle_run *run,
                                const char *length, const char *label)
{
    for (const struct slim_metric *m = run->session->run.metrics; m;
         m = m->next)
        if (strcmp(m->label, label) == 0)
            return relative(m->value, wanted_ppl(run, length));
    fail_msg("%s measured no %s", run->name, label);
    return (struct slim_distance){ 0 };
}

struct slim_distance slim_oracle_ppl_2048(struct slim_oracle_run *run)
{
    return ppl(run, "len2048", "w2048");
}

struct slim_distance slim_oracle_ppl_128(struct slim_oracle_run *run)
{
    return ppl(run, "len128", "w128");
}

/* About this many tokens are run once more, for a look at single windows. */
enum { SOME_TOKENS = 4096 };

static struct slim_distance nll(struct slim_oracle_run *run, const char *length,
                                const char *label)
{
    const json_t *group = json_object_get(run->facts, length);
    const json_t *want = json_object_get(group, "nll_per_window");
    const struct slim_op *op = slim_oracle_run_op(run, "measure");
    struct slim_distance most = { (double)NAN, (double)NAN, 0.0 };

    for (op = run->session->program->first; op; op = op->next)
        if (op->label && strcmp(op->label, label) == 0)
            break;
    assert_non_null(op);
    const struct slim_tokens *tokens = slim_run_tokens(&run->session->run, op);
    size_t windows = SOME_TOKENS / tokens->length;
    double *have = SLIM_NEW_ARRAY(run->session->arena, windows, double);
    assert_int_equal(slim_model_nll(have,
                                    slim_run_model(&run->session->run, op),
                                    tokens->ids, windows, tokens->length,
                                    MEMORY, NULL, run->session->run.kernels,
                                    NULL, NULL, &run->session->diag),
                     SLIM_OK);
    for (size_t i = 0; i < windows; i++) {
        struct slim_distance d =
            relative(have[i], json_number_value(json_array_get(want, i)));
        if (!(d.apart <= most.apart))
            most.apart = d.apart;
    }
    return most;
}

struct slim_distance slim_oracle_nll_2048(struct slim_oracle_run *run)
{
    return nll(run, "len2048", "w2048");
}

struct slim_distance slim_oracle_nll_128(struct slim_oracle_run *run)
{
    return nll(run, "len128", "w128");
}
