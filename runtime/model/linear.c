/* linear.c - y = x w^T + bias, with the adapter that a training may have put on
 * it: y += scale * b (a (dropout x)) */
#include "runtime/model/layer.h"

#include "base/random.h"

static struct slim_adapter *adapter_of(const struct slim_step *step,
                                       size_t slot)
{
    const struct slim_tensor *tensor = step->node->slots[slot];

    return step->adapters && tensor ? step->adapters[tensor->index] : NULL;
}

/* In a training the backward makes the mask of the forward again. */
static struct slim_lora lora_of(const struct slim_adapter *adapter, size_t in,
                                size_t out)
{
    return (struct slim_lora){
        .a = adapter->a,
        .b = adapter->b,
        .in = in,
        .out = out,
        .rank = adapter->rank,
        .scale = adapter->scale,
        .dropout = adapter->dropout,
        .seed = adapter->seed,
        .stream = SLIM_STREAM_DROPOUT + (adapter->place << 8),
    };
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
    if (adapter) {
        struct slim_lora lora = lora_of(adapter, in, out);

        step->kernels->lora(y, x, step->tokens, &lora);
    }
    return SLIM_OK;
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
    if (adapter) {
        struct slim_lora lora = lora_of(adapter, in, out);

        step->kernels->lora_grad(dx, adapter->da, adapter->db, dy, x,
                                 step->tokens, &lora);
    }
    return SLIM_OK;
}
