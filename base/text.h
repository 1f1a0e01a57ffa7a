/* text.h - growing text, and numbers as people write them */
#ifndef SLIM_TEXT_H
#define SLIM_TEXT_H

#include "base/arena.h"
#include "base/attr.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* `data` always ends in a NUL that `length` does not count. Zero-initialised
 * is empty (and data is then NULL until the first append). */
struct slim_text {
    char *data;
    size_t length, capacity;
};

void slim_text_append(struct slim_text *text, const char *bytes, size_t count);
void slim_text_puts(struct slim_text *text, const char *string);
void slim_text_printf(struct slim_text *text, const char *format, ...)
    SLIM_PRINTF(2, 3);
void slim_text_free(struct slim_text *text);

/* The shortest decimal that reads back as the same double: 0.1, 2e-4, 5.4e15.
 * Integers below 1e15 have no exponent. Returns text in the arena. */
const char *slim_text_number(struct slim_arena *arena, double value);

/* 134515008 -> "134.5M", 5396000000 -> "5.396B" (four significant digits). */
const char *slim_text_count(struct slim_arena *arena, uint64_t value);

/* 134515008 -> "134,515,008". */
const char *slim_text_grouped(struct slim_arena *arena, uint64_t value);

/* 13476839424 -> "12.55 GiB"; under 1 KiB "512 B". */
const char *slim_text_bytes(struct slim_arena *arena, uint64_t bytes);
/* The number at the start of a text, with K, M, G or T behind it or without, in
 * powers of 1024; *rest is what follows: `text` where there is none. */
double slim_text_to_bytes(const char **rest, const char *text);

/* 0.4 -> "0.4s", 75 -> "1m15s", 9000 -> "2h30m". */
const char *slim_text_seconds(struct slim_arena *arena, double seconds);

/* Length of the longest valid UTF-8 prefix; == length means all of it. Over-
 * long forms, surrogates and values above U+10FFFF are invalid. */
size_t slim_text_utf8_valid(const char *bytes, size_t length);

/* Appends the bytes fit for a terminal: valid UTF-8, in which control bytes
 * and what was not UTF-8 stand as \xNN. */
void slim_text_visible(struct slim_text *text, const char *bytes, size_t count);

/* The text, or as much of it as `room` bytes hold with ".." behind it; a
 * character is never cut in two. room > 2. */
const char *slim_text_clip(struct slim_arena *arena, const char *text,
                           size_t room);

/* The candidate nearest to `word` by edit distance, or NULL if none is near
 * enough to suggest (distance > max(1, length / 3)). NULL ends the list. */
const char *slim_text_nearest(const char *word, const char *const *candidates);

#endif
