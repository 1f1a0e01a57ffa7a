/* ledger_points.c - the lock file of a sweep: what its points were and gave */
#include "runtime/store/ledger.h"

#include "runtime/store/memo.h"

#include <string.h>

static const struct slim_span nowhere = { NULL, 0, 0 };

/* ---- points by their values ---- */

/* A value in a line: nothing in it ends a word or begins another value. */
static void add_value(struct slim_text *text, const char *value)
{
    for (const char *c = value; *c; c++)
        if ((unsigned char)*c <= ' ' || strchr(",\\\x7f", *c))
            slim_text_printf(text, "\\x%02x", (unsigned)(unsigned char)*c);
        else
            slim_text_append(text, c, 1);
}

const char *slim_ledger_owner(struct slim_arena *arena,
                              const struct slim_point *point)
{
    struct slim_text text = { 0 };

    if (!point)
        return "";
    slim_text_puts(&text, "point ");
    for (size_t i = 0; i < point->sweep->axis_count; i++) {
        slim_text_printf(&text, "%s%s=", i ? "," : "", point->sweep->axes[i]);
        add_value(&text, point->values[i]);
    }
    slim_text_puts(&text, " ");
    const char *owner = slim_arena_strdup(arena, text.data);
    slim_text_free(&text);
    return owner;
}

bool slim_ledger_is_swept(const struct slim_ledger *record)
{
    return slim_ledger_fact(record, "sweep", 0) != NULL;
}

bool slim_ledger_has(const struct slim_ledger *record,
                     const struct slim_point *point, struct slim_arena *arena)
{
    const char *owner = slim_ledger_owner(arena, point);

    if (!slim_ledger_is_swept(record))
        return true;
    for (char **line = record->lines; *line; line++)
        if (strncmp(*line, owner, strlen(owner)) == 0)
            return true;
    return false;
}

/* ---- of one point ---- */

static bool is_part(const struct slim_run *run, const struct slim_op *op)
{
    return op->id < run->done || op->stage->keep.how == SLIM_KEEP_SOURCE;
}

static size_t add_stages(char **lines, struct slim_run *run, const char *owner)
{
    size_t count = 0;

    for (const struct slim_op *op = run->program->first; op; op = op->next) {
        char *line = is_part(run, op) ? slim_ledger_line(run, op, true) : NULL;

        if (line && op->stage->keep.how == SLIM_KEEP_RESULT)
            line = slim_arena_printf(run->arena, "%s%s", owner, line);
        lines[count] = line;
        count += line != NULL;
    }
    return count;
}

struct slim_ledger_part slim_ledger_part(struct slim_run *run,
                                         const char *outcome)
{
    const char *owner = slim_ledger_owner(run->arena, run->program->point);
    struct slim_ledger_part part = { .whole = strcmp(outcome, "failed") != 0 };
    size_t room = run->program->count + 2, count = 0;

    for (const struct slim_metric *m = run->metrics; m; m = m->next)
        room++;
    part.lines = SLIM_NEW_ARRAY(run->arena, room, char *);
    if (run->memos) /* it was run */
        count = add_stages(part.lines, run, owner);
    for (const struct slim_metric *m = run->metrics; m; m = m->next)
        if (!m->fleeting && m->op->id < run->done)
            part.lines[count++] = slim_arena_printf(run->arena, "%s%s", owner,
                                                    slim_ledger_metric(run, m));
    if (part.whole)
        part.lines[count++] =
            slim_arena_printf(run->arena, "%soutcome %s", owner, outcome);
    part.lines[count] = NULL;
    return part;
}

/* ---- of all ---- */

struct gathering {
    struct slim_arena *arena;
    struct slim_ledger *old; /* what the file held, or NULL */
    char **lines;
    size_t count;
};

static void add(struct gathering *g, const char *line)
{
    g->lines[g->count++] = (char *)(uintptr_t)line;
}

/* Every line of the old file that belongs to the operation. */
static void add_metrics(struct gathering *g, const char *owner,
                        const struct slim_op *op)
{
    const char *lead =
        slim_arena_printf(g->arena, "%smetric %03u ", owner, op->id);

    for (char **line = g->old->lines; *line; line++)
        if (strncmp(*line, lead, strlen(lead)) == 0)
            add(g, *line);
}

static const char *in_part(const struct slim_ledger_part *part,
                           const char *lead)
{
    for (char **line = part->lines; line && *line; line++)
        if (strncmp(*line, lead, strlen(lead)) == 0)
            return *line;
    return NULL;
}

/* What the old file says of operations that were not reached, as long as all
 * before them are the same. False: some are not. */
static bool add_earlier(struct gathering *g, const struct slim_program *program,
                        const struct slim_ledger_part *part, const char *owner)
{
    for (const struct slim_op *op = program->first; op; op = op->next) {
        if (op->stage->keep.how != SLIM_KEEP_RESULT)
            continue;
        const char *lead =
            slim_arena_printf(g->arena, "stage %03u %s key=", op->id, op->text);
        const char *was = slim_ledger_find(g->old, owner, lead);
        const char *now =
            in_part(part, slim_arena_printf(g->arena, "%s%s", owner, lead));
        if (!was)
            return !now;
        if (now ? strcmp(was, now) != 0
                : strncmp(was + strlen(owner), lead, strlen(lead)) != 0)
            return false;
        if (now)
            continue;
        add(g, was);
        add_metrics(g, owner, op);
    }
    return true;
}

static void complete(struct gathering *g, const struct slim_program *program,
                     const struct slim_ledger_part *part)
{
    const char *owner = slim_ledger_owner(g->arena, program->point);
    const char *outcome = slim_ledger_find(g->old, owner, "outcome ");
    const char *model = slim_ledger_find(g->old, "", "model ");
    size_t before = g->count;

    if (!program->unmet && !add_earlier(g, program, part, owner))
        outcome = NULL;
    if (outcome &&
        (strstr(outcome, " outcome unmet") != NULL) == (program->unmet != NULL))
        add(g, outcome);
    if (g->count > before && model)
        add(g, model);
}

/* The lock that is there, if it is of the same model, arithmetic and version;
 * else NULL. */
static struct slim_ledger *comparable(struct gathering *g, const char *path)
{
    struct slim_diag quiet = { .arena = g->arena };
    struct slim_ledger *old = NULL;

    if (!slim_file_exists(path) ||
        slim_ledger_read(&old, path, &quiet) != SLIM_OK)
        return NULL;
    for (size_t i = 0; i < g->count; i++) {
        const char *line = g->lines[i];
        bool decides = strncmp(line, "model ", 6) == 0 ||
                       strncmp(line, "numerics ", 9) == 0 ||
                       strncmp(line, "version ", 8) == 0;
        const char *was = decides ? slim_ledger_find(old, "", line) : NULL;
        if (decides && (!was || strcmp(was, line) != 0))
            return NULL;
    }
    return old;
}

static size_t lines_of(char *const *lines)
{
    size_t count = 0;

    while (lines && lines[count])
        count++;
    return count;
}

/* "sweep p m": the axes. */
static const char *sweep_line(struct slim_arena *arena,
                              const struct slim_sweep *sweep)
{
    const char *line = "sweep";

    for (size_t i = 0; i < sweep->axis_count; i++)
        line = slim_arena_printf(arena, "%s %s", line, sweep->axes[i]);
    return line;
}

static void open_gathering(struct gathering *g, struct slim_run *run,
                           const struct slim_program *first,
                           const struct slim_ledger_part *parts)
{
    const struct slim_sweep *sweep = first->point->sweep;
    size_t room = slim_ledger_shared_room(run) + 1;

    for (const struct slim_program *p = first; p; p = p->next)
        room += lines_of(parts[p->point->index].lines);
    *g = (struct gathering){ .arena = run->arena };
    g->lines = SLIM_NEW_ARRAY(run->arena, room, char *);
    g->count = slim_ledger_shared(g->lines, run, true);
    add(g, sweep_line(g->arena, sweep));
    for (const struct slim_program *p = first; p; p = p->next)
        for (char **line = parts[p->point->index].lines; line && *line; line++)
            add(g, *line);
}

/* Room for what the old file adds: each of its lines once, and for each point
 * the model. */
static void widen(struct gathering *g, const struct slim_program *first)
{
    size_t room = g->count + lines_of(g->old->lines);

    for (const struct slim_program *p = first; p; p = p->next)
        room++;
    char **lines = SLIM_NEW_ARRAY(g->arena, room, char *);
    memcpy(lines, g->lines, g->count * sizeof(*lines));
    g->lines = lines;
}

static enum slim_status merge(struct slim_run *run,
                              const struct slim_program *first,
                              const struct slim_ledger_part *parts,
                              const char *path)
{
    struct gathering g;

    open_gathering(&g, run, first, parts);
    g.old = comparable(&g, path);
    if (g.old)
        widen(&g, first);
    for (const struct slim_program *p = first; p && g.old; p = p->next)
        if (!parts[p->point->index].whole)
            complete(&g, p, &parts[p->point->index]);
    const char *text = slim_ledger_sorted(run->arena, g.lines, g.count);
    return slim_file_write(path, text, strlen(text), nowhere, run->diag);
}

/* Shards that end together read and write one after the other. */
enum slim_status slim_ledger_write_points(struct slim_run *run,
                                          const struct slim_program *first,
                                          const struct slim_ledger_part *parts,
                                          const char *path)
{
    struct slim_lock lock;

    slim_lock_folder(&lock, slim_path_directory(run->arena, path));
    enum slim_status status = merge(run, first, parts, path);
    slim_lock_release(&lock);
    return status;
}
