/* trainer.c - the loop over batches: clipping, AdamW, checks, progress */
#include "runtime/train/trainer.h"

#include "base/random.h"
#include "base/text.h"
#include "base/trace.h"
#include "runtime/record.h"
#include "runtime/store/journal.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* Learned numbers with room for their moments. */
static bool learn(struct slim_trainer *trainer, float *w, float *grad,
                  size_t count)
{
    struct slim_learned *one = &trainer->learned[trainer->learned_count];

    *one = (struct slim_learned){ .w = w, .grad = grad, .count = count };
    if (!grad) {
        one->grad = calloc(count, sizeof(float));
        one->owned = true;
    }
    one->m = calloc(count, sizeof(float));
    one->v = calloc(count, sizeof(float));
    trainer->learned_count++;
    return one->grad && one->m && one->v;
}

static bool learn_adapters(struct slim_trainer *trainer)
{
    struct slim_adapters *adapters = trainer->adapters;
    const struct slim_shape *shape = trainer->model->shape;

    for (size_t i = 0; i < adapters->count; i++) {
        struct slim_adapter *one = adapters->by_tensor[i];
        const struct slim_tensor *tensor = &adapters->arch->tensors[i];

        if (!one)
            continue;
        if (!learn(trainer, one->a, one->da,
                   one->rank * slim_tensor_size(shape, tensor, 1)) ||
            !learn(trainer, one->b, one->db,
                   one->rank * slim_tensor_size(shape, tensor, 0)))
            return false;
    }
    return true;
}

/* Every stored tensor becomes a buffer of its own that training may write. */
static enum slim_status learn_weights(struct slim_trainer *trainer)
{
    struct slim_model *model = trainer->model;
    const struct slim_arch *arch = model->shape->arch;
    struct slim_diag *diag = trainer->run->diag;

    for (size_t i = 0; i < arch->tensor_count; i++) {
        const struct slim_tensor *tensor = &arch->tensors[i];
        size_t cols = 1, rows = slim_tensor_size(model->shape, tensor, 0);

        if (!slim_tensor_stored(model->shape, tensor))
            continue;
        if (tensor->dims_count == 2)
            cols = slim_tensor_size(model->shape, tensor, 1);
        struct slim_buffer *buffer = slim_buffer_new(rows * cols);
        if (!buffer)
            return slim_fail(diag, "O001", trainer->op->span,
                             "out of memory for tensor \"%s\"", tensor->name);
        if (slim_model_read(buffer->data, model, tensor, diag) != SLIM_OK) {
            slim_buffer_release(buffer);
            return SLIM_FAILED;
        }
        slim_model_set(model, tensor, buffer, rows, cols);
        if (!learn(trainer, buffer->data, NULL, rows * cols))
            return slim_fail(diag, "O001", trainer->op->span,
                             "out of memory for the moments of \"%s\"",
                             tensor->name);
        trainer->grads[i] = trainer->learned[trainer->learned_count - 1].grad;
    }
    for (size_t i = 0; i < arch->tensor_count; i++)
        if (!trainer->grads[i] && arch->tensors[i].tied_to)
            trainer->grads[i] = trainer->grads[arch->tensors[i].tied_to->index];
    return SLIM_OK;
}

enum slim_status slim_trainer_open(struct slim_trainer *trainer)
{
    const struct slim_arch *arch = trainer->model->shape->arch;

    trainer->layer = slim_layer_new();
    trainer->tape = slim_tape_new();
    trainer->tapes = calloc(arch->layers + 1, sizeof(struct slim_tape *));
    trainer->inputs = calloc(arch->layers + 2, sizeof(*trainer->inputs));
    trainer->grads = calloc(arch->tensor_count, sizeof(*trainer->grads));
    trainer->learned =
        calloc(2 * arch->tensor_count, sizeof(*trainer->learned));
    trainer->order =
        calloc(trainer->records->sequences + 1, sizeof(*trainer->order));
    if (!trainer->layer || !trainer->tape || !trainer->tapes ||
        !trainer->inputs || !trainer->grads || !trainer->learned ||
        !trainer->order || (trainer->adapters && !learn_adapters(trainer)))
        return slim_fail(trainer->run->diag, "O001", trainer->op->span,
                         "out of memory for training");
    return trainer->adapters ? SLIM_OK : learn_weights(trainer);
}

void slim_trainer_close(struct slim_trainer *trainer)
{
    size_t layers = trainer->model ? trainer->model->shape->arch->layers : 0;

    for (size_t i = 0; trainer->inputs && i < layers + 2; i++)
        free(trainer->inputs[i]);
    for (size_t i = 0; trainer->learned && i < trainer->learned_count; i++) {
        struct slim_learned *one = &trainer->learned[i];

        if (one->owned)
            free(one->grad);
        free(one->m);
        free(one->v);
    }
    for (size_t i = 0; trainer->tapes && i < layers; i++)
        slim_tape_free(trainer->tapes[i]);
    free(trainer->tapes);
    free(trainer->inputs);
    free(trainer->learned);
    free(trainer->grads);
    free(trainer->order);
    free(trainer->gradient[0]);
    free(trainer->gradient[1]);
    free(trainer->ids);
    free(trainer->targets);
    free(trainer->starts);
    free(trainer->nll);
    slim_layer_free(trainer->layer);
    slim_tape_free(trainer->tape);
}

/* Scales all gradients so that their norm is at most `clip` (0: never), and
 * returns the norm before. */
static double clip(struct slim_trainer *trainer)
{
    double squares = 0.0;

    for (size_t i = 0; i < trainer->learned_count; i++)
        squares += trainer->run->kernels->sum_squares(
            trainer->learned[i].grad, trainer->learned[i].count);
    double norm = sqrt(squares);
    if (trainer->how->clip <= 0.0 || !(norm > trainer->how->clip))
        return norm;
    float factor = (float)(trainer->how->clip / (norm + 1e-6));
    for (size_t i = 0; i < trainer->learned_count; i++)
        for (size_t j = 0; j < trainer->learned[i].count; j++)
            trainer->learned[i].grad[j] *= factor;
    return norm;
}

static void update(struct slim_trainer *trainer, long step)
{
    const struct slim_training *how = trainer->how;
    double lr =
        how->lr * slim_schedule_factor((enum slim_schedule)how->schedule, step,
                                       trainer->steps, how->warmup);

    for (size_t i = 0; i < trainer->learned_count; i++) {
        struct slim_learned *one = &trainer->learned[i];

        trainer->run->kernels->adamw(one->w, one->m, one->v, one->grad,
                                     one->count, (float)lr, (float)how->beta1,
                                     (float)how->beta2, (float)how->eps,
                                     (float)how->decay, step);
        memset(one->grad, 0, one->count * sizeof(float));
    }
}

/* The records of step 1.. in the order of their epoch's permutation. */
static const size_t *records_of(struct slim_trainer *trainer, long step,
                                size_t *list)
{
    size_t batch = (size_t)trainer->how->batch, n = trainer->train_count;
    size_t at = (size_t)(step - 1) * batch;

    for (size_t i = 0; i < batch; i++, at++) {
        if (at % n == 0 || (i == 0 && step == 1))
            slim_random_permutation(
                trainer->order, n, (uint64_t)trainer->how->seed,
                SLIM_STREAM_SHUFFLE, (uint64_t)(at / n) * n);
        list[i] = trainer->order[at % n];
    }
    return list;
}

/* The first step must not raise the loss of the batch it was taken on. */
static enum slim_status check_first(struct slim_trainer *trainer,
                                    const size_t *list, double before)
{
    const struct slim_compute *compute =
        slim_compute_find(trainer->run->program->compute);
    double after;

    if (slim_trainer_loss(&after, trainer, list, (size_t)trainer->how->batch,
                          false, 0) != SLIM_OK)
        return SLIM_FAILED;
    if (after <= before + compute->noise * fabs(before))
        return SLIM_OK;
    return slim_fail(trainer->run->diag, "R301", trainer->op->span,
                     "the first step raised the loss of its own batch from "
                     "%.6g to %.6g; the learning rate is too high",
                     before, after);
}

static enum slim_status one_step(struct slim_trainer *trainer, long step,
                                 size_t *list)
{
    double start = 0.0;
    size_t batch = (size_t)trainer->how->batch;

    records_of(trainer, step, list);
    if (step == 1 &&
        slim_trainer_loss(&start, trainer, list, batch, false, 0) != SLIM_OK)
        return SLIM_FAILED;
    if (slim_trainer_loss(&trainer->last_loss, trainer, list, batch, true,
                          (uint64_t)step) != SLIM_OK)
        return SLIM_FAILED;
    double norm = clip(trainer);
    if (!isfinite(trainer->last_loss) || !isfinite(norm))
        return slim_fail(trainer->run->diag, "R302", trainer->op->span,
                         "loss %g with gradient norm %g at step %ld: training "
                         "has diverged",
                         trainer->last_loss, norm, step);
    update(trainer, step);
    if (step > 1)
        return SLIM_OK;
    trainer->first_loss = start;
    return check_first(trainer, list, start);
}

static enum slim_status validate(double *loss, struct slim_trainer *trainer)
{
    size_t *list = malloc((trainer->validation_count + 1) * sizeof(*list));

    if (!list)
        return slim_fail(trainer->run->diag, "O001", trainer->op->span,
                         "out of memory");
    for (size_t i = 0; i < trainer->validation_count; i++)
        list[i] = trainer->train_count + i;
    enum slim_status status = slim_trainer_loss(
        loss, trainer, list, trainer->validation_count, false, 0);
    free(list);
    return status;
}

#define CURVE_PARTS 3

/* ---- the journal: a unit is a step ----
 *
 * Weights, moments, and what is said about the losses. The position in the
 * data, the rate and every random number follow from the number of the step.
 */

static struct slim_journal_part *state_parts(struct slim_trainer *trainer,
                                             struct slim_curve *curve)
{
    size_t at = 3 * trainer->learned_count;
    struct slim_journal_part *parts = SLIM_NEW_ARRAY(
        trainer->run->arena, at + CURVE_PARTS, struct slim_journal_part);

    parts[at] =
        (struct slim_journal_part){ curve->x, curve->room * sizeof(double) };
    parts[at + 1] =
        (struct slim_journal_part){ curve->y, curve->room * sizeof(double) };
    parts[at + 2] =
        (struct slim_journal_part){ &curve->count, sizeof(curve->count) };

    for (size_t i = 0; i < trainer->learned_count; i++) {
        const struct slim_learned *one = &trainer->learned[i];
        size_t size = one->count * sizeof(float);

        parts[3 * i] = (struct slim_journal_part){ one->w, size };
        parts[3 * i + 1] = (struct slim_journal_part){ one->m, size };
        parts[3 * i + 2] = (struct slim_journal_part){ one->v, size };
    }
    return parts;
}

static enum slim_status end_step(struct slim_trainer *trainer, long step,
                                 double mean,
                                 const struct slim_journal_part *parts)
{
    struct slim_journal *journal = trainer->run->journal;

    if (!slim_journal_due(journal))
        return SLIM_OK;
    return slim_journal_write(journal, (size_t)step,
                              json_pack("{s:f,s:f,s:f}", "mean", mean, "loss",
                                        trainer->first_loss, "validation",
                                        trainer->first_validation),
                              parts, 3 * trainer->learned_count + CURVE_PARTS);
}

/* Takes over the state of an earlier run; the steps that it had done. */
static long resume(struct slim_trainer *trainer, double *mean,
                   const struct slim_journal_part *parts)
{
    struct slim_journal *journal = trainer->run->journal;
    size_t done = 0, n = trainer->train_count;
    json_t *note = NULL;

    if (!slim_journal_read(journal, &done, &note, parts,
                           3 * trainer->learned_count + CURVE_PARTS))
        return 0;
    *mean = json_number_value(json_object_get(note, "mean"));
    trainer->first_loss = json_number_value(json_object_get(note, "loss"));
    trainer->first_validation =
        json_number_value(json_object_get(note, "validation"));
    json_decref(note);
    slim_random_permutation(
        trainer->order, n, (uint64_t)trainer->how->seed, SLIM_STREAM_SHUFFLE,
        (uint64_t)(done * (size_t)trainer->how->batch / n) * n);
    slim_journal_tell(journal, done, (size_t)trainer->steps, "steps");
    return (long)done;
}

static enum slim_status loop(struct slim_trainer *trainer, size_t *list)
{
    struct slim_run *run = trainer->run;
    struct slim_curve curve = slim_curve_open(run, (size_t)trainer->steps);
    struct slim_journal_part *parts = state_parts(trainer, &curve);
    double mean = 0.0;
    long done = resume(trainer, &mean, parts);

    if (done == 0 && validate(&trainer->first_validation, trainer) != SLIM_OK)
        return SLIM_FAILED;
    for (long step = done + 1; step <= trainer->steps; step++) {
        if (slim_interrupted())
            return slim_fail(run->diag, "C130", trainer->op->span,
                             "interrupted at step %ld of %ld", step,
                             trainer->steps);
        slim_trace_begin("step", "step %ld", step);
        enum slim_status status = one_step(trainer, step, list);
        slim_trace_end();
        if (status != SLIM_OK)
            return status;
        mean = step == 1 ? trainer->last_loss
                         : 0.95 * mean + 0.05 * trainer->last_loss;
        slim_curve_add(&curve, (size_t)step, mean);
        char text[32];
        snprintf(text, sizeof(text), "loss %.3f", mean);
        slim_progress_step(&run->progress, (double)step, text);
        if (end_step(trainer, step, mean, parts) != SLIM_OK)
            return SLIM_FAILED;
    }
    slim_figure_add(run, trainer->op, "loss", "", curve.x, curve.y,
                    curve.count);
    trainer->last_loss = mean;
    return validate(&trainer->last_validation, trainer);
}

static size_t held_out(const struct slim_training *how, size_t records)
{
    size_t held = (size_t)how->validation;

    return held > records / 10 ? records / 10 : held;
}

long slim_training_steps(const struct slim_training *how, size_t records)
{
    size_t batch = (size_t)how->batch;
    size_t learned = records - held_out(how, records);

    return how->steps ? how->steps
                      : how->epochs * (long)((learned + batch - 1) / batch);
}

/* The last records are held out: a fixed set, never trained on. */
static void split(struct slim_trainer *trainer)
{
    size_t all = trainer->records->sequences;

    trainer->validation_count = held_out(trainer->how, all);
    trainer->train_count = all - trainer->validation_count;
    trainer->steps = slim_training_steps(trainer->how, all);
}

enum slim_status slim_train(struct slim_trainer *trainer)
{
    size_t *list = malloc((size_t)trainer->how->batch * sizeof(*list));
    enum slim_status status;

    split(trainer);
    if (!list)
        return slim_fail(trainer->run->diag, "O001", trainer->op->span,
                         "out of memory for a batch of %ld records",
                         trainer->how->batch);
    status = slim_trainer_open(trainer);
    slim_progress_begin(&trainer->run->progress, trainer->op->text,
                        (double)trainer->steps);
    if (status == SLIM_OK)
        status = loop(trainer, list);
    free(list);
    return status;
}
