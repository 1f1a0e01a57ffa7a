/* activations.c - the stream after each layer, kept between stages and runs */
#include "runtime/store/activations.h"

#include "base/progress.h"
#include "runtime/report.h"
#include "runtime/store/causes.h"

#include <string.h>
#include <time.h>

#define STAGE "activations"
#define READ_RATE 200e6 /* bytes a second, of a slow disk */
#define FLOPS_RATE 6e10 /* as plans assume */
#define BUDGET_SHARE 10

struct slim_worth slim_activations_worth(const struct slim_store *store,
                                         const struct slim_shape *shape,
                                         size_t windows, size_t length)
{
    size_t layers = shape->arch->layers;
    double macs = (double)slim_shape_macs(shape, length) * (double)windows;
    struct slim_worth worth = {
        .bytes = (uint64_t)windows * length * shape->sites[0] * sizeof(float),
        .seconds = 2.0 * macs / (double)(layers + 1) / FLOPS_RATE,
    };

    if (!store || !store->writes)
        worth.why = "nothing is kept";
    else if (worth.seconds < 2.0 * (double)worth.bytes / READ_RATE)
        worth.why = "reading them would take as long";
    else if (worth.bytes * (layers + 1) > store->budget / BUDGET_SHARE)
        worth.why = "all of them are over a tenth of the store's budget";
    return worth;
}

void slim_activations_open(struct slim_activations *out, struct slim_run *run,
                           const struct slim_model *model,
                           const struct slim_tokens *tokens, size_t together)
{
    const struct slim_shape *shape = model->shape;
    struct slim_hasher hasher;

    *out = (struct slim_activations){ .run = run, .model = model, .next = -1 };
    if (!tokens->uniform)
        return;
    struct slim_worth worth = slim_activations_worth(
        run->store, shape, tokens->sequences, tokens->length);
    out->bytes = worth.bytes;
    out->kept = !worth.why;
    slim_hasher_init(&hasher);
    slim_hasher_add(&hasher, tokens->digest.bytes,
                    sizeof(tokens->digest.bytes));
    slim_hasher_u64(&hasher, together);
    slim_hasher_text(&hasher, run->program->compute);
    slim_hasher_text(&hasher, slim_numerics(run->kernels));
    slim_hasher_u64(&hasher, shape->divisor);
    slim_hasher_u64(&hasher, shape->folded);
    slim_hasher_u64(&hasher, shape->shortcuts);
    slim_hasher_add(&hasher, &shape->eps, sizeof(shape->eps));
    slim_hasher_add(&hasher, run->input_digest.bytes,
                    sizeof(run->input_digest.bytes));
    out->chain = slim_hasher_done(&hasher);
}

/* Where the numbers are: the input model's digest is in the chain already. */
static void add_weight(struct slim_hasher *hasher,
                       const struct slim_weight *weight)
{
    for (size_t d = 0; d < 2; d++)
        slim_hasher_u64(hasher, weight->size[d]);
    if (weight->buffer) {
        slim_hasher_add(hasher, weight->buffer->data,
                        weight->size[0] * weight->size[1] * sizeof(float));
        return;
    }
    slim_hasher_text(hasher, weight->disk->name);
    for (size_t d = 0; d < 2; d++) {
        slim_hasher_u64(hasher, weight->kept[d] != NULL);
        if (weight->kept[d])
            slim_hasher_add(hasher, weight->kept[d],
                            weight->size[d] * sizeof(uint32_t));
    }
}

static void next_link(struct slim_activations *a)
{
    long part = a->next++;
    const struct slim_arch *arch = a->model->info->arch;
    size_t first = part < 0 ? 0 : arch->layer_first[part];
    size_t last = part < 0 ? arch->layer_first[0] : arch->layer_first[part + 1];
    struct slim_hasher hasher;

    slim_hasher_init(&hasher);
    slim_hasher_add(&hasher, a->chain.bytes, sizeof(a->chain.bytes));
    for (size_t i = first * SLIM_SLOTS; i < last * SLIM_SLOTS; i++) {
        const struct slim_tensor *t =
            arch->nodes[i / SLIM_SLOTS].slots[i % SLIM_SLOTS];
        bool has = t && slim_model_has(a->model, t);

        slim_hasher_u64(&hasher, has);
        if (has)
            add_weight(
                &hasher,
                &a->model->weights[slim_model_owner(a->model, t)->index]);
    }
    a->chain = slim_hasher_done(&hasher);
}

static void find_causes(struct slim_causes *causes,
                        const struct slim_activations *a, long part)
{
    *causes = (struct slim_causes){ .arena = a->run->arena };
    slim_causes_add(causes, "stage", STAGE " 1");
    slim_causes_add(causes, "part", "%ld", part);
    slim_causes_digest(causes, "chain", &a->chain);
}

/* What is kept of a part; NULL: nothing. */
static struct slim_kept *look_up(struct slim_activations *a, long part)
{
    struct slim_causes causes;

    while (a->next <= part)
        next_link(a);
    if (part < 0) /* a look into a table */
        return NULL;
    a->asked++;
    find_causes(&causes, a, part);
    struct slim_digest key = slim_causes_key(causes.items, causes.count);
    struct slim_kept *entry = slim_entry_find(a->run->store, STAGE, &key);
    return entry && entry->object_count == 1 ? entry : NULL;
}

bool slim_activations_has(struct slim_activations *a, long part)
{
    const struct slim_kept *entry = a->kept ? look_up(a, part) : NULL;

    return entry && entry->objects[0].size == a->bytes;
}

bool slim_activations_find(struct slim_activations *a, long part, size_t count)
{
    slim_activations_close(a);
    a->began = slim_now();
    struct slim_kept *entry = a->kept ? look_up(a, part) : NULL;
    if (!entry || entry->objects[0].size != count * sizeof(float))
        return false;
    if (!slim_object_map(a->run->store, &a->stream, &entry->objects[0].name,
                         entry->objects[0].size)) {
        a->stream = (struct slim_map){ 0 };
        return false;
    }
    slim_entry_touch(a->run->store, entry);
    a->found++;
    return true;
}

void slim_activations_take(struct slim_activations *a, float *stream,
                           size_t count)
{
    if (count)
        memcpy(stream, a->stream.data, count * sizeof(*stream));
    slim_activations_close(a);
}

void slim_activations_close(struct slim_activations *a)
{
    if (a->stream.data)
        slim_map_close(&a->stream);
    a->stream = (struct slim_map){ 0 };
}

void slim_activations_tell(const struct slim_activations *a,
                           const struct slim_op *op)
{
    if (a->found)
        slim_report_resumed(a->run, op, a->found, a->asked,
                            "layers of the forward pass");
}

bool slim_activations_recall(void *context, long part, float *stream,
                             size_t count)
{
    struct slim_activations *a = context;

    if (!slim_activations_find(a, part, count))
        return false;
    slim_activations_take(a, stream, count);
    return true;
}

void slim_activations_retain(void *context, long part, const float *stream,
                             size_t count)
{
    slim_activations_keep(context, part, stream, count);
}

void slim_activations_keep(struct slim_activations *a, long part,
                           const float *stream, size_t count)
{
    const struct slim_piece piece = { stream, count * sizeof(*stream) };
    struct slim_kept_object object = { .size = piece.size };
    struct slim_causes causes;

    if (!a->kept || part < 0 ||
        !slim_object_put(a->run->store, &object.name, &piece, 1))
        return;
    find_causes(&causes, a, part);
    struct slim_kept entry = {
        .key = slim_causes_key(causes.items, causes.count),
        .stage = STAGE,
        .text =
            slim_arena_printf(a->run->arena, "stream after layer %ld", part),
        .recipe = a->run->program->source->name,
        .seconds = slim_now() - a->began,
        .made = (int64_t)time(NULL),
        .causes = causes.items,
        .cause_count = causes.count,
        .objects = &object,
        .object_count = 1,
    };
    (void)slim_entry_put(a->run->store, &entry);
}
