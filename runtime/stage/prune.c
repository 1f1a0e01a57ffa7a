/* prune.c - `prune`: the units with the lowest scores leave */
#include "runtime/stage/prune.h"

#include "base/text.h"
#include "runtime/stage/score.h"
#include "runtime/stage/stages.h"
#include "runtime/stage/units.h"
#include "runtime/store/causes.h"
#include "runtime/store/memo.h"

#include <stddef.h>
#include <string.h>

static const char *const units[] = { "params", "groups", "width", NULL };

#define FIELD(field) offsetof(struct slim_prune_args, field)
static const struct slim_param params[] = {
    { .name = "steps",
      .kind = SLIM_PARAM_INT,
      .offset = FIELD(steps),
      .initial = "1",
      .min = 1,
      .max = 1000,
      .help = "prune a share at a time and score again in between" },
    { .name = "global",
      .kind = SLIM_PARAM_BOOL,
      .offset = FIELD(global),
      .initial = "no",
      .help = "rank the units of all layers together; of groups: by score as "
              "LLM-Pruner does, of params: by score per parameter" },
    { .name = "round",
      .kind = SLIM_PARAM_INT,
      .offset = FIELD(round),
      .initial = "1",
      .min = 1,
      .max = 65536,
      .help = "kept columns or channels are a multiple of it" },
    { .name = NULL },
};
#undef FIELD

/* The share that leaves, from `20%` or `to 80%`. */
static double leaving(const struct slim_quantity *amount)
{
    return amount->to ? 1.0 - amount->value / 100.0 : amount->value / 100.0;
}

static enum slim_status refuse_less(const struct slim_quantity *amount,
                                    struct slim_diag *diag)
{
    struct slim_error *error =
        slim_error(diag, "A121", amount->span, "%g %s are less than one",
                   amount->value, amount->unit);

    (void)slim_prune_hint_share(error, amount, diag);
    return SLIM_FAILED;
}

static enum slim_status check_amount(const struct slim_op *op,
                                     struct slim_diag *diag)
{
    const struct slim_quantity *amount = &op->amount;
    bool percent = amount->kind == SLIM_QUANTITY_PERCENT;

    if (amount->kind == SLIM_QUANTITY_NONE || !amount->unit)
        return SLIM_OK; /* reported already */
    if (percent && (!(leaving(amount) > 0) || !(leaving(amount) < 1)))
        return slim_fail(diag, "A121", amount->span,
                         "'prune' takes more than 0%% and less than 100%%");
    if (!percent && strcmp(amount->unit, "groups") == 0)
        return slim_fail(diag, "A122", amount->span,
                         "groups are pruned in percent: a number of units "
                         "differs from layer to layer");
    return percent || amount->value >= 1 ? SLIM_OK : refuse_less(amount, diag);
}

static enum slim_status check(const struct slim_op *op, struct slim_diag *diag)
{
    const struct slim_prune_args *args = op->args;
    const struct slim_where *where = &op->where;
    const bool *roles = where->roles;

    if (check_amount(op, diag) != SLIM_OK)
        return SLIM_FAILED;
    if (slim_op_takes_width(op) &&
        (roles[SLIM_ROLE_ATTN] || roles[SLIM_ROLE_MLP] || where->layers_given ||
         where->glob_count > 0))
        return slim_fail(diag, "A123", where->span,
                         "the width is one for the whole model: prune it "
                         "apart from heads and columns, without layers");
    if ((roles[SLIM_ROLE_EMBED] || roles[SLIM_ROLE_NORM] ||
         roles[SLIM_ROLE_HEAD]) &&
        !(roles[SLIM_ROLE_ATTN] || roles[SLIM_ROLE_MLP]))
        return slim_fail(diag, "A124", where->span,
                         "'prune' removes heads (attn) and columns (mlp), or "
                         "channels (in width): no other unit exists");
    if (args->global && args->round > 1)
        return slim_fail(diag, "A125", op->span,
                         "round=%ld cannot hold with global=yes: the scores "
                         "decide how many units each layer keeps",
                         args->round);
    if (args->global && slim_op_takes_width(op))
        return slim_fail(diag, "A126", op->span,
                         "global=yes ranks layers against each other: the "
                         "width is one for all of them");
    return SLIM_OK;
}

static void aim(struct slim_prune_plan *plan, const struct slim_op *op)
{
    const struct slim_quantity *amount = &op->amount;
    bool params_unit = strcmp(amount->unit, "params") == 0;
    double whole = params_unit ? (double)slim_shape_params(plan->before)
                               : (double)plan->before->sites[0];

    if (amount->kind == SLIM_QUANTITY_PERCENT && !params_unit) {
        plan->aim = SLIM_PRUNE_RATIO;
        plan->ratio = leaving(amount);
        return;
    }
    plan->aim = params_unit ? SLIM_PRUNE_PARAMS : SLIM_PRUNE_WIDTH;
    if (amount->kind == SLIM_QUANTITY_PERCENT)
        plan->target = whole * (1.0 - leaving(amount));
    else
        plan->target = amount->to ? amount->value : whole - amount->value;
}

/* The reference prunes a tied table twice and ends with two tables. */
static bool unties(const struct slim_op *op)
{
    const struct slim_op *scores = slim_op_input(op, SLIM_TYPE_SCORES);

    return slim_op_takes_width(op) && op->before->arch->tied &&
           !op->before->untied && scores && slim_score_as_reference(scores);
}

enum slim_status slim_prune_resolve(struct slim_op *op, struct slim_diag *diag)
{
    const struct slim_prune_args *args = op->args;
    struct slim_prune_plan *plan =
        SLIM_NEW(diag->arena, struct slim_prune_plan);
    struct slim_shape *after;
    const size_t *last;

    plan->before = op->before;
    plan->groups = slim_discover(op->before, diag->arena);
    plan->global = args->global;
    plan->round = (size_t)args->round;
    plan->steps = (size_t)args->steps;
    plan->untie = unties(op);
    aim(plan, op);
    plan->keep =
        SLIM_NEW_ARRAY(diag->arena, plan->steps * plan->groups->count, size_t);
    if (slim_prune_choose(plan, op, diag) != SLIM_OK ||
        slim_prune_count(plan, op, diag) != SLIM_OK)
        return SLIM_FAILED;
    last = plan->keep + (plan->steps - 1) * plan->groups->count;
    after = slim_prune_shape(plan, last, diag->arena);
    op->plan = plan;
    op->after = after;
    op->estimated = plan->global;
    op->resolved = slim_prune_text(plan, after, diag->arena);
    op->cost.flops = (double)slim_shape_params(after);
    return SLIM_OK;
}

static bool repeats_prune(const struct slim_op *op)
{
    const struct slim_prune_args *args = op->args;

    return args->steps > 1;
}

/* Counts after each step; where scores decide them, or an earlier prune did,
 * what is asked for. With steps also how scores are made again. */
static bool causes_prune(struct slim_causes *causes, struct slim_run *run,
                         const struct slim_op *op)
{
    const struct slim_prune_plan *plan = op->plan;
    const struct slim_shape *before = slim_run_shape(run, op);
    const struct slim_op *scored = slim_op_input(op, SLIM_TYPE_SCORES);
    struct slim_text text = { 0 };

    if (!before)
        return false;
    if (plan->global || !slim_shape_equal(before, op->before)) {
        slim_causes_written(causes, op);
    } else {
        for (size_t i = 0; i < plan->steps * plan->groups->count; i++)
            slim_text_printf(&text, " %zu", plan->keep[i]);
        slim_causes_add(causes, "units", "%s", text.data ? text.data : "");
        slim_text_free(&text);
    }
    slim_causes_add(causes, "untie", "%s", plan->untie ? "yes" : "no");
    if (plan->steps > 1 && !run->memos[scored->id].keyed)
        return false;
    if (plan->steps > 1)
        slim_causes_digest(causes, "scoring", &run->memos[scored->id].key);
    return true;
}

const struct slim_stage slim_stage_prune = {
    .name = "prune",
    .summary = "removes the units with the lowest scores",
    .version = 1,
    .amount = { .required = true,
                .units = units,
                .percent = true,
                .number = true },
    .scope = true,
    .scope_width = true,
    .needs = SLIM_TYPE_MODEL | SLIM_TYPE_SCORES,
    .gives = SLIM_TYPE_MODEL,
    .invalidates = SLIM_TYPE_GROUPS | SLIM_TYPE_SCORES | SLIM_TYPE_ROTATION,
    .params = params,
    .args_size = sizeof(struct slim_prune_args),
    .check = check,
    .resolve = slim_prune_resolve,
    .run = slim_prune_run,
    .keep = { .causes = causes_prune,
              .repeats = repeats_prune,
              .journal = true },
};
