/* batch.c - loss and gradients of some records, a few thousand tokens a pass */
#include "runtime/train/trainer.h"

#include <stdlib.h>
#include <string.h>

static size_t length_of(const struct slim_tokens *records, size_t record)
{
    return records->starts[record + 1] - records->starts[record];
}

/* Target tokens of a record: all but the first, or all of the answer. */
static size_t targets_of(const struct slim_trainer *trainer, size_t record)
{
    size_t length = length_of(trainer->records, record);
    size_t prompt = 1;

    if (trainer->how->mask && trainer->records->prompt[record] > 1)
        prompt = (size_t)trainer->records->prompt[record];
    return length > prompt ? length - prompt : 0;
}

size_t slim_train_kept(size_t *bytes, const struct slim_shape *shape,
                       size_t tokens, size_t memory)
{
    size_t first = shape->arch->layers;

    *bytes = 0;
    while (first > 0) {
        size_t more = slim_tape_bytes(shape, first - 1, tokens);

        if (more > memory - *bytes)
            break;
        *bytes += more;
        first--;
    }
    return first;
}

/* Tapes that passes of up to `tokens` tokens keep. */
static enum slim_status tapes_fit(struct slim_trainer *trainer, size_t tokens)
{
    size_t layers = trainer->model->shape->arch->layers, bytes;
    size_t first = slim_train_kept(
        &bytes, trainer->model->shape, tokens,
        slim_run_spare(trainer->run, trainer->op, trainer->run->tape_memory));

    trainer->first_kept = first;
    for (size_t i = 0; i < layers; i++) {
        slim_tape_free(trainer->tapes[i]);
        trainer->tapes[i] = i < first ? NULL : slim_tape_new();
        if (i >= first && !trainer->tapes[i])
            return slim_fail(trainer->run->diag, "O001", trainer->op->span,
                             "out of memory for the tape of a layer");
    }
    return SLIM_OK;
}

/* Room for `tokens` tokens at every layer's input. */
static enum slim_status reserve(struct slim_trainer *trainer, size_t tokens)
{
    const struct slim_arch *arch = trainer->model->shape->arch;
    size_t widest = slim_pass_width(trainer->model->shape);
    bool ok = true;

    if (tokens <= trainer->capacity)
        return SLIM_OK;
    for (size_t i = 0; i < arch->layers + 2; i++) {
        free(trainer->inputs[i]);
        trainer->inputs[i] = malloc(tokens * widest * sizeof(float));
        ok = ok && trainer->inputs[i];
    }
    for (size_t i = 0; i < 2; i++) {
        free(trainer->gradient[i]);
        trainer->gradient[i] = malloc(tokens * widest * sizeof(float));
        ok = ok && trainer->gradient[i];
    }
    free(trainer->ids);
    free(trainer->targets);
    free(trainer->starts);
    free(trainer->nll);
    trainer->ids = malloc(tokens * sizeof(*trainer->ids));
    trainer->targets = malloc(tokens * sizeof(*trainer->targets));
    trainer->starts = malloc((tokens + 1) * sizeof(*trainer->starts));
    trainer->nll = malloc(tokens * sizeof(*trainer->nll));
    if (!ok || !trainer->ids || !trainer->targets || !trainer->starts ||
        !trainer->nll)
        return slim_fail(trainer->run->diag, "O001", trainer->op->span,
                         "out of memory for %zu tokens of width %zu at %zu "
                         "layers",
                         tokens, widest, arch->layers);
    trainer->capacity = tokens;
    return tapes_fit(trainer, tokens);
}

/* Lays records end to end with their targets (-1: not learned). */
static void lay(struct slim_batch *batch, struct slim_trainer *trainer,
                const size_t *list, size_t count)
{
    const struct slim_tokens *records = trainer->records;
    size_t at = 0;

    for (size_t r = 0; r < count; r++) {
        size_t length = length_of(records, list[r]);
        size_t learned = targets_of(trainer, list[r]);
        const int32_t *ids = records->ids + records->starts[list[r]];

        trainer->starts[r] = at;
        memcpy(trainer->ids + at, ids, length * sizeof(*ids));
        for (size_t i = 0; i < length; i++)
            trainer->targets[at + i] =
                i + 1 < length && i + 1 >= length - learned ? ids[i + 1] : -1;
        at += length;
    }
    trainer->starts[count] = at;
    *batch = (struct slim_batch){ trainer->ids, count, trainer->starts };
}

/* A place that no other dropout mask of this training has. */
static void place_dropout(struct slim_trainer *trainer, uint64_t place,
                          uint64_t pass)
{
    struct slim_adapters *adapters = trainer->adapters;

    for (size_t i = 0; adapters && i < adapters->count; i++)
        if (adapters->by_tensor[i]) {
            struct slim_adapter *adapter = adapters->by_tensor[i];

            adapter->dropout = place ? (float)trainer->how->dropout : 0.0f;
            adapter->seed = (uint64_t)trainer->how->seed;
            adapter->place = (place << 32) + (pass << 20) + i;
        }
}

static struct slim_adapter **adapters_of(struct slim_trainer *trainer)
{
    return trainer->adapters ? trainer->adapters->by_tensor : NULL;
}

/* With `keep`, what the backward needs stays on the tapes that there are. */
static enum slim_status forward(struct slim_trainer *trainer,
                                const struct slim_batch *batch, bool keep)
{
    long layers = (long)trainer->model->shape->arch->layers;

    for (long part = -1; part < layers; part++) {
        float *x = part < 0 ? trainer->inputs[0] : trainer->inputs[part];
        float *y = trainer->inputs[part + 1];
        struct slim_tape *tape =
            keep && part >= 0 ? trainer->tapes[part] : NULL;

        if (slim_layer_load(trainer->layer, trainer->model, part,
                            trainer->run->diag) != SLIM_OK ||
            slim_layer_forward(y, trainer->layer, x, batch, tape, NULL,
                               adapters_of(trainer), trainer->run->kernels,
                               trainer->run->diag) != SLIM_OK)
            return SLIM_FAILED;
    }
    return SLIM_OK;
}

/* Final norm and loss; with `weight` also the gradient with respect to the
 * stream before the final norm, in gradient[0]. */
static enum slim_status head(double *sum, struct slim_trainer *trainer,
                             const struct slim_batch *batch, float weight)
{
    size_t layers = trainer->model->shape->arch->layers;
    const struct slim_kernels *kernels = trainer->run->kernels;
    struct slim_diag *diag = trainer->run->diag;
    size_t rows = batch->starts[batch->sequences];
    float *x = trainer->inputs[layers], *y = trainer->inputs[layers + 1];
    enum slim_status status;

    if (slim_layer_load(trainer->layer, trainer->model, (long)layers, diag) !=
            SLIM_OK ||
        slim_layer_forward(y, trainer->layer, x, batch,
                           weight > 0.0f ? trainer->tape : NULL, NULL,
                           adapters_of(trainer), kernels, diag) != SLIM_OK)
        return SLIM_FAILED;
    if (weight > 0.0f)
        status = slim_head_loss_grad(trainer->nll, trainer->gradient[1],
                                     trainer->layer, y, trainer->targets,
                                     weight, rows, trainer->grads,
                                     adapters_of(trainer), kernels, diag);
    else
        status = slim_head_loss(trainer->nll, trainer->layer, y,
                                trainer->targets, rows, kernels, diag);
    for (size_t i = 0; status == SLIM_OK && i < rows; i++)
        *sum += trainer->nll[i];
    if (status != SLIM_OK || !(weight > 0.0f))
        return status;
    return slim_layer_backward(
        trainer->gradient[0], trainer->layer, trainer->gradient[1], x, batch,
        trainer->tape, trainer->grads, adapters_of(trainer), kernels, diag);
}

/* One layer backward, from its tape or recomputed from its input: on the tape of
 * the last layer where that one was kept, since it has been read by then. */
static enum slim_status backward_part(struct slim_trainer *trainer,
                                      const struct slim_batch *batch, long part,
                                      float *dx, const float *dy)
{
    size_t layers = trainer->model->shape->arch->layers;
    const struct slim_kernels *kernels = trainer->run->kernels;
    struct slim_diag *diag = trainer->run->diag;
    float *x = part < 0 ? NULL : trainer->inputs[part];
    struct slim_tape *tape = part < 0 ? NULL : trainer->tapes[part];

    if (slim_layer_load(trainer->layer, trainer->model, part, diag) != SLIM_OK)
        return SLIM_FAILED;
    if (!tape) {
        tape = trainer->tapes[layers - 1] ? trainer->tapes[layers - 1]
                                          : trainer->tape;
        if (slim_layer_forward(trainer->inputs[layers + 1], trainer->layer, x,
                               batch, tape, NULL, adapters_of(trainer), kernels,
                               diag) != SLIM_OK)
            return SLIM_FAILED;
    }
    return slim_layer_backward(dx, trainer->layer, dy, x, batch, tape,
                               trainer->grads, adapters_of(trainer), kernels,
                               diag);
}

static enum slim_status backward(struct slim_trainer *trainer,
                                 const struct slim_batch *batch)
{
    long layers = (long)trainer->model->shape->arch->layers;
    long last = trainer->adapters ? 0 : -1;
    size_t from = 0;

    for (long part = layers - 1; part >= last; part--, from = 1 - from)
        if (backward_part(trainer, batch, part,
                          part > last ? trainer->gradient[1 - from] : NULL,
                          trainer->gradient[from]) != SLIM_OK)
            return SLIM_FAILED;
    return SLIM_OK;
}

enum slim_status slim_trainer_loss(double *loss, struct slim_trainer *trainer,
                                   const size_t *list, size_t count,
                                   bool with_gradient, uint64_t place)
{
    double sum = 0.0;
    size_t targets = 0;
    uint64_t pass = 0;

    for (size_t r = 0; r < count; r++)
        targets += targets_of(trainer, list[r]);
    if (targets == 0) {
        *loss = 0.0;
        return SLIM_OK;
    }
    for (size_t first = 0; first < count; pass++) {
        size_t last = first, tokens = 0;
        struct slim_batch batch;

        while (last < count &&
               (last == first ||
                tokens + length_of(trainer->records, list[last]) <=
                    SLIM_PASS_TOKENS))
            tokens += length_of(trainer->records, list[last++]);
        if (reserve(trainer, tokens) != SLIM_OK)
            return SLIM_FAILED;
        lay(&batch, trainer, list + first, last - first);
        place_dropout(trainer, place, pass);
        if (forward(trainer, &batch, with_gradient) != SLIM_OK ||
            head(&sum, trainer, &batch,
                 with_gradient ? 1.0f / (float)targets : 0.0f) != SLIM_OK ||
            (with_gradient && backward(trainer, &batch) != SLIM_OK))
            return SLIM_FAILED;
        first = last;
    }
    *loss = sum / (double)targets;
    return SLIM_OK;
}
