/* compilation.h - what the passes share while one recipe is compiled */
#ifndef SLIM_COMPILATION_H
#define SLIM_COMPILATION_H

#include "compiler/compile.h"

/* An operation together with the statement it was made from. Every operation
 * that the compiler makes is the first member of one of these. */
struct slim_draft {
    struct slim_op op;
    struct slim_stmt *stmt; /* NULL: nobody wrote it */
    bool broken;            /* an error was reported: later passes that would
                               trust it leave it alone */
};

/* `data NAME = ...` */
struct slim_data_name {
    struct slim_stmt *stmt;
    struct slim_sample *sample;
    struct slim_draft *draft; /* made at the first use */
    bool used, broken;
    struct slim_data_name *next;
};

/* One place of a `sweep`: a value for each of its names. */
struct slim_tuple {
    const struct slim_value *values;
    struct slim_tuple *next;
};

/* One `sweep` statement: its names go through its places together. */
struct slim_axes {
    const struct slim_stmt *stmt;
    size_t width, count; /* names, places */
    struct slim_tuple *places;
    struct slim_axes *next;
};

/* What a name of a sweep is at this point; NULL after an error. */
struct slim_bound {
    const char *name;
    const struct slim_value *value;
    struct slim_bound *next;
};

struct slim_compilation {
    struct slim_program *program;
    struct slim_recipe *recipe;
    const struct slim_model_info *model;
    const struct slim_host *host;
    struct slim_diag *diag;
    struct slim_arena *arena;
    struct slim_data_name *data;
    size_t included;          /* recipes spliced in so far */
    struct slim_axes *groups; /* of the sweep; NULL: there is none */
    size_t points;            /* 0: there is no sweep */
    struct slim_bound *bound; /* of the point that is compiled */
    bool kept;                /* `keep` has been lowered */
    bool incomplete; /* a statement gave no operation: what follows from the
                        order of operations cannot be judged */
    bool uncertain;  /* a shape could not be resolved */
};

/* One row of passes.def. */
struct slim_pass {
    const char *name;
    const char *summary;
    enum {
        SLIM_PASS_ONCE,  /* of the recipe, before it becomes points */
        SLIM_PASS_TREE,  /* statements are still there to be judged */
        SLIM_PASS_ORDER, /* every statement gave its operation */
        SLIM_PASS_MODEL, /* the same, and the model is known */
        SLIM_PASS_WHOLE, /* nothing is wrong so far, and the model is known */
    } needs;
    enum slim_status (*run)(struct slim_compilation *c);
};

#define PASS(name, needs, summary)                                             \
    enum slim_status slim_pass_##name(struct slim_compilation *c);
#include "compiler/passes.def"
#undef PASS

/* The passes after those of the recipe, for every point of its sweep. */
enum slim_status slim_compile_points(
    struct slim_compilation *c, void (*compile)(struct slim_compilation *));
const struct slim_value *slim_tuple_value(const struct slim_tuple *place,
                                          size_t index);

/* A growing list of names that a message may suggest. */
struct slim_words {
    const char **items; /* NULL-terminated */
    size_t count, capacity;
};
void slim_words_add(struct slim_words *names, struct slim_arena *arena,
                    const char *name);
/* Adds "did you mean 'x'?" with its fix where one is near, and lists all. */
void slim_suggest(struct slim_diag *diag, struct slim_error *error,
                  struct slim_span span, const char *word,
                  const struct slim_words *names);
/* The same for a word in the place of a verb. */
void slim_suggest_verb(struct slim_compilation *c, struct slim_error *error,
                       const struct slim_value *verb);
/* Statements that could not be read and begin with no verb are told so. */
void slim_unread_verbs(struct slim_compilation *c,
                       const struct slim_recipe *recipe);
struct slim_words slim_stage_names(const struct slim_stage *const *stages,
                                   struct slim_arena *arena);

static inline struct slim_draft *slim_draft_of(struct slim_op *op)
{
    return (struct slim_draft *)op;
}

/* "score taylor": how messages name an operation's stage. */
const char *slim_stage_title(struct slim_arena *arena,
                             const struct slim_stage *stage,
                             const char *method);

struct slim_draft *slim_draft_new(struct slim_compilation *c,
                                  const struct slim_stage *stage,
                                  const char *method, struct slim_span span);
/* Every parameter that applies gets its default. */
void slim_args_default(struct slim_draft *draft, struct slim_arena *arena);
/* Where a save goes that says no path. */
const char *slim_output_name(const struct slim_compilation *c,
                             const char *method);
void slim_default_path(const struct slim_compilation *c,
                       struct slim_draft *draft);
void slim_program_append(struct slim_program *program, struct slim_op *op);
void slim_op_add_input(struct slim_op *op, const struct slim_op *from,
                       enum slim_type type);

/* Of the recipe with all that it includes. */
enum slim_status slim_check_limits(struct slim_compilation *c);

/* ---- lowering, a clause a file ---- */

struct slim_lowering {
    struct slim_compilation *c;
    struct slim_stmt *stmt;
    const struct slim_stage *stage;
    struct slim_draft **drafts; /* one, or one for each metric */
    size_t count;
};

/* Takes out what a method that a sweep gave does not take. */
void slim_lower_swept(struct slim_lowering *l);
/* Every argument of the statement into the drafts it applies to. */
enum slim_status slim_lower_args(struct slim_lowering *l);
/* Where the statement writes: nowhere that an earlier one writes. */
enum slim_status slim_lower_path(struct slim_lowering *l);
enum slim_status slim_lower_amount(struct slim_lowering *l);
enum slim_status slim_lower_scope(struct slim_lowering *l);
/* The sample that each draft reads, and the operation that makes it. */
enum slim_status slim_lower_data(struct slim_lowering *l);
enum slim_status slim_lower_formula(struct slim_lowering *l);
/* A sample that is named is used, even if this point does not read it. */
void slim_use_data(struct slim_compilation *c, const struct slim_value *name);
enum slim_status slim_define_data(struct slim_compilation *c,
                                  struct slim_stmt *stmt);

/* Stores a recipe's value in a field, with an error if it does not fit. */
enum slim_status slim_value_store(void *args, const struct slim_param *param,
                                  const struct slim_value *value,
                                  struct slim_diag *diag);

#endif
