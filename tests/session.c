/* session.c - a recipe compiled for a model and run step by step */
#include "tests/session.h"

#include "compiler/compile.h"
#include "lang/parse.h"
#include "runtime/train/lora.h"
#include "tests/support.h"

#include <string.h>

static void must(struct slim_session *session, enum slim_status status)
{
    if (status == SLIM_OK)
        return;
    char *text = slim_test_diag(&session->diag);
    print_error("%s", text);
    free(text);
    fail();
}

static char *keep(struct slim_session *session, char *text)
{
    char *kept = slim_arena_strdup(session->arena, text);

    free(text);
    return kept;
}

static void open_world(struct slim_session *session, const char *tokenizer,
                       const char *data)
{
    struct slim_data_world *world = &session->world;

    world->sets = keep(session, slim_test_source("runtime/data/sets"));
    world->directories = SLIM_NEW_ARRAY(session->arena, 2, const char *);
    world->directories[0] = slim_arena_strdup(session->arena, data);
    world->model = slim_arena_strdup(session->arena, tokenizer);
    world->arena = session->arena;
}

static void compile(struct slim_session *session, const char *model)
{
    struct slim_host host = { .stages = slim_stages,
                              .data_check = slim_data_check,
                              .world = &session->world };
    char *families = keep(session, slim_test_source("compiler/families"));
    struct slim_recipe *recipe;

    must(session, slim_parse(&recipe, &session->source, &session->diag));
    must(session, slim_model_open(&session->info, model, families,
                                  (struct slim_span){ 0 }, &session->diag));
    must(session, slim_compile(&session->program, recipe, session->info, &host,
                               &session->diag));
}

static void open_run(struct slim_session *session)
{
    session->run = (struct slim_run){ .arena = session->arena,
                                      .diag = &session->diag,
                                      .program = session->program,
                                      .kernels = slim_kernels_blas(),
                                      .input = session->info,
                                      .world = &session->world,
                                      .progress = { .out = stderr } };
    session->run.results = SLIM_NEW_ARRAY(
        session->arena, session->program->count, struct slim_result);
}

static void prepare(struct slim_session *session, const char *tokenizer)
{
    struct slim_run *run = &session->run;

    must(session, slim_tokenizer_open(&run->tokenizer, tokenizer,
                                      (struct slim_span){ 0 }, &session->diag));
    for (const struct slim_op *op = session->program->first; op; op = op->next)
        if (op->stage->prepare)
            must(session, op->stage->prepare(run, op));
    session->next = session->program->first;
}

static struct slim_session *compiled(const char *text, const char *model,
                                     const char *tokenizer, const char *data)
{
    struct slim_session *session = calloc(1, sizeof *session);

    assert_non_null(session);
    slim_threads_set(1); /* the models are tiny, threads would only wait */
    session->arena = slim_arena_open();
    session->diag.arena = session->arena;
    session->source =
        (struct slim_source){ "recipe", slim_arena_strdup(session->arena, text),
                              strlen(text) };
    open_world(session, tokenizer, data);
    compile(session, slim_arena_strdup(session->arena, model));
    open_run(session);
    return session;
}

struct slim_session *slim_test_session(const char *text, const char *model,
                                       const char *tokenizer, const char *data)
{
    struct slim_session *session = compiled(text, model, tokenizer, data);

    prepare(session, tokenizer);
    return session;
}

struct slim_session *slim_test_session_compile(const char *text,
                                               const char *model,
                                               const char *data)
{
    return compiled(text, model, model, data);
}

void slim_test_session_free(struct slim_session *session)
{
    for (unsigned i = 0; i < session->program->count; i++) {
        struct slim_result *result = &session->run.results[i];
        slim_model_free(result->model);
        slim_scores_free(result->scores);
        slim_tokens_free(result->tokens);
        slim_tokens_free(result->records);
        slim_lora_free(result->adapters);
        if (result->rotation_free)
            result->rotation_free(result->rotation);
    }
    slim_tokenizer_close(session->run.tokenizer);
    slim_arena_close(session->arena);
    free(session);
}

const struct slim_op *slim_test_session_to(struct slim_session *session,
                                           const char *verb)
{
    while (session->next) {
        const struct slim_op *op = session->next;
        session->next = op->next;
        if (op->stage->run)
            must(session, op->stage->run(&session->run, op));
        if (strcmp(op->stage->name, verb) == 0)
            return op;
    }
    return NULL;
}
