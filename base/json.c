/* json.c - jansson with our errors */
#include "base/json.h"

#include "base/file.h"

#include <ctype.h>
#include <string.h>

enum slim_status slim_json_parse(json_t **out, const struct slim_source *text,
                                 struct slim_diag *diag)
{
    json_error_t error = { 0 };

    *out = json_loadb(text->text, text->length,
                      JSON_REJECT_DUPLICATES | JSON_DECODE_ANY, &error);
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
