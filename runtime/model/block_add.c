/* block_add.c - the residual: y = scale * (stream S) + block, S a shortcut */
#include "runtime/model/layer.h"

#include <string.h>

enum { WORK_SCALED, WORK_BACK };

static size_t add_width(const struct slim_step *step)
{
    return step->node->slots[SLIM_ADD_SHORTCUT] &&
                   slim_step_weight(step, SLIM_ADD_SHORTCUT)
               ? slim_step_columns(step, SLIM_ADD_SHORTCUT)
               : step->width[0];
}

static float add_scale(const struct slim_step *step)
{
    return (float)step->node->settings[SLIM_ADD_SCALE];
}

static enum slim_status add_forward(struct slim_step *step)
{
    size_t count = step->tokens * step->width_out;
    const float *stream = step->x[0], *block = step->x[1];
    float scale = add_scale(step);

    if (step->width_out != step->width[1])
        return slim_fail(step->diag, "R125", (struct slim_span){ 0 },
                         "block \"%s\" of layer %zu adds %zu columns to a "
                         "stream of %zu",
                         step->node->name, step->node->layer, step->width[1],
                         step->width_out);
    if (slim_step_weight(step, SLIM_ADD_SHORTCUT)) {
        struct slim_matrix shortcut;

        if (slim_step_matrix(&shortcut, step, SLIM_ADD_SHORTCUT,
                             SLIM_WAY_BACK) != SLIM_OK)
            return SLIM_FAILED;
        slim_step_multiply_back(step, step->y, stream, &shortcut, false);
        stream = step->y;
    }
    step->kernels->combine(step->y, scale, stream, block, count);
    return SLIM_OK;
}

static void give(const struct slim_step *step, float *dx, const float *dy,
                 size_t count, float scale, bool add)
{
    step->kernels->combine(dx, scale, dy, add ? dx : NULL, count);
}

/* dS[in, out] += stream^T dy; dstream = dy S^T. */
static enum slim_status shortcut_backward(struct slim_step *step)
{
    size_t count = step->tokens * step->width_out;
    float *grad = slim_step_grad(step, SLIM_ADD_SHORTCUT);
    float *scaled = NULL, *back = NULL;
    struct slim_matrix shortcut;

    if (slim_step_matrix(&shortcut, step, SLIM_ADD_SHORTCUT,
                         SLIM_WAY_FORWARD) != SLIM_OK ||
        slim_step_part(&scaled, step, &step->layer->work, WORK_SCALED,
                       step->tokens, step->width_out) != SLIM_OK ||
        slim_step_part(&back, step, &step->layer->work, WORK_BACK, step->tokens,
                       step->width[0]) != SLIM_OK)
        return SLIM_FAILED;
    give(step, scaled, step->dy, count, add_scale(step), false);
    if (grad)
        slim_step_multiply_grad(step, grad, step->x[0], scaled, step->width[0],
                                step->width_out);
    slim_step_multiply(step, back, scaled, &shortcut, NULL);
    give(step, step->dx[0], back, step->tokens * step->width[0], 1.0f,
         step->add[0]);
    return SLIM_OK;
}

static enum slim_status add_backward(struct slim_step *step)
{
    size_t count = step->tokens * step->width_out;

    if (!slim_step_weight(step, SLIM_ADD_SHORTCUT))
        give(step, step->dx[0], step->dy, count, add_scale(step), step->add[0]);
    else if (shortcut_backward(step) != SLIM_OK)
        return SLIM_FAILED;
    give(step, step->dx[1], step->dy, count, 1.0f, step->add[1]);
    return SLIM_OK;
}

static bool has_shortcut(const struct slim_step *step)
{
    return step->node->slots[SLIM_ADD_SHORTCUT] &&
           step->layer->shape->shortcuts;
}

static size_t add_works(const struct slim_step *step)
{
    return has_shortcut(step) ? slim_step_rows(step, SLIM_ADD_SHORTCUT) +
                                    slim_step_columns(step, SLIM_ADD_SHORTCUT)
                              : 0;
}

/* The gradient of a shortcut reads the stream, a sum nothing. */
static bool add_reads(const struct slim_step *step, size_t input)
{
    return input == 0 && has_shortcut(step);
}

const struct slim_block_code slim_block_add_code = {
    .width = add_width,
    .works = add_works,
    .reads = add_reads,
    .forward = add_forward,
    .backward = add_backward,
};
