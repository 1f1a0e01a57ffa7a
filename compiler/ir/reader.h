/* reader.h - words of a listing, and what they become; private to ir/ */
#ifndef SLIM_READER_H
#define SLIM_READER_H

#include "compiler/ir/stage.h"

/* One line of a listing, cut into words at spaces. A string is one word, quotes
 * included, also behind `name=`; brackets are words. */
struct slim_reader {
    const struct slim_source *source;
    size_t at, end;   /* of the line */
    const char *word; /* NULL: the line is over */
    struct slim_span span;
    struct slim_diag *diag;
    const struct slim_model_info *model; /* or NULL */
    struct slim_program *program;        /* of the listing that is read */
    const struct slim_stage *const *stages;
    size_t depth;  /* of the formula */
    unsigned head; /* lines of the listing that are read: 0 the version,
                      1 the arithmetic, 2 the model or an operation */
    struct slim_sweep *sweep; /* NULL: no point was read */
};

/* Steps to the next word. */
void slim_reader_next(struct slim_reader *r);
/* True, and a step, if the word is this one. */
bool slim_reader_take(struct slim_reader *r, const char *word);
/* Records what was expected instead of the word. */
enum slim_status slim_reader_fail(struct slim_reader *r, const char *expected);
/* "%3" or, with a type, "%3:model": the operation, which must come before. */
enum slim_status slim_reader_op(const struct slim_op **out,
                                struct slim_reader *r, const char **type);

enum slim_status slim_read_amount(struct slim_op *op, struct slim_reader *r);
enum slim_status slim_read_where(struct slim_op *op, struct slim_reader *r);
enum slim_status slim_read_formula(const struct slim_formula **out,
                                   struct slim_reader *r);

/* `point "p=20%" p="20%"=20`, and why it is left out: `unmet "..."`. */
enum slim_status slim_read_point(struct slim_reader *r);
enum slim_status slim_read_unmet(struct slim_reader *r);
/* Several programs are the points of one sweep, each with its own name. */
enum slim_status slim_check_points(const struct slim_program *first,
                                   struct slim_diag *diag);

#endif
