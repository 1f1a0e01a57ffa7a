/* precompiled.c - SentencePiece's character map as tokenizer.json applies it
 *
 * By characters as people see them (grapheme clusters): one that is shorter than
 * 6 bytes gives way whole to what stands for the shortest start of it that the
 * map has; else each of its code points does. This is what Hugging Face's code
 * does, not what SentencePiece does: that replaces the longest start, wherever
 * it ends.
 */
#include "runtime/data/tokenizer_parts.h"

#include <sodium.h>
#include <string.h>
#include <utf8proc.h>

#define LONGEST_CLUSTER 6 /* bytes that are too many */

enum slim_status slim_precompiled_read(struct slim_part *part,
                                       const struct slim_tokenizer_source *from,
                                       const json_t *json)
{
    struct slim_spm_rules *rules = SLIM_NEW(from->arena, struct slim_spm_rules);
    const json_t *text = NULL;
    size_t count = 0;

    if (slim_part_need(&text, from, json, "precompiled_charsmap", JSON_STRING))
        return SLIM_FAILED;
    size_t length = json_string_length(text);
    unsigned char *bytes = slim_arena_alloc(from->arena, length + 1);

    if (sodium_base642bin(bytes, length, json_string_value(text), length, NULL,
                          &count, NULL, sodium_base64_VARIANT_ORIGINAL) != 0)
        return slim_fail(from->diag, "F401", from->at,
                         "the tokenizer's \"precompiled_charsmap\" is not "
                         "base64");
    part->rules = rules;
    return slim_charsmap_read(rules, from, bytes, count);
}

/* Appends what stands for `text`; false where the map has nothing. */
static bool replace(struct slim_text *out, const struct slim_spm_rules *rules,
                    const char *text, size_t length)
{
    size_t value = 0;

    if (slim_charsmap_find(&value, rules, text, length, true) == 0 ||
        value >= rules->texts_length)
        return false;
    slim_text_puts(out, rules->texts + value);
    return true;
}

/* Bytes of the code point at the start, in text that is UTF-8. */
static size_t point_length(const char *text, size_t length, int32_t *code)
{
    utf8proc_ssize_t used = utf8proc_iterate((const utf8proc_uint8_t *)text,
                                             (utf8proc_ssize_t)length, code);

    return used > 0 ? (size_t)used : 1;
}

/* Bytes up to where the next cluster begins. */
static size_t cluster_length(const char *text, size_t length)
{
    int32_t code = 0, next = 0, state = 0;
    size_t used = point_length(text, length, &code);

    while (used < length) {
        size_t more = point_length(text + used, length - used, &next);
        if (utf8proc_grapheme_break_stateful(code, next, &state))
            break;
        code = next;
        used += more;
    }
    return used;
}

enum slim_status slim_precompiled_run(struct slim_text *out,
                                      const struct slim_part *part,
                                      const char *text, size_t length,
                                      bool first, struct slim_diag *diag)
{
    (void)first;
    for (size_t at = 0, used; at < length; at += used) {
        int32_t code = 0;

        used = cluster_length(text + at, length - at);
        if (used < LONGEST_CLUSTER &&
            replace(out, part->rules, text + at, used))
            continue;
        for (size_t i = 0, point; i < used; i += point) {
            point = point_length(text + at + i, used - i, &code);
            if (!replace(out, part->rules, text + at + i, point))
                slim_text_append(out, text + at + i, point);
        }
    }
    return slim_charsmap_check(out, diag);
}
