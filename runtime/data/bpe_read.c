/* bpe_read.c - vocabulary and merges of a byte-pair tokenizer, as tables */
#include "runtime/data/tokenizer_parts.h"

#include <stdlib.h>
#include <string.h>

uint64_t slim_bpe_hash(const char *text, size_t length)
{
    uint64_t hash = 14695981039346656037u; /* FNV-1a */

    for (size_t i = 0; i < length; i++)
        hash = (hash ^ (unsigned char)text[i]) * 1099511628211u;
    return hash ^ hash >> 32;
}

static uint64_t pair_hash(uint64_t pair)
{
    pair ^= pair >> 33;
    pair *= 0xff51afd7ed558ccdu;
    return pair ^ pair >> 33;
}

static uint64_t pair_of(int32_t left, int32_t right)
{
    return (uint64_t)(uint32_t)left << 32 | (uint32_t)right;
}

static struct slim_vocabulary_slot *token_slot(const struct slim_bpe *bpe,
                                               uint64_t hash, const char *text,
                                               size_t length)
{
    for (size_t i = (size_t)hash;; i++) {
        struct slim_vocabulary_slot *slot = &bpe->tokens[i & bpe->token_mask];

        if (!slot->text)
            return slot;
        if (slot->hash == hash && slot->length == length &&
            memcmp(slot->text, text, length) == 0)
            return slot;
    }
}

int32_t slim_bpe_token(const struct slim_bpe *bpe, const char *text,
                       size_t length)
{
    const struct slim_vocabulary_slot *slot =
        token_slot(bpe, slim_bpe_hash(text, length), text, length);

    return slot->text ? slot->id : -1;
}

static struct slim_merge_slot *merge_slot(const struct slim_bpe *bpe,
                                          uint64_t pair)
{
    for (size_t i = (size_t)pair_hash(pair);; i++) {
        struct slim_merge_slot *slot = &bpe->merges[i & bpe->merge_mask];

        if (slot->id < 0 || slot->pair == pair)
            return slot;
    }
}

const struct slim_merge_slot *slim_bpe_merge(const struct slim_bpe *bpe,
                                             int32_t left, int32_t right)
{
    const struct slim_merge_slot *slot = merge_slot(bpe, pair_of(left, right));

    return slot->id < 0 ? NULL : slot;
}

/* A power of two, at least twice the count: probes stay short. */
static size_t slots_for(size_t count)
{
    size_t slots = 16;

    while (slots / 2 < count)
        slots *= 2;
    return slots;
}

static enum slim_status no_memory(const struct slim_tokenizer_source *from)
{
    (void)slim_fail(from->diag, "O001", from->at,
                    "not enough memory for the tokenizer's tables");
    return SLIM_FAILED;
}

enum slim_status slim_bpe_reserve(struct slim_bpe *bpe, size_t tokens,
                                  const struct slim_tokenizer_source *from)
{
    size_t slots = slots_for(tokens);

    if (tokens == 0)
        return slim_fail(from->diag, "F401", from->at,
                         "the tokenizer's vocabulary is empty");
    bpe->tokens = calloc(slots, sizeof(*bpe->tokens));
    if (!bpe->tokens)
        return no_memory(from);
    bpe->token_mask = slots - 1;
    return SLIM_OK;
}

void slim_bpe_put(struct slim_bpe *bpe, const char *text, size_t length,
                  int32_t id)
{
    uint64_t hash = slim_bpe_hash(text, length);

    *token_slot(bpe, hash, text, length) =
        (struct slim_vocabulary_slot){ hash, text, length, id };
    if (id > bpe->most)
        bpe->most = id;
}

static enum slim_status read_vocabulary(struct slim_bpe *bpe,
                                        const struct slim_tokenizer_source *f,
                                        const json_t *vocabulary)
{
    const char *key;
    json_t *value;

    if (slim_bpe_reserve(bpe, json_object_size(vocabulary), f))
        return SLIM_FAILED;
    /* jansson's iterator hands out keys without constness of the object */
    json_object_foreach((json_t *)(uintptr_t)vocabulary, key, value)
    {
        size_t length = strlen(key);
        json_int_t id = json_integer_value(value);

        if (!json_is_integer(value) || id < 0 || id >= INT32_MAX)
            return slim_fail(f->diag, "F401", f->at,
                             "token \"%s\" of the tokenizer has no valid id",
                             key);
        slim_bpe_put(bpe, slim_arena_strndup(f->arena, key, length), length,
                     (int32_t)id);
    }
    return SLIM_OK;
}

enum slim_status slim_bpe_reserve_merges(
    struct slim_bpe *bpe, size_t merges,
    const struct slim_tokenizer_source *from)
{
    size_t slots = slots_for(merges);

    if (merges > UINT32_MAX)
        return slim_fail(from->diag, "F401", from->at,
                         "the tokenizer has too many merges");
    bpe->merges = malloc(slots * sizeof(*bpe->merges));
    if (!bpe->merges)
        return no_memory(from);
    bpe->merge_mask = slots - 1;
    for (size_t i = 0; i < slots; i++)
        bpe->merges[i].id = -1;
    bpe->cut = slim_bpe_token(bpe, SLIM_MARK, SLIM_MARK_LENGTH) >= 0;
    return SLIM_OK;
}

/* Marks only at its start: no merge into it joins what comes before a mark
 * to the mark. */
static bool starts_alone(const char *text, size_t length)
{
    size_t at = 0;

    while (length - at >= SLIM_MARK_LENGTH &&
           memcmp(text + at, SLIM_MARK, SLIM_MARK_LENGTH) == 0)
        at += SLIM_MARK_LENGTH;
    for (; length - at >= SLIM_MARK_LENGTH; at++)
        if (memcmp(text + at, SLIM_MARK, SLIM_MARK_LENGTH) == 0)
            return false;
    return true;
}

void slim_bpe_put_merge(struct slim_bpe *bpe, int32_t left, int32_t right,
                        uint32_t rank, int32_t whole, const char *text,
                        size_t length)
{
    *merge_slot(bpe, pair_of(left, right)) =
        (struct slim_merge_slot){ pair_of(left, right), rank, whole };
    bpe->cut = bpe->cut && starts_alone(text, length);
}

struct halves {
    const char *left, *right;
    size_t left_length, right_length;
};

/* "A B" or ["A", "B"] */
static bool split_merge(struct halves *out, const json_t *merge)
{
    if (json_is_string(merge)) {
        const char *text = json_string_value(merge);
        const char *space = strchr(text, ' ');

        if (!space || strchr(space + 1, ' '))
            return false;
        *out = (struct halves){ text, space + 1, (size_t)(space - text),
                                strlen(space + 1) };
        return true;
    }
    const json_t *left = json_array_get(merge, 0);
    const json_t *right = json_array_get(merge, 1);

    if (json_array_size(merge) != 2 || !json_is_string(left) ||
        !json_is_string(right))
        return false;
    *out =
        (struct halves){ json_string_value(left), json_string_value(right),
                         json_string_length(left), json_string_length(right) };
    return true;
}

static enum slim_status read_merge(struct slim_bpe *bpe,
                                   const struct slim_tokenizer_source *from,
                                   const json_t *merge, size_t rank,
                                   struct slim_text *joined)
{
    struct halves half;

    /* the header line of merges.txt, which some files carry along */
    if (json_is_string(merge) &&
        strncmp(json_string_value(merge), "#version", 8) == 0)
        return SLIM_OK;
    if (!split_merge(&half, merge))
        return slim_fail(from->diag, "F401", from->at,
                         "merge %zu of the tokenizer is not a pair of tokens",
                         rank);
    joined->length = 0;
    slim_text_append(joined, half.left, half.left_length);
    slim_text_append(joined, half.right, half.right_length);
    int32_t left = slim_bpe_token(bpe, half.left, half.left_length);
    int32_t right = slim_bpe_token(bpe, half.right, half.right_length);
    int32_t whole = slim_bpe_token(bpe, joined->data, joined->length);

    if (left < 0 || right < 0 || whole < 0)
        return slim_fail(
            from->diag, "F401", from->at,
            "merge %zu of the tokenizer, \"%s\" with \"%s\", "
            "names a token outside its vocabulary",
            rank, slim_arena_strndup(from->arena, half.left, half.left_length),
            half.right);
    slim_bpe_put_merge(bpe, left, right, (uint32_t)rank, whole, joined->data,
                       joined->length);
    return SLIM_OK;
}

static enum slim_status read_merges(struct slim_bpe *bpe,
                                    const struct slim_tokenizer_source *from,
                                    const json_t *merges)
{
    size_t count = json_array_size(merges);
    struct slim_text joined = { 0 };
    enum slim_status status = slim_bpe_reserve_merges(bpe, count, from);

    for (size_t i = 0; i < count && !status; i++)
        status = read_merge(bpe, from, json_array_get(merges, i), i, &joined);
    slim_text_free(&joined);
    return status;
}

/* What a model may ask for and no tokenizer of a language model in use does:
 * refused, so that ids are never wrong in silence. */
static enum slim_status refuse_rest(const struct slim_tokenizer_source *from,
                                    const json_t *model)
{
    static const char *const texts[] = { "continuing_subword_prefix",
                                         "end_of_word_suffix" };

    for (size_t i = 0; i < SLIM_COUNT(texts); i++) {
        const char *text = NULL;
        size_t length = 0;

        if (slim_part_text(&text, &length, from, model, texts[i]))
            return SLIM_FAILED;
        if (length > 0)
            return slim_part_unknown(from, texts[i], text);
    }
    const json_t *dropout = json_object_get(model, "dropout");

    if (json_is_number(dropout) && json_number_value(dropout) != 0)
        return slim_fail(from->diag, "F402", from->at,
                         "the tokenizer asks for dropout, which gives other "
                         "ids each time");
    return SLIM_OK;
}

static enum slim_status read_unknown(struct slim_bpe *bpe,
                                     const struct slim_tokenizer_source *from,
                                     const json_t *model)
{
    const char *text = NULL;
    size_t length = 0;

    bpe->unknown = -1;
    if (slim_part_text(&text, &length, from, model, "unk_token"))
        return SLIM_FAILED;
    if (!text)
        return SLIM_OK;
    bpe->unknown = slim_bpe_token(bpe, text, length);
    if (bpe->unknown < 0)
        return slim_fail(from->diag, "F401", from->at,
                         "the tokenizer's unk_token \"%s\" is not in its "
                         "vocabulary",
                         text);
    return SLIM_OK;
}

void slim_bpe_find_bytes(struct slim_bpe *bpe)
{
    static const char digits[] = "0123456789ABCDEF";

    for (size_t i = 0; i < 256; i++) {
        const char name[] = {
            '<', '0', 'x', digits[i / 16], digits[i % 16], '>'
        };

        bpe->bytes[i] = slim_bpe_token(bpe, name, sizeof(name));
    }
}

enum slim_status slim_bpe_need_bytes(const struct slim_bpe *bpe,
                                     const struct slim_tokenizer_source *from)
{
    for (size_t i = 0; bpe->byte_fallback && i < 256; i++)
        if (bpe->bytes[i] < 0)
            return slim_fail(from->diag, "F401", from->at,
                             "the tokenizer falls back to bytes, and has no "
                             "piece \"<0x%02zX>\"",
                             i);
    return SLIM_OK;
}

enum slim_status slim_bpe_read(struct slim_bpe *out,
                               const struct slim_tokenizer_source *from,
                               const json_t *model)
{
    const char *type = NULL;
    size_t length = 0;
    const json_t *vocabulary = NULL, *merges = NULL;

    if (slim_part_text(&type, &length, from, model, "type"))
        return SLIM_FAILED;
    if (type && strcmp(type, "BPE") != 0)
        return slim_part_unknown(from, "model type", type);
    if (slim_part_need(&vocabulary, from, model, "vocab", JSON_OBJECT) ||
        slim_part_need(&merges, from, model, "merges", JSON_ARRAY) ||
        slim_part_bool(&out->byte_fallback, from, model, "byte_fallback") ||
        slim_part_bool(&out->fuse_unknown, from, model, "fuse_unk") ||
        slim_part_bool(&out->ignore_merges, from, model, "ignore_merges") ||
        refuse_rest(from, model) || read_vocabulary(out, from, vocabulary) ||
        read_merges(out, from, merges) || read_unknown(out, from, model))
        return SLIM_FAILED;
    slim_bpe_find_bytes(out);
    return SLIM_OK;
}

void slim_bpe_close(struct slim_bpe *bpe)
{
    free(bpe->tokens);
    free(bpe->merges);
    *bpe = (struct slim_bpe){ 0 };
}
