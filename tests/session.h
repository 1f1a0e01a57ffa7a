/* session.h - a recipe compiled for a model and run step by step */
#ifndef SLIM_TEST_SESSION_H
#define SLIM_TEST_SESSION_H

#include "runtime/run.h"

struct slim_session {
    struct slim_arena *arena;
    struct slim_diag diag;
    struct slim_source source;
    struct slim_model_info *info;
    struct slim_data_world world;
    struct slim_program *program;
    struct slim_run run;
    const struct slim_op *next; /* the operation that runs next */
};

/*
 * Compiles the text of a recipe for a model directory. `tokenizer` is the
 * directory of the tokenizer, `data` one with data files. A failure fails the
 * test with the first message.
 */
struct slim_session *slim_test_session(const char *text, const char *model,
                                       const char *tokenizer, const char *data);
/* The same without a step: slim_run_program may run the whole. */
struct slim_session *slim_test_session_compile(const char *text,
                                               const char *model,
                                               const char *data);
void slim_test_session_free(struct slim_session *session);

/* Runs up to and with the next operation of that verb and returns it; its
 * result, and those before it, stay until the session is freed. NULL: there is
 * none, and everything has run. */
const struct slim_op *slim_test_session_to(struct slim_session *session,
                                           const char *verb);

#endif
