/* block_norm.c - a norm over the stream; without weight where it was folded */
#include "runtime/model/layer.h"

#include <string.h>

/*
 * LayerNorm is RMSNorm of the vector less its mean, and a bias. What is kept
 * from the forward: the inverse root, and of a layer norm the centered vector.
 */
enum { NORM_INVERSE, NORM_CENTERED };
/* What lives inside one backward. */
enum { WORK_CENTERED };

static size_t norm_width(const struct slim_step *step)
{
    return step->width[0];
}

static size_t norm_divisor(const struct slim_step *step)
{
    size_t divisor = step->layer->shape->divisor;

    return divisor ? divisor : step->width[0];
}

/* Once the mean is absorbed by what writes the stream, nothing is centered. */
static bool norm_centers(const struct slim_step *step)
{
    return (int)step->node->settings[SLIM_NORM_KIND] == SLIM_NORM_LAYER &&
           !step->layer->shape->folded;
}

/* What it did is in the table already. */
static bool norm_is_done(const struct slim_step *step)
{
    return step->node->of_table && step->layer->shape->folded;
}

static size_t norm_kept(const struct slim_step *step)
{
    const struct slim_shape *shape = step->layer->shape;

    if (norm_is_done(step))
        return 0;
    return 1 + (norm_centers(step) ? shape->sites[step->node->site_in] : 0);
}

static size_t norm_works(const struct slim_step *step)
{
    return !norm_is_done(step) && norm_centers(step)
               ? step->layer->shape->sites[step->node->site_in]
               : 0;
}

static void add_bias(float *y, const float *bias, size_t rows, size_t width)
{
    for (size_t r = 0; bias && r < rows; r++)
        slim_add(y + r * width, bias, width);
}

static enum slim_status norm_forward(struct slim_step *step)
{
    size_t width = step->width[0];
    const float *x = step->x[0];
    float *inverse = NULL, *centered = NULL;

    if (norm_is_done(step)) {
        memcpy(step->y, x, step->tokens * width * sizeof(*x));
        return SLIM_OK;
    }
    if (slim_step_part(&inverse, step, step->record, NORM_INVERSE, step->tokens,
                       1) != SLIM_OK)
        return SLIM_FAILED;
    if (norm_centers(step)) {
        if (slim_step_part(&centered, step, step->record, NORM_CENTERED,
                           step->tokens, width) != SLIM_OK)
            return SLIM_FAILED;
        step->kernels->center(centered, x, step->tokens, width, false);
        x = centered;
    }
    step->kernels->rms_norm(
        step->y, inverse, x, slim_step_weight(step, SLIM_NORM_WEIGHT),
        step->tokens, width, norm_divisor(step),
        (float)slim_shape_eps(step->layer->shape, step->node),
        (float)step->node->settings[SLIM_NORM_OFFSET]);
    add_bias(step->y, slim_step_weight(step, SLIM_NORM_BIAS), step->tokens,
             width);
    return SLIM_OK;
}

static void root_backward(struct slim_step *step, float *dx, const float *x,
                          bool add)
{
    step->kernels->rms_norm_grad(
        dx, slim_step_grad(step, SLIM_NORM_WEIGHT), step->dy, x,
        step->record->parts[NORM_INVERSE].data,
        slim_step_weight(step, SLIM_NORM_WEIGHT), step->tokens, step->width[0],
        norm_divisor(step), (float)step->node->settings[SLIM_NORM_OFFSET], add);
}

static void pass_back(struct slim_step *step, size_t count)
{
    if (step->add[0])
        slim_add(step->dx[0], step->dy, count);
    else
        memcpy(step->dx[0], step->dy, count * sizeof(*step->dy));
}

static enum slim_status norm_backward(struct slim_step *step)
{
    size_t width = step->width[0];
    float *bias = slim_step_grad(step, SLIM_NORM_BIAS), *centered = NULL;

    if (norm_is_done(step)) {
        pass_back(step, step->tokens * width);
        return SLIM_OK;
    }
    if (bias)
        step->kernels->bias_grad(bias, step->dy, step->tokens, width, true);
    if (!norm_centers(step)) {
        root_backward(step, step->dx[0], step->x[0], step->add[0]);
        return SLIM_OK;
    }
    if (slim_step_part(&centered, step, &step->layer->work, WORK_CENTERED,
                       step->tokens, width) != SLIM_OK)
        return SLIM_FAILED;
    root_backward(step, centered, step->record->parts[NORM_CENTERED].data,
                  false);
    step->kernels->center(step->dx[0], centered, step->tokens, width,
                          step->add[0]);
    return SLIM_OK;
}

const struct slim_block_code slim_block_norm_code = {
    .width = norm_width,
    .kept = norm_kept,
    .works = norm_works,
    .forward = norm_forward,
    .backward = norm_backward,
};
