/* fix.c - applying the changes that errors propose */
#include "lang/parse.h"

#include "base/text.h"

#include <stdlib.h>

/* A fix and its rank, so that the first of two at one place wins. */
struct change {
    const struct slim_fix *fix;
    size_t rank;
};

static int by_place(const void *a, const void *b)
{
    const struct change *x = a, *y = b;

    if (x->fix->span.begin != y->fix->span.begin)
        return x->fix->span.begin < y->fix->span.begin ? -1 : 1;
    return x->rank < y->rank ? -1 : x->rank > y->rank;
}

static bool applies(const struct slim_error *error,
                    const struct slim_source *text)
{
    const struct slim_span *span = &error->fix.span;

    return error->has_fix && span->source == text && span->begin <= span->end &&
           span->end <= text->length;
}

static size_t collect(struct change *changes, const struct slim_source *text,
                      const struct slim_diag *diag)
{
    size_t count = 0;

    for (const struct slim_error *e = diag->first; e; e = e->next) {
        if (!applies(e, text))
            continue;
        if (changes)
            changes[count] = (struct change){ &e->fix, count };
        count++;
    }
    return count;
}

struct slim_text slim_apply_fixes(const struct slim_source *text,
                                  const struct slim_diag *diag, size_t *applied)
{
    size_t count = collect(NULL, text, diag), at = 0, last = 0;
    struct change *changes = SLIM_NEW_ARRAY(diag->arena, count, struct change);
    struct slim_text out = { 0 };

    (void)collect(changes, text, diag);
    qsort(changes, count, sizeof(*changes), by_place);
    *applied = 0;
    for (size_t i = 0; i < count; i++) {
        const struct slim_span span = changes[i].fix->span;
        if (*applied && (span.begin < at || span.begin == last))
            continue;
        slim_text_append(&out, text->text + at, span.begin - at);
        slim_text_puts(&out, changes[i].fix->text);
        at = span.end;
        last = span.begin;
        ++*applied;
    }
    slim_text_append(&out, text->text + at, text->length - at);
    return out;
}
