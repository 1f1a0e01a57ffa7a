/* ast.h - the tree of a recipe: what was written, and where */
#ifndef SLIM_AST_H
#define SLIM_AST_H

#include "base/diag.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* The tree knows no verb, method or argument: only shapes. Every node has a
 * span, and names are values too, so that a message can point at one. */

enum slim_value_kind {
    SLIM_VALUE_NUMBER,  /* 2e-4, 5.4B, 10GiB: number holds the product */
    SLIM_VALUE_PERCENT, /* 20%: number holds 20 */
    SLIM_VALUE_RATIO,   /* 2:4 */
    SLIM_VALUE_STRING,  /* "x": text without quotes and escapes */
    SLIM_VALUE_NAME,    /* taylor */
    SLIM_VALUE_VAR,     /* $r: text is "r" */
};

struct slim_value {
    enum slim_value_kind kind;
    struct slim_span span;
    const char *text; /* spelling; for strings the contents */
    double number;
    bool integer;         /* NUMBER: whole, up to 2^53; 5.4B is, 1.0 is not */
    uint64_t left, right; /* RATIO */
    bool wrong;           /* an error has said so: nothing more is to say */
    bool swept;           /* an axis of a sweep gave it */
    struct slim_value *next;
};

/* `r=8` */
struct slim_arg {
    struct slim_span span;
    struct slim_value *name, *value;
    bool *matters; /* of a copy: set where the argument is used */
    struct slim_arg *next;
};

/* `20% of params`, `to 5.4B params`, `2:4`; unit NULL where absent. */
struct slim_amount {
    struct slim_span span;
    bool to;
    struct slim_value *quantity, *unit;
};

/* `4..29`; one number has first == last. Where a $x stands, the two are known
 * only when it has its value. */
struct slim_range {
    struct slim_span span;
    long first, last;
    struct slim_value *from, *to; /* as written; `to` NULL for one number */
    struct slim_range *next;
};

/* One item of a scope: a role, a quoted glob, or `layers 4..29, 31`. */
struct slim_scope {
    struct slim_span span;
    struct slim_value *name; /* NAME or STRING; NULL for layers */
    struct slim_range *layers;
    struct slim_scope *next;
};

/* One place of an axis: `20%`, `10%..40% step 10%`, `(20%, 25%)`. */
struct slim_case {
    struct slim_span span;
    struct slim_value *values;      /* one, or those of a tuple, by next */
    struct slim_value *last, *step; /* a range; NULL where absent */
    struct slim_case *next;
};

enum slim_expr_kind { SLIM_EXPR_LEAF, SLIM_EXPR_BINARY };

/* `1.15 * base.w2`: op is one of + - * / and, at the top of an assert only,
 * '<' '>' '=' '!' with 'l' for <= and 'g' for >=. */
struct slim_expr {
    enum slim_expr_kind kind;
    struct slim_span span;
    char op;
    struct slim_value *leaf; /* NUMBER, PERCENT, NAME or VAR */
    struct slim_expr *left, *right;
};

enum slim_stmt_kind {
    SLIM_STMT_VERSION, /* slim 1             args: none, value: INT */
    SLIM_STMT_INCLUDE, /* include "x.slim"   value: STRING or NAME (library) */
    SLIM_STMT_LET,     /* let r = 20%        name, value */
    SLIM_STMT_DATA, /* data cal = x n=1   name, value (NAME|STRING|VAR), args */
    SLIM_STMT_SWEEP,   /* sweep p = 1, 2     words: the names, cases */
    SLIM_STMT_COMPUTE, /* compute f32        value */
    SLIM_STMT_MEASURE, /* measure a, b on x  words, on, scope.., args, label */
    SLIM_STMT_ASSERT,  /* assert a < b       expr, warn */
    SLIM_STMT_SAVE,    /* save hf "d" k=v    value: NAME, path, args */
    SLIM_STMT_KEEP,    /* keep max p         value: NAME, name: the axis */
    SLIM_STMT_STAGE,   /* everything else: a verb and its clauses */
};

struct slim_stmt {
    enum slim_stmt_kind kind;
    struct slim_span span;
    struct slim_value *verb;   /* first word as written, every kind */
    struct slim_value *name;   /* let, data: the name that is defined */
    struct slim_value *value;  /* see the kinds */
    bool library;              /* include < >: value->text is the path inside */
    struct slim_value *path;   /* save: STRING, or NULL */
    struct slim_value *words;  /* measure: the metrics; sweep: the names;
                                  chained by next */
    struct slim_case *cases;   /* sweep */
    struct slim_value *method; /* stage: NAME or VAR after the verb, or NULL */
    struct slim_amount *amount;
    struct slim_value *on; /* NAME, STRING or VAR */
    struct slim_scope *scope, *except;
    struct slim_span scope_span; /* the whole `in ...` clause */
    struct slim_arg *args;       /* in source order */
    struct slim_value *label;    /* as NAME */
    struct slim_expr *expr;      /* assert */
    bool warn;                   /* assert ... else warn */

    /* for the formatter: whole lines before it ("# x", "" for a blank line),
     * and the comment that follows it on its line, without the newline */
    const char **before;
    size_t before_count;
    const char *after;

    struct slim_stmt *next;
};

struct slim_recipe {
    const struct slim_source *source;
    struct slim_stmt *first;
    size_t count;
    struct slim_value *unread; /* verbs of stages that did not parse */
    const char **tail; /* comment and blank lines after the last statement */
    size_t tail_count;
};

/* Canonical order and spelling of one statement: `prune 20% of params in mlp
 * layers 3..28 round=8 as p`, without newline or comments. */
struct slim_text;
void slim_stmt_print(struct slim_text *out, const struct slim_stmt *stmt);

/* Canonical text of a whole recipe, comments kept; printing what was parsed
 * from it gives the same bytes. */
void slim_recipe_print(struct slim_text *out, const struct slim_recipe *recipe);

void slim_value_print(struct slim_text *out, const struct slim_value *value);
/* Fills first and last from values that are no constants any more; false: the
 * one in *wrong is no whole number that could be a layer. */
bool slim_range_fill(struct slim_range *range, const struct slim_value **wrong);
/* `10%..40% step 10%` */
void slim_case_print(struct slim_text *out, const struct slim_case *one);

/* A copy of the statement and of all its values, so that a $x in it can become
 * a value without changing the original; `next` is NULL. */
struct slim_stmt *slim_stmt_copy(const struct slim_stmt *stmt,
                                 struct slim_arena *arena);
void slim_expr_print(struct slim_text *out, const struct slim_expr *expr);

#endif
