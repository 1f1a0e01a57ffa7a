/* unigram.c - the most probable pieces of a text */
#include "runtime/data/tokenizer_parts.h"

#include <stdlib.h>

/* What SentencePiece takes off the least score for an unknown character. */
#define UNKNOWN_PENALTY 10.0

/* Score of a piece; the user's own are always taken. */
static double score_of(const struct slim_unigram *model, int32_t id,
                       size_t length)
{
    if (model->user && model->user[id])
        return (double)((float)length * (float)model->most - 0.1f);
    return model->scores[id];
}

static double sum(const struct slim_unigram *model, double a, double b)
{
    return model->narrow ? (double)((float)a + (float)b) : a + b;
}

static void offer(struct slim_best *end, int32_t id, size_t begin, double score)
{
    if (end->id == SLIM_UNREACHED || score > end->score)
        *end = (struct slim_best){ id, score, begin };
}

static size_t character_length(unsigned char lead)
{
    return lead < 0xc0 ? 1 : lead < 0xe0 ? 2 : lead < 0xf0 ? 3 : 4;
}

/* All pieces that begin at `at`; an unknown one where none is a character. */
static void offer_from(struct slim_unigram_work *work,
                       const struct slim_unigram *model, const char *text,
                       size_t length, size_t at, size_t character)
{
    double before = at ? work->best[at].score : 0;
    bool single = false;
    uint32_t node = 0;

    for (size_t i = at; i < length; i++) {
        node = slim_trie_child(&model->pieces, node, (unsigned char)text[i]);
        work->steps++;
        if (!node)
            break;
        int32_t id = model->pieces.nodes[node].token;

        if (id < 0)
            continue;
        size_t used = i + 1 - at;

        offer(&work->best[i + 1], id, at,
              sum(model, score_of(model, id, used), before));
        single = single || used == character;
    }
    if (!single)
        offer(&work->best[at + character], SLIM_UNKNOWN, at,
              sum(model, model->least - UNKNOWN_PENALTY, before));
}

/* Follows the best pieces from the end; begin[] of each piece then holds its
 * end, so that they can be read forwards. */
static void turn(struct slim_best *best, size_t length)
{
    size_t end = length;
    struct slim_best piece = best[end];

    while (end > 0) {
        size_t begin = piece.begin;
        struct slim_best before = best[begin];

        best[begin] = (struct slim_best){ piece.id, piece.score, end };
        end = begin;
        piece = before;
    }
}

/* An unknown piece: its bytes, or one unknown token for a run of them. */
static enum slim_status put_unknown(struct slim_ids *out,
                                    const struct slim_bpe *words,
                                    const char *text, size_t length, bool again,
                                    struct slim_diag *diag)
{
    if (!words->byte_fallback)
        return again ? SLIM_OK : slim_ids_add(out, words->unknown, diag);
    for (size_t i = 0; i < length; i++)
        if (slim_ids_add(out, words->bytes[(unsigned char)text[i]], diag))
            return SLIM_FAILED;
    return SLIM_OK;
}

/* The unknown token's own text is like any other that is not known, but where it
 * stands alone. */
static bool is_unknown(const struct slim_bpe *words, int32_t id)
{
    return id == SLIM_UNKNOWN || id == words->unknown;
}

enum slim_status slim_unigram_encode(struct slim_ids *out,
                                     const struct slim_unigram *model,
                                     const struct slim_bpe *words,
                                     struct slim_unigram_work *work,
                                     const char *text, size_t length,
                                     struct slim_diag *diag)
{
    void *best = work->best;
    bool unknown = false;

    if (slim_grow(&best, &work->capacity, length + 1, sizeof(*work->best),
                  diag))
        return SLIM_FAILED;
    work->best = best;
    for (size_t i = 0; i <= length; i++)
        work->best[i].id = SLIM_UNREACHED;
    for (size_t at = 0, step; at < length; at += step) {
        step = character_length((unsigned char)text[at]);
        if (step > length - at)
            step = length - at;
        offer_from(work, model, text, length, at, step);
    }
    turn(work->best, length);
    for (size_t at = 0; at < length; at = work->best[at].begin) {
        struct slim_best piece = work->best[at];
        bool again = unknown;
        size_t end = piece.begin;

        unknown = is_unknown(words, piece.id);
        bool alone = piece.id == words->unknown && !again &&
                     !(end < length && is_unknown(words, work->best[end].id));
        if (unknown && !alone ? put_unknown(out, words, text + at,
                                            piece.begin - at, again, diag)
                              : slim_ids_add(out, piece.id, diag))
            return SLIM_FAILED;
    }
    return SLIM_OK;
}

void slim_unigram_close(struct slim_unigram *model)
{
    slim_trie_close(&model->pieces);
    free(model->scores);
    free(model->user);
    *model = (struct slim_unigram){ 0 };
}
