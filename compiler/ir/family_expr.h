/* family_expr.h - expressions of a family file over its config */
#ifndef SLIM_FAMILY_EXPR_H
#define SLIM_FAMILY_EXPR_H

#include "base/diag.h"
#include "base/yaml.h"

#include <stdbool.h>
#include <stddef.h>

/* What a key of config.json, or an expression, may hold. */
enum slim_value_kind {
    SLIM_VALUE_NONE,
    SLIM_VALUE_NUMBER,
    SLIM_VALUE_FLAG, /* number is 0 or 1 */
    SLIM_VALUE_TEXT,
    SLIM_VALUE_LIST,
};

struct slim_value {
    enum slim_value_kind kind;
    double number;
    const char *text;
    const struct slim_value *items;
    size_t count;
};

/*
 * The grammar, loosest first:
 *
 *     a if c else b    or    and    not    == != < <= > >=    + -    * / // %
 *     -a    list[i]    ( )    number    "text"    true false    name
 *     floor(a)  sqrt(a)  log(a)  length(list)  has("dotted.key")
 *
 * `/` is exact, `//` rounds down, log() is the natural logarithm. Names are entries of the file's config, and
 * where they make sense `i`, the layer, and the names of axes.
 */
enum slim_expr_kind {
    SLIM_EXPR_LITERAL,
    SLIM_EXPR_NAME,
    SLIM_EXPR_CHOOSE, /* value, condition, otherwise */
    SLIM_EXPR_INDEX,  /* list, index */
    SLIM_EXPR_FLOOR,
    SLIM_EXPR_SQRT,
    SLIM_EXPR_LOG,
    SLIM_EXPR_LENGTH, /* of a list */
    SLIM_EXPR_HAS,
    SLIM_EXPR_NEGATE,
    SLIM_EXPR_NOT,
    SLIM_EXPR_OR,
    SLIM_EXPR_AND,
    SLIM_EXPR_EQUAL,
    SLIM_EXPR_UNEQUAL,
    SLIM_EXPR_LESS,
    SLIM_EXPR_LESS_EQUAL,
    SLIM_EXPR_MORE,
    SLIM_EXPR_MORE_EQUAL,
    SLIM_EXPR_ADD,
    SLIM_EXPR_SUBTRACT,
    SLIM_EXPR_MULTIPLY,
    SLIM_EXPR_DIVIDE,
    SLIM_EXPR_FLOOR_DIVIDE,
    SLIM_EXPR_REMAINDER,
};

struct slim_expr {
    enum slim_expr_kind kind;
    struct slim_span span;
    struct slim_value value; /* LITERAL */
    size_t name;             /* NAME: index into the names */
    const struct slim_expr *parts[3];
};

/* Words of the language: no name may be one of them. */
bool slim_expr_word(const char *name);

/* Names in scope. `values` of slim_expr_eval are in their order. */
struct slim_names {
    const char **names;
    size_t count, capacity;
};

/* `names` ends in NULL. Index of a name, or SIZE_MAX. */
size_t slim_names_find(const struct slim_names *names, const char *name);
size_t slim_names_add(struct slim_names *names, const char *name,
                      struct slim_arena *arena);

/* Parses a scalar node; unknown names are errors with the nearest one. */
SLIM_NODISCARD enum slim_status slim_expr_parse(const struct slim_expr **out,
                                                const struct slim_yaml *node,
                                                const struct slim_names *names,
                                                struct slim_diag *diag);

/* What an expression is evaluated in. has() asks `lookup`. */
struct slim_scope {
    const struct slim_value *values;
    bool (*has)(const void *context, const char *path);
    const void *context;
};

SLIM_NODISCARD enum slim_status slim_expr_eval(struct slim_value *out,
                                               const struct slim_expr *expr,
                                               const struct slim_scope *scope,
                                               struct slim_diag *diag);
/* With the kind that the place wants; `what` names it in the error. */
SLIM_NODISCARD enum slim_status slim_expr_size(size_t *out,
                                               const struct slim_expr *expr,
                                               const char *what,
                                               const struct slim_scope *scope,
                                               struct slim_diag *diag);
SLIM_NODISCARD enum slim_status slim_expr_flag(bool *out,
                                               const struct slim_expr *expr,
                                               const struct slim_scope *scope,
                                               struct slim_diag *diag);

#endif
