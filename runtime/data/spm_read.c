/* spm_read.c - tokenizer.model of SentencePiece: pieces, rules, special tokens
 */
#include "runtime/data/tokenizer_parts.h"

#include "base/file.h"
#include "runtime/data/sentencepiece.pb-c.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum piece_type { NORMAL = 1, UNKNOWN, CONTROL, USER, UNUSED, BYTE };
enum model_type { UNIGRAM = 1, BPE };

/* A file on its way into a tokenizer. */
struct reading {
    struct slim_tokenizer *tokenizer;
    const struct slim_tokenizer_source *from;
    const Sentencepiece__Model *model;
    const Sentencepiece__TrainerSpec *trainer; /* with defaults */
};

static enum slim_status wrong(const struct reading *reading, size_t piece,
                              const char *reason)
{
    return slim_fail(reading->from->diag, "F401", reading->from->at,
                     "piece %zu of the tokenizer %s", piece, reason);
}

/* ---- pieces ---- */

static enum slim_status put_piece(struct reading *reading, size_t i)
{
    struct slim_bpe *words = &reading->tokenizer->bpe;
    const Sentencepiece__Piece *piece = reading->model->pieces[i];
    size_t length = piece->piece ? strlen(piece->piece) : 0;

    if (length == 0 || slim_text_utf8_valid(piece->piece, length) != length)
        return wrong(reading, i, "is empty or not UTF-8");
    if (piece->type < NORMAL || piece->type > BYTE)
        return wrong(reading, i, "is of no known type");
    if (!isfinite(piece->score))
        return wrong(reading, i, "has a score that is no number");
    if (slim_bpe_token(words, piece->piece, length) >= 0)
        return wrong(reading, i, "is there twice");
    if (piece->type == UNKNOWN) {
        if (words->unknown >= 0)
            return wrong(reading, i, "is a second unknown one");
        words->unknown = (int32_t)i;
    }
    slim_bpe_put(words,
                 slim_arena_strndup(reading->from->arena, piece->piece, length),
                 length, (int32_t)i);
    return SLIM_OK;
}

static enum slim_status put_pieces(struct reading *reading)
{
    struct slim_bpe *words = &reading->tokenizer->bpe;
    const struct slim_tokenizer_source *from = reading->from;

    words->unknown = -1;
    words->fuse_unknown = true;
    words->byte_fallback = reading->trainer->byte_fallback != 0;
    if (reading->model->n_pieces >= INT32_MAX)
        return slim_fail(from->diag, "F401", from->at,
                         "the tokenizer has too many pieces");
    if (slim_bpe_reserve(words, reading->model->n_pieces, from))
        return SLIM_FAILED;
    for (size_t i = 0; i < reading->model->n_pieces; i++)
        if (put_piece(reading, i))
            return SLIM_FAILED;
    slim_bpe_find_bytes(words);
    if (words->unknown < 0)
        return slim_fail(from->diag, "F401", from->at,
                         "the tokenizer has no unknown piece");
    return slim_bpe_need_bytes(words, from);
}

/* ---- BPE ---- */

struct ranked {
    float score;
    int32_t id;
};

/* Best score first: that merge is made first. */
static int by_score(const void *a, const void *b)
{
    float x = ((const struct ranked *)a)->score;
    float y = ((const struct ranked *)b)->score;

    return (x < y) - (x > y);
}

static bool starts_character(char c)
{
    return ((unsigned char)c >> 6) != 2;
}

static bool mergeable(const struct reading *reading, int32_t id)
{
    return id >= 0 && reading->model->pieces[id]->type == NORMAL;
}

/* A piece comes from any two pieces that make it. */
static void put_merges(struct reading *reading, int32_t id, uint32_t rank)
{
    struct slim_bpe *words = &reading->tokenizer->bpe;
    const char *text = reading->model->pieces[id]->piece;
    size_t length = strlen(text);

    for (size_t i = 1; i < length; i++) {
        if (!starts_character(text[i]))
            continue;
        int32_t left = slim_bpe_token(words, text, i);
        int32_t right = slim_bpe_token(words, text + i, length - i);

        if (mergeable(reading, left) && mergeable(reading, right))
            slim_bpe_put_merge(words, left, right, rank, id, text, length);
    }
}

static enum slim_status rank_merges(struct reading *reading,
                                    struct ranked *order)
{
    size_t count = 0, most = 0;

    for (size_t i = 0; i < reading->model->n_pieces; i++) {
        const Sentencepiece__Piece *piece = reading->model->pieces[i];

        if (piece->type == UNUSED)
            return slim_fail(reading->from->diag, "F402", reading->from->at,
                             "piece %zu of the tokenizer is unused, which "
                             "slimc knows in unigram models only",
                             i);
        if (piece->type != NORMAL)
            continue;
        order[count++] = (struct ranked){ piece->score, (int32_t)i };
        most += strlen(piece->piece);
    }
    if (slim_bpe_reserve_merges(&reading->tokenizer->bpe, most, reading->from))
        return SLIM_FAILED;
    qsort(order, count, sizeof(*order), by_score);
    for (size_t i = 0, rank = 0; i < count; i++) {
        if (i > 0 && order[i].score < order[i - 1].score)
            rank = i; /* equal scores merge from left to right */
        put_merges(reading, order[i].id, (uint32_t)rank);
    }
    return SLIM_OK;
}

static enum slim_status read_bpe(struct reading *reading)
{
    struct ranked *order =
        calloc(reading->model->n_pieces, sizeof(struct ranked));

    if (!order)
        return slim_fail(reading->from->diag, "O001", reading->from->at,
                         "not enough memory for the tokenizer's tables");
    enum slim_status status = rank_merges(reading, order);

    free(order);
    return status;
}

/* ---- unigram ---- */

static enum slim_status put_scores(struct reading *reading)
{
    struct slim_unigram *out = &reading->tokenizer->unigram;
    bool any = false;

    for (size_t i = 0; i < reading->model->n_pieces; i++) {
        const Sentencepiece__Piece *piece = reading->model->pieces[i];

        out->scores[i] = (double)piece->score;
        out->user[i] = piece->type == USER;
        if (piece->type == NORMAL) {
            if (!any || out->scores[i] < out->least)
                out->least = out->scores[i];
            if (out->scores[i] > out->most) /* 0 at least, as the original */
                out->most = out->scores[i];
            any = true;
        }
        if ((piece->type == NORMAL || piece->type == USER) &&
            slim_trie_add(&out->pieces, piece->piece, strlen(piece->piece),
                          (int32_t)i, reading->from->diag))
            return SLIM_FAILED;
    }
    return SLIM_OK;
}

static enum slim_status read_unigram(struct reading *reading)
{
    struct slim_unigram *out = &reading->tokenizer->unigram;
    size_t count = reading->model->n_pieces;

    out->scores = calloc(count, sizeof(*out->scores));
    out->user = calloc(count, sizeof(*out->user));
    out->narrow = true;
    if (!out->scores || !out->user)
        return slim_fail(reading->from->diag, "O001", reading->from->at,
                         "not enough memory for the tokenizer's tables");
    return put_scores(reading);
}

static enum slim_status read_kind(struct reading *reading)
{
    uint32_t type = reading->trainer->model_type;

    if (type == BPE)
        return read_bpe(reading);
    if (type == UNIGRAM)
        return read_unigram(reading);
    return slim_fail(reading->from->diag, "F402", reading->from->at,
                     "the tokenizer's model is SentencePiece's kind %u, and "
                     "slimc knows unigram (1) and BPE (2)",
                     (unsigned)type);
}

/* ---- rules and special tokens ---- */

/* Pieces of the user pass the normalizer as they are; BPE never merges them,
 * so that they are like added tokens there. */
static enum slim_status keep_user_pieces(struct reading *reading,
                                         struct slim_spm_rules *rules)
{
    struct slim_tokenizer *tokenizer = reading->tokenizer;
    const struct slim_tokenizer_source *from = reading->from;

    for (size_t i = 0; i < reading->model->n_pieces; i++) {
        const char *text = reading->model->pieces[i]->piece;
        size_t length = strlen(text);

        if (reading->model->pieces[i]->type != USER)
            continue;
        if (slim_trie_add(&rules->kept, text, length, (int32_t)i, from->diag))
            return SLIM_FAILED;
        if (!tokenizer->unigram.scores &&
            slim_added_piece(&tokenizer->added,
                             slim_arena_strndup(from->arena, text, length),
                             length, (int32_t)i, from->diag))
            return SLIM_FAILED;
    }
    return SLIM_OK;
}

static enum slim_status read_rules(struct reading *reading,
                                   const json_t *config)
{
    Sentencepiece__NormalizerSpec plain = SENTENCEPIECE__NORMALIZER_SPEC__INIT;
    const Sentencepiece__NormalizerSpec *spec =
        reading->model->normalizer_spec ? reading->model->normalizer_spec
                                        : &plain;
    struct slim_tokenizer *tokenizer = reading->tokenizer;
    struct slim_spm_rules *rules = &tokenizer->rules;
    bool legacy = true;

    if (slim_part_bool(&legacy, reading->from, config, "legacy"))
        return SLIM_FAILED;
    rules->prefix = spec->add_dummy_prefix != 0;
    rules->squeeze = spec->remove_extra_whitespaces != 0;
    rules->escape = spec->escape_whitespaces != 0;
    rules->suffix = reading->trainer->treat_whitespace_as_suffix != 0;
    rules->first_only = !legacy;
    tokenizer->normalizers.items[tokenizer->normalizers.count++] =
        (struct slim_part){ .kind = &slim_spm_normalizer, .rules = rules };
    if (slim_charsmap_read(rules, reading->from,
                           spec->precompiled_charsmap.data,
                           spec->precompiled_charsmap.len))
        return SLIM_FAILED;
    return keep_user_pieces(reading, rules);
}

/* What transformers takes for given where tokenizer_config.json is silent. */
static enum slim_status add_defaults(const struct reading *reading,
                                     json_t *config)
{
    const Sentencepiece__TrainerSpec *trainer = reading->trainer;
    const char *bos = trainer->bos_piece;
    bool has_bos =
        slim_bpe_token(&reading->tokenizer->bpe, bos, strlen(bos)) >= 0;
    json_t *defaults =
        json_pack("{s:s,s:s,s:s}", "unk_token", trainer->unk_piece, "bos_token",
                  bos, "eos_token", trainer->eos_piece);

    if (!defaults)
        return slim_fail(reading->from->diag, "F401", reading->from->at,
                         "a special piece of the tokenizer is not UTF-8");
    bool failed = json_object_update_missing(config, defaults) != 0;

    json_decref(defaults);
    if (has_bos && !json_object_get(config, "add_bos_token"))
        failed =
            json_object_set_new(config, "add_bos_token", json_true()) != 0 ||
            failed;
    return failed ? slim_fail(reading->from->diag, "O001", reading->from->at,
                              "not enough memory for the tokenizer's tables")
                  : SLIM_OK;
}

static enum slim_status read_model(struct reading *reading, json_t *config)
{
    if (put_pieces(reading) || read_kind(reading) ||
        read_rules(reading, config))
        return SLIM_FAILED;
    return add_defaults(reading, config);
}

enum slim_status slim_spm_read(struct slim_tokenizer *out,
                               const struct slim_tokenizer_source *from,
                               const char *path, json_t *config)
{
    Sentencepiece__TrainerSpec plain = SENTENCEPIECE__TRAINER_SPEC__INIT;
    struct slim_map map;

    if (slim_map_open(&map, path, from->at, from->diag))
        return SLIM_FAILED;
    Sentencepiece__Model *model =
        sentencepiece__model__unpack(NULL, map.length, map.data);

    slim_map_close(&map);
    if (!model)
        return slim_fail(from->diag, "F401", from->at,
                         "\"%s\" is not a SentencePiece model", path);
    struct reading reading = { out, from, model,
                               model->trainer_spec ? model->trainer_spec
                                                   : &plain };
    enum slim_status status = read_model(&reading, config);

    sentencepiece__model__free_unpacked(model, NULL);
    return status;
}
