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

/* Reads DIR/tokenizer.json (and tokenizer_config.json for add_bos_token and
 * names). Pipeline parts that are not known are an error that names them. */
SLIM_NODISCARD enum slim_status slim_tokenizer_open(struct slim_tokenizer **out,
                                                    const char *directory,
                                                    struct slim_span at,
                                                    struct slim_diag *diag);
void slim_tokenizer_close(struct slim_tokenizer *tokenizer);

/* Appends the ids of UTF-8 text. `special`: as encode() does by default, with
 * BOS and EOS where the tokenizer adds them. Equal to Hugging Face's ids. */
SLIM_NODISCARD enum slim_status slim_tokenizer_encode(
    struct slim_ids *out, const struct slim_tokenizer *tokenizer,
    const char *text, size_t length, bool special, struct slim_diag *diag);

long slim_tokenizer_eos(const struct slim_tokenizer *tokenizer); /* -1: none */
long slim_tokenizer_bos(const struct slim_tokenizer *tokenizer);
size_t slim_tokenizer_vocabulary(const struct slim_tokenizer *tokenizer);

#endif
