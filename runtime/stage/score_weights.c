/* score_weights.c - importances that look at the weights alone: l1, l2 */
#include "runtime/stage/score.h"

#include "base/progress.h"

#include <math.h>

/* S = |w| */
static void absolute(double *s, const float *w, const float *g, const float *f,
                     size_t count)
{
    (void)g;
    (void)f;
    for (size_t i = 0; i < count; i++)
        s[i] = fabs((double)w[i]);
}

/* S = w^2: no root is taken, as in the reference */
static void square(double *s, const float *w, const float *g, const float *f,
                   size_t count)
{
    (void)g;
    (void)f;
    for (size_t i = 0; i < count; i++)
        s[i] = (double)w[i] * (double)w[i];
}

slim_salience *const slim_weight_salience[] = { absolute, square };

static enum slim_status fold_tensor(struct slim_scoring *scoring,
                                    const struct slim_tensor *tensor,
                                    slim_salience *salience)
{
    const struct slim_shape *shape = scoring->model->shape;
    size_t rows = slim_tensor_size(shape, tensor, 0);
    size_t cols =
        tensor->dims_count > 1 ? slim_tensor_size(shape, tensor, 1) : 1;
    struct slim_buffer *buffer = slim_buffer_new(rows * cols);
    enum slim_status status;

    if (!buffer)
        return slim_scoring_no_memory(scoring);
    status = slim_model_read(buffer->data, scoring->model, tensor,
                             scoring->run->diag);
    if (status == SLIM_OK &&
        !slim_terms_fold(scoring, tensor, buffer->data, NULL, NULL, salience))
        status = slim_scoring_no_memory(scoring);
    slim_buffer_release(buffer);
    return status;
}

static enum slim_status fold_all(struct slim_scoring *scoring,
                                 slim_salience *salience)
{
    const struct slim_arch *arch = scoring->model->shape->arch;

    for (size_t i = 0; i < arch->tensor_count; i++) {
        const struct slim_tensor *tensor = &arch->tensors[i];
        if (!slim_terms_want(scoring, tensor))
            continue;
        if (slim_interrupted())
            return slim_fail(scoring->run->diag, "C130", scoring->op->span,
                             "interrupted while scoring");
        if (fold_tensor(scoring, tensor, salience) != SLIM_OK)
            return SLIM_FAILED;
    }
    return SLIM_OK;
}

enum slim_status slim_importance_l1(struct slim_scoring *scoring)
{
    return fold_all(scoring, slim_weight_salience[0]);
}

enum slim_status slim_importance_l2(struct slim_scoring *scoring)
{
    return fold_all(scoring, slim_weight_salience[1]);
}
