/* memo.c - what a run knows of each operation: its key, and what is kept */
#include "runtime/store/memo.h"

#include "runtime/store/activations.h"

#include "runtime/store/codec.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

static struct slim_memo *memo_of(struct slim_run *run, const struct slim_op *op)
{
    return &run->memos[op->id];
}

void slim_memo_open(struct slim_run *run)
{
    run->memos =
        SLIM_NEW_ARRAY(run->arena, run->program->count, struct slim_memo);
    memset(run->memos, 0, run->program->count * sizeof(*run->memos));
    for (unsigned i = 0; i < run->program->count; i++)
        run->memos[i].causes.arena = run->arena;
}

static void drop_manifests(struct slim_memo *memo)
{
    for (size_t i = 0; i < SLIM_RESULTS; i++) {
        json_decref(memo->manifests[i]);
        memo->manifests[i] = NULL;
    }
}

void slim_memo_close(struct slim_run *run)
{
    for (unsigned i = 0; run->memos && i < run->program->count; i++)
        drop_manifests(&run->memos[i]);
}

/* Where the manifest of a type stands in the entry; SLIM_RESULTS: nowhere. */
static size_t result_at(const struct slim_memo *memo, unsigned type)
{
    for (size_t i = 0; i < memo->entry->result_count; i++)
        if (memo->entry->results[i].type == type)
            return i;
    return SLIM_RESULTS;
}

static const struct slim_codec *codec_of(unsigned type)
{
    const struct slim_codec *codec = slim_codecs;

    while (codec->type && codec->type != type)
        codec++;
    return codec->type ? codec : NULL;
}

/* ---- keys ---- */

bool slim_memo_key(struct slim_run *run, const struct slim_op *op)
{
    if (!run->store)
        return false;
    struct slim_memo *memo = memo_of(run, op);
    if (memo->keyed)
        return true;
    memo->causes.count = 0;
    if (!slim_causes_find(&memo->causes, run, op))
        return false;
    memo->key = slim_causes_key(memo->causes.items, memo->causes.count);
    memo->keyed = true;
    if (op == run->program->first)
        run->input_digest = memo->key;
    return true;
}

bool slim_memo_identity(struct slim_digest *out, bool *given,
                        struct slim_run *run, const struct slim_op *reader,
                        const struct slim_input *input)
{
    struct slim_memo *memo = memo_of(run, input->op);
    const struct slim_codec *codec = codec_of(input->type);

    *given = true;
    if (input->op->stage->keep.how == SLIM_KEEP_SOURCE) {
        bool known = slim_memo_key(run, input->op);
        *out = memo->key;
        return known;
    }
    if (!memo->entry)
        return false;
    size_t at = result_at(memo, input->type);
    *given = at < SLIM_RESULTS;
    if (!*given)
        return true;
    if (codec && codec->identity)
        return codec->identity(out, memo->manifests[at], reader);
    *out = memo->entry->results[at].manifest.name;
    return true;
}

/* ---- what is kept ---- */

static json_t *read_manifest(struct slim_store *store,
                             const struct slim_kept_object *object)
{
    struct slim_map map;

    if (!slim_object_map(store, &map, &object->name, object->size))
        return NULL;
    json_t *json = json_loadb((const char *)map.data, map.length, 0, NULL);
    slim_map_close(&map);
    return json;
}

static bool read_manifests(struct slim_run *run, struct slim_memo *memo)
{
    const struct slim_kept *entry = memo->entry;

    drop_manifests(memo); /* kept by this run, and found again */
    for (size_t i = 0; i < entry->result_count; i++) {
        memo->manifests[i] =
            read_manifest(run->store, &entry->results[i].manifest);
        if (!memo->manifests[i])
            return false;
        if (entry->results[i].type == SLIM_TYPE_MODEL) {
            memo->shape = slim_unpack_shape(run, memo->manifests[i]);
            if (!memo->shape)
                return false;
        }
    }
    return true;
}

/* The entry counts for nothing: it is as if there were none. */
static void forget(struct slim_run *run, struct slim_memo *memo)
{
    drop_manifests(memo);
    if (memo->entry)
        slim_entry_remove(run->store, memo->entry);
    memo->entry = NULL;
    memo->hit = false;
}

static bool same_outside(struct slim_run *run, const struct slim_op *op,
                         const struct slim_kept *entry)
{
    if (!op->stage->keep.outside)
        return true;
    const char *now = op->stage->keep.outside(run, op);

    return now && entry->outside && strcmp(now, entry->outside) == 0;
}

static bool unpack_types(struct slim_run *run, const struct slim_op *op,
                         bool eager)
{
    struct slim_memo *memo = memo_of(run, op);
    struct slim_unpacking unpacking = { run->store, run, op };

    for (size_t i = 0; i < memo->entry->result_count; i++) {
        const struct slim_codec *codec = codec_of(memo->entry->results[i].type);

        if (!codec)
            return false;
        if (codec->eager == eager &&
            !codec->unpack(&unpacking, memo->manifests[i]))
            return false;
    }
    return true;
}

/* Whether it is to run though it is kept. */
static bool is_anew(const struct slim_run *run, const struct slim_op *op)
{
    return run->anew &&
           (!*run->anew || strcmp(run->anew, op->stage->name) == 0);
}

bool slim_memo_find(struct slim_run *run, const struct slim_op *op)
{
    if (!run->store || op->stage->keep.how != SLIM_KEEP_RESULT)
        return false;
    struct slim_memo *memo = memo_of(run, op);
    if (memo->hit)
        return true;
    if (!slim_memo_key(run, op) || is_anew(run, op))
        return false;
    memo->entry = slim_entry_find(run->store, op->stage->name, &memo->key);
    if (!memo->entry)
        return false;
    if (!same_outside(run, op, memo->entry)) {
        memo->entry = NULL;
        return false;
    }
    if (!read_manifests(run, memo)) {
        forget(run, memo);
        return false;
    }
    memo->hit = true;
    slim_entry_touch(run->store, memo->entry);
    return true;
}

bool slim_memo_take(struct slim_run *run, const struct slim_op *op)
{
    if (unpack_types(run, op, true))
        return true;
    forget(run, memo_of(run, op));
    return false;
}

/* ---- results that an operation reads ---- */

static enum slim_status compute(struct slim_run *run, const struct slim_op *op)
{
    if (slim_memo_inputs(run, op) != SLIM_OK)
        return SLIM_FAILED;
    if (op->stage->prepare && op->stage->prepare(run, op) != SLIM_OK)
        return SLIM_FAILED;
    if (slim_run_execute(run, op) != SLIM_OK)
        return SLIM_FAILED;
    memo_of(run, op)->loaded = true;
    return SLIM_OK;
}

enum slim_status slim_memo_need(struct slim_run *run, const struct slim_op *op)
{
    if (!slim_store_keeps(run->store))
        return SLIM_OK;
    struct slim_memo *memo = memo_of(run, op);
    if (memo->loaded)
        return SLIM_OK;
    if (memo->entry && unpack_types(run, op, false)) {
        memo->loaded = true;
        return SLIM_OK;
    }
    if (op->stage->keep.how != SLIM_KEEP_RESULT)
        return compute(run, op);
    double started = slim_now();
    forget(run, memo);
    slim_run_release(run, op); /* what was unpacked before the fault */
    if (compute(run, op) != SLIM_OK)
        return SLIM_FAILED;
    slim_memo_keep(run, op, slim_now() - started);
    return SLIM_OK;
}

enum slim_status slim_memo_inputs(struct slim_run *run,
                                  const struct slim_op *op)
{
    bool repeats = op->stage->keep.repeats && op->stage->keep.repeats(op);

    if (!slim_store_keeps(run->store) ||
        op->stage->keep.how == SLIM_KEEP_NOTHING)
        return SLIM_OK;
    for (size_t i = 0; i < op->input_count; i++) {
        const struct slim_op *from = op->inputs[i].op;

        if (slim_memo_need(run, from) != SLIM_OK)
            return SLIM_FAILED;
        for (size_t j = 0; repeats && j < from->input_count; j++)
            if (slim_memo_need(run, from->inputs[j].op) != SLIM_OK)
                return SLIM_FAILED;
    }
    return SLIM_OK;
}

void slim_memo_released(struct slim_run *run, const struct slim_op *op)
{
    if (run->memos)
        memo_of(run, op)->loaded = false;
}

const struct slim_shape *slim_run_shape(struct slim_run *run,
                                        const struct slim_op *op)
{
    const struct slim_op *from = slim_op_input(op, SLIM_TYPE_MODEL);

    if (!from)
        return NULL;
    const struct slim_result *result = slim_run_result(run, from);
    if (result->model)
        return result->model->shape;
    if (run->memos && memo_of(run, from)->shape)
        return memo_of(run, from)->shape;
    return from->stage->keep.how == SLIM_KEEP_SOURCE ? run->input->shape : NULL;
}

/* ---- keeping ---- */

/* Packs one type and adds it to the entry; the manifest is an object too. */
static bool keep_type(struct slim_kept *entry, struct slim_packing *packing,
                      struct slim_memo *memo, const struct slim_codec *codec)
{
    json_t *manifest = codec->pack(packing);
    char *text =
        manifest ? json_dumps(manifest, JSON_SORT_KEYS | JSON_COMPACT) : NULL;
    size_t at = entry->result_count;

    if (!text || at == SLIM_RESULTS) {
        free(text);
        json_decref(manifest);
        return false;
    }
    const struct slim_piece part = { text, strlen(text) };
    json_t *blob = slim_pack_blob(packing, &part, 1);
    free(text);
    if (!blob) {
        json_decref(manifest);
        return false;
    }
    json_decref(blob);
    entry->results[at].type = codec->type;
    entry->results[at].manifest = packing->objects[packing->count - 1];
    entry->result_count++;
    memo->manifests[at] = manifest;
    return true;
}

static bool keep_types(struct slim_kept *entry, struct slim_packing *packing,
                       struct slim_memo *memo)
{
    const struct slim_op *op = packing->op;

    for (const struct slim_codec *codec = slim_codecs; codec->type; codec++)
        if ((op->stage->gives & codec->type) != 0 &&
            (!codec->given || codec->given(packing->run, op)) &&
            !keep_type(entry, packing, memo, codec))
            return false;
    return true;
}

void slim_memo_keep(struct slim_run *run, const struct slim_op *op,
                    double seconds)
{
    if (!run->store)
        return;
    struct slim_memo *memo = memo_of(run, op);
    memo->loaded = true;
    if (run->results[op->id].model)
        memo->shape = run->results[op->id].model->shape;
    if (op->stage->keep.how != SLIM_KEEP_RESULT || !slim_memo_key(run, op))
        return;
    const struct slim_text *report = run->results[op->id].report;
    struct slim_kept *entry = SLIM_NEW(run->arena, struct slim_kept);
    struct slim_packing packing = { .store = run->store, .run = run, .op = op };
    double began = slim_now();
    *entry = (struct slim_kept){
        .key = memo->key,
        .stage = op->stage->name,
        .text = op->text,
        .recipe = run->program->source->name,
        .outside =
            op->stage->keep.outside ? op->stage->keep.outside(run, op) : NULL,
        .detail = run->detail,
        .report = report ? report->data : NULL,
        .figures = run->results[op->id].figures,
        .saved = op->stage->keep.outside && run->saved_count
                     ? run->saved[run->saved_count - 1]
                     : NULL,
        .seconds = seconds,
        .amount = op->amount.value,
        .made = (int64_t)time(NULL),
        .causes = memo->causes.items,
        .cause_count = memo->causes.count,
    };
    drop_manifests(memo);
    if (!keep_types(entry, &packing, memo)) {
        drop_manifests(memo);
        return;
    }
    entry->seconds += slim_now() - began; /* a hit saves the writing too */
    entry->objects = packing.objects;
    entry->object_count = packing.count;
    memo->entry = entry; /* what it gave is known, kept or not */
    (void)slim_entry_put(run->store, entry);
}

size_t slim_memo_plan(struct slim_run *run)
{
    struct slim_op *op = run->program->first;
    size_t work = 0;

    if (!slim_store_keeps(run->store))
        return 0;
    run->hashing = SLIM_HASH_CHEAP;
    run->results =
        SLIM_NEW_ARRAY(run->arena, run->program->count, struct slim_result);
    slim_memo_open(run);
    for (; op; op = op->next) {
        if (op->stage->keep.how != SLIM_KEEP_RESULT)
            continue;
        bool hit = slim_memo_find(run, op);
        op->cached = hit ? "hit" : "run";
        op->spent = hit ? run->memos[op->id].entry->seconds : 0.0;
        work += !hit && !op->stage->hidden;
    }
    slim_activations_plan(run);
    return work;
}
