/* tokenizer_json.c - the fields of tokenizer.json, with errors that name them
 */
#include "runtime/data/tokenizer_parts.h"

#include "base/size.h"

#include <stdlib.h>
#include <string.h>

static const char *type_word(json_type type)
{
    switch (type) {
    case JSON_OBJECT:
        return "an object";
    case JSON_ARRAY:
        return "a list";
    case JSON_STRING:
        return "text";
    case JSON_INTEGER:
        return "a whole number";
    case JSON_REAL:
        return "a number";
    case JSON_TRUE:
    case JSON_FALSE:
        return "true or false";
    case JSON_NULL:
        return "null";
    }
    return "something else";
}

static enum slim_status wrong(const struct slim_tokenizer_source *from,
                              const char *key, const char *want)
{
    return slim_fail(from->diag, "F401", from->at,
                     "the tokenizer's \"%s\" is not %s", key, want);
}

enum slim_status slim_part_need(const json_t **out,
                                const struct slim_tokenizer_source *from,
                                const json_t *object, const char *key,
                                json_type type)
{
    const json_t *value = json_object_get(object, key);

    if (!value)
        return slim_fail(from->diag, "F401", from->at,
                         "the tokenizer lacks \"%s\"", key);
    if (json_typeof(value) != type)
        return wrong(from, key, type_word(type));
    *out = value;
    return SLIM_OK;
}

enum slim_status slim_part_bool(bool *out,
                                const struct slim_tokenizer_source *from,
                                const json_t *object, const char *key)
{
    const json_t *value = json_object_get(object, key);

    if (!value || json_is_null(value))
        return SLIM_OK;
    if (!json_is_boolean(value))
        return wrong(from, key, "true or false");
    *out = json_is_true(value);
    return SLIM_OK;
}

enum slim_status slim_part_text(const char **out, size_t *length,
                                const struct slim_tokenizer_source *from,
                                const json_t *object, const char *key)
{
    const json_t *value = json_object_get(object, key);

    if (!value || json_is_null(value))
        return SLIM_OK;
    if (!json_is_string(value))
        return wrong(from, key, "text");
    *length = json_string_length(value);
    *out = slim_arena_strndup(from->arena, json_string_value(value), *length);
    return SLIM_OK;
}

enum slim_status slim_part_id(int32_t *out,
                              const struct slim_tokenizer_source *from,
                              const json_t *object, const char *key)
{
    const json_t *value = NULL;

    if (slim_part_need(&value, from, object, key, JSON_INTEGER))
        return SLIM_FAILED;
    if (json_integer_value(value) < 0 || json_integer_value(value) >= INT32_MAX)
        return wrong(from, key, "a token id");
    *out = (int32_t)json_integer_value(value);
    return SLIM_OK;
}

enum slim_status slim_part_type(const char **out,
                                const struct slim_tokenizer_source *from,
                                const json_t *part)
{
    size_t length = 0;

    *out = NULL;
    if (!json_is_object(part))
        return slim_fail(from->diag, "F401", from->at,
                         "a part of the tokenizer is %s, not an object",
                         type_word(json_typeof(part)));
    if (slim_part_text(out, &length, from, part, "type"))
        return SLIM_FAILED;
    if (!*out)
        return slim_fail(from->diag, "F401", from->at,
                         "a part of the tokenizer lacks \"type\"");
    return SLIM_OK;
}

enum slim_status slim_part_unknown(const struct slim_tokenizer_source *from,
                                   const char *what, const char *type)
{
    return slim_fail(from->diag, "F402", from->at,
                     "the tokenizer's %s \"%s\" is not one that slimc knows",
                     what, type);
}

enum slim_status slim_pattern_read(struct slim_regex **out,
                                   const struct slim_tokenizer_source *from,
                                   const json_t *object)
{
    const json_t *pattern = NULL;

    if (slim_part_need(&pattern, from, object, "pattern", JSON_OBJECT))
        return SLIM_FAILED;
    bool literal = json_object_get(pattern, "String") != NULL;
    const json_t *text = NULL;

    if (slim_part_need(&text, from, pattern, literal ? "String" : "Regex",
                       JSON_STRING))
        return SLIM_FAILED;
    return slim_regex_open(out, json_string_value(text),
                           json_string_length(text), literal, from->at,
                           from->diag);
}

enum slim_status slim_grow(void **items, size_t *capacity, size_t count,
                           size_t size, struct slim_diag *diag)
{
    if (count <= *capacity)
        return SLIM_OK;
    size_t wanted = *capacity + *capacity / 2, bytes;

    if (wanted < count)
        wanted = count < 16 ? 16 : count;
    void *larger =
        slim_size_mul(&bytes, wanted, size) ? realloc(*items, bytes) : NULL;

    if (!larger) {
        (void)slim_fail(diag, "O001", (struct slim_span){ 0 },
                        "not enough memory for %zu items of %zu bytes", wanted,
                        size);
        return SLIM_FAILED;
    }
    *items = larger;
    *capacity = wanted;
    return SLIM_OK;
}

enum slim_status slim_ids_add(struct slim_ids *ids, int32_t id,
                              struct slim_diag *diag)
{
    if (ids->count == ids->capacity) {
        void *items = ids->items;

        if (slim_grow(&items, &ids->capacity, ids->count + 1,
                      sizeof(*ids->items), diag))
            return SLIM_FAILED;
        ids->items = items;
    }
    ids->items[ids->count++] = id;
    return SLIM_OK;
}

void slim_ids_free(struct slim_ids *ids)
{
    free(ids->items);
    *ids = (struct slim_ids){ 0 };
}
