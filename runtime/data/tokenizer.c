/* tokenizer.c - a text on its way through a tokenizer */
#include "runtime/data/tokenizer.h"

#include "runtime/data/tokenizer_parts.h"

long slim_tokenizer_eos(const struct slim_tokenizer *tokenizer)
{
    return tokenizer->eos;
}

long slim_tokenizer_bos(const struct slim_tokenizer *tokenizer)
{
    return tokenizer->bos;
}

size_t slim_tokenizer_vocabulary(const struct slim_tokenizer *tokenizer)
{
    return tokenizer->vocabulary;
}

uint64_t slim_tokenizer_steps(const struct slim_tokenizer *tokenizer)
{
    return tokenizer->work->bpe.steps + tokenizer->work->unigram.steps;
}

/* What a stretch between added tokens goes through. */
typedef enum slim_status stretch_runner(struct slim_work *work,
                                        struct slim_piece piece);

/* Cuts the piece at the added tokens of a trie. */
static enum slim_status run_added(struct slim_work *work,
                                  const struct slim_trie *trie,
                                  struct slim_piece piece, stretch_runner *run)
{
    size_t done = 0;
    struct slim_added_hit hit = { 0 };

    do {
        if (slim_added_next(&hit, &work->tokenizer->added, trie, piece.text,
                            piece.length, hit.resume, work->diag))
            return SLIM_FAILED;
        /* white space that one token took is not the next one's */
        if (hit.begin > done &&
            run(work, (struct slim_piece){ piece.text + done, hit.begin - done,
                                           piece.first && done == 0 }))
            return SLIM_FAILED;
        if (hit.id >= 0 && slim_ids_add(work->out, hit.id, work->diag))
            return SLIM_FAILED;
        done = hit.end;
    } while (hit.id >= 0);
    return SLIM_OK;
}

static enum slim_status run_splits(struct slim_work *work,
                                   struct slim_piece piece)
{
    return slim_split_run(work, 0, piece);
}

static enum slim_status run_normal(struct slim_work *work,
                                   struct slim_piece piece)
{
    const struct slim_tokenizer *tokenizer = work->tokenizer;

    if (tokenizer->normalizers.count > 0) {
        if (slim_normalize(&work->normal, &work->spare, &tokenizer->normalizers,
                           piece.text, piece.length, piece.first, work->diag))
            return SLIM_FAILED;
        piece.text = work->normal.data ? work->normal.data : "";
        piece.length = work->normal.length;
    }
    return run_added(work, &tokenizer->added.normalized, piece, run_splits);
}

static enum slim_status add_ids(struct slim_ids *out,
                                const struct slim_ids *ids,
                                struct slim_diag *diag)
{
    for (size_t i = 0; i < ids->count; i++)
        if (slim_ids_add(out, ids->items[i], diag))
            return SLIM_FAILED;
    return SLIM_OK;
}

enum slim_status slim_tokenizer_encode(struct slim_ids *out,
                                       const struct slim_tokenizer *tokenizer,
                                       const char *text, size_t length,
                                       bool special, struct slim_diag *diag)
{
    struct slim_work *work = tokenizer->work;
    size_t valid = slim_text_utf8_valid(text, length);

    if (valid != length)
        return slim_fail(diag, "F403", (struct slim_span){ 0 },
                         "the text is not UTF-8 at byte %zu", valid);
    work->out = out;
    work->diag = diag;
    if ((special && add_ids(out, &tokenizer->frame.before, diag)) ||
        run_added(work, &tokenizer->added.raw,
                  (struct slim_piece){ text, length, true }, run_normal))
        return SLIM_FAILED;
    return special ? add_ids(out, &tokenizer->frame.after, diag) : SLIM_OK;
}
