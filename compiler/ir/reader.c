/* reader.c - words of a listing */
#include "compiler/ir/reader.h"

#include <stdlib.h>
#include <string.h>

static bool ends_word(char c)
{
    return c == ' ' || c == '(' || c == ')';
}

/* The end of the word that starts at `at`; a quote holds until its pair. */
static size_t word_end(const struct slim_reader *r, size_t at)
{
    const char *text = r->source->text;
    bool quoted = false;

    if (text[at] == '(' || text[at] == ')')
        return at + 1;
    for (; at < r->end && (quoted || !ends_word(text[at])); at++) {
        if (text[at] == '"')
            quoted = !quoted;
        else if (quoted && text[at] == '\\' && at + 1 < r->end)
            at++;
    }
    return at;
}

void slim_reader_next(struct slim_reader *r)
{
    const char *text = r->source->text;

    while (r->at < r->end && text[r->at] == ' ')
        r->at++;
    r->span = (struct slim_span){ r->source, r->at, r->at };
    r->word = NULL;
    if (r->at >= r->end)
        return;
    size_t end = word_end(r, r->at);
    r->word = slim_arena_strndup(r->diag->arena, text + r->at, end - r->at);
    r->span.end = end;
    r->at = end;
}

bool slim_reader_take(struct slim_reader *r, const char *word)
{
    if (!r->word || strcmp(r->word, word) != 0)
        return false;
    slim_reader_next(r);
    return true;
}

enum slim_status slim_reader_fail(struct slim_reader *r, const char *expected)
{
    if (!r->word)
        return slim_fail(r->diag, "F501", r->span,
                         "the line ends where %s should stand", expected);
    return slim_fail(r->diag, "F501", r->span, "expected %s, found '%s'",
                     expected, r->word);
}

enum slim_status slim_reader_op(const struct slim_op **out,
                                struct slim_reader *r, const char **type)
{
    char *end = NULL;

    *out = NULL;
    if (!r->word || r->word[0] != '%' || r->word[1] < '0' || r->word[1] > '9')
        return slim_reader_fail(r, "an operation such as %0");
    unsigned long id = strtoul(r->word + 1, &end, 10);
    if (type)
        *type = *end == ':' ? end + 1 : "";
    else if (*end != '\0')
        return slim_reader_fail(r, "an operation such as %0");
    for (const struct slim_op *op = r->program->first; op; op = op->next)
        if (op->id == id)
            *out = op;
    if (!*out)
        return slim_fail(r->diag, "F502", r->span,
                         "there is no operation '%s' before this line",
                         r->word);
    slim_reader_next(r);
    return SLIM_OK;
}
