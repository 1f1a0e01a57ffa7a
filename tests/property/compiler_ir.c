/* compiler_ir.c - read(print(program)) is the program, with and without a
 * model; a listing that was tampered with is refused, never believed */
#include "tests/compile_support.h"
#include "tests/support.h"

#include "base/file.h"
#include "base/random.h"
#include "base/text.h"

#include <string.h>

static const char *const recipes[] = {
    "measure params",
    "discover groups; score taylor; prune 20%; rotate pca on alpaca\n"
    "slice 25%; recover lora r=8 steps=2000",
    "score l1; prune 25% of groups in attn mlp layers 1..2, -1 except layers 2",
    "score l2 reduce=max; prune 10% in \"*.mlp.*\" layers 0..-1 round=8",
    "score random; prune 25% of groups in width",
    "rotate pca per=block orient=random on alpaca n=2 len=8\nslice to 32 width",
    "measure ppl, params on wikitext2.test len=128 as w2\n"
    "assert w2 <= 1.15 * base.w2 + (3 - 80%) / params else warn\n"
    "compute f32\nassert params - (1 - 2) > 0",
    "data cal = \"a \\\"b\\\" c.txt\" n=10 len=64 pick=first\n"
    "score taylor on cal; prune 5%; save hf \"out put\" dtype=f32",
    "score taylor; prune 20%; recover lora r=2; save adapter \"a\"",
    /* points; some are left out */
    "sweep (p, m) = (10%, l2), (30%, taylor)\nsweep seed = 0, 7\n"
    "score $m on alpaca n=1 len=8 seed=$seed\nprune $p of groups in mlp\n"
    "assert params > 0.85 * base.params\nmeasure params",
    "sweep r = 2\nscore l1; prune 20%; recover lora r=$r\nmeasure params",
    "sweep file = \"a \\\"b\\\" c.txt\", \"d\"\n"
    "measure ppl on $file n=1 len=8",
};

static unsigned id_or_none(const struct slim_op *op)
{
    return op ? op->id + 1 : 0;
}

/* What printing leaves out, printing again would leave out too. */
static void same_op(const struct slim_op *a, const struct slim_op *b)
{
    assert_ptr_equal(a->stage, b->stage);
    assert_string_equal(a->method ? a->method : "", b->method ? b->method : "");
    assert_string_equal(a->label ? a->label : "", b->label ? b->label : "");
    assert_string_equal(a->text, b->text);
    assert_int_equal(a->implied, b->implied);
    assert_int_equal(a->estimated, b->estimated);
    assert_int_equal(id_or_none(a->fused), id_or_none(b->fused));
    assert_int_equal(a->amount.kind, b->amount.kind);
    assert_int_equal(a->amount.to, b->amount.to);
    assert_int_equal(a->where.given, b->where.given);
    assert_int_equal(a->where.layers_given, b->where.layers_given);
    assert_int_equal(!a->formula, !b->formula);
    assert_int_equal(a->input_count, b->input_count);
    for (size_t i = 0; i < a->input_count; i++) {
        assert_int_equal(a->inputs[i].type, b->inputs[i].type);
        assert_int_equal(a->inputs[i].op->id, b->inputs[i].op->id);
    }
    assert_int_equal(!a->after, !b->after);
    assert_true(!a->after || slim_shape_equal(a->after, b->after));
}

static void same_point(const struct slim_program *a,
                       const struct slim_program *b)
{
    assert_int_equal(!a->point, !b->point);
    if (!a->point)
        return;
    const struct slim_sweep *sweep = a->point->sweep;
    assert_int_equal(sweep->count, b->point->sweep->count);
    assert_int_equal(sweep->axis_count, b->point->sweep->axis_count);
    assert_int_equal(a->point->index, b->point->index);
    assert_string_equal(a->point->name, b->point->name);
    for (size_t i = 0; i < sweep->axis_count; i++) {
        assert_string_equal(sweep->axes[i], b->point->sweep->axes[i]);
        assert_string_equal(a->point->values[i], b->point->values[i]);
        assert_true(a->point->numbers[i] == b->point->numbers[i]);
    }
    assert_int_equal(!a->unmet, !b->unmet);
    if (a->unmet)
        assert_string_equal(a->unmet->message, b->unmet->message);
}

static void same_program(const struct slim_program *a,
                         const struct slim_program *b)
{
    const struct slim_op *y = b->first;

    same_point(a, b);
    assert_int_equal(a->count, b->count);
    for (const struct slim_op *x = a->first; x; x = x->next, y = y->next)
        same_op(x, y);
}

static void same_after_reading(const struct slim_program *program,
                               struct slim_arena *arena)
{
    struct slim_diag diag = { .arena = arena };
    struct slim_program *again = NULL;
    char *text = compile_print(program);
    const struct slim_source source = { "<ir>", text, strlen(text) };

    if (slim_program_read(&again, &source, slim_stages, program->model,
                          &diag) != SLIM_OK) {
        char *errors = slim_test_diag(&diag);
        fail_msg("%s\n%s", text, errors);
    }
    char *printed = compile_print(again);
    assert_string_equal(printed, text);
    const struct slim_program *b = again;
    for (const struct slim_program *a = program; a; a = a->next, b = b->next) {
        assert_non_null(b);
        same_program(a, b);
    }
    assert_null(b);
    free(printed);
    free(text);
}

static void check(const char *text, const struct slim_model_info *model)
{
    struct compile_case c;

    compile_case_open(&c, text, model);
    if (c.status != SLIM_OK) {
        char *errors = slim_test_diag(&c.diag);
        fail_msg("%s\n%s", text, errors);
    }
    same_after_reading(c.program, c.diag.arena);
    compile_case_close(&c);
}

static void reads_what_it_printed(void **state)
{
    struct slim_arena *arena = slim_arena_open();
    struct slim_model_info *model = compile_toy(4, 64, 4, 2, 96, 50, arena);

    (void)state;
    for (size_t i = 0; i < SLIM_COUNT(recipes); i++) {
        check(recipes[i], NULL);
        check(recipes[i], model);
    }
    slim_arena_close(arena);
}

/* Assertions on parameters are for another model. */
static char *without_assertions(const char *text)
{
    struct slim_text out = { 0 };

    while (*text) {
        size_t line = strcspn(text, "\n");
        line += text[line] == '\n';
        if (strncmp(text, "assert", 6) != 0)
            slim_text_append(&out, text, line);
        text += line;
    }
    return out.data;
}

static void reads_the_oracles(void **state)
{
    static const char *const folders[] = { "smollm2", "stories",
                                           "tiny-llama-mha" };
    char *root = slim_test_need_shared("oracles");
    struct slim_arena *arena = slim_arena_open();
    struct slim_model_info *model = compile_toy(30, 576, 9, 3, 1536, 64, arena);
    size_t count = 0;

    (void)state;
    for (size_t i = 0; i < SLIM_COUNT(folders); i++) {
        char *folder = slim_test_join(root, folders[i]);
        char **names = slim_list_directory(arena, folder, ".slim");
        for (; *names; names++, count++) {
            char *path = slim_test_join(folder, slim_path_base(*names));
            char *whole = slim_test_read(path, NULL);
            char *text = without_assertions(whole);
            check(text, NULL);
            check(text, model);
            free(text);
            free(whole);
            free(path);
        }
        free(folder);
    }
    assert_true(count > 40);
    slim_arena_close(arena);
    free(root);
}

/* Every recipe that is shipped, those that sweep among them. */
static void reads_the_shipped_recipes(void **state)
{
    static const char *const folders[] = { "recipes", "recipes/llm-pruner",
                                           "recipes/slicegpt" };
    struct slim_arena *arena = slim_arena_open();
    struct slim_model_info *model = compile_toy(30, 576, 9, 3, 1536, 64, arena);
    size_t count = 0;

    (void)state;
    for (size_t i = 0; i < SLIM_COUNT(folders); i++) {
        char *folder = slim_test_source(folders[i]);
        char **names = slim_list_directory(arena, folder, ".slim");
        for (; *names; names++) {
            char *path = slim_test_join(folder, slim_path_base(*names));
            char *whole = slim_test_read(path, NULL);
            char *text = without_assertions(whole);
            if (strstr(text, "\nsweep ") && !strstr(text, "include ")) {
                count++;
                check(text, NULL);
                check(text, model);
            }
            free(text);
            free(whole);
            free(path);
        }
        free(folder);
    }
    assert_true(count > 4);
    slim_arena_close(arena);
}

/* One byte changed, or the end cut off: either it is refused with an error, or
 * what was read prints as what was written. */
static void tampering_is_noticed(void **state)
{
    struct slim_arena *arena = slim_arena_open();
    struct slim_model_info *model = compile_toy(4, 64, 4, 2, 96, 50, arena);
    struct compile_case c;

    (void)state;
    compile_case_open(&c, recipes[1], model);
    char *text = compile_print(c.program);
    size_t length = strlen(text), refused = 0;
    for (uint64_t i = 0; i < 2000; i++) {
        struct slim_diag diag = { .arena = slim_arena_open() };
        char *copy = slim_arena_strdup(diag.arena, text);
        size_t at = (size_t)slim_random_below(7, 1001, 2 * i, length);
        struct slim_source source = { "<ir>", copy, length };
        struct slim_program *program = NULL;
        if (i % 4 == 0)
            source.length = at;
        else
            copy[at] = (char)slim_random_below(7, 1001, 2 * i + 1, 128);
        if (slim_program_read(&program, &source, slim_stages, model, &diag) !=
            SLIM_OK) {
            refused++;
            assert_true(diag.errors > 0);
        } else {
            assert_int_equal(diag.errors, 0);
        }
        slim_arena_close(diag.arena);
    }
    assert_true(refused > 1000);
    free(text);
    compile_case_close(&c);
    slim_arena_close(arena);
}

static void sizes_of_another_model_are_refused(void **state)
{
    struct slim_arena *arena = slim_arena_open();
    struct slim_diag diag = { .arena = arena };
    struct slim_program *program = NULL;
    struct compile_case c;

    (void)state;
    compile_case_open(&c, recipes[1], compile_toy(4, 64, 4, 2, 96, 50, arena));
    char *text = compile_print(c.program);
    struct slim_source source = { "<ir>", text, strlen(text) };
    assert_int_equal(slim_program_read(&program, &source, slim_stages,
                                       compile_toy(4, 64, 4, 2, 97, 50, arena),
                                       &diag),
                     SLIM_FAILED);
    assert_true(slim_test_has_error(&diag, "F507"));
    assert_int_equal(
        slim_program_read(&program, &source, slim_stages, NULL, &diag),
        SLIM_FAILED);
    assert_true(slim_test_has_error(&diag, "F506"));
    free(text);
    compile_case_close(&c);
    slim_arena_close(arena);
}

#define POINT(line) "slim-ir 1\n" line "compute f32\n%0 input text \"\"\n"

static void points_that_do_not_fit_are_refused(void **state)
{
    static const struct {
        const char *text, *code;
    } cases[] = {
        { POINT("point \"a\" p=\"1\"=1\n") POINT("point \"b\" p=\"2\"=2\n"),
          NULL },
        { POINT("point \"a\" m=\"l2\"\nunmet \"too small\"\n"), NULL },
        { POINT("") POINT(""), "F508" },
        { POINT("point \"a\" p=\"1\"\n") POINT(""), "F508" },
        { POINT("") POINT("point \"a\" p=\"1\"\n"), "F508" },
        { POINT("point \"a\" p=\"1\"\n") POINT("point \"a\" p=\"2\"\n"),
          "F508" },
        { POINT("point \"a\" p=\"1\"\n") POINT("point \"b\" q=\"2\"\n"),
          "F508" },
        { POINT("point \"a\" p=\"1\"\n") POINT("point \"b\"\n"), "F508" },
        { POINT("point \"a\" p=\"1\"=0\n"), "F501" },
        { POINT("point \"a\" p=\"1\"=x\n"), "F501" },
        { POINT("point \"a\" p=1\n"), "F501" },
        { POINT("point \"a\" =\"1\"\n"), "F501" },
        { POINT("point a\n"), "F501" },
        { POINT("unmet \"a\"\n"), "F501" },
        { POINT("point \"a\"\nunmet a\n"), "F501" },
        { POINT("point \"a\"\nunmet \"b\"\nunmet \"c\"\n"), "F501" },
        { "slim-ir 1\nslim-ir 1\ncompute f32\n", "F501" },
        { "slim-ir 1\npoint \"a\"\n", "F501" },
        /* the rules hold for each of them */
        { POINT("point \"a\"\n")
              POINT("point \"b\"\n") "%1 prune 20% of "
                                     "params steps=1 global=no round=1 <- "
                                     "%0:model text \"\"\n",
          "F510" },
        { POINT("point \"a\"\n") "%1 prune 20% of params steps=1 global=no "
                                 "round=1 <- %0:model text \"\"\n" POINT(
                                     "point \"b\"\n"),
          "F510" },
    };

    (void)state;
    for (size_t i = 0; i < SLIM_COUNT(cases); i++) {
        struct slim_diag diag = { .arena = slim_arena_open() };
        struct slim_program *program = NULL;
        struct slim_source source = { "<ir>", cases[i].text,
                                      strlen(cases[i].text) };
        enum slim_status status =
            slim_program_read(&program, &source, slim_stages, NULL, &diag);
        if (cases[i].code ? !slim_test_has_error(&diag, cases[i].code)
                          : status != SLIM_OK) {
            char *errors = slim_test_diag(&diag);
            fail_msg("%s\nwants %s\n%s", cases[i].text,
                     cases[i].code ? cases[i].code : "nothing", errors);
        }
        slim_arena_close(diag.arena);
    }
}

struct broken_rule {
    const char *text, *rule;
};

static void the_verifier_knows_its_rules(void **state)
{
    static const struct broken_rule rules[] = {
        { "%0 input text \"\"\n%1 prune 20% of params steps=1 global=no "
          "round=1 <- %0:model text \"\"\n",
          "every need has its input" },
        { "%0 input text \"\"\n%1 discover groups <- %0:groups %0:model "
          "text \"\"\n",
          "gives the type" },
        { "%0 input text \"\"\n%1 discover groups <- %0:model text \"\"\n"
          "%2 score l1 reduce=sum gqa=aligned <- %0:model %1:groups text "
          "\"\"\n"
          "%3 prune 20% of params steps=1 global=no round=1 <- %0:model "
          "%2:scores text \"\"\n"
          "%4 prune 20% of params steps=1 global=no round=1 <- %3:model "
          "%2:scores text \"\"\n",
          "no stale value" },
        { "%0 input text \"\"\n%1 measure params as a <- %0:model text \"\"\n"
          "%2 measure params as a <- %0:model text \"\"\n",
          "a label names one" },
        { "%0 input text \"\"\n%1 discover groups <- %0:model text \"\"\n"
          "%2 score l1 reduce=sum gqa=aligned <- %0:model %1:groups text "
          "\"\"\n"
          "%3 prune 120% of params steps=1 global=no round=1 <- %0:model "
          "%2:scores text \"\"\n",
          "the quantity is in range" },
        { "%0 input text \"\"\n%1 measure ppl <- %0:model text \"\"\n",
          "reads tokens if its method" },
    };

    (void)state;
    for (size_t i = 0; i < SLIM_COUNT(rules); i++) {
        struct slim_diag diag = { .arena = slim_arena_open() };
        struct slim_program *program = NULL;
        char *text = slim_arena_printf(diag.arena, "slim-ir 1\ncompute f32\n%s",
                                       rules[i].text);
        struct slim_source source = { "<ir>", text, strlen(text) };
        assert_int_equal(
            slim_program_read(&program, &source, slim_stages, NULL, &diag),
            SLIM_FAILED);
        char *errors = slim_test_diag(&diag);
        if (!strstr(errors, rules[i].rule))
            fail_msg("%s\nwants %s\n%s", text, rules[i].rule, errors);
        free(errors);
        slim_arena_close(diag.arena);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_what_it_printed),
        cmocka_unit_test(reads_the_oracles),
        cmocka_unit_test(reads_the_shipped_recipes),
        cmocka_unit_test(tampering_is_noticed),
        cmocka_unit_test(points_that_do_not_fit_are_refused),
        cmocka_unit_test(sizes_of_another_model_are_refused),
        cmocka_unit_test(the_verifier_knows_its_rules),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
