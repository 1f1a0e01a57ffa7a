/* bpe.c - byte-pair merging of one word, in n log n steps */
#include "runtime/data/tokenizer_parts.h"

#include <stdlib.h>
#include <string.h>

/* Words met before: most text repeats a few thousand of them. */
#define WORD_SLOTS ((size_t)1 << 15)
#define WORD_LONGEST 128
#define WORD_POOL ((size_t)4 << 20)

/* ---- symbols ---- */

static enum slim_status add_symbol(struct slim_bpe_work *work, int32_t id,
                                   struct slim_diag *diag)
{
    void *items = work->symbols;

    if (slim_grow(&items, &work->symbol_capacity, work->symbol_count + 1,
                  sizeof(*work->symbols), diag))
        return SLIM_FAILED;
    work->symbols = items;
    int32_t at = (int32_t)work->symbol_count++;

    work->symbols[at] = (struct slim_symbol){ id, at - 1, at + 1, false };
    return SLIM_OK;
}

static size_t character_length(unsigned char lead)
{
    return lead < 0x80 ? 1 : lead < 0xe0 ? 2 : lead < 0xf0 ? 3 : 4;
}

static enum slim_status add_bytes(struct slim_bpe_work *work, bool *known,
                                  const struct slim_bpe *bpe, const char *text,
                                  size_t length, struct slim_diag *diag)
{
    *known = true;
    for (size_t i = 0; i < length; i++)
        *known = *known && bpe->bytes[(unsigned char)text[i]] >= 0;
    for (size_t i = 0; *known && i < length; i++)
        if (add_symbol(work, bpe->bytes[(unsigned char)text[i]], diag))
            return SLIM_FAILED;
    return SLIM_OK;
}

/*
 * Characters to symbols. A character outside the vocabulary is its bytes where
 * the model has them all, else the unknown token (one for a run of them if
 * the model fuses), else, as in Hugging Face's library, nothing. An unknown
 * token waits for the next known character: bytes go past it there too.
 */
static enum slim_status add_symbols(struct slim_bpe_work *work,
                                    const struct slim_bpe *bpe,
                                    const char *text, size_t length,
                                    struct slim_diag *diag)
{
    bool waiting = false, bytes;

    work->symbol_count = 0;
    for (size_t i = 0, step; i < length; i += step) {
        step = character_length((unsigned char)text[i]);
        if (step > length - i)
            step = length - i;
        int32_t id = slim_bpe_token(bpe, text + i, step);

        if (id >= 0) {
            if ((waiting && add_symbol(work, bpe->unknown, diag)) ||
                add_symbol(work, id, diag))
                return SLIM_FAILED;
            waiting = false;
            continue;
        }
        bytes = false;
        if (bpe->byte_fallback &&
            add_bytes(work, &bytes, bpe, text + i, step, diag))
            return SLIM_FAILED;
        if (bytes || bpe->unknown < 0)
            continue;
        if (waiting && !bpe->fuse_unknown &&
            add_symbol(work, bpe->unknown, diag))
            return SLIM_FAILED;
        waiting = true;
    }
    return waiting ? add_symbol(work, bpe->unknown, diag) : SLIM_OK;
}

/* ---- a heap of candidates: lowest rank first, then leftmost ---- */

static bool before(struct slim_candidate a, struct slim_candidate b)
{
    return a.rank != b.rank ? a.rank < b.rank : a.at < b.at;
}

static enum slim_status push(struct slim_bpe_work *work,
                             struct slim_candidate item, struct slim_diag *diag)
{
    void *items = work->heap;

    if (slim_grow(&items, &work->heap_capacity, work->heap_count + 1,
                  sizeof(*work->heap), diag))
        return SLIM_FAILED;
    work->heap = items;
    work->steps++;
    size_t at = work->heap_count++;

    while (at > 0 && before(item, work->heap[(at - 1) / 2])) {
        work->heap[at] = work->heap[(at - 1) / 2];
        at = (at - 1) / 2;
    }
    work->heap[at] = item;
    return SLIM_OK;
}

static struct slim_candidate pop(struct slim_bpe_work *work)
{
    struct slim_candidate *heap = work->heap, top = heap[0];
    size_t count = --work->heap_count, at = 0;

    if (count == 0)
        return top;
    struct slim_candidate item = heap[count];

    for (;;) {
        size_t child = 2 * at + 1;

        if (child >= count)
            break;
        if (child + 1 < count && before(heap[child + 1], heap[child]))
            child++;
        if (!before(heap[child], item))
            break;
        heap[at] = heap[child];
        at = child;
    }
    heap[at] = item;
    return top;
}

/* ---- merging ---- */

static enum slim_status consider(struct slim_bpe_work *work,
                                 const struct slim_bpe *bpe, int32_t at,
                                 struct slim_diag *diag)
{
    const struct slim_symbol *left = &work->symbols[at];

    if (left->next < 0)
        return SLIM_OK;
    const struct slim_merge_slot *merge =
        slim_bpe_merge(bpe, left->id, work->symbols[left->next].id);

    if (!merge)
        return SLIM_OK;
    return push(work, (struct slim_candidate){ merge->rank, at, merge->id },
                diag);
}

static enum slim_status merge_all(struct slim_bpe_work *work,
                                  const struct slim_bpe *bpe,
                                  struct slim_diag *diag)
{
    struct slim_symbol *symbols = work->symbols;

    work->heap_count = 0;
    for (size_t i = 0; i + 1 < work->symbol_count; i++)
        if (consider(work, bpe, (int32_t)i, diag))
            return SLIM_FAILED;
    while (work->heap_count > 0) {
        struct slim_candidate top = pop(work);
        struct slim_symbol *left = &symbols[top.at];

        if (left->gone || left->next < 0)
            continue;
        struct slim_symbol *right = &symbols[left->next];
        const struct slim_merge_slot *merge =
            slim_bpe_merge(bpe, left->id, right->id);

        /* the pair that was pushed may be gone */
        if (!merge || merge->id != top.id)
            continue;
        left->id = top.id;
        left->next = right->next;
        right->gone = true;
        if (left->next >= 0)
            symbols[left->next].previous = top.at;
        if ((left->previous >= 0 &&
             consider(work, bpe, left->previous, diag)) ||
            consider(work, bpe, top.at, diag))
            return SLIM_FAILED;
    }
    return SLIM_OK;
}

static enum slim_status merge_word(struct slim_ids *out,
                                   const struct slim_bpe *bpe,
                                   struct slim_bpe_work *work, const char *text,
                                   size_t length, struct slim_diag *diag)
{
    if (length >= INT32_MAX)
        return slim_fail(diag, "O003", (struct slim_span){ 0 },
                         "a word of the text has %zu bytes, and 2 GiB is the "
                         "most that can be tokenized in one",
                         length);
    if (add_symbols(work, bpe, text, length, diag))
        return SLIM_FAILED;
    if (work->symbol_count > 0)
        work->symbols[work->symbol_count - 1].next = -1;
    if (merge_all(work, bpe, diag))
        return SLIM_FAILED;
    for (size_t i = 0; i < work->symbol_count; i++)
        if (!work->symbols[i].gone &&
            slim_ids_add(out, work->symbols[i].id, diag))
            return SLIM_FAILED;
    return SLIM_OK;
}

/* ---- the words met before ---- */

static struct slim_word *word_slot(struct slim_bpe_work *work, uint64_t hash,
                                   const char *text, size_t length)
{
    for (size_t i = (size_t)hash;; i++) {
        struct slim_word *word = &work->words[i & (WORD_SLOTS - 1)];

        if (!word->used ||
            (word->hash == hash && word->length == length &&
             memcmp(work->texts.data + word->text, text, length) == 0))
            return word;
    }
}

/* The word's ids are those of `out` from `start` on. */
static enum slim_status remember(struct slim_bpe_work *work, uint64_t hash,
                                 const char *text, size_t length,
                                 const struct slim_ids *out, size_t start,
                                 struct slim_diag *diag)
{
    size_t count = out->count - start;

    if (work->word_count > WORD_SLOTS / 4 * 3 ||
        work->texts.length > WORD_POOL) {
        memset(work->words, 0, WORD_SLOTS * sizeof(*work->words));
        work->word_count = work->texts.length = work->ids.count = 0;
    }
    struct slim_word *word = word_slot(work, hash, text, length);

    *word = (struct slim_word){ hash,   work->texts.length,
                                length, work->ids.count,
                                count,  true };
    slim_text_append(&work->texts, text, length);
    work->word_count++;
    for (size_t i = 0; i < count; i++)
        if (slim_ids_add(&work->ids, out->items[start + i], diag))
            return SLIM_FAILED;
    return SLIM_OK;
}

/* One word: what was found for it before, or what its merging gives. */
static enum slim_status encode_word(struct slim_ids *out,
                                    const struct slim_bpe *bpe,
                                    struct slim_bpe_work *work,
                                    const char *text, size_t length,
                                    struct slim_diag *diag)
{
    size_t start = out->count;

    if (length > WORD_LONGEST)
        return merge_word(out, bpe, work, text, length, diag);
    if (!work->words) {
        work->words = calloc(WORD_SLOTS, sizeof(*work->words));
        if (!work->words)
            return merge_word(out, bpe, work, text, length, diag);
    }
    uint64_t hash = slim_bpe_hash(text, length);
    const struct slim_word *word = word_slot(work, hash, text, length);

    if (word->used) {
        for (size_t i = 0; i < word->count; i++)
            if (slim_ids_add(out, work->ids.items[word->ids + i], diag))
                return SLIM_FAILED;
        return SLIM_OK;
    }
    if (merge_word(out, bpe, work, text, length, diag))
        return SLIM_FAILED;
    return remember(work, hash, text, length, out, start, diag);
}

/* The next mark, after something else, from `at` on; `length` if none is. */
static size_t next_start(const char *text, size_t length, size_t at)
{
    bool marks = true;

    while (at < length) {
        bool mark = length - at >= SLIM_MARK_LENGTH &&
                    memcmp(text + at, SLIM_MARK, SLIM_MARK_LENGTH) == 0;

        if (mark && !marks)
            return at;
        marks = mark;
        at += mark ? SLIM_MARK_LENGTH : 1;
    }
    return length;
}

/*
 * SentencePiece merges a whole text as one word. Where no merge joins
 * something to a mark after it, nothing merges across the start of a word:
 * the words give the same ids one by one, and most were met before.
 */
enum slim_status slim_bpe_encode(struct slim_ids *out,
                                 const struct slim_bpe *bpe,
                                 struct slim_bpe_work *work, const char *text,
                                 size_t length, struct slim_diag *diag)
{
    if (bpe->ignore_merges) {
        int32_t id = slim_bpe_token(bpe, text, length);

        if (id >= 0)
            return slim_ids_add(out, id, diag);
    }
    if (!bpe->cut)
        return encode_word(out, bpe, work, text, length, diag);
    for (size_t at = 0, end; at < length; at = end) {
        end = next_start(text, length, at);
        if (encode_word(out, bpe, work, text + at, end - at, diag))
            return SLIM_FAILED;
    }
    return SLIM_OK;
}

void slim_bpe_work_free(struct slim_bpe_work *work)
{
    free(work->symbols);
    free(work->heap);
    free(work->words);
    slim_text_free(&work->texts);
    slim_ids_free(&work->ids);
}
