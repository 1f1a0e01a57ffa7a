/* explain.c - slimc explain: why a stage is kept, or runs */
#include "cli/cli.h"

#include "base/text.h"
#include "runtime/store/gc.h"
#include "runtime/store/memo.h"

#include <string.h>
#include <time.h>

static const char *value_of(const struct slim_kept *e, const char *name)
{
    for (size_t i = 0; i < e->cause_count; i++)
        if (strcmp(e->causes[i].name, name) == 0)
            return e->causes[i].value;
    return NULL;
}

static bool differs(const struct slim_cause *cause, const struct slim_kept *e)
{
    const char *was = value_of(e, cause->name);

    return !was || strcmp(was, cause->value) != 0;
}

static size_t distance(const struct slim_causes *causes,
                       const struct slim_kept *e)
{
    size_t count = 0;

    for (size_t i = 0; i < causes->count; i++)
        count += differs(&causes->items[i], e);
    return count;
}

/* What was kept of the same verb, with the fewest differences; the newest. */
static const struct slim_kept *nearest(const struct slim_run *run,
                                       const struct slim_op *op,
                                       const struct slim_listing *listing)
{
    const struct slim_causes *causes = &run->memos[op->id].causes;
    const struct slim_kept *best = NULL;

    for (size_t i = 0; i < listing->count; i++) {
        const struct slim_kept *e = listing->items[i].entry;
        if (strcmp(e->stage, op->stage->name) != 0)
            continue;
        size_t far = distance(causes, e);
        size_t least = best ? distance(causes, best) : far;
        if (!best || far < least || (far == least && e->made > best->made))
            best = e;
    }
    return best;
}

/* Digests and long lists by their beginning. */
static const char *brief(struct slim_arena *arena, const char *value)
{
    size_t length = value ? strlen(value) : 0;

    if (!value)
        return "nothing";
    if (length == 64 && strspn(value, "0123456789abcdef") == 64)
        return slim_arena_strndup(arena, value, 8);
    return length <= 60 ? value : slim_arena_printf(arena, "%.57s...", value);
}

/* Whether an amount comes to what `want` says under every cause but inputs. */
static bool comes_to(struct slim_run *run, const struct slim_op *op,
                     double amount, const struct slim_kept *want)
{
    struct slim_op other = *op;
    struct slim_diag quiet = { .arena = run->arena };
    struct slim_causes causes = { .arena = run->arena };

    other.amount.value = amount;
    if (op->stage->resolve(&other, &quiet) != SLIM_OK ||
        !op->stage->keep.causes(&causes, run, &other))
        return false;
    for (size_t i = 0; i < causes.count; i++)
        if (differs(&causes.items[i], want))
            return false;
    return true;
}

/* The amount farthest from `inside` towards `outside` that still comes to it.
 */
static double edge(struct slim_run *run, const struct slim_op *op,
                   double inside, double outside, const struct slim_kept *want)
{
    for (int i = 0; i < 30; i++) {
        double middle = (inside + outside) / 2.0;
        if (comes_to(run, op, middle, want))
            inside = middle;
        else
            outside = middle;
    }
    return inside;
}

/* Why a stage is kept or runs. */
struct reason {
    const struct slim_op *op;
    const struct slim_memo *memo;
    const char *why;              /* it runs; NULL: it is kept */
    const struct slim_kept *near; /* differs in the causes below; or NULL */
    double low, high;             /* amounts that `near` serves; equal: none */
};

static void find_interval(struct reason *reason, struct slim_run *run)
{
    const struct slim_op *op = reason->op;
    double was = reason->near->amount, step = was / 2.0;

    if (op->amount.kind == SLIM_QUANTITY_NONE || !op->stage->keep.causes ||
        !comes_to(run, op, was, reason->near) || !(step > 0.0))
        return;
    reason->low = edge(run, op, was, was - step, reason->near);
    reason->high = edge(run, op, was, was + step, reason->near);
}

static struct reason find_reason(struct slim_run *run, const struct slim_op *op,
                                 const struct slim_listing *listing)
{
    const struct slim_memo *memo = &run->memos[op->id];
    struct reason reason = { .op = op, .memo = memo };

    if (memo->hit)
        return reason;
    if (!memo->keyed) {
        reason.why = "what it reads is not known before it is made";
        return reason;
    }
    const struct slim_kept *near = nearest(run, op, listing);
    if (!near) {
        reason.why =
            slim_arena_printf(run->arena, "no '%s' is kept", op->stage->name);
    } else if (slim_digest_same(&near->key, &memo->key)) {
        reason.why = "what it left outside is not there any more";
    } else {
        reason.why = slim_arena_printf(
            run->arena,
            "%zu of %zu causes differ from the nearest that is kept",
            distance(&memo->causes, near), memo->causes.count);
        reason.near = near;
        find_interval(&reason, run);
    }
    return reason;
}

/* ---- for people ---- */

static void print_causes(const struct reason *reason, struct slim_arena *arena)
{
    const struct slim_causes *causes = &reason->memo->causes;
    const struct slim_kept *near = reason->near;
    struct slim_text same = { 0 };
    size_t line = 0, column = 0;

    slim_span_place(reason->op->span, &line, &column);
    for (size_t i = 0; i < causes->count; i++) {
        const struct slim_cause *c = &causes->items[i];
        if (differs(c, near))
            printf("  %-12s %s, was %s\n", c->name, brief(arena, c->value),
                   brief(arena, value_of(near, c->name)));
        else
            slim_text_printf(&same, " %s", c->name);
    }
    printf("  %-12s '%s', was '%s'\n",
           slim_arena_printf(arena, "line %zu", line), reason->op->text,
           near->text);
    if (same.length)
        printf("  %-12s%s\n", "same", same.data);
    slim_text_free(&same);
}

static void print_reason(const struct reason *reason, struct slim_arena *arena)
{
    const struct slim_op *op = reason->op;
    const struct slim_kept *near = reason->near, *kept = reason->memo->entry;
    const char *sign = op->amount.kind == SLIM_QUANTITY_PERCENT ? "%" : "";
    char key[65];

    if (!reason->why) {
        slim_digest_hex(key, &reason->memo->key);
        printf("%s  kept %.8s, made by %s in %s\n", op->text, key,
               kept->recipe ? kept->recipe : "?",
               slim_text_seconds(arena, kept->seconds));
        return;
    }
    printf("%s  runs: %s", op->text, reason->why);
    if (near) {
        slim_digest_hex(key, &near->key);
        printf(", %.8s (%s)", key, near->recipe ? near->recipe : "");
    }
    putchar('\n');
    if (near)
        print_causes(reason, arena);
    if (reason->low < reason->high)
        printf("  %-12s any amount from %.2f%s to %.2f%s\n", "kept is",
               reason->low, sign, reason->high, sign);
}

/* ---- for programs ---- */

/* {"NAME": {"now": .., "was": ..}, ..} of the causes that differ. */
static json_t *causes_to_json(const struct reason *reason)
{
    const struct slim_causes *causes = &reason->memo->causes;
    json_t *object = json_object();

    for (size_t i = 0; i < causes->count; i++) {
        const struct slim_cause *c = &causes->items[i];
        if (differs(c, reason->near))
            (void)json_object_set_new(
                object, c->name,
                json_pack("{s:s,s:s?}", "now", c->value, "was",
                          value_of(reason->near, c->name)));
    }
    return object;
}

static void add_near(json_t *object, const struct reason *reason)
{
    char key[65];

    slim_digest_hex(key, &reason->near->key);
    (void)json_object_update_new(
        object, json_pack("{s:s,s:s?,s:s,s:o}", "nearest", key, "recipe",
                          reason->near->recipe, "was", reason->near->text,
                          "differs", causes_to_json(reason)));
    if (reason->low < reason->high)
        (void)json_object_set_new(
            object, "kept_from_to",
            json_pack("[f,f]", reason->low, reason->high));
}

static void put_reason(const struct reason *reason)
{
    const struct slim_memo *memo = reason->memo;
    json_t *object = json_pack("{s:i,s:s,s:s,s:s,s:b}", "v", 1, "event",
                               "explain", "stage", reason->op->stage->name,
                               "text", reason->op->text, "kept", !reason->why);
    char key[65];

    if (memo->keyed) {
        slim_digest_hex(key, &memo->key);
        (void)json_object_set_new(object, "key", json_string(key));
    }
    if (reason->why)
        (void)json_object_set_new(object, "why", json_string(reason->why));
    else
        (void)json_object_update_new(
            object, json_pack("{s:s?,s:f}", "recipe", memo->entry->recipe,
                              "seconds", memo->entry->seconds));
    if (reason->near)
        add_near(object, reason);
    slim_cli_put(object);
}

static void explain(struct slim_run *run, const struct slim_op *op,
                    const struct slim_listing *listing, bool json)
{
    struct reason reason = find_reason(run, op, listing);

    if (json)
        put_reason(&reason);
    else
        print_reason(&reason, run->arena);
}

int slim_command_explain(struct slim_cli *cli)
{
    struct slim_project project = { 0 };
    struct slim_listing listing = { 0 };
    struct slim_run run;

    (void)slim_blas_fix(cli->argv);
    if (cli->operand_count != 2 && cli->operand_count != 3)
        return slim_cli_usage(cli, "explain needs one recipe and its model");
    const char *stage = cli->operand_count == 3 ? cli->operands[2] : NULL;
    if (slim_cli_project(&project, cli, 0) != SLIM_OK)
        return slim_cli_report(cli, &project.diag);
    slim_cli_store(&run, &project, cli);
    if (!run.store)
        return slim_cli_usage(cli, "there is no store to explain");
    (void)slim_memo_plan(&run);
    slim_listing_make(&listing, run.store);
    size_t told = 0;
    for (const struct slim_op *op = run.program->first; op; op = op->next)
        if (op->cached && !op->stage->hidden &&
            (!stage || strcmp(stage, op->stage->name) == 0)) {
            explain(&run, op, &listing, slim_cli_has(cli, SLIM_OPTION_json));
            told++;
        }
    slim_memo_close(&run);
    if (told == 0 && stage)
        return slim_cli_usage(cli, "the recipe has no '%s' to explain", stage);
    return slim_cli_report(cli, &project.diag);
}
