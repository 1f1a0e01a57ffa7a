/* suggest.c - "did you mean", and the list of what is known */
#include "compiler/compilation.h"

#include "base/text.h"

#include <string.h>

void slim_words_add(struct slim_words *names, struct slim_arena *arena,
                    const char *name)
{
    if (names->count + 1 >= names->capacity) {
        size_t capacity = names->capacity ? 2 * names->capacity : 16;
        const char **items = SLIM_NEW_ARRAY(arena, capacity, const char *);
        for (size_t i = 0; i < names->count; i++)
            items[i] = names->items[i];
        names->items = items;
        names->capacity = capacity;
    }
    names->items[names->count++] = name;
    names->items[names->count] = NULL;
}

void slim_suggest(struct slim_diag *diag, struct slim_error *error,
                  struct slim_span span, const char *word,
                  const struct slim_words *names)
{
    struct slim_text known = { 0 };

    if (names->count == 0)
        return;
    /* of two letters any other two are near */
    const char *near =
        strlen(word) > 2 ? slim_text_nearest(word, names->items) : NULL;
    if (near) {
        slim_error_label(diag, error, "did you mean '%s'?", near);
        slim_error_fix(diag, error, span, "%s", near);
    }
    for (size_t i = 0; i < names->count; i++)
        slim_text_printf(&known, " %s", names->items[i]);
    slim_error_hint(diag, error, "known:%s", known.data);
    slim_text_free(&known);
}

struct slim_words slim_stage_names(const struct slim_stage *const *stages,
                                   struct slim_arena *arena)
{
    /* statements that are no rows */
    static const char *const fixed[] = { "slim", "include", "let",
                                         "data", "sweep",   "compute" };
    struct slim_words names = { 0 };

    for (; *stages; stages++)
        if (!(*stages)->hidden)
            slim_words_add(&names, arena, (*stages)->name);
    for (size_t i = 0; i < SLIM_COUNT(fixed); i++)
        slim_words_add(&names, arena, fixed[i]);
    return names;
}

const char *slim_stage_title(struct slim_arena *arena,
                             const struct slim_stage *stage, const char *method)
{
    return method ? slim_arena_printf(arena, "%s %s", stage->name, method)
                  : stage->name;
}
