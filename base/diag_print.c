/* diag_print.c - errors as a person sees them */
#include "base/diag.h"
#include "base/diag_sort.h"
#include "base/text.h"

#include <string.h>
#include <utf8proc.h>

/* A longer line is shown as a window of this many bytes around the place. */
enum { WINDOW = 120, BEFORE = 40, TAB = 4 };

struct style {
    const char *strong, *mark, *note, *plain;
};

static const struct style colourless = { "", "", "", "" };
static const struct style error_style = { "\033[1m", "\033[1;31m", "\033[1;34m",
                                          "\033[0m" };
static const struct style warning_style = { "\033[1m", "\033[1;35m",
                                            "\033[1;34m", "\033[0m" };

/* The part of a source line that is shown, and the marked part of it. */
struct window {
    const char *text;
    size_t begin, end;           /* of the shown bytes */
    size_t mark_begin, mark_end; /* within the line's bytes */
    bool cut_before, cut_after;
    size_t line;
};

static bool continues(const char *text, size_t at)
{
    return ((unsigned char)text[at] & 0xc0) == 0x80;
}

/* Never cuts a character in two, nor moves by more than one character. */
static void cut(struct window *w, size_t first, size_t last)
{
    w->begin = w->mark_begin - first > BEFORE ? w->mark_begin - BEFORE : first;
    for (int i = 0; i < 3 && w->begin > first && continues(w->text, w->begin);
         i++)
        w->begin--;
    w->end = last - w->begin > WINDOW ? w->begin + WINDOW : last;
    for (int i = 0; i < 3 && w->end < last && continues(w->text, w->end); i++)
        w->end--;
    w->cut_before = w->begin > first;
    w->cut_after = w->end < last;
}

static struct window window_of(struct slim_span span)
{
    const struct slim_source *source = span.source;
    struct window w = { .text = source->text };
    size_t column = 0;

    slim_span_place(span, &w.line, &column);
    w.mark_begin = span.begin < source->length ? span.begin : source->length;
    size_t first = w.mark_begin - (column - 1);
    const char *end =
        memchr(source->text + first, '\n', source->length - first);
    size_t last = end ? (size_t)(end - source->text) : source->length;
    if (last > first && source->text[last - 1] == '\r')
        last--;
    if (w.mark_begin > last)
        w.mark_begin = last;
    w.mark_end = span.end > last ? last : span.end;
    if (w.mark_end < w.mark_begin)
        w.mark_end = w.mark_begin;
    cut(&w, first, last);
    if (w.mark_end > w.end)
        w.mark_end = w.end;
    return w;
}

/* Appends bytes as they are shown; returns how many columns they take. */
static size_t show(struct slim_text *out, const char *bytes, size_t count)
{
    size_t columns = 0;

    for (size_t i = 0; i < count;) {
        utf8proc_int32_t point = 0;
        utf8proc_ssize_t step =
            utf8proc_iterate((const utf8proc_uint8_t *)bytes + i,
                             (utf8proc_ssize_t)(count - i), &point);
        size_t size = step > 0 ? (size_t)step : 1;
        if (bytes[i] == '\t') {
            slim_text_append(out, "    ", TAB);
            columns += TAB;
        } else {
            size_t before = out->length;
            slim_text_visible(out, bytes + i, size);
            bool same = out->length - before == size;
            columns +=
                same ? (size_t)utf8proc_charwidth(point) : out->length - before;
        }
        i += size;
    }
    return columns;
}

static void repeat(struct slim_text *out, char c, size_t count)
{
    for (size_t i = 0; i < count; i++)
        slim_text_append(out, &c, 1);
}

static void put_visible(struct slim_text *out, const char *text)
{
    slim_text_visible(out, text, strlen(text));
}

/* "     |       TEXT" */
static void put_below(struct slim_text *out, size_t indent, const char *prefix,
                      const char *text)
{
    slim_text_puts(out, "     | ");
    repeat(out, ' ', indent);
    slim_text_puts(out, prefix);
    put_visible(out, text);
    slim_text_puts(out, "\n");
}

/* The line and the marks under it, without the end of the second line.
 * `first` and `rest` are "^" and "~", or "-" twice. Returns the indent. */
static size_t put_marked(struct slim_text *out, struct slim_span span,
                         const char *first, char rest, const char *colour,
                         const char *plain)
{
    struct window w = window_of(span);

    slim_text_printf(out, "%4zu | %s", w.line, w.cut_before ? "..." : "");
    size_t indent = w.cut_before ? 3 : 0;
    indent += show(out, w.text + w.begin, w.mark_begin - w.begin);
    size_t marks = show(out, w.text + w.mark_begin, w.mark_end - w.mark_begin);
    (void)show(out, w.text + w.mark_end, w.end - w.mark_end);
    slim_text_printf(out, "%s\n     | ", w.cut_after ? "..." : "");
    repeat(out, ' ', indent);
    slim_text_printf(out, "%s%s", colour, first);
    repeat(out, rest, marks > 1 ? marks - 1 : 0);
    slim_text_puts(out, plain);
    return indent;
}

static void put_note(struct slim_text *out, const struct slim_note *note,
                     size_t indent, const struct style *style)
{
    if (!note->span.source || !note->span.source->text) {
        const char *name = note->span.source ? note->span.source->name : NULL;
        put_below(out, indent, name ? name : "", name ? ": " : "");
        out->length--;
        put_visible(out, note->text);
        slim_text_puts(out, "\n");
        return;
    }
    (void)put_marked(out, note->span, "-", '-', style->note, style->plain);
    slim_text_puts(out, " ");
    put_visible(out, note->text);
    slim_text_puts(out, "\n");
}

/* "did you mean 'steps'?" has said it; "fix: steps" would say it again. */
static bool says(const char *text, const char *fix)
{
    size_t length = strlen(fix);
    const char *at = text;

    while (at && length > 0 && (at = strstr(at, fix))) {
        if (at > text && at[-1] == '\'' && at[length] == '\'')
            return true;
        at++;
    }
    return false;
}

static bool fix_is_said(const struct slim_error *error)
{
    return (error->label && says(error->label, error->fix.text)) ||
           (error->hint && says(error->hint, error->fix.text));
}

/* What stands under a main line: label, notes, fix, hint. */
static void put_rest(struct slim_text *out, const struct slim_error *error,
                     size_t indent, bool marked, const struct style *style)
{
    bool fix = error->has_fix && !fix_is_said(error);
    const char *fix_text =
        fix && *error->fix.text ? error->fix.text : "remove this";

    if (marked && (error->label || fix)) {
        slim_text_puts(out, error->label ? " " : " fix: ");
        put_visible(out, error->label ? error->label : fix_text);
        fix = fix && error->label;
    }
    if (marked)
        slim_text_puts(out, "\n");
    else if (error->label)
        put_below(out, indent, "", error->label);
    for (const struct slim_note *note = error->notes; note; note = note->next)
        put_note(out, note, indent, style);
    if (fix)
        put_below(out, indent, "fix: ", fix_text);
    if (error->hint)
        put_below(out, indent, "", error->hint);
}

static void put_error(struct slim_text *out, const struct slim_error *error,
                      bool color)
{
    bool warning = error->severity == SLIM_WARNING;
    const struct style *style = !color    ? &colourless
                                : warning ? &warning_style
                                          : &error_style;
    const struct slim_source *source = error->span.source;
    size_t line = 0, column = 0, indent = 0;
    bool marked = source && source->text;

    slim_text_puts(out, style->strong);
    if (source) {
        put_visible(out, source->name);
        slim_span_place(error->span, &line, &column);
        if (marked)
            slim_text_printf(out, ":%zu:%zu", line, column);
        slim_text_puts(out, ": ");
    }
    slim_text_printf(out, "%s%s[%s]:%s %s", style->mark,
                     warning ? "warning" : "error", error->code, style->plain,
                     style->strong);
    put_visible(out, error->message);
    slim_text_printf(out, "%s\n", style->plain);
    if (marked)
        indent =
            put_marked(out, error->span, "^", '~', style->mark, style->plain);
    put_rest(out, error, indent, marked, style);
}

/* The one file that `slimc fix` could mend all errors of, or NULL. */
static const struct slim_source *fixable(const struct slim_diag *diag)
{
    const struct slim_source *source = NULL;

    for (const struct slim_error *e = diag->first; e; e = e->next) {
        if (e->severity != SLIM_ERROR)
            continue;
        if (!e->has_fix || !e->fix.span.source ||
            (source && source != e->fix.span.source))
            return NULL;
        source = e->fix.span.source;
    }
    /* "-s", "-" and "<ir>" are no files */
    if (source && (source->name[0] == '-' || source->name[0] == '<'))
        return NULL;
    return source;
}

static void put_count(struct slim_text *out, const struct slim_diag *diag,
                      size_t shown)
{
    const char *comma = "";

    if (diag->errors + diag->warnings < 2)
        return;
    if (diag->errors > 0) {
        slim_text_printf(out, "%zu error%s", diag->errors,
                         diag->errors > 1 ? "s" : "");
        comma = ", ";
    }
    if (diag->warnings > 0)
        slim_text_printf(out, "%s%zu warning%s", comma, diag->warnings,
                         diag->warnings > 1 ? "s" : "");
    const struct slim_source *source = fixable(diag);
    if (shown < diag->errors + diag->warnings)
        slim_text_printf(out, ", the first %zu shown", shown);
    else if (source) {
        slim_text_puts(out, ", all fixable: slimc fix ");
        put_visible(out, source->name);
    }
    slim_text_puts(out, "\n");
}

void slim_diag_print(const struct slim_diag *diag, FILE *out, bool color)
{
    struct slim_text text = { 0 };
    size_t count = 0;
    struct slim_error **sorted = slim_diag_sorted(diag, &count);

    for (size_t i = 0; i < count; i++)
        put_error(&text, sorted[i], color);
    put_count(&text, diag, count);
    if (text.length > 0)
        (void)fwrite(text.data, 1, text.length, out);
    slim_text_free(&text);
}
