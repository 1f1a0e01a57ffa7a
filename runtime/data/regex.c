/* regex.c - regular expressions of tokenizer files, on PCRE2 */
#define PCRE2_CODE_UNIT_WIDTH 8

#include "runtime/data/regex.h"

#include "base/text.h"

#include <pcre2.h>
#include <stdlib.h>
#include <string.h>

/* Large enough for every pattern in use; grown only while a match runs. */
#define STACK_MOST ((size_t)64 << 20)

struct slim_regex {
    pcre2_code *code;
    pcre2_match_data *match;
    pcre2_match_context *context;
    pcre2_jit_stack *stack;
    char *literal; /* the text to find, where there is no code */
    size_t length;
};

/* Oniguruma's word characters; PCRE2's \w leaves out marks and connectors. */
#define WORD "\\p{Alphabetic}\\p{M}\\p{Nd}\\p{Pc}"

static enum slim_status refuse(const char *construct, struct slim_span at,
                               struct slim_diag *diag)
{
    return slim_fail(diag, "F402", at,
                     "the tokenizer's split pattern uses %s, which slimc "
                     "cannot read",
                     construct);
}

/* One escape at `at`; *used is how many bytes it has. */
static enum slim_status translate_escape(struct slim_text *out, size_t *used,
                                         const char *at, size_t left,
                                         bool in_class, struct slim_span where,
                                         struct slim_diag *diag)
{
    if (left < 2)
        return refuse("a backslash at its end", where, diag);
    *used = 2;
    switch (at[1]) {
    case 's':
        slim_text_puts(out, "\\p{White_Space}");
        return SLIM_OK;
    case 'S':
        slim_text_puts(out, "\\P{White_Space}");
        return SLIM_OK;
    case 'w':
        slim_text_puts(out, in_class ? WORD : "[" WORD "]");
        return SLIM_OK;
    case 'W':
        if (in_class)
            return refuse("\"\\W\" in a class", where, diag);
        slim_text_puts(out, "[^" WORD "]");
        return SLIM_OK;
    case 'h':
    case 'H':
        return refuse("\"\\h\"", where, diag);
    default:
        break;
    }
    /* \p{Name}: the braces belong to the escape */
    if (left > 2 && at[2] == '{' && strchr("pPx", at[1])) {
        const char *end = memchr(at, '}', left);

        if (!end)
            return refuse("an open brace", where, diag);
        *used = (size_t)(end - at) + 1;
    }
    slim_text_append(out, at, *used);
    return SLIM_OK;
}

/* Inside a class: sets within sets and their operators are Ruby's alone. A set
 * of more members is read, since one pattern in use has it; others are not. */
static enum slim_status check_class(const char *at, size_t left,
                                    struct slim_span where,
                                    struct slim_diag *diag)
{
    if (at[0] == '[' && left > 1 && at[1] == '^')
        return refuse("\"[^\" in a class", where, diag);
    if (at[0] == '[' && left > 1 && at[1] == ']')
        return refuse("\"[]\" in a class", where, diag);
    if (at[0] == '&' && left > 1 && at[1] == '&')
        return refuse("\"&&\" in a class", where, diag);
    return SLIM_OK;
}

/* Outside: options that mean something else, and {n,m}+ (not possessive). */
static enum slim_status check_outside(const char *at, size_t left,
                                      struct slim_span where,
                                      struct slim_diag *diag)
{
    if (at[0] == '}' && left > 1 && at[1] == '+')
        return refuse("\"{n,m}+\"", where, diag);
    if (at[0] == '(' && left > 2 && at[1] == '?')
        for (size_t i = 2; i < left && strchr("imx-", at[i]) && at[i]; i++)
            if (at[i] == 'm' || at[i] == 'x')
                return refuse("the option \"m\" or \"x\"", where, diag);
    return SLIM_OK;
}

/* Where a translation stands. */
struct place {
    size_t depth;  /* of classes; 0: outside */
    size_t opened; /* first member of the outermost: "]" is itself there */
};

/* A bracket, a [:name:] of a class, or any other character. */
static enum slim_status translate_one(struct slim_text *out, size_t *used,
                                      struct place *place, const char *pattern,
                                      size_t i, size_t length,
                                      struct slim_span where,
                                      struct slim_diag *diag)
{
    const char *at = pattern + i;
    size_t left = length - i;

    if (place->depth > 0 && *at == '[' && left > 1 && at[1] == ':') {
        const char *end = memchr(at + 2, ':', left - 2);

        if (!end || (size_t)(end - at) + 1 >= left || end[1] != ']')
            return refuse("an open class", where, diag);
        *used = (size_t)(end - at) + 2;
    } else if (place->depth > 0 && *at == '[') {
        place->depth++; /* its members are those of the class around it */
        return SLIM_OK;
    } else if (*at == '[') {
        place->depth = 1;
        place->opened = i + (left > 1 && at[1] == '^' ? 2 : 1);
    } else if (place->depth > 0 && *at == ']' && i != place->opened) {
        if (--place->depth > 0)
            return SLIM_OK;
    }
    slim_text_append(out, at, *used);
    return SLIM_OK;
}

static enum slim_status translate(struct slim_text *out, const char *pattern,
                                  size_t length, struct slim_span where,
                                  struct slim_diag *diag)
{
    struct place place = { 0 };

    for (size_t i = 0, used = 1; i < length; i += used) {
        const char *at = pattern + i;
        size_t left = length - i;

        used = 1;
        if (*at == '\\') {
            if (translate_escape(out, &used, at, left, place.depth > 0, where,
                                 diag))
                return SLIM_FAILED;
            continue;
        }
        if (place.depth > 0 ? check_class(at, left, where, diag)
                            : check_outside(at, left, where, diag))
            return SLIM_FAILED;
        if (translate_one(out, &used, &place, pattern, i, length, where, diag))
            return SLIM_FAILED;
    }
    return SLIM_OK;
}

static enum slim_status compile(struct slim_regex *regex, const char *pattern,
                                size_t length, struct slim_span at,
                                struct slim_diag *diag)
{
    int error = 0;
    PCRE2_SIZE offset = 0;
    pcre2_compile_context *context = pcre2_compile_context_create(NULL);

    if (!context)
        return slim_fail(diag, "O001", at, "not enough memory for a pattern");
    pcre2_set_newline(context, PCRE2_NEWLINE_LF);
    pcre2_set_max_pattern_length(context, 65536);
    regex->code = pcre2_compile((PCRE2_SPTR)pattern, length,
                                PCRE2_UTF | PCRE2_UCP | PCRE2_MULTILINE |
                                    PCRE2_NEVER_BACKSLASH_C,
                                &error, &offset, context);
    pcre2_compile_context_free(context);
    if (!regex->code) {
        PCRE2_UCHAR reason[160];

        pcre2_get_error_message(error, reason, sizeof(reason));
        return slim_fail(diag, "F401", at,
                         "the tokenizer's split pattern is no regular "
                         "expression: %s",
                         (const char *)reason);
    }
    /* without the compiler PCRE2 interprets: slower, the same matches */
    if (pcre2_jit_compile(regex->code, PCRE2_JIT_COMPLETE) == 0)
        regex->stack =
            pcre2_jit_stack_create((size_t)32 << 10, STACK_MOST, NULL);
    regex->match = pcre2_match_data_create_from_pattern(regex->code, NULL);
    regex->context = pcre2_match_context_create(NULL);
    if (!regex->match || !regex->context)
        return slim_fail(diag, "O001", at, "not enough memory for a pattern");
    if (regex->stack)
        pcre2_jit_stack_assign(regex->context, NULL, regex->stack);
    return SLIM_OK;
}

static enum slim_status open_literal(struct slim_regex *regex, const char *text,
                                     size_t length, struct slim_span at,
                                     struct slim_diag *diag)
{
    regex->literal = malloc(length);
    regex->length = length;
    if (!regex->literal)
        return slim_fail(diag, "O001", at, "not enough memory for a pattern");
    memcpy(regex->literal, text, length);
    return SLIM_OK;
}

static enum slim_status open_pattern(struct slim_regex *regex,
                                     const char *pattern, size_t length,
                                     struct slim_span at,
                                     struct slim_diag *diag)
{
    struct slim_text text = { 0 };
    enum slim_status status = translate(&text, pattern, length, at, diag);

    if (!status)
        status =
            compile(regex, text.data ? text.data : "", text.length, at, diag);
    slim_text_free(&text);
    return status;
}

enum slim_status slim_regex_open(struct slim_regex **out, const char *pattern,
                                 size_t length, bool literal,
                                 struct slim_span at, struct slim_diag *diag)
{
    struct slim_regex *regex = calloc(1, sizeof(*regex));
    enum slim_status status;

    *out = regex;
    if (!regex)
        return slim_fail(diag, "O001", at, "not enough memory for a pattern");
    if (length == 0) {
        status =
            slim_fail(diag, "F401", at, "a pattern of the tokenizer is empty");
    } else if (literal) {
        status = open_literal(regex, pattern, length, at, diag);
    } else {
        status = open_pattern(regex, pattern, length, at, diag);
    }
    if (status) {
        slim_regex_close(regex);
        *out = NULL;
    }
    return status;
}

void slim_regex_close(struct slim_regex *regex)
{
    if (!regex)
        return;
    pcre2_jit_stack_free(regex->stack);
    pcre2_match_context_free(regex->context);
    pcre2_match_data_free(regex->match);
    pcre2_code_free(regex->code);
    free(regex->literal);
    free(regex);
}

static void find_literal(struct slim_match *out, const struct slim_regex *regex,
                         const char *text, size_t length, size_t from)
{
    const char *at = text + from, *end = text + length;

    while ((size_t)(end - at) >= regex->length) {
        size_t room = (size_t)(end - at) - regex->length + 1;

        at = memchr(at, regex->literal[0], room);
        if (!at)
            return;
        if (memcmp(at, regex->literal, regex->length) == 0) {
            out->found = true;
            out->begin = (size_t)(at - text);
            out->end = out->begin + regex->length;
            return;
        }
        at++;
    }
}

enum slim_status slim_regex_next(struct slim_match *out,
                                 const struct slim_regex *regex,
                                 const char *text, size_t length, size_t from,
                                 struct slim_diag *diag)
{
    *out = (struct slim_match){ .found = false };
    if (from > length)
        return SLIM_OK;
    if (regex->literal) {
        find_literal(out, regex, text, length, from);
        return SLIM_OK;
    }
    /* a pattern that backtracks without end stops; one that walks back over
     * a long run of blanks does not */
    pcre2_set_match_limit(regex->context,
                          length > (UINT32_MAX >> 6)
                              ? UINT32_MAX
                              : (uint32_t)(length * 16 + 10000000));
    int found = pcre2_match(regex->code, (PCRE2_SPTR)text, length, from,
                            PCRE2_NO_UTF_CHECK, regex->match, regex->context);

    if (found == PCRE2_ERROR_NOMATCH)
        return SLIM_OK;
    if (found < 0) {
        PCRE2_UCHAR reason[160];

        pcre2_get_error_message(found, reason, sizeof(reason));
        return slim_fail(diag, "F404", (struct slim_span){ 0 },
                         "the tokenizer's split pattern could not be matched: "
                         "%s",
                         (const char *)reason);
    }
    const PCRE2_SIZE *range = pcre2_get_ovector_pointer(regex->match);

    /* \K in a look-ahead can end a match before it begins */
    *out = (struct slim_match){ true, range[0],
                                range[1] < range[0] ? range[0] : range[1] };
    return SLIM_OK;
}
