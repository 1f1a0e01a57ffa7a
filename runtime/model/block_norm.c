/* block_norm.c - a norm over the stream; without weight where it was folded */
#include "runtime/model/layer.h"

enum { NORM_INVERSE };

static size_t norm_width(const struct slim_step *step)
{
    return step->width[0];
}

static size_t norm_divisor(const struct slim_step *step)
{
    size_t divisor = step->layer->shape->divisor;

    return divisor ? divisor : step->width[0];
}

static enum slim_status norm_check(const struct slim_step *step)
{
    if ((int)step->node->settings[SLIM_NORM_KIND] == SLIM_NORM_RMS)
        return SLIM_OK;
    return slim_fail(step->diag, "M131", (struct slim_span){ 0 },
                     "block \"%s\" is a layer norm, and only rms norms are "
                     "computed",
                     step->node->name);
}

static enum slim_status norm_forward(struct slim_step *step)
{
    float *inverse = NULL;

    if (norm_check(step) != SLIM_OK ||
        slim_step_part(&inverse, step, step->record, NORM_INVERSE, step->tokens,
                       1) != SLIM_OK)
        return SLIM_FAILED;
    step->kernels->rms_norm(
        step->y, inverse, step->x[0], slim_step_weight(step, SLIM_NORM_WEIGHT),
        step->tokens, step->width[0], norm_divisor(step),
        (float)slim_shape_eps(step->layer->shape, step->node),
        (float)step->node->settings[SLIM_NORM_OFFSET]);
    return SLIM_OK;
}

static enum slim_status norm_backward(struct slim_step *step)
{
    const float *inverse = step->record->parts[NORM_INVERSE].data;

    step->kernels->rms_norm_grad(
        step->dx[0], slim_step_grad(step, SLIM_NORM_WEIGHT), step->dy,
        step->x[0], inverse, slim_step_weight(step, SLIM_NORM_WEIGHT),
        step->tokens, step->width[0], norm_divisor(step),
        (float)step->node->settings[SLIM_NORM_OFFSET], step->add[0]);
    return SLIM_OK;
}

const struct slim_block_code slim_block_norm_code = {
    .width = norm_width,
    .forward = norm_forward,
    .backward = norm_backward,
};
