/* explain.c - slimc explain: why a stage is kept, or runs */
#include "cli/cli.h"

#include "base/text.h"
#include "runtime/store/memo.h"
#include "runtime/store/nearest.h"

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

/* What is said of one operation. */
struct verdict {
    const struct slim_op *op;
    const struct slim_memo *memo;
    const struct slim_kept *near; /* the nearest that is kept, or NULL */
    const char *reason;           /* NULL: the causes say it, or it is kept */
    double low, high;             /* amounts that would hit; equal: none */
};

static void find_interval(struct verdict *v, struct slim_run *run)
{
    const struct slim_op *op = v->op;
    double was = v->near->amount, step = was / 2.0;

    if (op->amount.kind == SLIM_QUANTITY_NONE || !op->stage->keep.causes ||
        !comes_to(run, op, was, v->near) || !(step > 0.0))
        return;
    v->low = edge(run, op, was, was - step, v->near);
    v->high = edge(run, op, was, was + step, v->near);
}

static void judge_miss(struct verdict *v, struct slim_run *run,
                       struct slim_nearest *nearest)
{
    const struct slim_causes *causes = &v->memo->causes;

    if (!v->memo->keyed) {
        v->reason = "what it reads is not known before it is made";
        return;
    }
    v->near = slim_nearest_find(nearest, v->op->stage->name, causes->items,
                                causes->count);
    if (!v->near)
        v->reason = slim_arena_printf(run->arena, "no '%s' is kept",
                                      v->op->stage->name);
    else if (slim_digest_same(&v->near->key, &v->memo->key))
        v->reason = "what it left outside is not there any more";
    else
        find_interval(v, run);
}

/* ---- for people ---- */

static void print_causes(const struct slim_run *run, const struct verdict *v)
{
    const struct slim_causes *causes = &v->memo->causes;
    struct slim_text same = { 0 };
    size_t line = 0, column = 0;

    slim_span_place(v->op->span, &line, &column);
    for (size_t i = 0; i < causes->count; i++) {
        const struct slim_cause *c = &causes->items[i];
        if (differs(c, v->near))
            printf("  %-12s %s, was %s\n", c->name, brief(run->arena, c->value),
                   brief(run->arena, value_of(v->near, c->name)));
        else
            slim_text_printf(&same, " %s", c->name);
    }
    printf("  %-12s '%s', was '%s'\n",
           slim_arena_printf(run->arena, "line %zu", line), v->op->text,
           v->near->text);
    if (same.length)
        printf("  %-12s%s\n", "same", same.data);
    slim_text_free(&same);
}

static void print_verdict(const struct slim_run *run, const struct verdict *v)
{
    const struct slim_memo *memo = v->memo;
    const char *sign = v->op->amount.kind == SLIM_QUANTITY_PERCENT ? "%" : "";
    char key[65];

    if (memo->hit) {
        slim_digest_hex(key, &memo->key);
        printf("%s  kept %.8s, made by %s in %s\n", v->op->text, key,
               memo->entry->recipe ? memo->entry->recipe : "?",
               slim_text_seconds(run->arena, memo->entry->seconds));
        return;
    }
    if (v->reason) {
        printf("%s  runs: %s\n", v->op->text, v->reason);
        return;
    }
    slim_digest_hex(key, &v->near->key);
    printf("%s  runs: %zu of %zu causes differ from the nearest that is kept, "
           "%.8s (%s)\n",
           v->op->text, distance(&memo->causes, v->near), memo->causes.count,
           key, v->near->recipe ? v->near->recipe : "");
    print_causes(run, v);
    if (v->low < v->high)
        printf("  %-12s any amount from %.2f%s to %.2f%s\n", "kept is", v->low,
               sign, v->high, sign);
}

/* ---- as JSON ---- */

static json_t *digest_json(const struct slim_digest *digest)
{
    char hex[65];

    slim_digest_hex(hex, digest);
    return json_string(hex);
}

static void add_kept(json_t *line, const struct slim_kept *e)
{
    json_object_set_new(line, "kept", digest_json(&e->key));
    json_object_set_new(line, "kept_text", json_string(e->text));
    json_object_set_new(line, "kept_recipe",
                        e->recipe ? json_string(e->recipe) : json_null());
    json_object_set_new(line, "kept_seconds", json_real(e->seconds));
}

/* Every cause with its value; of what differs also what it was. */
static json_t *causes_json(const struct verdict *v)
{
    const struct slim_causes *causes = &v->memo->causes;
    json_t *list = json_array();

    for (size_t i = 0; i < causes->count; i++) {
        const struct slim_cause *c = &causes->items[i];
        json_t *one =
            json_pack("{s:s,s:s}", "name", c->name, "value", c->value);
        const char *was = value_of(v->near, c->name);
        if (differs(c, v->near))
            json_object_set_new(one, "was",
                                was ? json_string(was) : json_null());
        json_array_append_new(list, one);
    }
    return list;
}

static void put_verdict(const struct verdict *v)
{
    size_t number = 0, column = 0;
    bool hit = v->memo->hit;

    slim_span_place(v->op->span, &number, &column);
    json_t *line =
        json_pack("{s:i,s:s,s:s,s:s,s:I,s:s}", "v", 1, "event", "explain",
                  "stage", v->op->stage->name, "text", v->op->text, "line",
                  (json_int_t)number, "cache", hit ? "hit" : "miss");
    if (v->memo->keyed)
        json_object_set_new(line, "key", digest_json(&v->memo->key));
    if (hit)
        add_kept(line, v->memo->entry);
    else if (v->reason)
        json_object_set_new(line, "reason", json_string(v->reason));
    else {
        add_kept(line, v->near);
        json_object_set_new(line, "causes", causes_json(v));
    }
    if (v->low < v->high)
        json_object_set_new(line, "amounts",
                            json_pack("[f,f]", v->low, v->high));
    slim_cli_put(line);
}

static void explain(const struct slim_cli *cli, struct slim_run *run,
                    const struct slim_op *op, struct slim_nearest *nearest)
{
    struct verdict v = { .op = op, .memo = &run->memos[op->id] };

    if (!v.memo->hit)
        judge_miss(&v, run, nearest);
    if (slim_cli_has(cli, SLIM_OPTION_json))
        put_verdict(&v);
    else
        print_verdict(run, &v);
}

int slim_command_explain(struct slim_cli *cli)
{
    struct slim_project project = { 0 };
    struct slim_nearest nearest = { 0 };
    struct slim_run run;

    (void)slim_blas_fix(cli->argv);
    if (cli->operand_count != 2 && cli->operand_count != 3)
        return slim_cli_usage(cli, "explain needs one recipe and its model");
    const char *stage = cli->operand_count == 3 ? cli->operands[2] : NULL;
    if (slim_cli_project(&project, cli, 0) != SLIM_OK)
        return slim_cli_report(cli, &project.diag);
    slim_cli_store(&run, &project, cli);
    if (!slim_store_keeps(run.store))
        return slim_cli_usage(cli, "there is no store to explain");
    (void)slim_memo_plan(&run);
    nearest.store = run.store;
    size_t told = 0;
    for (const struct slim_op *op = run.program->first; op; op = op->next)
        if (op->cached && !op->stage->hidden &&
            (!stage || strcmp(stage, op->stage->name) == 0)) {
            explain(cli, &run, op, &nearest);
            told++;
        }
    slim_nearest_close(&nearest);
    slim_memo_close(&run);
    if (told == 0 && stage)
        return slim_cli_usage(cli, "the recipe has no '%s' to explain", stage);
    return slim_cli_report(cli, &project.diag);
}
