/* block_head.c - the final norm's rows to logits, losses and their gradients */
#include "runtime/model/layer.h"

#include "base/trace.h"

static const struct slim_node *head_find(const struct slim_layer *layer)
{
    for (size_t n = layer->first; n < layer->last; n++)
        if (layer->arch->nodes[n].kind == SLIM_BLOCK_HEAD)
            return &layer->arch->nodes[n];
    return NULL;
}

/* A step at the head, so that slots are read as in other blocks. */
static enum slim_status head_step(struct slim_step *out,
                                  struct slim_layer *layer, size_t rows,
                                  const struct slim_kernels *kernels,
                                  struct slim_diag *diag)
{
    const struct slim_node *node = head_find(layer);

    *out =
        (struct slim_step){ .layer = layer,
                            .node = node,
                            .tokens = rows,
                            .width = { node ? slim_layer_width_in(layer) : 0 },
                            .kernels = kernels,
                            .diag = diag };
    if (node)
        return SLIM_OK;
    (void)slim_fail(diag, "R126", (struct slim_span){ 0 },
                    "the loaded part of the model has no head");
    return SLIM_FAILED;
}

/* Buffers of layer->work. */
enum { WORK_SCALED, WORK_NARROW, WORK_BACK };

static bool projects(const struct slim_step *step)
{
    return step->node->slots[SLIM_HEAD_PROJECT] != NULL;
}

static float head_scale(const struct slim_step *step)
{
    return (float)step->node->settings[SLIM_HEAD_SCALE];
}

/* Logits are scaled by scaling what they are made of. */
static enum slim_status scale(const float **out, struct slim_step *step,
                              const float *x)
{
    size_t count = step->tokens * step->width[0];
    float *scaled = NULL;

    *out = x;
    if (head_scale(step) == 1.0f)
        return SLIM_OK;
    if (slim_step_part(&scaled, step, &step->layer->work, WORK_SCALED,
                       step->tokens, step->width[0]) != SLIM_OK)
        return SLIM_FAILED;
    for (size_t i = 0; i < count; i++)
        scaled[i] = head_scale(step) * x[i];
    *out = scaled;
    return SLIM_OK;
}

/* What the table is multiplied with: x, scaled and projected. */
static enum slim_status prepare(const float **out, struct slim_step *step,
                                const float *x)
{
    float *narrow = NULL;

    if (scale(out, step, x) != SLIM_OK)
        return SLIM_FAILED;
    if (!projects(step))
        return SLIM_OK;
    if (slim_step_part(&narrow, step, &step->layer->work, WORK_NARROW,
                       step->tokens,
                       slim_step_rows(step, SLIM_HEAD_PROJECT)) != SLIM_OK)
        return SLIM_FAILED;
    x = *out;
    *out = narrow;
    return slim_linear_forward(step, narrow, x, SLIM_HEAD_PROJECT,
                               SLIM_NO_SLOT);
}

enum slim_status slim_head_logits(float *logits, struct slim_layer *layer,
                                  const float *x, size_t rows,
                                  const struct slim_kernels *kernels,
                                  struct slim_diag *diag)
{
    struct slim_step step;

    if (head_step(&step, layer, rows, kernels, diag) != SLIM_OK ||
        prepare(&x, &step, x) != SLIM_OK)
        return SLIM_FAILED;
    slim_trace_begin("layer", "head");
    enum slim_status status =
        slim_linear_forward(&step, logits, x, SLIM_HEAD_WEIGHT, SLIM_HEAD_BIAS);
    slim_trace_end();
    return status;
}

enum slim_status slim_head_loss(double *nll, struct slim_layer *layer,
                                const float *x, const int32_t *targets,
                                size_t rows, const struct slim_kernels *kernels,
                                struct slim_diag *diag)
{
    struct slim_step step;
    struct slim_matrix w;

    if (head_step(&step, layer, rows, kernels, diag) != SLIM_OK ||
        prepare(&x, &step, x) != SLIM_OK ||
        slim_step_matrix(&w, &step, SLIM_HEAD_WEIGHT, SLIM_WAY_FORWARD) !=
            SLIM_OK)
        return SLIM_FAILED;
    const float *bias = slim_step_weight(&step, SLIM_HEAD_BIAS);
    slim_trace_begin("layer", "head, loss");
    if (w.narrow)
        kernels->narrow->cross_entropy(nll, x, w.narrow, bias, targets, rows,
                                       w.columns, w.rows);
    else
        kernels->cross_entropy(nll, x, w.wide, bias, targets, rows, w.columns,
                               w.rows);
    slim_trace_end();
    return SLIM_OK;
}

static enum slim_status adapters_check(const struct slim_step *step,
                                       struct slim_adapter *const *adapters)
{
    for (size_t s = 0; adapters && s < SLIM_SLOTS; s++)
        if (step->node->slots[s] && adapters[step->node->slots[s]->index])
            return slim_fail(step->diag, "R127", (struct slim_span){ 0 },
                             "an adapter on the head is not possible: its loss "
                             "is taken without a whole matrix of logits");
    return SLIM_OK;
}

/* Losses, and gradients of x (written to dx), weight and bias. */
static enum slim_status entropy_grad(double *nll, float *dx,
                                     struct slim_step *step, const float *x,
                                     const int32_t *targets, float weight)
{
    const struct slim_kernels *kernels = step->kernels;
    float *dw = slim_step_grad(step, SLIM_HEAD_WEIGHT);
    float *db = slim_step_grad(step, SLIM_HEAD_BIAS);
    const float *bias = slim_step_weight(step, SLIM_HEAD_BIAS);
    struct slim_matrix w;

    if (slim_step_matrix(&w, step, SLIM_HEAD_WEIGHT,
                         SLIM_WAY_FORWARD | SLIM_WAY_BACK) != SLIM_OK)
        return SLIM_FAILED;
    slim_trace_begin("layer", "head, loss and gradient");
    if (w.narrow)
        kernels->narrow->cross_entropy_grad(nll, dx, dw, db, x, w.narrow,
                                            w.back, bias, targets, weight,
                                            step->tokens, w.columns, w.rows);
    else
        kernels->cross_entropy_grad(nll, dx, dw, db, x, w.wide, bias, targets,
                                    weight, step->tokens, w.columns, w.rows);
    slim_trace_end();
    return SLIM_OK;
}

/* dx of what the head read, from that of what was projected. */
static enum slim_status project_back(float *dx, struct slim_step *step,
                                     const float *back, const float *x)
{
    const float *scaled = NULL;

    if (scale(&scaled, step, x) != SLIM_OK)
        return SLIM_FAILED;
    return slim_linear_backward(step, dx, false, back, scaled,
                                SLIM_HEAD_PROJECT, SLIM_NO_SLOT);
}

enum slim_status slim_head_loss_grad(double *nll, float *dx,
                                     struct slim_layer *layer, const float *x,
                                     const int32_t *targets, float weight,
                                     size_t rows, float *const *grads,
                                     struct slim_adapter *const *adapters,
                                     const struct slim_kernels *kernels,
                                     struct slim_diag *diag)
{
    const float *read = NULL;
    struct slim_step step;
    float *back = dx;

    if (head_step(&step, layer, rows, kernels, diag) != SLIM_OK ||
        adapters_check(&step, adapters) != SLIM_OK ||
        prepare(&read, &step, x) != SLIM_OK)
        return SLIM_FAILED;
    step.grads = grads;
    if (projects(&step) &&
        slim_step_part(&back, &step, &layer->work, WORK_BACK, rows,
                       slim_step_rows(&step, SLIM_HEAD_PROJECT)) != SLIM_OK)
        return SLIM_FAILED;
    if (entropy_grad(nll, back, &step, read, targets, weight) != SLIM_OK ||
        (projects(&step) && project_back(dx, &step, back, x) != SLIM_OK))
        return SLIM_FAILED;
    for (size_t i = 0; head_scale(&step) != 1.0f && i < rows * step.width[0];
         i++)
        dx[i] *= head_scale(&step);
    return SLIM_OK;
}
