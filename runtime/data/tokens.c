/* tokens.c - samples: windows of a text, or records, as token ids */
#include "base/file.h"
#include "base/random.h"
#include "base/size.h"
#include "runtime/data/set.h"
#include "runtime/data/tokenizer_parts.h"

#include <stdlib.h>
#include <string.h>

/* One sample on its way. */
struct loading {
    const struct slim_sample *sample;
    const struct slim_tokenizer *tokenizer;
    const struct slim_set_place *place;
    struct slim_span at;
    struct slim_diag *diag;
    struct slim_tokens *out;
    size_t capacity; /* of out->ids */
    bool bos;
    bool limited;
};

static enum slim_status no_memory(const struct loading *load)
{
    (void)slim_fail(load->diag, "O001", load->at,
                    "not enough memory for the tokens of this sample");
    return SLIM_FAILED;
}

/* ---- which ones ---- */

static int by_size(const void *a, const void *b)
{
    size_t left = *(const size_t *)a, right = *(const size_t *)b;

    return (left > right) - (left < right);
}

/*
 * The n of `count` that a sample takes, ascending: the first, or the first n
 * of a permutation by seed (SLIM_STREAM_PICK), so that a larger n with the
 * same seed holds the smaller.
 */
static enum slim_status pick(size_t **out, size_t n, size_t count,
                             const struct loading *load)
{
    size_t bytes;

    *out =
        slim_size_mul(&bytes, count + 1, sizeof(**out)) ? malloc(bytes) : NULL;
    if (!*out)
        return no_memory(load);
    if (load->sample->pick == SLIM_PICK_FIRST || n == count) {
        for (size_t i = 0; i < n; i++)
            (*out)[i] = i;
        return SLIM_OK;
    }
    slim_random_permutation(*out, count, (uint64_t)load->sample->seed,
                            SLIM_STREAM_PICK, 0);
    qsort(*out, n, sizeof(**out), by_size);
    return SLIM_OK;
}

static enum slim_status too_few(const struct loading *load, size_t count,
                                const char *unit)
{
    const struct slim_sample *sample = load->sample;

    if (count == 0)
        return slim_fail(load->diag, "D102", load->at,
                         "\"%s\" has too little text for one %s of %ld tokens",
                         load->place->path, unit, sample->len);
    return slim_fail(
        load->diag, "D102", load->at,
        "\"%s\" has %zu %ss%s, and n=%ld were asked for%s", load->place->path,
        count, unit,
        slim_arena_printf(load->diag->arena, " of %ld tokens", sample->len),
        sample->n,
        load->limited ? " (only the beginning of this set is read)" : "");
}

/* ---- making the result ---- */

static enum slim_status make_room(struct slim_tokens *out, size_t sequences,
                                  const struct loading *load)
{
    size_t start_bytes, prompt_bytes;

    if (!slim_size_mul(&start_bytes, sequences + 1, sizeof(*out->starts)) ||
        !slim_size_mul(&prompt_bytes, sequences + 1, sizeof(*out->prompt)))
        return no_memory(load);
    out->starts = malloc(start_bytes);
    out->prompt = calloc(1, prompt_bytes);
    if (!out->starts || !out->prompt)
        return no_memory(load);
    out->starts[0] = 0;
    return SLIM_OK;
}

static enum slim_status add_sequence(struct loading *load, const int32_t *ids,
                                     size_t count, size_t prompt)
{
    struct slim_tokens *out = load->out;
    size_t start = out->starts[out->sequences];
    void *items = out->ids;

    if (slim_grow(&items, &load->capacity, start + count, sizeof(*ids),
                  load->diag))
        return SLIM_FAILED;
    out->ids = items;
    if (count > 0)
        memcpy(out->ids + start, ids, count * sizeof(*ids));
    out->prompt[out->sequences] = (int32_t)prompt;
    out->starts[++out->sequences] = start + count;
    return SLIM_OK;
}

static char *name_of(const struct slim_set_place *place,
                     struct slim_arena *arena)
{
    if (!place->split)
        return slim_arena_strdup(arena, place->set->name);
    return slim_arena_printf(arena, "%s.%s%s%s", place->set->name, place->split,
                             place->mapped ? "=" : "",
                             place->mapped ? slim_path_base(place->mapped)
                                           : "");
}

static enum slim_status finish(struct slim_tokens *out, bool picked,
                               const struct loading *load)
{
    const struct slim_sample *sample = load->sample;
    struct slim_hasher hasher;
    struct slim_text text = { 0 };
    char hex[65];

    slim_hasher_init(&hasher);
    slim_hasher_u64(&hasher, out->sequences);
    for (size_t i = 0; i < out->sequences; i++) {
        slim_hasher_u64(&hasher, out->starts[i + 1]);
        slim_hasher_u64(&hasher, (uint64_t)out->prompt[i]);
    }
    slim_hasher_add(&hasher, out->ids,
                    out->starts[out->sequences] * sizeof(*out->ids));
    out->digest = slim_hasher_done(&hasher);
    slim_digest_hex(hex, &out->text);
    slim_text_printf(&text, "%s#%.8s len=%ld n=%zu bos=%s",
                     name_of(load->place, load->diag->arena), hex, sample->len,
                     out->sequences, load->bos ? "yes" : "no");
    if (picked)
        slim_text_printf(&text, " pick=random seed=%ld", sample->seed);
    out->protocol = text.data;
    return SLIM_OK;
}

/* ---- windows ---- */

static enum slim_status cut_windows(struct loading *load,
                                    const struct slim_ids *ids)
{
    size_t length = (size_t)load->sample->len;
    size_t count = ids->count / length;
    size_t n = load->sample->n > 0 ? (size_t)load->sample->n : count;
    size_t *order;
    enum slim_status status = SLIM_OK;

    if (count == 0 || n > count)
        return too_few(load, count, "window");
    if (make_room(load->out, n, load) || pick(&order, n, count, load))
        return SLIM_FAILED;
    for (size_t i = 0; i < n && !status; i++)
        status = add_sequence(load, ids->items + order[i] * length, length, 0);
    free(order);
    load->out->uniform = true;
    load->out->length = length;
    return status ? status
                  : finish(load->out,
                           load->sample->pick == SLIM_PICK_RANDOM && n < count,
                           load);
}

static enum slim_status load_windows(struct loading *load,
                                     const struct slim_rows *rows)
{
    struct slim_text text = { 0 };
    struct slim_ids ids = { 0 };

    slim_rows_join(&text, rows, load->place->set);
    load->out->text = slim_hash(text.data, text.length);
    enum slim_status status = slim_tokenizer_encode(
        &ids, load->tokenizer, text.data, text.length, true, load->diag);

    slim_text_free(&text);
    load->bos =
        ids.count > 0 && ids.items[0] == slim_tokenizer_bos(load->tokenizer);
    if (!status)
        status = cut_windows(load, &ids);
    slim_ids_free(&ids);
    return status;
}

/* ---- records ---- */

/* One record: prompt and answer in one piece, cut to len, with EOS where it
 * fits; the prompt is counted by itself, as it is given to a model. */
static enum slim_status add_record(struct loading *load, struct slim_ids *ids,
                                   const char *text, struct slim_row row)
{
    size_t most = (size_t)load->sample->len, prompt;
    long eos = slim_tokenizer_eos(load->tokenizer);

    ids->count = 0;
    if (slim_tokenizer_encode(ids, load->tokenizer, text, row.prompt, true,
                              load->diag))
        return SLIM_FAILED;
    prompt = ids->count;
    ids->count = 0;
    if (slim_tokenizer_encode(ids, load->tokenizer, text, row.length, true,
                              load->diag))
        return SLIM_FAILED;
    if (eos >= 0 && ids->count < most &&
        (ids->count == 0 || ids->items[ids->count - 1] != eos) &&
        slim_ids_add(ids, (int32_t)eos, load->diag))
        return SLIM_FAILED;
    size_t count = ids->count < most ? ids->count : most;

    load->bos =
        count > 0 && ids->items[0] == slim_tokenizer_bos(load->tokenizer);
    return add_sequence(load, ids->items, count,
                        prompt < count ? prompt : count);
}

static void hash_records(struct slim_tokens *out, const struct slim_rows *rows)
{
    struct slim_hasher hasher;

    slim_hasher_init(&hasher);
    for (size_t i = 0; i < rows->count; i++) {
        slim_hasher_u64(&hasher, rows->items[i].prompt);
        slim_hasher_u64(&hasher, rows->items[i].length);
        slim_hasher_add(&hasher, rows->text.data + rows->items[i].begin,
                        rows->items[i].length);
    }
    out->text = slim_hasher_done(&hasher);
}

static void find_length(struct slim_tokens *out)
{
    out->uniform = true;
    out->length = out->sequences > 0 ? out->starts[1] : 0;
    for (size_t i = 0; i < out->sequences; i++) {
        size_t length = out->starts[i + 1] - out->starts[i];

        out->uniform = out->uniform && length == out->length;
    }
    if (!out->uniform)
        out->length = 0;
}

static enum slim_status load_records(struct loading *load,
                                     const struct slim_rows *rows)
{
    const struct slim_sample *sample = load->sample;
    size_t n = sample->n > 0 ? (size_t)sample->n : rows->count;
    struct slim_ids ids = { 0 };
    enum slim_status status = SLIM_OK;
    size_t *order;

    if (n > rows->count)
        return slim_fail(load->diag, "D102", load->at,
                         "\"%s\" has %zu records, and n=%ld were asked for",
                         load->place->path, rows->count, sample->n);
    if (make_room(load->out, n, load) || pick(&order, n, rows->count, load))
        return SLIM_FAILED;
    for (size_t i = 0; i < n && !status; i++)
        status = add_record(load, &ids,
                            rows->text.data + rows->items[order[i]].begin,
                            rows->items[order[i]]);
    free(order);
    slim_ids_free(&ids);
    if (status)
        return status;
    hash_records(load->out, rows);
    find_length(load->out);
    return finish(load->out,
                  sample->pick == SLIM_PICK_RANDOM && n < rows->count, load);
}

/* ---- the whole ---- */

static enum slim_status load_rows(struct loading *load, enum slim_cut cut,
                                  const struct slim_data_world *world)
{
    struct slim_rows rows;
    enum slim_status status;

    if (slim_rows_read(&rows, load->place, world, load->at, load->diag))
        return SLIM_FAILED;
    load->limited = rows.limited;
    status = cut == SLIM_CUT_RECORDS && rows.records
                 ? load_records(load, &rows)
                 : load_windows(load, &rows);
    slim_rows_free(&rows);
    return status;
}

enum slim_status slim_tokens_load(struct slim_tokens **out,
                                  const struct slim_sample *sample,
                                  enum slim_cut cut,
                                  const struct slim_data_world *world,
                                  const struct slim_tokenizer *tokenizer,
                                  struct slim_span at, struct slim_diag *diag)
{
    struct slim_set_place place;
    struct loading load = { .sample = sample,
                            .tokenizer = tokenizer,
                            .place = &place,
                            .at = at,
                            .diag = diag };

    *out = NULL;
    if (sample->len <= 0 || sample->n < 0)
        return slim_fail(diag, "A020", at,
                         "a sample has len= of at least 1 and n= of at least "
                         "0");
    if (slim_set_find(&place, sample, world, at, diag))
        return SLIM_FAILED;
    load.out = calloc(1, sizeof(*load.out));
    if (!load.out)
        return no_memory(&load);
    if (load_rows(&load, cut, world)) {
        slim_tokens_free(load.out);
        return SLIM_FAILED;
    }
    *out = load.out;
    return SLIM_OK;
}

void slim_tokens_free(struct slim_tokens *tokens)
{
    if (!tokens)
        return;
    free(tokens->ids);
    free(tokens->prompt);
    free(tokens->starts);
    free((void *)(uintptr_t)tokens->protocol);
    free(tokens);
}
