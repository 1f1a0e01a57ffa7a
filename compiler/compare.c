/* compare.c - what a change of a recipe changes
 *
 * Operations are paired as a text comparison pairs lines: the longest common
 * run of verbs and methods in order. A pair with one key is the same work.
 */
#include "compiler/plan.h"

#include "base/hash.h"
#include "base/text.h"

#include <jansson.h>
#include <stdlib.h>
#include <string.h>

struct side {
    const struct slim_op **ops;
    struct slim_digest *keys; /* by op->id */
    size_t count;
};

struct comparison {
    struct slim_arena *arena;
    struct side a, b;
    struct slim_text reruns, reused; /* each " VERB" */
    size_t changes;
    FILE *out;
    bool json; /* an object a line, for programs */
};

static struct side side_of(const struct slim_program *program,
                           struct slim_arena *arena)
{
    struct side side = { 0 };

    side.ops =
        SLIM_NEW_ARRAY(arena, program->count + 1, const struct slim_op *);
    side.keys = SLIM_NEW_ARRAY(arena, program->count + 1, struct slim_digest);
    for (const struct slim_op *op = program->first; op; op = op->next) {
        side.keys[op->id] = slim_op_key(op, side.keys);
        if (slim_plan_shows(op))
            side.ops[side.count++] = op;
    }
    return side;
}

static bool is_alike(const struct slim_op *a, const struct slim_op *b)
{
    bool methods =
        a->method ? b->method && strcmp(a->method, b->method) == 0 : !b->method;

    return a->stage == b->stage && methods;
}

static void put_op(const struct comparison *c, char sign,
                   const struct slim_op *op)
{
    if (c->json) {
        slim_plan_put(json_pack("{s:i,s:s,s:s,s:s,s:s?}", "v", 1, "event",
                                sign == '-' ? "removed" : "added", "stage",
                                op->stage->name, "text", op->text, "resolved",
                                op->resolved),
                      c->out);
        return;
    }
    fprintf(c->out, " %c %s%s%s\n", sign, op->text, op->resolved ? "   " : "",
            op->resolved ? op->resolved : "");
}

/* "hidden 96 -> 72" says it better than two lines, but only a verb knows its
 * words: the sizes that changed say it for all. */
static void put_change(const struct comparison *c, const struct slim_op *a,
                       const struct slim_op *b)
{
    bool same_text =
        (a->implied && b->implied) || strcmp(a->text, b->text) == 0;
    bool same_result = a->resolved && b->resolved
                           ? strcmp(a->resolved, b->resolved) == 0
                           : a->resolved == b->resolved;

    if (same_text && same_result)
        return; /* its inputs differ, which has been said */
    put_op(c, '-', a);
    put_op(c, '+', b);
}

static void list(struct slim_text *text, const struct slim_op *op)
{
    slim_text_printf(text, " %s", op->stage->name);
}

static void pair(struct comparison *c, const struct slim_op *a,
                 const struct slim_op *b)
{
    const struct slim_digest *key = &c->b.keys[b->id];

    if (memcmp(&c->a.keys[a->id], key, sizeof(*key)) == 0) {
        list(&c->reused, b);
        return;
    }
    c->changes++;
    list(&c->reruns, b);
    put_change(c, a, b);
}

static void removed(struct comparison *c, const struct slim_op *op)
{
    c->changes++;
    put_op(c, '-', op);
}

static void added(struct comparison *c, const struct slim_op *op)
{
    c->changes++;
    list(&c->reruns, op);
    put_op(c, '+', op);
}

/* lengths[i][j]: of the longest common run of a from i and b from j. */
static void walk(struct comparison *c, const size_t *lengths)
{
    size_t i = 0, j = 0, width = c->b.count + 1;

    while (i < c->a.count || j < c->b.count) {
        bool both = i < c->a.count && j < c->b.count;
        if (both && is_alike(c->a.ops[i], c->b.ops[j]))
            pair(c, c->a.ops[i++], c->b.ops[j++]);
        else if (j == c->b.count || (both && lengths[(i + 1) * width + j] >=
                                                 lengths[i * width + j + 1]))
            removed(c, c->a.ops[i++]);
        else
            added(c, c->b.ops[j++]);
    }
}

static void compare_ops(struct comparison *c)
{
    size_t width = c->b.count + 1;
    size_t *lengths =
        SLIM_NEW_ARRAY(c->arena, (c->a.count + 1) * width, size_t);

    for (size_t i = c->a.count; i-- > 0;)
        for (size_t j = c->b.count; j-- > 0;) {
            size_t *here = &lengths[i * width + j];
            size_t right = here[1], below = here[width];
            *here = is_alike(c->a.ops[i], c->b.ops[j]) ? here[width + 1] + 1
                    : right > below                    ? right
                                                       : below;
        }
    walk(c, lengths);
}

static void put_totals(const struct comparison *c, const struct slim_program *a,
                       const struct slim_program *b)
{
    struct slim_totals before = slim_plan_totals(a);
    struct slim_totals after = slim_plan_totals(b);

    if (before.after == after.after)
        return;
    if (c->json)
        slim_plan_put(json_pack("{s:i,s:s,s:I,s:I}", "v", 1, "event", "params",
                                "before", (json_int_t)before.after, "after",
                                (json_int_t)after.after),
                      c->out);
    else
        fprintf(c->out, "   params   %s -> %s (%+.1f%%)\n",
                slim_text_count(c->arena, before.after),
                slim_text_count(c->arena, after.after),
                100.0 * ((double)after.after / (double)before.after - 1.0));
}

/* "reruns   prune slice": verbs, in the order of the recipe. */
static void put_verbs(const struct comparison *c, const char *what,
                      const struct slim_text *verbs)
{
    json_t *list = c->json ? json_array() : NULL;

    if (!c->json) {
        fprintf(c->out, "   %s  %s\n", what, verbs->data);
        return;
    }
    for (const char *at = verbs->data; *at; at += strcspn(at, " ")) {
        at++;
        json_array_append_new(list, json_stringn(at, strcspn(at, " ")));
    }
    slim_plan_put(
        json_pack("{s:i,s:s,s:o}", "v", 1, "event", what, "stages", list),
        c->out);
}

bool slim_program_compare(const struct slim_program *a,
                          const struct slim_program *b, FILE *out, bool json)
{
    struct slim_arena *arena = slim_arena_open();
    struct comparison c = { .arena = arena,
                            .a = side_of(a, arena),
                            .b = side_of(b, arena),
                            .out = out,
                            .json = json };

    compare_ops(&c);
    if (c.changes && a->model && b->model)
        put_totals(&c, a, b);
    if (c.reruns.length)
        put_verbs(&c, "reruns", &c.reruns);
    if (c.changes && c.reused.length)
        put_verbs(&c, "reused", &c.reused);
    slim_text_free(&c.reruns);
    slim_text_free(&c.reused);
    slim_arena_close(arena);
    return c.changes == 0;
}
