/* gradients.c - the gradient of the loss, one layer at a time from the last */
#include "runtime/model/pass.h"

#include <stdlib.h>
#include <string.h>

/*
 * Kept over the whole pass: the input of every part, and the gradient of the
 * stream. Everything else belongs to the part that is at work.
 */
struct backward {
    struct slim_pass pass;
    const struct slim_gradient_visit *visit;
    struct slim_tape *tape;
    struct slim_floats *inputs; /* [layers + 1] [windows * length, width] */
    struct slim_floats stream;  /* its gradient, `room` floats a window */
    size_t room;
    float **grads;              /* by tensor->index */
    struct slim_floats storage; /* of the part's gradients */
    size_t stored;
    struct slim_floats tied; /* of the table that head and embedding share */
    const struct slim_tensor *table; /* that one, or NULL */
    size_t table_count;
    long lowest; /* part that still holds a wanted tensor */
    double sum;  /* of negative log likelihoods */
};

static bool wanted(const struct backward *run, const struct slim_tensor *t)
{
    return slim_tensor_stored(run->pass.model->shape, t) &&
           slim_model_has(run->pass.model, t) &&
           (!run->visit->wanted || run->visit->wanted(run->visit->context, t));
}

static void part_nodes(const struct slim_arch *arch, long part, size_t *first,
                       size_t *last)
{
    size_t layers = arch->layers;

    *first = part < 0 ? 0 : arch->layer_first[part];
    *last = part < 0                ? arch->layer_first[0]
            : (size_t)part < layers ? arch->layer_first[part + 1]
                                    : arch->node_count;
}

static size_t tensor_count(const struct backward *run,
                           const struct slim_tensor *tensor)
{
    size_t count = 1;

    for (size_t d = 0; d < tensor->dims_count; d++)
        count *= slim_tensor_size(run->pass.model->shape, tensor, d);
    return count;
}

/* Finds the shared table, if its gradient is wanted, and the lowest part. */
static void wanted_find(struct backward *run)
{
    const struct slim_model *model = run->pass.model;
    const struct slim_arch *arch = model->info->arch;

    run->lowest = (long)arch->layers + 1;
    for (long part = (long)arch->layers; part >= -1; part--) {
        size_t first, last;
        part_nodes(arch, part, &first, &last);
        for (size_t i = first * SLIM_SLOTS; i < last * SLIM_SLOTS; i++) {
            const struct slim_tensor *t =
                arch->nodes[i / SLIM_SLOTS].slots[i % SLIM_SLOTS];
            const struct slim_tensor *owner =
                t ? slim_model_owner(model, t) : NULL;
            if (!owner || !wanted(run, owner))
                continue;
            if (owner != t)
                run->table = owner;
            else
                run->lowest = part;
        }
    }
    if (run->table)
        run->table_count = tensor_count(run, run->table);
}

/* Lays the gradients of a part out and points run->grads at them. */
static enum slim_status grads_place(struct backward *run, long part)
{
    const struct slim_arch *arch = run->pass.model->info->arch;
    size_t first, last;

    memset(run->grads, 0, arch->tensor_count * sizeof(*run->grads));
    part_nodes(arch, part, &first, &last);
    for (int fill = 0; fill < 2; fill++) {
        size_t offset = 0;
        for (size_t i = first * SLIM_SLOTS; i < last * SLIM_SLOTS; i++) {
            const struct slim_tensor *t =
                arch->nodes[i / SLIM_SLOTS].slots[i % SLIM_SLOTS];
            if (!t || slim_model_owner(run->pass.model, t) != t ||
                t == run->table || !wanted(run, t))
                continue;
            if (fill)
                run->grads[t->index] = run->storage.data + offset;
            offset += (tensor_count(run, t) + 15) / 16 * 16;
        }
        run->stored = offset;
        if (!fill && slim_floats_need(&run->storage, offset, 1,
                                      "the gradients of a layer",
                                      run->pass.diag) != SLIM_OK)
            return SLIM_FAILED;
    }
    return SLIM_OK;
}

static enum slim_status visit_part(struct backward *run, long part,
                                   size_t window)
{
    return run->visit->visit(run->visit->context, part, window, run->pass.layer,
                             run->grads, run->pass.diag);
}

static void zero(float *x, size_t count)
{
    memset(x, 0, count * sizeof(*x));
}

static const float *input_of(const struct backward *run, long part, size_t w,
                             size_t width)
{
    return part < 0 ? NULL
                    : run->inputs[part].data + w * run->pass.length * width;
}

/* Calls that all windows take, a tick each. */
static double calls_of(const struct slim_pass *pass)
{
    size_t calls = (pass->windows + pass->together - 1) / pass->together;

    return (double)calls;
}

static enum slim_status forward_part(struct backward *run, long part)
{
    const struct slim_stream_visit *streams = run->visit->streams;
    struct slim_pass *pass = &run->pass;
    size_t in, out;

    if (slim_layer_load(pass->layer, pass->model, part, pass->diag) != SLIM_OK)
        return SLIM_FAILED;
    in = slim_layer_width_in(pass->layer);
    out = slim_layer_width_out(pass->layer);
    if (slim_floats_spill(&run->inputs[part + 1], pass->windows * pass->length,
                          out, "the inputs of a layer", run->visit->spill,
                          pass->diag) != SLIM_OK)
        return SLIM_FAILED;
    float *stream = run->inputs[part + 1].data;
    size_t size = pass->windows * pass->length * out;
    if (streams && streams->recall(streams->context, part, stream, size))
        return slim_pass_tick(pass, calls_of(pass));
    for (size_t w = 0; w < pass->windows;) {
        size_t count = slim_pass_count(pass, w, pass->windows);
        struct slim_batch batch = slim_pass_batch(pass, w, count);
        float *y = stream + w * pass->length * out;

        if (slim_layer_forward(y, pass->layer, input_of(run, part, w, in),
                               &batch, NULL, NULL, NULL, pass->kernels,
                               pass->diag) != SLIM_OK ||
            slim_pass_tick(pass, 1.0) != SLIM_OK)
            return SLIM_FAILED;
        w += count;
    }
    if (streams)
        streams->retain(streams->context, part, stream, size);
    return SLIM_OK;
}

/* Weight of each token: the mean over all of them, or over one window's. */
static float token_weight(const struct backward *run)
{
    double windows = run->visit->per_sample ? 1.0 : (double)run->pass.windows;

    return (float)(1.0 / (windows * (double)(run->pass.length - 1)));
}

/* Final norm and loss of some windows in `layer`, which has the head loaded;
 * dy receives the gradient of the norm's output. */
static enum slim_status head_windows(struct backward *run,
                                     struct slim_layer *layer, float *dy,
                                     size_t w, size_t count,
                                     struct slim_tape *tape)
{
    struct slim_pass *pass = &run->pass;
    struct slim_batch batch = slim_pass_batch(pass, w, count);
    long layers = (long)pass->model->info->arch->layers;
    size_t rows = count * pass->length, width = slim_layer_width_in(layer);

    slim_pass_targets(pass, w, count);
    if (slim_floats_need(&pass->normed, rows, width, "the final norm",
                         pass->diag) != SLIM_OK ||
        slim_layer_forward(pass->normed.data, layer,
                           input_of(run, layers, w, width), &batch, tape, NULL,
                           NULL, pass->kernels, pass->diag) != SLIM_OK)
        return SLIM_FAILED;
    return slim_head_loss_grad(pass->nll, dy, layer, pass->normed.data,
                               pass->targets, token_weight(run), rows,
                               run->grads, NULL, pass->kernels, pass->diag);
}

static enum slim_status backward_windows(struct backward *run, long part,
                                         size_t w, size_t count)
{
    struct slim_pass *pass = &run->pass;
    struct slim_batch batch = slim_pass_batch(pass, w, count);
    long layers = (long)pass->model->info->arch->layers;
    const float *x = input_of(run, part, w, slim_layer_width_in(pass->layer));
    float *dy = run->stream.data + w * run->room;

    if (part == layers) {
        if (head_windows(run, pass->layer, dy, w, count, run->tape) != SLIM_OK)
            return SLIM_FAILED;
        for (size_t i = 0; i < count * pass->length; i++)
            run->sum += pass->nll[i];
    } else {
        float *y = NULL;
        if (slim_floats_need(&pass->normed, count * pass->length,
                             slim_layer_width_out(pass->layer),
                             "a layer's output", pass->diag) != SLIM_OK)
            return SLIM_FAILED;
        y = pass->normed.data;
        if (slim_layer_forward(y, pass->layer, x, &batch, run->tape, NULL, NULL,
                               pass->kernels, pass->diag) != SLIM_OK)
            return SLIM_FAILED;
    }
    return slim_layer_backward(part > run->lowest ? dy : NULL, pass->layer, dy,
                               x, &batch, run->tape, run->grads, NULL,
                               pass->kernels, pass->diag);
}

/* The head's share of the table's gradient for one window. It was not kept
 * from the head's own turn: that would be one table for each window. */
static enum slim_status table_again(struct backward *run,
                                    struct slim_layer *head, size_t w)
{
    struct slim_pass *pass = &run->pass;
    long layers = (long)pass->model->info->arch->layers;
    struct slim_floats unused = { 0 };
    enum slim_status status =
        slim_layer_load(head, pass->model, layers, pass->diag);

    if (status == SLIM_OK)
        status =
            slim_floats_need(&unused, pass->length, slim_layer_width_in(head),
                             "the head", pass->diag);
    if (status == SLIM_OK)
        status = head_windows(run, head, unused.data, w, 1, NULL);
    slim_floats_free(&unused);
    return status;
}

/* The shared table's gradient is complete with the embedding's part. */
static void table_point(struct backward *run, long part)
{
    long layers = (long)run->pass.model->info->arch->layers;

    if (run->table &&
        (part == -1 || (part == layers && !run->visit->per_sample)))
        run->grads[run->table->index] = run->tied.data;
}

static enum slim_status backward_together(struct backward *run, long part)
{
    struct slim_pass *pass = &run->pass;

    zero(run->storage.data, run->stored);
    table_point(run, part);
    for (size_t w = 0; w < pass->windows;) {
        size_t count = slim_pass_count(pass, w, pass->windows);
        if (backward_windows(run, part, w, count) != SLIM_OK ||
            slim_pass_tick(pass, 3.0) != SLIM_OK)
            return SLIM_FAILED;
        w += count;
    }
    if (run->table && part >= 0)
        run->grads[run->table->index] = NULL;
    return visit_part(run, part, 0);
}

static enum slim_status backward_apart(struct backward *run, long part)
{
    struct slim_pass *pass = &run->pass;
    struct slim_layer *head = NULL;
    enum slim_status status = SLIM_OK;

    table_point(run, part);
    if (run->table && part == -1) {
        head = slim_layer_new();
        if (!head)
            return slim_fail(pass->diag, "O101", (struct slim_span){ 0 },
                             "out of memory: a second layer");
    }
    for (size_t w = 0; w < pass->windows && status == SLIM_OK; w++) {
        zero(run->storage.data, run->stored);
        if (head) {
            zero(run->tied.data, run->table_count);
            status = table_again(run, head, w);
        }
        if (status == SLIM_OK)
            status = backward_windows(run, part, w, 1);
        if (status == SLIM_OK)
            status = slim_pass_tick(pass, 3.0);
        if (status == SLIM_OK)
            status = visit_part(run, part, w);
    }
    slim_layer_free(head);
    return status;
}

static struct slim_gradient_state state_of(struct backward *run)
{
    return (struct slim_gradient_state){
        .stream = run->stream.data,
        .stream_count = run->pass.windows * run->room,
        .table = run->table ? run->tied.data : NULL,
        .table_count = run->table ? run->table_count : 0,
        .loss = &run->sum,
    };
}

static size_t resume(struct backward *run)
{
    struct slim_gradient_state state = state_of(run);

    zero(run->stream.data, state.stream_count);
    return run->visit->resume ? run->visit->resume(run->visit->context, &state)
                              : 0;
}

static enum slim_status backward_part(struct backward *run, long part)
{
    const struct slim_gradient_visit *visit = run->visit;
    size_t layers = run->pass.model->info->arch->layers;

    run->pass.patient = visit->done != NULL;
    if (slim_layer_load(run->pass.layer, run->pass.model, part,
                        run->pass.diag) != SLIM_OK ||
        grads_place(run, part) != SLIM_OK)
        return SLIM_FAILED;
    enum slim_status status = visit->per_sample ? backward_apart(run, part)
                                                : backward_together(run, part);
    if (status != SLIM_OK || !visit->done || part == run->lowest)
        return status;
    struct slim_gradient_state state = state_of(run);
    return visit->done(visit->context, (size_t)((long)layers + 1 - part),
                       &state);
}

static enum slim_status backward_open(struct backward *run)
{
    struct slim_pass *pass = &run->pass;
    const struct slim_arch *arch = pass->model->info->arch;
    size_t layers = arch->layers;

    run->room = pass->length * slim_pass_width(pass->model->shape);
    run->inputs = calloc(layers + 1, sizeof(*run->inputs));
    run->grads = calloc(arch->tensor_count, sizeof(*run->grads));
    run->tape = slim_tape_new();
    if (slim_pass_open(pass, run->visit->per_sample ? 1 : 0) != SLIM_OK)
        return SLIM_FAILED;
    if (!run->inputs || !run->grads || !run->tape)
        return slim_fail(pass->diag, "O101", (struct slim_span){ 0 },
                         "out of memory: the inputs of %zu layers", layers);
    wanted_find(run);
    size_t calls = (pass->windows + pass->together - 1) / pass->together;
    size_t back = (size_t)((long)layers + 1 - run->lowest);
    pass->total = (double)(calls * (layers + 1 + 3 * back));
    if (run->table && slim_floats_need(&run->tied, run->table_count, 1,
                                       "the gradient of the embedding",
                                       pass->diag) != SLIM_OK)
        return SLIM_FAILED;
    if (run->table)
        zero(run->tied.data, run->table_count);
    return slim_floats_spill(&run->stream, pass->windows, run->room,
                             "the gradient of the residual stream",
                             run->visit->spill, pass->diag);
}

static void backward_close(struct backward *run)
{
    size_t layers = run->pass.model->info->arch->layers;

    for (size_t i = 0; run->inputs && i <= layers; i++)
        slim_floats_free(&run->inputs[i]);
    free(run->inputs);
    free(run->grads);
    slim_floats_free(&run->stream);
    slim_floats_free(&run->storage);
    slim_floats_free(&run->tied);
    slim_tape_free(run->tape);
    slim_pass_close(&run->pass);
}

enum slim_status slim_model_gradients(double *loss, struct slim_model *model,
                                      const int32_t *ids, size_t windows,
                                      size_t length,
                                      const struct slim_gradient_visit *visit,
                                      const struct slim_kernels *kernels,
                                      void (*tick)(void *, double, double),
                                      void *context, struct slim_diag *diag)
{
    struct backward run = {
        .pass = { .model = model,
                  .kernels = kernels,
                  .diag = diag,
                  .ids = ids,
                  .windows = windows,
                  .length = length,
                  .tick = tick,
                  .context = context },
        .visit = visit,
    };
    long layers = (long)model->info->arch->layers;
    enum slim_status status = backward_open(&run);

    long first = layers;
    if (status == SLIM_OK)
        first -= (long)resume(&run);
    /* what is done needs no inputs any more, but the shared table does */
    long inputs = run.table ? layers : first;
    for (long part = -1; part < inputs && status == SLIM_OK; part++)
        status = forward_part(&run, part);
    for (long part = first; part >= run.lowest && status == SLIM_OK; part--)
        status = backward_part(&run, part);
    if (status == SLIM_OK && loss)
        *loss = run.sum / ((double)windows * (double)(length - 1));
    backward_close(&run);
    return status;
}
