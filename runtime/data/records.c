/* records.c - rows of JSON: a list, or an object a line */
#include "base/json.h"
#include "runtime/data/set.h"

#include <ctype.h>
#include <string.h>

/* What makes the text of a record, and where the record stands. */
struct rule {
    struct slim_rows *out;
    const struct slim_set *set;
    const struct slim_data_world *world;
    struct slim_span file;
    struct slim_diag *diag;
    const char *field;
    const struct slim_set_template *frame;
    bool known;
    size_t number;    /* of the record, from 1 */
    const char *unit; /* "record" or "line" */
};

/* Numbers are no part of any text: as reals they cannot be too large. */
#define FLAGS                                                                  \
    (JSON_REJECT_DUPLICATES | JSON_ALLOW_NUL | JSON_DECODE_INT_AS_REAL)

static const char *fields_of(const json_t *record, struct slim_arena *arena)
{
    struct slim_text list = { 0 };
    void *at = json_object_iter((json_t *)(uintptr_t)record);

    for (size_t i = 0; at && i < 12; i++) {
        slim_text_printf(&list, "%s\"%s\"", i ? ", " : "",
                         json_object_iter_key(at));
        at = json_object_iter_next((json_t *)(uintptr_t)record, at);
    }
    const char *result = slim_arena_printf(
        arena, "%s%s", list.data ? list.data : "nothing", at ? ", ..." : "");

    slim_text_free(&list);
    return result;
}

static enum slim_status lacks(const struct rule *rule, const json_t *record,
                              const char *field)
{
    return slim_fail(rule->diag, "F412", rule->file,
                     "%s %zu has no text under \"%s\"; its fields are %s",
                     rule->unit, rule->number, field,
                     fields_of(record, rule->diag->arena));
}

/* ---- templates ---- */

/* The next "{name}" at or after `at`; NULL where there is none. */
static const char *next_slot(const char *at, char *name, size_t room)
{
    for (; (at = strchr(at, '{')); at++) {
        size_t length = strspn(at + 1, "abcdefghijklmnopqrstuvwxyz"
                                       "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
                                       "0123456789_");

        if (length == 0 || length >= room || at[1 + length] != '}')
            continue;
        memcpy(name, at + 1, length);
        name[length] = '\0';
        return at;
    }
    return NULL;
}

static enum slim_status fill(struct slim_text *out, const struct rule *rule,
                             const char *frame, const json_t *record)
{
    char name[64];
    const char *slot;

    for (; (slot = next_slot(frame, name, sizeof(name)));
         frame = slot + strlen(name) + 2) {
        const json_t *value = json_object_get(record, name);

        if (!json_is_string(value))
            return lacks(rule, record, name);
        slim_text_append(out, frame, (size_t)(slot - frame));
        slim_text_append(out, json_string_value(value),
                         json_string_length(value));
    }
    slim_text_puts(out, frame);
    return SLIM_OK;
}

static enum slim_status add_framed(struct rule *rule, const json_t *record)
{
    const struct slim_set_template *frame = rule->frame;
    struct slim_text text = { 0 };
    size_t prompt = 0;
    bool full = !frame->optional ||
                json_string_length(json_object_get(record, frame->optional));
    enum slim_status status =
        fill(&text, rule, full ? frame->full : frame->bare, record);

    prompt = text.length;
    if (!status)
        status = fill(&text, rule, frame->answer, record);
    if (!status)
        status = slim_rows_add(rule->out, text.data ? text.data : "",
                               text.length, prompt, rule->diag);
    slim_text_free(&text);
    return status;
}

/* ---- what a quoted file holds ---- */

static bool has_fields(const json_t *record, const char *frame)
{
    char name[64];

    for (const char *slot; (slot = next_slot(frame, name, sizeof(name)));
         frame = slot + 1)
        if (!json_is_string(json_object_get(record, name)))
            return false;
    return true;
}

static bool fits(const json_t *record, const struct slim_set_template *frame)
{
    return frame && has_fields(record, frame->answer) &&
           has_fields(record, frame->optional ? frame->bare : frame->full);
}

/* A field "text", or the template of the first set that the record fits. */
static enum slim_status guess(struct rule *rule, const json_t *record)
{
    const char **names;

    rule->known = true;
    if (json_is_string(json_object_get(record, "text"))) {
        rule->field = "text";
        return SLIM_OK;
    }
    names = slim_set_names(rule->world, rule->diag->arena);
    for (size_t i = 0; names[i]; i++) {
        struct slim_set *set;

        if (slim_set_read(&set, names[i], rule->world, rule->file, rule->diag))
            return SLIM_FAILED;
        if (!fits(record, set->frame))
            continue;
        rule->frame = set->frame;
        return SLIM_OK;
    }
    return slim_fail(rule->diag, "F412", rule->file,
                     "%s %zu has neither a text under \"text\" nor the fields "
                     "of a known data set; its fields are %s",
                     rule->unit, rule->number,
                     fields_of(record, rule->diag->arena));
}

/* ---- records ---- */

static enum slim_status add_record(struct rule *rule, const json_t *record)
{
    if (!json_is_object(record))
        return slim_fail(rule->diag, "F412", rule->file,
                         "%s %zu is not a JSON object", rule->unit,
                         rule->number);
    if (!rule->known && guess(rule, record))
        return SLIM_FAILED;
    if (rule->frame)
        return add_framed(rule, record);
    const json_t *value = json_object_get(record, rule->field);

    if (!json_is_string(value))
        return lacks(rule, record, rule->field);
    return slim_rows_add(rule->out, json_string_value(value),
                         json_string_length(value), 0, rule->diag);
}

/* True where the set's limit says that enough has been read. */
static bool enough(struct rule *rule)
{
    if (rule->set->limit == 0 || rule->out->text.length < rule->set->limit)
        return false;
    rule->out->limited = true;
    return true;
}

/* jansson's reason, as the end of a sentence. */
static const char *reason(const json_error_t *error, struct slim_arena *arena)
{
    char *text = slim_arena_strdup(arena, error->text);

    text[0] = (char)tolower((unsigned char)text[0]);
    return text;
}

static enum slim_status read_list(struct rule *rule, const char *bytes,
                                  size_t length)
{
    json_error_t error = { 0 };
    json_t *list = json_loadb(bytes, length, FLAGS, &error);
    enum slim_status status = SLIM_OK;

    if (!list)
        return slim_fail(rule->diag, "F411", rule->file,
                         "line %d, column %d is not JSON: %s", error.line,
                         error.column, reason(&error, rule->diag->arena));
    rule->unit = "record";
    for (size_t i = 0; i < json_array_size(list) && !status; i++) {
        rule->number = i + 1;
        if (enough(rule))
            break;
        status = add_record(rule, json_array_get(list, i));
    }
    json_decref(list);
    return status;
}

static enum slim_status read_line(struct rule *rule, const char *line,
                                  size_t length)
{
    json_error_t error = { 0 };
    size_t blank = 0;

    while (blank < length && isspace((unsigned char)line[blank]))
        blank++;
    if (blank == length)
        return SLIM_OK;
    json_t *record = json_loadb(line, length, FLAGS, &error);

    if (!record)
        return slim_fail(rule->diag, "F411", rule->file,
                         "line %zu is not a JSON object: %s", rule->number,
                         reason(&error, rule->diag->arena));
    enum slim_status status = add_record(rule, record);

    json_decref(record);
    return status;
}

static enum slim_status read_lines(struct rule *rule, const char *bytes,
                                   size_t length)
{
    rule->unit = "line";
    for (size_t at = 0; at < length && !enough(rule);) {
        const char *newline = memchr(bytes + at, '\n', length - at);
        size_t end = newline ? (size_t)(newline - bytes) : length;

        rule->number++;
        if (read_line(rule, bytes + at, end - at))
            return SLIM_FAILED;
        at = end + 1;
    }
    return SLIM_OK;
}

enum slim_status slim_records_read(struct slim_rows *out,
                                   const struct slim_set *set,
                                   const struct slim_data_world *world,
                                   const char *path, const char *bytes,
                                   size_t length, struct slim_diag *diag)
{
    struct slim_source *file = SLIM_NEW(diag->arena, struct slim_source);
    struct rule rule = { .out = out,
                         .set = set,
                         .world = world,
                         .file = { file, 0, 0 },
                         .diag = diag,
                         .field = set->field ? set->field : "text",
                         .frame = set->frame,
                         .known = !set->quoted };
    size_t at = 0;

    file->name = path;
    if (length >= 3 && memcmp(bytes, "\xef\xbb\xbf", 3) == 0) {
        bytes += 3; /* a byte order mark */
        length -= 3;
    }
    while (at < length && isspace((unsigned char)bytes[at]))
        at++;
    if (at == length)
        return SLIM_OK;
    enum slim_status status = bytes[at] == '['
                                  ? read_list(&rule, bytes, length)
                                  : read_lines(&rule, bytes, length);

    out->records = rule.frame != NULL;
    return status;
}
