/* prune_count.c - amounts become exact integers */
#include "runtime/stage/prune.h"
#include "runtime/stage/score.h"
#include "runtime/stage/stages.h"
#include "tests/support.h"
#include "tests/toy.h"

#include <string.h>

static const struct slim_toy llama_7b = { 32,  4096,  32,    1,
                                          128, 11008, 32000, false };
static const struct slim_toy llama_13b = { 40,  5120,  40,    1,
                                           128, 13824, 32000, false };
static const struct slim_toy llama3_8b = { 32,  4096,  8,      4,
                                           128, 14336, 128256, false };
static const struct slim_toy tiny_1b = {
    22, 2048, 4, 8, 64, 5632, 32000, false
};
static const struct slim_toy small_135m = {
    30, 576, 3, 3, 64, 1536, 49152, true
};
static const struct slim_toy toy_260k = { 5, 64, 4, 2, 8, 172, 512, true };

struct fixture {
    struct slim_arena *arena;
    struct slim_diag diag;
    struct slim_prune_args args;
    struct slim_op op;
};

static int setup(void **state)
{
    struct fixture *fixture = calloc(1, sizeof *fixture);

    assert_non_null(fixture);
    fixture->arena = slim_arena_open();
    fixture->diag.arena = fixture->arena;
    fixture->args = (struct slim_prune_args){ .steps = 1, .round = 1 };
    fixture->op.stage = &slim_stage_prune;
    fixture->op.args = &fixture->args;
    *state = fixture;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *fixture = *state;

    slim_arena_close(fixture->arena);
    free(fixture);
    return 0;
}

/* A dense model and `PERCENT% of UNIT`. */
static void pose(struct fixture *fixture, const struct slim_toy *toy,
                 double percent, const char *unit)
{
    struct slim_arch *arch = slim_test_toy(toy, fixture->arena);

    fixture->op.before = slim_shape_dense(arch, fixture->arena);
    fixture->op.amount = (struct slim_quantity){ .kind = SLIM_QUANTITY_PERCENT,
                                                 .value = percent,
                                                 .unit = unit };
}

/* `in attn mlp layers FIRST..LAST` */
static void limit(struct fixture *fixture, size_t first, size_t last)
{
    size_t layers = fixture->op.before->arch->layers;
    struct slim_where *where = &fixture->op.where;

    where->given = where->layers_given = true;
    where->roles[SLIM_ROLE_ATTN] = where->roles[SLIM_ROLE_MLP] = true;
    where->layers = SLIM_NEW_ARRAY(fixture->arena, layers, bool);
    for (size_t i = first; i <= last; i++)
        where->layers[i] = true;
}

static uint64_t resolve(struct fixture *fixture)
{
    assert_int_equal(slim_stage_prune.check(&fixture->op, &fixture->diag),
                     SLIM_OK);
    assert_int_equal(slim_stage_prune.resolve(&fixture->op, &fixture->diag),
                     SLIM_OK);
    return slim_shape_params(fixture->op.after);
}

static size_t left(const struct fixture *fixture, size_t layer, size_t axis)
{
    return slim_shape_size(fixture->op.after, layer, axis);
}

/* reference/llm-pruner.md 1.8 */
static void published_counts(void **state)
{
    static const struct {
        const struct slim_toy *toy;
        double percent;
        size_t first, last;
        uint64_t params;
    } cases[] = {
        { &llama_7b, 25, 4, 29, 5422977024 },
        { &llama_7b, 60, 3, 30, 3350188032 },
        { &llama_7b, 60, 3, 29, 3471196160 },
        { &llama_7b, 20, 4, 29, 5707747328 },
        { &llama_7b, 10, 4, 29, 6223081472 },
        { &llama_13b, 25, 4, 35, 10478310400 },
        { &llama3_8b, 25, 4, 29, 6612586496 },
        { &tiny_1b, 25, 4, 17, 945907712 },
        { &toy_260k, 25, 1, 4, 214720 },
        { &small_135m, 35, 4, 27, 105125184 },
    };

    for (size_t i = 0; i < SLIM_COUNT(cases); i++) {
        pose(*state, cases[i].toy, cases[i].percent, "groups");
        limit(*state, cases[i].first, cases[i].last);
        assert_int_equal(resolve(*state), cases[i].params);
    }
}

static void published_widths(void **state)
{
    struct fixture *fixture = *state;

    fixture->op.where.given = fixture->op.where.width = true;
    pose(fixture, &llama_7b, 20, "groups");
    assert_int_equal(resolve(fixture), 5389416396);
    assert_int_equal(fixture->op.after->sites[0], 3276);
    pose(fixture, &llama_7b, 50, "width");
    assert_int_equal(resolve(fixture), 3369207808);
    fixture->op.amount.kind = SLIM_QUANTITY_NUMBER;
    fixture->op.amount.to = true;
    fixture->op.amount.value = 3072;
    resolve(fixture);
    assert_int_equal(fixture->op.after->sites[7], 3072);
}

/* What is kept is truncated, so what leaves is rounded up. */
static void kept_is_truncated(void **state)
{
    (void)state;
    assert_int_equal(slim_prune_leaving(10, 10, 0.25), 3);
    assert_int_equal(slim_prune_leaving(11008, 11008, 0.2), 2202);
    assert_int_equal(slim_prune_leaving(32, 32, 0.25), 8);
    assert_int_equal(slim_prune_leaving(6, 10, 0.25), 0);
}

/* Layers that differ lose the same share. */
static void unequal_layers(void **state)
{
    static const struct slim_toy toy = { 2, 16, 2, 1, 4, 100, 32, false };
    struct fixture *fixture = *state;
    struct slim_shape *shape;

    pose(fixture, &toy, 0, "params");
    shape = slim_shape_copy(fixture->op.before, fixture->arena);
    shape->sizes[SLIM_TOY_AXES + SLIM_TOY_MLP] = 50;
    fixture->op.before = shape;
    fixture->op.where.roles[SLIM_ROLE_MLP] = fixture->op.where.given = true;
    fixture->op.amount = (struct slim_quantity){
        .kind = SLIM_QUANTITY_NUMBER,
        .to = true,
        .value = (double)(slim_shape_params(shape) - (uint64_t)59 * 3 * 16),
        .unit = "params"
    };
    resolve(fixture);
    assert_int_equal(left(fixture, 0, SLIM_TOY_MLP), 61);
    assert_int_equal(left(fixture, 1, SLIM_TOY_MLP), 30);
}

/* A tied table stays one, but the reference's scores bring its untying. */
static void tied_widths(void **state)
{
    struct fixture *fixture = *state;
    struct slim_score_args score = { .gqa = SLIM_GQA_ALIGNED };
    struct slim_op scored = { .stage = &slim_stage_score, .args = &score };

    fixture->op.inputs[0].op = &scored;
    fixture->op.inputs[0].type = SLIM_TYPE_SCORES;
    fixture->op.input_count = 1;
    fixture->op.where.given = fixture->op.where.width = true;
    pose(fixture, &toy_260k, 25, "groups");
    assert_int_equal(resolve(fixture), 195024);
    score.gqa = SLIM_GQA_REFERENCE;
    assert_int_equal(resolve(fixture), 219600);
}

/* No scope: layers 3..28 of 30; three heads are too few for 29%. */
static void percent_of_params(void **state)
{
    struct fixture *fixture = *state;

    pose(fixture, &small_135m, 20, "params");
    assert_int_equal(resolve(fixture), 107603136);
    for (size_t layer = 0; layer < 30; layer++) {
        bool inside = layer >= 3 && layer <= 28;
        assert_int_equal(left(fixture, layer, SLIM_TOY_KV), 3);
        assert_int_equal(left(fixture, layer, SLIM_TOY_MLP),
                         inside ? 1536 - 599 : 1536);
    }
    assert_string_equal(fixture->op.resolved,
                        "3/3 kv heads (less than one each), 937/1536 mlp "
                        "columns, layers 3..28, target 107,612,006 reached "
                        "107,603,136");
}

static void heads_leave_whole(void **state)
{
    struct fixture *fixture = *state;

    pose(fixture, &llama_7b, 20, "params");
    resolve(fixture);
    assert_int_equal(left(fixture, 3, SLIM_TOY_KV), 32);
    assert_int_equal(left(fixture, 4, SLIM_TOY_KV), 24);
    assert_int_equal(left(fixture, 4, SLIM_TOY_MLP), 11008 - 2853);
    assert_int_equal(left(fixture, 30, SLIM_TOY_MLP), 11008);
}

static void rounded_widths(void **state)
{
    struct fixture *fixture = *state;

    fixture->args.round = 256;
    pose(fixture, &llama_7b, 20, "params");
    resolve(fixture);
    assert_int_equal(left(fixture, 4, SLIM_TOY_MLP), 8192);
    pose(fixture, &llama_7b, 25, "groups");
    limit(fixture, 4, 29);
    resolve(fixture);
    assert_int_equal(left(fixture, 4, SLIM_TOY_MLP), 8448);
    assert_int_equal(left(fixture, 4, SLIM_TOY_KV), 24);
}

static void to_a_number(void **state)
{
    struct fixture *fixture = *state;

    pose(fixture, &small_135m, 0, "params");
    fixture->op.amount.kind = SLIM_QUANTITY_NUMBER;
    fixture->op.amount.to = true;
    fixture->op.amount.value = 107603136;
    assert_int_equal(resolve(fixture), 107603136);
    assert_null(strstr(fixture->op.resolved, "target"));
    pose(fixture, &small_135m, 80, "params");
    fixture->op.amount.to = true;
    assert_int_equal(resolve(fixture), 107603136);
}

/* reference/llm-pruner.md 1.7: 8 heads and 48 columns, half in three steps */
static void schedule_of_steps(void **state)
{
    static const struct slim_toy toy = { 1, 64, 8, 1, 8, 48, 32, false };
    static const size_t heads[] = { 7, 6, 4 }, columns[] = { 40, 32, 24 };
    struct fixture *fixture = *state;
    const struct slim_prune_plan *plan;

    fixture->args.steps = 3;
    pose(fixture, &toy, 50, "groups");
    limit(fixture, 0, 0);
    resolve(fixture);
    plan = fixture->op.plan;
    for (size_t step = 0; step < 3; step++)
        for (size_t g = 0; g < plan->groups->count; g++) {
            size_t axis = plan->groups->items[g].axis;
            size_t keep = plan->keep[step * plan->groups->count + g];
            if (axis == SLIM_TOY_KV)
                assert_int_equal(keep, heads[step]);
            if (axis == SLIM_TOY_MLP)
                assert_int_equal(keep, columns[step]);
        }
}

static void global_is_an_estimate(void **state)
{
    struct fixture *fixture = *state;

    fixture->args.global = true;
    pose(fixture, &toy_260k, 25, "groups");
    limit(fixture, 1, 4);
    assert_int_equal(resolve(fixture), 226240);
    assert_true(fixture->op.estimated);
    assert_string_equal(fixture->op.resolved, "176 of 704 units, scores decide "
                                              "where, layers 1..4");
}

static void assert_refused(struct fixture *fixture, const char *code)
{
    bool refused =
        slim_stage_prune.check(&fixture->op, &fixture->diag) != SLIM_OK ||
        slim_stage_prune.resolve(&fixture->op, &fixture->diag) != SLIM_OK;

    assert_true(refused);
    assert_int_equal(fixture->diag.errors, 1);
    assert_true(slim_test_has_error(&fixture->diag, code));
    fixture->diag = (struct slim_diag){ .arena = fixture->arena };
}

static void refuses_the_impossible(void **state)
{
    struct fixture *fixture = *state;

    pose(fixture, &small_135m, 25, "groups");
    limit(fixture, 4, 27);
    fixture->op.where.roles[SLIM_ROLE_MLP] = false;
    assert_refused(fixture, "M120");
    fixture->op.where = (struct slim_where){ 0 };
    pose(fixture, &small_135m, 80, "params");
    assert_refused(fixture, "M121");
    pose(fixture, &small_135m, 0.001, "params");
    assert_refused(fixture, "M120");
    pose(fixture, &small_135m, 100, "params");
    assert_refused(fixture, "A121");
    fixture->op.amount = (struct slim_quantity){
        .kind = SLIM_QUANTITY_NUMBER, .to = true, .value = 2e8, .unit = "params"
    };
    assert_refused(fixture, "M124");
    fixture->op.amount.unit = "groups";
    assert_refused(fixture, "A122");
    pose(fixture, &small_135m, 25, "width");
    limit(fixture, 4, 27);
    assert_refused(fixture, "A123");
}

static void discovers(void **state)
{
    struct fixture *fixture = *state;
    struct slim_op op = { .stage = &slim_stage_discover };

    pose(fixture, &small_135m, 20, "params");
    op.before = fixture->op.before;
    assert_int_equal(slim_stage_discover.resolve(&op, &fixture->diag), SLIM_OK);
    assert_string_equal(op.resolved,
                        "90 kv heads, 46,080 mlp columns, 576 width");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(published_counts, setup, teardown),
        cmocka_unit_test_setup_teardown(published_widths, setup, teardown),
        cmocka_unit_test(kept_is_truncated),
        cmocka_unit_test_setup_teardown(unequal_layers, setup, teardown),
        cmocka_unit_test_setup_teardown(tied_widths, setup, teardown),
        cmocka_unit_test_setup_teardown(percent_of_params, setup, teardown),
        cmocka_unit_test_setup_teardown(heads_leave_whole, setup, teardown),
        cmocka_unit_test_setup_teardown(rounded_widths, setup, teardown),
        cmocka_unit_test_setup_teardown(to_a_number, setup, teardown),
        cmocka_unit_test_setup_teardown(schedule_of_steps, setup, teardown),
        cmocka_unit_test_setup_teardown(global_is_an_estimate, setup, teardown),
        cmocka_unit_test_setup_teardown(refuses_the_impossible, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(discovers, setup, teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
