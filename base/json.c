/* json.c - jansson with our errors */
#include "base/json.h"

#include "base/file.h"

#include <ctype.h>
#include <string.h>

/* Reals that are whole numbers become integers again; returns the value, which
 * may be a new one. */
static json_t *restore_integers(json_t *value)
{
    if (json_is_real(value)) {
        double real = json_real_value(value);

        if (real < -9007199254740992.0 || real > 9007199254740992.0 ||
            real != (double)(json_int_t)real)
            return value;
        json_decref(value);
        return json_integer((json_int_t)real);
    }
    for (size_t i = 0; i < json_array_size(value); i++)
        json_array_set_new(
            value, i, restore_integers(json_incref(json_array_get(value, i))));
    for (void *at = json_object_iter(value); at;
         at = json_object_iter_next(value, at))
        json_object_iter_set_new(
            value, at,
            restore_integers(json_incref(json_object_iter_value(at))));
    return value;
}

/*
 * Numbers such as 1000000000000000019884624838656, the usual way to write "no
 * limit" in tokenizer_config.json, have no place in an integer. A text that
 * holds one is read again with all numbers as reals.
 */
static json_t *load(const struct slim_source *text, json_error_t *error)
{
    size_t flags = JSON_REJECT_DUPLICATES | JSON_DECODE_ANY;
    json_t *value = json_loadb(text->text, text->length, flags, error);

    if (value || json_error_code(error) != json_error_numeric_overflow)
        return value;
    value = json_loadb(text->text, text->length,
                       flags | JSON_DECODE_INT_AS_REAL, error);
    return value ? restore_integers(value) : NULL;
}

enum slim_status slim_json_parse(json_t **out, const struct slim_source *text,
                                 struct slim_diag *diag)
{
    json_error_t error = { 0 };

    *out = load(text, &error);
    if (*out)
        return SLIM_OK;
    size_t at = error.position > 0 ? (size_t)error.position - 1 : 0;
    struct slim_span span = { text, at, at + 1 };
    /* jansson may print through the end of a long or binary token */
    char *message = slim_arena_strdup(diag->arena, error.text);
    message[0] = (char)tolower((unsigned char)message[0]);
    return slim_fail(diag, "F001", span, "this is not JSON: %s", message);
}

enum slim_status slim_json_read(json_t **out, const char *path, size_t limit,
                                struct slim_span at, struct slim_diag *diag)
{
    struct slim_source *source = SLIM_NEW(diag->arena, struct slim_source);

    *out = NULL;
    if (slim_file_read(source, path, limit, at, diag) != SLIM_OK)
        return SLIM_FAILED;
    return slim_json_parse(out, source, diag);
}
