/* prune.c - what holds for any amount on any shape */
#include "runtime/stage/prune.h"
#include "base/random.h"
#include "runtime/stage/stages.h"
#include "tests/support.h"
#include "tests/toy.h"

#include <math.h>
#include <string.h>

#define CASES 300

/* Numbers of case `index`, one after the other. */
struct dice {
    uint64_t seed, index;
};

static size_t roll(struct dice *dice, size_t least, size_t most)
{
    return least + (size_t)slim_random_below(dice->seed, 99, dice->index++,
                                             most - least + 1);
}

struct trial {
    struct slim_arena *arena;
    struct slim_diag diag;
    struct slim_toy toy;
    struct slim_prune_args args;
    struct slim_op op;
};

static void begin(struct trial *trial, uint64_t seed, const char *unit)
{
    struct dice dice = { seed, 0 };

    *trial = (struct trial){ .arena = slim_arena_open() };
    trial->diag.arena = trial->arena;
    trial->toy = (struct slim_toy){ .layers = roll(&dice, 1, 20),
                                    .width = 8 * roll(&dice, 1, 16),
                                    .kv = roll(&dice, 1, 12),
                                    .rep = roll(&dice, 1, 4),
                                    .dim = 2 * roll(&dice, 1, 8),
                                    .mlp = roll(&dice, 8, 400),
                                    .vocab = roll(&dice, 10, 300),
                                    .tied = roll(&dice, 0, 1) == 1 };
    trial->args.steps = (long)roll(&dice, 1, 5);
    trial->args.round = (long)roll(&dice, 1, 8);
    trial->op.stage = &slim_stage_prune;
    trial->op.args = &trial->args;
    trial->op.before = slim_shape_dense(
        slim_test_toy(&trial->toy, trial->arena), trial->arena);
    trial->op.amount =
        (struct slim_quantity){ .kind = SLIM_QUANTITY_PERCENT,
                                .value = (double)roll(&dice, 1, 60),
                                .unit = unit };
}

static void end(struct trial *trial)
{
    slim_arena_close(trial->arena);
}

/* False where the amount cannot be had; then exactly one error says why. */
static bool resolves(struct trial *trial)
{
    if (slim_prune_resolve(&trial->op, &trial->diag) == SLIM_OK)
        return true;
    assert_int_equal(trial->diag.errors, 1);
    return false;
}

/* Parameters with another width in every layer in scope, or -1 if that width
 * does not exist. */
static double with_width(struct trial *trial, double width)
{
    const struct slim_prune_plan *plan = trial->op.plan;
    struct slim_shape *shape = slim_shape_copy(trial->op.after, trial->arena);

    if (width < (double)trial->args.round || width > (double)trial->toy.mlp)
        return -1;
    for (size_t g = 0; g < plan->groups->count; g++)
        if (plan->chosen[g] && plan->groups->items[g].axis == SLIM_TOY_MLP)
            shape->sizes[plan->groups->items[g].layer * SLIM_TOY_AXES +
                         SLIM_TOY_MLP] = (size_t)width;
    return (double)slim_shape_params(shape);
}

static void assert_nearest(struct trial *trial, size_t layer)
{
    const struct slim_prune_plan *plan = trial->op.plan;
    double width =
        (double)slim_shape_size(trial->op.after, layer, SLIM_TOY_MLP);
    double off =
        fabs((double)slim_shape_params(trial->op.after) - plan->target);
    double less = with_width(trial, width - (double)trial->args.round);
    double more = with_width(trial, width + (double)trial->args.round);

    assert_true(less < 0 || off <= fabs(less - plan->target));
    assert_true(more < 0 || off < fabs(more - plan->target));
}

static void params_come_nearest(void **state)
{
    size_t solved = 0;

    (void)state;
    for (uint64_t seed = 0; seed < CASES; seed++) {
        struct trial trial;
        begin(&trial, seed, "params");
        if (resolves(&trial)) {
            const struct slim_prune_plan *plan = trial.op.plan;
            size_t g = 0;
            while (plan->groups->items[g].axis != SLIM_TOY_MLP ||
                   !plan->chosen[g])
                g++;
            assert_nearest(&trial, plan->groups->items[g].layer);
            solved++;
        }
        end(&trial);
    }
    assert_true(solved > CASES / 2);
}

/* Each step leaves no more than the one before and at least one unit; the last
 * arrives where one step would; columns are a multiple of round. */
static void assert_steps(struct trial *trial)
{
    const struct slim_prune_plan *plan = trial->op.plan;
    size_t count = plan->groups->count;

    for (size_t g = 0; g < count; g++) {
        const struct slim_group *group = &plan->groups->items[g];
        size_t before = group->units, kept = 0;
        for (size_t step = 0; step < plan->steps; step++) {
            kept = plan->keep[step * count + g];
            assert_true(kept >= 1 && kept <= before);
            assert_true(plan->chosen[g] || kept == group->units);
            before = kept;
        }
        assert_true(group->axis != SLIM_TOY_MLP || kept == group->units ||
                    kept % (size_t)trial->args.round == 0);
    }
}

static void steps_descend(void **state)
{
    static const char *const units[] = { "params", "groups" };

    (void)state;
    for (uint64_t seed = 0; seed < CASES; seed++) {
        struct trial trial;
        begin(&trial, seed, units[seed % 2]);
        if (resolves(&trial)) {
            const struct slim_shape *steps = trial.op.after;
            assert_steps(&trial);
            trial.args.steps = 1;
            assert_true(resolves(&trial));
            if (seed % 2 == 0)
                assert_true(slim_shape_equal(steps, trial.op.after));
        }
        end(&trial);
    }
}

/* Share of the parameters in scope that shall leave. */
static double share_asked(const struct slim_prune_plan *plan)
{
    double scope = 0;

    for (size_t g = 0; g < plan->groups->count; g++)
        if (plan->chosen[g])
            scope += (double)plan->groups->items[g].units *
                     (double)plan->groups->items[g].params_per_unit;
    return ((double)slim_shape_params(plan->before) - plan->target) / scope;
}

/* Never more heads than the ratio asks, and no head fewer than fits. */
static void heads_stay_under_the_ratio(void **state)
{
    (void)state;
    for (uint64_t seed = 0; seed < CASES; seed++) {
        struct trial trial;
        begin(&trial, seed, "params");
        const struct slim_prune_plan *plan =
            resolves(&trial) ? trial.op.plan : NULL;
        for (size_t g = 0; plan && g < plan->groups->count; g++) {
            const struct slim_group *group = &plan->groups->items[g];
            double asked = (double)group->units * share_asked(plan);
            size_t gone;
            if (!plan->chosen[g] || group->axis != SLIM_TOY_KV)
                continue;
            gone = group->units -
                   slim_shape_size(trial.op.after, group->layer, SLIM_TOY_KV);
            assert_true((double)gone <= asked && asked < (double)gone + 1);
        }
        end(&trial);
    }
}

/* Kept ascend; no kept unit has a lower score than one that goes, and of equal
 * ones the earlier goes. */
static void best_are_kept(void **state)
{
    (void)state;
    for (uint64_t seed = 0; seed < CASES; seed++) {
        struct dice dice = { seed, 0 };
        double scores[64];
        bool stays[64] = { false };
        uint32_t kept[64];
        size_t units = roll(&dice, 1, 64), count = roll(&dice, 1, units);

        for (size_t u = 0; u < units; u++)
            scores[u] = (double)roll(&dice, 0, 9);
        assert_true(slim_prune_best(kept, count, scores, units));
        for (size_t i = 0; i < count; i++) {
            assert_true(i == 0 || kept[i] > kept[i - 1]);
            stays[kept[i]] = true;
        }
        for (uint32_t a = 0; a < units; a++)
            for (uint32_t b = 0; b < units; b++)
                assert_true(!stays[a] || stays[b] || scores[a] > scores[b] ||
                            (a > b && scores[a] == scores[b]));
    }
}

static struct slim_scores *random_scores(struct trial *trial, uint64_t seed,
                                         const struct slim_groups *groups)
{
    struct slim_scores *scores = SLIM_NEW(trial->arena, struct slim_scores);

    scores->groups = groups;
    scores->values = SLIM_NEW_ARRAY(trial->arena, groups->count, double *);
    for (size_t g = 0; g < groups->count; g++) {
        size_t units = groups->items[g].units;
        scores->values[g] = SLIM_NEW_ARRAY(trial->arena, units, double);
        for (size_t u = 0; u < units; u++)
            scores->values[g][u] = slim_random_uniform(seed, 98, g * 1000 + u);
    }
    return scores;
}

/* A global prune of groups takes the very number, one of params comes within
 * half of its largest unit of the target. */
static void global_reaches_the_amount(void **state)
{
    (void)state;
    for (uint64_t seed = 0; seed < CASES; seed++) {
        struct trial trial;
        begin(&trial, seed, seed % 2 ? "groups" : "params");
        trial.args = (struct slim_prune_args){ 1, true, 1 };
        if (resolves(&trial)) {
            const struct slim_prune_plan *plan = trial.op.plan;
            struct slim_scores *scores =
                random_scores(&trial, seed, plan->groups);
            size_t keep[64], total = 0, gone = 0;
            double most = 0;
            assert_true(plan->groups->count <= SLIM_COUNT(keep));
            assert_true(slim_prune_select_global(keep, plan, plan->groups,
                                                 plan->before, scores, 0));
            for (size_t g = 0; g < plan->groups->count; g++) {
                const struct slim_group *group = &plan->groups->items[g];
                if (!plan->chosen[g])
                    continue;
                total += group->units;
                gone += group->units - keep[g];
                most = fmax(most, (double)group->params_per_unit);
            }
            if (plan->aim == SLIM_PRUNE_RATIO)
                assert_int_equal(gone,
                                 slim_prune_leaving(total, total, plan->ratio));
            else
                assert_true(fabs((double)slim_shape_params(slim_prune_shape(
                                     plan, keep, trial.arena)) -
                                 plan->target) <= most / 2);
        }
        end(&trial);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(params_come_nearest),
        cmocka_unit_test(steps_descend),
        cmocka_unit_test(heads_stay_under_the_ratio),
        cmocka_unit_test(best_are_kept),
        cmocka_unit_test(global_reaches_the_amount),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
