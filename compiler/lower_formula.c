/* lower_formula.c - what an assert compares, and where the numbers come from */
#include "compiler/compilation.h"

#include "compiler/ir/fact.h"

#include <string.h>

static const char base_prefix[] = "base.";

static bool gives_metric(const struct slim_op *op)
{
    return (op->stage->gives & SLIM_TYPE_METRIC) != 0;
}

/* The last measurement of that label, or of that metric if it has none. */
static const struct slim_op *find_measure(const struct slim_compilation *c,
                                          const char *name)
{
    const struct slim_op *found = NULL;

    for (const struct slim_op *op = c->program->first; op; op = op->next) {
        const char *known = op->label ? op->label : op->method;
        if (gives_metric(op) && known && strcmp(known, name) == 0)
            found = op;
    }
    return found;
}

static bool is_fact(const char *name)
{
    for (const struct slim_fact *fact = slim_facts; fact->name; fact++)
        if (strcmp(fact->name, name) == 0)
            return true;
    return false;
}

static bool is_metric(const struct slim_compilation *c, const char *name)
{
    const struct slim_stage *const *stages = c->host->stages;

    for (; *stages; stages++)
        if (((*stages)->gives & SLIM_TYPE_METRIC) != 0 &&
            slim_method_find(*stages, name))
            return true;
    return false;
}

static enum slim_status unknown(struct slim_lowering *l,
                                const struct slim_value *leaf, const char *name)
{
    struct slim_compilation *c = l->c;
    struct slim_words names = { 0 };
    struct slim_span span = leaf->span;

    span.begin = span.end - strlen(name);
    if (is_metric(c, name)) {
        struct slim_error *error =
            slim_error(c->diag, "N010", leaf->span,
                       "nothing before this line measures '%s'", name);
        slim_error_hint(c->diag, error,
                        "Put 'measure %s' before, or use its label here.",
                        name);
        return SLIM_FAILED;
    }
    for (const struct slim_op *op = c->program->first; op; op = op->next)
        if (gives_metric(op) && (op->label || op->method))
            slim_words_add(&names, c->arena,
                           op->label ? op->label : op->method);
    for (const struct slim_fact *fact = slim_facts; fact->name; fact++)
        slim_words_add(&names, c->arena, fact->name);
    struct slim_error *error =
        slim_error(c->diag, "N010", leaf->span,
                   "'%s' is neither a metric nor the label of a measure", name);
    slim_suggest(c->diag, error, span, name, &names);
    return SLIM_FAILED;
}

static enum slim_status lower_leaf(struct slim_formula *out,
                                   struct slim_lowering *l,
                                   const struct slim_value *leaf)
{
    const char *name = leaf->text;
    size_t prefix = sizeof(base_prefix) - 1;

    out->text = leaf->text;
    if (leaf->kind == SLIM_VALUE_NUMBER || leaf->kind == SLIM_VALUE_PERCENT) {
        out->number = true;
        out->value = leaf->kind == SLIM_VALUE_PERCENT ? leaf->number / 100.0
                                                      : leaf->number;
        return SLIM_OK;
    }
    if (leaf->kind == SLIM_VALUE_VAR)
        return SLIM_FAILED;
    if (leaf->kind != SLIM_VALUE_NAME)
        return slim_fail(l->c->diag, "A004", leaf->span,
                         "'%s' cannot be compared: numbers and metrics can",
                         leaf->text);
    out->base = strncmp(name, base_prefix, prefix) == 0;
    out->metric = out->base ? name + prefix : name;
    out->measure = find_measure(l->c, out->metric);
    /* a fact without a label is that of the shape at this very point */
    if (is_fact(out->metric) && out->measure && !out->measure->label)
        out->measure = NULL;
    if (out->measure || is_fact(out->metric))
        return SLIM_OK;
    return unknown(l, leaf, out->metric);
}

static enum slim_status lower_expr(const struct slim_formula **out,
                                   struct slim_lowering *l,
                                   const struct slim_expr *expr)
{
    struct slim_formula *formula = SLIM_NEW(l->c->arena, struct slim_formula);

    *out = formula;
    formula->span = expr->span;
    if (expr->kind == SLIM_EXPR_LEAF)
        return lower_leaf(formula, l, expr->leaf);
    formula->op = expr->op;
    enum slim_status left = lower_expr(&formula->left, l, expr->left);
    enum slim_status right = lower_expr(&formula->right, l, expr->right);
    return left == SLIM_OK && right == SLIM_OK ? SLIM_OK : SLIM_FAILED;
}

static const struct slim_formula *other_protocol(
    const struct slim_formula *formula, const struct slim_formula *first)
{
    if (formula->op != 0) {
        const struct slim_formula *left = other_protocol(formula->left, first);
        return left ? left : other_protocol(formula->right, first);
    }
    if (!formula->measure ||
        strcmp(formula->measure->method, first->measure->method) != 0)
        return NULL;
    return slim_op_input(formula->measure, SLIM_TYPE_TOKENS) ==
                   slim_op_input(first->measure, SLIM_TYPE_TOKENS)
               ? NULL
               : formula;
}

/* Two values of one metric may meet only if they were measured alike. */
static enum slim_status check_protocols(struct slim_lowering *l,
                                        const struct slim_formula *root,
                                        const struct slim_formula *formula)
{
    if (formula->op != 0) {
        if (check_protocols(l, root, formula->left) != SLIM_OK)
            return SLIM_FAILED;
        return check_protocols(l, root, formula->right);
    }
    const struct slim_formula *other =
        formula->measure ? other_protocol(root, formula) : NULL;
    if (!other)
        return SLIM_OK;
    struct slim_error *error =
        slim_error(l->c->diag, "E141", root->span,
                   "'%s' and '%s' are not measured by the same protocol",
                   formula->text, other->text);
    slim_error_note(l->c->diag, error, formula->measure->span, "one");
    slim_error_note(l->c->diag, error, other->measure->span, "the other");
    return SLIM_FAILED;
}

enum slim_status slim_lower_formula(struct slim_lowering *l)
{
    struct slim_op *op = &l->drafts[0]->op;

    if (!l->stmt->expr)
        return SLIM_OK;
    if (lower_expr(&op->formula, l, l->stmt->expr) != SLIM_OK)
        return SLIM_FAILED;
    return check_protocols(l, op->formula, op->formula);
}
