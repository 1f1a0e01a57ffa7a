/* pass.c - perplexity and logits: every layer is read once for many windows */
#include "runtime/model/pass.h"

#include <stdlib.h>
#include <string.h>

static size_t windows_together(size_t windows, size_t length)
{
    size_t together = length < SLIM_PASS_TOKENS ? SLIM_PASS_TOKENS / length : 1;

    return together < windows ? together : windows ? windows : 1;
}

enum slim_status slim_pass_open(struct slim_pass *pass, size_t together)
{
    size_t length = pass->length;

    if (together == 0)
        together = windows_together(pass->windows, length);
    if (together > pass->windows)
        together = pass->windows ? pass->windows : 1;
    pass->together = together;
    pass->layer = slim_layer_new();
    pass->starts = malloc((together + 1) * sizeof(*pass->starts));
    pass->targets = malloc(together * length * sizeof(*pass->targets));
    pass->nll = malloc(together * length * sizeof(*pass->nll));
    pass->normed = (struct slim_floats){ 0 };
    pass->done = 0.0;
    if (!pass->layer || !pass->starts || !pass->targets || !pass->nll)
        return slim_fail(pass->diag, "O101", (struct slim_span){ 0 },
                         "out of memory: %zu windows of %zu tokens", together,
                         length);
    for (size_t w = 0; w <= together; w++)
        pass->starts[w] = w * length;
    return SLIM_OK;
}

void slim_pass_close(struct slim_pass *pass)
{
    slim_layer_free(pass->layer);
    free(pass->starts);
    free(pass->targets);
    free(pass->nll);
    slim_floats_free(&pass->normed);
}

struct slim_batch slim_pass_batch(const struct slim_pass *pass, size_t window,
                                  size_t count)
{
    return (struct slim_batch){ .ids = pass->ids + window * pass->length,
                                .sequences = count,
                                .starts = pass->starts };
}

size_t slim_pass_count(const struct slim_pass *pass, size_t window, size_t end)
{
    return end - window < pass->together ? end - window : pass->together;
}

void slim_pass_targets(struct slim_pass *pass, size_t window, size_t count)
{
    const int32_t *ids = pass->ids + window * pass->length;

    for (size_t i = 0; i < count * pass->length; i++)
        pass->targets[i] = (i + 1) % pass->length ? ids[i + 1] : -1;
}

enum slim_status slim_pass_tick(struct slim_pass *pass, double work)
{
    pass->done += work;
    if (pass->tick)
        pass->tick(pass->context, pass->done, pass->total);
    return pass->patient ? SLIM_OK : slim_pass_going(pass->diag);
}

size_t slim_pass_width(const struct slim_shape *shape)
{
    size_t width = 0;

    for (size_t s = 0; s < shape->arch->site_count; s++)
        width = shape->sites[s] > width ? shape->sites[s] : width;
    return width;
}

/* Floats that the weights of nodes first..last - 1 take; *rows is the sum of
 * the linears' output widths, what lives beside them for each token. */
static size_t part_size(const struct slim_shape *shape, size_t first,
                        size_t last, size_t *rows)
{
    size_t count = 0;

    *rows = 0;
    for (size_t n = first; n < last; n++) {
        for (size_t s = 0; s < SLIM_SLOTS; s++) {
            const struct slim_tensor *t = shape->arch->nodes[n].slots[s];
            if (!t || t->dims_count < 2 ||
                (!t->tied_to && !slim_tensor_stored(shape, t)))
                continue;
            size_t out = slim_tensor_size(shape, t, 0);
            count += out * slim_tensor_size(shape, t, 1);
            *rows += out;
        }
    }
    return count;
}

/* Those whose stream fits what `memory` leaves beside the largest part. */
size_t slim_model_nll_windows(const struct slim_shape *shape, size_t windows,
                              size_t length, size_t memory)
{
    const struct slim_arch *arch = shape->arch;
    size_t together = windows_together(windows, length);
    size_t width = slim_pass_width(shape), most = 0, rows = 0;
    size_t each = length * width * sizeof(float);

    if (memory == 0)
        return windows;
    for (size_t l = 0; l <= arch->layers; l++) {
        size_t last =
            l < arch->layers ? arch->layer_first[l + 1] : arch->node_count;
        size_t count = part_size(shape, arch->layer_first[l], last, &rows);
        /* the head makes no rows of logits */
        count +=
            together * length * ((l < arch->layers ? rows : 0) + 6 * width);
        most = count > most ? count : most;
    }
    most *= sizeof(float);
    size_t fit = memory > most ? (memory - most) / each : 0;
    fit = fit / together * together;
    fit = fit ? fit : together;
    return fit < windows ? fit : windows;
}

/* Windows [from, to) through part `index`, in place in the stream. */
static enum slim_status run_part(struct slim_pass *pass, float *stream,
                                 long index, size_t from, size_t to,
                                 size_t room)
{
    if (slim_layer_load(pass->layer, pass->model, index, pass->diag) != SLIM_OK)
        return SLIM_FAILED;
    for (size_t w = from; w < to;) {
        size_t count = slim_pass_count(pass, w, to);
        struct slim_batch batch = slim_pass_batch(pass, w, count);
        float *x = stream + (w - from) * room;

        if (slim_layer_forward(x, pass->layer, x, &batch, NULL, NULL, NULL,
                               pass->kernels, pass->diag) != SLIM_OK ||
            slim_pass_tick(pass, 1.0) != SLIM_OK)
            return SLIM_FAILED;
        w += count;
    }
    return SLIM_OK;
}

/* The head on windows [from, to) whose final norm has run. */
static enum slim_status run_loss(struct slim_pass *pass, double *nll,
                                 const float *stream, size_t from, size_t to,
                                 size_t room)
{
    for (size_t w = from; w < to;) {
        size_t count = slim_pass_count(pass, w, to);

        slim_pass_targets(pass, w, count);
        if (slim_head_loss(pass->nll, pass->layer, stream + (w - from) * room,
                           pass->targets, count * pass->length, pass->kernels,
                           pass->diag) != SLIM_OK ||
            slim_pass_tick(pass, 1.0) != SLIM_OK)
            return SLIM_FAILED;
        for (size_t i = 0; i < count; i++) {
            double sum = 0.0;
            for (size_t t = 0; t < pass->length; t++)
                sum += pass->nll[i * pass->length + t];
            nll[w + i] = sum;
        }
        w += count;
    }
    return SLIM_OK;
}

bool slim_model_even(const struct slim_shape *shape)
{
    for (size_t s = 1; s < shape->arch->site_count; s++)
        if (shape->sites[s] != shape->sites[0])
            return false;
    return true;
}

/* The same where the stream may be kept: of all windows, and of one width. */
static enum slim_status run_or_recall(struct slim_pass *pass, float *stream,
                                      long index, size_t from, size_t to,
                                      size_t room)
{
    const struct slim_stream_visit *streams = pass->streams;
    long layers = (long)pass->model->info->arch->layers;
    size_t count = (to - from) * room;
    bool asked = streams && index < layers && to - from == pass->windows &&
                 slim_model_even(pass->model->shape);

    if (asked && streams->recall(streams->context, index, stream, count)) {
        size_t calls = (to - from + pass->together - 1) / pass->together;
        return slim_pass_tick(pass, (double)calls);
    }
    if (run_part(pass, stream, index, from, to, room) != SLIM_OK)
        return SLIM_FAILED;
    if (asked)
        streams->retain(streams->context, index, stream, count);
    return SLIM_OK;
}

static enum slim_status run_group(struct slim_pass *pass, double *nll,
                                  float *stream, size_t from, size_t to)
{
    long layers = (long)pass->model->info->arch->layers;
    size_t room = pass->length * slim_pass_width(pass->model->shape);

    for (long index = -1; index <= layers; index++)
        if (run_or_recall(pass, stream, index, from, to, room) != SLIM_OK)
            return SLIM_FAILED;
    return run_loss(pass, nll, stream, from, to, room);
}

enum slim_status slim_model_nll(double *nll, struct slim_model *model,
                                const int32_t *ids, size_t windows,
                                size_t length, size_t memory,
                                const struct slim_stream_visit *streams,
                                const struct slim_kernels *kernels,
                                void (*tick)(void *, double, double),
                                void *context, struct slim_diag *diag)
{
    struct slim_pass pass = {
        .model = model,
        .kernels = kernels,
        .diag = diag,
        .ids = ids,
        .windows = windows,
        .length = length,
        .tick = tick,
        .context = context,
        .streams = streams,
    };
    struct slim_floats stream = { 0 };
    enum slim_status status = slim_pass_open(&pass, 0);

    if (status == SLIM_OK) {
        size_t group =
            slim_model_nll_windows(model->shape, windows, length, memory);
        size_t calls = (windows + pass.together - 1) / pass.together;

        pass.total = (double)calls * (double)(model->info->arch->layers + 3);
        status = slim_floats_need(&stream, group * length,
                                  slim_pass_width(model->shape),
                                  "the residual stream", diag);
        for (size_t w = 0; w < windows && status == SLIM_OK; w += group)
            status = run_group(&pass, nll, stream.data, w,
                               w + group < windows ? w + group : windows);
    }
    slim_floats_free(&stream);
    slim_pass_close(&pass);
    return status;
}

enum slim_status slim_model_logits(float *logits, struct slim_model *model,
                                   const int32_t *ids, size_t batch,
                                   size_t length,
                                   const struct slim_kernels *kernels,
                                   struct slim_diag *diag)
{
    struct slim_pass pass = {
        .model = model,
        .kernels = kernels,
        .diag = diag,
        .ids = ids,
        .windows = batch,
        .length = length,
    };
    size_t room = length * slim_pass_width(model->shape);
    long layers = (long)model->info->arch->layers;
    struct slim_floats stream = { 0 };
    enum slim_status status = slim_pass_open(&pass, batch);

    if (status == SLIM_OK)
        status =
            slim_floats_need(&stream, batch, room, "the residual stream", diag);
    for (long index = -1; index <= layers && status == SLIM_OK; index++)
        status = run_part(&pass, stream.data, index, 0, batch, room);
    if (status == SLIM_OK)
        status = slim_head_logits(logits, pass.layer, stream.data,
                                  batch * length, kernels, diag);
    slim_floats_free(&stream);
    slim_pass_close(&pass);
    return status;
}
