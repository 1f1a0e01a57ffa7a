/* literal.c - numbers, ratios, strings and words from their spelling */
#include "lang/parser.h"

#include "base/text.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

/* The factor is 10^ten * 2^two. */
static const struct suffix {
    const char *text;
    int ten, two;
} suffixes[] = {
    { "", 0, 0 },     { "k", 3, 0 },    { "M", 6, 0 },
    { "B", 9, 0 },    { "T", 12, 0 },   { "KiB", 0, 10 },
    { "MiB", 0, 20 }, { "GiB", 0, 30 }, { "TiB", 0, 40 },
};

/* A number taken apart; nothing but ASCII is looked at. */
struct decimal {
    const char *digits; /* up to the exponent or the suffix */
    size_t length;
    bool fraction, zero;
    int exponent;
    const struct suffix *suffix; /* NULL: unknown */
};

struct slim_value *slim_word(struct slim_parser *parser,
                             enum slim_value_kind kind, struct slim_span span,
                             size_t skip, size_t skip_end)
{
    struct slim_value *value = SLIM_NEW(parser->arena, struct slim_value);

    value->kind = kind;
    value->span = span;
    value->text =
        slim_arena_strndup(parser->arena, span.source->text + span.begin + skip,
                           span.end - span.begin - skip - skip_end);
    return value;
}

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

/* Reads `e-4` at text; returns its length, 0 if there is none. Exponents out
 * of any reach are held at one that overflows or underflows. */
static size_t read_exponent(const char *text, int *exponent)
{
    const char *c = text + 1;
    bool minus = *c == '-';

    *exponent = 0;
    if (*text != 'e' && *text != 'E')
        return 0;
    if (*c == '-' || *c == '+')
        c++;
    if (!is_digit(*c))
        return 0;
    for (; is_digit(*c); c++)
        if (*exponent < 100000)
            *exponent = 10 * *exponent + (*c - '0');
    if (minus)
        *exponent = -*exponent;
    return (size_t)(c - text);
}

static struct decimal take_apart(const char *text)
{
    struct decimal d = { .digits = text, .zero = true };
    const char *c = text;

    for (; is_digit(*c) || *c == '.'; c++) {
        d.fraction = d.fraction || *c == '.';
        d.zero = d.zero && (*c == '0' || *c == '.');
    }
    d.length = (size_t)(c - text);
    c += read_exponent(c, &d.exponent);
    for (size_t i = 0; i < SLIM_COUNT(suffixes); i++)
        if (strcmp(c, suffixes[i].text) == 0)
            d.suffix = &suffixes[i];
    return d;
}

/* 5.4B is read as 5.4e9, so that it is the nearest double, not a product. */
static double magnitude(struct slim_parser *parser, const struct decimal *d)
{
    int exponent = d->exponent + (d->suffix ? d->suffix->ten : 0);
    const char *text = slim_arena_printf(parser->arena, "%.*se%d",
                                         (int)d->length, d->digits, exponent);

    return ldexp(strtod(text, NULL), d->suffix ? d->suffix->two : 0);
}

static void check_suffix(struct slim_parser *parser, struct slim_span span,
                         const struct decimal *d)
{
    struct slim_error *error;

    if (d->suffix)
        return;
    error = slim_error(parser->diag, "S009", span, "%s is not a number",
                       slim_parser_found(parser, span));
    slim_error_hint(parser->diag, error,
                    "A number may end in k, M, B, T, KiB, MiB, GiB or TiB.");
}

struct slim_value *slim_literal_number(struct slim_parser *parser,
                                       enum slim_value_kind kind,
                                       struct slim_span span)
{
    const char *source = span.source->text;
    bool reversed = source[span.begin] == '%';
    bool percent = kind == SLIM_VALUE_PERCENT;
    struct slim_value *value =
        slim_word(parser, kind, span, reversed, percent && !reversed);
    struct decimal d = take_apart(value->text);

    check_suffix(parser, span, &d);
    value->number = magnitude(parser, &d);
    if (!isfinite(value->number) || (value->number <= 0.0 && !d.zero)) {
        (void)slim_fail(parser->diag, "S010", span, "%s is too %s",
                        slim_parser_found(parser, span),
                        isfinite(value->number) ? "small" : "large");
        value->number = 0.0;
        value->wrong = true;
    }
    if (percent)
        value->text = slim_arena_printf(parser->arena, "%s%%", value->text);
    else
        value->integer =
            d.exponent >= 0 && (!d.fraction || (d.suffix && *d.suffix->text)) &&
            value->number <= 0x1p53 && value->number == floor(value->number);
    return value;
}

struct slim_value *slim_literal_ratio(struct slim_parser *parser,
                                      struct slim_span span)
{
    struct slim_value *value = slim_word(parser, SLIM_VALUE_RATIO, span, 0, 0);
    unsigned long long left = 0, right = 0;

    errno = 0;
    left = strtoull(value->text, NULL, 10);
    right = strtoull(strchr(value->text, ':') + 1, NULL, 10);
    value->wrong = errno == ERANGE;
    if (value->wrong)
        (void)slim_fail(parser->diag, "S010", span, "%s is too large",
                        slim_parser_found(parser, span));
    value->left = left;
    value->right = right;
    return value;
}

struct slim_value *slim_literal_negate(struct slim_parser *parser,
                                       struct slim_span span,
                                       struct slim_value *value)
{
    value->span = span;
    value->text = slim_arena_printf(parser->arena, "-%s", value->text);
    value->number = -value->number;
    return value;
}

/* What stands for the character after a backslash, or 0. */
static char unescaped(char c)
{
    switch (c) {
    case 'n':
        return '\n';
    case 't':
        return '\t';
    case 'r':
        return '\r';
    case '"':
    case '\\':
        return c;
    default:
        return 0;
    }
}

struct slim_value *slim_literal_string(struct slim_parser *parser,
                                       struct slim_span span)
{
    struct slim_value *value = slim_word(parser, SLIM_VALUE_STRING, span, 1, 1);
    char *text = slim_arena_strdup(parser->arena, value->text), *to = text;

    for (const char *from = text; *from; from++) {
        if (*from != '\\') {
            *to++ = *from;
            continue;
        }
        from++;
        struct slim_span at = span;
        at.begin += (size_t)(from - text);
        at.end = at.begin + 2;
        *to = unescaped(*from);
        if (*to++)
            continue;
        struct slim_error *error = slim_error(
            parser->diag, "S008", at, "a string does not know this escape");
        slim_error_hint(parser->diag, error,
                        "Known are \\\" \\\\ \\n \\t \\r; a backslash itself "
                        "is \\\\.");
        to[-1] = *from;
    }
    *to = '\0';
    value->text = text;
    return value;
}
