/* pass_growth.c - a stage that makes the model larger is a warning */
#include "compiler/compilation.h"

#include "base/text.h"

#include <math.h>
#include <string.h>

/*
 * A chain is a stage that changes the model, with the stage before it whose
 * result it uses up: a rotation by itself may cost shortcuts that the slice
 * that follows is there to earn back.
 */
struct chain {
    struct slim_compilation *c;
    struct slim_op *first; /* NULL: the last one stands alone */
    struct slim_op *last;
    uint64_t before;
};

static struct slim_op *provider_of(const struct slim_op *op)
{
    for (size_t i = 0; i < op->input_count; i++) {
        const struct slim_op *from = op->inputs[i].op;
        if (op->inputs[i].type != SLIM_TYPE_MODEL &&
            (from->stage->gives & SLIM_TYPE_MODEL) != 0)
            return (struct slim_op *)(uintptr_t)from;
    }
    return NULL;
}

static bool has_consumer(const struct slim_op *op)
{
    for (const struct slim_op *later = op->next; later; later = later->next)
        if (provider_of(later) == op)
            return true;
    return false;
}

static void swap_input(struct slim_op *op, const struct slim_op *from,
                       const struct slim_op *to)
{
    for (size_t i = 0; i < op->input_count; i++)
        if (op->inputs[i].op == from)
            op->inputs[i].op = to;
    if (op->fused == from)
        op->fused = to;
}

/*
 * Parameters after the chain with another percentage and, where `param` is not
 * NULL, another choice of the first stage. 0: it cannot be done. Shapes in
 * between are carried over only where the two stages are neighbours.
 */
static uint64_t params_with(const struct chain *chain, double percent,
                            const struct slim_param *param, int choice)
{
    struct slim_diag scratch = { .arena = chain->c->arena };
    struct slim_draft first, last = *slim_draft_of(chain->last);

    last.op.amount.value = percent;
    if (chain->first) {
        first = *slim_draft_of(chain->first);
        char *args = slim_arena_alloc(scratch.arena, first.op.stage->args_size);
        memcpy(args, first.op.args, first.op.stage->args_size);
        first.op.args = args;
        if (param)
            *(int *)(void *)(args + param->offset) = choice;
        if ((first.op.stage->check &&
             first.op.stage->check(&first.op, &scratch) != SLIM_OK) ||
            (first.op.stage->resolve &&
             first.op.stage->resolve(&first.op, &scratch) != SLIM_OK))
            return 0;
        swap_input(&last.op, chain->first, &first.op);
        if (chain->last->before == chain->first->after)
            last.op.before = first.op.after;
        first.op.fused = first.op.fused ? &last.op : NULL;
    }
    if (last.op.stage->resolve(&last.op, &scratch) != SLIM_OK)
        return 0;
    return slim_shape_params(last.op.after);
}

static bool shrinks(const struct chain *chain, double percent,
                    const struct slim_param *param, int choice)
{
    uint64_t params = params_with(chain, percent, param, choice);

    return params > 0 && params <= chain->before;
}

/*
 * The first amount, in steps of a tenth of a percent or of one unit, at which
 * nothing is lost; 0: there is none. `to N` shrinks as N falls.
 */
static double break_even(const struct chain *chain)
{
    const struct slim_quantity *amount = &chain->last->amount;
    bool percent = amount->kind == SLIM_QUANTITY_PERCENT && !amount->to;
    bool number = amount->kind == SLIM_QUANTITY_NUMBER && amount->to;
    double step = percent ? 0.1 : -1.0;
    long least = 0, most = percent ? 950 : (long)amount->value - 1;

    if ((!percent && !number) || !chain->last->stage->resolve)
        return 0.0;
    double from = percent ? 0.0 : amount->value;
    if (percent)
        least = (long)floor(amount->value * 10.0);
    /* so much that next to nothing is left may be refused */
    long stride = (most - least) / 20 + 1;
    while (most > least && !shrinks(chain, from + step * (double)most, NULL, 0))
        most -= stride;
    if (least >= most)
        return 0.0;
    while (most - least > 1) {
        long middle = least + (most - least) / 2;
        if (shrinks(chain, from + step * (double)middle, NULL, 0))
            most = middle;
        else
            least = middle;
    }
    /* 27.8, not 27.800000000000001 */
    return percent ? (double)most / 10.0 : from - (double)most;
}

/* "27.8% of width", "to 478 width": as a recipe writes it. */
static const char *amount_text(const struct chain *chain, double value)
{
    const struct slim_quantity *amount = &chain->last->amount;
    const char *number = slim_text_number(chain->c->arena, value);

    return slim_arena_printf(chain->c->arena,
                             amount->to ? "to %s %s" : "%s%% of %s", number,
                             amount->unit);
}

/* Another choice of the first stage that shrinks the model, if there is one. */
static const struct slim_param *better_choice(int *choice, uint64_t *params,
                                              const struct chain *chain)
{
    if (!chain->first || !chain->last->stage->resolve)
        return NULL;
    const struct slim_param *p = chain->first->stage->params;
    for (; p && p->name; p++) {
        if (p->kind != SLIM_PARAM_CHOICE ||
            !slim_param_applies(p, chain->first->method))
            continue;
        for (int i = 0; p->choices[i]; i++) {
            *params = params_with(chain, chain->last->amount.value, p, i);
            *choice = i;
            if (*params > 0 && *params <= chain->before)
                return p;
        }
    }
    return NULL;
}

static struct slim_span argument_place(const struct slim_stmt *stmt,
                                       const char *name, bool *written)
{
    for (const struct slim_arg *arg = stmt->args; arg; arg = arg->next)
        if (strcmp(arg->name->text, name) == 0) {
            *written = true;
            return arg->span;
        }
    struct slim_span end = stmt->span;
    if (stmt->label) /* `as` comes last */
        end.end = stmt->label->span.begin;
    end.begin = end.end;
    *written = false;
    return end;
}

static void advise(const struct chain *chain, struct slim_error *warning)
{
    struct slim_diag *diag = chain->c->diag;
    struct slim_arena *arena = chain->c->arena;
    double even = break_even(chain);
    uint64_t params = 0;
    int choice = 0;

    const struct slim_param *p = better_choice(&choice, &params, chain);
    const char *from =
        even > 0.0 ? slim_arena_printf(arena, "From '%s' on it is smaller.%s",
                                       amount_text(chain, even), p ? " " : "")
                   : "";
    if (!p) {
        if (even > 0.0) {
            slim_error_hint(diag, warning, "%s", from);
            slim_error_fix(diag, warning, chain->last->amount.span, "%s",
                           amount_text(chain, even));
        }
        return;
    }
    slim_error_hint(diag, warning, "%sWith %s=%s this has %s parameters.", from,
                    p->name, p->choices[choice],
                    slim_text_grouped(arena, params));
    const struct slim_stmt *stmt = slim_draft_of(chain->first)->stmt;
    bool written = false;
    if (stmt && !stmt->label) {
        struct slim_span place = argument_place(stmt, p->name, &written);
        slim_error_fix(diag, warning, place, "%s%s=%s", written ? "" : " ",
                       p->name, p->choices[choice]);
    }
}

static void judge(struct slim_compilation *c, struct slim_op *op)
{
    struct chain chain = { c, provider_of(op), op, 0 };
    const struct slim_op *start = chain.first ? chain.first : op;

    if (op->before == op->after && !chain.first)
        return;
    /* between the two lies a stage of its own: each is judged as it is */
    if (chain.first && chain.first->after != op->before) {
        chain.first = NULL;
        start = op;
    }
    chain.before = slim_shape_params(start->before);
    uint64_t after = slim_shape_params(op->after);
    if (after <= chain.before)
        return;
    struct slim_error *warning = slim_warning(
        c->diag, "M201", op->span,
        "this makes the model larger: %s parameters, %s before (+%.1f%%)",
        slim_text_grouped(c->arena, after),
        slim_text_grouped(c->arena, chain.before),
        100.0 * ((double)after / (double)chain.before - 1.0));
    advise(&chain, warning);
}

enum slim_status slim_pass_growth(struct slim_compilation *c)
{
    for (struct slim_op *op = c->program->first; op; op = op->next)
        if (!op->stage->hidden && !slim_draft_of(op)->broken &&
            (op->stage->gives & SLIM_TYPE_MODEL) != 0 && !has_consumer(op))
            judge(c, op);
    return SLIM_OK;
}
