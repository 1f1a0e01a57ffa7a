/* ir.h - a program: what will run, with every number resolved */
#ifndef SLIM_IR_H
#define SLIM_IR_H

#include "base/diag.h"
#include "compiler/ir/arch.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct slim_stage;

/* What flows between operations. One operation may give several. */
enum slim_type {
    SLIM_TYPE_MODEL = 1,
    SLIM_TYPE_GROUPS = 2,
    SLIM_TYPE_SCORES = 4,
    SLIM_TYPE_ROTATION = 8,
    SLIM_TYPE_TOKENS = 16,
    SLIM_TYPE_METRIC = 32,
    SLIM_TYPE_ADAPTER = 64, /* low-rank factors, already merged */
};
#define SLIM_TYPES 7 /* how many there are: bits 0 to 6 */
const char *slim_type_name(enum slim_type type);

enum slim_quantity_kind {
    SLIM_QUANTITY_NONE,
    SLIM_QUANTITY_PERCENT, /* value 20 */
    SLIM_QUANTITY_NUMBER,
    SLIM_QUANTITY_RATIO,
};

struct slim_quantity {
    enum slim_quantity_kind kind;
    bool to; /* `to 3072 width` */
    double value;
    uint64_t left, right;
    const char *unit; /* "params", "groups", "width", ...; never NULL once
                          names are resolved and kind is not NONE */
    struct slim_span span;
};

/* Where a stage acts. `layers` has arch->layers entries. */
struct slim_where {
    bool given; /* an `in` clause was written */
    bool roles[SLIM_ROLE_COUNT];
    bool except_roles[SLIM_ROLE_COUNT];
    bool width; /* the stream: channel mode */
    bool layers_given;
    bool *layers; /* NULL before the model is known */
    const struct slim_range_ir {
        long first, last; /* -1 is the last layer */
    } * ranges;
    size_t range_count;
    const struct slim_range_ir *except;
    size_t except_count;
    const char *const *globs; /* over tensor names */
    size_t glob_count;
    const char *const *except_globs;
    size_t except_glob_count;
    struct slim_span span;
};

/* No role named: all of them, that is, those the stage acts on. Roles that
 * `except` names are left out. */
bool slim_where_role(const struct slim_where *where, enum slim_role role);
/* Whether the tensor's layer, role and name are in the scope. `layers` must be
 * filled; a tensor outside the layers passes unless layers were written. */
bool slim_where_tensor(const struct slim_where *where,
                       const struct slim_tensor *tensor);

/* A formula of `assert`. A leaf is a number or names a metric; metrics that
 * are facts of the shape (params, macs) are decided by check. */
struct slim_formula {
    char op; /* as slim_expr.op; 0: leaf */
    struct slim_span span;
    const char *text; /* the leaf as written */
    bool number;
    double value;
    bool base;          /* base.NAME: of the input model */
    const char *metric; /* "params", "ppl" or the label of a measure */
    const struct slim_op *measure; /* where it comes from; NULL: of the shape */
    const struct slim_formula *left, *right;
};

/*
 * The formula's value, 1 or 0 for a comparison. `leaf` answers for leaves that
 * are no number; where it returns false the value is not known and so is the
 * formula's: false.
 */
bool slim_formula_value(double *out, const struct slim_formula *formula,
                        bool (*leaf)(void *context, double *value,
                                     const struct slim_formula *leaf),
                        void *context);
/* -1 is the last layer, -2 the one before. */
long slim_layer_absolute(long layer, size_t layers);
/* Makes `layers` from the ranges: all where none are written. */
void slim_where_fill(struct slim_where *where, size_t layers,
                     struct slim_arena *arena);
/* As a scope names it: "attn", "mlp"; the stream is "width". */
const char *slim_role_name(enum slim_role role);

/* '+' -> "+", 'l' -> "<=", ... */
const char *slim_formula_sign(char op);
struct slim_text;
/* As the recipe writes it: "w2 <= 1.15 * base.w2". */
void slim_formula_print(struct slim_text *out,
                        const struct slim_formula *formula);

struct slim_cost {
    double flops;
    uint64_t memory; /* peak bytes of anonymous memory */
    uint64_t least;  /* the same where it has to do with little: activations
                        stand in files or are computed again */
    uint64_t disk;   /* bytes written */
};

/* The stream after each layer, as a plan sees it: layers that are found, those
 * that are computed and kept, and those that are computed and not. */
struct slim_stream_plan {
    size_t found, kept, computed;
    uint64_t bytes;  /* of the stream after a layer */
    double seconds;  /* that a layer takes, about */
    const char *why; /* none is kept; or NULL */
};

struct slim_input {
    const struct slim_op *op;
    enum slim_type type;
};

#define SLIM_OP_INPUTS 6

struct slim_op {
    unsigned id;
    const struct slim_stage *stage;
    const char *method; /* NULL if the stage has none */
    void *args;         /* the stage's own struct, defaults filled */
    struct slim_quantity amount;
    struct slim_where where;
    struct slim_input inputs[SLIM_OP_INPUTS];
    size_t input_count;
    const char *label;                  /* as NAME, or NULL */
    const struct slim_formula *formula; /* assert */
    struct slim_span span;              /* the statement */
    const char *text; /* canonical text, for people: "prune 20%.." */
    bool implied;     /* not written: discover groups before score */

    /* filled by the resolve pass */
    const struct slim_shape *before, *after; /* model read, model given */
    bool estimated;              /* after is a bound: the run decides counts
                                    (global=yes); facts of the shape that
                                    come later are then decided by run */
    const char *resolved;        /* "24/32 heads, 8960/11008 mlp" */
    void *plan;                  /* the stage's own, from its resolve() */
    const struct slim_op *fused; /* rotate: the slice that carries it out;
                                    slice: the rotate that it carries out */
    struct slim_cost cost;
    const char *cached; /* "hit" or "run"; NULL: not asked */
    double spent;       /* seconds that a hit took when it was made */
    double pace;        /* seconds that it will take, by what stages of its kind
                           took here; 0: not known */
    const struct slim_stream_plan *streams; /* NULL: not asked, or none */
    struct slim_op *next;
};

/* What varies in a sweep: its axes, and how many points they span. */
struct slim_sweep {
    const char *const *axes;
    size_t axis_count, count;
};

/* One point: a value, as written, for each axis. */
struct slim_point {
    const struct slim_sweep *sweep;
    size_t index;
    const char *name; /* "p=20%,m=l2", fit for a path */
    const char *const *values;
    const double *numbers; /* of values that are numbers or percentages */
};

/* More points than anyone waits for are refused. */
#define SLIM_POINTS_MAX 10000

/* Verifying looks back over operations: this keeps the square small. */
#define SLIM_OPS_MAX 20000u

/* An arithmetic, by the name that recipes give it. */
struct slim_compute {
    const char *name, *text; /* text: as plans say it */
    double noise; /* how far a loss may move by rounding, as a share of it */
    double share; /* of the rate of a product, what a stage reaches */
    double rate;  /* operations a second of a stage, where none is measured */
};
const struct slim_compute *slim_compute_at(size_t index); /* NULL: no more */
const struct slim_compute *slim_compute_find(const char *name);

struct slim_program {
    const struct slim_source *source;
    const char *compute; /* name of a slim_compute */
    bool compute_given;
    uint64_t budget; /* bytes of memory that a run may take; 0: no matter */
    double limit;    /* operations a second of a product in this arithmetic, as
                     this machine was measured; 0: it was not */
    const struct slim_model_info *model; /* NULL: compiled without one */
    struct slim_op *first, *last;
    unsigned count;
    const struct slim_point *point; /* NULL: the recipe has no sweep */
    const char *text;               /* of a point: its recipe, canonical */
    const struct slim_error *unmet; /* of a point: an assertion that the shape
                                       alone decides, and that does not hold */
    struct slim_program *next;      /* of the next point */
};

/* The operation's input of a type, or NULL. */
const struct slim_op *slim_op_input(const struct slim_op *op,
                                    enum slim_type type);
/* Whether a store was asked and has what it gives: it will not run. */
bool slim_op_hit(const struct slim_op *op);

/* Text form, one operation a line, in README.md of this folder; of a sweep, a
 * listing for each point from `program` on. Reading what was printed gives the
 * same programs, but for the recipe of a point. With a model, reading resolves anew and
 * refuses a listing whose sizes are not the model's. */
void slim_program_print(struct slim_text *out,
                        const struct slim_program *program);
SLIM_NODISCARD enum slim_status slim_program_read(
    struct slim_program **out, const struct slim_source *text,
    const struct slim_stage *const *stages, const struct slim_model_info *model,
    struct slim_diag *diag);

/* What the resolve pass found: " -> \"3/3 heads\" params=1 kv=3x30 ...", or
 * nothing. A size of 3 in 30 layers is written 3x30. */
void slim_op_print_resolved(struct slim_text *out, const struct slim_op *op);
/* " 20% of params"; nothing where none is written. */
void slim_op_print_amount(struct slim_text *out, const struct slim_op *op);
/* " in mlp layers 3..28 except layers 5", or nothing. */
void slim_op_print_where(struct slim_text *out, const struct slim_op *op);
void slim_shape_print(struct slim_text *out, const struct slim_shape *shape);

/* Every rule that a program must obey, one error for each that it breaks:
 * inputs come before uses and have the type that is asked for, no stale
 * value is read, shapes chain, arguments are in range. */
SLIM_NODISCARD enum slim_status slim_program_verify(
    const struct slim_program *program, struct slim_diag *diag);

#endif
