/* linear.c - y = x w^T + bias, with the adapter that a training may have put on
 * it: y += scale * b (a (dropout x)) */
#include "runtime/model/layer.h"

#include "base/random.h"

#include <string.h>

/* Buffers of layer->side. */
enum { SIDE_INPUT, SIDE_RANK, SIDE_TURNED, SIDE_BACK, SIDE_DX };

static struct slim_adapter *adapter_of(const struct slim_step *step,
                                       size_t slot)
{
    const struct slim_tensor *tensor = step->node->slots[slot];

    return step->adapters && tensor ? step->adapters[tensor->index] : NULL;
}

/* y (+)= x with elements dropped, the rest divided by 1 - p: at one place of a
 * training always the same, so that the backward makes the mask again. */
static void drop(const struct slim_step *step, float *y, const float *x,
                 size_t count, const struct slim_adapter *adapter, bool add)
{
    step->kernels->dropout(y, x, count, adapter->dropout, adapter->seed,
                           SLIM_STREAM_DROPOUT + (adapter->place << 8), add);
}

static enum slim_status adapter_input(const float **out, struct slim_step *step,
                                      const struct slim_adapter *adapter,
                                      const float *x, size_t in)
{
    float *dropped = NULL;

    *out = x;
    if (adapter->dropout <= 0.0f)
        return SLIM_OK;
    if (slim_step_part(&dropped, step, &step->layer->side, SIDE_INPUT,
                       step->tokens, in) != SLIM_OK)
        return SLIM_FAILED;
    drop(step, dropped, x, step->tokens * in, adapter, false);
    *out = dropped;
    return SLIM_OK;
}

static void scale_by(float *x, size_t count, float factor)
{
    for (size_t i = 0; i < count; i++)
        x[i] *= factor;
}

/* t[tokens, rank] = scale * a x */
static enum slim_status adapter_rank(float **out, struct slim_step *step,
                                     const struct slim_adapter *adapter,
                                     const float *x, size_t in)
{
    if (slim_step_part(out, step, &step->layer->side, SIDE_RANK, step->tokens,
                       adapter->rank) != SLIM_OK)
        return SLIM_FAILED;
    step->kernels->linear(*out, x, adapter->a, NULL, step->tokens, in,
                          adapter->rank);
    scale_by(*out, step->tokens * adapter->rank, adapter->scale);
    return SLIM_OK;
}

static enum slim_status adapter_forward(struct slim_step *step, float *y,
                                        const float *x,
                                        const struct slim_adapter *adapter,
                                        size_t in, size_t out)
{
    float *rank = NULL, *turned = NULL;

    if (adapter_input(&x, step, adapter, x, in) != SLIM_OK ||
        adapter_rank(&rank, step, adapter, x, in) != SLIM_OK ||
        slim_step_part(&turned, step, &step->layer->side, SIDE_TURNED,
                       adapter->rank, out) != SLIM_OK)
        return SLIM_FAILED;
    for (size_t r = 0; r < adapter->rank; r++)
        for (size_t o = 0; o < out; o++)
            turned[r * out + o] = adapter->b[o * adapter->rank + r];
    step->kernels->matmul(y, rank, turned, step->tokens, adapter->rank, out,
                          true);
    return SLIM_OK;
}

enum slim_status slim_linear_forward(struct slim_step *step, float *y,
                                     const float *x, size_t slot, size_t bias)
{
    struct slim_adapter *adapter = adapter_of(step, slot);
    size_t out = slim_step_rows(step, slot);
    size_t in = slim_step_columns(step, slot);
    struct slim_matrix w;

    if (slim_step_matrix(&w, step, slot, SLIM_WAY_FORWARD) != SLIM_OK)
        return SLIM_FAILED;
    slim_step_multiply(step, y, x, &w, slim_step_weight(step, bias));
    return adapter ? adapter_forward(step, y, x, adapter, in, out) : SLIM_OK;
}

/* dx += mask * (back a) */
static enum slim_status adapter_dx(struct slim_step *step, float *dx,
                                   const float *back,
                                   const struct slim_adapter *adapter,
                                   size_t in)
{
    size_t rank = adapter->rank;
    float *own = NULL;

    if (adapter->dropout <= 0.0f) {
        step->kernels->matmul(dx, back, adapter->a, step->tokens, rank, in,
                              true);
        return SLIM_OK;
    }
    if (slim_step_part(&own, step, &step->layer->side, SIDE_DX, step->tokens,
                       in) != SLIM_OK)
        return SLIM_FAILED;
    step->kernels->matmul(own, back, adapter->a, step->tokens, rank, in, false);
    drop(step, dx, own, step->tokens * in, adapter, true);
    return SLIM_OK;
}

static enum slim_status adapter_backward(struct slim_step *step, float *dx,
                                         const float *dy, const float *x,
                                         struct slim_adapter *adapter,
                                         size_t in, size_t out)
{
    size_t rank = adapter->rank;
    float *low = NULL, *back = NULL;

    if (adapter_input(&x, step, adapter, x, in) != SLIM_OK ||
        adapter_rank(&low, step, adapter, x, in) != SLIM_OK ||
        slim_step_part(&back, step, &step->layer->side, SIDE_BACK, step->tokens,
                       rank) != SLIM_OK)
        return SLIM_FAILED;
    /* back[tokens, rank] = scale * dy b */
    step->kernels->matmul(back, dy, adapter->b, step->tokens, out, rank, false);
    scale_by(back, step->tokens * rank, adapter->scale);
    if (adapter->db)
        step->kernels->linear_grad_w(adapter->db, dy, low, step->tokens, rank,
                                     out, true);
    if (adapter->da)
        step->kernels->linear_grad_w(adapter->da, back, x, step->tokens, in,
                                     rank, true);
    return dx ? adapter_dx(step, dx, back, adapter, in) : SLIM_OK;
}

enum slim_status slim_linear_backward(struct slim_step *step, float *dx,
                                      bool add, const float *dy, const float *x,
                                      size_t slot, size_t bias)
{
    struct slim_adapter *adapter = adapter_of(step, slot);
    size_t out = slim_step_rows(step, slot);
    size_t in = slim_step_columns(step, slot);
    float *dw = slim_step_grad(step, slot), *db = slim_step_grad(step, bias);
    struct slim_matrix w;

    if (slim_step_matrix(&w, step, slot, dx ? SLIM_WAY_BACK : 0) != SLIM_OK)
        return SLIM_FAILED;
    if (dx)
        slim_step_multiply_back(step, dx, dy, &w, add);
    if (dw)
        slim_step_multiply_grad(step, dw, dy, x, out, in);
    if (db)
        step->kernels->bias_grad(db, dy, step->tokens, out, true);
    return adapter ? adapter_backward(step, dx, dy, x, adapter, in, out)
                   : SLIM_OK;
}
