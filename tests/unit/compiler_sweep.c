/* compiler_sweep.c - a recipe with a sweep becomes programs that share work */
#include "tests/compile_support.h"
#include "tests/support.h"

#include <string.h>

static size_t points_of(const struct compile_case *c)
{
    size_t count = 0;

    for (const struct slim_program *p = c->program; p; p = p->next)
        count++;
    return count;
}

static const struct slim_program *point_at(const struct compile_case *c,
                                           size_t index)
{
    const struct slim_program *p = c->program;

    while (p && index-- > 0)
        p = p->next;
    assert_non_null(p);
    return p;
}

static void open_good(struct compile_case *c, const char *text,
                      const struct slim_model_info *model)
{
    compile_case_open(c, text, model);
    if (c->status == SLIM_OK)
        return;
    print_message("%s", slim_test_diag(&c->diag));
    fail_msg("the recipe does not compile");
}

static void axes_multiply_and_tuples_are_paired(void **state)
{
    static const char *const names[] = {
        "p=10%,q=25%,seed=1", "p=10%,q=25%,seed=2", "p=10%,q=25%,seed=3",
        "p=30%,q=5%,seed=1",  "p=30%,q=5%,seed=2",  "p=30%,q=5%,seed=3",
    };
    struct compile_case c;

    (void)state;
    open_good(&c,
              "sweep (p, q) = (10%, 25%), (30%, 5%)\nsweep seed = 1..3\n"
              "score random seed=$seed\nprune $p in mlp\nmeasure params\n"
              "score l2\nprune $q in attn\nmeasure params as last\n",
              NULL);
    assert_int_equal(points_of(&c), SLIM_COUNT(names));
    for (size_t i = 0; i < SLIM_COUNT(names); i++) {
        assert_string_equal(point_at(&c, i)->point->name, names[i]);
        assert_int_equal(point_at(&c, i)->point->index, i);
    }
    assert_int_equal(c.program->point->sweep->count, 6);
    assert_int_equal(c.program->point->sweep->axis_count, 3);
    assert_string_equal(point_at(&c, 5)->point->values[1], "5%");
    compile_case_close(&c);
}

static void a_range_has_both_ends_and_no_dust(void **state)
{
    struct compile_case c;

    (void)state;
    open_good(&c,
              "sweep x = 0.1..0.4 step 0.1, 2\nrecover full on alpaca lr=$x\n"
              "measure params\n",
              NULL);
    assert_int_equal(points_of(&c), 5);
    assert_string_equal(point_at(&c, 2)->point->name, "x=0.3");
    assert_float_equal(point_at(&c, 2)->point->numbers[0], 0.3, 0.0);
    assert_string_equal(point_at(&c, 4)->point->name, "x=2");
    compile_case_close(&c);
}

/* What stands in the text of a point needs no sweep, and no other method's
 * arguments. */
static void a_point_is_a_recipe_of_its_own(void **state)
{
    struct compile_case c;

    (void)state;
    open_good(&c,
              "sweep m = taylor, l2\nlet p = 20%\ndata cal = bookcorpus n=3\n"
              "score $m on cal order=1\nprune $p\nmeasure params\n"
              "sweep q = 1, 2\nassert params < $q\nkeep max q\n",
              NULL);
    assert_string_equal(point_at(&c, 0)->text,
                        "data cal = bookcorpus n=3\n"
                        "score taylor on cal order=1\nprune 20%\n"
                        "measure params\nassert params < 1\n");
    assert_string_equal(point_at(&c, 3)->text,
                        "data cal = bookcorpus n=3\nscore l2\nprune 20%\n"
                        "measure params\nassert params < 2\n");
    compile_case_close(&c);
}

static void layers_may_be_swept(void **state)
{
    struct compile_case c;

    (void)state;
    open_good(&c,
              "sweep (a, b) = (1, 2), (0, -1)\nlet c = 3\nscore l1\n"
              "prune 20% in mlp layers $a..$b, $c except layers $c\n"
              "measure params\n",
              NULL);
    const struct slim_op *prune = point_at(&c, 1)->first;
    while (strcmp(prune->stage->name, "prune") != 0)
        prune = prune->next;
    assert_int_equal(prune->where.range_count, 2);
    assert_int_equal(prune->where.ranges[0].first, 0);
    assert_int_equal(prune->where.ranges[0].last, -1);
    assert_int_equal(prune->where.ranges[1].first, 3);
    assert_int_equal(prune->where.except[0].last, 3);
    assert_string_equal(prune->text,
                        "prune 20% in mlp layers 0..-1, 3 except layers 3");
    compile_case_close(&c);
    compile_case_open(&c,
                      "let a = 20%\nscore l1\nprune 20% in layers $a..$b\n"
                      "measure params\n",
                      NULL);
    assert_int_equal(c.diag.errors, 2);
    assert_non_null(compile_case_find(&c, "A146"));
    assert_non_null(compile_case_find(&c, "N007"));
    compile_case_close(&c);
}

static size_t runs_of(const struct compile_case *c, const char *verb)
{
    const struct slim_tally *t = slim_sweep_tally(c->program, c->diag.arena);

    while (t->stage && strcmp(t->stage->name, verb) != 0)
        t++;
    return t->stage ? t->runs : 0;
}

/* l2 reads no seed; taylor and random do: 1 + 2 + 2 scores, each pruned three
 * times. */
static void a_stage_that_ignores_an_axis_runs_once(void **state)
{
    struct compile_case c;

    (void)state;
    open_good(&c,
              "sweep p = 10%, 20%, 30%\nsweep m = taylor, l2, random\n"
              "sweep seed = 1..2\nscore $m on bookcorpus n=3 seed=$seed\n"
              "prune $p\nrecover lora on alpaca steps=2 seed=$seed\n"
              "measure ppl on wikitext2.test\n",
              NULL);
    assert_int_equal(points_of(&c), 18);
    assert_int_equal(runs_of(&c, "score"), 5);
    assert_int_equal(runs_of(&c, "prune"), 15);
    assert_int_equal(runs_of(&c, "recover"), 18);
    assert_int_equal(runs_of(&c, "measure"), 18);
    compile_case_close(&c);
}

/* 20% and 19.9% come to the same heads and columns. */
static void equal_numbers_are_one_run(void **state)
{
    struct slim_arena *arena = slim_arena_open();
    struct slim_model_info *toy = compile_toy(4, 64, 4, 2, 96, 50, arena);
    struct compile_case c;

    (void)state;
    open_good(&c,
              "sweep p = 25%, 24.9%, 50%\nscore l1\n"
              "prune $p of groups in mlp\nmeasure params\n",
              toy);
    assert_int_equal(runs_of(&c, "score"), 1);
    assert_int_equal(runs_of(&c, "prune"), 2);
    compile_case_close(&c);
    slim_arena_close(arena);
}

static const char *path_of(const struct slim_program *program)
{
    for (const struct slim_op *op = program->first; op; op = op->next) {
        const struct slim_param *path = slim_param_find(op->stage, "path");
        if (path)
            return *(const char *const *)(const void *)((const char *)op->args +
                                                        path->offset);
    }
    return NULL;
}

static void points_save_apart_until_one_is_kept(void **state)
{
    static const char *const recipes[][2] = {
        { "sweep p = 1%, 2%\nscore l1\nprune $p\nsave hf \"out\"\n",
          "out/p=2%" },
        { "sweep p = 1%, 2%\nscore l1\nprune $p\nkeep max p\nsave hf \"out\"\n",
          "out" },
        { "sweep p = 1%, 2%\nscore l1\nprune $p\nkeep min p\n", "test" },
        { "sweep p = 1%, 2%\nscore l1\nprune $p\nmeasure params\n", NULL },
    };

    (void)state;
    for (size_t i = 0; i < SLIM_COUNT(recipes); i++) {
        struct compile_case c;
        open_good(&c, recipes[i][0], NULL);
        const char *path = path_of(point_at(&c, 1));
        if (recipes[i][1])
            assert_string_equal(path, recipes[i][1]);
        else
            assert_null(path);
        compile_case_close(&c);
    }
}

/* A point whose shape fails an assertion is left out; if all do, the recipe is
 * refused. */
static void an_unmet_point_is_left_out(void **state)
{
    struct slim_arena *arena = slim_arena_open();
    struct slim_model_info *toy = compile_toy(4, 64, 4, 2, 96, 50, arena);
    struct compile_case c;

    (void)state;
    open_good(&c,
              "sweep p = 25%, 50%\nscore l1\nprune $p of groups in mlp\n"
              "assert params < 0.8 * base.params\nmeasure params\n",
              toy);
    assert_non_null(point_at(&c, 0)->unmet);
    assert_null(point_at(&c, 1)->unmet);
    compile_case_close(&c);
    compile_case_open(&c,
                      "sweep p = 25%, 50%\nscore l1\n"
                      "prune $p of groups in mlp\nassert params < 3\n"
                      "measure params\n",
                      toy);
    assert_int_equal(c.status, SLIM_FAILED);
    assert_non_null(compile_case_find(&c, "V001"));
    assert_int_equal(c.diag.errors, 1);
    compile_case_close(&c);
    slim_arena_close(arena);
}

/* One mistake is one message, whatever the number of points; one that some
 * points make says which. */
static void mistakes_are_told_once(void **state)
{
    struct compile_case c;

    (void)state;
    compile_case_open(&c,
                      "sweep p = 10%, 200%\nsweep s = 1..9\n"
                      "score random seed=$s\nprune $p oops=3\n"
                      "measure params\n",
                      NULL);
    assert_int_equal(c.diag.errors, 2);
    const struct slim_error *range = compile_case_find(&c, "A005");
    assert_non_null(range);
    assert_string_equal(range->hint, "At 9 of 18 points, as p=200%,s=1.");
    compile_case_close(&c);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(axes_multiply_and_tuples_are_paired),
        cmocka_unit_test(a_range_has_both_ends_and_no_dust),
        cmocka_unit_test(a_point_is_a_recipe_of_its_own),
        cmocka_unit_test(layers_may_be_swept),
        cmocka_unit_test(a_stage_that_ignores_an_axis_runs_once),
        cmocka_unit_test(equal_numbers_are_one_run),
        cmocka_unit_test(points_save_apart_until_one_is_kept),
        cmocka_unit_test(an_unmet_point_is_left_out),
        cmocka_unit_test(mistakes_are_told_once),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
