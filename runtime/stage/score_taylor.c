/* score_taylor.c - `score taylor`: the change of the loss that removal brings */
#include "runtime/stage/score.h"

#include "base/text.h"
#include "runtime/kernel/parallel.h"
#include "runtime/kernel/vector.h"
#include "runtime/store/activations.h"
#include "runtime/store/journal.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* S = w g */
SLIM_CLONES
static void first_order(double *s, const float *w, const float *g,
                        const float *f, size_t count)
{
    (void)f;
#pragma omp simd
    for (size_t i = 0; i < count; i++)
        s[i] = (double)w[i] * (double)g[i];
}

/* S = w F w, F the Fisher diagonal: the mean of squared gradients of single
 * samples. No half, no first order: the reference's param_second. */
SLIM_CLONES
static void second_order(double *s, const float *w, const float *g,
                         const float *f, size_t count)
{
    (void)g;
#pragma omp simd
    for (size_t i = 0; i < count; i++)
        s[i] = (double)w[i] * (double)w[i] * (double)f[i];
}

/* S = w g - w F w / 2 */
SLIM_CLONES
static void both_orders(double *s, const float *w, const float *g,
                        const float *f, size_t count)
{
#pragma omp simd
    for (size_t i = 0; i < count; i++)
        s[i] = (double)w[i] * (double)g[i] -
               0.5 * (double)w[i] * (double)w[i] * (double)f[i];
}

slim_salience *const slim_taylor_salience[] = {
    [SLIM_ORDER_VECTOR] = first_order,
    [SLIM_ORDER_FIRST] = first_order,
    [SLIM_ORDER_SECOND] = second_order,
    [SLIM_ORDER_MIXED] = both_orders,
};

/* Gradients of one tensor while they are collected. */
struct collected {
    float *mean;   /* of the gradients of all samples */
    float *square; /* of their squares; NULL where order needs none */
};

struct taylor {
    struct slim_scoring *scoring;
    slim_salience *salience;
    size_t windows;
    bool fisher;
    struct collected *collected; /* by tensor->index */
};

static size_t elements(const struct slim_shape *shape,
                       const struct slim_tensor *tensor)
{
    return slim_tensor_size(shape, tensor, 0) *
           (tensor->dims_count > 1 ? slim_tensor_size(shape, tensor, 1) : 1);
}

static void forget(struct collected *collected)
{
    free(collected->mean);
    free(collected->square);
    *collected = (struct collected){ 0 };
}

/* mean += g / n, square += g^2 / n */
SLIM_CLONES
static void add_moments(float *mean, float *square, const float *grad,
                        float share, size_t count)
{
#pragma omp simd
    for (size_t i = 0; i < count; i++) {
        mean[i] += grad[i] * share;
        square[i] += grad[i] * grad[i] * share;
    }
}

/* With windows of one length the mean is the gradient of the pooled batch, so
 * one pass gives both. */
static enum slim_status add_sample(struct taylor *taylor,
                                   const struct slim_tensor *tensor,
                                   const float *grad)
{
    struct collected *collected = &taylor->collected[tensor->index];
    size_t count = elements(taylor->scoring->model->shape, tensor);
    float share = 1.0f / (float)taylor->windows;

    if (!collected->mean) {
        collected->mean = calloc(count, sizeof(float));
        collected->square = calloc(count, sizeof(float));
    }
    if (!collected->mean || !collected->square)
        return slim_scoring_no_memory(taylor->scoring);
    add_moments(collected->mean, collected->square, grad, share, count);
    return SLIM_OK;
}

/* What a part's tensors are folded from: sums of one belong to no other. */
struct folding {
    struct taylor *taylor;
    float *const *grads;
    struct {
        const struct slim_tensor *tensor;
        const float *w;
        bool enough;
    } * items;
    size_t count;
    double numbers;
};

static void fold_item(void *context, size_t i, size_t worker)
{
    const struct folding *f = context;
    const struct taylor *taylor = f->taylor;
    const struct slim_tensor *tensor = f->items[i].tensor;
    struct collected *collected = &taylor->collected[tensor->index];

    (void)worker;
    f->items[i].enough = slim_terms_fold(
        taylor->scoring, tensor, f->items[i].w,
        taylor->fisher ? collected->mean : f->grads[tensor->index],
        collected->square, taylor->salience);
    forget(collected);
}

static enum slim_status fold(struct folding *f)
{
    bool enough = true;

    slim_parallel(f->count, f->numbers, fold_item, f);
    for (size_t i = 0; i < f->count; i++)
        enough = enough && f->items[i].enough;
    return enough ? SLIM_OK : slim_scoring_no_memory(f->taylor->scoring);
}

/* Lists the tensors of a part whose gradients are complete in f. */
static enum slim_status list(struct folding *f, size_t window,
                             struct slim_layer *weights, struct slim_diag *diag)
{
    struct taylor *taylor = f->taylor;
    const struct slim_arch *arch = taylor->scoring->model->shape->arch;

    for (size_t i = 0; i < arch->tensor_count; i++) {
        const struct slim_tensor *tensor = &arch->tensors[i];
        float *w;
        if (!f->grads[i])
            continue;
        if (taylor->fisher &&
            add_sample(taylor, tensor, f->grads[i]) != SLIM_OK)
            return SLIM_FAILED;
        if (slim_layer_weight(&w, weights, tensor, diag) != SLIM_OK)
            return SLIM_FAILED;
        if (!w || (taylor->fisher && window + 1 < taylor->windows))
            continue;
        f->items[f->count].tensor = tensor;
        f->items[f->count++].w = w;
        f->numbers += (double)elements(taylor->scoring->model->shape, tensor);
    }
    return SLIM_OK;
}

/* Gradients of a layer are complete: sums are taken and they may go. */
static enum slim_status visit(void *context, long layer, size_t window,
                              struct slim_layer *weights, float *const *grads,
                              struct slim_diag *diag)
{
    struct taylor *taylor = context;
    const struct slim_arch *arch = taylor->scoring->model->shape->arch;
    struct folding f = { .taylor = taylor, .grads = grads };

    (void)layer;
    f.items = calloc(arch->tensor_count, sizeof *f.items);
    if (!f.items)
        return slim_scoring_no_memory(taylor->scoring);
    enum slim_status status = list(&f, window, weights, diag);
    if (status == SLIM_OK)
        status = fold(&f);
    free(f.items);
    return status;
}

static bool wanted(void *context, const struct slim_tensor *tensor)
{
    struct taylor *taylor = context;

    return slim_terms_want(taylor->scoring, tensor);
}

static void tick(void *context, double done, double total)
{
    struct slim_progress *progress = context;

    if (total > 0)
        slim_progress_step(progress, done / total, NULL);
}

/* ---- the journal: a unit is a part of the backward pass ----
 *
 * Between two parts no gradient is kept: all that there is are the terms.
 */

static struct slim_journal_part *state_parts(
    struct taylor *taylor, const struct slim_gradient_state *state,
    size_t *count)
{
    struct slim_scoring *scoring = taylor->scoring;
    struct slim_arena *arena = scoring->run->arena;
    size_t terms = 0, at = 0;

    for (size_t g = 0; g < scoring->groups->count; g++)
        terms += scoring->terms[g].count;
    struct slim_journal_part *parts =
        SLIM_NEW_ARRAY(arena, terms + 3, struct slim_journal_part);
    parts[at++] =
        (struct slim_journal_part){ state->stream,
                                    state->stream_count * sizeof(float) };
    parts[at++] = (struct slim_journal_part){ state->table, state->table_count *
                                                                sizeof(float) };
    parts[at++] = (struct slim_journal_part){ state->loss, sizeof(double) };
    for (size_t g = 0; g < scoring->groups->count; g++)
        for (size_t t = 0; t < scoring->terms[g].count; t++) {
            struct slim_term *term = &scoring->terms[g].items[t];
            parts[at++] =
                (struct slim_journal_part){ term->values,
                                            term->length * sizeof(double) };
        }
    *count = at;
    return parts;
}

static size_t resume(void *context, const struct slim_gradient_state *state)
{
    struct taylor *taylor = context;
    struct slim_run *run = taylor->scoring->run;
    size_t count, done = 0;
    json_t *note = NULL;
    struct slim_journal_part *parts = state_parts(taylor, state, &count);

    if (!slim_journal_read(run->journal, &done, &note, parts, count))
        return 0;
    json_decref(note);
    slim_journal_tell(run->journal, done - 1,
                      taylor->scoring->model->shape->arch->layers, "layers");
    return done;
}

static enum slim_status part_done(void *context, size_t done,
                                  const struct slim_gradient_state *state)
{
    struct taylor *taylor = context;
    struct slim_run *run = taylor->scoring->run;
    size_t count;

    if (!slim_journal_due(run->journal))
        return SLIM_OK;
    struct slim_journal_part *parts = state_parts(taylor, state, &count);
    return slim_journal_write(run->journal, done, json_object(), parts, count);
}

static enum slim_status collect(struct taylor *taylor)
{
    struct slim_scoring *scoring = taylor->scoring;
    struct slim_run *run = scoring->run;
    const struct slim_tokens *tokens = scoring->tokens;
    struct slim_activations activations;
    const struct slim_stream_visit streams = { &activations,
                                               slim_activations_recall,
                                               slim_activations_retain };
    struct slim_gradient_visit visitor = { .context = taylor,
                                           .visit = visit,
                                           .per_sample = taylor->fisher,
                                           .spill =
                                               slim_run_spill(run, scoring->op),
                                           .wanted = wanted,
                                           .streams = &streams };
    double loss = 0;

    if (run->journal) {
        visitor.resume = resume;
        visitor.done = part_done;
    }
    slim_activations_open(&activations, run, scoring->model, tokens,
                          taylor->fisher ? 1 : 0);
    slim_progress_begin(&run->progress, scoring->op->text, 1.0);
    enum slim_status status = slim_model_gradients(
        &loss, scoring->model, tokens->ids, tokens->sequences, tokens->length,
        &visitor, run->kernels, tick, &run->progress, run->diag);
    slim_activations_close(&activations);
    if (status != SLIM_OK)
        return status;
    slim_progress_end(&run->progress);
    slim_activations_tell(&activations, scoring->op);
    run->detail = slim_arena_printf(run->arena, "loss %.4g", loss);
    return SLIM_OK;
}

enum slim_status slim_importance_taylor(struct slim_scoring *scoring)
{
    const struct slim_tokens *tokens = scoring->tokens;
    size_t tensors = scoring->model->shape->arch->tensor_count;
    int order = scoring->args->order;
    struct taylor taylor = {
        .scoring = scoring,
        .salience = slim_taylor_salience[order],
        .fisher = order == SLIM_ORDER_SECOND || order == SLIM_ORDER_MIXED,
    };
    enum slim_status status;

    if (!tokens || !tokens->uniform)
        return slim_fail(scoring->run->diag, "D120", scoring->op->span,
                         "'score taylor' needs windows of one length");
    scoring->sign = order == SLIM_ORDER_VECTOR;
    taylor.windows = tokens->sequences;
    taylor.collected = calloc(tensors, sizeof *taylor.collected);
    if (!taylor.collected)
        return slim_scoring_no_memory(scoring);
    status = collect(&taylor);
    for (size_t i = 0; i < tensors; i++)
        forget(&taylor.collected[i]);
    free(taylor.collected);
    return status;
}
