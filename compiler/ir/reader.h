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
    struct slim_program *program;
    const struct slim_stage *const *stages;
    size_t depth; /* of the formula */
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

#endif
