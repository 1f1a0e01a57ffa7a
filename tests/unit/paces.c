/* paces.c - plans take their seconds from what stages took here */
#include "runtime/paces.h"
#include "compiler/plan.h"
#include "tests/compile_support.h"
#include "tests/support.h"

#include <string.h>

static const char recipe[] = "score taylor on bookcorpus n=10 len=32\n"
                             "prune 20%\n"
                             "rotate pca on alpaca n=16 len=32\n"
                             "slice 25% of width\n"
                             "measure ppl on wikitext2 n=4 len=32\n";
/* as visible operations: discover groups is implied before score */
enum { DISCOVER, SCORE, PRUNE, ROTATE, SLICE, MEASURE };

struct bench {
    char *folder;
    struct slim_arena *arena;
    struct slim_diag diag;
    struct slim_store *store;
    struct slim_model_info *model;
    struct compile_case c;
    struct slim_paces paces;
};

static struct slim_op *op_of(const struct bench *b, size_t n)
{
    return (struct slim_op *)(uintptr_t)compile_case_op(&b->c, n);
}

static void compile(struct bench *b, const char *text)
{
    compile_case_close(&b->c);
    compile_case_open(&b->c, text, b->model);
    assert_int_equal(b->c.status, SLIM_OK);
}

static void open_bench(struct bench *b)
{
    *b = (struct bench){ .folder = slim_test_directory(),
                         .arena = slim_arena_open() };
    b->diag.arena = b->arena;
    b->store = slim_store_open(b->folder, b->arena, &b->diag);
    b->model = compile_toy(4, 64, 4, 2, 96, 300, b->arena);
    compile_case_open(&b->c, recipe, b->model);
    assert_int_equal(b->c.status, SLIM_OK);
    slim_paces_open(&b->paces, b->store, &slim_kernels_ref, b->arena);
}

static void close_bench(struct bench *b)
{
    compile_case_close(&b->c);
    slim_arena_close(b->arena);
    slim_test_directory_remove(b->folder);
}

static void add(struct bench *b, size_t n, double share, double seconds)
{
    struct slim_run run = { .store = b->store };
    const struct slim_op *op = op_of(b, n);
    struct slim_spent spent = { .seconds = seconds,
                                .work.operations =
                                    (uint64_t)(share * op->cost.flops) };

    slim_paces_add(&b->paces, &run, op, &spent, seconds);
}

/* Written, and read by the next process. */
static void pass_on(struct bench *b)
{
    slim_paces_keep(&b->paces, b->store);
    slim_paces_open(&b->paces, b->store, &slim_kernels_ref, b->arena);
    assert_int_equal(b->diag.errors + b->diag.warnings, 0);
}

static void takes(const struct bench *b, size_t n, double seconds)
{
    assert_true(slim_test_near(slim_paces_seconds(&b->paces, op_of(b, n)),
                               seconds, 1e-6, 0.0));
}

static void what_is_not_known_goes_by_operations(void **state)
{
    struct bench b;

    (void)state;
    open_bench(&b);
    slim_paces_plan(&b.paces, b.c.program);
    const struct slim_op *score = op_of(&b, SCORE);
    assert_true(score->pace <= 0.0 && score->cost.flops > 0.0);
    assert_true(slim_plan_seconds(b.c.program, score) ==
                score->cost.flops / slim_plan_rate(b.c.program));
    assert_true(slim_plan_seconds(b.c.program, op_of(&b, SLICE)) <= 0.0);
    close_bench(&b);
}

static void the_same_takes_the_same(void **state)
{
    struct bench b;
    size_t threads = slim_threads();

    (void)state;
    open_bench(&b);
    add(&b, SCORE, 0.9, 8.0);
    add(&b, SLICE, 0.0, 4.0);
    pass_on(&b);
    takes(&b, SCORE, 8.0);
    takes(&b, SLICE, 4.0);
    takes(&b, MEASURE, 0.0); /* another verb */
    slim_paces_plan(&b.paces, b.c.program);
    struct slim_totals totals = slim_plan_totals(b.c.program);
    double rest = 0.0;
    for (size_t i = PRUNE; i <= MEASURE; i++)
        if (i != SLICE)
            rest += op_of(&b, i)->cost.flops / slim_plan_rate(b.c.program);
    assert_true(slim_test_near(totals.seconds, 12.0 + rest, 1e-6, 0.0));
    /* another number of threads is another machine */
    slim_threads_set(threads + 1);
    slim_paces_open(&b.paces, b.store, &slim_kernels_ref, b.arena);
    takes(&b, SCORE, 0.0);
    slim_threads_set(threads);
    close_bench(&b);
}

static void seconds_go_with_the_work(void **state)
{
    struct bench b;
    struct slim_stream_plan half = { .found = 2, .kept = 1, .computed = 1 };

    (void)state;
    open_bench(&b);
    add(&b, SCORE, 0.9, 8.0);
    add(&b, ROTATE, 1.0, 6.0);
    add(&b, SLICE, 0.0, 4.0);
    pass_on(&b);
    double flops = op_of(&b, SCORE)->cost.flops;
    double before = (double)slim_shape_bytes(op_of(&b, SLICE)->before);
    double after = (double)slim_shape_bytes(op_of(&b, SLICE)->after);
    op_of(&b, ROTATE)->streams = &half;
    takes(&b, ROTATE, 3.0);

    compile(&b, "score taylor on bookcorpus n=30 len=32\n"
                "prune 20%\n"
                "rotate pca on alpaca n=16 len=32\n"
                "slice 50% of width\n");
    assert_true(op_of(&b, SCORE)->cost.flops > 2.0 * flops);
    takes(&b, SCORE, 8.0 * op_of(&b, SCORE)->cost.flops / flops);
    double other = (double)slim_shape_bytes(op_of(&b, SLICE)->after);
    assert_true(other < after);
    takes(&b, SLICE, 4.0 * (before + other) / (before + after));
    close_bench(&b);
}

/* One that a busy machine held up does not count. */
static void the_middle_of_several_counts(void **state)
{
    struct bench b;

    (void)state;
    open_bench(&b);
    add(&b, SCORE, 1.0, 8.0);
    add(&b, SCORE, 1.0, 100.0);
    add(&b, SCORE, 1.0, 7.0);
    pass_on(&b);
    takes(&b, SCORE, 8.0);
    for (int i = 0; i < 9; i++)
        add(&b, SCORE, 1.0, 20.0);
    pass_on(&b);
    takes(&b, SCORE, 20.0);
    size_t count = 0;
    for (const struct slim_pace *p = b.paces.first; p; p = p->next)
        count++;
    assert_int_equal(count, 9);
    close_bench(&b);
}

/* Nor is what was kept, or went on from a journal, a pace. */
static void what_did_not_run_whole_says_nothing(void **state)
{
    struct bench b;
    struct slim_run resumed = { .earlier_seconds = 3.0 };
    struct slim_spent spent = { .seconds = 1.0 };

    (void)state;
    open_bench(&b);
    resumed.store = b.store;
    slim_paces_add(&b.paces, &resumed, op_of(&b, SCORE), &spent, 1.0);
    slim_paces_add(NULL, &resumed, op_of(&b, SLICE), &spent, 1.0);
    takes(&b, SCORE, 0.0);
    add(&b, SCORE, 1.0, 8.0);
    op_of(&b, SCORE)->cached = "hit";
    slim_paces_plan(&b.paces, b.c.program);
    assert_true(op_of(&b, SCORE)->pace <= 0.0);
    op_of(&b, SCORE)->cached = "run";
    slim_paces_plan(&b.paces, b.c.program);
    assert_true(slim_test_near(op_of(&b, SCORE)->pace, 8.0, 1e-6, 0.0));
    close_bench(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_not_known_goes_by_operations),
        cmocka_unit_test(the_same_takes_the_same),
        cmocka_unit_test(seconds_go_with_the_work),
        cmocka_unit_test(the_middle_of_several_counts),
        cmocka_unit_test(what_did_not_run_whole_says_nothing),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
