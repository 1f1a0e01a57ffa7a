/* lang_roundtrip.c - parse(print(x)) is x, and printing it again changes
 * nothing, over generated recipes */
#include "tests/support.h"

#include "base/random.h"
#include "base/text.h"
#include "tests/lang_support.h"

#include <string.h>

enum { RECIPES = 400 };

/* A recipe being written: any spelling, order and layout that is allowed. */
struct writer {
    struct slim_text text;
    uint64_t seed, drawn;
    unsigned comments;
};

static size_t below(struct writer *w, size_t n)
{
    return (size_t)slim_random_below(w->seed, 1000, w->drawn++, n);
}

static void put(struct writer *w, const char *text)
{
    slim_text_puts(&w->text, text);
}

static const char *any(struct writer *w, const char *const *words)
{
    size_t count = 0;

    while (words[count])
        count++;
    return words[below(w, count)];
}

static void space(struct writer *w)
{
    static const char *const spaces[] = { " ", "  ", "\t", " \t ", NULL };

    put(w, any(w, spaces));
}

static void comment(struct writer *w)
{
    slim_text_printf(&w->text, "# c%u;, \"%s\n", w->comments++,
                     below(w, 2) ? "  " : "(");
}

static void name(struct writer *w)
{
    static const char *const names[] = {
        "a",    "taylor", "wikitext2.test", "base.w2", "llama_3",
        "data", "let",    "slim",           "measure", "x9",
        "Z.",   "e5",     "save",           "sweep",   NULL,
    };

    put(w, any(w, names));
}

static void number(struct writer *w)
{
    static const char *const numbers[] = {
        "0",
        "7",
        "-1",
        "2e-4",
        "5.4B",
        "2k",
        "10GiB",
        "1.50",
        "-0.5",
        "1E3",
        "9007199254740993",
        "00012",
        NULL,
    };

    put(w, any(w, numbers));
}

static void string(struct writer *w)
{
    static const char *const strings[] = {
        "\"\"",      "\"a b\"",      "\"\\\"\\\\\\n\\t\\r\"",
        "\"# ; ,\"", "\"\xc3\xa9\"", "\"\t\"",
        NULL,
    };

    put(w, any(w, strings));
}

static void quantity(struct writer *w)
{
    static const char *const others[] = { "20%", "-3%", "0.5%", "2:4", NULL };

    if (below(w, 2))
        number(w);
    else
        put(w, any(w, others));
}

static void value(struct writer *w)
{
    static const char *const words[] = { "on", "in",   "as",   "to",     "of",
                                         "$v", "$r_2", "else", "layers", NULL };

    switch (below(w, 4)) {
    case 0:
        quantity(w);
        break;
    case 1:
        string(w);
        break;
    case 2:
        put(w, any(w, words));
        break;
    default:
        name(w);
    }
}

static void argument(struct writer *w)
{
    space(w);
    name(w);
    put(w, below(w, 2) ? "=" : " = ");
    value(w);
}

static void arguments(struct writer *w)
{
    for (size_t i = below(w, 4); i > 0; i--)
        argument(w);
}

static void layers(struct writer *w)
{
    put(w, "layers ");
    for (size_t i = 0, n = 1 + below(w, 3); i < n; i++) {
        put(w, i ? below(w, 2) ? ", " : ",\n\n" : "");
        slim_text_printf(&w->text, "%d", (int)below(w, 40) - 2);
        if (below(w, 2))
            slim_text_printf(&w->text, "..%d", (int)below(w, 40) - 2);
    }
}

static void scope(struct writer *w)
{
    for (size_t i = 0, n = 1 + below(w, 3); i < n; i++) {
        space(w);
        switch (below(w, 3)) {
        case 0:
            layers(w);
            break;
        case 1:
            string(w);
            break;
        default:
            name(w);
        }
    }
}

static void on_clause(struct writer *w)
{
    put(w, " on ");
    if (below(w, 3))
        name(w);
    else
        put(w, below(w, 2) ? "\"f\"" : "$s");
}

static void in_clause(struct writer *w)
{
    put(w, " in");
    scope(w);
    if (below(w, 2)) {
        put(w, " except");
        scope(w);
    }
}

/* `on`, `in` and arguments in any order, then `as`. */
static void clauses(struct writer *w)
{
    bool on = below(w, 2), in = below(w, 2), first = below(w, 2);

    arguments(w);
    if (on && first)
        on_clause(w);
    if (below(w, 2))
        argument(w);
    if (in)
        in_clause(w);
    if (on && !first)
        on_clause(w);
    arguments(w);
    if (below(w, 3) == 0) {
        put(w, " as ");
        name(w);
    }
}

static void stage(struct writer *w)
{
    static const char *const verbs[] = { "prune", "score", "on", "v.2", NULL };
    static const char *const units[] = { "params", "x", NULL };

    put(w, any(w, verbs));
    if (below(w, 2)) {
        space(w);
        put(w, below(w, 3) ? "taylor" : below(w, 2) ? "$m" : "layers");
    }
    if (below(w, 2)) {
        bool to = below(w, 2);
        put(w, to ? " to " : " ");
        quantity(w);
        if (below(w, 2)) {
            put(w, to ? " " : " of ");
            put(w, any(w, units));
        }
    }
    clauses(w);
}

static void measure(struct writer *w)
{
    put(w, "measure ");
    name(w);
    for (size_t i = below(w, 3); i > 0; i--) {
        put(w, ",");
        if (below(w, 2))
            space(w);
        if (below(w, 3) == 0)
            comment(w);
        name(w);
    }
    clauses(w);
}

/* An expression; parentheses at random, and newlines inside them. */
static void sum(struct writer *w, size_t depth)
{
    static const char *const operators[] = { "+", " - ", "*", " / ", NULL };
    static const char *const leaves[] = { "w2", "20%", "$r", "base.ppl", NULL };

    if (depth == 0 || below(w, 3) == 0) {
        if (below(w, 2))
            number(w);
        else
            put(w, any(w, leaves));
        return;
    }
    bool parentheses = below(w, 2);
    put(w, parentheses ? "(" : "");
    put(w, parentheses && below(w, 2) ? "\n" : "");
    sum(w, depth - 1);
    put(w, any(w, operators));
    sum(w, depth - 1);
    if (parentheses && below(w, 3) == 0)
        comment(w);
    put(w, parentheses ? ")" : "");
}

static void assertion(struct writer *w)
{
    static const char *const comparisons[] = { "<",  " <= ", ">", " >= ",
                                               "==", "!=",   NULL };

    put(w, "assert ");
    sum(w, 3);
    put(w, any(w, comparisons));
    sum(w, 3);
    put(w, below(w, 2) ? " else warn" : "");
}

static void definition(struct writer *w)
{
    bool data = below(w, 2);

    put(w, data ? "data" : "let");
    space(w);
    name(w);
    put(w, below(w, 2) ? "=" : " = ");
    if (!data) {
        value(w);
        return;
    }
    if (below(w, 2))
        name(w);
    else
        string(w);
    arguments(w);
}

static void output(struct writer *w)
{
    put(w, "save ");
    name(w);
    if (below(w, 2)) {
        space(w);
        string(w);
    }
    arguments(w);
}

/* One place of a sweep: a value, a range or a tuple. */
static void place(struct writer *w, size_t width)
{
    if (width > 1)
        put(w, below(w, 2) ? "(" : "(\n");
    value(w);
    for (size_t i = 1; i < width; i++) {
        put(w, below(w, 2) ? "," : " , ");
        value(w);
    }
    if (width > 1) {
        put(w, ")");
    } else if (below(w, 3) == 0) {
        put(w, " .. ");
        value(w);
        if (below(w, 2)) {
            put(w, " step ");
            value(w);
        }
    }
}

static void sweep(struct writer *w)
{
    static const char *const names[] = { "p", "q", "r" };
    size_t width = 1 + below(w, 3);

    put(w, width > 1 ? "sweep (" : "sweep ");
    for (size_t i = 0; i < width; i++) {
        put(w, i ? ", " : "");
        put(w, names[i]);
    }
    put(w, width > 1 ? ") = " : "=");
    place(w, width);
    for (size_t i = below(w, 3); i > 0; i--) {
        put(w, below(w, 2) ? ", " : ",\n  ");
        place(w, width);
    }
}

static void statement(struct writer *w)
{
    static const char *const fixed[] = {
        "slim 1",
        "include \"x.slim\"",
        "include <llm-pruner/default>",
        "include<a-b/c.d>",
        "compute f32",
        "keep max p",
        NULL,
    };

    switch (below(w, 8)) {
    case 0:
        put(w, any(w, fixed));
        break;
    case 1:
        definition(w);
        break;
    case 2:
        measure(w);
        break;
    case 3:
        sweep(w);
        break;
    case 4:
        assertion(w);
        break;
    case 5:
        output(w);
        break;
    default:
        stage(w);
    }
}

static void recipe(struct writer *w)
{
    static const char *const ends[] = { "\n",       ";",       " ; ", "\r\n",
                                        "\n\n\n\n", ";;\n \n", NULL };

    for (size_t i = below(w, 12); i > 0; i--) {
        if (below(w, 4) == 0)
            comment(w);
        statement(w);
        put(w, below(w, 2) ? " " : "");
        if (below(w, 3) == 0)
            comment(w);
        else
            put(w, any(w, ends));
    }
    if (below(w, 2))
        comment(w);
}

/* Each comment is there, once. */
static void assert_comments(const char *text, unsigned count)
{
    unsigned found = 0;

    for (const char *at = text; (at = strstr(at, "# c")); at++)
        found++;
    assert_int_equal(found, count);
}

static void check(struct writer *w)
{
    struct lang_case first, second;

    lang_case_open(&first, w->text.data, w->text.length);
    if (first.status != SLIM_OK)
        print_message("seed %u\n%s\n%s", (unsigned)w->seed, w->text.data,
                      slim_test_diag(&first.diag));
    assert_int_equal(first.status, SLIM_OK);
    char *printed = lang_case_print(&first);
    lang_case_open(&second, printed, strlen(printed));
    assert_int_equal(second.status, SLIM_OK);
    if (!lang_same_recipe(first.recipe, second.recipe))
        fail_msg("seed %u: another tree\n%s\n%s", (unsigned)w->seed,
                 w->text.data, printed);
    char *again = lang_case_print(&second);
    assert_string_equal(again, printed);
    assert_comments(printed, w->comments);
    lang_case_close(&second);
    lang_case_close(&first);
    free(again);
    free(printed);
}

static void what_is_printed_reads_back_the_same(void **state)
{
    (void)state;

    for (uint64_t seed = 0; seed < RECIPES; seed++) {
        struct writer w = { .seed = seed };
        slim_text_puts(&w.text, "");
        recipe(&w);
        check(&w);
        slim_text_free(&w.text);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_printed_reads_back_the_same),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
