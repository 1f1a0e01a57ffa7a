/* compare.c - two results, or two models, side by side */
#include "report/report.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct comparison {
    struct slim_text *out;
    struct slim_arena *arena;
    size_t differences;
    bool json;         /* an object a line, for programs */
    const char *point; /* that is compared, or "" */
};

static const char *text_of(const json_t *object, const char *key)
{
    const char *text = json_string_value(json_object_get(object, key));

    return text ? text : "";
}

static void differ(struct comparison *c, const char *what)
{
    c->differences++;
    slim_text_printf(c->out, "   %-12s ", what);
}

/* Takes `more`, the members that an object of this kind has beside. */
static void put_json(struct comparison *c, const char *what, json_t *more)
{
    json_t *line = json_pack("{s:i,s:s,s:s,s:s}", "v", 1, "event", "difference",
                             "point", c->point, "what", what);

    c->differences++;
    json_object_update(line, more);
    json_decref(more);
    char *text = json_dumps(line, JSON_COMPACT);
    slim_text_printf(c->out, "%s\n", text ? text : "{}");
    free(text);
    json_decref(line);
}

static void compare_params(struct comparison *c, const json_t *a,
                           const json_t *b)
{
    json_int_t before = json_integer_value(json_object_get(a, "params"));
    json_int_t after = json_integer_value(json_object_get(b, "params"));

    if (before == after)
        return;
    if (c->json) {
        put_json(c, "params",
                 json_pack("{s:I,s:I}", "before", before, "after", after));
        return;
    }
    differ(c, "params");
    slim_text_printf(c->out, "%s -> %s (%+.2f%%)\n",
                     slim_text_grouped(c->arena, (uint64_t)before),
                     slim_text_grouped(c->arena, (uint64_t)after),
                     100.0 * ((double)after / (double)before - 1.0));
}

static const json_t *metric_of(const json_t *point, const char *label)
{
    size_t i;
    json_t *metric;

    json_array_foreach(json_object_get(point, "metrics"), i, metric)
    {
        if (strcmp(text_of(metric, "label"), label) == 0)
            return metric;
    }
    return NULL;
}

static void put_number(struct comparison *c, const json_t *metric)
{
    const json_t *value = json_object_get(metric, "value");

    if (json_is_number(value))
        slim_text_printf(c->out, "%.6g", json_number_value(value));
    else
        slim_text_puts(c->out, metric ? "no number" : "not measured");
}

static bool same_metric(const json_t *a, const json_t *b)
{
    return a && b &&
           strcmp(text_of(a, "protocol"), text_of(b, "protocol")) == 0 &&
           json_equal(json_object_get(a, "value"), json_object_get(b, "value"));
}

static json_t *number_of(const json_t *metric)
{
    json_t *value = json_object_get(metric, "value");

    return json_is_number(value) ? json_incref(value) : json_null();
}

static json_t *protocol_of(const json_t *metric)
{
    json_t *text = json_object_get(metric, "protocol");

    return json_is_string(text) ? json_incref(text) : json_null();
}

/* Numbers that were taken in two ways stand apart. */
static void compare_metric(struct comparison *c, const char *label,
                           const json_t *a, const json_t *b)
{
    if (same_metric(a, b) || strcmp(label, "params") == 0)
        return;
    bool comparable =
        !a || !b || strcmp(text_of(a, "protocol"), text_of(b, "protocol")) == 0;
    if (c->json) {
        put_json(c, label,
                 json_pack("{s:o,s:o,s:o,s:o,s:b}", "before", number_of(a),
                           "after", number_of(b), "protocol_before",
                           protocol_of(a), "protocol_after", protocol_of(b),
                           "comparable", (int)comparable));
        return;
    }
    differ(c, label);
    put_number(c, a);
    if (!comparable)
        slim_text_printf(c->out, " (%s)", text_of(a, "protocol"));
    slim_text_puts(c->out, comparable ? " -> " : ", not comparable to ");
    put_number(c, b);
    if (!comparable)
        slim_text_printf(c->out, " (%s)", text_of(b, "protocol"));
    slim_text_puts(c->out, "\n");
}

static void compare_metrics(struct comparison *c, const json_t *a,
                            const json_t *b)
{
    size_t i;
    json_t *metric;

    json_array_foreach(json_object_get(a, "metrics"), i, metric)
    {
        const char *label = text_of(metric, "label");
        compare_metric(c, label, metric, metric_of(b, label));
    }
    json_array_foreach(json_object_get(b, "metrics"), i, metric)
    {
        const char *label = text_of(metric, "label");
        if (!metric_of(a, label))
            compare_metric(c, label, NULL, metric);
    }
}

const json_t *slim_report_sizes(const json_t *record, const json_t *point)
{
    const json_t *sizes =
        json_object_get(json_object_get(record, "model"), "sizes");
    size_t i;
    json_t *stage;

    json_array_foreach(json_object_get(point, "stages"), i, stage)
    {
        const json_t *own = json_object_get(stage, "sizes");
        sizes = own ? own : sizes;
    }
    return sizes;
}

static json_int_t size_at(const json_t *sizes, size_t i)
{
    return json_integer_value(json_array_get(sizes, i));
}

/* Sizes from index first up to, without, end; of another number of layers:
 * how many there are. */
static void put_sizes(struct comparison *c, const char *axis, const char *place,
                      size_t first, size_t end, json_int_t before,
                      json_int_t after)
{
    if (c->json) {
        put_json(c, axis,
                 json_pack("{s:s,s:I,s:I,s:I,s:I}", "place", place, "first",
                           (json_int_t)first, "last", (json_int_t)end - 1,
                           "before", before, "after", after));
        return;
    }
    differ(c, axis);
    if (end == first + 1)
        slim_text_printf(c->out, "%s %zu  ", place, first);
    else
        slim_text_printf(c->out, "%ss %zu..%zu  ", place, first, end - 1);
    slim_text_printf(c->out, "%lld -> %lld\n", (long long)before,
                     (long long)after);
}

static void put_depths(struct comparison *c, const char *axis,
                       const char *place, size_t before, size_t after)
{
    if (c->json) {
        put_json(c, axis,
                 json_pack("{s:s,s:I,s:I}", "count_of", place, "before",
                           (json_int_t)before, "after", (json_int_t)after));
        return;
    }
    differ(c, axis);
    slim_text_printf(c->out, "%zu %ss -> %zu\n", before, place, after);
}

/* "layers 1..7  256 -> 185": layers that change alike are one line. */
static void compare_axis(struct comparison *c, const char *axis,
                         const json_t *a, const json_t *b)
{
    const char *place = strcmp(axis, "stream") == 0 ? "site" : "layer";
    size_t count = json_array_size(a);

    if (json_array_size(b) != count) {
        put_depths(c, axis, place, count, json_array_size(b));
        return;
    }
    for (size_t first = 0, end; first < count; first = end) {
        json_int_t before = size_at(a, first), after = size_at(b, first);
        for (end = first + 1; end < count && size_at(a, end) == before &&
                              size_at(b, end) == after;)
            end++;
        if (before != after)
            put_sizes(c, axis, place, first, end, before, after);
    }
}

static void compare_sizes(struct comparison *c, const json_t *a,
                          const json_t *b)
{
    const char *axis;
    json_t *sizes;

    json_object_foreach((json_t *)(uintptr_t)a, axis, sizes)
    {
        compare_axis(c, axis, sizes, json_object_get(b, axis));
    }
}

static void compare_status(struct comparison *c, const json_t *a,
                           const json_t *b)
{
    if (strcmp(text_of(a, "status"), text_of(b, "status")) == 0)
        return;
    if (c->json) {
        put_json(c, "status",
                 json_pack("{s:s,s:s}", "before", text_of(a, "status"), "after",
                           text_of(b, "status")));
        return;
    }
    differ(c, "status");
    slim_text_printf(c->out, "%s -> %s\n", text_of(a, "status"),
                     text_of(b, "status"));
}

static const json_t *point_of(const json_t *record, const char *name)
{
    size_t i;
    json_t *point;

    json_array_foreach(json_object_get(record, "points"), i, point)
    {
        if (strcmp(text_of(point, "name"), name) == 0)
            return point;
    }
    return NULL;
}

static void compare_points(struct comparison *c, const json_t *a,
                           const json_t *b, const json_t *from,
                           const json_t *to)
{
    const char *name = text_of(from, "name");
    size_t length = c->out->length, before = c->differences;

    c->point = name;
    if (*name && !c->json)
        slim_text_printf(c->out, " point %s\n", name);
    compare_status(c, from, to);
    compare_params(c, from, to);
    compare_metrics(c, from, to);
    compare_sizes(c, slim_report_sizes(a, from), slim_report_sizes(b, to));
    if (c->differences == before && *name && !c->json) {
        c->out->length = length;
        c->out->data[length] = '\0';
    }
}

/* The only point of a run is compared with the only one of another, whatever
 * they are called. */
static const json_t *partner(const json_t *point, const json_t *own,
                             const json_t *other)
{
    if (json_array_size(json_object_get(own, "points")) == 1 &&
        json_array_size(json_object_get(other, "points")) == 1)
        return json_array_get(json_object_get(other, "points"), 0);
    return point_of(other, text_of(point, "name"));
}

/* One of the results alone has the point. */
static void put_lonely(struct comparison *c, char sign, const json_t *point)
{
    c->point = text_of(point, "name");
    if (c->json) {
        put_json(c, "point",
                 json_pack("{s:s}", "in", sign == '-' ? "first" : "second"));
        return;
    }
    c->differences++;
    slim_text_printf(c->out, " %c point %s\n", sign, c->point);
}

bool slim_report_compare(struct slim_text *out, const json_t *a,
                         const json_t *b, bool json, struct slim_arena *arena)
{
    struct comparison c = { .out = out, .arena = arena, .json = json };
    size_t i;
    json_t *point;

    json_array_foreach(json_object_get(a, "points"), i, point)
    {
        const json_t *other = partner(point, a, b);
        if (other)
            compare_points(&c, a, b, point, other);
        else
            put_lonely(&c, '-', point);
    }
    json_array_foreach(json_object_get(b, "points"), i, point)
    {
        if (!partner(point, b, a))
            put_lonely(&c, '+', point);
    }
    return c.differences == 0;
}
