/* diag_json.c - errors for programs: one JSON object a line */
#include "base/diag.h"
#include "base/diag_sort.h"
#include "base/text.h"

#include <jansson.h>
#include <string.h>

static void set_text(json_t *object, const char *key, const char *text)
{
    struct slim_text clean = { 0 };

    if (!text)
        return;
    slim_text_visible(&clean, text, strlen(text));
    (void)json_object_set_new(object, key,
                              json_string(clean.data ? clean.data : ""));
    slim_text_free(&clean);
}

static void set_size(json_t *object, const char *key, size_t value)
{
    (void)json_object_set_new(object, key, json_integer((json_int_t)value));
}

static void set_place(json_t *object, struct slim_span span)
{
    size_t line = 0, column = 0;

    if (!span.source)
        return;
    set_text(object, "file", span.source->name);
    if (!span.source->text)
        return;
    slim_span_place(span, &line, &column);
    set_size(object, "line", line);
    set_size(object, "column", column);
    /* past the end of the span, counted on as if it were all in one line */
    set_size(object, "end_column",
             column + (span.end > span.begin ? span.end - span.begin : 0));
}

/* The bytes [begin, end) of the file become the text; no place: advice. */
static json_t *fix_object(const struct slim_fix *fix)
{
    json_t *object = json_object();

    if (fix->span.source) {
        set_size(object, "begin", fix->span.begin);
        set_size(object, "end", fix->span.end);
    }
    set_text(object, "text", fix->text);
    return object;
}

static json_t *note_list(const struct slim_note *notes)
{
    json_t *list = json_array();

    for (const struct slim_note *note = notes; note; note = note->next) {
        json_t *object = json_object();
        set_place(object, note->span);
        set_text(object, "message", note->text);
        (void)json_array_append_new(list, object);
    }
    return list;
}

static json_t *error_object(const struct slim_error *error)
{
    json_t *object = json_object();

    (void)json_object_set_new(object, "v", json_integer(1));
    set_text(object, "event",
             error->severity == SLIM_ERROR ? "error" : "warning");
    set_text(object, "code", error->code);
    set_place(object, error->span);
    set_text(object, "message", error->message);
    set_text(object, "label", error->label);
    set_text(object, "hint", error->hint);
    if (error->notes)
        (void)json_object_set_new(object, "notes", note_list(error->notes));
    if (error->has_fix)
        (void)json_object_set_new(object, "fix", fix_object(&error->fix));
    return object;
}

void slim_diag_print_json(const struct slim_diag *diag, FILE *out)
{
    size_t count = 0;
    struct slim_error **sorted = slim_diag_sorted(diag, &count);

    for (size_t i = 0; i < count; i++) {
        json_t *object = error_object(sorted[i]);
        (void)json_dumpf(object, out, JSON_COMPACT | JSON_PRESERVE_ORDER);
        (void)fputc('\n', out);
        json_decref(object);
    }
}
