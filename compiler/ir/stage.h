/* stage.h - what a verb is: a row of this table and a file of its own */
#ifndef SLIM_STAGE_H
#define SLIM_STAGE_H

#include "compiler/ir/ir.h"
#include "compiler/ir/keeping.h"
#include "compiler/ir/param.h"
#include "compiler/ir/sample.h"

/*
 * Three rows mean something to the compiler. `input` (hidden) gives the model
 * that was named on the command line; `sample` (hidden, args struct
 * slim_sample) gives tokens; the first row that gives groups is what is
 * inserted where a stage implies them. Three parameters are filled by syntax:
 * `path` of `save hf "x"`, `axis` of `keep max p`, `warn` of `else warn`.
 *
 * The parser, the checker, the formatter, `slimc ops`, the man page and
 * completion, the IR's text form and the executor all read the row; none of
 * them knows a verb by name. To add a verb: write runtime/stage/NAME.c with its
 * row, add one line to runtime/stage/stages.def, add a golden test.
 */
enum slim_param_kind {
    SLIM_PARAM_INT,    /* field: long */
    SLIM_PARAM_REAL,   /* field: double; accepts 1e-4 and 5% (as 0.05) */
    SLIM_PARAM_BOOL,   /* field: bool; yes or no */
    SLIM_PARAM_CHOICE, /* field: int, index into choices */
    SLIM_PARAM_TEXT,   /* field: const char *; NAME or STRING */
};

struct slim_param {
    const char *name;
    enum slim_param_kind kind;
    size_t offset;              /* of the field in the stage's args struct */
    const char *initial;        /* default as a recipe would write it; NULL: the
                               field stays 0 / NULL ("not given") */
    double min, max;            /* INT and REAL; both 0: unbounded */
    const char *const *choices; /* NULL-terminated */
    const char *methods;        /* "pca random": only for these; NULL: all */
    bool sample;                /* an argument of the data sample (n, len, pick,
                               seed): refused where `on` names a sample, and
                               kept in the args of the hidden stage `sample`
                               (parameter of that name), never in this stage's:
                               offset is not used. Where it is absent the
                               method's documented sample says it, then
                               `initial`, then the row `sample`. Of a method
                               that reads no data it is the stage's own
                               argument like any other (score random seed=) */
    bool always; /* TEXT: an operation has it, from the recipe or a pass */
    const char *help;
};

struct slim_method {
    const char *name; /* "taylor"; NULL ends the list */
    const char *summary;
    bool data;          /* reads calibration or training data */
    const char *sample; /* documented default: "bookcorpus n=10 len=64" */
    const char *paper;
    unsigned needs, gives; /* of this method, beside the stage's */
};

/* Quantities a stage takes. Units are tried in order; the first is the one
 * that a bare percentage means. */
struct slim_amount_rule {
    bool required;
    const char *const *units; /* NULL-terminated; NULL: no amount */
    bool percent, number, ratio;
};

struct slim_run;

struct slim_stage {
    const char *name;
    const char *summary;
    unsigned version; /* raised when results change; enters cache keys */
    bool hidden;      /* made by the compiler only: input, sample, groups */
    const struct slim_method *methods; /* NULL: takes no method */
    const char *method_default;        /* NULL: must be written */
    struct slim_amount_rule amount;
    bool scope;                         /* takes `in` ... `except` */
    bool scope_width;                   /* `in width` too */
    unsigned needs, gives, invalidates; /* masks of slim_type */
    unsigned implied; /* needs that are inserted when absent: groups */
    bool keeps_function;
    bool data;    /* takes `on` (a method may still not) */
    bool records; /* reads records apart (training), not windows */
    bool each;    /* `measure a, b`: one operation for each method, in
                              order; `as` names the first that reads data, the
                              others go by their own names */
    const struct slim_param *params; /* name NULL ends the list */
    size_t args_size;

    /* What the arguments alone decide: combinations. May be NULL. */
    enum slim_status (*check)(const struct slim_op *op, struct slim_diag *diag);
    /* Turns quantities into integers: reads op->before, sets op->after (a new
     * shape in diag->arena, or op->before unchanged), op->resolved, op->plan
     * and op->cost. Reads no weights. NULL: the shape passes unchanged. */
    enum slim_status (*resolve)(struct slim_op *op, struct slim_diag *diag);
    /* Everything that can fail before the first second of computing: data is
     * tokenized, output directories are looked at. Called for all operations
     * in order before the first run(). May be NULL. */
    enum slim_status (*prepare)(struct slim_run *run, const struct slim_op *op);
    /* Does it. NULL: nothing to do at run time. */
    enum slim_status (*run)(struct slim_run *run, const struct slim_op *op);
    struct slim_keeping keep; /* what the store has to know */
};

/* The table, sorted by name, NULL-terminated; defined by the runtime, handed
 * to the compiler by cli/. */
extern const struct slim_stage *const slim_stages[];

/* The types that the operation reads: its stage's and its method's. */
unsigned slim_op_needs(const struct slim_op *op);
/* The types that it makes, likewise. */
unsigned slim_op_gives(const struct slim_op *op);

#endif
