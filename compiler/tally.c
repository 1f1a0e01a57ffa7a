/* tally.c - the work that the points of a sweep share
 *
 * Two operations are one piece of work if they are the same verb and method
 * with the same arguments, on the same inputs, and come to the same numbers:
 * `prune 20%` and `prune 19.9%` that both leave 24 heads are one. Nothing here
 * knows what a verb reads: its row and its inputs say so.
 */
#include "compiler/plan.h"

#include "base/hash.h"
#include "base/text.h"

#include <stdlib.h>
#include <string.h>

struct entry {
    struct slim_digest key;
    const struct slim_op *op;
};

struct table {
    struct entry *entries;
    size_t capacity, count; /* capacity: a power of two, never full */
};

/* The entry of the key: a new one has no operation yet. */
static struct entry *entry_of(struct table *table,
                              const struct slim_digest *key)
{
    size_t at = 0;

    memcpy(&at, key->bytes, sizeof(at));
    for (;; at++) {
        struct entry *e = &table->entries[at & (table->capacity - 1)];
        if (!e->op || memcmp(&e->key, key, sizeof(*key)) == 0)
            return e;
    }
}

static void put_args(struct slim_text *out, const struct slim_op *op)
{
    const struct slim_param *p = op->stage->params;

    for (; p && p->name; p++) {
        if (!slim_param_applies(p, op->method) ||
            !slim_param_kept(op->stage, p, op->method) ||
            (op->implied && strcmp(p->name, "path") == 0))
            continue;
        slim_text_printf(out, " %s=", p->name);
        (void)slim_param_print(out, p, op->args);
    }
}

/* An amount that became whole numbers says no more than they do; one that the
 * run still has to judge, or that no model was there for, counts as written. */
static bool amount_counts(const struct slim_op *op)
{
    return op->estimated || !op->before ||
           slim_shape_equal(op->before, op->after);
}

static void put_key(struct slim_text *out, const struct slim_op *op)
{
    slim_text_printf(out, "%s %u %s", op->stage->name, op->stage->version,
                     op->method ? op->method : "-");
    put_args(out, op);
    if (amount_counts(op))
        slim_text_printf(out, " amount %d %d %.17g %llu %llu %s",
                         (int)op->amount.kind, (int)op->amount.to,
                         op->amount.value, (unsigned long long)op->amount.left,
                         (unsigned long long)op->amount.right,
                         op->amount.unit ? op->amount.unit : "-");
    if (op->formula)
        slim_formula_print(out, op->formula);
    if (op->where.given)
        slim_op_print_where(out, op);
    /* the words of what it resolved to may name the target that was missed */
    if (op->before && !slim_shape_equal(op->before, op->after))
        slim_shape_print(out, op->after);
}

struct slim_digest slim_op_key(const struct slim_op *op,
                               const struct slim_digest *keys)
{
    struct slim_text text = { 0 };
    struct slim_hasher hasher;

    put_key(&text, op);
    slim_hasher_init(&hasher);
    slim_hasher_text(&hasher, text.data);
    for (size_t i = 0; i < op->input_count; i++)
        slim_hasher_add(&hasher, keys[op->inputs[i].op->id].bytes,
                        sizeof(keys->bytes));
    /* which slice carries a rotation out decides what it is */
    if (op->fused && op->fused->id < op->id)
        slim_hasher_add(&hasher, keys[op->fused->id].bytes,
                        sizeof(keys->bytes));
    slim_text_free(&text);
    return slim_hasher_done(&hasher);
}

static void count(struct slim_tally *tally, const struct slim_program *program,
                  const struct slim_op *op)
{
    while (tally->stage && tally->stage != op->stage)
        tally++;
    tally->stage = op->stage;
    tally->runs++;
    if (slim_op_hit(op))
        tally->kept++;
    else
        tally->seconds += slim_plan_seconds(program, op);
}

/* Verbs that give something are work; the others say what is to happen. */
static bool is_work(const struct slim_op *op)
{
    return !op->stage->hidden && !op->implied && op->stage->gives != 0;
}

static void add_program(struct slim_tally *tally, struct table *table,
                        const struct slim_program *program)
{
    struct slim_digest *keys = calloc(program->count + 1, sizeof(*keys));

    for (const struct slim_op *op = program->first; keys && op; op = op->next) {
        keys[op->id] = slim_op_key(op, keys);
        struct entry *e = entry_of(table, &keys[op->id]);
        if (!e->op && is_work(op))
            count(tally, program, op);
        e->key = keys[op->id];
        e->op = op;
    }
    free(keys);
}

struct slim_tally *slim_sweep_tally(const struct slim_program *programs,
                                    struct slim_arena *arena)
{
    struct table table = { .capacity = 16 };
    size_t stages = 0, operations = 0;

    /* of the longest program: each has the verbs of the same statements */
    for (const struct slim_program *p = programs; p; p = p->next) {
        operations += p->count;
        stages = p->count > stages ? p->count : stages;
    }
    while (table.capacity < 2 * operations)
        table.capacity *= 2;
    struct slim_tally *tally =
        SLIM_NEW_ARRAY(arena, stages + 1, struct slim_tally);
    table.entries = calloc(table.capacity, sizeof(*table.entries));
    for (const struct slim_program *p = programs; table.entries && p;
         p = p->next)
        add_program(tally, &table, p);
    free(table.entries);
    return tally;
}

void slim_tally_print(const struct slim_program *programs, FILE *out)
{
    struct slim_arena *arena = slim_arena_open();
    const struct slim_tally *tally = slim_sweep_tally(programs, arena);
    size_t points = programs->point->sweep->count;
    size_t kept = 0;
    double seconds = 0.0;

    fprintf(out, "%zu %s", points, points == 1 ? "point" : "points");
    for (const struct slim_tally *t = tally; t->stage; t++) {
        fprintf(out, "%s %s %zu", t == tally ? ":" : ",", t->stage->name,
                t->runs);
        seconds += t->seconds;
        kept += t->kept;
    }
    fputs(tally->stage ? " distinct runs" : "", out);
    if (kept)
        fprintf(out, ", %zu of them kept", kept);
    if (seconds >= 1.0)
        fprintf(out, ", ~%s", slim_text_seconds(arena, seconds));
    fputc('\n', out);
    slim_arena_close(arena);
}
