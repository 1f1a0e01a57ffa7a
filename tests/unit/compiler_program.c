/* compiler_program.c - what a recipe becomes: defaults, inputs, samples,
 * shapes, warnings */
#include "tests/compile_support.h"
#include "tests/support.h"

#include "base/text.h"
#include "lang/parse.h"

#include <string.h>

struct fixture {
    struct slim_arena *arena;
    struct slim_model_info *model;
    struct compile_case c;
};

static int open_fixture(void **state)
{
    static struct fixture fixture;

    fixture.arena = slim_arena_open();
    fixture.model = compile_toy(4, 64, 4, 2, 96, 50, fixture.arena);
    *state = &fixture;
    return 0;
}

static int close_fixture(void **state)
{
    struct fixture *fixture = *state;

    slim_arena_close(fixture->arena);
    return 0;
}

static void documented_sample_is_the_default(void **state)
{
    struct fixture *f = *state;

    compile_case_open(&f->c,
                      "data cal = alpaca n=3\nscore taylor\nprune 20%\n"
                      "measure ppl on cal",
                      NULL);
    const struct slim_sample *sample =
        slim_op_sample(compile_case_op(&f->c, 1));
    assert_string_equal(sample->set, "bookcorpus");
    assert_int_equal(sample->n, 10);
    assert_int_equal(sample->len, 64);
    compile_case_close(&f->c);
}

static void sample_arguments_override_the_document(void **state)
{
    struct fixture *f = *state;

    compile_case_open(&f->c,
                      "score taylor on wikitext2.test len=99 pick=first\n"
                      "prune 20%",
                      NULL);
    const struct slim_sample *sample =
        slim_op_sample(compile_case_op(&f->c, 1));
    assert_string_equal(sample->set, "wikitext2");
    assert_string_equal(sample->split, "test");
    assert_int_equal(sample->n, 10);
    assert_int_equal(sample->len, 99);
    assert_int_equal(sample->pick, SLIM_PICK_FIRST);
    compile_case_close(&f->c);
}

static void equal_samples_are_one_operation(void **state)
{
    struct fixture *f = *state;

    compile_case_open(&f->c,
                      "measure ppl on alpaca len=8 n=2\nscore taylor on alpaca "
                      "len=8 n=2 pick=first\nprune 20%\n"
                      "measure ppl on alpaca len=8 n=2",
                      NULL);
    assert_ptr_equal(slim_op_sample(compile_case_op(&f->c, 0)),
                     slim_op_sample(compile_case_op(&f->c, 4)));
    assert_ptr_equal(slim_op_sample(compile_case_op(&f->c, 0)),
                     slim_op_sample(compile_case_op(&f->c, 2)));
    compile_case_close(&f->c);
}

static void groups_and_save_are_implied(void **state)
{
    struct fixture *f = *state;

    compile_case_open(&f->c, "score l1; prune 20%; score l2; prune 10%", NULL);
    const struct slim_op *groups = compile_case_op(&f->c, 0);
    const struct slim_op *again = compile_case_op(&f->c, 3);
    const struct slim_op *save = compile_case_op(&f->c, 6);
    assert_string_equal(groups->stage->name, "discover");
    assert_true(groups->implied);
    assert_string_equal(again->stage->name, "discover");
    assert_string_equal(save->text, "save hf \"test\"");
    assert_true(save->implied);
    compile_case_close(&f->c);

    compile_case_open(&f->c, "measure params", NULL);
    assert_string_equal(compile_case_op(&f->c, 0)->stage->name, "measure");
    assert_null(compile_case_op(&f->c, 0)->next);
    compile_case_close(&f->c);
}

static void constants_go_where_their_kind_fits(void **state)
{
    struct fixture *f = *state;

    compile_case_open(&f->c,
                      "let m = l1\nlet p = 30%\nlet d = alpaca.train\n"
                      "score $m; prune $p; measure ppl on $d",
                      NULL);
    assert_string_equal(compile_case_op(&f->c, 1)->method, "l1");
    const struct slim_op *prune = compile_case_op(&f->c, 2);
    assert_int_equal(prune->amount.kind, SLIM_QUANTITY_PERCENT);
    assert_string_equal(prune->amount.unit, "params");
    assert_string_equal(prune->text, "prune 30%");
    assert_string_equal(slim_op_sample(compile_case_op(&f->c, 3))->split,
                        "train");
    compile_case_close(&f->c);
}

static void a_list_of_metrics_is_several_operations(void **state)
{
    struct fixture *f = *state;

    compile_case_open(&f->c,
                      "measure params, ppl on alpaca len=8 as w\n"
                      "assert w < 3 * base.w else warn",
                      NULL);
    const struct slim_op *params = compile_case_op(&f->c, 0);
    const struct slim_op *ppl = compile_case_op(&f->c, 1);
    const struct slim_op *claim = compile_case_op(&f->c, 2);
    assert_null(params->label);
    assert_string_equal(ppl->label, "w");
    assert_null(slim_op_sample(params));
    assert_non_null(slim_op_sample(ppl));
    assert_ptr_equal(claim->formula->left->measure, ppl);
    assert_true(claim->formula->right->right->base);
    compile_case_close(&f->c);
}

static void neighbours_that_are_one_algorithm_are_fused(void **state)
{
    struct fixture *f = *state;

    compile_case_open(&f->c, "rotate pca on alpaca; slice 25%", f->model);
    assert_ptr_equal(compile_case_op(&f->c, 0)->fused,
                     compile_case_op(&f->c, 1));
    compile_case_close(&f->c);
    compile_case_open(&f->c, "rotate pca on alpaca; measure params; slice 25%",
                      f->model);
    assert_null(compile_case_op(&f->c, 0)->fused);
    compile_case_close(&f->c);
}

static void growth_is_a_warning_with_a_way_out(void **state)
{
    struct fixture *f = *state;

    compile_case_open(&f->c, "rotate pca per=block on alpaca\nslice 5% round=1",
                      f->model);
    (void)compile_case_op(&f->c, 0);
    const struct slim_error *warning = compile_case_find(&f->c, "M201");
    assert_non_null(warning);
    assert_int_equal(warning->severity, SLIM_WARNING);
    assert_non_null(strstr(warning->hint, "of width' on it is smaller"));
    assert_true(warning->has_fix);
    assert_string_equal(warning->fix.text, "per=model");
    compile_case_close(&f->c);

    compile_case_open(&f->c, "rotate pca per=block on alpaca\nslice 50%",
                      f->model);
    assert_int_equal(f->c.diag.warnings, 0);
    compile_case_close(&f->c);
}

static void assertions_on_facts_are_decided(void **state)
{
    struct fixture *f = *state;

    compile_case_open(&f->c,
                      "measure params as p\nscore l1; prune 20%\n"
                      "assert params < p\nassert p == base.params\n"
                      "assert params < 10 else warn",
                      f->model);
    (void)compile_case_op(&f->c, 0);
    assert_non_null(compile_case_find(&f->c, "V002"));
    assert_int_equal(f->c.diag.warnings, 1);
    compile_case_close(&f->c);
    /* without a model nothing can be decided */
    compile_case_open(&f->c, "assert params < 10", NULL);
    assert_int_equal(f->c.status, SLIM_OK);
    compile_case_close(&f->c);
}

static void published_counts_are_met(void **state)
{
    struct fixture *f = *state;
    struct slim_model_info *llama =
        compile_toy(32, 4096, 32, 32, 11008, 32000, f->arena);

    compile_case_open(&f->c,
                      "score l1\nprune 25% of groups in attn mlp layers 4..29\n"
                      "assert params == 5422977024",
                      llama);
    (void)compile_case_op(&f->c, 0);
    compile_case_close(&f->c);
    compile_case_open(&f->c,
                      "rotate pca per=block on alpaca; slice 25%\n"
                      "assert params == 5704777728",
                      llama);
    (void)compile_case_op(&f->c, 0);
    compile_case_close(&f->c);
    compile_case_open(&f->c,
                      "rotate pca per=model on alpaca; slice 25%\n"
                      "assert params == 5053811712",
                      llama);
    (void)compile_case_op(&f->c, 0);
    compile_case_close(&f->c);
}

/* 40 records, a tenth held out, are 9 batches of 4: two epochs are 18 steps. */
static void epochs_are_planned_as_steps(void **state)
{
    struct fixture *f = *state;
    double flops[3];
    static const char *const texts[] = {
        "recover lora on alpaca n=40 batch=4 epochs=2",
        "recover lora on alpaca n=40 batch=4 steps=18",
        "recover lora on alpaca batch=4 epochs=2",
    };

    for (size_t i = 0; i < SLIM_COUNT(texts); i++) {
        compile_case_open(&f->c, texts[i], f->model);
        const struct slim_op *op = f->c.program->first;
        while (strcmp(op->stage->name, "recover") != 0)
            op = op->next;
        flops[i] = op->cost.flops;
        assert_true((strstr(op->resolved, "not counted yet") != NULL) ==
                    (i == 2));
        compile_case_close(&f->c);
    }
    assert_true(flops[0] == flops[1]);
    assert_true(flops[2] < flops[1]);
}

static void an_unused_sample_is_a_warning(void **state)
{
    struct fixture *f = *state;

    compile_case_open(&f->c, "data cal = alpaca\nmeasure params", NULL);
    (void)compile_case_op(&f->c, 0);
    assert_non_null(compile_case_find(&f->c, "N015"));
    compile_case_close(&f->c);
}

/* No machine that these tests imagine has it. */
static void bf16_that_is_not_here_is_f32_with_a_warning(void **state)
{
    struct fixture *f = *state;

    compile_case_open(&f->c, "compute bf16\nmeasure params", NULL);
    const struct slim_error *warning = compile_case_find(&f->c, "A015");
    assert_non_null(warning);
    assert_int_equal(warning->severity, SLIM_WARNING);
    assert_int_equal(f->c.diag.errors, 0);
    assert_string_equal(f->c.program->compute, "f32");
    compile_case_close(&f->c);
}

static char *plan_text(const struct slim_program *program, bool verbose)
{
    char *text = NULL;
    size_t length = 0;
    FILE *out = open_memstream(&text, &length);

    assert_non_null(out);
    slim_plan_print(program, verbose, out);
    (void)fclose(out);
    return text;
}

static void the_plan_says_what_comes_out(void **state)
{
    struct fixture *f = *state;

    compile_case_open(&f->c, "score l1; prune 25% of groups in mlp layers 1..2",
                      f->model);
    (void)compile_case_op(&f->c, 0);
    char *plan = plan_text(f->c.program, false);
    char *verbose = plan_text(f->c.program, true);
    /* 24 columns of 3 x 64 parameters leave each of two layers */
    uint64_t left = slim_shape_params(f->model->shape) - 2 * 24 * 3 * 64;
    const char *count = slim_text_grouped(f->arena, left);
    assert_non_null(strstr(plan, count));
    assert_non_null(strstr(plan, "arithmetic is f32"));
    assert_null(strstr(plan, "what leaves together"));
    assert_non_null(strstr(verbose, "what leaves together"));
    assert_non_null(strstr(verbose, "1..2: 72"));
    /* each member by a name of its own, and what of it leaves */
    assert_non_null(strstr(verbose, "gate (row) up (row) down (column)\n"));
    assert_non_null(strstr(verbose, "\n    final_norm (element) "));
    assert_non_null(strstr(verbose, " mlp_norm (element)"));
    assert_non_null(strstr(verbose, " attention_norm (element)"));
    assert_non_null(strstr(verbose, " embedding (column)\n"));
    free(plan);
    free(verbose);
    compile_case_close(&f->c);
}

static char *normalised(const char *text, bool full)
{
    struct slim_diag diag = { .arena = slim_arena_open() };
    struct slim_source source = { "test.slim", text, strlen(text) };
    struct slim_recipe *recipe = NULL;
    struct slim_text out = { 0 };

    assert_int_equal(slim_parse(&recipe, &source, &diag), SLIM_OK);
    slim_normalise(recipe, slim_stages, full, diag.arena);
    slim_recipe_print(&out, recipe);
    slim_arena_close(diag.arena);
    return out.data;
}

static void formatting_writes_units_and_keeps_meaning(void **state)
{
    static const char text[] =
        "let a = 30%\nscore taylor len=64 order=1 n=10 on alpaca # why\n"
        "prune 20% round=8 in mlp\nprune $a\nfrobnicate 3%\nslice to 3 width\n";

    (void)state;
    char *once = normalised(text, false);
    assert_string_equal(
        once, "slim 1\nlet a = 30%\n"
              "score taylor on alpaca order=1 n=10 len=64  # why\n"
              "prune 20% of params in mlp round=8\nprune $a of params\n"
              "frobnicate 3%\nslice to 3 width\n");
    char *twice = normalised(once, false);
    assert_string_equal(once, twice);
    char *full = normalised("score taylor; prune 20%; rotate pca on alpaca\n"
                            "slice 5%; recover lora; save hf; measure ppl\n",
                            true);
    char *again = normalised(full, true);
    assert_string_equal(full, again);
    assert_non_null(strstr(full, "on bookcorpus"));
    assert_non_null(strstr(full, "n=10 len=64"));
    free(once);
    free(twice);
    free(full);
    free(again);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(documented_sample_is_the_default),
        cmocka_unit_test(sample_arguments_override_the_document),
        cmocka_unit_test(equal_samples_are_one_operation),
        cmocka_unit_test(groups_and_save_are_implied),
        cmocka_unit_test(constants_go_where_their_kind_fits),
        cmocka_unit_test(a_list_of_metrics_is_several_operations),
        cmocka_unit_test(neighbours_that_are_one_algorithm_are_fused),
        cmocka_unit_test(growth_is_a_warning_with_a_way_out),
        cmocka_unit_test(assertions_on_facts_are_decided),
        cmocka_unit_test(published_counts_are_met),
        cmocka_unit_test(epochs_are_planned_as_steps),
        cmocka_unit_test(an_unused_sample_is_a_warning),
        cmocka_unit_test(bf16_that_is_not_here_is_f32_with_a_warning),
        cmocka_unit_test(the_plan_says_what_comes_out),
        cmocka_unit_test(formatting_writes_units_and_keeps_meaning),
    };

    return cmocka_run_group_tests(tests, open_fixture, close_fixture);
}
