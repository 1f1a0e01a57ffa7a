/* parse.c - one run of scanner and grammar, and the comments back in place */
#include "lang/parse.h"

#include "base/text.h"
#include "lang/parser.h"
#include "lang/scan.h"

#include <limits.h>
#include <string.h>

static struct slim_span bytes(const struct slim_source *source, size_t begin,
                              size_t end)
{
    return (struct slim_span){ .source = source, .begin = begin, .end = end };
}

/* What is not text at all is not read further: it is the wrong file. */
static enum slim_status check_bytes(const struct slim_source *source,
                                    struct slim_diag *diag)
{
    const char *nul = memchr(source->text, '\0', source->length);
    size_t valid = slim_text_utf8_valid(source->text, source->length);
    size_t at = nul ? (size_t)(nul - source->text) : 0;

    if (source->length > INT_MAX / 2)
        return slim_fail(diag, "S010", bytes(source, 0, 0),
                         "a recipe of %zu bytes is too large", source->length);
    if (nul && at <= valid)
        return slim_fail(diag, "S006", bytes(source, at, at + 1),
                         "a NUL byte has no meaning in a recipe");
    if (valid < source->length)
        return slim_fail(diag, "S005", bytes(source, valid, valid + 1),
                         "this is not UTF-8: byte 0x%02x",
                         (unsigned)(unsigned char)source->text[valid]);
    return SLIM_OK;
}

static enum slim_status run(struct slim_parser *parser, int opening)
{
    size_t before = parser->diag->errors;
    int failed;

    if (check_bytes(parser->source, parser->diag) != SLIM_OK)
        return SLIM_FAILED;
    parser->opening = opening;
    parser->blank = true;
    slim_lex_open(parser);
    failed = slim_yyparse(parser);
    slim_lex_close(parser);
    return failed || parser->diag->errors > before ? SLIM_FAILED : SLIM_OK;
}

void slim_parser_trivia(struct slim_parser *parser, struct slim_span span)
{
    struct slim_trivia *trivia = SLIM_NEW(parser->arena, struct slim_trivia);
    const char *text = span.source->text;

    while (span.end > span.begin && strchr(" \t\r", text[span.end - 1]))
        span.end--;
    trivia->begin = span.begin;
    trivia->end = span.end;
    if (parser->trivia_last)
        parser->trivia_last->next = trivia;
    else
        parser->trivia = trivia;
    parser->trivia_last = trivia;
}

/* Comments and blank lines that wait for the next statement. */
struct lines {
    struct slim_parser *parser;
    const char **text; /* room for all trivia; statements get parts of it */
    size_t count;
    bool first; /* nothing stands before them */
};

/* Of several blank lines one is kept, and none at the very start. */
static void wait(struct lines *lines, const struct slim_trivia *trivia)
{
    bool blank = trivia->begin == trivia->end;
    const char *last = lines->count ? lines->text[lines->count - 1] : NULL;

    if (blank && (last ? *last == '\0' : lines->first))
        return;
    lines->text[lines->count++] = slim_arena_strndup(
        lines->parser->arena, lines->parser->source->text + trivia->begin,
        trivia->end - trivia->begin);
}

static size_t take(struct lines *lines, const char ***to)
{
    size_t count = lines->count;

    *to = count ? lines->text : NULL;
    lines->text += count;
    lines->count = 0;
    lines->first = false;
    return count;
}

/* A comment inside a statement goes before it; one that follows the last
 * statement of its line stays there. */
static void attach_comments(struct slim_parser *parser,
                            struct slim_recipe *recipe, size_t count)
{
    const struct slim_trivia *t = parser->trivia;
    const char *text = parser->source->text;
    struct lines lines = { .parser = parser, .first = true };

    lines.text = SLIM_NEW_ARRAY(parser->arena, count, const char *);
    for (struct slim_stmt *s = recipe->first; s; s = s->next) {
        for (; t && t->begin < s->span.end; t = t->next)
            if (t->end > t->begin || t->begin < s->span.begin)
                wait(&lines, t);
        s->before_count = take(&lines, &s->before);
        if (!t || t->begin == t->end ||
            memchr(text + s->span.end, '\n', t->begin - s->span.end) ||
            (s->next && s->next->span.begin < t->begin))
            continue;
        s->after = slim_arena_strndup(parser->arena, text + t->begin,
                                      t->end - t->begin);
        t = t->next;
    }
    for (; t; t = t->next)
        wait(&lines, t);
    while (lines.count && lines.text[lines.count - 1][0] == '\0')
        lines.count--;
    recipe->tail_count = take(&lines, &recipe->tail);
}

enum slim_status slim_parse(struct slim_recipe **out,
                            const struct slim_source *text,
                            struct slim_diag *diag)
{
    struct slim_parser parser = {
        .diag = diag, .arena = diag->arena, .source = text, .fresh = true
    };
    struct slim_recipe *recipe = SLIM_NEW(diag->arena, struct slim_recipe);
    enum slim_status status = run(&parser, OPEN_RECIPE);
    size_t count = 0;

    for (const struct slim_trivia *t = parser.trivia; t; t = t->next)
        count++;
    recipe->source = text;
    recipe->first = parser.first;
    recipe->count = parser.count;
    recipe->unread = parser.unread;
    attach_comments(&parser, recipe, count);
    *out = recipe;
    return status;
}

enum slim_status slim_parse_cases(struct slim_case **out,
                                  const struct slim_source *text,
                                  struct slim_diag *diag)
{
    struct slim_parser parser = { .diag = diag,
                                  .arena = diag->arena,
                                  .source = text };
    enum slim_status status = run(&parser, OPEN_CASES);

    *out = parser.cases;
    return status;
}

enum slim_status slim_parse_value(struct slim_value **out,
                                  const struct slim_source *text,
                                  struct slim_diag *diag)
{
    struct slim_parser parser = { .diag = diag,
                                  .arena = diag->arena,
                                  .source = text };
    enum slim_status status = run(&parser, OPEN_VALUE);

    *out = parser.value;
    return status;
}
