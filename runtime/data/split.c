/* split.c - pre-tokenizers: a text into the pieces that the model merges */
#include "runtime/data/tokenizer_parts.h"

#include "base/progress.h"

#include <stdlib.h>
#include <string.h>

struct split_kind {
    const char *type;
    enum slim_status (*read)(struct slim_part *part,
                             const struct slim_tokenizer_source *from,
                             const json_t *json);
    enum slim_status (*run)(struct slim_work *work, size_t step,
                            struct slim_piece piece);
};

/* ---- pieces by matches ---- */

static enum slim_status add_span(struct slim_step *step, size_t begin,
                                 size_t end, bool match, struct slim_diag *diag)
{
    void *items = step->spans;

    if (slim_grow(&items, &step->capacity, step->count + 1,
                  sizeof(*step->spans), diag))
        return SLIM_FAILED;
    step->spans = items;
    step->spans[step->count++] = (struct slim_cut_span){ begin, end, match };
    return SLIM_OK;
}

/* Matches and what lies between them, in order. */
static enum slim_status find_spans(struct slim_step *step,
                                   const struct slim_part *part,
                                   const char *text, size_t length,
                                   struct slim_diag *diag)
{
    size_t done = 0;
    struct slim_match match;

    step->count = 0;
    for (size_t from = 0; from <= length;) {
        if (slim_regex_next(&match, part->regex, text, length, from, diag))
            return SLIM_FAILED;
        if (!match.found)
            break;
        if (match.begin > done &&
            add_span(step, done, match.begin, part->invert, diag))
            return SLIM_FAILED;
        if (add_span(step, match.begin, match.end, !part->invert, diag))
            return SLIM_FAILED;
        done = from = match.end;
        if (match.begin == match.end)
            do
                from++;
            while (from < length && ((unsigned char)text[from] >> 6) == 2);
    }
    return done < length ? add_span(step, done, length, part->invert, diag)
                         : SLIM_OK;
}

/* Joins spans in place: those of one kind where they meet (contiguous), or a
 * match with the span before it (previous). A match that follows a match
 * stays alone, as in Hugging Face's library. */
static void join_forward(struct slim_step *step, bool contiguous)
{
    bool last = false;
    size_t kept = 0;

    for (size_t i = 0; i < step->count; i++) {
        struct slim_cut_span span = step->spans[i];
        bool join = contiguous ? span.match == last : span.match && !last;

        last = span.match;
        if (join && kept > 0)
            step->spans[kept - 1].end = span.end;
        else
            step->spans[kept++] = span;
    }
    step->count = kept;
}

static void join_backward(struct slim_step *step)
{
    bool last = false;
    size_t kept = step->count;

    for (size_t i = step->count; i-- > 0;) {
        struct slim_cut_span span = step->spans[i];
        bool join = span.match && !last;

        last = span.match;
        if (join && kept < step->count)
            step->spans[kept].begin = span.begin;
        else
            step->spans[--kept] = span;
    }
    memmove(step->spans, step->spans + kept,
            (step->count - kept) * sizeof(*step->spans));
    step->count -= kept;
}

static enum slim_status run_spans(struct slim_work *work, size_t at,
                                  enum slim_behavior behavior,
                                  struct slim_piece piece)
{
    const struct slim_step *step = &work->steps[at];

    for (size_t i = 0; i < step->count; i++) {
        struct slim_cut_span span = step->spans[i];

        if (span.end == span.begin ||
            (span.match && behavior == SLIM_BEHAVIOR_REMOVED))
            continue;
        if (slim_split_run(work, at + 1,
                           (struct slim_piece){
                               piece.text + span.begin, span.end - span.begin,
                               piece.first && span.begin == 0 }))
            return SLIM_FAILED;
    }
    return SLIM_OK;
}

static enum slim_status run_pattern(struct slim_work *work, size_t at,
                                    struct slim_piece piece)
{
    const struct slim_part *part = &work->tokenizer->splits.items[at];
    struct slim_step *step = &work->steps[at];

    if (find_spans(step, part, piece.text, piece.length, work->diag))
        return SLIM_FAILED;
    switch (part->behavior) {
    case SLIM_BEHAVIOR_PREVIOUS:
        join_forward(step, false);
        break;
    case SLIM_BEHAVIOR_CONTIGUOUS:
        join_forward(step, true);
        break;
    case SLIM_BEHAVIOR_NEXT:
        if (step->count > 0)
            join_backward(step);
        break;
    case SLIM_BEHAVIOR_REMOVED:
    case SLIM_BEHAVIOR_ISOLATED:
        break;
    }
    return run_spans(work, at, part->behavior, piece);
}

/* ---- Split, Digits ---- */

static enum slim_status read_split(struct slim_part *part,
                                   const struct slim_tokenizer_source *from,
                                   const json_t *json)
{
    static const struct {
        const char *name;
        enum slim_behavior behavior;
    } names[] = {
        { "Removed", SLIM_BEHAVIOR_REMOVED },
        { "Isolated", SLIM_BEHAVIOR_ISOLATED },
        { "MergedWithPrevious", SLIM_BEHAVIOR_PREVIOUS },
        { "MergedWithNext", SLIM_BEHAVIOR_NEXT },
        { "Contiguous", SLIM_BEHAVIOR_CONTIGUOUS },
    };
    const json_t *value = NULL;

    if (slim_part_need(&value, from, json, "behavior", JSON_STRING) ||
        slim_part_bool(&part->invert, from, json, "invert"))
        return SLIM_FAILED;
    for (size_t i = 0; i < SLIM_COUNT(names); i++) {
        if (strcmp(names[i].name, json_string_value(value)) != 0)
            continue;
        part->behavior = names[i].behavior;
        return slim_pattern_read(&part->regex, from, json);
    }
    return slim_part_unknown(from, "split behavior", json_string_value(value));
}

static enum slim_status open_pattern(struct slim_part *part,
                                     const struct slim_tokenizer_source *from,
                                     const char *pattern)
{
    return slim_regex_open(&part->regex, pattern, strlen(pattern), false,
                           from->at, from->diag);
}

static enum slim_status read_digits(struct slim_part *part,
                                    const struct slim_tokenizer_source *from,
                                    const json_t *json)
{
    bool single = false;

    if (slim_part_bool(&single, from, json, "individual_digits"))
        return SLIM_FAILED;
    part->behavior = SLIM_BEHAVIOR_ISOLATED;
    return open_pattern(part, from, single ? "\\p{N}" : "\\p{N}+");
}

/* ---- ByteLevel ---- */

/* The words of the first byte-level tokenizer; those since bring their own
 * pattern and switch this one off. */
#define WORDS                                                                  \
    "'(?:[sdmt]|ll|ve|re)| ?\\p{L}+| ?\\p{N}+| ?[^\\s\\p{L}\\p{N}]+"           \
    "|\\s+(?!\\S)|\\s+"

static enum slim_status read_bytes(struct slim_part *part,
                                   const struct slim_tokenizer_source *from,
                                   const json_t *json)
{
    bool prefix = true, words = true;

    if (slim_part_bool(&prefix, from, json, "add_prefix_space") ||
        slim_part_bool(&words, from, json, "use_regex"))
        return SLIM_FAILED;
    part->prefix = prefix ? SLIM_PREFIX_ALWAYS : SLIM_PREFIX_NEVER;
    part->behavior = SLIM_BEHAVIOR_ISOLATED;
    return words ? open_pattern(part, from, WORDS) : SLIM_OK;
}

/*
 * Each byte is one printable character: those that print in Latin-1 stand for
 * themselves, the other 68 are U+0100 and on, in order.
 */
static void append_byte(struct slim_text *out, unsigned char byte)
{
    unsigned code = byte;

    if (byte <= 0x20)
        code = 0x100u + byte;
    else if (byte >= 0x7f && byte <= 0xa0)
        code = 0x121u + (byte - 0x7fu);
    else if (byte == 0xad)
        code = 0x143;
    char bytes[2] = { (char)(0xc0 | code >> 6), (char)(0x80 | (code & 0x3f)) };

    if (code < 0x80)
        bytes[0] = (char)code;
    slim_text_append(out, bytes, code < 0x80 ? 1 : 2);
}

static enum slim_status emit_bytes(struct slim_work *work, size_t at,
                                   const char *text, struct slim_cut_span span,
                                   bool first)
{
    struct slim_text *mapped = &work->steps[at].mapped;

    if (span.begin == span.end)
        return SLIM_OK;
    mapped->length = 0;
    for (size_t i = span.begin; i < span.end; i++)
        append_byte(mapped, (unsigned char)text[i]);
    return slim_split_run(work, at + 1,
                          (struct slim_piece){ mapped->data, mapped->length,
                                               first && span.begin == 0 });
}

static enum slim_status run_bytes(struct slim_work *work, size_t at,
                                  struct slim_piece piece)
{
    const struct slim_part *part = &work->tokenizer->splits.items[at];
    struct slim_step *step = &work->steps[at];
    enum slim_status status;

    if (part->prefix == SLIM_PREFIX_ALWAYS && piece.text[0] != ' ') {
        step->text.length = 0;
        slim_text_puts(&step->text, " ");
        slim_text_append(&step->text, piece.text, piece.length);
        piece.text = step->text.data;
        piece.length = step->text.length;
    }
    step->count = 0;
    status = part->regex
                 ? find_spans(step, part, piece.text, piece.length, work->diag)
                 : add_span(step, 0, piece.length, true, work->diag);
    for (size_t i = 0; i < step->count && !status; i++)
        status = emit_bytes(work, at, piece.text, step->spans[i], piece.first);
    return status;
}

/* ---- Metaspace ---- */

static enum slim_status read_scheme(struct slim_part *part,
                                    const struct slim_tokenizer_source *from,
                                    const json_t *json)
{
    static const char *const names[] = { "never", "first", "always" };
    const char *scheme = NULL;
    size_t length = 0;
    bool prefix = true;

    if (slim_part_text(&scheme, &length, from, json, "prepend_scheme") ||
        slim_part_bool(&prefix, from, json, "add_prefix_space"))
        return SLIM_FAILED;
    part->prefix = prefix ? SLIM_PREFIX_ALWAYS : SLIM_PREFIX_NEVER;
    if (!scheme)
        return SLIM_OK;
    for (size_t i = 0; i < SLIM_COUNT(names); i++) {
        if (strcmp(names[i], scheme) != 0)
            continue;
        part->prefix = (enum slim_prefix)i;
        return SLIM_OK;
    }
    return slim_part_unknown(from, "prepend_scheme", scheme);
}

static enum slim_status read_metaspace(struct slim_part *part,
                                       const struct slim_tokenizer_source *from,
                                       const json_t *json)
{
    part->text = "\xe2\x96\x81";
    part->length = 3;
    part->cut = true;
    part->behavior = SLIM_BEHAVIOR_NEXT;
    if (slim_part_text(&part->text, &part->length, from, json, "replacement") ||
        slim_part_bool(&part->cut, from, json, "split") ||
        read_scheme(part, from, json))
        return SLIM_FAILED;
    return slim_regex_open(&part->regex, part->text, part->length, true,
                           from->at, from->diag);
}

static bool starts_with(struct slim_piece piece, const struct slim_part *part)
{
    return piece.length >= part->length &&
           memcmp(piece.text, part->text, part->length) == 0;
}

static enum slim_status run_metaspace(struct slim_work *work, size_t at,
                                      struct slim_piece piece)
{
    const struct slim_part *part = &work->tokenizer->splits.items[at];
    struct slim_text *text = &work->steps[at].text;
    bool prefix = !starts_with(piece, part) && piece.text[0] != ' ' &&
                  (part->prefix == SLIM_PREFIX_ALWAYS ||
                   (part->prefix == SLIM_PREFIX_FIRST && piece.first));

    text->length = 0;
    if (prefix)
        slim_text_append(text, part->text, part->length);
    for (size_t i = 0; i < piece.length; i++) {
        bool space = piece.text[i] == ' ';

        slim_text_append(text, space ? part->text : piece.text + i,
                         space ? part->length : 1);
    }
    struct slim_piece whole = { text->data, text->length, piece.first };

    return part->cut ? run_pattern(work, at, whole)
                     : slim_split_run(work, at + 1, whole);
}

/* Runs of what Unicode counts as white space, written out. */
static enum slim_status read_white(struct slim_part *part,
                                   const struct slim_tokenizer_source *from,
                                   const json_t *json)
{
    static const char white[] =
        "[\\t-\\r \u00a0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000"
        "\xc2\x85]+";

    (void)json;
    part->behavior = SLIM_BEHAVIOR_REMOVED;
    return slim_regex_open(&part->regex, white, sizeof(white) - 1, false,
                           from->at, from->diag);
}

/* ---- the table ---- */

static const struct split_kind kinds[] = {
    { "ByteLevel", read_bytes, run_bytes },
    { "Digits", read_digits, run_pattern },
    { "Metaspace", read_metaspace, run_metaspace },
    { "Split", read_split, run_pattern },
    { "WhitespaceSplit", read_white, run_pattern },
};

enum slim_status slim_split_run(struct slim_work *work, size_t step,
                                struct slim_piece piece)
{
    const struct slim_parts *splits = &work->tokenizer->splits;

    if (step < splits->count) {
        const struct split_kind *kind = splits->items[step].kind;

        return kind->run(work, step, piece);
    }
    if (slim_interrupted())
        return slim_fail(work->diag, "C130", (struct slim_span){ 0 },
                         "interrupted");
    if (work->tokenizer->unigram.scores)
        return slim_unigram_encode(work->out, &work->tokenizer->unigram,
                                   &work->tokenizer->bpe, &work->unigram,
                                   piece.text, piece.length, work->diag);
    return slim_bpe_encode(work->out, &work->tokenizer->bpe, &work->bpe,
                           piece.text, piece.length, work->diag);
}

static enum slim_status read_one(struct slim_parts *out,
                                 const struct slim_tokenizer_source *from,
                                 const json_t *json, const char *type)
{
    if (out->count == SLIM_PARTS)
        return slim_fail(from->diag, "F402", from->at,
                         "the tokenizer has more than %d pre-tokenizers",
                         SLIM_PARTS);
    for (size_t i = 0; i < SLIM_COUNT(kinds); i++) {
        if (strcmp(kinds[i].type, type) != 0)
            continue;
        struct slim_part *part = &out->items[out->count++];

        part->kind = &kinds[i];
        return kinds[i].read(part, from, json);
    }
    return slim_part_unknown(from, "pre-tokenizer", type);
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
                         "the tokenizer nests pre-tokenizers too deeply");
    if (slim_part_need(&list, from, json, "pretokenizers", JSON_ARRAY))
        return SLIM_FAILED;
    for (size_t i = 0; i < json_array_size(list); i++)
        if (read_parts(out, from, json_array_get(list, i), depth + 1))
            return SLIM_FAILED;
    return SLIM_OK;
}

enum slim_status slim_splits_read(struct slim_parts *out,
                                  const struct slim_tokenizer_source *from,
                                  const json_t *json)
{
    return !json || json_is_null(json) ? SLIM_OK
                                       : read_parts(out, from, json, 0);
}

void slim_parts_close(struct slim_parts *parts)
{
    for (size_t i = 0; i < parts->count; i++)
        slim_regex_close(parts->items[i].regex);
    parts->count = 0;
}
