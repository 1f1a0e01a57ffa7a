/* tokenizer.h - text to token ids, as Hugging Face's tokenizers do it */
#ifndef SLIM_TOKENIZER_H
#define SLIM_TOKENIZER_H

#include "base/diag.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct slim_tokenizer;

/* Growing list of ids. */
struct slim_ids {
    int32_t *items;
    size_t count, capacity;
};
void slim_ids_free(struct slim_ids *ids);

/* Reads the first of these that DIR has: tokenizer.json; tokenizer.model of
 * SentencePiece; vocab.json with merges.txt. Beside them tokenizer_config.json
 * says add_bos_token and names, and for the last two special_tokens_map.json
 * and added_tokens.json do. Parts that are not known are an error that names
 * them. */
SLIM_NODISCARD enum slim_status slim_tokenizer_open(struct slim_tokenizer **out,
                                                    const char *directory,
                                                    struct slim_span at,
                                                    struct slim_diag *diag);
/* Whether DIR has files that it would read. */
bool slim_tokenizer_there(struct slim_arena *arena, const char *directory);
void slim_tokenizer_close(struct slim_tokenizer *tokenizer);

/* Appends the ids of UTF-8 text. `special`: as encode() does by default, with
 * BOS and EOS where the tokenizer adds them. Equal to Hugging Face's ids. */
SLIM_NODISCARD enum slim_status slim_tokenizer_encode(
    struct slim_ids *out, const struct slim_tokenizer *tokenizer,
    const char *text, size_t length, bool special, struct slim_diag *diag);

long slim_tokenizer_eos(const struct slim_tokenizer *tokenizer); /* -1: none */
long slim_tokenizer_bos(const struct slim_tokenizer *tokenizer);
/* Candidates for merging, or steps in the tree of pieces, since it was opened:
 * what its time goes by, for tests that it stays linear. */
uint64_t slim_tokenizer_steps(const struct slim_tokenizer *tokenizer);
size_t slim_tokenizer_vocabulary(const struct slim_tokenizer *tokenizer);

#endif
