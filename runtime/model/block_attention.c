/* block_attention.c - causal attention over grouped heads, rotary or not */
#include "runtime/model/layer.h"

#include <math.h>
#include <string.h>

/* What the backward reads. */
enum { ATTENTION_Q, ATTENTION_K, ATTENTION_V, ATTENTION_O, ATTENTION_LSE };
/* What lives inside one call. */
enum { WORK_FUSED, WORK_Q, WORK_K, WORK_V, WORK_O };

/* The heads of a layer, as the kernels want them. */
struct heads {
    struct slim_attention_shape shape;
    size_t axis;   /* of key/value heads */
    size_t q, kv;  /* columns of q, and of k and v */
    size_t rotary; /* dimensions of a head that rotate; 0: none */
    bool pairs;
};

static size_t attention_width(const struct slim_step *step)
{
    return slim_step_rows(step, SLIM_ATTENTION_O);
}

/* q, k, v, the heads' outputs and the denominators. */
static size_t attention_kept(const struct slim_step *step)
{
    struct slim_heads count = slim_node_heads(step->layer->shape, step->node);
    size_t heads = count.kv * count.rep;

    return 2 * heads * count.dim + 2 * count.kv * count.dim + heads;
}

static void position_find(struct heads *out, const struct slim_step *step)
{
    const double *settings = step->node->settings;
    int position = (int)settings[SLIM_ATTENTION_POSITION];
    size_t rotary = (size_t)settings[SLIM_ATTENTION_ROTARY_DIM];
    bool turns = position == SLIM_POSITION_ROPE_HALF ||
                 position == SLIM_POSITION_ROPE_PAIRS ||
                 position == SLIM_POSITION_ROPE_GRID;

    out->pairs = position == SLIM_POSITION_ROPE_PAIRS;
    out->rotary = !turns ? 0 : rotary > 0 ? rotary : out->shape.dim;
    if (position == SLIM_POSITION_ROPE_GRID)
        out->rotary /= 2; /* of each half of a head */
}

static void heads_find(struct heads *out, const struct slim_step *step)
{
    const double *settings = step->node->settings;
    struct slim_heads count = slim_node_heads(step->layer->shape, step->node);
    double scale = settings[SLIM_ATTENTION_SCALE];
    size_t window = (size_t)settings[SLIM_ATTENTION_WINDOW];

    *out = (struct heads){
        .shape = { .sequences = step->batch->sequences,
                   .starts = step->batch->starts,
                   .heads = count.kv * count.rep,
                   .kv_heads = count.kv,
                   .dim = count.dim,
                   .window = window,
                   .scale =
                       (float)(scale > 0.0 ? scale
                                           : 1.0 / sqrt((double)count.dim)),
                   .slopes = slim_step_weight(step, SLIM_ATTENTION_SLOPES),
                   .prefix = slim_prefix_ends(step) },
        .axis = count.axis,
        .q = count.kv * count.rep * count.dim,
        .kv = count.kv * count.dim,
    };
    position_find(out, step);
}

static void rotate(const struct slim_step *step, const struct heads *heads,
                   float *q, float *k, bool inverse)
{
    if (heads->rotary == 0)
        return;
    slim_angles_turn(step, q, heads->shape.heads, heads->shape.dim,
                     heads->pairs, inverse);
    slim_angles_turn(step, k, heads->shape.kv_heads, heads->shape.dim,
                     heads->pairs, inverse);
}

static bool attention_fused(const struct slim_step *step)
{
    return step->node->slots[SLIM_ATTENTION_QKV] != NULL;
}

static enum slim_status qkv_slices(struct slim_slice slices[3],
                                   const struct slim_step *step,
                                   const struct heads *heads)
{
    static const char *const labels[3] = { "q", "k", "v" };

    for (size_t i = 0; i < 3; i++)
        if (slim_slice_find(&slices[i], step, SLIM_ATTENTION_QKV, labels[i],
                            heads->axis) != SLIM_OK)
            return SLIM_FAILED;
    return SLIM_OK;
}

static enum slim_status fused_forward(struct slim_step *step,
                                      const struct heads *heads,
                                      float *const parts[3])
{
    size_t width = slim_step_rows(step, SLIM_ATTENTION_QKV);
    struct slim_slice slices[3];
    float *fused = NULL;

    if (qkv_slices(slices, step, heads) != SLIM_OK ||
        slim_step_part(&fused, step, &step->layer->work, WORK_FUSED,
                       step->tokens, width) != SLIM_OK ||
        slim_linear_forward(step, fused, step->x[0], SLIM_ATTENTION_QKV,
                            SLIM_ATTENTION_QKV_BIAS) != SLIM_OK)
        return SLIM_FAILED;
    for (size_t i = 0; i < 3; i++)
        slim_slice_take(parts[i], fused, &slices[i], step->tokens, width);
    return SLIM_OK;
}

static enum slim_status fused_backward(struct slim_step *step,
                                       const struct heads *heads,
                                       float *const parts[3])
{
    size_t width = slim_step_rows(step, SLIM_ATTENTION_QKV);
    struct slim_slice slices[3];
    float *fused = NULL;

    if (qkv_slices(slices, step, heads) != SLIM_OK ||
        slim_step_part(&fused, step, &step->layer->work, WORK_FUSED,
                       step->tokens, width) != SLIM_OK)
        return SLIM_FAILED;
    for (size_t i = 0; i < 3; i++)
        slim_slice_put(fused, parts[i], &slices[i], step->tokens, width);
    return slim_linear_backward(step, step->dx[0], step->add[0], fused,
                                step->x[0], SLIM_ATTENTION_QKV,
                                SLIM_ATTENTION_QKV_BIAS);
}

/* q, k, v and the heads' outputs, and where it is fused their projection. */
static size_t attention_works(const struct slim_step *step)
{
    struct slim_heads count = slim_node_heads(step->layer->shape, step->node);
    size_t fused =
        attention_fused(step) ? slim_step_rows(step, SLIM_ATTENTION_QKV) : 0;

    return fused + 2 * count.kv * count.rep * count.dim +
           2 * count.kv * count.dim;
}

static const size_t slots[3] = { SLIM_ATTENTION_Q, SLIM_ATTENTION_K,
                                 SLIM_ATTENTION_V };
static const size_t biases[3] = { SLIM_ATTENTION_Q_BIAS, SLIM_ATTENTION_K_BIAS,
                                  SLIM_ATTENTION_V_BIAS };

/* q, k, v [tokens, ..] of a record, rows wide as the heads say. */
static enum slim_status qkv_parts(float *parts[3], struct slim_step *step,
                                  struct slim_record *record, size_t first,
                                  const struct heads *heads)
{
    for (size_t i = 0; i < 3; i++)
        if (slim_step_part(&parts[i], step, record, first + i, step->tokens,
                           i == 0 ? heads->q : heads->kv) != SLIM_OK)
            return SLIM_FAILED;
    return SLIM_OK;
}

static enum slim_status attention_project(struct slim_step *step,
                                          const struct heads *heads,
                                          float *const parts[3])
{
    if (attention_fused(step))
        return fused_forward(step, heads, parts);
    for (size_t i = 0; i < 3; i++)
        if (slim_linear_forward(step, parts[i], step->x[0], slots[i],
                                biases[i]) != SLIM_OK)
            return SLIM_FAILED;
    return SLIM_OK;
}

/* The new tokens join those of the cache, and attend to all of them; the first
 * ones are a sequence like any other. */
static void attend_cached(struct slim_step *step, const struct heads *heads,
                          float *o, float *const parts[3])
{
    struct slim_cache *cache = step->layer->cache;
    size_t node =
        (size_t)(step->node - step->layer->arch->nodes) - step->layer->first;
    float *keys = cache->keys[node].data, *values = cache->values[node].data;
    size_t at = cache->past * heads->kv, count = step->tokens * heads->kv;

    memcpy(keys + at, parts[1], count * sizeof(*keys));
    memcpy(values + at, parts[2], count * sizeof(*values));
    if (cache->past == 0)
        step->kernels->attention(o, NULL, parts[0], parts[1], parts[2],
                                 &heads->shape);
    else
        step->kernels->attention_step(o, parts[0], keys, values, step->tokens,
                                      cache->past + step->tokens,
                                      &heads->shape);
}

static enum slim_status attention_forward(struct slim_step *step)
{
    float *parts[3] = { NULL }, *o = NULL, *lse = NULL;
    struct heads heads;

    if (slim_prefix_fit(step) != SLIM_OK)
        return SLIM_FAILED;
    heads_find(&heads, step);
    if (slim_angles_fit(step, heads.rotary) != SLIM_OK ||
        qkv_parts(parts, step, step->record, ATTENTION_Q, &heads) != SLIM_OK ||
        slim_step_part(&o, step, step->record, ATTENTION_O, step->tokens,
                       heads.q) != SLIM_OK ||
        slim_step_part(&lse, step, step->record, ATTENTION_LSE, step->tokens,
                       heads.shape.heads) != SLIM_OK ||
        attention_project(step, &heads, parts) != SLIM_OK)
        return SLIM_FAILED;
    rotate(step, &heads, parts[0], parts[1], false);
    if (step->layer->cache)
        attend_cached(step, &heads, o, parts);
    else
        step->kernels->attention(o, lse, parts[0], parts[1], parts[2],
                                 &heads.shape);
    slim_step_hidden(step, o, heads.q);
    return slim_linear_forward(step, step->y, o, SLIM_ATTENTION_O,
                               SLIM_ATTENTION_O_BIAS);
}

static enum slim_status attention_unproject(struct slim_step *step,
                                            const struct heads *heads,
                                            float *const parts[3])
{
    if (attention_fused(step))
        return fused_backward(step, heads, parts);
    for (size_t i = 0; i < 3; i++)
        if (slim_linear_backward(step, step->dx[0], step->add[0] || i > 0,
                                 parts[i], step->x[0], slots[i],
                                 biases[i]) != SLIM_OK)
            return SLIM_FAILED;
    return SLIM_OK;
}

static enum slim_status attention_backward(struct slim_step *step)
{
    const struct slim_floats *kept = step->record->parts;
    struct slim_record *work = &step->layer->work;
    float *parts[3] = { NULL }, *d_o = NULL;
    struct heads heads;

    if (slim_prefix_fit(step) != SLIM_OK)
        return SLIM_FAILED;
    heads_find(&heads, step);
    if (slim_angles_fit(step, heads.rotary) != SLIM_OK ||
        qkv_parts(parts, step, work, WORK_Q, &heads) != SLIM_OK ||
        slim_step_part(&d_o, step, work, WORK_O, step->tokens, heads.q) !=
            SLIM_OK ||
        slim_linear_backward(step, d_o, false, step->dy, kept[ATTENTION_O].data,
                             SLIM_ATTENTION_O,
                             SLIM_ATTENTION_O_BIAS) != SLIM_OK)
        return SLIM_FAILED;
    step->kernels->attention_grad(
        parts[0], parts[1], parts[2], d_o, kept[ATTENTION_Q].data,
        kept[ATTENTION_K].data, kept[ATTENTION_V].data, kept[ATTENTION_O].data,
        kept[ATTENTION_LSE].data, &heads.shape);
    rotate(step, &heads, parts[0], parts[1], true);
    return attention_unproject(step, &heads, parts);
}

const struct slim_block_code slim_block_attention_code = {
    .width = attention_width,
    .kept = attention_kept,
    .works = attention_works,
    .forward = attention_forward,
    .backward = attention_backward,
};
