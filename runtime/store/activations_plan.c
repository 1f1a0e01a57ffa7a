/* activations_plan.c - which streams the operations of a plan will find
 *
 * A layer's stream is found where it is in the store, or where an operation
 * before this one computes and keeps it: one of the same sample, on a model
 * whose layers are the same that far.
 */
#include "runtime/store/activations.h"

#include "runtime/store/codec.h"
#include "runtime/store/memo.h"

#include <string.h>

static bool will_run(const struct slim_op *op)
{
    return op->cached && strcmp(op->cached, "run") == 0;
}

static const json_t *manifest_of(const struct slim_memo *memo, unsigned type)
{
    for (size_t i = 0; memo->entry && i < memo->entry->result_count; i++)
        if (memo->entry->results[i].type == type)
            return memo->manifests[i];
    return NULL;
}

/* 0: not known before the text is cut. */
static size_t windows_of(struct slim_run *run, const struct slim_op *op)
{
    const struct slim_op *tokens = slim_op_input(op, SLIM_TYPE_TOKENS);
    const json_t *manifest =
        manifest_of(&run->memos[tokens->id], SLIM_TYPE_TOKENS);
    const json_t *kept =
        json_object_get(json_object_get(manifest, "windows"), "sequences");
    const struct slim_sample *sample = tokens->args;

    return kept ? (size_t)json_integer_value(kept) : (size_t)sample->n;
}

/* ---- what is in the store ---- */

/* Numbers of its own would have to be read to know the layers. */
static bool has_numbers(const json_t *manifest)
{
    const json_t *parts = json_object_get(manifest, "parts");

    for (size_t i = 0; i < json_array_size(parts); i++)
        if (!json_is_null(json_array_get(parts, i)))
            return true;
    return false;
}

/* The model that `from` gives, without its numbers; NULL: not known yet, or
 * they are more than the input model's. */
static struct slim_model *open_model(struct slim_run *run,
                                     const struct slim_op *from)
{
    struct slim_memo *memo = &run->memos[from->id];
    struct slim_diag quiet = { .arena = run->arena };
    struct slim_unpacking unpacking = { run->store, run, from };
    const json_t *manifest = manifest_of(memo, SLIM_TYPE_MODEL);
    struct slim_model *model = NULL;

    if (from->stage->keep.how == SLIM_KEEP_SOURCE)
        return slim_model_load(&model, run->input, &quiet) == SLIM_OK ? model
                                                                      : NULL;
    if (!memo->hit || !manifest || has_numbers(manifest) ||
        !slim_unpack_model(&unpacking, manifest))
        return NULL;
    model = run->results[from->id].model;
    run->results[from->id].model = NULL;
    return model;
}

static size_t count_kept(struct slim_run *run, const struct slim_op *op,
                         size_t windows, size_t together)
{
    const struct slim_op *from = slim_op_input(op, SLIM_TYPE_MODEL);
    struct slim_tokens tokens = { .uniform = true,
                                  .sequences = windows,
                                  .length = (size_t)slim_op_sample(op)->len };
    struct slim_activations kept;
    size_t count = 0;
    bool given;

    for (size_t i = 0; i < op->input_count; i++)
        if (op->inputs[i].type == SLIM_TYPE_TOKENS &&
            (!slim_memo_identity(&tokens.digest, &given, run, op,
                                 &op->inputs[i]) ||
             !given))
            return 0;
    struct slim_model *model = open_model(run, from);
    if (!model)
        return 0;
    slim_activations_open(&kept, run, model, &tokens, together);
    for (long l = 0; l < (long)model->info->arch->layers; l++)
        count += slim_activations_has(&kept, l);
    slim_model_free(model);
    return count;
}

/* ---- what operations before it keep ---- */

/* Layers that an operation leaves as they are, from the first: those before its
 * scope. Without a scope it may change any. */
static size_t left_alone(const struct slim_op *op)
{
    size_t layers = op->before->arch->layers, first = 0;

    if ((op->stage->gives & SLIM_TYPE_MODEL) == 0)
        return layers;
    if (!op->stage->scope || op->where.width || !op->where.layers)
        return 0;
    while (first < layers && !op->where.layers[first])
        first++;
    return first;
}

/* Layers that two operations read alike. */
static size_t alike(const struct slim_op *a, const struct slim_op *b)
{
    const struct slim_op *from = slim_op_input(a, SLIM_TYPE_MODEL);
    const struct slim_op *to = slim_op_input(b, SLIM_TYPE_MODEL);
    size_t same = a->before->arch->layers;

    while (from != to) {
        from = from->next;
        if (!from)
            return 0;
        size_t alone = left_alone(from);
        same = alone < same ? alone : same;
    }
    return same;
}

static size_t count_made(const struct slim_program *program,
                         const struct slim_op *op, size_t windows,
                         size_t together)
{
    const struct slim_op *tokens = slim_op_input(op, SLIM_TYPE_TOKENS);
    size_t most = 0, other;

    for (const struct slim_op *e = program->first; e != op; e = e->next) {
        if (!e->streams || e->streams->why || !will_run(e) ||
            slim_op_input(e, SLIM_TYPE_TOKENS) != tokens ||
            !e->stage->keep.streams(&other, e, windows) || other != together)
            continue;
        size_t count = alike(e, op);
        most = count > most ? count : most;
    }
    return most;
}

static const struct slim_stream_plan *plan_of(struct slim_run *run,
                                              const struct slim_op *op)
{
    size_t layers = op->before->arch->layers, windows, together;

    if (!will_run(op) || !op->stage->keep.streams || !slim_op_sample(op))
        return NULL;
    windows = windows_of(run, op);
    if (windows == 0 || !op->stage->keep.streams(&together, op, windows))
        return NULL;
    struct slim_stream_plan *plan =
        SLIM_NEW(run->arena, struct slim_stream_plan);
    struct slim_worth worth = slim_activations_worth(
        run->store, op->before, windows, (size_t)slim_op_sample(op)->len);
    *plan = (struct slim_stream_plan){ .bytes = worth.bytes,
                                       .seconds = worth.seconds,
                                       .why = worth.why };
    if (worth.why) {
        plan->computed = layers;
        return plan;
    }
    size_t kept = count_kept(run, op, windows, together);
    size_t made = count_made(run->program, op, windows, together);
    plan->found = kept > made ? kept : made;
    plan->kept = layers - plan->found;
    return plan;
}

void slim_activations_plan(struct slim_run *run)
{
    for (struct slim_op *op = run->program->first; op; op = op->next)
        op->streams = plan_of(run, op);
}
