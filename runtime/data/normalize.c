/* normalize.c - what a tokenizer does to a text before it is split */
#include "runtime/data/tokenizer_parts.h"

#include <stdlib.h>
#include <string.h>
#include <utf8proc.h>

/* ---- Unicode normal forms ---- */

struct code_points {
    int32_t *items;
    size_t count, capacity;
};

static int combining_class(int32_t code)
{
    return utf8proc_get_property(code)->combining_class;
}

/*
 * Marks after a base stand in the order of their combining class, marks of
 * one class in the order of the text. A counting sort keeps a megabyte of
 * marks linear, where exchanging neighbours would not be.
 */
static enum slim_status order_marks(int32_t *items, size_t count,
                                    struct slim_diag *diag)
{
    size_t starts[257] = { 0 };
    bool sorted = true;

    for (size_t i = 0; i < count; i++) {
        starts[combining_class(items[i]) + 1]++;
        sorted = sorted && (i == 0 || combining_class(items[i - 1]) <=
                                          combining_class(items[i]));
    }
    if (sorted)
        return SLIM_OK;
    int32_t *copy = malloc(count * sizeof(*copy));

    if (!copy)
        return slim_fail(diag, "O001", (struct slim_span){ 0 },
                         "not enough memory to normalize a text");
    memcpy(copy, items, count * sizeof(*copy));
    for (size_t i = 1; i < 257; i++)
        starts[i] += starts[i - 1];
    for (size_t i = 0; i < count; i++)
        items[starts[combining_class(copy[i])]++] = copy[i];
    free(copy);
    return SLIM_OK;
}

static enum slim_status order_all(struct code_points *points,
                                  struct slim_diag *diag)
{
    for (size_t i = 0; i < points->count; i++) {
        size_t end = i;

        while (end < points->count && combining_class(points->items[end]) > 0)
            end++;
        if (end > i + 1 && order_marks(points->items + i, end - i, diag))
            return SLIM_FAILED;
        i = end > i ? end - 1 : i;
    }
    return SLIM_OK;
}

static enum slim_status decompose(struct code_points *points, const char *text,
                                  size_t length, int options,
                                  struct slim_diag *diag)
{
    for (size_t i = 0; i < length;) {
        int32_t code = 0;
        utf8proc_ssize_t used =
            utf8proc_iterate((const utf8proc_uint8_t *)text + i,
                             (utf8proc_ssize_t)(length - i), &code);
        void *items = points->items;
        int boundary = 0;

        /* no character decomposes into more than 18 */
        if (used <= 0 || slim_grow(&items, &points->capacity,
                                   points->count + 32, sizeof(int32_t), diag))
            return used <= 0 ? slim_fail(diag, "F403", (struct slim_span){ 0 },
                                         "the text is not UTF-8 at byte %zu", i)
                             : SLIM_FAILED;
        points->items = items;
        utf8proc_ssize_t made =
            utf8proc_decompose_char(code, points->items + points->count, 32,
                                    (utf8proc_option_t)options, &boundary);

        if (made < 0)
            return slim_fail(diag, "F403", (struct slim_span){ 0 },
                             "the text cannot be normalized at byte %zu: %s", i,
                             utf8proc_errmsg(made));
        points->count += (size_t)made;
        i += (size_t)used;
    }
    return order_all(points, diag);
}

static enum slim_status encode_points(struct slim_text *out,
                                      struct code_points *points, int options,
                                      struct slim_diag *diag)
{
    utf8proc_ssize_t count = (utf8proc_ssize_t)points->count;

    if (options & UTF8PROC_COMPOSE)
        count = utf8proc_normalize_utf32(
            points->items, count,
            (utf8proc_option_t)(UTF8PROC_COMPOSE | UTF8PROC_STABLE));
    if (count < 0)
        return slim_fail(diag, "F403", (struct slim_span){ 0 },
                         "the text cannot be normalized: %s",
                         utf8proc_errmsg(count));
    for (utf8proc_ssize_t i = 0; points->items && i < count; i++) {
        utf8proc_uint8_t bytes[4];
        utf8proc_ssize_t used = utf8proc_encode_char(points->items[i], bytes);

        slim_text_append(out, (const char *)bytes, (size_t)used);
    }
    return SLIM_OK;
}

/* Text without a character from U+0300 on is its own NFC; plain ASCII is its
 * own in every form. */
static bool untouched(const char *text, size_t length, int options)
{
    bool composed =
        (options & UTF8PROC_COMPOSE) && !(options & UTF8PROC_COMPAT);
    unsigned char most = composed ? 0xcb : 0x7f;

    for (size_t i = 0; i < length; i++)
        if ((unsigned char)text[i] > most)
            return false;
    return true;
}

static enum slim_status run_form(struct slim_text *out,
                                 const struct slim_part *part, const char *text,
                                 size_t length, bool first,
                                 struct slim_diag *diag)
{
    int options = ((const struct slim_normalizer_kind *)part->kind)->options;
    struct code_points points = { 0 };

    (void)first;
    if (untouched(text, length, options)) {
        slim_text_append(out, text, length);
        return SLIM_OK;
    }
    enum slim_status status = decompose(
        &points, text, length,
        (options & ~UTF8PROC_COMPOSE) | UTF8PROC_DECOMPOSE | UTF8PROC_STABLE,
        diag);

    if (!status)
        status = encode_points(out, &points, options, diag);
    free(points.items);
    return status;
}

/* ---- prepend, replace ---- */

static enum slim_status read_prepend(struct slim_part *part,
                                     const struct slim_tokenizer_source *from,
                                     const json_t *json)
{
    const json_t *text = NULL;

    if (slim_part_need(&text, from, json, "prepend", JSON_STRING))
        return SLIM_FAILED;
    return slim_part_text(&part->text, &part->length, from, json, "prepend");
}

static enum slim_status run_prepend(struct slim_text *out,
                                    const struct slim_part *part,
                                    const char *text, size_t length, bool first,
                                    struct slim_diag *diag)
{
    (void)first;
    (void)diag;
    if (length == 0)
        return SLIM_OK;
    slim_text_append(out, part->text, part->length);
    slim_text_append(out, text, length);
    return SLIM_OK;
}

static enum slim_status read_replace(struct slim_part *part,
                                     const struct slim_tokenizer_source *from,
                                     const json_t *json)
{
    const json_t *text = NULL;

    if (slim_part_need(&text, from, json, "content", JSON_STRING) ||
        slim_part_text(&part->text, &part->length, from, json, "content"))
        return SLIM_FAILED;
    return slim_pattern_read(&part->regex, from, json);
}

static enum slim_status run_replace(struct slim_text *out,
                                    const struct slim_part *part,
                                    const char *text, size_t length, bool first,
                                    struct slim_diag *diag)
{
    size_t done = 0, from = 0;

    (void)first;
    while (from <= length) {
        struct slim_match match;

        if (slim_regex_next(&match, part->regex, text, length, from, diag))
            return SLIM_FAILED;
        if (!match.found)
            break;
        slim_text_append(out, text + done, match.begin - done);
        slim_text_append(out, part->text, part->length);
        done = match.end;
        from = match.end;
        /* past an empty match, by a whole character */
        if (match.begin == match.end)
            do
                from++;
            while (from < length && ((unsigned char)text[from] >> 6) == 2);
    }
    slim_text_append(out, text + done, length - done);
    return SLIM_OK;
}

static enum slim_status read_nothing(struct slim_part *part,
                                     const struct slim_tokenizer_source *from,
                                     const json_t *json)
{
    (void)part;
    (void)from;
    (void)json;
    return SLIM_OK;
}

/* ---- strip, and forms that say nothing more ---- */

static enum slim_status read_strip(struct slim_part *part,
                                   const struct slim_tokenizer_source *from,
                                   const json_t *json)
{
    part->strip_left = part->strip_right = true;
    if (slim_part_bool(&part->strip_left, from, json, "strip_left"))
        return SLIM_FAILED;
    return slim_part_bool(&part->strip_right, from, json, "strip_right");
}

static enum slim_status run_strip(struct slim_text *out,
                                  const struct slim_part *part,
                                  const char *text, size_t length, bool first,
                                  struct slim_diag *diag)
{
    size_t begin = part->strip_left ? slim_white_after(text, 0, length) : 0;
    size_t end =
        part->strip_right ? slim_white_before(text, length, begin) : length;

    (void)first;
    (void)diag;
    slim_text_append(out, text + begin, end - begin);
    return SLIM_OK;
}

/* ---- the table ---- */

static const struct slim_normalizer_kind kinds[] = {
    { "NFC", read_nothing, run_form, UTF8PROC_COMPOSE },
    { "NFD", read_nothing, run_form, UTF8PROC_DECOMPOSE },
    { "NFKC", read_nothing, run_form, UTF8PROC_COMPOSE | UTF8PROC_COMPAT },
    { "NFKD", read_nothing, run_form, UTF8PROC_DECOMPOSE | UTF8PROC_COMPAT },
    { "Precompiled", slim_precompiled_read, slim_precompiled_run, 0 },
    { "Prepend", read_prepend, run_prepend, 0 },
    { "Replace", read_replace, run_replace, 0 },
    { "Strip", read_strip, run_strip, 0 },
};

static enum slim_status read_one(struct slim_parts *out,
                                 const struct slim_tokenizer_source *from,
                                 const json_t *json, const char *type)
{
    if (out->count == SLIM_PARTS)
        return slim_fail(from->diag, "F402", from->at,
                         "the tokenizer has more than %d normalizers",
                         SLIM_PARTS);
    for (size_t i = 0; i < SLIM_COUNT(kinds); i++) {
        if (strcmp(kinds[i].type, type) != 0)
            continue;
        struct slim_part *part = &out->items[out->count++];

        part->kind = &kinds[i];
        return kinds[i].read(part, from, json);
    }
    return slim_part_unknown(from, "normalizer", type);
}

static enum slim_status read_parts(struct slim_parts *out,
                                   const struct slim_tokenizer_source *from,
                                   const json_t *json, unsigned depth)
{
    const char *type = NULL;
    const json_t *list = NULL;

    if (slim_part_type(&type, from, json))
        return SLIM_FAILED;
    if (strcmp(type, "Sequence") != 0)
        return read_one(out, from, json, type);
    if (depth > 8)
        return slim_fail(from->diag, "F402", from->at,
                         "the tokenizer nests normalizers too deeply");
    if (slim_part_need(&list, from, json, "normalizers", JSON_ARRAY))
        return SLIM_FAILED;
    for (size_t i = 0; i < json_array_size(list); i++)
        if (read_parts(out, from, json_array_get(list, i), depth + 1))
            return SLIM_FAILED;
    return SLIM_OK;
}

enum slim_status slim_normalizers_read(struct slim_parts *out,
                                       const struct slim_tokenizer_source *from,
                                       const json_t *json)
{
    return !json || json_is_null(json) ? SLIM_OK
                                       : read_parts(out, from, json, 0);
}

enum slim_status slim_normalize(struct slim_text *out, struct slim_text *spare,
                                const struct slim_parts *parts,
                                const char *text, size_t length, bool first,
                                struct slim_diag *diag)
{
    out->length = 0;
    slim_text_append(out, text, length);
    for (size_t i = 0; i < parts->count; i++) {
        const struct slim_part *part = &parts->items[i];
        const struct slim_normalizer_kind *kind = part->kind;
        struct slim_text swap = *out;

        *out = *spare;
        *spare = swap;
        out->length = 0;
        if (kind->run(out, part, spare->data ? spare->data : "", spare->length,
                      first, diag))
            return SLIM_FAILED;
    }
    return SLIM_OK;
}
