/* block_mlp.c - y = down(act(gate x) * (up x)), or down(act(up x)) */
#include "runtime/model/layer.h"

/* What the backward reads. The hidden values are made again from these. */
enum { MLP_GATE, MLP_UP };
/* What lives inside one call. */
enum { WORK_FUSED, WORK_HIDDEN, WORK_BACK, WORK_GATE, WORK_UP };

static size_t mlp_width(const struct slim_step *step)
{
    return slim_step_rows(step, SLIM_MLP_DOWN);
}

static bool mlp_fused(const struct slim_step *step)
{
    return step->node->slots[SLIM_MLP_GATE_UP] != NULL;
}

static bool mlp_gated(const struct slim_step *step)
{
    return step->node->slots[SLIM_MLP_GATE] || mlp_fused(step);
}

static size_t mlp_kept(const struct slim_step *step)
{
    return (mlp_gated(step) ? 2 : 1) * slim_step_columns(step, SLIM_MLP_DOWN);
}

static size_t mlp_works(const struct slim_step *step)
{
    return (mlp_fused(step) ? slim_step_rows(step, SLIM_MLP_GATE_UP) : 0) +
           (mlp_gated(step) ? 4 : 3) * slim_step_columns(step, SLIM_MLP_DOWN);
}

static enum slim_status mlp_slices(struct slim_slice *gate,
                                   struct slim_slice *up,
                                   const struct slim_step *step)
{
    if (slim_slice_find(gate, step, SLIM_MLP_GATE_UP, "gate", SLIM_NO_AXIS) !=
        SLIM_OK)
        return SLIM_FAILED;
    return slim_slice_find(up, step, SLIM_MLP_GATE_UP, "up", SLIM_NO_AXIS);
}

static enum slim_status fused_forward(struct slim_step *step, float *gate,
                                      float *up)
{
    size_t width = slim_step_rows(step, SLIM_MLP_GATE_UP);
    struct slim_slice gates, ups;
    float *fused = NULL;

    if (mlp_slices(&gates, &ups, step) != SLIM_OK ||
        slim_step_part(&fused, step, &step->layer->work, WORK_FUSED,
                       step->tokens, width) != SLIM_OK ||
        slim_linear_forward(step, fused, step->x[0], SLIM_MLP_GATE_UP,
                            SLIM_MLP_GATE_UP_BIAS) != SLIM_OK)
        return SLIM_FAILED;
    slim_slice_take(gate, fused, &gates, step->tokens, width);
    slim_slice_take(up, fused, &ups, step->tokens, width);
    return SLIM_OK;
}

static enum slim_status mlp_project(struct slim_step *step, float *gate,
                                    float *up)
{
    if (mlp_fused(step))
        return fused_forward(step, gate, up);
    if (gate && slim_linear_forward(step, gate, step->x[0], SLIM_MLP_GATE,
                                    SLIM_MLP_GATE_BIAS) != SLIM_OK)
        return SLIM_FAILED;
    return slim_linear_forward(step, up, step->x[0], SLIM_MLP_UP,
                               SLIM_MLP_UP_BIAS);
}

/* act(gate) * up, or act(up) where gate is NULL */
static enum slim_status mlp_hidden(float **out, struct slim_step *step,
                                   const float *gate, const float *up)
{
    size_t width = slim_step_columns(step, SLIM_MLP_DOWN);
    size_t count = step->tokens * width;
    int act = (int)step->node->settings[SLIM_MLP_ACT];

    if (slim_step_part(out, step, &step->layer->work, WORK_HIDDEN, step->tokens,
                       width) != SLIM_OK)
        return SLIM_FAILED;
    if (gate)
        step->kernels->gated(*out, gate, up, count, act);
    else
        step->kernels->activation(*out, up, count, act);
    return SLIM_OK;
}

static enum slim_status mlp_forward(struct slim_step *step)
{
    size_t width = slim_step_columns(step, SLIM_MLP_DOWN);
    float *gate = NULL, *up = NULL, *hidden = NULL;

    if ((mlp_gated(step) && slim_step_part(&gate, step, step->record, MLP_GATE,
                                           step->tokens, width) != SLIM_OK) ||
        slim_step_part(&up, step, step->record, MLP_UP, step->tokens, width) !=
            SLIM_OK ||
        mlp_project(step, gate, up) != SLIM_OK ||
        mlp_hidden(&hidden, step, gate, up) != SLIM_OK)
        return SLIM_FAILED;
    slim_step_hidden(step, hidden, width);
    return slim_linear_forward(step, step->y, hidden, SLIM_MLP_DOWN,
                               SLIM_MLP_DOWN_BIAS);
}

static enum slim_status fused_backward(struct slim_step *step,
                                       const float *dgate, const float *dup)
{
    size_t width = slim_step_rows(step, SLIM_MLP_GATE_UP);
    struct slim_slice gates, ups;
    float *fused = NULL;

    if (mlp_slices(&gates, &ups, step) != SLIM_OK ||
        slim_step_part(&fused, step, &step->layer->work, WORK_FUSED,
                       step->tokens, width) != SLIM_OK)
        return SLIM_FAILED;
    slim_slice_put(fused, dgate, &gates, step->tokens, width);
    slim_slice_put(fused, dup, &ups, step->tokens, width);
    return slim_linear_backward(step, step->dx[0], step->add[0], fused,
                                step->x[0], SLIM_MLP_GATE_UP,
                                SLIM_MLP_GATE_UP_BIAS);
}

/* From the gradients of gate (NULL: plain) and up to that of the input. */
static enum slim_status mlp_unproject(struct slim_step *step,
                                      const float *dgate, const float *dup)
{
    if (mlp_fused(step))
        return fused_backward(step, dgate, dup);
    if (dgate &&
        slim_linear_backward(step, step->dx[0], step->add[0], dgate, step->x[0],
                             SLIM_MLP_GATE, SLIM_MLP_GATE_BIAS) != SLIM_OK)
        return SLIM_FAILED;
    return slim_linear_backward(step, step->dx[0], step->add[0] || dgate, dup,
                                step->x[0], SLIM_MLP_UP, SLIM_MLP_UP_BIAS);
}

static enum slim_status mlp_backward(struct slim_step *step)
{
    const struct slim_floats *kept = step->record->parts;
    struct slim_record *work = &step->layer->work;
    size_t width = slim_step_columns(step, SLIM_MLP_DOWN);
    size_t count = step->tokens * width;
    int act = (int)step->node->settings[SLIM_MLP_ACT];
    const float *gate = mlp_gated(step) ? kept[MLP_GATE].data : NULL;
    float *hidden = NULL, *dhidden = NULL, *dgate = NULL, *dup = NULL;

    if (mlp_hidden(&hidden, step, gate, kept[MLP_UP].data) != SLIM_OK ||
        slim_step_part(&dhidden, step, work, WORK_BACK, step->tokens, width) !=
            SLIM_OK ||
        (gate && slim_step_part(&dgate, step, work, WORK_GATE, step->tokens,
                                width) != SLIM_OK) ||
        slim_step_part(&dup, step, work, WORK_UP, step->tokens, width) !=
            SLIM_OK ||
        slim_linear_backward(step, dhidden, false, step->dy, hidden,
                             SLIM_MLP_DOWN, SLIM_MLP_DOWN_BIAS) != SLIM_OK)
        return SLIM_FAILED;
    if (dgate)
        step->kernels->gated_grad(dgate, dup, dhidden, gate, kept[MLP_UP].data,
                                  count, act);
    else
        step->kernels->activation_grad(dup, dhidden, kept[MLP_UP].data, count,
                                       act);
    return mlp_unproject(step, dgate, dup);
}

const struct slim_block_code slim_block_mlp_code = {
    .width = mlp_width,
    .kept = mlp_kept,
    .works = mlp_works,
    .forward = mlp_forward,
    .backward = mlp_backward,
};
