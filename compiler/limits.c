/* limits.c - recipes longer than anyone writes are refused, not laboured over */
#include "compiler/compilation.h"

/* What follows looks back over statements and lists; these keep the square of
 * them small. */
enum { STATEMENTS = 10000, ITEMS = 1000 };

static size_t count_scope(const struct slim_scope *scope)
{
    size_t count = 0;

    for (; scope; scope = scope->next) {
        count++;
        for (const struct slim_range *r = scope->layers; r; r = r->next)
            count++;
    }
    return count;
}

static size_t count_items(const struct slim_stmt *stmt)
{
    size_t count = count_scope(stmt->scope) + count_scope(stmt->except);

    for (const struct slim_arg *arg = stmt->args; arg; arg = arg->next)
        count++;
    for (const struct slim_value *word = stmt->words; word; word = word->next)
        count++;
    return count;
}

/* Leaves out what is too long, so that the rest is still judged. */
enum slim_status slim_check_limits(struct slim_compilation *c)
{
    struct slim_stmt **at = &c->recipe->first;
    enum slim_status status = SLIM_OK;
    size_t count = 0;

    while (*at && count < STATEMENTS) {
        struct slim_stmt *stmt = *at;
        if (count_items(stmt) <= ITEMS) {
            at = &stmt->next;
            count++;
            continue;
        }
        status = slim_fail(c->diag, "A016", stmt->verb->span,
                           "this statement lists more than %d things", ITEMS);
        *at = stmt->next;
    }
    if (*at) {
        status = slim_fail(c->diag, "A017", (*at)->verb->span,
                           "a recipe has at most %d statements", STATEMENTS);
        *at = NULL;
    }
    c->incomplete = c->incomplete || status != SLIM_OK;
    return status;
}
