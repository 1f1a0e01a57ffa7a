/* diag.c - recording errors */
#include "base/diag.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

enum { DEFAULT_LIMIT = 100, MESSAGE_HEAD = 1000, MESSAGE_TAIL = 500 };

struct slim_span slim_span_join(struct slim_span a, struct slim_span b)
{
    if (!a.source)
        return b;
    if (!b.source || a.source != b.source)
        return a;
    if (b.begin < a.begin)
        a.begin = b.begin;
    if (b.end > a.end)
        a.end = b.end;
    return a;
}

void slim_span_place(struct slim_span span, size_t *line, size_t *column)
{
    const struct slim_source *source = span.source;
    size_t at = 0, start = 0;

    *line = 1;
    *column = 1;
    if (!source || !source->text)
        return;
    at = span.begin < source->length ? span.begin : source->length;
    while (start < at) {
        const char *end = memchr(source->text + start, '\n', at - start);
        if (!end)
            break;
        start = (size_t)(end - source->text) + 1;
        (*line)++;
    }
    *column = at - start + 1;
}

static size_t limit_of(const struct slim_diag *diag)
{
    return diag->limit ? diag->limit : DEFAULT_LIMIT;
}

/* A message may quote what was read, which may be megabytes: the middle of a
 * long one is left out, between characters. */
static const char *message_of(struct slim_arena *arena, const char *format,
                              va_list args)
{
    char *text = slim_arena_vprintf(arena, format, args);
    size_t length = strlen(text);

    if (length <= MESSAGE_HEAD + MESSAGE_TAIL)
        return text;
    size_t head = MESSAGE_HEAD, tail = length - MESSAGE_TAIL;
    while (head > 0 && ((unsigned char)text[head] & 0xc0) == 0x80)
        head--;
    while (tail < length && ((unsigned char)text[tail] & 0xc0) == 0x80)
        tail++;
    return slim_arena_printf(arena, "%.*s...%s", (int)head, text, text + tail);
}

struct slim_error *slim_diag_move(struct slim_diag *diag,
                                  struct slim_error *error)
{
    bool fatal = error->severity == SLIM_ERROR;
    size_t *count = fatal ? &diag->errors : &diag->warnings;

    error->next = NULL;
    if ((*count)++ >= limit_of(diag))
        return NULL;
    if (diag->last)
        diag->last->next = error;
    else
        diag->first = error;
    diag->last = error;
    return error;
}

/* Past the limit the record is made, for the caller to add to, but not kept. */
static struct slim_error *record(struct slim_diag *diag,
                                 enum slim_severity severity, const char *code,
                                 struct slim_span span, const char *format,
                                 va_list args)
{
    struct slim_error *error = SLIM_NEW(diag->arena, struct slim_error);

    error->severity = severity;
    (void)snprintf(error->code, sizeof(error->code), "%s", code);
    error->span = span;
    error->message = message_of(diag->arena, format, args);
    (void)slim_diag_move(diag, error);
    return error;
}

struct slim_error *slim_error(struct slim_diag *diag, const char *code,
                              struct slim_span span, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    struct slim_error *error =
        record(diag, SLIM_ERROR, code, span, format, args);
    va_end(args);
    return error;
}

struct slim_error *slim_warning(struct slim_diag *diag, const char *code,
                                struct slim_span span, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    struct slim_error *error =
        record(diag, SLIM_WARNING, code, span, format, args);
    va_end(args);
    return error;
}

enum slim_status slim_fail(struct slim_diag *diag, const char *code,
                           struct slim_span span, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    (void)record(diag, SLIM_ERROR, code, span, format, args);
    va_end(args);
    return SLIM_FAILED;
}

void slim_error_label(struct slim_diag *diag, struct slim_error *error,
                      const char *format, ...)
{
    va_list args;

    va_start(args, format);
    error->label = slim_arena_vprintf(diag->arena, format, args);
    va_end(args);
}

void slim_error_hint(struct slim_diag *diag, struct slim_error *error,
                     const char *format, ...)
{
    va_list args;

    va_start(args, format);
    error->hint = slim_arena_vprintf(diag->arena, format, args);
    va_end(args);
}

void slim_error_note(struct slim_diag *diag, struct slim_error *error,
                     struct slim_span span, const char *format, ...)
{
    struct slim_note *note = SLIM_NEW(diag->arena, struct slim_note);
    struct slim_note **end = &error->notes;
    va_list args;

    note->span = span;
    va_start(args, format);
    note->text = slim_arena_vprintf(diag->arena, format, args);
    va_end(args);
    while (*end)
        end = &(*end)->next;
    *end = note;
}

void slim_error_fix(struct slim_diag *diag, struct slim_error *error,
                    struct slim_span span, const char *format, ...)
{
    va_list args;

    error->has_fix = true;
    error->fix.span = span;
    va_start(args, format);
    error->fix.text = slim_arena_vprintf(diag->arena, format, args);
    va_end(args);
}

int slim_diag_exit(const struct slim_diag *diag)
{
    static const struct {
        char class;
        int code;
    } exits[] = {
        { 'S', 3 }, { 'N', 3 }, { 'A', 3 }, { 'E', 3 }, { 'M', 3 },
        { 'T', 3 }, { 'D', 3 }, { 'L', 6 }, { 'U', 2 }, { 'I', 1 },
        { 'F', 1 }, { 'R', 1 }, { 'O', 5 }, { 'V', 4 }, { 'C', 130 },
    };
    const struct slim_error *error = diag->first;

    while (error && error->severity != SLIM_ERROR)
        error = error->next;
    if (!error)
        return 0;
    for (size_t i = 0; i < SLIM_COUNT(exits); i++)
        if (exits[i].class == error->code[0])
            return exits[i].code;
    return 1;
}
