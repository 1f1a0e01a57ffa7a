/* text.c - growing text, UTF-8, and words that are nearly right */
#include "base/text.h"

#include "base/size.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void reserve(struct slim_text *text, size_t more)
{
    size_t need = 0, room = text->capacity ? text->capacity : 64;

    if (!slim_size_add(&need, text->length, more) ||
        !slim_size_add(&need, need, 1))
        slim_out_of_memory("text");
    if (need <= text->capacity)
        return;
    while (room < need)
        room = room > SIZE_MAX / 2 ? need : room * 2;
    char *data = realloc(text->data, room);
    if (!data)
        slim_out_of_memory("text");
    text->data = data;
    text->capacity = room;
}

void slim_text_append(struct slim_text *text, const char *bytes, size_t count)
{
    reserve(text, count);
    if (count > 0)
        memcpy(text->data + text->length, bytes, count);
    text->length += count;
    text->data[text->length] = '\0';
}

void slim_text_puts(struct slim_text *text, const char *string)
{
    slim_text_append(text, string, strlen(string));
}

void slim_text_printf(struct slim_text *text, const char *format, ...)
{
    va_list args, again;

    va_start(args, format);
    va_copy(again, args);
    int length = vsnprintf(NULL, 0, format, args);
    va_end(args);
    if (length < 0)
        slim_out_of_memory("text");
    reserve(text, (size_t)length);
    (void)vsnprintf(text->data + text->length, (size_t)length + 1, format,
                    again);
    va_end(again);
    text->length += (size_t)length;
}

void slim_text_free(struct slim_text *text)
{
    free(text->data);
    *text = (struct slim_text){ 0 };
}

/* Length of the character at the start of `s`, 0 if it is not a valid one. */
static size_t utf8_length(const unsigned char *s, size_t room)
{
    static const unsigned long least[] = { 0, 0, 0x80, 0x800, 0x10000 };
    unsigned long value = s[0];
    size_t length = 1;

    if (value < 0x80)
        return 1;
    if (value >= 0xc2 && value < 0xe0) {
        length = 2;
        value &= 0x1f;
    } else if (value >= 0xe0 && value < 0xf0) {
        length = 3;
        value &= 0x0f;
    } else if (value >= 0xf0 && value < 0xf5) {
        length = 4;
        value &= 0x07;
    } else {
        return 0;
    }
    if (length > room)
        return 0;
    for (size_t i = 1; i < length; i++) {
        if ((s[i] & 0xc0) != 0x80)
            return 0;
        value = value << 6 | (s[i] & 0x3fU);
    }
    bool surrogate = value >= 0xd800 && value < 0xe000;
    return value < least[length] || surrogate || value > 0x10ffff ? 0 : length;
}

size_t slim_text_utf8_valid(const char *bytes, size_t length)
{
    size_t i = 0;

    while (i < length) {
        size_t step = utf8_length((const unsigned char *)bytes + i, length - i);
        if (step == 0)
            break;
        i += step;
    }
    return i;
}

void slim_text_visible(struct slim_text *text, const char *bytes, size_t count)
{
    const unsigned char *s = (const unsigned char *)bytes;

    for (size_t i = 0; i < count;) {
        size_t step = utf8_length(s + i, count - i);
        /* C1 controls are c2 80 to c2 9f in UTF-8 */
        bool control = (step == 1 && (s[i] < 0x20 || s[i] == 0x7f)) ||
                       (step == 2 && s[i] == 0xc2 && s[i + 1] < 0xa0);
        if (step > 0 && !control) {
            slim_text_append(text, bytes + i, step);
        } else {
            step = 1;
            slim_text_printf(text, "\\x%02x", s[i]);
        }
        i += step;
    }
}

const char *slim_text_clip(struct slim_arena *arena, const char *text,
                           size_t room)
{
    if (strlen(text) <= room)
        return text;
    size_t kept = slim_text_utf8_valid(text, room - 2);
    return slim_arena_printf(arena, "%.*s..", (int)kept, text);
}

enum { LONGEST_WORD = 63 };

static size_t least_of(size_t a, size_t b)
{
    return a < b ? a : b;
}

/* Insertions, deletions, changes and swaps of neighbours (optimal string
 * alignment) from a to b; both at most LONGEST_WORD long. */
static size_t distance(const char *a, size_t rows, const char *b, size_t cols)
{
    size_t table[3][LONGEST_WORD + 1];

    for (size_t j = 0; j <= cols; j++)
        table[0][j] = j;
    for (size_t i = 1; i <= rows; i++) {
        size_t *now = table[i % 3];
        const size_t *up = table[(i + 2) % 3], *upper = table[(i + 1) % 3];
        now[0] = i;
        for (size_t j = 1; j <= cols; j++) {
            now[j] = least_of(up[j], now[j - 1]) + 1;
            now[j] = least_of(now[j], up[j - 1] + (a[i - 1] != b[j - 1]));
            if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1])
                now[j] = least_of(now[j], upper[j - 2] + 1);
        }
    }
    return table[rows % 3][cols];
}

const char *slim_text_nearest(const char *word, const char *const *candidates)
{
    size_t length = strlen(word);
    size_t best = length / 3 > 1 ? length / 3 : 1;
    const char *nearest = NULL;

    if (length > LONGEST_WORD)
        return NULL;
    for (size_t i = 0; candidates[i]; i++) {
        size_t size = strlen(candidates[i]);
        if (size > LONGEST_WORD)
            continue;
        size_t d = distance(word, length, candidates[i], size);
        /* of equally near ones, the first */
        if (d < best || (d == best && !nearest)) {
            best = d;
            nearest = candidates[i];
        }
    }
    return nearest;
}
