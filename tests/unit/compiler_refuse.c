/* compiler_refuse.c - recipes that are refused, each with its code, place and
 * words */
#include "tests/compile_support.h"
#include "tests/support.h"

#include "base/text.h"

#include <string.h>

struct refusal {
    const char *text;
    const char *code;
    const char *marked;  /* the source under the carets */
    const char *message; /* a part of it */
    const char *label;   /* a part, or NULL */
};

static const struct refusal without_model[] = {
    { "scroe taylor", "N001", "scroe", "unknown verb", "'score'" },
    { "sweep p = 1%..2%", "N008", "p", "never used", NULL },
    { "score tailor; prune 2%", "N003", "tailor", "no method", "'taylor'" },
    { "discover grups", "N003", "grups", "no method", "'groups'" },
    { "slice wide 25%", "N003", "wide", "takes no method", NULL },
    { "score l1; prune", "A002", "prune", "needs a quantity", NULL },
    { "score; prune 20%", "A001", "score", "needs a method", NULL },
    { "score l1; prune 20% of parms", "N004", "parms", "not measured",
      "'params'" },
    { "score l1; prune 0%", "A005", "0%", "out of range", NULL },
    { "score l1; prune 100%", "A005", "100%", "out of range", NULL },
    { "score l1; prune -5%", "A005", "-5%", "out of range", NULL },
    { "score l1; prune 2:4", "A003", "2:4", "takes no ratio", NULL },
    { "score l1 20%", "A003", "20%", "takes no quantity", NULL },
    { "score l1 reduc=sum; prune 2%", "N002", "reduc", "no argument",
      "'reduce'" },
    { "score l1 reduce=summ; prune 2%", "A006", "summ", "cannot be", "'sum'" },
    { "score l1 reduce=sum reduce=max; prune 2%", "A007", "reduce",
      "given twice", NULL },
    { "score l1 order=1; prune 2%", "A008", "order", "cannot matter", NULL },
    { "score l1; prune 2% steps=two", "A004", "two", "a whole number", NULL },
    { "score l1; prune 2% steps=1.5", "A004", "1.5", "a whole number", NULL },
    { "score l1; prune 2% steps=0", "A005", "0", "must be from 1", NULL },
    { "score l1; prune 2% global=maybe", "A004", "maybe", "yes or no", NULL },
    { "score l1; prune 2% in mpl", "N005", "mpl", "no part of a model",
      "'mlp'" },
    { "score l1; prune 2% in mlp layers 9..4", "A005", "9..4", "are none",
      NULL },
    { "measure ppl in mlp", "A009", "in mlp", "whole model", NULL },
    { "score l1 on alpaca; prune 2%", "A010", "alpaca", "reads no data", NULL },
    { "score l1 n=3; prune 2%", "A008", "n", "cannot matter", NULL },
    { "data cal = alpaca\nmeasure ppl on cal n=3", "A011", "n=3",
      "has its own 'n'", NULL },
    { "measure ppl on alpacca", "N006", "alpacca", "unknown data set",
      "'alpaca'" },
    { "data cal = alpacca.train\nmeasure ppl on cal", "N006", "alpacca.train",
      "unknown data set", "'alpaca'" },
    { "data cal = alpaca lne=3\nmeasure ppl on cal", "N002", "lne",
      "no argument", "'len'" },
    { "data cal = alpaca\ndata cal = alpaca\nmeasure ppl on cal", "N009", "cal",
      "defined twice", NULL },
    { "let r = 20%\nscore l1; prune 20%", "N008", "r", "never used", NULL },
    { "let r = 20%\nlet r = 30%\nscore l1; prune $r", "N009", "r",
      "defined twice", NULL },
    { "let ratio = 20%\nscore l1; prune $ratoi; prune $ratio", "N007", "$ratoi",
      "not defined", "'$ratio'" },
    { "slim 2\nmeasure params", "A014", "2", "version 2", NULL },
    { "compute f33\nmeasure params", "N013", "f33", "no arithmetic", "'f32'" },
    { "compute f32\ncompute f32\nmeasure params", "A013", "compute f32",
      "twice", NULL },
    { "include \"nothing.slim\"\nmeasure params", "N012", "\"nothing.slim\"",
      "no recipe", NULL },
    { "include <no-such/thing>\nmeasure params", "N012", NULL, "no recipe",
      NULL },
    { "measure pplx on alpaca", "N003", "pplx", "no method", "'ppl'" },
    { "assert ppl < 3", "N010", "ppl", "nothing before this", NULL },
    { "assert parms < 3", "N010", "parms", "neither a metric", "'params'" },
    { "measure params as a; measure macs as a", "N009", "a", "already names",
      NULL },
    { "measure ppl on alpaca len=8 as a\nmeasure ppl on alpaca len=9 as b\n"
      "assert a < b",
      "E141", "a < b", "same protocol", NULL },
    { "prune 20%", "E122", "prune", "needs scores", "insert 'score" },
    { "slice 25%", "E122", "slice", "needs a rotation", "insert 'rotate" },
    { "save adapter \"a\"", "E122", "save", "needs an adapter", NULL },
    { "recover full on \"t\" steps=1\nsave adapter \"a\"", "E122", "save",
      "needs an adapter", NULL },
    { "recover lora on \"t\" steps=1\nrecover full on \"t\" steps=1\n"
      "save adapter \"a\"",
      "E121", "save", "adapter is stale", NULL },
    { "score l1; prune 2%\nprune 3%", "E121", "prune", "line 1 changed",
      "insert 'score l1; '" },
    { "score l1; score l2; prune 2%", "E130", "score l1",
      "no stage reads the scores", NULL },
    { "score l1\nprune 2%\nsave hf \"a\"\nscore l2\nprune 3%", "E130",
      "prune 3%", "nothing saves", NULL },
    { "slim 1", "E131", NULL, "does nothing", NULL },
};

static const struct refusal with_model[] = {
    { "score l1; prune 2% in mlp layers 1..9", "M101", "1..9",
      "layers 1..9 do not exist: this model has 4 (0..3)", NULL },
    { "score l1; prune 2% in mlp layers 7", "M101", "7", "layer 7 does not",
      NULL },
    { "score l1; prune 2% in mlp layers 0..-7", "M101", "0..-7", "not exist",
      NULL },
    { "score l1; prune 2% in \"*.nothing\"", "M102", "\"*.nothing\"",
      "no tensor", NULL },
    { "score l1; prune 2% in mlp except mlp", "M102", "in mlp except mlp",
      "matches nothing", NULL },
    { "assert params == 3", "V001", "params == 3", "does not hold: params is",
      NULL },
    { "score l1; prune 20%\nassert params > base.params", "V001",
      "params > base.params", "and base.params is", NULL },
    { "score l1; prune 2%\nprune 10% in mlp layers 1..9", "M101", "1..9",
      "not exist", NULL },
    { "score l1; prune 2%\nprune 10% in mlp layers 1..9", "E121", "prune",
      "stale", NULL },
};

static bool holds(const struct slim_error *error, const struct refusal *want)
{
    size_t length = want->marked ? strlen(want->marked) : 0;
    const struct slim_span span = error->span;

    if (!strstr(error->message, want->message))
        return false;
    if (want->marked &&
        (span.end - span.begin != length ||
         memcmp(span.source->text + span.begin, want->marked, length) != 0))
        return false;
    return !want->label || (error->label && strstr(error->label, want->label));
}

static void expect(const struct refusal *want,
                   const struct slim_model_info *model)
{
    struct compile_case c;
    bool found = false;

    compile_case_open(&c, want->text, model);
    for (const struct slim_error *e = c.diag.first; e; e = e->next)
        found = found || (strcmp(e->code, want->code) == 0 && holds(e, want));
    if (!found || c.status == SLIM_OK) {
        char *text = slim_test_diag(&c.diag);
        print_message("%s\nwants %s\n%s\n", want->text, want->code, text);
        free(text);
        fail();
    }
    compile_case_close(&c);
}

static void refuses_what_the_text_alone_shows(void **state)
{
    (void)state;
    for (size_t i = 0; i < SLIM_COUNT(without_model); i++)
        expect(&without_model[i], NULL);
}

static void refuses_what_the_model_contradicts(void **state)
{
    struct slim_arena *arena = slim_arena_open();
    struct slim_model_info *model = compile_toy(4, 64, 4, 2, 96, 50, arena);

    (void)state;
    for (size_t i = 0; i < SLIM_COUNT(with_model); i++)
        expect(&with_model[i], model);
    slim_arena_close(arena);
}

static void one_run_reports_all(void **state)
{
    struct compile_case c;

    (void)state;
    compile_case_open(&c,
                      "score tailor\nprune 120%\nmeasure pplx\n"
                      "recover lora r=0 stesp=3",
                      NULL);
    assert_int_equal(c.diag.errors, 5);
    compile_case_close(&c);
}

static void one_mistake_is_one_message(void **state)
{
    static const char *const once[] = {
        "score $m; prune 20%",
        "score l1; prune $p",
        "score l1; prune $p of params",
        "measure ppl on $d",
        "data cal = alpaca n=x\nmeasure ppl on cal",
        "scor l1; prune 20%; slice 20%",
        "let a = $b\nscore l1; prune $a",
        "score l1; prune 20% %; let r = 3",
    };

    (void)state;
    for (size_t i = 0; i < SLIM_COUNT(once); i++) {
        struct compile_case c;
        compile_case_open(&c, once[i], NULL);
        if (c.diag.errors != 1) {
            char *text = slim_test_diag(&c.diag);
            fail_msg("%s\n%s", once[i], text);
        }
        compile_case_close(&c);
    }
}

static void expect_long(const char *head, const char *unit, size_t count,
                        const char *code)
{
    struct slim_text text = { 0 };
    struct compile_case c;

    slim_text_puts(&text, head);
    for (size_t i = 0; i < count; i++)
        slim_text_puts(&text, unit);
    compile_case_open(&c, text.data, NULL);
    assert_int_equal(c.status, SLIM_FAILED);
    assert_non_null(compile_case_find(&c, code));
    compile_case_close(&c);
    slim_text_free(&text);
}

static void endless_recipes_are_refused(void **state)
{
    (void)state;
    expect_long("score l1", " reduce=sum", 1001, "A016");
    expect_long("score l1; prune 2% in", " mlp", 1001, "A016");
    expect_long("measure params", ", params", 1001, "A016");
    expect_long("", "measure params\n", 10001, "A017");
    expect_long("", "measure params, params, params\n", 4000, "A017");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(refuses_what_the_text_alone_shows),
        cmocka_unit_test(refuses_what_the_model_contradicts),
        cmocka_unit_test(one_run_reports_all),
        cmocka_unit_test(one_mistake_is_one_message),
        cmocka_unit_test(endless_recipes_are_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
