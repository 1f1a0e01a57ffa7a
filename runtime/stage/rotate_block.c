/* rotate_block.c - a basis of its own for every site of the stream (SliceGPT)
 *
 * Ashkboos et al. 2024, arXiv:2401.15024, interleaved as in the reference: the
 * basis of a site is chosen on signals that already carry the error of every
 * slice before it. The sliced model is run as the dense one with the projector
 * P = Q_d Q_d^T applied to the stream at each site, which gives the same
 * function: RMSN divides by the original width, so |x P| = |x Q_d|, and
 * (W Q_d)(Q_d^T x) = W P x. One pass over a layer is enough, and no block kind
 * needs to know about slicing.
 */
#include "runtime/stage/walk.h"

#include "base/trace.h"
#include "runtime/kernel/parallel.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

static enum slim_status no_memory(const struct slim_walk *walk)
{
    return slim_fail(walk->run->diag, "O001", walk->op->span,
                     "out of memory for %zu tokens of width %zu",
                     walk->stream.tokens, walk->stream.width);
}

/* What the norms add: the first one's, for the sum over a site's vectors. */
static float first_eps(const struct slim_shape *shape)
{
    const struct slim_arch *arch = shape->arch;

    for (size_t i = 0; i < arch->node_count; i++)
        if (arch->nodes[i].kind == SLIM_BLOCK_NORM)
            return (float)slim_shape_eps(shape, &arch->nodes[i]);
    return 0.0f;
}

static void add_to_gram(struct slim_walk *walk, const float *x, size_t count)
{
    const struct slim_kernels *kernels = walk->run->kernels;
    size_t width = walk->stream.width;

    if (walk->normed) {
        kernels->rms_norm(walk->normed, NULL, x, NULL, count, width, width,
                          first_eps(walk->from->shape), 0.0f);
        x = walk->normed;
    }
    kernels->gram(walk->gram, x, count, width);
}

/* Runs the loaded nodes, if any are, on one group in place and adds to the Gram
 * matrix. */
static enum slim_status visit_group(void *context,
                                    const struct slim_batch *batch,
                                    size_t first, size_t count)
{
    struct slim_walk *walk = context;
    struct slim_run *run = walk->run;
    float *x = walk->stream.x + first * walk->stream.width;

    if (!walk->still &&
        slim_layer_forward(x, walk->layer, x, batch, NULL, NULL, NULL,
                           run->kernels, run->diag) != SLIM_OK)
        return SLIM_FAILED;
    add_to_gram(walk, x, count);
    walk->done += (double)count;
    slim_progress_step(&run->progress, walk->done / walk->work, NULL);
    return SLIM_OK;
}

/* Columns first .. first + count - 1 of q[width, width], as rows in f32. */
static void columns_turned(float *out, const double *q, size_t width,
                           size_t first, size_t count)
{
    for (size_t i = 0; i < count; i++)
        for (size_t j = 0; j < width; j++)
            out[i * width + j] = (float)q[j * width + first + i];
}

/*
 * x <- x P for every token, P = Q_d Q_d^T with the first `kept` columns of
 * q[width, width]. With those that are dropped, P = I - Q_c Q_c^T: whichever
 * are fewer are multiplied with, and a slice drops few.
 */
static enum slim_status project(struct slim_walk *walk, const double *q,
                                size_t kept)
{
    const struct slim_kernels *kernels = walk->run->kernels;
    size_t width = walk->stream.width;
    bool away = width - kept < kept;
    size_t count = away ? width - kept : kept;

    if (count == 0)
        return SLIM_OK;
    float *turned = malloc(count * width * sizeof(*turned));
    float *part = malloc(SLIM_GROUP_TOKENS * count * sizeof(*part));
    if (!turned || !part) {
        free(turned);
        free(part);
        return no_memory(walk);
    }
    columns_turned(turned, q, width, away ? kept : 0, count);
    for (size_t t = 0; t < walk->stream.tokens; t += SLIM_GROUP_TOKENS) {
        size_t left = walk->stream.tokens - t;
        size_t rows = left < SLIM_GROUP_TOKENS ? left : SLIM_GROUP_TOKENS;
        float *x = walk->stream.x + t * width;

        kernels->linear(part, x, turned, NULL, rows, width, count);
        if (away)
            kernels->combine(part, -1.0f, part, NULL, rows * count);
        kernels->matmul(x, part, turned, rows, count, width, away);
    }
    free(turned);
    free(part);
    return SLIM_OK;
}

/* Share of the trace that the first `kept` eigenvalues hold. */
static double share(const double *values, size_t width, size_t kept)
{
    double inside = 0.0, all = 0.0;

    for (size_t i = 0; i < width; i++) {
        all += values[i];
        if (i < kept)
            inside += values[i];
    }
    return all > 0.0 ? inside / all : 1.0;
}

static enum slim_status turn_node(struct slim_walk *walk,
                                  const struct slim_node *node, unsigned which,
                                  const struct slim_basis *out)
{
    const struct slim_node *norm =
        slim_feeding_norm(walk->from->shape->arch, node);
    float *gain =
        norm ? slim_norm_gain(walk->from, norm, walk->run->diag) : NULL;

    if (norm && !gain)
        return SLIM_FAILED;
    enum slim_status status =
        slim_rotate_node(walk->to, walk->from, node, which, &walk->here, out,
                         gain, walk->run->diag);
    free(gain);
    return status;
}

/* Nodes first..last, of which the last adds to the stream at `site`. What they
 * read with is turned by the basis that there is, while the next is found. */
struct segment {
    struct slim_walk *walk;
    size_t first, last, site;
    bool solved;
    enum slim_status turned;
};

static void solve(void *context)
{
    struct segment *s = context;

    s->solved = slim_eigh(s->walk->gram, s->walk->rotation->values[s->site],
                          s->walk->stream.width);
}

static enum slim_status turn(const struct segment *s, unsigned which,
                             const struct slim_basis *out)
{
    const struct slim_node *nodes = s->walk->from->shape->arch->nodes;

    for (size_t i = s->first; i <= s->last; i++)
        if (turn_node(s->walk, &nodes[i], which, out) != SLIM_OK)
            return SLIM_FAILED;
    return SLIM_OK;
}

static void turn_readers(void *context)
{
    struct segment *s = context;

    s->turned = turn(s, SLIM_ROTATE_READERS, NULL);
}

/* The site's basis from its eigenvectors, which the Gram matrix holds now; the
 * stream is cut to it. */
static enum slim_status choose(struct slim_basis *next, const struct segment *s)
{
    struct slim_walk *walk = s->walk;
    size_t width = walk->stream.width, kept = walk->shape->sites[s->site];

    if (slim_basis_pca(next, s->solved ? walk->gram : NULL, width, kept,
                       walk->op, s->site, walk->run->diag) != SLIM_OK)
        return SLIM_FAILED;
    walk->rotation->kept[s->site] =
        share(walk->rotation->values[s->site], width, kept);
    return project(walk, walk->gram, kept);
}

/* S = Q_here^T Q_next, [kept here, kept next]: takes the stream from one basis
 * to the next. */
static enum slim_status set_shortcut(struct slim_walk *walk,
                                     const struct slim_node *add,
                                     const struct slim_basis *next)
{
    size_t rows = walk->here.kept, cols = next->kept;
    double *product = malloc(rows * cols * sizeof(*product));
    struct slim_buffer *buffer = NULL;

    if (!product)
        return no_memory(walk);
    if (slim_model_room(&buffer, walk->to, add->slots[SLIM_ADD_SHORTCUT], rows,
                        cols, walk->run->diag) != SLIM_OK) {
        free(product);
        return SLIM_FAILED;
    }
    slim_gemm_f64(product, walk->here.q, next->q, rows, next->width, cols, true,
                  false);
    for (size_t i = 0; i < rows * cols; i++)
        buffer->data[i] = (float)product[i];
    free(product);
    slim_model_give(walk->to, add->slots[SLIM_ADD_SHORTCUT], buffer, rows,
                    cols);
    return SLIM_OK;
}

/* The stream after nodes first..last. Where they end a layer of the model as it
 * is, that is what is kept of it. */
static enum slim_status flow(struct slim_walk *walk, long layer, size_t first,
                             size_t last)
{
    const struct slim_arch *arch = walk->from->shape->arch;
    size_t count = walk->stream.tokens * walk->stream.width;
    bool ends = walk->dense && last + 1 == arch->layer_first[layer + 1];

    slim_layer_limit(walk->layer, first, last + 1);
    walk->still =
        ends && slim_activations_find(&walk->activations, layer, count);
    if (walk->still)
        slim_activations_take(&walk->activations, walk->stream.x, count);
    bool keeps = ends && !walk->still;
    enum slim_status status =
        slim_for_groups(walk->run, walk->tokens, visit_group, walk, walk->op);
    walk->still = false;
    if (status == SLIM_OK && keeps)
        slim_activations_keep(&walk->activations, layer, walk->stream.x, count);
    return status;
}

/* From the Gram matrix to the basis, with what can be done meanwhile. */
static enum slim_status find_basis(struct slim_basis *next, struct segment *s)
{
    size_t width = s->walk->stream.width;

    slim_trace_begin("kernel", "eigenvectors of %zu x %zu", width, width);
    slim_beside(solve, turn_readers, s);
    slim_trace_end();
    return s->turned == SLIM_OK ? choose(next, s) : SLIM_FAILED;
}

static enum slim_status walk_segment(struct slim_walk *walk, long layer,
                                     size_t first, size_t last)
{
    const struct slim_node *add = &walk->from->shape->arch->nodes[last];
    struct segment s = { walk, first, last, add->site_out, false, SLIM_OK };
    size_t width = walk->stream.width;
    struct slim_basis next = { 0 };

    memset(walk->gram, 0, width * width * sizeof(*walk->gram));
    enum slim_status status = flow(walk, layer, first, last);
    if (status == SLIM_OK)
        status = find_basis(&next, &s);
    if (status == SLIM_OK)
        status = turn(&s, SLIM_ROTATE_WRITERS, &next);
    if (status == SLIM_OK)
        status = set_shortcut(walk, add, &next);
    slim_basis_free(&walk->here);
    walk->here = next;
    return status;
}

static bool adds_to_stream(const struct slim_node *node)
{
    return node->kind == SLIM_BLOCK_ADD && node->output == 0;
}

static enum slim_status walk_layer(struct slim_walk *walk, size_t layer)
{
    const struct slim_arch *arch = walk->from->shape->arch;
    size_t first = arch->layer_first[layer];

    if (slim_layer_load(walk->layer, walk->from, (long)layer,
                        walk->run->diag) != SLIM_OK)
        return SLIM_FAILED;
    for (size_t i = first; i < arch->layer_first[layer + 1]; i++)
        if (adds_to_stream(&arch->nodes[i])) {
            if (walk_segment(walk, (long)layer, first, i) != SLIM_OK)
                return SLIM_FAILED;
            first = i + 1;
        }
    return SLIM_OK;
}

/* Gives the model embeddings of its own, centered. */
static enum slim_status center_tables(struct slim_model *model,
                                      struct slim_diag *diag)
{
    const struct slim_arch *arch = model->shape->arch;

    for (size_t i = 0; i < arch->layer_first[0]; i++) {
        const struct slim_node *node = &arch->nodes[i];
        if (node->kind != SLIM_BLOCK_EMBEDDING)
            continue;
        const struct slim_tensor *table = node->slots[SLIM_EMBEDDING_WEIGHT];
        size_t rows = slim_tensor_size(model->shape, table, 0);
        size_t width = slim_tensor_size(model->shape, table, 1);
        struct slim_buffer *buffer = NULL;
        if (slim_model_room(&buffer, model, table, rows, width, diag) !=
            SLIM_OK)
            return SLIM_FAILED;
        if (slim_model_read(buffer->data, model, table, diag) != SLIM_OK) {
            slim_buffer_release(buffer);
            return SLIM_FAILED;
        }
        slim_kernels_ref.center(buffer->data, buffer->data, rows, width, false);
        slim_model_give(model, table, buffer, rows, width);
    }
    return SLIM_OK;
}

static enum slim_status walk_embedding(struct slim_walk *walk,
                                       struct slim_model *from)
{
    const struct slim_arch *arch = from->shape->arch;
    struct segment s = { .walk = walk, .first = 1 }; /* nobody reads yet */

    if (slim_layer_load(walk->layer, from, -1, walk->run->diag) != SLIM_OK ||
        slim_for_groups(walk->run, walk->tokens, visit_group, walk, walk->op) !=
            SLIM_OK ||
        find_basis(&walk->here, &s) != SLIM_OK)
        return SLIM_FAILED;
    for (size_t i = 0; i < arch->layer_first[0]; i++)
        if (slim_rotate_node(walk->to, from, &arch->nodes[i],
                             SLIM_ROTATE_WRITERS, NULL, &walk->here, NULL,
                             walk->run->diag) != SLIM_OK)
            return SLIM_FAILED;
    return SLIM_OK;
}

static bool is_centered(const struct slim_op *op)
{
    const struct slim_rotate_args *args = op->args;

    return args->center == SLIM_CENTER_DEFAULT
               ? op->fused != NULL
               : args->center == SLIM_CENTER_YES;
}

bool slim_rotate_is_dense(const struct slim_op *op,
                          const struct slim_shape *after)
{
    for (size_t s = 0; s < after->arch->site_count; s++)
        if (after->sites[s] != op->before->sites[0])
            return false;
    return !is_centered(op);
}

/* The embedding as it is, or centered: a head that is tied to it is not. */
static enum slim_status walk_start(struct slim_walk *walk)
{
    if (!is_centered(walk->op))
        return walk_embedding(walk, walk->from);
    struct slim_model *from = slim_model_copy(walk->from);
    if (!from)
        return no_memory(walk);
    enum slim_status status = center_tables(from, walk->run->diag);
    if (status == SLIM_OK)
        status = walk_embedding(walk, from);
    slim_model_free(from);
    return status;
}

/* The embedding, all layers, and the head on the last basis. */
static enum slim_status walk_all(struct slim_walk *walk)
{
    const struct slim_arch *arch = walk->from->shape->arch;
    size_t done = slim_walk_resume(walk);

    assert(walk->to != NULL);
    if (done == 0 &&
        (walk_start(walk) != SLIM_OK || slim_walk_end_unit(walk, 1) != SLIM_OK))
        return SLIM_FAILED;
    for (size_t layer = done ? done - 1 : 0; layer < arch->layers; layer++)
        if (walk_layer(walk, layer) != SLIM_OK ||
            (layer + 1 < arch->layers &&
             slim_walk_end_unit(walk, layer + 2) != SLIM_OK))
            return SLIM_FAILED;
    for (size_t i = arch->layer_first[arch->layers]; i < arch->node_count; i++)
        if (turn_node(walk, &arch->nodes[i], SLIM_ROTATE_READERS, NULL) !=
            SLIM_OK)
            return SLIM_FAILED;
    walk->to->shape = walk->shape;
    return SLIM_OK;
}

static bool open_walk(struct slim_walk *walk)
{
    const struct slim_rotate_args *args = walk->op->args;
    size_t width = walk->from->shape->sites[0];
    const struct slim_tokens *tokens = walk->tokens;

    walk->gram = calloc(width * width, sizeof(*walk->gram));
    bool normed = args->cov == SLIM_COV_NORMED;
    if (normed)
        walk->normed =
            malloc(slim_longest_group(tokens) * width * sizeof(*walk->normed));
    walk->rotation =
        slim_rotation_new(walk->from->shape->arch->site_count, width);
    walk->layer = slim_layer_new();
    walk->to = slim_model_copy(walk->from);
    return (walk->normed || !normed) && walk->gram && walk->rotation &&
           walk->layer && walk->to;
}

/* The model without layer norms, and with the epsilon that the result will
 * have. */
static enum slim_status start_from(struct slim_model **out,
                                   struct slim_run *run,
                                   struct slim_model *model, double eps)
{
    if (slim_absorb_norms(out, model, run->diag) != SLIM_OK)
        return SLIM_FAILED;
    if (eps > 0.0) {
        struct slim_shape *shape = slim_shape_copy((*out)->shape, run->arena);

        shape->eps = eps;
        (*out)->shape = shape;
    }
    return SLIM_OK;
}

enum slim_status slim_rotate_blocks(struct slim_model **out,
                                    struct slim_rotation **rotation,
                                    struct slim_run *run,
                                    const struct slim_op *rotate,
                                    const struct slim_shape *shape,
                                    const char *title)
{
    struct slim_walk walk = { .run = run,
                              .op = rotate,
                              .shape = shape,
                              .tokens = slim_run_tokens(run, rotate) };
    if (start_from(&walk.from, run, slim_run_model(run, rotate), shape->eps) !=
        SLIM_OK)
        return SLIM_FAILED;
    enum slim_status status = slim_stream_open(&walk.stream, run, walk.op);
    if (!open_walk(&walk) && status == SLIM_OK)
        status = no_memory(&walk);

    walk.work = (double)walk.stream.tokens * (double)shape->arch->site_count;
    slim_progress_begin(&run->progress, title, 1.0);
    slim_activations_open(&walk.activations, run, walk.from, walk.tokens, 0);
    walk.dense = slim_rotate_is_dense(rotate, shape);
    if (status == SLIM_OK)
        status = walk_all(&walk);
    slim_activations_close(&walk.activations);
    if (status == SLIM_OK)
        slim_activations_tell(&walk.activations, rotate);
    json_decref(walk.layers);
    slim_floats_free(&walk.stream.floats);
    free(walk.gram);
    free(walk.normed);
    slim_basis_free(&walk.here);
    slim_layer_free(walk.layer);
    slim_model_free(walk.from);
    if (status != SLIM_OK) {
        slim_model_free(walk.to);
        slim_rotation_free(walk.rotation);
        return status;
    }
    *out = walk.to;
    *rotation = walk.rotation;
    return SLIM_OK;
}
