/* run.h - the loop over operations, and what they share */
#ifndef SLIM_RUN_H
#define SLIM_RUN_H

#include "base/progress.h"
#include "base/work.h"
#include "compiler/ir/stage.h"
#include "runtime/data/data.h"
#include "runtime/model/model.h"
#include "runtime/store/store.h"

/* A number that was measured, with everything that makes it comparable. */
struct slim_metric {
    const char *name;     /* "ppl", "params" */
    const char *label;    /* as w2, or the name */
    const char *protocol; /* NULL for facts of the shape */
    double value;
    double base;   /* the same of the input model; NAN: not asked */
    bool fleeting; /* a time: not the same in another run, so what is
                             saved does not carry it */
    const struct slim_op *op;
    struct slim_metric *next;
};

/* Importance of every unit of every group of a model. */
struct slim_scores {
    const struct slim_groups *groups; /* of the shape they were made on */
    double **values;                  /* [groups->count][units] */
};
void slim_scores_free(struct slim_scores *scores);

struct slim_ledger;   /* runtime/store/ledger.h */
struct slim_paces;    /* runtime/paces.h */
struct slim_memo;     /* runtime/store/memo.h */
struct slim_journal;  /* runtime/store/journal.h */
struct slim_rotation; /* runtime/stage/rotate.h */
struct slim_adapters; /* runtime/train/lora.h */

/* What an operation gave, by op->id. */
struct slim_result {
    struct slim_model *model;
    struct slim_groups *groups;
    struct slim_scores *scores;
    struct slim_rotation *rotation;
    void (*rotation_free)(struct slim_rotation *rotation);
    struct slim_adapters *adapters; /* of recover lora, merged into model */
    struct slim_tokens *tokens;     /* of a sample: windows .. */
    struct slim_tokens *records;    /* .. and the same set as records */
    struct slim_text *report;       /* extra lines for the summary, or NULL */
    const char *figures;            /* to plot: JSON objects, joined by commas,
                                       in the run's arena; or NULL */
};

/* What one operation took. */
struct slim_spent {
    double seconds;
    struct slim_work work;
    uint64_t peak; /* most memory that was resident, in bytes */
};

/* What `slimc run` lets training keep, and the plan counts. With a third more, a
 * step of SmolLM2 with 8 x 256 tokens takes as long. */
#define SLIM_TAPE_MEMORY ((size_t)768 << 20)

struct slim_run {
    struct slim_arena *arena;
    struct slim_diag *diag;
    const struct slim_program *program;
    const struct slim_kernels *kernels;
    const struct slim_model_info *input;
    struct slim_data_world *world;
    struct slim_tokenizer *tokenizer;
    struct slim_progress progress;
    struct slim_result *results; /* [program->count] */
    struct slim_metric *metrics; /* in order of measuring */
    const char *recipe_text;     /* embedded in what is saved */
    bool force;                  /* overwrite existing outputs */
    size_t memory;               /* bytes a stage may take for
                                          activations */
    size_t tape_memory;          /* bytes of activations that training may
                                    keep for the backward; 0: it recomputes */
    size_t budget;     /* bytes of memory that a stage may take in all; 0: what
                      the plan says */
    const char *spill; /* folder for what stages make of weights, until it
                          is saved or kept, and for streams that do not fit
                          the budget; NULL: memory */
    bool trial; /* of a sweep: stop at `keep`, this may not be the best */
    const struct slim_op *ended; /* the run stopped here, as it was asked to */
    const char *keep_axis;       /* of the `keep` that ended it */
    bool keep_max;
    const char *stages; /* finished ones: JSON objects, joined by commas */
    double limit; /* operations a second of a product in this arithmetic, at
                     most; 0: not measured */
    double started;
    const char *saved[8]; /* paths written, for the summary */
    size_t saved_count;
    /* of the newest model, and before the operation that runs: what the plan
     * says is a bound where scores decide counts */
    const struct slim_shape *shape, *shape_before;
    const char *detail;              /* the middle of the finished line:
                                          set by a stage, e.g. "loss 1.94" */
    struct slim_store *store;        /* without a folder nothing is kept */
    enum slim_hashing hashing;       /* of files that a run reads */
    struct slim_memo *memos;         /* [program->count] */
    struct slim_digest input_digest; /* of the model, once it is known */
    struct slim_journal *journal;    /* of the operation that runs, or NULL */
    const char *lock;          /* where to write what each stage was and gave */
    const char *const *called; /* lines of it that say how the run was asked
                                  for; NULL-terminated, or NULL */
    const struct slim_ledger *locked; /* what each stage must be, or NULL */
    const char *anew; /* stages that run though their results are kept: a
                         verb, or "" for all; nothing is saved then */
    bool differs;     /* a stage gave other bytes than `locked` says */
    size_t hits, ran; /* operations so far */
    unsigned done;    /* operations before this one, by id, are finished */
    double earlier_seconds;   /* the operation took, in runs before */
    double saved_seconds;     /* that hits took when they were made */
    struct slim_paces *paces; /* what stages take, or NULL */
};

/* Runs a program: first every sample is tokenized and every output checked
 * (what can fail at second 0 must not fail at hour 8), then the operations in
 * order, one line each. Returns at the first failure; nothing half written. */
SLIM_NODISCARD enum slim_status slim_run_program(struct slim_run *run);

/* The model that an operation reads. */
struct slim_model *slim_run_model(struct slim_run *run,
                                  const struct slim_op *op);
/* The tokens that an operation reads (records where its stage says so), or
 * NULL. */
struct slim_tokens *slim_run_tokens(struct slim_run *run,
                                    const struct slim_op *op);
struct slim_result *slim_run_result(struct slim_run *run,
                                    const struct slim_op *op);
/* The shape of the model that an operation reads, which may not be in memory.
 * NULL: it is not known. */
const struct slim_shape *slim_run_shape(struct slim_run *run,
                                        const struct slim_op *op);

/* Of a budget, what is left for an operation beside the least that it takes,
 * and no more than `usual`, which is also what there is without a budget. */
size_t slim_run_spare(const struct slim_run *run, const struct slim_op *op,
                      size_t usual);
/* Where an operation's activations go that the budget has no room for; NULL:
 * there is room in memory. */
const char *slim_run_spill(const struct slim_run *run,
                           const struct slim_op *op);

/* For the store: runs one operation whose inputs are there, or frees what it
 * gave. */
SLIM_NODISCARD enum slim_status slim_run_execute(struct slim_run *run,
                                                 const struct slim_op *op);
void slim_run_release(struct slim_run *run, const struct slim_op *op);

#endif
