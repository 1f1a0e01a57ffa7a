/* compile.h - tree to program */
#ifndef SLIM_COMPILE_H
#define SLIM_COMPILE_H

#include "compiler/ir/ir.h"
#include "compiler/ir/stage.h"
#include "lang/ast.h"

/* `-s name=value`, or `-s name=10%,20%`: several make an axis of a sweep. */
struct slim_override {
    const char *name;
    struct slim_case *cases;
    bool used;
    struct slim_override *next;
};

/*
 * What the compiler asks of the world, handed in by cli/ so that it needs no
 * runtime. `data_check` answers whether a sample can be had: the set is known,
 * its file is found, and holds enough text for n windows of len tokens; it
 * records the error (D codes) itself, at `at`.
 */
struct slim_host {
    const struct slim_stage *const *stages;
    enum slim_status (*data_check)(void *world,
                                   const struct slim_sample *sample,
                                   struct slim_span at, struct slim_diag *diag);
    void *world;
    const char *const *sets; /* names of known data sets; NULL: not checked */
    struct slim_override *overrides;
    bool bf16; /* products in bf16 can be had, and are faster than f32 */
};

/*
 * Runs the passes of passes.def: includes spliced, constants, names, units and
 * defaults, ranges, effects, and with a model (not NULL) also facts about it,
 * resolution to integers, fusion, static assertions, costs. The verifier runs
 * between passes. A recipe with a sweep gives a program for each point: *out is
 * the first, and program->next leads to the others. All errors of a phase are reported, phases after a failed
 * one that depend on it are not run. Warnings may be recorded on success.
 */
SLIM_NODISCARD enum slim_status slim_compile(
    struct slim_program **out, struct slim_recipe *recipe,
    const struct slim_model_info *model, const struct slim_host *host,
    struct slim_diag *diag);

/* `slimc fmt`: writes units out (20% -> 20% of params), sorts clauses; with
 * `full` also every default. Changes the tree in place; unknown verbs are left
 * as they are. */
void slim_normalise(struct slim_recipe *recipe,
                    const struct slim_stage *const *stages, bool full,
                    struct slim_arena *arena);

/* The plan as people read it (experience.md "Plan"), `verbose` with shapes by
 * layer and groups; or as JSON. */
void slim_plan_print(const struct slim_program *program, bool verbose,
                     FILE *out);
void slim_plan_print_json(const struct slim_program *program, FILE *out);

/* Prints what differs between two programs, what has to run again and what
 * does not, for people or as JSON. True: they mean the same. */
bool slim_program_compare(const struct slim_program *a,
                          const struct slim_program *b, FILE *out, bool json);

/* How often one verb has to do its work in a sweep: operations that come to
 * the same arguments, the same sizes and the same inputs are one. */
struct slim_tally {
    const struct slim_stage *stage; /* NULL ends the list */
    size_t runs;
    size_t kept;    /* of them, where a store was asked */
    double seconds; /* predicted, of the others */
};
struct slim_tally *slim_sweep_tally(const struct slim_program *programs,
                                    struct slim_arena *arena);
/* "36 points: score 7, prune 28, recover 36 distinct runs, 12 of them kept" */
void slim_tally_print(const struct slim_program *programs, FILE *out);

#endif
