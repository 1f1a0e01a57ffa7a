/* family_dim.c - dimensions as expressions over axes: "kv.(q:dim + k:dim)" */
#include "compiler/ir/family.h"

#include "base/text.h"

#include <assert.h>
#include <ctype.h>
#include <string.h>

#define DEEPEST 8
#define LONGEST 200
#define PARTS 8

struct parser {
    const char *text;
    size_t at, depth;
    const struct slim_yaml *node;
    const struct slim_family *family;
    struct slim_diag *diag;
};

static struct slim_span here(const struct parser *parser, size_t begin)
{
    struct slim_span span = parser->node->span;
    size_t quote = parser->node->quoted ? 1 : 0, last = span.end;
    span.end = span.begin + quote + parser->at;
    span.begin += quote + begin;
    return span.end <= last ? span : parser->node->span;
}

static void skip_space(struct parser *parser)
{
    while (parser->text[parser->at] == ' ')
        parser->at++;
}

static bool accept(struct parser *parser, char sign)
{
    skip_space(parser);
    if (parser->text[parser->at] != sign)
        return false;
    parser->at++;
    return true;
}

static const char *take_word(struct parser *parser)
{
    skip_space(parser);
    size_t begin = parser->at;
    while (isalnum((unsigned char)parser->text[parser->at]) ||
           parser->text[parser->at] == '_')
        parser->at++;
    return slim_arena_strndup(parser->diag->arena, parser->text + begin,
                              parser->at - begin);
}

static enum slim_status unknown_axis(const struct parser *parser,
                                     const char *word, size_t begin)
{
    const struct slim_family *family = parser->family;
    const char **names = SLIM_NEW_ARRAY(parser->diag->arena,
                                        family->axis_count + 1, const char *);
    for (size_t a = 0; a < family->axis_count; a++)
        names[a] = family->axes[a].axis.name;
    struct slim_error *error =
        slim_error(parser->diag, "F310", here(parser, begin),
                   word[0] == '\0' ? "an axis was expected here"
                                   : "\"%s\" is not one of this family's axes",
                   word);
    const char *near = slim_text_nearest(word, names);
    if (near != NULL)
        slim_error_fix(parser->diag, error, here(parser, begin), "%s", near);
    return SLIM_FAILED;
}

static enum slim_status parse_sum(struct slim_dim **out, struct parser *parser);

/* axis, or (sum), with a label before it. */
static enum slim_status parse_factor(struct slim_dim **out,
                                     struct parser *parser)
{
    if (accept(parser, '(')) {
        if (parse_sum(out, parser) != SLIM_OK)
            return SLIM_FAILED;
        if (accept(parser, ')'))
            return SLIM_OK;
        return slim_fail(parser->diag, "F311", here(parser, parser->at),
                         "\")\" was expected");
    }
    skip_space(parser);
    size_t begin = parser->at;
    const char *word = take_word(parser);
    const struct slim_family *family = parser->family;
    for (size_t a = 0; a < family->axis_count; a++) {
        if (strcmp(family->axes[a].axis.name, word) != 0)
            continue;
        *out = SLIM_NEW(parser->diag->arena, struct slim_dim);
        (*out)->axis = a;
        return SLIM_OK;
    }
    return unknown_axis(parser, word, begin);
}

/* A label is a word before a colon. */
static const char *take_label(struct parser *parser)
{
    size_t begin = parser->at;
    const char *word = take_word(parser);
    if (word[0] != '\0' && accept(parser, ':'))
        return word;
    parser->at = begin;
    return NULL;
}

typedef enum slim_status parse_part(struct slim_dim **out,
                                    struct parser *parser);

/* Parts between signs; one part alone stands for itself. */
static enum slim_status parse_parts(struct slim_dim **out,
                                    struct parser *parser,
                                    enum slim_dim_kind kind, char sign,
                                    parse_part *parse)
{
    struct slim_arena *arena = parser->diag->arena;
    struct slim_dim *parts[PARTS] = { NULL };
    size_t count = 0;
    do {
        if (count == PARTS)
            return slim_fail(parser->diag, "F311", here(parser, parser->at),
                             "a dimension has %d parts at most", PARTS);
        if (parse(&parts[count++], parser) != SLIM_OK)
            return SLIM_FAILED;
    } while (accept(parser, sign));
    *out = parts[0];
    if (count == 1)
        return SLIM_OK;
    *out = SLIM_NEW(arena, struct slim_dim);
    (*out)->kind = kind;
    (*out)->parts = SLIM_NEW_ARRAY(arena, count, const struct slim_dim *);
    (*out)->part_count = count;
    for (size_t p = 0; p < count; p++)
        (*out)->parts[p] = parts[p];
    return SLIM_OK;
}

static enum slim_status parse_term(struct slim_dim **out, struct parser *parser)
{
    const char *label = take_label(parser);
    if (parse_parts(out, parser, SLIM_DIM_PRODUCT, '.', parse_factor) !=
        SLIM_OK)
        return SLIM_FAILED;
    if (label != NULL)
        (*out)->label = label;
    return SLIM_OK;
}

static enum slim_status parse_sum(struct slim_dim **out, struct parser *parser)
{
    if (++parser->depth > DEEPEST)
        return slim_fail(parser->diag, "F311", here(parser, parser->at),
                         "a dimension nests %d levels at most", DEEPEST);
    if (parse_parts(out, parser, SLIM_DIM_SUM, '+', parse_term) != SLIM_OK)
        return SLIM_FAILED;
    parser->depth--;
    return SLIM_OK;
}

bool slim_dim_carries(const struct slim_dim *dim, size_t axis)
{
    if (dim->kind == SLIM_DIM_AXIS)
        return dim->axis == axis;
    for (size_t p = 0; p < dim->part_count; p++)
        if (slim_dim_carries(dim->parts[p], axis))
            return true;
    return false;
}

/* Within a product each axis may stand once: an index has one coordinate. */
static bool axis_repeats(const struct slim_dim *dim, size_t *axis)
{
    for (size_t p = 0; p < dim->part_count; p++) {
        if (axis_repeats(dim->parts[p], axis))
            return true;
        for (size_t q = p + 1; q < dim->part_count; q++) {
            if (dim->kind == SLIM_DIM_PRODUCT &&
                dim->parts[p]->kind == SLIM_DIM_AXIS &&
                slim_dim_carries(dim->parts[q], dim->parts[p]->axis)) {
                *axis = dim->parts[p]->axis;
                return true;
            }
        }
    }
    return false;
}

enum slim_status slim_dim_parse(const struct slim_dim **out,
                                const struct slim_family *family,
                                const struct slim_yaml *node,
                                struct slim_diag *diag)
{
    struct parser parser = { .node = node, .family = family, .diag = diag };
    struct slim_dim *dim = NULL;
    size_t axis = 0;
    if (slim_yaml_text(&parser.text, node, diag) != SLIM_OK)
        return SLIM_FAILED;
    if (strlen(parser.text) > LONGEST)
        return slim_fail(diag, "F311", node->span,
                         "a dimension has %d bytes at most", LONGEST);
    if (parse_sum(&dim, &parser) != SLIM_OK)
        return SLIM_FAILED;
    assert(dim != NULL);
    skip_space(&parser);
    if (parser.text[parser.at] != '\0')
        return slim_fail(diag, "F311", here(&parser, parser.at),
                         "\".\", \"+\" or the end was expected");
    if (axis_repeats(dim, &axis))
        return slim_fail(diag, "F312", node->span,
                         "axis \"%s\" stands twice in one product",
                         family->axes[axis].axis.name);
    if (dim->kind != SLIM_DIM_AXIS && slim_dim_carries(dim, family->stream))
        return slim_fail(diag, "F312", node->span,
                         "\"%s\" cannot be part of a larger dimension",
                         family->axes[family->stream].axis.name);
    *out = dim;
    return SLIM_OK;
}
