/* block_embedding.c - ids to rows of a table, learned positions added */
#include "runtime/model/layer.h"

#include <stdlib.h>

static size_t embedding_width(const struct slim_step *step)
{
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

static enum slim_status embedding_forward(struct slim_step *step)
{
    size_t count = step->tokens * step->width_out;
    float scale = embedding_scale(step), *added = NULL;
    int32_t *rows = NULL;

    if (ids_check(step) != SLIM_OK ||
        slim_step_embed(step->y, step, SLIM_EMBEDDING_WEIGHT,
                        step->batch->ids) != SLIM_OK)
        return SLIM_FAILED;
    for (size_t i = 0; scale != 1.0f && i < count; i++)
        step->y[i] *= scale;
    if (!slim_step_weight(step, SLIM_EMBEDDING_POSITIONS))
        return SLIM_OK;
    if (slim_step_part(&added, step, &step->layer->work, 0, step->tokens,
                       step->width_out) != SLIM_OK ||
        position_rows(&rows, step) != SLIM_OK)
        return SLIM_FAILED;
    enum slim_status status =
        slim_step_embed(added, step, SLIM_EMBEDDING_POSITIONS, rows);
    if (status == SLIM_OK)
        slim_add(step->y, added, count);
    free(rows);
    return status;
}

static enum slim_status embedding_backward(struct slim_step *step)
{
    float *table = slim_step_grad(step, SLIM_EMBEDDING_WEIGHT);
    float *positions = slim_step_grad(step, SLIM_EMBEDDING_POSITIONS);
    float scale = embedding_scale(step), *scaled = NULL;
    size_t count = step->tokens * step->width_out;
    const float *dy = step->dy;
    int32_t *rows = NULL;

    if (positions) {
        if (position_rows(&rows, step) != SLIM_OK)
            return SLIM_FAILED;
        step->kernels->embed_grad(positions, dy, rows, step->tokens,
                                  step->width_out);
        free(rows);
    }
    if (table && scale != 1.0f) {
        if (slim_step_part(&scaled, step, &step->layer->work, 0, step->tokens,
                           step->width_out) != SLIM_OK)
            return SLIM_FAILED;
        for (size_t i = 0; i < count; i++)
            scaled[i] = dy[i] * scale;
        dy = scaled;
    }
    if (table)
        step->kernels->embed_grad(table, dy, step->batch->ids, step->tokens,
                                  step->width_out);
    return SLIM_OK;
}

const struct slim_block_code slim_block_embedding_code = {
    .width = embedding_width,
    .forward = embedding_forward,
    .backward = embedding_backward,
};
