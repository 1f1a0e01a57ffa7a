/* recipe.c - any bytes as a recipe: no crash, and what parses round-trips */
#include "base/text.h"
#include "lang/parse.h"
#include "tests/lang_support.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t count);

static void check_round_trip(const struct lang_case *first)
{
    char *printed = lang_case_print(first);
    struct lang_case second;

    lang_case_open(&second, printed, strlen(printed));
    char *again = lang_case_print(&second);
    if (second.status != SLIM_OK || strcmp(printed, again) != 0 ||
        !lang_same_recipe(first->recipe, second.recipe))
        abort();
    lang_case_close(&second);
    free(again);
    free(printed);
}

/* Every error is inside the text, and its fix can be applied. */
static void check_errors(struct lang_case *c)
{
    size_t applied = 0;
    struct slim_text fixed = slim_apply_fixes(&c->source, &c->diag, &applied);

    for (const struct slim_error *e = c->diag.first; e; e = e->next)
        if (e->span.source != &c->source || e->span.begin > e->span.end ||
            e->span.end > c->source.length)
            abort();
    slim_text_free(&fixed);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t count)
{
    char *text = malloc(count + 1);
    struct slim_value *value = NULL;
    struct lang_case c;

    if (!text)
        abort();
    memcpy(text, bytes, count);
    text[count] = '\0';
    lang_case_open(&c, text, count);
    if (c.status == SLIM_OK)
        check_round_trip(&c);
    else if (c.diag.errors == 0)
        abort();
    check_errors(&c);
    if (slim_parse_value(&value, &c.source, &c.diag) == SLIM_OK && !value)
        abort();
    lang_case_close(&c);
    free(text);
    return 0;
}
