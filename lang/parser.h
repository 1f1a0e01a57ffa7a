/* parser.h - what the files of lang/ share while they read one recipe */
#ifndef SLIM_PARSER_H
#define SLIM_PARSER_H

#include "base/diag.h"
#include "lang/ast.h"

#include <stdbool.h>
#include <stddef.h>

/* A comment, or a blank line where begin == end, kept for the formatter. */
struct slim_trivia {
    size_t begin, end;
    struct slim_trivia *next;
};

/* The state of one parse. Flex, Bison and the C around them all see it. */
struct slim_parser {
    struct slim_diag *diag;
    struct slim_arena *arena;
    const struct slim_source *source;
    void *scanner; /* flex's own state */
    size_t at;     /* offset of the first byte not yet scanned */

    int opening;             /* first token to hand out: recipe or value */
    bool fresh;              /* the next word is the first of its statement */
    bool comparing;          /* in an assert: `=` does not make an argument */
    bool blank;              /* nothing but spaces on this line so far */
    int last;                /* the token handed out last */
    size_t start;            /* offset of the first token of the statement */
    size_t blamed;           /* end of the last mistake of the scanner */
    size_t depth;            /* open parentheses */
    size_t operators;        /* of the present expression */
    struct slim_value *word; /* first word of the present statement */

    struct slim_trivia *trivia, *trivia_last;
    struct slim_stmt *first, *last_stmt;
    size_t count;
    struct slim_value *unread, *unread_last; /* see struct slim_recipe */
    struct slim_value *value; /* what slim_parse_value asked for */
    struct slim_case *cases;  /* what slim_parse_cases asked for */
};

/* What may stand at the place of a syntax error, a bit each. */
enum slim_expect {
    SLIM_EXPECT_STATEMENT = 1u << 0,
    SLIM_EXPECT_NUMBER = 1u << 1,
    SLIM_EXPECT_PERCENT = 1u << 2,
    SLIM_EXPECT_RATIO = 1u << 3,
    SLIM_EXPECT_STRING = 1u << 4,
    SLIM_EXPECT_NAME = 1u << 5,
    SLIM_EXPECT_LIBRARY = 1u << 6,
    SLIM_EXPECT_OF = 1u << 7,
    SLIM_EXPECT_TO = 1u << 8,
    SLIM_EXPECT_LAYERS = 1u << 9,
    SLIM_EXPECT_IN = 1u << 10,
    SLIM_EXPECT_EXCEPT = 1u << 11,
    SLIM_EXPECT_ON = 1u << 12,
    SLIM_EXPECT_ARG = 1u << 13,
    SLIM_EXPECT_AS = 1u << 14,
    SLIM_EXPECT_COMPARISON = 1u << 15,
    SLIM_EXPECT_ASSIGN = 1u << 16,
    SLIM_EXPECT_DOTS = 1u << 17,
    SLIM_EXPECT_COMMA = 1u << 18,
    SLIM_EXPECT_CLOSE = 1u << 19,
    SLIM_EXPECT_ELSE = 1u << 20,
    SLIM_EXPECT_WARN = 1u << 21,
    SLIM_EXPECT_END = 1u << 22,
    SLIM_EXPECT_STEP = 1u << 23,
};

/* Numbers and strings, read from the text of their span. What is wrong with
 * them is recorded, and a value comes back all the same, so that one mistake
 * is one message. */
struct slim_value *slim_literal_number(struct slim_parser *parser,
                                       enum slim_value_kind kind,
                                       struct slim_span span);
struct slim_value *slim_literal_ratio(struct slim_parser *parser,
                                      struct slim_span span);
struct slim_value *slim_literal_string(struct slim_parser *parser,
                                       struct slim_span span);
/* `-` and a number. */
struct slim_value *slim_literal_negate(struct slim_parser *parser,
                                       struct slim_span span,
                                       struct slim_value *value);

/* A NAME, VAR or library, whose text is [skip, length - skip_end) of span. */
struct slim_value *slim_word(struct slim_parser *parser,
                             enum slim_value_kind kind, struct slim_span span,
                             size_t skip, size_t skip_end);

/* Constructors, called by the grammar only. Lists are built back to front and
 * turned round by slim_stmt_close: a recipe of a million arguments takes a
 * million steps. */
struct slim_stmt *slim_stmt_new(struct slim_parser *parser,
                                enum slim_stmt_kind kind, struct slim_span span,
                                struct slim_value *verb);
struct slim_stmt *slim_stmt_stage(struct slim_parser *parser,
                                  struct slim_span span,
                                  struct slim_value *verb,
                                  struct slim_value *method,
                                  struct slim_amount *amount);
struct slim_stmt *slim_stmt_version(struct slim_parser *parser,
                                    struct slim_span span,
                                    struct slim_value *verb,
                                    struct slim_value *value);
void slim_stmt_on(struct slim_parser *parser, struct slim_stmt *stmt,
                  struct slim_span span, struct slim_value *source);
void slim_stmt_in(struct slim_parser *parser, struct slim_stmt *stmt,
                  struct slim_span span, struct slim_scope *scope,
                  struct slim_scope *except);
void slim_stmt_arg(struct slim_stmt *stmt, struct slim_arg *arg);
/* Turns the lists of a finished statement round and appends it. */
void slim_stmt_close(struct slim_parser *parser, struct slim_stmt *stmt);

struct slim_arg *slim_arg_new(struct slim_parser *parser, struct slim_span span,
                              struct slim_value *name,
                              struct slim_value *value);
struct slim_amount *slim_amount_new(struct slim_parser *parser,
                                    struct slim_span span, bool to,
                                    struct slim_value *quantity,
                                    struct slim_value *unit);
struct slim_scope *slim_scope_new(struct slim_parser *parser,
                                  struct slim_span span,
                                  struct slim_value *name,
                                  struct slim_range *layers);
struct slim_range *slim_range_new(struct slim_parser *parser,
                                  struct slim_span span,
                                  struct slim_value *first,
                                  struct slim_value *last);
/* Of a tuple, `values` comes back to front. */
struct slim_case *slim_case_new(struct slim_parser *parser,
                                struct slim_span span,
                                struct slim_value *values,
                                struct slim_value *last,
                                struct slim_value *step);
struct slim_case *slim_cases_turn(struct slim_case *cases);
struct slim_expr *slim_expr_leaf(struct slim_parser *parser,
                                 struct slim_value *value);
struct slim_expr *slim_expr_binary(struct slim_parser *parser,
                                   struct slim_span span, char op,
                                   struct slim_expr *left,
                                   struct slim_expr *right);
struct slim_value *slim_value_chain(struct slim_value *before,
                                    struct slim_value *value);

/* `a, b` where a statement should end: the error with its fix. */
void slim_parser_comma(struct slim_parser *parser, struct slim_span span);
/* The statement being read did not parse: remember its verb. */
void slim_parser_unread(struct slim_parser *parser);
/* Records a syntax error: `expected` holds all that could stand there, `found`
 * what did, or 0. */
void slim_parser_unexpected(struct slim_parser *parser, struct slim_span span,
                            unsigned expected, unsigned found);
/* "found" half of a message: '20%', or "the end of the line". */
const char *slim_parser_found(struct slim_parser *parser,
                              struct slim_span span);
/* Records a comment, or a blank line where span is empty. */
void slim_parser_trivia(struct slim_parser *parser, struct slim_span span);

#endif
