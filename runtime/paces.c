/* paces.c - how long stages took here, and how long others will take */
#include "runtime/paces.h"

#include "base/text.h"
#include "runtime/rates.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/*
 *     slimc paces 1
 *     6.5e11 6.2e11 5.4e8 6.7 score taylor
 */
#define HEAD "slimc paces 1\n"

/* So many of a kind are kept: what the machine did long ago says little. */
enum { MOST = 9, MOST_NEAR = 4 * MOST };
/* Two pieces of work are about as much if their logarithms differ so little
 * more than those of the nearest. */
static const double ALIKE = 0.1;
/* What is left to do where all streams are found. */
static const double LEAST_SHARE = 0.05;

/* ---- the file ---- */

static void read_line(struct slim_paces *paces, char *line)
{
    struct slim_pace pace = { 0 };
    double *const fields[] = { &pace.planned, &pace.done, &pace.bytes,
                               &pace.seconds };

    for (size_t i = 0; i < SLIM_COUNT(fields); i++) {
        char *end;
        *fields[i] = strtod(line, &end);
        if (end == line || *end != ' ')
            return;
        line = end + 1;
    }
    struct slim_pace *kept = SLIM_NEW(paces->arena, struct slim_pace);
    *kept = pace;
    kept->kind = line;
    kept->next = paces->first;
    paces->first = kept;
}

void slim_paces_open(struct slim_paces *out, struct slim_store *store,
                     const struct slim_kernels *kernels,
                     struct slim_arena *arena)
{
    struct slim_map map;

    *out = (struct slim_paces){ .arena = arena };
    if (!slim_store_keeps(store))
        return;
    out->path = slim_rate_path(store, kernels, "stages");
    if (!slim_sealed_map(&map, out->path, NULL, &store->diag))
        return;
    char *text = slim_arena_strndup(arena, (const char *)map.data,
                                    map.length - SLIM_SEAL);
    slim_map_close(&map);
    size_t head = strlen(HEAD);
    if (strncmp(text, HEAD, head) != 0)
        return;
    for (char *line = text + head, *end; (end = strchr(line, '\n'));
         line = end + 1) {
        *end = 0;
        read_line(out, line);
    }
}

/* How many newer ones are of the same kind. */
static size_t newer(const struct slim_paces *paces, const struct slim_pace *of)
{
    size_t count = 0;

    for (const struct slim_pace *p = paces->first; p != of; p = p->next)
        count += strcmp(p->kind, of->kind) == 0;
    return count;
}

/* The oldest first, as it is read. */
static void print(struct slim_text *out, const struct slim_paces *paces)
{
    size_t count = 0;

    for (const struct slim_pace *p = paces->first; p; p = p->next)
        count++;
    const struct slim_pace **kept =
        SLIM_NEW_ARRAY(paces->arena, count + 1, const struct slim_pace *);
    count = 0;
    for (const struct slim_pace *p = paces->first; p; p = p->next)
        if (newer(paces, p) < MOST)
            kept[count++] = p;
    slim_text_puts(out, HEAD);
    while (count-- > 0)
        slim_text_printf(out, "%.17g %.17g %.17g %.17g %s\n",
                         kept[count]->planned, kept[count]->done,
                         kept[count]->bytes, kept[count]->seconds,
                         kept[count]->kind);
}

void slim_paces_keep(const struct slim_paces *paces, struct slim_store *store)
{
    struct slim_text text = { 0 };

    if (!slim_store_keeps(store) || !paces->path || !paces->changed)
        return;
    print(&text, paces);
    (void)slim_sealed_put(store, paces->path, text.data, text.length);
    slim_text_free(&text);
}

/* ---- what is learned, and what it says ---- */

/* A stage that another carries out takes another time than on its own. */
static const char *kind_of(const struct slim_op *op, struct slim_arena *arena)
{
    return slim_arena_printf(
        arena, "%s%s%s%s", op->stage->name, op->method ? " " : "",
        op->method ? op->method : "", op->fused ? " fused" : "");
}

static double bytes_of(const struct slim_op *op)
{
    uint64_t bytes = op->cost.disk;

    if (op->before)
        bytes += slim_shape_bytes(op->before);
    if (op->after && op->after != op->before)
        bytes += slim_shape_bytes(op->after);
    return (double)bytes;
}

void slim_paces_add(struct slim_paces *paces, const struct slim_run *run,
                    const struct slim_op *op, const struct slim_spent *spent,
                    double seconds)
{
    bool resumed =
        run->store && op->stage->keep.journal && run->earlier_seconds > 0.0;

    if (!paces || resumed || op->stage->hidden ||
        op->stage->keep.how != SLIM_KEEP_RESULT || !(seconds > 0.0))
        return;
    struct slim_pace *pace = SLIM_NEW(paces->arena, struct slim_pace);
    *pace = (struct slim_pace){ kind_of(op, paces->arena),
                                op->cost.flops,
                                (double)spent->work.operations,
                                bytes_of(op),
                                seconds,
                                paces->first };
    paces->first = pace;
    paces->changed = true;
}

/* Of products, what was counted: layers whose streams were found took none. */
static double work_of(const struct slim_pace *pace)
{
    if (!(pace->planned > 0.0))
        return pace->bytes;
    return pace->done > 0.0 ? pace->done : pace->planned;
}

/* Most that was counted of what was planned: plans round up. */
static double counted_share(const struct slim_paces *paces, const char *kind)
{
    double most = 0.0;

    for (const struct slim_pace *p = paces->first; p; p = p->next)
        if (strcmp(p->kind, kind) == 0 && p->planned > 0.0)
            most = fmax(most, p->done / p->planned);
    return most > 0.0 ? most : 1.0;
}

static double work_ahead(const struct slim_paces *paces,
                         const struct slim_op *op, const char *kind)
{
    const struct slim_stream_plan *streams = op->streams;
    double share = 1.0;

    if (!(op->cost.flops > 0.0))
        return bytes_of(op);
    if (streams && streams->found)
        share = 1.0 - (double)streams->found /
                          (double)(streams->found + streams->kept +
                                   streams->computed);
    return op->cost.flops * counted_share(paces, kind) *
           fmax(share, LEAST_SHARE);
}

static double distance(const struct slim_pace *pace, double work)
{
    return fabs(log(work_of(pace) / work));
}

static bool counts(const struct slim_pace *pace, const char *kind,
                   const struct slim_op *op)
{
    bool products = op->cost.flops > 0.0;

    return strcmp(pace->kind, kind) == 0 && (pace->planned > 0.0) == products &&
           work_of(pace) > 0.0;
}

static int by_value(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;

    return (x > y) - (x < y);
}

/* Seconds for a unit of work: the middle of what the nearest ones took. */
static double pace_near(const struct slim_paces *paces,
                        const struct slim_op *op, const char *kind, double work)
{
    double near = INFINITY, rates[MOST_NEAR] = { 0 };
    size_t count = 0;

    for (const struct slim_pace *p = paces->first; p; p = p->next)
        if (counts(p, kind, op))
            near = fmin(near, distance(p, work));
    for (const struct slim_pace *p = paces->first; p && count < MOST_NEAR;
         p = p->next)
        if (counts(p, kind, op) && distance(p, work) <= near + ALIKE)
            rates[count++] = p->seconds / work_of(p);
    qsort(rates, count, sizeof(*rates), by_value);
    return count ? (rates[(count - 1) / 2] + rates[count / 2]) / 2.0 : 0.0;
}

double slim_paces_seconds(const struct slim_paces *paces,
                          const struct slim_op *op)
{
    if (op->stage->hidden || !paces->first)
        return 0.0;
    const char *kind = kind_of(op, paces->arena);
    double work = work_ahead(paces, op, kind);
    return work > 0.0 ? work * pace_near(paces, op, kind, work) : 0.0;
}

void slim_paces_plan(const struct slim_paces *paces,
                     struct slim_program *program)
{
    for (struct slim_op *op = program->first; op; op = op->next)
        if (!slim_op_hit(op))
            op->pace = slim_paces_seconds(paces, op);
}
