/* prune_scope.c - which groups an operation prunes, and how it says so */
#include "runtime/stage/prune.h"

#include "base/text.h"
#include "runtime/stage/units.h"

/* Without a scope the first floor(L/8) and the last floor(L/16) layers stay as
 * they are: they hurt most (LLM-Pruner, Figure 3). */
static bool layer_by_default(size_t layer, size_t layers)
{
    return layer >= layers / 8 && layer < layers - layers / 16;
}

static bool in_scope(const struct slim_group *group, const struct slim_op *op)
{
    const struct slim_where *where = &op->where;
    const struct slim_arch *arch = op->before->arch;

    if (slim_group_is_stream(group) || slim_op_takes_width(op))
        return slim_group_is_stream(group) && slim_op_takes_width(op);
    if (group->role != SLIM_ROLE_ATTN && group->role != SLIM_ROLE_MLP)
        return false;
    if (!where->given)
        return layer_by_default(group->layer, arch->layers);
    for (size_t i = 0; i < group->member_count; i++)
        if (slim_where_tensor(where, group->members[i].tensor))
            return true;
    return false;
}

enum slim_status slim_prune_choose(struct slim_prune_plan *plan,
                                   const struct slim_op *op,
                                   struct slim_diag *diag)
{
    bool *chosen = SLIM_NEW_ARRAY(diag->arena, plan->groups->count, bool);
    struct slim_span span = op->where.given ? op->where.span : op->span;
    bool any = false;

    for (size_t g = 0; g < plan->groups->count; g++) {
        chosen[g] = in_scope(&plan->groups->items[g], op);
        any = any || chosen[g];
    }
    plan->chosen = chosen;
    if (slim_op_takes_width(op) && (!any || op->before->shortcuts))
        return slim_fail(diag, "M122", span,
                         "the width cannot be pruned: shortcut matrices stand "
                         "between the layers, each has a basis of its own");
    if (!any)
        return slim_fail(diag, "M122", span,
                         "no head or column of this model is in scope");
    return SLIM_OK;
}

/* ---- text ---- */

static bool layer_chosen(const struct slim_prune_plan *plan, size_t layer)
{
    for (size_t g = 0; g < plan->groups->count; g++)
        if (plan->chosen[g] && plan->groups->items[g].layer == layer)
            return true;
    return false;
}

/* ", layers 3..28" */
static void print_layers(struct slim_text *text,
                         const struct slim_prune_plan *plan)
{
    size_t layers = plan->before->arch->layers;
    const char *before = ", layers ";

    for (size_t first = 0; first < layers; first++) {
        size_t last = first;
        if (!layer_chosen(plan, first))
            continue;
        while (last + 1 < layers && layer_chosen(plan, last + 1))
            last++;
        slim_text_printf(text, "%s%zu", before, first);
        if (last > first)
            slim_text_printf(text, "..%zu", last);
        before = ",";
        first = last;
    }
}

static void print_span(struct slim_text *text, size_t least, size_t most)
{
    slim_text_printf(text, least == most ? "%zu" : "%zu..%zu", least, most);
}

/* "937/1536 mlp columns"; where layers differ, the least and the most */
static void print_axis(struct slim_text *text,
                       const struct slim_prune_plan *plan,
                       const struct slim_shape *after, size_t axis,
                       struct slim_arena *arena)
{
    size_t kept[2] = { SIZE_MAX, 0 }, had[2] = { SIZE_MAX, 0 };

    for (size_t g = 0; g < plan->groups->count; g++) {
        const struct slim_group *group = &plan->groups->items[g];
        size_t left = slim_group_units(after, group);
        if (!plan->chosen[g] || group->axis != axis)
            continue;
        kept[0] = left < kept[0] ? left : kept[0];
        kept[1] = left > kept[1] ? left : kept[1];
        had[0] = group->units < had[0] ? group->units : had[0];
        had[1] = group->units > had[1] ? group->units : had[1];
    }
    if (had[1] == 0)
        return;
    slim_text_puts(text, text->length ? ", " : "");
    print_span(text, kept[0], kept[1]);
    slim_text_puts(text, "/");
    print_span(text, had[0], had[1]);
    slim_text_printf(text, " %s%s",
                     slim_units_name(plan->before->arch, axis, had[1], arena),
                     !plan->global && kept[0] == had[0] && kept[1] == had[1]
                         ? " (less than one each)"
                         : "");
}

static void print_global(struct slim_text *text,
                         const struct slim_prune_plan *plan,
                         struct slim_arena *arena)
{
    size_t total = 0;

    for (size_t g = 0; g < plan->groups->count; g++)
        total += plan->chosen[g] ? plan->groups->items[g].units : 0;
    if (plan->aim == SLIM_PRUNE_RATIO)
        slim_text_printf(
            text, "%s of %s units",
            slim_text_grouped(arena,
                              slim_prune_leaving(total, total, plan->ratio)),
            slim_text_grouped(arena, total));
    else
        slim_text_printf(text, "of %s units", slim_text_grouped(arena, total));
    slim_text_puts(text, ", scores decide where");
}

const char *slim_prune_counts(const struct slim_prune_plan *plan,
                              const struct slim_shape *after,
                              struct slim_arena *arena)
{
    struct slim_text text = { 0 };
    const char *result;

    for (size_t axis = 0; axis < plan->before->arch->axis_count; axis++)
        print_axis(&text, plan, after, axis, arena);
    result = slim_arena_strdup(arena, text.data);
    slim_text_free(&text);
    return result;
}

const char *slim_prune_text(const struct slim_prune_plan *plan,
                            const struct slim_shape *after,
                            struct slim_arena *arena)
{
    struct slim_text text = { 0 };
    uint64_t reached = slim_shape_params(after);
    const char *result;

    if (plan->global)
        print_global(&text, plan, arena);
    else
        slim_text_puts(&text, slim_prune_counts(plan, after, arena));
    print_layers(&text, plan);
    if (plan->steps > 1)
        slim_text_printf(&text, ", %zu steps", plan->steps);
    if (plan->untie)
        slim_text_puts(&text, ", head untied as the reference does");
    if (plan->aim == SLIM_PRUNE_PARAMS && plan->target != (double)reached)
        slim_text_printf(
            &text, ", target %s",
            slim_text_grouped(arena, (uint64_t)(plan->target + 0.5)));
    if (plan->aim == SLIM_PRUNE_PARAMS && plan->target != (double)reached &&
        !plan->global)
        slim_text_printf(&text, " reached %s",
                         slim_text_grouped(arena, reached));
    result = slim_arena_strdup(arena, text.data);
    slim_text_free(&text);
    return result;
}
