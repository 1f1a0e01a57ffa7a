/* lower_verb.c - verbs that there are not, also of what could not be read */
#include "compiler/compilation.h"

static bool is_verb(const struct slim_compilation *c, const char *word)
{
    const struct slim_stage *stage = slim_stage_find(c->host->stages, word);

    return stage && !stage->hidden;
}

void slim_suggest_verb(struct slim_compilation *c, struct slim_error *error,
                       const struct slim_value *verb)
{
    struct slim_words names = slim_stage_names(c->host->stages, c->arena);

    slim_suggest(c->diag, error, verb->span, verb->text, &names);
}

/* The first syntax error at or after the verb, which is its statement's. */
static struct slim_error *error_of(const struct slim_compilation *c,
                                   const struct slim_value *verb)
{
    struct slim_error *first = NULL;

    for (struct slim_error *e = c->diag->first; e; e = e->next)
        if (e->code[0] == 'S' && e->span.source == verb->span.source &&
            e->span.begin >= verb->span.begin &&
            (!first || e->span.begin < first->span.begin))
            first = e;
    return first;
}

/* What follows an unknown verb has no grammar that could be broken: the verb
 * is the mistake, unless the message knows better what was meant. */
void slim_unread_verbs(struct slim_compilation *c,
                       const struct slim_recipe *recipe)
{
    for (const struct slim_value *v = recipe->unread; v; v = v->next) {
        struct slim_error *error = error_of(c, v);

        if (!error || error->has_fix || is_verb(c, v->text))
            continue;
        (void)snprintf(error->code, sizeof(error->code), "N001");
        error->span = v->span;
        error->label = NULL;
        error->message =
            slim_arena_printf(c->arena, "unknown verb '%s'", v->text);
        slim_suggest_verb(c, error, v);
    }
}
