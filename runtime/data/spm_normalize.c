/* spm_normalize.c - what SentencePiece does to a text before it is cut */
#include "runtime/data/tokenizer_parts.h"

#include <string.h>

/*
 * The character map of a SentencePiece model ("precompiled_charsmap"), all
 * numbers little-endian:
 *
 *     uint32              bytes of the trie
 *     uint32[]            the trie, a double array as Darts-clone lays it out
 *     bytes               replacements, each ended by a NUL
 *
 * The trie is walked from unit 0. `offset` of a unit, xored with its index,
 * is the base of its children: the child for a byte is at base ^ byte, and is
 * one if its `label` is the byte. Where the leaf bit of a unit is set, the
 * unit at its base holds a value: where in the replacements the text begins
 * that stands for what led there.
 */
static uint32_t unit_at(const struct slim_spm_rules *rules, size_t at)
{
    const unsigned char *bytes = rules->trie + 4 * at;

    return bytes[0] | (uint32_t)bytes[1] << 8 | (uint32_t)bytes[2] << 16 |
           (uint32_t)bytes[3] << 24;
}

static size_t unit_offset(uint32_t unit)
{
    return (size_t)(unit >> 10) << ((unit & 1u << 9) >> 6);
}

static uint32_t unit_label(uint32_t unit)
{
    return unit & (1u << 31 | 0xff);
}

static bool unit_has_leaf(uint32_t unit)
{
    return (unit >> 8 & 1) != 0;
}

enum slim_status slim_charsmap_check(const struct slim_text *text,
                                     struct slim_diag *diag)
{
    if (slim_text_utf8_valid(text->data ? text->data : "", text->length) ==
        text->length)
        return SLIM_OK;
    return slim_fail(diag, "F401", (struct slim_span){ 0 },
                     "the character map of the tokenizer makes text that is "
                     "not UTF-8");
}

/* An index outside the array matches nothing. */
size_t slim_charsmap_find(size_t *value, const struct slim_spm_rules *rules,
                          const char *text, size_t length, bool shortest)
{
    size_t best = 0;

    if (rules->units == 0)
        return 0;
    uint32_t unit = unit_at(rules, 0);
    size_t base = unit_offset(unit);

    for (size_t i = 0; i < length; i++) {
        size_t at = base ^ (unsigned char)text[i];

        if (at >= rules->units)
            break;
        unit = unit_at(rules, at);
        if (unit_label(unit) != (unsigned char)text[i])
            break;
        base = at ^ unit_offset(unit);
        if (unit_has_leaf(unit) && base < rules->units) {
            *value = unit_at(rules, base) & 0x7fffffff;
            best = i + 1;
            if (shortest)
                break;
        }
    }
    return best;
}

enum slim_status slim_charsmap_read(struct slim_spm_rules *rules,
                                    const struct slim_tokenizer_source *from,
                                    const unsigned char *bytes, size_t count)
{
    if (count == 0)
        return SLIM_OK;
    size_t trie = 0;

    for (size_t i = 0; i < 4 && i < count; i++)
        trie |= (size_t)bytes[i] << (8 * i);
    if (count < 5 || trie > count - 5 || trie % 4 != 0 || trie == 0 ||
        bytes[count - 1] != 0)
        return slim_fail(from->diag, "F401", from->at,
                         "the character map of the tokenizer is cut off");
    unsigned char *copy = slim_arena_alloc(from->arena, count);

    memcpy(copy, bytes, count);
    rules->trie = copy + 4;
    rules->units = trie / 4;
    rules->texts = (const char *)copy + 4 + trie;
    rules->texts_length = count - 4 - trie;
    return SLIM_OK;
}

static size_t character_length(const char *text, size_t length)
{
    size_t used = 1;

    while (used < length && ((unsigned char)text[used] >> 6) == 2)
        used++;
    return used;
}

/* What stands for the start of the rest: a user's piece as it is, else the
 * replacement of the longest text that has one, else a character. */
struct prefix {
    const char *text;
    size_t length, used;
};

static enum slim_status next_prefix(struct prefix *out,
                                    const struct slim_spm_rules *rules,
                                    const char *text, size_t length,
                                    struct slim_diag *diag)
{
    int32_t ignored;
    size_t value = 0;
    size_t used = slim_trie_longest(&rules->kept, &ignored, text, length, 0);

    if (used == 0)
        used = slim_charsmap_find(&value, rules, text, length, false);
    else
        value = SIZE_MAX;
    if (used == 0) {
        used = character_length(text, length);
        value = SIZE_MAX;
    }
    *out = (struct prefix){ text, used, used };
    if (value == SIZE_MAX)
        return SLIM_OK;
    if (value >= rules->texts_length)
        return slim_fail(diag, "F401", (struct slim_span){ 0 },
                         "the character map of the tokenizer points outside "
                         "itself");
    out->text = rules->texts + value;
    out->length = strlen(out->text);
    return SLIM_OK;
}

static void put_space(struct slim_text *out, const struct slim_spm_rules *rules)
{
    slim_text_puts(out, rules->escape ? SLIM_MARK : " ");
}

static void put(struct slim_text *out, const struct slim_spm_rules *rules,
                const char *text, size_t length)
{
    for (size_t i = 0; i < length; i++)
        if (text[i] == ' ')
            put_space(out, rules);
        else
            slim_text_append(out, text + i, 1);
}

static bool ends_with(const struct slim_text *text, const char *end,
                      size_t length)
{
    return text->length >= length &&
           memcmp(text->data + text->length - length, end, length) == 0;
}

static void strip_end(struct slim_text *out, const struct slim_spm_rules *rules)
{
    const char *space = rules->escape ? SLIM_MARK : " ";

    while (ends_with(out, space, strlen(space)))
        out->length -= strlen(space);
    if (out->data)
        out->data[out->length] = '\0';
}

static enum slim_status put_all(struct slim_text *out,
                                const struct slim_spm_rules *rules,
                                const char *text, size_t length, bool prefix,
                                struct slim_diag *diag)
{
    bool space = rules->squeeze, begun = false;
    struct prefix next;

    if (prefix && !rules->squeeze && length > 0) {
        put_space(out, rules);
        begun = true;
    }
    for (size_t at = 0; at < length; at += next.used) {
        if (next_prefix(&next, rules, text + at, length - at, diag))
            return SLIM_FAILED;
        while (space && next.length > 0 && next.text[0] == ' ') {
            next.text++;
            next.length--;
        }
        if (next.length == 0)
            continue;
        if (!begun && prefix)
            put_space(out, rules);
        begun = true;
        put(out, rules, next.text, next.length);
        space = rules->squeeze && next.text[next.length - 1] == ' ';
    }
    if (rules->squeeze)
        strip_end(out, rules);
    return SLIM_OK;
}

/*
 * SentencePiece's normalizer: characters are replaced, runs of spaces are one
 * and none stand at the ends (`squeeze`), a space is put before the text (or
 * after it), and spaces become marks.
 */
static enum slim_status run_spm(struct slim_text *out,
                                const struct slim_part *part, const char *text,
                                size_t length, bool first,
                                struct slim_diag *diag)
{
    const struct slim_spm_rules *rules = part->rules;
    bool prefix = rules->prefix && (first || !rules->first_only);

    if (put_all(out, rules, text, length, prefix && !rules->suffix, diag))
        return SLIM_FAILED;
    if (prefix && rules->suffix && out->length > 0)
        put_space(out, rules);
    return slim_charsmap_check(out, diag);
}

const struct slim_normalizer_kind slim_spm_normalizer = { .type =
                                                              "SentencePiece",
                                                          .run = run_spm };
