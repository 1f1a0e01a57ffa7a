/* trainer.h - the loop over batches: loss, gradients, clipping, AdamW */
#ifndef SLIM_TRAINER_H
#define SLIM_TRAINER_H

#include "runtime/model/pass.h"
#include "runtime/run.h"
#include "runtime/train/lora.h"
#include "runtime/train/schedule.h"

struct slim_training {
    long steps, epochs, batch, warmup, validation, seed;
    double lr, beta1, beta2, eps, decay, clip, dropout;
    int schedule;
    bool mask; /* the prompt of a record is read, not learned */
};

/* Optimizer steps over so many records: what was asked for, or all that the
 * epochs take over those that are not held out for validation. */
long slim_training_steps(const struct slim_training *how, size_t records);

/* Numbers that are learned, with the moments of AdamW. */
struct slim_learned {
    float *w, *grad, *m, *v;
    size_t count;
    bool owned; /* grad belongs to it */
};

struct slim_trainer {
    struct slim_run *run;
    const struct slim_op *op;
    const struct slim_training *how;
    struct slim_model *model;
    const struct slim_tokens *records;
    struct slim_adapters *adapters; /* NULL: all weights are learned */
    struct slim_learned *learned;
    size_t learned_count;
    float **grads; /* by tensor->index, where weights are learned */
    size_t *order; /* a permutation of the records for this epoch */
    size_t train_count, validation_count;
    long steps; /* resolved */
    /* one pass: */
    struct slim_layer *layer;
    struct slim_tape *tape;
    struct slim_tape **tapes; /* [layers], of those that keep theirs */
    size_t first_kept;        /* layer; those before it are recomputed */
    float **inputs;           /* [layers + 2] stream before each part */
    float *gradient[2];
    int32_t *ids, *targets;
    size_t *starts;
    double *nll;
    size_t capacity; /* tokens that the buffers hold */
    double first_loss, last_loss, first_validation, last_validation;
};

/*
 * Trains until `steps` are done. Loss is the mean over the target tokens of a
 * batch, gathered over passes of at most SLIM_PASS_TOKENS tokens. The first
 * step must not raise the loss of its own batch, or the run stops: a wrong
 * rate or gradient shows before hours are spent.
 */
SLIM_NODISCARD enum slim_status slim_train(struct slim_trainer *trainer);

/*
 * The first layer whose tape is kept from the forward to the backward of a pass
 * of `tokens` tokens: from the last layer down, as many as fit `memory` bytes.
 * The rest is computed a second time. *bytes: what they take. Results are the
 * same either way.
 */
size_t slim_train_kept(size_t *bytes, const struct slim_shape *shape,
                       size_t tokens, size_t memory);

/* ---- pieces, in batch.c of this folder ---- */

SLIM_NODISCARD enum slim_status slim_trainer_open(struct slim_trainer *trainer);
void slim_trainer_close(struct slim_trainer *trainer);

/*
 * Forward over records[first..first+count) of `list`, and with `backward` also
 * gradients of the mean loss (added to what is there). *loss: mean over target
 * tokens. place: of this step, for dropout; 0: no dropout.
 */
SLIM_NODISCARD enum slim_status slim_trainer_loss(double *loss,
                                                  struct slim_trainer *trainer,
                                                  const size_t *list,
                                                  size_t count, bool backward,
                                                  uint64_t place);

#endif
