/* lang_parse.c - the tree holds what was written */
#include "tests/support.h"

#include "lang/parse.h"
#include "tests/lang_support.h"

#include <string.h>

/* Parses one statement that must be right. */
static const struct slim_stmt *one(struct lang_case *c, const char *text)
{
    lang_case_open(c, text, strlen(text));
    if (c->status != SLIM_OK)
        print_message("%s\n", slim_test_diag(&c->diag));
    assert_int_equal(c->status, SLIM_OK);
    assert_int_equal(c->recipe->count, 1);
    return c->recipe->first;
}

static void number_is(const char *text, double number, bool integer)
{
    struct lang_case c;
    char recipe[64];

    (void)snprintf(recipe, sizeof(recipe), "let x = %s", text);
    const struct slim_stmt *s = one(&c, recipe);
    assert_int_equal(s->value->kind, SLIM_VALUE_NUMBER);
    assert_true(memcmp(&s->value->number, &number, sizeof(number)) == 0);
    assert_int_equal(s->value->integer, integer);
    assert_string_equal(s->value->text, text);
    lang_case_close(&c);
}

static void numbers_have_their_value(void **state)
{
    (void)state;
    number_is("0", 0.0, true);
    number_is("128", 128.0, true);
    number_is("-3", -3.0, true);
    number_is("2e-4", 2e-4, false);
    number_is("1e5", 1e5, true);
    number_is("1.0", 1.0, false);
    number_is("0.1", 0.1, false);
    number_is("2k", 2000.0, true);
    number_is("5.4B", 5400000000.0, true);
    number_is("4.1B", 4.1e9, true);
    number_is("1.5T", 1.5e12, true);
    number_is("3M", 3e6, true);
    number_is("10GiB", 10737418240.0, true);
    number_is("0.5KiB", 512.0, true);
    number_is("1TiB", 1099511627776.0, true);
    number_is("1MiB", 1048576.0, true);
    number_is("9007199254740992", 9007199254740992.0, true);
    number_is("18014398509481984", 18014398509481984.0, false);
}

static void other_values_have_their_kind(void **state)
{
    (void)state;
    struct lang_case c;
    const struct slim_stmt *s =
        one(&c, "x a=20% b=2:4 c=\"p\\\"q\\n\" d=$r e=f");
    const struct slim_value *v[5];
    const struct slim_arg *arg = s->args;

    for (size_t i = 0; i < 5; i++, arg = arg->next)
        v[i] = arg->value;
    assert_null(arg);
    assert_int_equal(v[0]->kind, SLIM_VALUE_PERCENT);
    assert_true(v[0]->number == 20.0);
    assert_int_equal(v[1]->kind, SLIM_VALUE_RATIO);
    assert_int_equal(v[1]->left, 2);
    assert_int_equal(v[1]->right, 4);
    assert_int_equal(v[2]->kind, SLIM_VALUE_STRING);
    assert_string_equal(v[2]->text, "p\"q\n");
    assert_int_equal(v[3]->kind, SLIM_VALUE_VAR);
    assert_string_equal(v[3]->text, "r");
    assert_int_equal(v[4]->kind, SLIM_VALUE_NAME);
    lang_case_close(&c);
}

static void a_stage_has_all_its_parts(void **state)
{
    (void)state;
    struct lang_case c;
    const struct slim_stmt *s =
        one(&c, "prune taylor 25% of groups in attn \"*.up\" layers 4..-1, 2 "
                "except head round=8 on cal n=1 as p");

    assert_int_equal(s->kind, SLIM_STMT_STAGE);
    assert_string_equal(s->verb->text, "prune");
    assert_string_equal(s->method->text, "taylor");
    assert_false(s->amount->to);
    assert_true(s->amount->quantity->number == 25.0);
    assert_string_equal(s->amount->unit->text, "groups");
    assert_string_equal(s->scope->name->text, "attn");
    assert_int_equal(s->scope->next->name->kind, SLIM_VALUE_STRING);
    const struct slim_range *r = s->scope->next->next->layers;
    assert_int_equal(r->first, 4);
    assert_int_equal(r->last, -1);
    assert_int_equal(r->next->first, 2);
    assert_int_equal(r->next->last, 2);
    assert_string_equal(s->except->name->text, "head");
    assert_string_equal(s->on->text, "cal");
    assert_string_equal(s->args->name->text, "round");
    assert_string_equal(s->args->next->name->text, "n");
    assert_string_equal(s->label->text, "p");
    lang_case_close(&c);
}

static void a_span_is_the_text_it_came_from(void **state)
{
    (void)state;
    static const char text[] = "slim 1\n  prune 20% in mlp layers 3..28 # x\n";
    struct lang_case c;

    lang_case_open(&c, text, strlen(text));
    assert_int_equal(c.status, SLIM_OK);
    const struct slim_stmt *s = c.recipe->first->next;
    assert_int_equal(s->span.begin, 9);
    assert_int_equal(s->span.end, 38);
    assert_int_equal(s->scope_span.begin, 19);
    assert_int_equal(s->scope_span.end, 38);
    assert_int_equal(s->amount->span.begin, 15);
    assert_int_equal(s->amount->span.end, 18);
    assert_int_equal(s->scope->next->span.begin, 26);
    assert_int_equal(s->scope->next->layers->span.begin, 33);
    lang_case_close(&c);
}

static void a_lone_variable_stands_in_the_methods_place(void **state)
{
    (void)state;
    struct lang_case c;
    const struct slim_stmt *s = one(&c, "prune $p");

    assert_int_equal(s->method->kind, SLIM_VALUE_VAR);
    assert_null(s->amount);
    lang_case_close(&c);

    s = one(&c, "prune $p of params");
    assert_null(s->method);
    assert_int_equal(s->amount->quantity->kind, SLIM_VALUE_VAR);
    lang_case_close(&c);

    s = one(&c, "score $m $p");
    assert_string_equal(s->method->text, "m");
    assert_string_equal(s->amount->quantity->text, "p");
    assert_null(s->amount->unit);
    lang_case_close(&c);

    s = one(&c, "slice to $w width");
    assert_true(s->amount->to);
    assert_string_equal(s->amount->unit->text, "width");
    lang_case_close(&c);
}

static void no_word_is_reserved(void **state)
{
    (void)state;
    static const char *const words[] = {
        "slim",   "include", "let",   "data",   "compute", "measure",
        "assert", "save",    "sweep", "on",     "in",      "except",
        "as",     "of",      "to",    "layers", "else",    "warn",
    };

    for (size_t i = 0; i < SLIM_COUNT(words); i++) {
        struct lang_case c;
        char text[64];
        (void)snprintf(text, sizeof(text), "let %s = %s", words[i], words[i]);
        const struct slim_stmt *s = one(&c, text);
        assert_string_equal(s->name->text, words[i]);
        assert_string_equal(s->value->text, words[i]);
        lang_case_close(&c);
        (void)snprintf(text, sizeof(text), "prune 2 %s=%s", words[i], words[i]);
        s = one(&c, text);
        assert_string_equal(s->args->name->text, words[i]);
        assert_string_equal(s->args->value->text, words[i]);
        lang_case_close(&c);
    }
}

static void a_statement_word_is_a_method_elsewhere(void **state)
{
    (void)state;
    struct lang_case c;
    const struct slim_stmt *s = one(&c, "score data on data data=1");

    assert_int_equal(s->kind, SLIM_STMT_STAGE);
    assert_string_equal(s->method->text, "data");
    assert_string_equal(s->on->text, "data");
    assert_string_equal(s->args->name->text, "data");
    lang_case_close(&c);
    s = one(&c, "drop layers in layers 3");
    assert_string_equal(s->method->text, "layers");
    lang_case_close(&c);
}

static void an_assert_keeps_its_grouping(void **state)
{
    (void)state;
    struct lang_case c;
    const struct slim_stmt *s =
        one(&c, "assert a - (b - 2) * 3 >= 20% / $x else warn");

    assert_true(s->warn);
    assert_int_equal(s->expr->op, 'g');
    assert_int_equal(s->expr->left->op, '-');
    assert_int_equal(s->expr->left->right->op, '*');
    assert_int_equal(s->expr->left->right->left->op, '-');
    assert_int_equal(s->expr->right->op, '/');
    assert_int_equal(s->expr->right->left->leaf->kind, SLIM_VALUE_PERCENT);
    lang_case_close(&c);
}

static void statements_of_every_kind(void **state)
{
    (void)state;
    static const char text[] =
        "slim 1; include \"x.slim\"\ninclude <llm-pruner/default>\r\n"
        "let r = 20%; data cal = alpaca.train n=128\n"
        "compute f32; measure ppl,\n\n  params on w2 as x\n"
        "sweep (p, q) = (1, 2),\n (3, 4)\nkeep max p\n"
        "assert (a +\n b) < 3; save hf \"d\" type=q8_0; save adapter";
    static const enum slim_stmt_kind kinds[] = {
        SLIM_STMT_VERSION, SLIM_STMT_INCLUDE, SLIM_STMT_INCLUDE,
        SLIM_STMT_LET,     SLIM_STMT_DATA,    SLIM_STMT_COMPUTE,
        SLIM_STMT_MEASURE, SLIM_STMT_SWEEP,   SLIM_STMT_KEEP,
        SLIM_STMT_ASSERT,  SLIM_STMT_SAVE,    SLIM_STMT_SAVE,
    };
    struct lang_case c;
    size_t i = 0;

    lang_case_open(&c, text, strlen(text));
    assert_int_equal(c.status, SLIM_OK);
    for (const struct slim_stmt *s = c.recipe->first; s; s = s->next)
        assert_int_equal(s->kind, kinds[i++]);
    assert_int_equal(i, SLIM_COUNT(kinds));
    const struct slim_stmt *library = c.recipe->first->next->next;
    assert_true(library->library);
    assert_string_equal(library->value->text, "llm-pruner/default");
    lang_case_close(&c);
}

static void a_value_is_read_alone(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        enum slim_value_kind kind;
    } rows[] = {
        { "25%", SLIM_VALUE_PERCENT }, { " -1e-3 ", SLIM_VALUE_NUMBER },
        { "2:4", SLIM_VALUE_RATIO },   { "\"a b\"", SLIM_VALUE_STRING },
        { "let", SLIM_VALUE_NAME },    { "on", SLIM_VALUE_NAME },
        { "$x", SLIM_VALUE_VAR },
    };
    static const char *const wrong[] = { "",          "1 2", "a=b", "a b",
                                         "prune 20%", "%",   "1;2", "\"a" };
    struct slim_diag diag = { .arena = slim_arena_open() };
    struct slim_value *value = NULL;

    for (size_t i = 0; i < SLIM_COUNT(rows); i++) {
        struct slim_source source = { "-s", rows[i].text,
                                      strlen(rows[i].text) };
        assert_int_equal(slim_parse_value(&value, &source, &diag), SLIM_OK);
        assert_int_equal(value->kind, rows[i].kind);
    }
    for (size_t i = 0; i < SLIM_COUNT(wrong); i++) {
        struct slim_source source = { "-s", wrong[i], strlen(wrong[i]) };
        assert_int_equal(slim_parse_value(&value, &source, &diag), SLIM_FAILED);
        assert_int_equal(diag.errors, i + 1);
    }
    slim_arena_close(diag.arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(numbers_have_their_value),
        cmocka_unit_test(other_values_have_their_kind),
        cmocka_unit_test(a_stage_has_all_its_parts),
        cmocka_unit_test(a_span_is_the_text_it_came_from),
        cmocka_unit_test(a_lone_variable_stands_in_the_methods_place),
        cmocka_unit_test(no_word_is_reserved),
        cmocka_unit_test(a_statement_word_is_a_method_elsewhere),
        cmocka_unit_test(an_assert_keeps_its_grouping),
        cmocka_unit_test(statements_of_every_kind),
        cmocka_unit_test(a_value_is_read_alone),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
