/* expect.c - syntax errors in our own words */
#include "lang/parser.h"

#include "base/text.h"

#include <string.h>

enum {
    QUANTITY = SLIM_EXPECT_NUMBER | SLIM_EXPECT_PERCENT | SLIM_EXPECT_RATIO,
    VALUE = QUANTITY | SLIM_EXPECT_STRING | SLIM_EXPECT_NAME,
    /* where any name fits, the words inside statements are names too */
    NAMES = SLIM_EXPECT_NAME | SLIM_EXPECT_EXCEPT | SLIM_EXPECT_OF |
            SLIM_EXPECT_TO | SLIM_EXPECT_LAYERS | SLIM_EXPECT_ELSE |
            SLIM_EXPECT_WARN | SLIM_EXPECT_STEP,
    WORDS = NAMES | SLIM_EXPECT_ON | SLIM_EXPECT_IN | SLIM_EXPECT_AS,
    METHOD = SLIM_EXPECT_NAME | SLIM_EXPECT_LAYERS,
    OPERAND = SLIM_EXPECT_NUMBER | SLIM_EXPECT_PERCENT | SLIM_EXPECT_NAME,
    ROLE = METHOD | SLIM_EXPECT_STRING,
};

/* What is said where all bits of `all` are expected; it says so for all bits
 * of `takes`. The first rows are the larger groups. */
static const struct {
    unsigned all, takes;
    const char *text;
} groups[] = {
    { SLIM_EXPECT_STATEMENT, ~0u, "a statement" },
    { VALUE, VALUE | WORDS, "a value" },
    { METHOD | QUANTITY, METHOD, "a method" },
    { QUANTITY, QUANTITY, "a quantity" },
    { NAMES, NAMES, "a name" },
    { OPERAND, OPERAND, "a number or a name" },
    { ROLE, SLIM_EXPECT_NAME, "a role" },
    { METHOD, METHOD, "a unit" },
    { SLIM_EXPECT_NUMBER, SLIM_EXPECT_NUMBER, "a whole number" },
    { SLIM_EXPECT_NAME, SLIM_EXPECT_NAME, "a name" },
    { SLIM_EXPECT_STRING, SLIM_EXPECT_STRING, "a string" },
    { SLIM_EXPECT_LAYERS, SLIM_EXPECT_LAYERS, "'layers'" },
    { SLIM_EXPECT_LIBRARY, SLIM_EXPECT_LIBRARY, "a library in < >" },
    { SLIM_EXPECT_COMPARISON, SLIM_EXPECT_COMPARISON, "a comparison" },
    { SLIM_EXPECT_ASSIGN, SLIM_EXPECT_ASSIGN, "'='" },
    { SLIM_EXPECT_OF, SLIM_EXPECT_OF, "'of'" },
    { SLIM_EXPECT_TO, SLIM_EXPECT_TO, "'to'" },
    { SLIM_EXPECT_DOTS, SLIM_EXPECT_DOTS, "'..'" },
    { SLIM_EXPECT_COMMA, SLIM_EXPECT_COMMA, "','" },
    { SLIM_EXPECT_CLOSE, SLIM_EXPECT_CLOSE, "')'" },
    { SLIM_EXPECT_EXCEPT, SLIM_EXPECT_EXCEPT, "'except'" },
    { SLIM_EXPECT_IN, SLIM_EXPECT_IN, "'in'" },
    { SLIM_EXPECT_ON, SLIM_EXPECT_ON, "'on'" },
    { SLIM_EXPECT_ARG, SLIM_EXPECT_ARG, "name=value" },
    { SLIM_EXPECT_AS, SLIM_EXPECT_AS, "'as'" },
    { SLIM_EXPECT_ELSE, SLIM_EXPECT_ELSE, "'else'" },
    { SLIM_EXPECT_WARN, SLIM_EXPECT_WARN, "'warn'" },
    { SLIM_EXPECT_STEP, SLIM_EXPECT_STEP, "'step'" },
    { SLIM_EXPECT_END, SLIM_EXPECT_END, "the end of the statement" },
};

/* "a quantity, 'to' or the end of the statement" */
static const char *list(struct slim_arena *arena, unsigned expected)
{
    const char *text = "", *last = NULL;

    if (expected == SLIM_EXPECT_ARG)
        return "a name and '='";
    for (size_t i = 0; i < SLIM_COUNT(groups); i++) {
        if ((expected & groups[i].all) != groups[i].all)
            continue;
        expected &= ~groups[i].takes;
        if (last)
            text =
                *text ? slim_arena_printf(arena, "%s, %s", text, last) : last;
        last = groups[i].text;
    }
    if (!last)
        return "something else";
    return *text ? slim_arena_printf(arena, "%s or %s", text, last) : last;
}

/* The start of the text, cut between characters, in quotes. */
static const char *quoted(struct slim_arena *arena, const char *text,
                          size_t length)
{
    enum { SHOWN = 40 };
    bool cut = length > SHOWN;

    if (cut)
        length = slim_text_utf8_valid(text, SHOWN);
    return slim_arena_printf(arena, "'%.*s%s'", (int)length, text,
                             cut ? "..." : "");
}

const char *slim_parser_found(struct slim_parser *parser, struct slim_span span)
{
    const char *text = span.source->text + span.begin;

    if (span.begin == span.end)
        return "the end of the recipe";
    if (*text == '\n' || *text == '\r')
        return "the end of the line";
    return quoted(parser->arena, text, span.end - span.begin);
}

/* What people coming from other languages write, and what they mean. */
static void explain(struct slim_parser *parser, struct slim_error *error,
                    unsigned expected, unsigned found)
{
    struct slim_diag *diag = parser->diag;
    const struct slim_value *word = parser->word;

    if ((expected & SLIM_EXPECT_COMPARISON) && found == SLIM_EXPECT_ASSIGN) {
        slim_error_label(diag, error, "equality is '=='");
        slim_error_fix(diag, error, error->span, "==");
    } else if ((expected & SLIM_EXPECT_ARG) && found == SLIM_EXPECT_COMMA) {
        slim_error_label(diag, error, "arguments stand without commas");
        slim_error_fix(diag, error, error->span, "%s", "");
    } else if ((expected & SLIM_EXPECT_ON) && !(expected & QUANTITY) &&
               (found & QUANTITY)) {
        slim_error_label(diag, error,
                         "one quantity, and before 'in', 'on' "
                         "and arguments");
    } else if (word && found == SLIM_EXPECT_ASSIGN &&
               (expected & SLIM_EXPECT_TO)) {
        struct slim_span start = word->span;
        start.end = start.begin;
        slim_error_label(diag, error, "a constant is defined by 'let'");
        slim_error_fix(diag, error, start, "let ");
    }
}

/* Where the scanner found a mistake, what it left of the statement proves
 * nothing: one mistake, one message. */
void slim_parser_unexpected(struct slim_parser *parser, struct slim_span span,
                            unsigned expected, unsigned found)
{
    parser->depth = 0;
    if (parser->blamed > parser->start)
        return;

    const char *code = expected == QUANTITY          ? "S003"
                       : expected == SLIM_EXPECT_END ? "S001"
                                                     : "S002";
    struct slim_error *error = slim_error(
        parser->diag, code, span, "expected %s, found %s",
        list(parser->arena, expected), slim_parser_found(parser, span));

    explain(parser, error, expected, found);
}

void slim_parser_comma(struct slim_parser *parser, struct slim_span span)
{
    struct slim_error *error = slim_error(
        parser->diag, "S001", span, "statements end with ';' or a newline");

    slim_error_fix(parser->diag, error, span, ";");
}
