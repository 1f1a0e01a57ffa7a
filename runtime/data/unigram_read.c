/* unigram_read.c - pieces and scores of a unigram model in tokenizer.json */
#include "runtime/data/tokenizer_parts.h"

#include <math.h>
#include <stdlib.h>

static enum slim_status wrong(const struct slim_tokenizer_source *from,
                              size_t piece, const char *reason)
{
    return slim_fail(from->diag, "F401", from->at,
                     "piece %zu of the tokenizer %s", piece, reason);
}

/* [TEXT, SCORE]: every piece may be found in a text, special ones too. */
static enum slim_status read_piece(struct slim_unigram *out,
                                   struct slim_bpe *words,
                                   const struct slim_tokenizer_source *from,
                                   const json_t *piece, size_t i)
{
    const json_t *text = json_array_get(piece, 0);
    const json_t *score = json_array_get(piece, 1);

    if (json_array_size(piece) != 2 || !json_is_string(text) ||
        !json_is_number(score))
        return wrong(from, i, "is not a text and a score");
    size_t length = json_string_length(text);
    const char *copy =
        slim_arena_strndup(from->arena, json_string_value(text), length);

    out->scores[i] = json_number_value(score);
    if (length == 0 || !isfinite(out->scores[i]))
        return wrong(from, i, "is empty, or its score is no number");
    if (slim_bpe_token(words, copy, length) >= 0)
        return wrong(from, i, "is there twice");
    if (i == 0 || out->scores[i] < out->least)
        out->least = out->scores[i];
    slim_bpe_put(words, copy, length, (int32_t)i);
    return slim_trie_add(&out->pieces, copy, length, (int32_t)i, from->diag);
}

static enum slim_status read_pieces(struct slim_unigram *out,
                                    struct slim_bpe *words,
                                    const struct slim_tokenizer_source *from,
                                    const json_t *list)
{
    size_t count = json_array_size(list);

    if (count == 0 || count >= INT32_MAX)
        return slim_fail(from->diag, "F401", from->at,
                         "the tokenizer has no pieces, or too many");
    out->scores = calloc(count, sizeof(*out->scores));
    if (!out->scores)
        return slim_fail(from->diag, "O001", from->at,
                         "not enough memory for the tokenizer's tables");
    if (slim_bpe_reserve(words, count, from))
        return SLIM_FAILED;
    for (size_t i = 0; i < count; i++)
        if (read_piece(out, words, from, json_array_get(list, i), i))
            return SLIM_FAILED;
    slim_bpe_find_bytes(words);
    return SLIM_OK;
}

enum slim_status slim_unigram_read(struct slim_unigram *out,
                                   struct slim_bpe *words,
                                   const struct slim_tokenizer_source *from,
                                   const json_t *model)
{
    const json_t *list = NULL;

    if (slim_part_need(&list, from, model, "vocab", JSON_ARRAY) ||
        slim_part_id(&words->unknown, from, model, "unk_id") ||
        slim_part_bool(&words->byte_fallback, from, model, "byte_fallback"))
        return SLIM_FAILED;
    if ((size_t)words->unknown >= json_array_size(list))
        return slim_fail(from->diag, "F401", from->at,
                         "the tokenizer's unk_id %ld is no piece",
                         (long)words->unknown);
    return read_pieces(out, words, from, list)
               ? SLIM_FAILED
               : slim_bpe_need_bytes(words, from);
}
