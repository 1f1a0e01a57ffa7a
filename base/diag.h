/* diag.h - errors with a place, a reason and a way out */
#ifndef SLIM_DIAG_H
#define SLIM_DIAG_H

#include "base/arena.h"
#include "base/attr.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

/*
 * A function that can fail returns a status and records exactly one error in
 * the diagnostics it was handed; callers pass the status up and add nothing
 * but, at most, a hint or a note.
 */
enum slim_status { SLIM_OK = 0, SLIM_FAILED = -1 };

/* A text that spans point into: a recipe, a YAML file, an IR listing. */
struct slim_source {
    const char *name; /* as the user gave it; "-s" or "<ir>" for no file */
    const char *text; /* NUL after the last byte; may hold NULs itself */
    size_t length;
};

/* Bytes [begin, end) of a source. `source` NULL means no place is known; a
 * source whose `text` is NULL (a model file, say) prints as its name alone. */
struct slim_span {
    const struct slim_source *source;
    size_t begin, end;
};

/* From the start of `a` to the end of `b`; either may have no source. */
struct slim_span slim_span_join(struct slim_span a, struct slim_span b);

/* 1-based line and column (in bytes) of the start of the span. */
void slim_span_place(struct slim_span span, size_t *line, size_t *column);

/* A second place that explains an error: "scores made here". */
struct slim_note {
    struct slim_span span;
    const char *text;
    struct slim_note *next;
};

/* A change of the recipe that would mend an error: replace `span` by `text`.
 * begin == end inserts. A fix without a source is advice, not applicable. */
struct slim_fix {
    struct slim_span span;
    const char *text;
};

enum slim_severity { SLIM_ERROR, SLIM_WARNING };

/*
 * The code is a letter and three digits. The letter is the class and decides
 * the exit code (slim_diag_exit):
 *
 *     S  syntax                    3      U  usage                     2
 *     N  names                     3      I  reading or writing files  1
 *     A  arguments and ranges      3      F  malformed input file      1
 *     E  effects (stale, unused)   3      R  run failed                1
 *     M  the model contradicts     3      O  out of memory or disk     5
 *     T  a target contradicts      3      V  an assertion failed       4
 *     D  data missing or short     3      C  cancelled (Ctrl-C)        130
 *     L  lock mismatch             6
 */
struct slim_error {
    enum slim_severity severity;
    char code[8];
    struct slim_span span;
    const char *message; /* lower case, no period, reason included */
    const char *label;   /* right of the carets, or NULL */
    const char *hint;    /* a full sentence, or NULL */
    struct slim_note *notes;
    bool has_fix;
    struct slim_fix fix;
    struct slim_error *next;
};

struct slim_diag {
    struct slim_arena *arena;
    struct slim_error *first, *last;
    size_t errors, warnings;
    size_t limit; /* errors after which recording stops; 0 means 100 */
};

/* Records an error and returns it so that a label, hint, note or fix can be
 * added. Never NULL. */
struct slim_error *slim_error(struct slim_diag *diag, const char *code,
                              struct slim_span span, const char *format, ...)
    SLIM_PRINTF(4, 5);
struct slim_error *slim_warning(struct slim_diag *diag, const char *code,
                                struct slim_span span, const char *format, ...)
    SLIM_PRINTF(4, 5);

/* Takes over a record of other diagnostics in the same arena; NULL where the
 * limit leaves no room. */
struct slim_error *slim_diag_move(struct slim_diag *diag,
                                  struct slim_error *error);

/* Records an error and returns SLIM_FAILED: `return slim_fail(...)`. */
enum slim_status slim_fail(struct slim_diag *diag, const char *code,
                           struct slim_span span, const char *format, ...)
    SLIM_PRINTF(4, 5);

/* Printf-style setters; the text is kept in the diagnostics' arena. */
void slim_error_label(struct slim_diag *diag, struct slim_error *error,
                      const char *format, ...) SLIM_PRINTF(3, 4);
void slim_error_hint(struct slim_diag *diag, struct slim_error *error,
                     const char *format, ...) SLIM_PRINTF(3, 4);
void slim_error_note(struct slim_diag *diag, struct slim_error *error,
                     struct slim_span span, const char *format, ...)
    SLIM_PRINTF(4, 5);
/* Replace `span` by the text; shown as "fix: TEXT" and used by `slimc fix`. */
void slim_error_fix(struct slim_diag *diag, struct slim_error *error,
                    struct slim_span span, const char *format, ...)
    SLIM_PRINTF(4, 5);

/* Prints all records, sorted by place, in the form of design "Syntax error":
 * NAME:LINE:COL: error[CODE]: MESSAGE, the line, carets with the label, notes
 * with their own lines, "fix: ..." and the hint. Ends with the count line
 * where there are several. `color` uses SGR sequences. */
void slim_diag_print(const struct slim_diag *diag, FILE *out, bool color);

/* One JSON object a line: {"v":1,"event":"error","code":...,"file":...,
 * "line":...,"column":...,"end_column":...,"message":...,"fix":...}. */
void slim_diag_print_json(const struct slim_diag *diag, FILE *out);

/* The exit code of the first error's class; 0 if there is none. */
int slim_diag_exit(const struct slim_diag *diag);

#endif
