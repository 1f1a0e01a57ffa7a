/* activations.c - the stream after each layer, kept between stages and runs */
#include "runtime/store/activations.h"

#include "base/progress.h"
#include "runtime/store/causes.h"

#include <string.h>
#include <time.h>

#define STAGE "activations"
#define READ_RATE 200e6 /* bytes a second, of a slow disk */
#define FLOPS_RATE 6e10 /* as plans assume */
#define BUDGET_SHARE 10

static double part_seconds(const struct slim_shape *shape, size_t windows,
                           size_t length)
{
    double macs = (double)slim_shape_macs(shape, length) * (double)windows;

    return 2.0 * macs / (double)(shape->arch->layers + 1) / FLOPS_RATE;
}

void slim_activations_open(struct slim_activations *out, struct slim_run *run,
                           const struct slim_model *model,
                           const struct slim_tokens *tokens, size_t together)
{
    const struct slim_shape *shape = model->shape;
    struct slim_hasher hasher;

    *out = (struct slim_activations){ .run = run, .model = model };
    if (!run->store || !run->store->writes)
        return;
    out->bytes = (uint64_t)tokens->starts[tokens->sequences] * shape->sites[0] *
                 sizeof(float);
    out->kept = part_seconds(shape, tokens->sequences, tokens->length) >=
                    2.0 * (double)out->bytes / READ_RATE &&
                out->bytes * (shape->arch->layers + 1) <=
                    run->store->budget / BUDGET_SHARE;
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

static void next_link(struct slim_activations *a, long part)
{
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

bool slim_activations_find(struct slim_activations *a, long part, float *stream,
                           size_t count)
{
    struct slim_causes causes;
    struct slim_map map;

    if (!a->kept)
        return false;
    next_link(a, part);
    if (part < 0) /* a look into a table */
        return false;
    a->asked++;
    find_causes(&causes, a, part);
    struct slim_digest key = slim_causes_key(causes.items, causes.count);
    struct slim_kept *entry = slim_entry_find(a->run->store, STAGE, &key);
    if (!entry || entry->object_count != 1 ||
        entry->objects[0].size != count * sizeof(*stream) ||
        !slim_object_map(a->run->store, &map, &entry->objects[0].name,
                         entry->objects[0].size))
        return false;
    if (count)
        memcpy(stream, map.data, count * sizeof(*stream));
    slim_map_close(&map);
    slim_entry_touch(a->run->store, entry);
    a->found++;
    return true;
}

void slim_activations_keep(struct slim_activations *a, long part,
                           const float *stream, size_t count, double seconds)
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
        .seconds = seconds,
        .made = (int64_t)time(NULL),
        .causes = causes.items,
        .cause_count = causes.count,
        .objects = &object,
        .object_count = 1,
    };
    (void)slim_entry_put(a->run->store, &entry);
}
