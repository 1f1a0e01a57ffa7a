/* block_head.c - the final norm's rows to logits, losses and their gradients */
#include "runtime/model/layer.h"

static enum slim_status head_find(const struct slim_node **out,
                                  const struct slim_layer *layer,
                                  struct slim_diag *diag)
{
    for (size_t n = layer->first; n < layer->last; n++) {
        const struct slim_node *node = &layer->arch->nodes[n];
        if (node->kind == SLIM_BLOCK_HEAD) {
            *out = node;
            return SLIM_OK;
        }
    }
    return slim_fail(diag, "R126", (struct slim_span){ 0 },
                     "the loaded part of the model has no head");
}

/* A step at the head, so that slots are read as in other blocks. */
static enum slim_status head_step(struct slim_step *out,
                                  struct slim_layer *layer, size_t rows,
                                  const struct slim_kernels *kernels,
                                  struct slim_diag *diag)
{
    *out = (struct slim_step){
        .layer = layer, .tokens = rows, .kernels = kernels, .diag = diag
    };
    return head_find(&out->node, layer, diag);
}

enum slim_status slim_head_logits(float *logits, struct slim_layer *layer,
                                  const float *x, size_t rows,
                                  const struct slim_kernels *kernels,
                                  struct slim_diag *diag)
{
    struct slim_step step;

    if (head_step(&step, layer, rows, kernels, diag) != SLIM_OK)
        return SLIM_FAILED;
    return slim_linear_forward(&step, logits, x, SLIM_HEAD_WEIGHT,
                               SLIM_HEAD_BIAS);
}

enum slim_status slim_head_loss(double *nll, struct slim_layer *layer,
                                const float *x, const int32_t *targets,
                                size_t rows, const struct slim_kernels *kernels,
                                struct slim_diag *diag)
{
    struct slim_step step;

    if (head_step(&step, layer, rows, kernels, diag) != SLIM_OK)
        return SLIM_FAILED;
    kernels->cross_entropy(nll, x, slim_step_weight(&step, SLIM_HEAD_WEIGHT),
                           slim_step_weight(&step, SLIM_HEAD_BIAS), targets,
                           rows, slim_step_columns(&step, SLIM_HEAD_WEIGHT),
                           slim_step_rows(&step, SLIM_HEAD_WEIGHT));
    return SLIM_OK;
}

enum slim_status slim_head_loss_grad(double *nll, float *dx,
                                     struct slim_layer *layer, const float *x,
                                     const int32_t *targets, float weight,
                                     size_t rows, float *const *grads,
                                     struct slim_adapter *const *adapters,
                                     const struct slim_kernels *kernels,
                                     struct slim_diag *diag)
{
    struct slim_step step;

    if (head_step(&step, layer, rows, kernels, diag) != SLIM_OK)
        return SLIM_FAILED;
    if (adapters && adapters[step.node->slots[SLIM_HEAD_WEIGHT]->index])
        return slim_fail(diag, "R127", (struct slim_span){ 0 },
                         "an adapter on the head is not possible: its loss is "
                         "taken without a whole matrix of logits");
    step.grads = grads;
    kernels->cross_entropy_grad(
        nll, dx, slim_step_grad(&step, SLIM_HEAD_WEIGHT),
        slim_step_grad(&step, SLIM_HEAD_BIAS), x,
        slim_step_weight(&step, SLIM_HEAD_WEIGHT),
        slim_step_weight(&step, SLIM_HEAD_BIAS), targets, weight, rows,
        slim_step_columns(&step, SLIM_HEAD_WEIGHT),
        slim_step_rows(&step, SLIM_HEAD_WEIGHT));
    return SLIM_OK;
}
