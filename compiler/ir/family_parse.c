/* family_parse.c - reads the expressions of a family file */
#include "compiler/ir/family_expr.h"

#include "base/text.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#define DEEPEST 40
#define LONGEST 400 /* bytes of one expression; bounds what eval nests */

struct parser {
    const char *text;
    size_t at;
    size_t depth;
    const struct slim_yaml *node;
    const struct slim_names *names;
    struct slim_diag *diag;
};

static const char *const words[] = { "if",   "else",  "or",   "and", "not",
                                     "true", "false", "null", NULL };

static struct slim_span span_at(const struct parser *parser, size_t begin,
                                size_t end)
{
    struct slim_span span = parser->node->span;
    size_t quote = parser->node->quoted ? 1 : 0, last = span.end;
    span.end = span.begin + quote + end;
    span.begin += quote + begin;
    /* text folded over lines has lost bytes: stay inside the node */
    return span.end <= last ? span : parser->node->span;
}

static struct slim_expr *new_expr(const struct parser *parser,
                                  enum slim_expr_kind kind, size_t begin)
{
    struct slim_expr *expr = SLIM_NEW(parser->diag->arena, struct slim_expr);
    expr->kind = kind;
    expr->span = span_at(parser, begin, parser->at);
    return expr;
}

static void skip_space(struct parser *parser)
{
    while (isspace((unsigned char)parser->text[parser->at]))
        parser->at++;
}

static bool is_word_char(char c)
{
    return isalnum((unsigned char)c) || c == '_';
}

static size_t word_length(const struct parser *parser)
{
    size_t length = 0;
    if (isdigit((unsigned char)parser->text[parser->at]))
        return 0;
    while (is_word_char(parser->text[parser->at + length]))
        length++;
    return length;
}

/* Takes `token` if it is next: a word whole, signs by their characters. */
static bool accept(struct parser *parser, const char *token)
{
    skip_space(parser);
    size_t length = strlen(token);
    const char *here = parser->text + parser->at;
    if (strncmp(here, token, length) != 0)
        return false;
    if (is_word_char(token[0]) && is_word_char(here[length]))
        return false;
    parser->at += length;
    return true;
}

static enum slim_status refuse(struct parser *parser, const char *expected)
{
    skip_space(parser);
    size_t end = parser->text[parser->at] == '\0' ? parser->at : parser->at + 1;
    return slim_fail(parser->diag, "F320", span_at(parser, parser->at, end),
                     "%s was expected %s", expected,
                     parser->text[parser->at] == '\0' ? "at the end" : "here");
}

static enum slim_status parse_whole(struct slim_expr **out,
                                    struct parser *parser);

static enum slim_status parse_call(struct slim_expr **out,
                                   struct parser *parser,
                                   enum slim_expr_kind kind, size_t begin)
{
    struct slim_expr *argument = NULL;
    if (parse_whole(&argument, parser) != SLIM_OK)
        return SLIM_FAILED;
    if (!accept(parser, ")"))
        return refuse(parser, "\")\"");
    *out = new_expr(parser, kind, begin);
    (*out)->parts[0] = argument;
    if (kind == SLIM_EXPR_HAS && argument->kind != SLIM_EXPR_LITERAL)
        return slim_fail(parser->diag, "F320", argument->span,
                         "has() wants a key of config.json in quotes");
    return SLIM_OK;
}

static enum slim_status parse_name(struct slim_expr **out,
                                   struct parser *parser)
{
    static const struct {
        const char *name;
        enum slim_expr_kind kind;
    } calls[] = {
        { "floor", SLIM_EXPR_FLOOR }, { "sqrt", SLIM_EXPR_SQRT },
        { "log", SLIM_EXPR_LOG },     { "length", SLIM_EXPR_LENGTH },
        { "has", SLIM_EXPR_HAS },
    };
    size_t begin = parser->at, length = word_length(parser);
    char *name =
        slim_arena_strndup(parser->diag->arena, parser->text + begin, length);
    parser->at += length;
    for (size_t c = 0; c < SLIM_COUNT(calls); c++)
        if (strcmp(name, calls[c].name) == 0 && accept(parser, "("))
            return parse_call(out, parser, calls[c].kind, begin);
    *out = new_expr(parser, SLIM_EXPR_NAME, begin);
    (*out)->name = slim_names_find(parser->names, name);
    if ((*out)->name != SIZE_MAX)
        return SLIM_OK;
    struct slim_error *error =
        slim_error(parser->diag, "F321", (*out)->span,
                   "\"%s\" is not a name that is known here", name);
    const char *near = parser->names->count == 0
                           ? NULL
                           : slim_text_nearest(name, parser->names->names);
    if (near != NULL)
        slim_error_fix(parser->diag, error, (*out)->span, "%s", near);
    return SLIM_FAILED;
}

static enum slim_status parse_text(struct slim_expr **out,
                                   struct parser *parser)
{
    size_t begin = parser->at;
    char quote = parser->text[parser->at++];
    const char *end = strchr(parser->text + parser->at, quote);
    if (end == NULL)
        return refuse(parser, "a closing quote");
    size_t length = (size_t)(end - (parser->text + parser->at));
    char *text = slim_arena_strndup(parser->diag->arena,
                                    parser->text + parser->at, length);
    parser->at += length + 1;
    *out = new_expr(parser, SLIM_EXPR_LITERAL, begin);
    (*out)->value.kind = SLIM_VALUE_TEXT;
    (*out)->value.text = text;
    return SLIM_OK;
}

static enum slim_status parse_number(struct slim_expr **out,
                                     struct parser *parser)
{
    size_t begin = parser->at;
    char *end = NULL;
    double number = strtod(parser->text + parser->at, &end);
    parser->at = (size_t)(end - parser->text);
    *out = new_expr(parser, SLIM_EXPR_LITERAL, begin);
    (*out)->value.kind = SLIM_VALUE_NUMBER;
    (*out)->value.number = number;
    return SLIM_OK;
}

static enum slim_status parse_word(struct slim_expr **out,
                                   struct parser *parser,
                                   enum slim_value_kind kind, bool flag,
                                   size_t begin)
{
    *out = new_expr(parser, SLIM_EXPR_LITERAL, begin);
    (*out)->value.kind = kind;
    (*out)->value.number = flag;
    return SLIM_OK;
}

static enum slim_status parse_primary(struct slim_expr **out,
                                      struct parser *parser)
{
    skip_space(parser);
    size_t begin = parser->at;
    char c = parser->text[parser->at];
    if (accept(parser, "true"))
        return parse_word(out, parser, SLIM_VALUE_FLAG, true, begin);
    if (accept(parser, "false"))
        return parse_word(out, parser, SLIM_VALUE_FLAG, false, begin);
    if (accept(parser, "null"))
        return parse_word(out, parser, SLIM_VALUE_NONE, false, begin);
    if (accept(parser, "(")) {
        if (parse_whole(out, parser) != SLIM_OK)
            return SLIM_FAILED;
        return accept(parser, ")") ? SLIM_OK : refuse(parser, "\")\"");
    }
    if (c == '"' || c == '\'')
        return parse_text(out, parser);
    if (isdigit((unsigned char)c))
        return parse_number(out, parser);
    if (word_length(parser) > 0)
        return parse_name(out, parser);
    return refuse(parser, "a value");
}

static enum slim_status parse_postfix(struct slim_expr **out,
                                      struct parser *parser)
{
    skip_space(parser);
    size_t begin = parser->at;
    if (parse_primary(out, parser) != SLIM_OK)
        return SLIM_FAILED;
    while (accept(parser, "[")) {
        struct slim_expr *index = NULL;
        if (parse_whole(&index, parser) != SLIM_OK)
            return SLIM_FAILED;
        if (!accept(parser, "]"))
            return refuse(parser, "\"]\"");
        struct slim_expr *list = *out;
        *out = new_expr(parser, SLIM_EXPR_INDEX, begin);
        (*out)->parts[0] = list;
        (*out)->parts[1] = index;
    }
    return SLIM_OK;
}

/* Prefix operators bind a level's own operand: `not a == b` is not (a == b). */
static enum slim_status parse_prefix(struct slim_expr **out,
                                     struct parser *parser, size_t level,
                                     enum slim_expr_kind kind, size_t begin);

/* Binary operators by level, loosest first; longer signs before their own
 * beginnings. */
struct sign {
    const char *sign;
    enum slim_expr_kind kind;
};
#define LEVELS 6
#define LEVEL_NOT 2
#define LEVEL_NEGATE 6
static const struct sign signs[LEVELS][7] = {
    { { "or", SLIM_EXPR_OR } },
    { { "and", SLIM_EXPR_AND } },
    { { NULL, SLIM_EXPR_NOT } },
    { { "==", SLIM_EXPR_EQUAL },
      { "!=", SLIM_EXPR_UNEQUAL },
      { "<=", SLIM_EXPR_LESS_EQUAL },
      { ">=", SLIM_EXPR_MORE_EQUAL },
      { "<", SLIM_EXPR_LESS },
      { ">", SLIM_EXPR_MORE } },
    { { "+", SLIM_EXPR_ADD }, { "-", SLIM_EXPR_SUBTRACT } },
    { { "*", SLIM_EXPR_MULTIPLY },
      { "//", SLIM_EXPR_FLOOR_DIVIDE },
      { "/", SLIM_EXPR_DIVIDE },
      { "%", SLIM_EXPR_REMAINDER } },
};

static enum slim_status parse_level(struct slim_expr **out,
                                    struct parser *parser, size_t level)
{
    skip_space(parser);
    size_t begin = parser->at;
    if (level == LEVEL_NOT && accept(parser, "not"))
        return parse_prefix(out, parser, level, SLIM_EXPR_NOT, begin);
    if (level == LEVEL_NEGATE && accept(parser, "-"))
        return parse_prefix(out, parser, level, SLIM_EXPR_NEGATE, begin);
    if (level == LEVEL_NEGATE)
        return parse_postfix(out, parser);
    if (parse_level(out, parser, level + 1) != SLIM_OK)
        return SLIM_FAILED;
    const struct sign *op = signs[level];
    while (op->sign != NULL) {
        if (!accept(parser, op->sign)) {
            op++;
            continue;
        }
        struct slim_expr *right = NULL, *left = *out;
        if (parse_level(&right, parser, level + 1) != SLIM_OK)
            return SLIM_FAILED;
        *out = new_expr(parser, op->kind, begin);
        (*out)->parts[0] = left;
        (*out)->parts[1] = right;
        op = signs[level];
    }
    return SLIM_OK;
}

static enum slim_status parse_prefix(struct slim_expr **out,
                                     struct parser *parser, size_t level,
                                     enum slim_expr_kind kind, size_t begin)
{
    struct slim_expr *operand = NULL;
    if (++parser->depth > DEEPEST)
        return refuse(parser, "a simpler expression");
    if (parse_level(&operand, parser, level) != SLIM_OK)
        return SLIM_FAILED;
    parser->depth--;
    *out = new_expr(parser, kind, begin);
    (*out)->parts[0] = operand;
    return SLIM_OK;
}

/* `a if c else b`. */
static enum slim_status parse_whole(struct slim_expr **out,
                                    struct parser *parser)
{
    if (++parser->depth > DEEPEST)
        return refuse(parser, "a simpler expression");
    skip_space(parser);
    size_t begin = parser->at;
    struct slim_expr *condition = NULL, *otherwise = NULL;
    if (parse_level(out, parser, 0) != SLIM_OK)
        return SLIM_FAILED;
    if (accept(parser, "if")) {
        struct slim_expr *value = *out;
        if (parse_level(&condition, parser, 0) != SLIM_OK)
            return SLIM_FAILED;
        if (!accept(parser, "else"))
            return refuse(parser, "\"else\"");
        if (parse_whole(&otherwise, parser) != SLIM_OK)
            return SLIM_FAILED;
        *out = new_expr(parser, SLIM_EXPR_CHOOSE, begin);
        (*out)->parts[0] = value;
        (*out)->parts[1] = condition;
        (*out)->parts[2] = otherwise;
    }
    parser->depth--;
    return SLIM_OK;
}

enum slim_status slim_expr_parse(const struct slim_expr **out,
                                 const struct slim_yaml *node,
                                 const struct slim_names *names,
                                 struct slim_diag *diag)
{
    struct parser parser = { .node = node, .names = names, .diag = diag };
    struct slim_expr *expr = NULL;
    const char *text = NULL;
    if (slim_yaml_text(&text, node, diag) != SLIM_OK)
        return SLIM_FAILED;
    parser.text = text;
    if (strlen(text) > LONGEST)
        return slim_fail(diag, "F320", node->span,
                         "an expression has %d bytes at most", LONGEST);
    if (parse_whole(&expr, &parser) != SLIM_OK)
        return SLIM_FAILED;
    skip_space(&parser);
    if (parser.text[parser.at] != '\0')
        return refuse(&parser, "the end");
    *out = expr;
    return SLIM_OK;
}

bool slim_expr_word(const char *name)
{
    for (size_t w = 0; words[w] != NULL; w++)
        if (strcmp(words[w], name) == 0)
            return true;
    return false;
}
