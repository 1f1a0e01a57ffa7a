/* rotate_model.c - one basis of the stream for the whole model
 *
 * With the same basis at every site the shortcut matrices are the identity, so
 * the result is an ordinary, narrower model. The Gram matrix is summed over
 * the inputs of every norm that reads the stream; cov=normed takes each
 * token's vector divided by its RMS, which is what the norm hands on.
 */
#include "runtime/stage/rotate.h"

#include "base/trace.h"
#include "runtime/store/activations.h"
#include "runtime/store/journal.h"

#include <stdlib.h>
#include <string.h>

struct gather {
    struct slim_run *run;
    const struct slim_op *op;
    const struct slim_rotate_args *args;
    struct slim_model *from;
    const struct slim_tokens *tokens;
    struct slim_layer *layer;
    struct slim_stream stream;
    double *gram;
    float *normed;     /* one group's vectors divided by their RMS */
    double done, work; /* tokens through a layer: so far, and of all */
    struct slim_activations activations;
    bool still;         /* no node of the part runs .. */
    size_t first, last; /* .. and the norms among these see the stream as it is:
                           what the part gives is kept already */
};

/* Every norm that reads the stream: what it reads goes into the sum. */
static void see_input(void *context, const struct slim_node *node,
                      const float *x, size_t tokens, size_t width)
{
    struct gather *gather = context;
    const struct slim_kernels *kernels = gather->run->kernels;

    if (node->kind != SLIM_BLOCK_NORM || node->inputs[0] != 0 || node->of_table)
        return;
    if (gather->args->cov != SLIM_COV_RAW) {
        kernels->rms_norm(gather->normed, NULL, x, NULL, tokens, width, width,
                          (float)slim_shape_eps(gather->from->shape, node),
                          0.0f);
        x = gather->normed;
    }
    kernels->gram(gather->gram, x, tokens, width);
}

static enum slim_status visit_group(void *context,
                                    const struct slim_batch *batch,
                                    size_t first, size_t count)
{
    struct gather *gather = context;
    struct slim_hooks hooks = { .context = gather, .input = see_input };
    size_t width = gather->stream.width;
    float *x = gather->stream.x + first * width;

    if (!gather->still &&
        slim_layer_forward(x, gather->layer, x, batch, NULL, &hooks, NULL,
                           gather->run->kernels, gather->run->diag) != SLIM_OK)
        return SLIM_FAILED;
    for (size_t i = gather->first; i < gather->last; i++)
        see_input(gather, &gather->from->shape->arch->nodes[i], x, count,
                  width);
    gather->done += (double)count;
    slim_progress_step(&gather->run->progress, gather->done / gather->work,
                       NULL);
    return SLIM_OK;
}

/* The part's nodes up to the last add before the norms that end it run all the
 * same: their sums are wanted. What follows the norms is left out. */
static void stop_at_norms(struct gather *gather, long part)
{
    const struct slim_arch *arch = gather->from->shape->arch;
    size_t from = arch->layer_first[part], end = arch->layer_first[part + 1];
    size_t norm = end, add;

    while (norm > from && !(arch->nodes[norm - 1].kind == SLIM_BLOCK_NORM &&
                            arch->nodes[norm - 1].inputs[0] == 0))
        norm--;
    for (add = norm;
         add > from && !(arch->nodes[add - 1].kind == SLIM_BLOCK_ADD &&
                         arch->nodes[add - 1].output == 0);)
        add--;
    slim_layer_limit(gather->layer, from, add);
    gather->still = add == from;
    gather->first = add;
    gather->last = norm;
}

static enum slim_status run_part(struct gather *gather, long part)
{
    struct slim_activations *kept = &gather->activations;
    size_t count = gather->stream.tokens * gather->stream.width;
    bool inside = part < (long)gather->from->shape->arch->layers;
    bool found = inside && slim_activations_find(kept, part, count);

    if (slim_layer_load(gather->layer, gather->from, part, gather->run->diag) !=
        SLIM_OK)
        return SLIM_FAILED;
    gather->first = gather->last = 0;
    gather->still = false;
    if (found)
        stop_at_norms(gather, part);
    if (slim_for_groups(gather->run, gather->tokens, visit_group, gather,
                        gather->op) != SLIM_OK)
        return SLIM_FAILED;
    if (found)
        slim_activations_take(kept, gather->stream.x, count);
    else if (inside)
        slim_activations_keep(kept, part, gather->stream.x, count);
    return SLIM_OK;
}

/* After a part: the stream, and the sum so far. */
static enum slim_status end_part(struct gather *gather, size_t done,
                                 const struct slim_journal_part *state)
{
    struct slim_journal *journal = gather->run->journal;

    if (!slim_journal_due(journal))
        return SLIM_OK;
    return slim_journal_write(
        journal, done, json_pack("{s:f}", "done", gather->done), state, 2);
}

static size_t resume(struct gather *gather,
                     const struct slim_journal_part *state)
{
    struct slim_journal *journal = gather->run->journal;
    size_t done = 0;
    json_t *note = NULL;

    if (!slim_journal_read(journal, &done, &note, state, 2))
        return 0;
    gather->done = json_number_value(json_object_get(note, "done"));
    json_decref(note);
    slim_journal_tell(journal, done - 1, gather->from->shape->arch->layers,
                      "layers");
    return done;
}

static enum slim_status gather_all(struct gather *gather)
{
    long layers = (long)gather->from->shape->arch->layers;
    size_t width = gather->stream.width;
    const struct slim_journal_part state[] = {
        { gather->stream.x,
          gather->stream.tokens * width * sizeof(*gather->stream.x) },
        { gather->gram, width * width * sizeof(*gather->gram) },
    };

    for (long part = (long)resume(gather, state) - 1; part <= layers; part++)
        if (run_part(gather, part) != SLIM_OK ||
            end_part(gather, (size_t)(part + 2), state) != SLIM_OK)
            return SLIM_FAILED;
    return SLIM_OK;
}

static bool open_gather(struct gather *gather)
{
    size_t width = gather->from->shape->sites[0];
    const struct slim_tokens *tokens = gather->tokens;

    gather->normed =
        malloc(slim_longest_group(tokens) * width * sizeof(*gather->normed));
    gather->gram = calloc(width * width, sizeof(*gather->gram));
    gather->layer = slim_layer_new();
    return gather->normed && gather->gram && gather->layer;
}

static void close_gather(struct gather *gather)
{
    slim_floats_free(&gather->stream.floats);
    free(gather->normed);
    free(gather->gram);
    slim_layer_free(gather->layer);
}

/* Norm weights move into the linears that read them; what stays is one. */
static enum slim_status unit_norm(struct slim_model *to,
                                  const struct slim_node *norm, size_t width,
                                  struct slim_diag *diag)
{
    const struct slim_tensor *weight = norm->slots[SLIM_NORM_WEIGHT];
    struct slim_buffer *buffer = weight ? slim_buffer_new(width) : NULL;

    if (!weight)
        return SLIM_OK;
    if (!buffer)
        return slim_fail(diag, "O001", (struct slim_span){ 0 },
                         "out of memory for tensor \"%s\"", weight->name);
    for (size_t i = 0; i < width; i++)
        buffer->data[i] = 1.0f - (float)norm->settings[SLIM_NORM_OFFSET];
    slim_model_set(to, weight, buffer, width, 1);
    return SLIM_OK;
}

static enum slim_status rotate_nodes(struct slim_model *to,
                                     struct slim_model *from,
                                     const struct slim_basis *basis,
                                     struct slim_diag *diag)
{
    const struct slim_arch *arch = from->shape->arch;

    for (size_t i = 0; i < arch->node_count; i++) {
        const struct slim_node *node = &arch->nodes[i];
        const struct slim_node *norm = slim_feeding_norm(arch, node);
        float *gain = NULL;

        if (node->kind == SLIM_BLOCK_NORM &&
            unit_norm(to, node, basis->width, diag) != SLIM_OK)
            return SLIM_FAILED;
        if (norm && !(gain = slim_norm_gain(from, norm, diag)))
            return SLIM_FAILED;
        enum slim_status status = slim_rotate_node(
            to, from, node, SLIM_ROTATE_READERS | SLIM_ROTATE_WRITERS, basis,
            basis, gain, diag);
        free(gain);
        if (status != SLIM_OK)
            return status;
    }
    return SLIM_OK;
}

/* The model in the basis of the eigenvectors of what was gathered. */
static enum slim_status turn_model(struct slim_model **out,
                                   struct slim_rotation **rotation,
                                   struct gather *gather,
                                   const struct slim_shape *shape)
{
    size_t width = gather->stream.width;
    struct slim_diag *diag = gather->run->diag;
    struct slim_basis basis = { 0 };

    *rotation = slim_rotation_new(1, width);
    *out = slim_model_copy(gather->from);
    if (!*rotation || !*out)
        return slim_fail(diag, "O001", gather->op->span, "out of memory");
    slim_trace_begin("kernel", "eigenvectors of %zu x %zu", width, width);
    bool solved = slim_eigh(gather->gram, (*rotation)->values[0], width);
    slim_trace_end();
    enum slim_status status =
        slim_basis_pca(&basis, solved ? gather->gram : NULL, width, width,
                       gather->op, 0, diag);
    if (status == SLIM_OK)
        status = rotate_nodes(*out, gather->from, &basis, diag);
    (*rotation)->kept[0] = 1.0;
    slim_basis_free(&basis);
    (*out)->shape = shape;
    return status;
}

enum slim_status slim_rotate_model(struct slim_model **out,
                                   struct slim_rotation **rotation,
                                   struct slim_run *run,
                                   const struct slim_op *rotate,
                                   const struct slim_shape *shape,
                                   const char *title)
{
    struct gather gather = { .run = run,
                             .op = rotate,
                             .args = rotate->args,
                             .tokens = slim_run_tokens(run, rotate) };

    *out = NULL;
    *rotation = NULL;
    enum slim_status status =
        slim_absorb_norms(&gather.from, slim_run_model(run, rotate), run->diag);
    if (status == SLIM_OK)
        status = slim_stream_open(&gather.stream, run, gather.op);
    if (status == SLIM_OK && !open_gather(&gather))
        status = slim_fail(run->diag, "O001", rotate->span,
                           "out of memory for %zu tokens of width %zu",
                           gather.stream.tokens, gather.stream.width);
    gather.work =
        (double)gather.stream.tokens * (double)(shape->arch->layers + 2);
    slim_progress_begin(&run->progress, title, 1.0);
    if (status == SLIM_OK) {
        slim_activations_open(&gather.activations, run, gather.from,
                              gather.tokens, 0);
        status = gather_all(&gather);
        slim_activations_close(&gather.activations);
    }
    if (status == SLIM_OK)
        slim_activations_tell(&gather.activations, rotate);
    if (status == SLIM_OK)
        status = turn_model(out, rotation, &gather, shape);
    close_gather(&gather);
    slim_model_free(gather.from);
    if (status == SLIM_OK)
        return SLIM_OK;
    slim_model_free(*out);
    slim_rotation_free(*rotation);
    *out = NULL;
    *rotation = NULL;
    return status;
}
