/* added.c - added tokens: found in the text before anything is merged */
#include "runtime/data/tokenizer_parts.h"

#include <stdlib.h>
#include <string.h>

/* ---- the list ---- */

int32_t slim_added_find(const struct slim_added *added, const char *text,
                        size_t length)
{
    for (size_t i = 0; i < added->count; i++)
        if (added->items[i].length == length &&
            memcmp(added->items[i].text, text, length) == 0)
            return added->items[i].id;
    return -1;
}

static enum slim_status add(struct slim_added *added,
                            struct slim_added_token token,
                            struct slim_diag *diag)
{
    void *items = added->items;

    if (token.length == 0)
        return SLIM_OK;
    if (slim_grow(&items, &added->capacity, added->count + 1, sizeof(token),
                  diag))
        return SLIM_FAILED;
    added->items = items;
    added->items[added->count++] = token;
    return SLIM_OK;
}

static enum slim_status read_token(struct slim_added *out,
                                   const struct slim_tokenizer_source *from,
                                   const json_t *json,
                                   const struct slim_bpe *bpe)
{
    struct slim_added_token token = { 0 };
    const json_t *content = NULL;

    if (!json_is_object(json))
        return slim_fail(from->diag, "F401", from->at,
                         "an added token of the tokenizer is not an object");
    if (slim_part_need(&content, from, json, "content", JSON_STRING) ||
        slim_part_text(&token.text, &token.length, from, json, "content") ||
        slim_part_id(&token.id, from, json, "id") ||
        slim_part_bool(&token.special, from, json, "special"))
        return SLIM_FAILED;
    token.normalized = !token.special;
    if (slim_part_bool(&token.normalized, from, json, "normalized") ||
        slim_part_bool(&token.single_word, from, json, "single_word") ||
        slim_part_bool(&token.left_strip, from, json, "lstrip") ||
        slim_part_bool(&token.right_strip, from, json, "rstrip"))
        return SLIM_FAILED;
    int32_t known = slim_bpe_token(bpe, token.text, token.length);

    if (known >= 0 && known != token.id)
        return slim_fail(from->diag, "F401", from->at,
                         "added token \"%s\" has id %d, and %d in the "
                         "tokenizer's vocabulary",
                         token.text, (int)token.id, (int)known);
    if (slim_text_utf8_valid(token.text, token.length) != token.length)
        return slim_fail(from->diag, "F401", from->at,
                         "added token %d of the tokenizer is not UTF-8",
                         (int)token.id);
    return add(out, token, from->diag);
}

enum slim_status slim_added_read(struct slim_added *out,
                                 const struct slim_tokenizer_source *from,
                                 const json_t *list, const struct slim_bpe *bpe)
{
    if (!list || json_is_null(list))
        return SLIM_OK;
    if (!json_is_array(list))
        return slim_fail(from->diag, "F401", from->at,
                         "the tokenizer's \"added_tokens\" is not a list");
    for (size_t i = 0; i < json_array_size(list); i++)
        if (read_token(out, from, json_array_get(list, i), bpe))
            return SLIM_FAILED;
    return SLIM_OK;
}

enum slim_status slim_added_special(struct slim_added *added, const char *text,
                                    size_t length, int32_t id,
                                    struct slim_diag *diag)
{
    if (slim_added_find(added, text, length) >= 0)
        return SLIM_OK;
    return add(added,
               (struct slim_added_token){
                   .text = text, .length = length, .id = id, .special = true },
               diag);
}

enum slim_status slim_added_piece(struct slim_added *added, const char *text,
                                  size_t length, int32_t id,
                                  struct slim_diag *diag)
{
    return add(added,
               (struct slim_added_token){
                   .text = text, .length = length, .id = id, .as_is = true },
               diag);
}

/* ---- the tries ---- */

/* A letter, mark, digit or connector, as Rust's \w has them. */
#define WORD "\\A[\\p{Alphabetic}\\p{M}\\p{Nd}\\p{Pc}\\p{Join_Control}]"

enum slim_status slim_added_finish(struct slim_added *added,
                                   const struct slim_parts *normalizer,
                                   const struct slim_tokenizer_source *from)
{
    struct slim_text text = { 0 }, spare = { 0 };
    enum slim_status status = slim_regex_open(
        &added->word, WORD, sizeof(WORD) - 1, false, from->at, from->diag);

    for (size_t i = 0; i < added->count && !status; i++) {
        const struct slim_added_token *token = &added->items[i];

        if (!token->normalized) {
            status =
                slim_trie_add(token->as_is ? &added->normalized : &added->raw,
                              token->text, token->length, (int)i, from->diag);
            continue;
        }
        status = slim_normalize(&text, &spare, normalizer, token->text,
                                token->length, true, from->diag);
        if (!status)
            status =
                slim_trie_add(&added->normalized, text.data ? text.data : "",
                              text.length, (int)i, from->diag);
    }
    slim_text_free(&text);
    slim_text_free(&spare);
    return status;
}

void slim_added_close(struct slim_added *added)
{
    slim_regex_close(added->word);
    free(added->items);
    slim_trie_close(&added->raw);
    slim_trie_close(&added->normalized);
    *added = (struct slim_added){ 0 };
}

/* ---- finding ---- */

/* Unicode's White_Space; the length of the character in `used`. */
static bool is_white(const char *text, size_t length, size_t *used)
{
    const unsigned char *c = (const unsigned char *)text;

    *used = 1;
    if (c[0] < 0x80)
        return c[0] == ' ' || (c[0] >= 9 && c[0] <= 13);
    *used = 2;
    if (c[0] == 0xc2)
        return length > 1 && (c[1] == 0x85 || c[1] == 0xa0);
    *used = 3;
    if (length < 3)
        return false;
    unsigned code =
        (unsigned)(c[0] & 15) << 12 | (unsigned)(c[1] & 63) << 6 | (c[2] & 63u);

    return c[0] >> 4 == 14 &&
           (code == 0x1680 || (code >= 0x2000 && code <= 0x200a) ||
            code == 0x2028 || code == 0x2029 || code == 0x202f ||
            code == 0x205f || code == 0x3000);
}

/* Start of the character that ends at `end`. */
static size_t step_back(const char *text, size_t end)
{
    do
        end--;
    while (end > 0 && ((unsigned char)text[end] >> 6) == 2);
    return end;
}

size_t slim_white_before(const char *text, size_t begin, size_t least)
{
    while (begin > least) {
        size_t at = step_back(text, begin), used;

        if (!is_white(text + at, begin - at, &used))
            break;
        begin = at;
    }
    return begin;
}

size_t slim_white_after(const char *text, size_t end, size_t length)
{
    size_t used;

    while (end < length && is_white(text + end, length - end, &used))
        end += used;
    return end;
}

/* No word character right before or after. */
static enum slim_status stands_alone(bool *out, const struct slim_added *added,
                                     const char *text, size_t length,
                                     size_t begin, size_t end,
                                     struct slim_diag *diag)
{
    struct slim_match before = { 0 }, after = { 0 };

    if (begin > 0) {
        size_t at = step_back(text, begin);

        if (slim_regex_next(&before, added->word, text + at, begin - at, 0,
                            diag))
            return SLIM_FAILED;
    }
    size_t next = end;

    while (next < length &&
           (next == end || ((unsigned char)text[next] >> 6) == 2))
        next++;
    if (end < length &&
        slim_regex_next(&after, added->word, text + end, next - end, 0, diag))
        return SLIM_FAILED;
    *out = !before.found && !after.found;
    return SLIM_OK;
}

enum slim_status slim_added_next(struct slim_added_hit *out,
                                 const struct slim_added *added,
                                 const struct slim_trie *trie, const char *text,
                                 size_t length, size_t from,
                                 struct slim_diag *diag)
{
    *out = (struct slim_added_hit){ length, length, length, -1 };
    if (trie->count == 0)
        return SLIM_OK;
    for (size_t at = from; at < length;) {
        int32_t token = -1;
        size_t found = slim_trie_longest(trie, &token, text, length, at);
        bool alone = true;

        if (found == 0) {
            at++;
            continue;
        }
        const struct slim_added_token *hit = &added->items[token];

        if (hit->single_word &&
            stands_alone(&alone, added, text, length, at, at + found, diag))
            return SLIM_FAILED;
        if (alone) {
            size_t end = at + found;

            *out = (struct slim_added_hit){
                hit->left_strip ? slim_white_before(text, at, 0) : at,
                hit->right_strip ? slim_white_after(text, end, length) : end,
                end, hit->id
            };
            return SLIM_OK;
        }
        at += found;
    }
    return SLIM_OK;
}
