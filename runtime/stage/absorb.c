/* absorb.c - layer norms to rms norms: their parts move into the linears
 *
 * Ashkboos et al. 2024, arXiv:2401.15024, section 3.1: a layer norm is
 * M x / |M x| sqrt(D) diag(g) + b, M = I - 1 1^T / D. What writes the stream takes
 * M, what reads the norm takes g and b, and a plain rms norm stays.
 */
#include "runtime/stage/rotate.h"

#include <stdlib.h>
#include <string.h>

/* A tensor in f64 on its way from one model to another. */
struct values {
    double *data;
    size_t rows, cols;
};

struct absorbing {
    struct slim_model *from, *to;
    struct slim_diag *diag;
};

static bool is_layer_norm(const struct slim_node *node)
{
    return node->kind == SLIM_BLOCK_NORM &&
           (int)node->settings[SLIM_NORM_KIND] == SLIM_NORM_LAYER;
}

bool slim_absorbs(const struct slim_shape *shape)
{
    const struct slim_arch *arch = shape->arch;

    for (size_t i = 0; i < arch->node_count; i++)
        if (is_layer_norm(&arch->nodes[i]))
            return !shape->folded;
    return false;
}

static enum slim_status no_memory(const struct absorbing *work,
                                  const struct slim_tensor *tensor)
{
    return slim_fail(work->diag, "O001", (struct slim_span){ 0 },
                     "out of memory for tensor \"%s\"", tensor->name);
}

/* Zeros where the model has none: a bias that is made here. */
static enum slim_status take(struct values *out, const struct absorbing *work,
                             const struct slim_tensor *tensor)
{
    size_t rows = slim_tensor_size(work->to->shape, tensor, 0);
    size_t cols = tensor->dims_count == 2
                      ? slim_tensor_size(work->to->shape, tensor, 1)
                      : 1;
    float *w = calloc(rows * cols, sizeof(*w));
    enum slim_status status = SLIM_OK;

    *out = (struct values){ calloc(rows * cols, sizeof(double)), rows, cols };
    if (!w || !out->data) {
        free(w);
        return no_memory(work, tensor);
    }
    if (slim_model_has(work->from, tensor))
        status = slim_model_read(w, work->from, tensor, work->diag);
    for (size_t i = 0; status == SLIM_OK && i < rows * cols; i++)
        out->data[i] = (double)w[i];
    free(w);
    return status;
}

/* Rounds once, and frees the values. */
static enum slim_status give(const struct absorbing *work,
                             const struct slim_tensor *tensor,
                             struct values *values)
{
    size_t count = values->rows * values->cols;
    struct slim_buffer *buffer = NULL;
    enum slim_status status = slim_model_room(
        &buffer, work->to, tensor, values->rows, values->cols, work->diag);

    for (size_t i = 0; buffer && i < count; i++)
        buffer->data[i] = (float)values->data[i];
    if (buffer)
        slim_model_give(work->to, tensor, buffer, values->rows, values->cols);
    free(values->data);
    values->data = NULL;
    return status;
}

/* Each of `count` lines of `length` numbers, `stride` apart, less its mean. */
static void center(double *x, size_t count, size_t next, size_t length,
                   size_t stride)
{
    for (size_t i = 0; i < count; i++) {
        double sum = 0.0;
        for (size_t j = 0; j < length; j++)
            sum += x[i * next + j * stride];
        for (size_t j = 0; j < length; j++)
            x[i * next + j * stride] -= sum / (double)length;
    }
}

/* Tables write the stream by their columns, linears and biases by their rows. */
static void center_writer(struct values *values, bool table)
{
    if (table)
        center(values->data, values->rows, values->cols, values->cols, 1);
    else
        center(values->data, values->cols, 1, values->rows, values->cols);
}

/* The slot of a matrix's bias, or NULL: "q_bias" of "q", "bias" of "weight". */
static const struct slim_tensor *bias_of(const struct slim_node *node,
                                         const struct slim_tensor *matrix)
{
    size_t length = strlen(matrix->slot);

    for (size_t i = 0; i < SLIM_SLOTS; i++) {
        const struct slim_tensor *bias = node->slots[i];
        if (!bias || !bias->bias || bias->dims_count != 1)
            continue;
        if (strcmp(bias->slot, "bias") == 0 ||
            (strncmp(bias->slot, matrix->slot, length) == 0 &&
             strcmp(bias->slot + length, "_bias") == 0))
            return bias;
    }
    return NULL;
}

/* b' = b + W b_n, with the old W. */
static enum slim_status shift_bias(const struct absorbing *work,
                                   const struct slim_node *node,
                                   const struct slim_tensor *matrix,
                                   const struct values *w,
                                   const struct values *shift)
{
    const struct slim_tensor *bias = bias_of(node, matrix);
    struct values b = { 0 };

    if (!bias)
        return slim_fail(work->diag, "M211", (struct slim_span){ 0 },
                         "the bias of a layer norm cannot move into \"%s\", "
                         "for which the family has no bias",
                         matrix->name);
    enum slim_status status = take(&b, work, bias);
    for (size_t i = 0; status == SLIM_OK && i < w->rows; i++)
        for (size_t j = 0; j < w->cols; j++)
            b.data[i] += w->data[i * w->cols + j] * shift->data[j];
    return status == SLIM_OK ? give(work, bias, &b) : (free(b.data), status);
}

/* W' = W diag(g) for what reads a norm. */
static enum slim_status read_norm(const struct absorbing *work,
                                  const struct slim_node *node,
                                  const struct slim_tensor *matrix,
                                  const struct slim_node *norm)
{
    const struct slim_tensor *bias = norm->slots[SLIM_NORM_BIAS];
    struct values w = { 0 }, shift = { 0 };
    float *gain = slim_norm_gain(work->from, norm, work->diag);
    enum slim_status status = gain ? take(&w, work, matrix) : SLIM_FAILED;

    if (status == SLIM_OK && bias) {
        status = take(&shift, work, bias);
        if (status == SLIM_OK)
            status = shift_bias(work, node, matrix, &w, &shift);
    }
    for (size_t i = 0; status == SLIM_OK && i < w.rows * w.cols; i++)
        w.data[i] *= (double)gain[i % w.cols];
    if (status == SLIM_OK)
        status = give(work, matrix, &w);
    free(gain);
    free(shift.data);
    free(w.data);
    return status;
}

static enum slim_status write_stream(const struct absorbing *work,
                                     const struct slim_tensor *tensor,
                                     bool table)
{
    struct values w = { 0 };
    enum slim_status status = take(&w, work, tensor);

    if (status == SLIM_OK) {
        center_writer(&w, table);
        return give(work, tensor, &w);
    }
    free(w.data);
    return status;
}

static enum slim_status absorb_node(const struct absorbing *work,
                                    const struct slim_node *node)
{
    const struct slim_node *norm =
        slim_feeding_norm(work->from->shape->arch, node);
    bool table = node->kind == SLIM_BLOCK_EMBEDDING;

    if (node->kind == SLIM_BLOCK_NORM || node->kind == SLIM_BLOCK_ADD)
        return SLIM_OK;
    for (size_t i = 0; i < SLIM_SLOTS; i++) {
        const struct slim_tensor *tensor = node->slots[i];
        enum slim_status status = SLIM_OK;

        if (!tensor || !slim_tensor_stored(work->to->shape, tensor))
            continue;
        if (table || slim_on_stream(work->from, tensor, 0))
            status = write_stream(work, tensor, table);
        else if (norm && slim_on_stream(work->from, tensor, 1))
            status = read_norm(work, node, tensor, norm);
        if (status != SLIM_OK)
            return status;
    }
    return SLIM_OK;
}

/* What folding makes of the shape of a model with layer norms. */
void slim_absorb_shape(struct slim_shape *shape)
{
    shape->untied = shape->arch->tied;
    shape->folded = true;
    if (!shape->divisor)
        shape->divisor = shape->sites[0];
}

enum slim_status slim_absorb_norms(struct slim_model **out,
                                   struct slim_model *model,
                                   struct slim_diag *diag)
{
    const struct slim_arch *arch = model->shape->arch;
    struct absorbing work = { model, slim_model_copy(model), diag };

    *out = work.to;
    if (!work.to)
        return slim_fail(diag, "O001", (struct slim_span){ 0 },
                         "out of memory for the table of tensors");
    if (!slim_absorbs(model->shape))
        return SLIM_OK;
    struct slim_shape *shape = slim_shape_copy(model->shape, diag->arena);
    slim_absorb_shape(shape);
    work.to->shape = shape;
    for (size_t i = 0; i < arch->node_count; i++)
        if (absorb_node(&work, &arch->nodes[i]) != SLIM_OK) {
            slim_model_free(work.to);
            *out = NULL;
            return SLIM_FAILED;
        }
    return SLIM_OK;
}
