/* block_embedding.c - ids to rows of a table, projected where they are narrower
 * than the stream, learned positions added */
#include "runtime/model/layer.h"

#include <stdlib.h>
#include <string.h>

static size_t embedding_width(const struct slim_step *step)
{
    if (step->node->slots[SLIM_EMBEDDING_PROJECT])
        return slim_step_rows(step, SLIM_EMBEDDING_PROJECT);
    return slim_step_columns(step, SLIM_EMBEDDING_WEIGHT);
}

static enum slim_status ids_check(const struct slim_step *step)
{
    size_t vocab = slim_step_rows(step, SLIM_EMBEDDING_WEIGHT);

    for (size_t t = 0; t < step->tokens; t++) {
        int32_t id = step->batch->ids[t];
        if (id < 0 || (size_t)id >= vocab)
            return slim_fail(step->diag, "R123", (struct slim_span){ 0 },
                             "token id %ld is outside the vocabulary of %zu",
                             (long)id, vocab);
    }
    return SLIM_OK;
}

/* Rows of the position table; the caller frees them. */
static enum slim_status position_rows(int32_t **out,
                                      const struct slim_step *step)
{
    size_t room = slim_step_rows(step, SLIM_EMBEDDING_POSITIONS);
    int32_t offset = (int32_t)step->node->settings[SLIM_EMBEDDING_OFFSET];
    int32_t *rows = malloc(step->tokens * sizeof(*rows));

    if (!rows)
        return slim_fail(step->diag, "O101", (struct slim_span){ 0 },
                         "out of memory: the positions of %zu tokens",
                         step->tokens);
    for (size_t t = 0; t < step->tokens; t++) {
        rows[t] = step->layer->positions[t] + offset;
        if ((size_t)rows[t] < room)
            continue;
        free(rows);
        return slim_fail(step->diag, "R124", (struct slim_span){ 0 },
                         "position %ld is outside the table of %zu positions",
                         (long)step->layer->positions[t], room);
    }
    *out = rows;
    return SLIM_OK;
}

static float embedding_scale(const struct slim_step *step)
{
    return (float)step->node->settings[SLIM_EMBEDDING_SCALE];
}

/* Buffers of layer->work. */
enum { WORK_ADDED, WORK_NARROW, WORK_BACK };

static bool projects(const struct slim_step *step)
{
    return step->node->slots[SLIM_EMBEDDING_PROJECT] != NULL;
}

static void scale_by(float *x, size_t count, float scale)
{
    for (size_t i = 0; scale != 1.0f && i < count; i++)
        x[i] *= scale;
}

/* The rows of the table, scaled: [tokens, columns of the table]. */
static enum slim_status take_rows(float *out, struct slim_step *step)
{
    size_t width = slim_step_columns(step, SLIM_EMBEDDING_WEIGHT);

    if (slim_step_embed(out, step, SLIM_EMBEDDING_WEIGHT, step->batch->ids) !=
        SLIM_OK)
        return SLIM_FAILED;
    scale_by(out, step->tokens * width, embedding_scale(step));
    return SLIM_OK;
}

/* The rows before they are projected, which the backward takes again. */
static enum slim_status narrow_rows(float **out, struct slim_step *step)
{
    if (slim_step_part(out, step, &step->layer->work, WORK_NARROW, step->tokens,
                       slim_step_columns(step, SLIM_EMBEDDING_WEIGHT)) !=
        SLIM_OK)
        return SLIM_FAILED;
    return take_rows(*out, step);
}

static enum slim_status add_positions(struct slim_step *step)
{
    float *added = NULL;
    int32_t *rows = NULL;

    if (!slim_step_weight(step, SLIM_EMBEDDING_POSITIONS))
        return SLIM_OK;
    if (slim_step_part(&added, step, &step->layer->work, WORK_ADDED,
                       step->tokens, step->width_out) != SLIM_OK ||
        position_rows(&rows, step) != SLIM_OK)
        return SLIM_FAILED;
    enum slim_status status =
        slim_step_embed(added, step, SLIM_EMBEDDING_POSITIONS, rows);
    if (status == SLIM_OK)
        slim_add(step->y, added, step->tokens * step->width_out);
    free(rows);
    return status;
}

static enum slim_status embedding_forward(struct slim_step *step)
{
    float *narrow = NULL;

    if (ids_check(step) != SLIM_OK)
        return SLIM_FAILED;
    enum slim_status status =
        projects(step) ? narrow_rows(&narrow, step) : take_rows(step->y, step);
    if (status == SLIM_OK && narrow)
        status = slim_linear_forward(step, step->y, narrow,
                                     SLIM_EMBEDDING_PROJECT, SLIM_NO_SLOT);
    return status == SLIM_OK ? add_positions(step) : status;
}

static enum slim_status positions_backward(struct slim_step *step)
{
    float *positions = slim_step_grad(step, SLIM_EMBEDDING_POSITIONS);
    int32_t *rows = NULL;

    if (!positions)
        return SLIM_OK;
    if (position_rows(&rows, step) != SLIM_OK)
        return SLIM_FAILED;
    step->kernels->embed_grad(positions, step->dy, rows, step->tokens,
                              step->width_out);
    free(rows);
    return SLIM_OK;
}

/* The gradient of the rows, before they are scaled, from that of the output. */
static enum slim_status rows_backward(float **out, struct slim_step *step)
{
    size_t width = slim_step_columns(step, SLIM_EMBEDDING_WEIGHT);
    float *narrow = NULL;

    if (slim_step_part(out, step, &step->layer->work, WORK_BACK, step->tokens,
                       width) != SLIM_OK)
        return SLIM_FAILED;
    if (!projects(step))
        memcpy(*out, step->dy, step->tokens * width * sizeof(**out));
    else if (narrow_rows(&narrow, step) != SLIM_OK ||
             slim_linear_backward(step, *out, false, step->dy, narrow,
                                  SLIM_EMBEDDING_PROJECT,
                                  SLIM_NO_SLOT) != SLIM_OK)
        return SLIM_FAILED;
    scale_by(*out, step->tokens * width, embedding_scale(step));
    return SLIM_OK;
}

static enum slim_status embedding_backward(struct slim_step *step)
{
    float *table = slim_step_grad(step, SLIM_EMBEDDING_WEIGHT), *rows = NULL;

    if (positions_backward(step) != SLIM_OK)
        return SLIM_FAILED;
    if (!table && !projects(step))
        return SLIM_OK;
    if (rows_backward(&rows, step) != SLIM_OK)
        return SLIM_FAILED;
    if (table)
        step->kernels->embed_grad(
            table, rows, step->batch->ids, step->tokens,
            slim_step_columns(step, SLIM_EMBEDDING_WEIGHT));
    return SLIM_OK;
}

const struct slim_block_code slim_block_embedding_code = {
    .width = embedding_width,
    .forward = embedding_forward,
    .backward = embedding_backward,
};
