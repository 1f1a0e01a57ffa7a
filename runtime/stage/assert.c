/* assert.c - what must hold before the run goes on */
#include "runtime/report.h"

#include "compiler/ir/fact.h"

#include <math.h>
#include <stddef.h>

struct assert_args {
    bool warn;
};

static const struct slim_param params[] = {
    { .name = "warn",
      .kind = SLIM_PARAM_BOOL,
      .offset = offsetof(struct assert_args, warn),
      .initial = "no",
      .help = "go on all the same (else warn)" },
    { .name = NULL },
};

static double leaf_value(struct slim_run *run, const struct slim_op *op,
                         const struct slim_formula *leaf)
{
    if (leaf->number)
        return leaf->value;
    double value = (double)NAN;
    if (!leaf->measure) {
        (void)slim_fact_value(&value, leaf->metric,
                              leaf->base ? run->input->shape
                                         : slim_run_shape(run, op));
        return value;
    }
    for (const struct slim_metric *m = run->metrics; m; m = m->next)
        if (m->op == leaf->measure)
            return leaf->base ? m->base : m->value;
    return value;
}

static double evaluate(struct slim_run *run, const struct slim_op *op,
                       const struct slim_formula *f)
{
    if (f->op == 0)
        return leaf_value(run, op, f);
    double left = evaluate(run, op, f->left);
    double right = evaluate(run, op, f->right);
    switch (f->op) {
    case '+':
        return left + right;
    case '-':
        return left - right;
    case '*':
        return left * right;
    case '/':
        return left / right;
    default:
        return (double)NAN;
    }
}

static bool holds(char op, double left, double right)
{
    switch (op) {
    case '<':
        return left < right;
    case 'l':
        return left <= right;
    case '>':
        return left > right;
    case 'g':
        return left >= right;
    case '=':
        return left <= right && left >= right;
    default:
        return left < right || left > right;
    }
}

static enum slim_status run_assert(struct slim_run *run,
                                   const struct slim_op *op)
{
    const struct assert_args *args = op->args;
    double left = evaluate(run, op, op->formula->left);
    double right = evaluate(run, op, op->formula->right);
    const char *values =
        slim_arena_printf(run->arena, "%.10g against %.10g", left, right);

    if (holds(op->formula->op, left, right)) {
        run->detail = values;
        return SLIM_OK;
    }
    if (args->warn) {
        slim_warning(run->diag, "V002", op->span, "does not hold: %s", values);
        run->detail =
            slim_arena_printf(run->arena, "does not hold: %s", values);
        return SLIM_OK;
    }
    return slim_fail(run->diag, "V001", op->span,
                     "assertion failed: %s; nothing after it was run", values);
}

const struct slim_stage slim_stage_assert = {
    .name = "assert",
    .summary = "stop unless a comparison of metrics holds",
    .version = 1,
    .needs = SLIM_TYPE_MODEL,
    .keeps_function = true,
    .params = params,
    .args_size = sizeof(struct assert_args),
    .run = run_assert,
    .keep = { .how = SLIM_KEEP_NOTHING },
};
