/* prune_count.c - from an amount to exact numbers of units */
#include "runtime/stage/prune.h"

#include "base/text.h"
#include "runtime/stage/units.h"

#include <math.h>
#include <string.h>

size_t slim_prune_leaving(size_t now, size_t first, double ratio)
{
    double kept = (double)first * (1.0 - ratio);

    return now > (size_t)kept ? now - (size_t)kept : 0;
}

struct slim_shape *slim_prune_shape(const struct slim_prune_plan *plan,
                                    const size_t *keep,
                                    struct slim_arena *arena)
{
    struct slim_shape *shape = slim_shape_copy(plan->before, arena);

    for (size_t g = 0; g < plan->groups->count; g++)
        if (plan->chosen[g])
            slim_shape_resize(shape, &plan->groups->items[g], keep[g]);
    if (plan->untie)
        shape->untied = true;
    return shape;
}

/* Columns and channels can have any count; a unit of several indices (a head)
 * leaves whole. */
static bool single(const struct slim_group *group)
{
    return group->members[0].per_unit == 1;
}

static size_t round_up(size_t value, size_t multiple)
{
    return (value + multiple - 1) / multiple * multiple;
}

/* `of groups` and `of width`: the same share of every group, in the indices of
 * its first tensor, as the reference counts. */
static enum slim_status count_ratio(struct slim_prune_plan *plan,
                                    const struct slim_op *op,
                                    struct slim_diag *diag)
{
    size_t count = plan->groups->count;

    for (size_t step = 0; step < plan->steps; step++) {
        double ratio = (double)(step + 1) / (double)plan->steps * plan->ratio;
        for (size_t g = 0; g < count; g++) {
            const struct slim_group *group = &plan->groups->items[g];
            size_t each = group->members[0].per_unit;
            size_t now =
                step ? plan->keep[(step - 1) * count + g] : group->units;
            size_t gone =
                slim_prune_leaving(now * each, group->units * each, ratio) /
                each;
            size_t keep = now - (plan->chosen[g] ? gone : 0);
            if (plan->chosen[g] && single(group) && gone > 0)
                keep = round_up(keep, plan->round);
            plan->keep[step * count + g] = keep < now ? keep : now;
            if (keep == 0)
                return slim_fail(
                    diag, "M123", op->span, "no %s would be left in layer %zu",
                    plan->before->arch->axes[group->axis].unit, group->layer);
        }
    }
    return SLIM_OK;
}

/* ---- of params ---- */

/* The axis whose units are the smallest single ones: it takes what the others
 * leave. axis_count: none. */
static size_t filler(const struct slim_prune_plan *plan)
{
    size_t axis = plan->before->arch->axis_count;
    uint64_t least = UINT64_MAX;

    for (size_t g = 0; g < plan->groups->count; g++) {
        const struct slim_group *group = &plan->groups->items[g];
        if (plan->chosen[g] && single(group) &&
            group->params_per_unit < least) {
            least = group->params_per_unit;
            axis = group->axis;
        }
    }
    return axis;
}

/* Parameters of the chosen groups, all of them or those of one axis. */
static double weight_of(const struct slim_prune_plan *plan, size_t axis)
{
    double sum = 0;

    for (size_t g = 0; g < plan->groups->count; g++) {
        const struct slim_group *group = &plan->groups->items[g];
        if (plan->chosen[g] && (axis == SIZE_MAX || group->axis == axis))
            sum += (double)group->units * (double)group->params_per_unit;
    }
    return sum;
}

enum rounding { ROUND_DOWN, ROUND_UP, ROUND_NEAREST };

/* A share of the units as a multiple of `multiple`, at least one of them. */
static size_t share(size_t units, double kept, size_t multiple,
                    enum rounding rounding)
{
    size_t most = units / multiple * multiple;
    double exact = (double)units * kept / (double)multiple;
    double steps = rounding == ROUND_DOWN ? floor(exact)
                   : rounding == ROUND_UP ? ceil(exact)
                                          : floor(exact + 0.5);
    size_t result = steps < 1 ? multiple : (size_t)steps * multiple;

    if (most == 0)
        return units;
    return result > most ? most : result;
}

/* Sets the filler's groups to a share and gives the parameters left. */
static double fill(struct slim_prune_plan *plan, size_t *keep, size_t axis,
                   double kept, enum rounding rounding,
                   struct slim_arena *arena)
{
    for (size_t g = 0; g < plan->groups->count; g++) {
        const struct slim_group *group = &plan->groups->items[g];
        if (plan->chosen[g] && group->axis == axis)
            keep[g] = share(group->units, kept, plan->round, rounding);
    }
    return (double)slim_shape_params(slim_prune_shape(plan, keep, arena));
}

/* Whole heads first, never more than the ratio asks, then the width that
 * brings the total nearest to the target; ties keep more. */
static enum slim_status count_target(struct slim_prune_plan *plan, size_t *keep,
                                     const struct slim_op *op,
                                     struct slim_diag *diag)
{
    static const enum rounding roundings[] = { ROUND_UP, ROUND_NEAREST,
                                               ROUND_DOWN };
    double dense = (double)slim_shape_params(plan->before);
    double ratio = (dense - plan->target) / weight_of(plan, SIZE_MAX);
    size_t axis = filler(plan);
    double left, kept, best = INFINITY;
    enum rounding chosen = ROUND_UP;

    for (size_t g = 0; g < plan->groups->count; g++) {
        const struct slim_group *group = &plan->groups->items[g];
        keep[g] = group->units;
        if (!plan->chosen[g] || group->axis == axis)
            continue;
        keep[g] =
            ratio < 1 ? keep[g] - (size_t)((double)group->units * ratio) : 1;
    }
    if (axis == plan->before->arch->axis_count)
        return SLIM_OK;
    left = (double)slim_shape_params(slim_prune_shape(plan, keep, diag->arena));
    kept = 1 - (left - plan->target) / weight_of(plan, axis);
    for (size_t i = 0; i < SLIM_COUNT(roundings); i++) {
        double params = fill(plan, keep, axis, kept, roundings[i], diag->arena);
        if (fabs(params - plan->target) < best) {
            best = fabs(params - plan->target);
            chosen = roundings[i];
        }
    }
    left = fill(plan, keep, axis, kept, chosen, diag->arena);
    if (!(kept > 0))
        return slim_fail(diag, "M121", op->amount.span,
                         "%s of %s parameters cannot be reached in this scope: "
                         "with one unit of everything in it %s are left",
                         slim_text_grouped(diag->arena, (uint64_t)plan->target),
                         slim_text_grouped(diag->arena, (uint64_t)dense),
                         slim_text_grouped(diag->arena, (uint64_t)left));
    return SLIM_OK;
}

/* Every step takes the same number of units, the last one arrives. */
static void spread(struct slim_prune_plan *plan, const size_t *keep)
{
    size_t count = plan->groups->count;

    for (size_t step = 0; step < plan->steps; step++)
        for (size_t g = 0; g < count; g++) {
            size_t units = plan->groups->items[g].units;
            size_t gone = (units - keep[g]) * (step + 1) / plan->steps;
            plan->keep[step * count + g] = units - gone;
        }
}

/* ---- global ---- */

/* An estimate: what leaves are the units that cost least, spread evenly. */
static void count_global(struct slim_prune_plan *plan, size_t *keep)
{
    size_t axis = filler(plan), total = 0, filling = 0, gone;

    for (size_t g = 0; g < plan->groups->count; g++) {
        const struct slim_group *group = &plan->groups->items[g];
        keep[g] = group->units;
        total += plan->chosen[g] ? group->units : 0;
        filling += plan->chosen[g] && group->axis == axis ? group->units : 0;
    }
    gone = slim_prune_leaving(total, total, plan->ratio);
    for (size_t g = 0; g < plan->groups->count && filling > 0; g++)
        if (plan->chosen[g] && plan->groups->items[g].axis == axis) {
            double part = (double)gone / (double)filling;
            keep[g] = share(keep[g], part < 1 ? 1 - part : 0, 1, ROUND_NEAREST);
        }
}

static bool nothing_leaves(const struct slim_prune_plan *plan)
{
    const size_t *last = plan->keep + (plan->steps - 1) * plan->groups->count;

    for (size_t g = 0; g < plan->groups->count; g++)
        if (last[g] < plan->groups->items[g].units)
            return false;
    return true;
}

/* The group in scope whose units are the smallest. */
static const struct slim_group *finest(const struct slim_prune_plan *plan)
{
    const struct slim_group *best = NULL;

    for (size_t g = 0; g < plan->groups->count; g++) {
        const struct slim_group *group = &plan->groups->items[g];
        if (plan->chosen[g] &&
            (!best || group->params_per_unit < best->params_per_unit))
            best = group;
    }
    return best;
}

bool slim_prune_hint_share(struct slim_error *error,
                           const struct slim_quantity *amount,
                           struct slim_diag *diag)
{
    double percent = amount->value < 1 ? 100 * amount->value : amount->value;

    if (amount->kind != SLIM_QUANTITY_NUMBER || percent <= 0 || percent >= 100)
        return false;
    slim_error_hint(diag, error, "A share is written \"%s%g%%\".",
                    amount->to ? "to " : "", percent);
    return true;
}

static enum slim_status refuse_nothing(const struct slim_prune_plan *plan,
                                       const struct slim_op *op,
                                       struct slim_diag *diag)
{
    const struct slim_group *group = finest(plan);
    struct slim_error *error =
        slim_error(diag, "M120", op->amount.span,
                   "nothing would leave: the amount is less than one %s of %zu",
                   plan->before->arch->axes[group->axis].unit, group->units);

    if (!slim_prune_hint_share(error, &op->amount, diag) && !single(group))
        slim_error_hint(diag, error,
                        "Heads leave in whole key/value groups; where they "
                        "are few, prune in mlp.");
    return SLIM_FAILED;
}

enum slim_status slim_prune_count(struct slim_prune_plan *plan,
                                  const struct slim_op *op,
                                  struct slim_diag *diag)
{
    size_t *keep = SLIM_NEW_ARRAY(diag->arena, plan->groups->count, size_t);
    double now = plan->aim == SLIM_PRUNE_WIDTH
                     ? (double)plan->before->sites[0]
                     : (double)slim_shape_params(plan->before);

    if (plan->aim != SLIM_PRUNE_RATIO && plan->target >= now)
        return slim_fail(
            diag, "M124", op->amount.span,
            "the model has %s already, the target is %s",
            slim_text_grouped(diag->arena, (uint64_t)now),
            slim_text_grouped(diag->arena, (uint64_t)plan->target));
    if (plan->aim != SLIM_PRUNE_RATIO && plan->target < 1)
        return slim_fail(diag, "M124", op->amount.span,
                         "nothing would be left of %s",
                         slim_text_grouped(diag->arena, (uint64_t)now));
    if (plan->aim == SLIM_PRUNE_RATIO && !plan->global) {
        if (count_ratio(plan, op, diag) != SLIM_OK)
            return SLIM_FAILED;
    } else {
        if (plan->aim == SLIM_PRUNE_RATIO)
            count_global(plan, keep);
        else if (plan->aim == SLIM_PRUNE_WIDTH)
            for (size_t g = 0; g < plan->groups->count; g++)
                keep[g] = plan->chosen[g]
                              ? round_up((size_t)plan->target, plan->round)
                              : plan->groups->items[g].units;
        else if (count_target(plan, keep, op, diag) != SLIM_OK)
            return SLIM_FAILED;
        spread(plan, keep);
    }
    if (nothing_leaves(plan))
        return refuse_nothing(plan, op, diag);
    return SLIM_OK;
}
