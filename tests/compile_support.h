/* compile_support.h - recipes compiled in memory by the tests of compiler/ */
#ifndef SLIM_COMPILE_SUPPORT_H
#define SLIM_COMPILE_SUPPORT_H

#include "compiler/compile.h"

/* One recipe, its program and what was wrong with it. */
struct compile_case {
    struct slim_source source;
    struct slim_diag diag;
    struct slim_recipe *recipe;
    struct slim_host host;
    struct slim_program *program;
    enum slim_status status;
};

/* Compiles with the real table of verbs, known data sets alpaca, bookcorpus
 * and wikitext2, and data that is always there. model may be NULL. */
void compile_case_open(struct compile_case *c, const char *text,
                       const struct slim_model_info *model);
void compile_case_close(struct compile_case *c);

/* The first record with that code, or NULL. */
const struct slim_error *compile_case_find(const struct compile_case *c,
                                           const char *code);

/* The n-th visible operation, from 0; fails the test if there is none. */
const struct slim_op *compile_case_op(const struct compile_case *c, size_t n);

/* The listing of a program; the caller frees it. */
char *compile_print(const struct slim_program *program);

/* A LLaMA of these sizes, opened from headers whose weights are a hole. */
struct slim_model_info *compile_toy(size_t layers, size_t width, size_t heads,
                                    size_t kv, size_t mlp, size_t vocab,
                                    struct slim_arena *arena);

#endif
