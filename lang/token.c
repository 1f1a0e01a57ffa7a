/* token.c - what a word, a comma or a newline is, from where it stands */
#include "lang/scan.h"

#include <string.h>

struct keyword {
    const char *text;
    int token;
};

/* First words of statements. Every other first word is a verb. */
static const struct keyword openers[] = {
    { "slim", SLIM },     { "include", INCLUDE }, { "let", LET },
    { "data", DATA },     { "compute", COMPUTE }, { "measure", MEASURE },
    { "assert", ASSERT }, { "save", SAVE },       { "sweep", SWEEP },
    { "keep", KEEP },     { NULL, NAME },
};

static const struct keyword inner[] = {
    { "on", ON },     { "in", IN },     { "except", EXCEPT }, { "as", AS },
    { "of", OF },     { "to", TO },     { "layers", LAYERS }, { "else", ELSE },
    { "warn", WARN }, { "step", STEP }, { NULL, NAME },
};

/* More errors than the diagnostics keep are of no use to anyone. */
static bool hopeless(const struct slim_parser *parser)
{
    size_t limit = parser->diag->limit ? parser->diag->limit : 100;

    return parser->diag->errors > limit;
}

static int find(const struct keyword *table, const char *text)
{
    while (table->text && strcmp(table->text, text) != 0)
        table++;
    return table->token;
}

static bool is_letter(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

/* Whether `=`, but not `==`, follows the offset on the same line. */
static bool before_assign(const struct slim_source *source, size_t at)
{
    while (source->text[at] == ' ' || source->text[at] == '\t')
        at++;
    return source->text[at] == '=' && source->text[at + 1] != '=';
}

/* Whether a word that is no argument follows, over lines and comments: it may
 * be the next statement, after a comma that should have been a semicolon. */
static bool before_word(const struct slim_source *source, size_t at)
{
    const char *text = source->text;

    for (;;) {
        at += strspn(text + at, " \t\r\n");
        if (text[at] != '#')
            break;
        at += strcspn(text + at, "\n");
    }
    if (!is_letter(text[at]))
        return false;
    while (is_letter(text[at]) || text[at] == '_' || text[at] == '.' ||
           (text[at] >= '0' && text[at] <= '9'))
        at++;
    return !before_assign(source, at);
}

static int end_statement(struct slim_parser *parser)
{
    parser->fresh = true;
    parser->comparing = false;
    parser->depth = 0;
    parser->operators = 0;
    return END;
}

static int word(struct slim_parser *parser, struct slim_value *value)
{
    if (parser->fresh) {
        int token = find(openers, value->text);
        parser->word = token == NAME ? value : NULL;
        parser->comparing = token == ASSERT;
        if (token == INCLUDE)
            slim_scan_library(parser->scanner);
        return token;
    }
    if (!parser->comparing && before_assign(parser->source, parser->at))
        return ARG;
    return find(inner, value->text);
}

/* A newline is an end, unless the statement is empty or plainly goes on. */
static int newline(struct slim_parser *parser, struct slim_span span)
{
    if (parser->blank) {
        span.end = span.begin;
        slim_parser_trivia(parser, span);
    }
    parser->blank = true;
    if (parser->fresh || parser->depth > 0 || parser->last == COMMA ||
        parser->last == COMMA_WORD)
        return 0;
    return end_statement(parser);
}

/* The token that the grammar sees, or 0 for none. */
static int filter(struct slim_parser *parser, int token,
                  const SLIM_YYSTYPE *value, struct slim_span where)
{
    if (token == SCAN_NEWLINE)
        return newline(parser, where);
    parser->blank = false;
    if (token == SCAN_COMMENT) {
        slim_parser_trivia(parser, where);
        return 0;
    }
    if (token == ';')
        return end_statement(parser);
    if (parser->fresh)
        parser->start = where.begin;
    if (token == NAME)
        token = word(parser, value->value);
    else if (token == COMMA && before_word(parser->source, where.end))
        token = COMMA_WORD;
    else if (token == '(')
        parser->depth++;
    else if (token == CLOSE && parser->depth > 0)
        parser->depth--;
    parser->fresh = false;
    return token;
}

static int scan(SLIM_YYSTYPE *value, SLIM_YYLTYPE *where,
                struct slim_parser *parser)
{
    size_t errors = parser->diag->errors;
    int token = slim_scan(value, where, parser->scanner);

    if (parser->diag->errors > errors)
        parser->blamed = parser->at;
    return token;
}

int slim_token_next(SLIM_YYSTYPE *value, SLIM_YYLTYPE *where,
                    struct slim_parser *parser)
{
    int token = parser->opening;

    parser->opening = 0;
    while (token == 0) {
        int raw = hopeless(parser) ? 0 : scan(value, where, parser);
        if (raw == 0) {
            where->source = parser->source;
            where->begin = where->end = parser->source->length;
            if (parser->fresh)
                return 0;
            token = end_statement(parser);
        } else {
            token = filter(parser, raw, value, *where);
        }
    }
    parser->last = token;
    return token;
}
