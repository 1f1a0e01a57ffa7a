/* pass_scope.c - layers, roles and globs against the model */
#include "compiler/compilation.h"

#include <fnmatch.h>

static enum slim_status check_range(struct slim_compilation *c,
                                    const struct slim_range *range)
{
    size_t layers = c->model->arch->layers;
    long last = (long)layers - 1;
    long from = slim_layer_absolute(range->first, layers);
    long to = slim_layer_absolute(range->last, layers);

    if (from >= 0 && from <= to && to <= last)
        return SLIM_OK;
    /* that was said without the model already */
    if ((range->first < 0) == (range->last < 0) && range->first > range->last)
        return SLIM_FAILED;
    bool one = range->first == range->last;
    const char *text =
        one ? slim_arena_printf(c->arena, "layer %ld does", range->first)
            : slim_arena_printf(c->arena, "layers %ld..%ld do", range->first,
                                range->last);
    struct slim_error *error = slim_error(
        c->diag, "M101", range->span,
        "%s not exist: this model has %zu (0..%ld)", text, layers, last);
    if (from >= 0 && from <= last && to > last) {
        slim_error_fix(c->diag, error, range->span, "%ld..%ld", range->first,
                       last);
        slim_error_hint(c->diag, error, "On any depth: %ld..-1", range->first);
    }
    return SLIM_FAILED;
}

static enum slim_status check_ranges(struct slim_compilation *c,
                                     const struct slim_scope *scope)
{
    enum slim_status status = SLIM_OK;

    for (; scope; scope = scope->next)
        for (const struct slim_range *r = scope->layers; r; r = r->next)
            if (check_range(c, r) != SLIM_OK)
                status = SLIM_FAILED;
    return status;
}

static enum slim_status check_globs(struct slim_compilation *c,
                                    const struct slim_scope *scope)
{
    const struct slim_arch *arch = c->model->arch;
    enum slim_status status = SLIM_OK;

    for (; scope; scope = scope->next) {
        bool found = false;
        if (!scope->name || scope->name->kind != SLIM_VALUE_STRING)
            continue;
        for (size_t i = 0; i < arch->tensor_count && !found; i++)
            found = fnmatch(scope->name->text, arch->tensors[i].name, 0) == 0;
        if (!found)
            status = slim_fail(c->diag, "M102", scope->span,
                               "no tensor of this model is called '%s'",
                               scope->name->text);
    }
    return status;
}

static enum slim_status check_matches(struct slim_compilation *c,
                                      const struct slim_where *where)
{
    const struct slim_arch *arch = c->model->arch;

    for (size_t i = 0; i < arch->tensor_count; i++)
        if (where->width || slim_where_tensor(where, &arch->tensors[i]))
            return SLIM_OK;
    return slim_fail(c->diag, "M102", where->span,
                     "this matches nothing in this model");
}

static enum slim_status check_op(struct slim_compilation *c,
                                 struct slim_draft *draft)
{
    struct slim_where *where = &draft->op.where;
    const struct slim_stmt *stmt = draft->stmt;

    if (!stmt || !where->given) {
        slim_where_fill(where, c->model->arch->layers, c->arena);
        return SLIM_OK;
    }
    enum slim_status status = check_ranges(c, stmt->scope);
    if (check_ranges(c, stmt->except) != SLIM_OK)
        status = SLIM_FAILED;
    if (check_globs(c, stmt->scope) != SLIM_OK ||
        check_globs(c, stmt->except) != SLIM_OK)
        status = SLIM_FAILED;
    if (status != SLIM_OK)
        return status;
    slim_where_fill(where, c->model->arch->layers, c->arena);
    return draft->broken ? SLIM_OK : check_matches(c, where);
}

enum slim_status slim_pass_scope(struct slim_compilation *c)
{
    enum slim_status status = SLIM_OK;

    for (struct slim_op *op = c->program->first; op; op = op->next) {
        struct slim_draft *draft = slim_draft_of(op);
        if (!op->stage->scope)
            continue;
        if (check_op(c, draft) != SLIM_OK) {
            draft->broken = true;
            status = SLIM_FAILED;
        }
    }
    return status;
}
