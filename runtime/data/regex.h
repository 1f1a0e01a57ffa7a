/* regex.h - regular expressions as tokenizer files write them */
#ifndef SLIM_REGEX_H
#define SLIM_REGEX_H

#include "base/diag.h"

#include <stdbool.h>
#include <stddef.h>

/*
 * Tokenizer files are written for Oniguruma with Ruby's syntax; PCRE2 reads
 * the same patterns but for a few classes, which are translated, and a few
 * constructs, which are refused with an error.
 */
struct slim_regex;

/* `literal`: the pattern is text to find as it stands. */
SLIM_NODISCARD enum slim_status slim_regex_open(struct slim_regex **out,
                                                const char *pattern,
                                                size_t length, bool literal,
                                                struct slim_span at,
                                                struct slim_diag *diag);
void slim_regex_close(struct slim_regex *regex);

/* The first match that begins at or after `from` of valid UTF-8 text. */
struct slim_match {
    bool found;
    size_t begin, end;
};
SLIM_NODISCARD enum slim_status slim_regex_next(struct slim_match *out,
                                                const struct slim_regex *regex,
                                                const char *text, size_t length,
                                                size_t from,
                                                struct slim_diag *diag);

#endif
