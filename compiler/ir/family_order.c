/* family_order.c - whether each entry needs only those above it */
#include "compiler/ir/family.h"

#include <ctype.h>
#include <string.h>

#define MISTAKES 20 /* after which no more are looked for */

/* An entry names another one. */
struct need {
    size_t from, to;
    struct slim_span place;
};

struct order {
    const struct slim_yaml *map; /* the section `config` */
    struct need *needs;          /* by `from` */
    size_t count, capacity;
    size_t *first; /* [entries + 1] */
    size_t *came;  /* need by which a walk came to an entry */
    struct slim_diag *diag;
};

#define NOWHERE SIZE_MAX

static size_t find_key(const struct slim_yaml *map, const char *word,
                       size_t length)
{
    for (size_t k = 0; k < map->count; k++)
        if (strlen(map->keys[k]->text) == length &&
            memcmp(map->keys[k]->text, word, length) == 0)
            return k;
    return NOWHERE;
}

static void add_need(struct order *order, struct need need)
{
    if (order->count == order->capacity) {
        size_t capacity = order->capacity == 0 ? 64 : 2 * order->capacity;
        struct need *more =
            SLIM_NEW_ARRAY(order->diag->arena, capacity, struct need);
        for (size_t n = 0; n < order->count; n++)
            more[n] = order->needs[n];
        order->needs = more;
        order->capacity = capacity;
    }
    order->needs[order->count++] = need;
}

/* Text folded over lines has lost bytes: such a place is the whole node. */
static struct slim_span word_place(const struct slim_yaml *node, size_t begin,
                                   size_t length)
{
    struct slim_span span = node->span;
    span.begin += begin + (node->quoted ? 1 : 0);
    span.end = span.begin + length;
    return span.end <= node->span.end ? span : node->span;
}

/* The names in an expression: words outside of quotes that no call takes. */
static void add_words(struct order *order, size_t from,
                      const struct slim_yaml *node)
{
    if (node == NULL || node->kind != SLIM_YAML_SCALAR)
        return;
    for (const char *at = node->text; *at != '\0';) {
        size_t length = 0;
        while (isalnum((unsigned char)at[length]) || at[length] == '_')
            length++;
        if (length == 0) {
            const char *close =
                *at == '"' || *at == '\'' ? strchr(at + 1, *at) : NULL;
            at = close == NULL ? at + 1 : close + 1;
            continue;
        }
        const char *after = at + length + strspn(at + length, " ");
        size_t to = *after == '(' ? NOWHERE : find_key(order->map, at, length);
        if (to != NOWHERE)
            add_need(order,
                     (struct need){
                         from, to,
                         word_place(node, (size_t)(at - node->text), length) });
        at += length;
    }
}

static void find_needs(struct order *order)
{
    static const char *const parts[] = { "default", "null", "value", "when" };
    const struct slim_yaml *map = order->map;
    for (size_t e = 0; e < map->count; e++) {
        order->first[e] = order->count;
        for (size_t p = 0; p < SLIM_COUNT(parts); p++)
            if (map->items[e]->kind == SLIM_YAML_MAP)
                add_words(order, e, slim_yaml_get(map->items[e], parts[p]));
    }
    order->first[map->count] = order->count;
}

/* Walks from an entry over all that it needs; true if that leads to `goal`.
 * order->came then holds the way. */
static bool leads_to(struct order *order, size_t start, size_t goal)
{
    size_t *queue =
        SLIM_NEW_ARRAY(order->diag->arena, order->map->count, size_t);
    size_t head = 0, tail = 0;
    for (size_t e = 0; e < order->map->count; e++)
        order->came[e] = NOWHERE;
    if (start == goal)
        return true;
    queue[tail++] = start;
    while (head < tail) {
        size_t from = queue[head++];
        for (size_t n = order->first[from]; n < order->first[from + 1]; n++) {
            size_t to = order->needs[n].to;
            if (to == start || order->came[to] != NOWHERE)
                continue;
            order->came[to] = n;
            if (to == goal)
                return true;
            queue[tail++] = to;
        }
    }
    return false;
}

/* One note for each step of the way that order->came holds. */
static void note_way(struct order *order, struct slim_error *error,
                     size_t start, size_t goal)
{
    size_t *way = SLIM_NEW_ARRAY(order->diag->arena, order->map->count, size_t);
    size_t steps = 0;
    for (size_t at = goal; at != start; at = order->needs[way[steps - 1]].from)
        way[steps++] = order->came[at];
    while (steps-- > 0) {
        const struct need *need = &order->needs[way[steps]];
        slim_error_note(order->diag, error, need->place, "\"%s\" needs \"%s\"",
                        order->map->keys[need->from]->text,
                        order->map->keys[need->to]->text);
    }
}

static enum slim_status refuse_cycle(struct order *order,
                                     const struct need *need)
{
    const char *from = order->map->keys[need->from]->text;
    const char *to = order->map->keys[need->to]->text;
    if (need->from == need->to)
        return slim_fail(order->diag, "F326", need->place,
                         "\"%s\" needs itself", from);
    struct slim_error *error = slim_error(
        order->diag, "F326", need->place,
        "\"%s\" needs \"%s\", and that leads back to \"%s\"", from, to, from);
    note_way(order, error, need->to, need->from);
    return SLIM_FAILED;
}

static enum slim_status refuse_below(struct order *order,
                                     const struct need *need)
{
    struct slim_error *error =
        slim_error(order->diag, "F321", need->place,
                   "\"%s\" is not known here yet: an entry uses those above it",
                   order->map->keys[need->to]->text);
    slim_error_note(order->diag, error, order->map->keys[need->to]->span,
                    "it is here");
    return SLIM_FAILED;
}

enum slim_status slim_family_order(const struct slim_yaml *map,
                                   struct slim_diag *diag)
{
    struct order order = { .map = map, .diag = diag };
    size_t mistakes = 0;
    bool cycle = false; /* each cycle is seen from many places: one is said */
    order.first = SLIM_NEW_ARRAY(diag->arena, map->count + 1, size_t);
    order.came = SLIM_NEW_ARRAY(diag->arena, map->count + 1, size_t);
    find_needs(&order);
    for (size_t n = 0; n < order.count && mistakes < MISTAKES; n++) {
        const struct need *need = &order.needs[n];
        if (need->to < need->from)
            continue;
        mistakes++;
        if (!leads_to(&order, need->to, need->from))
            (void)refuse_below(&order, need);
        else if (!cycle)
            cycle = refuse_cycle(&order, need) != SLIM_OK;
    }
    return mistakes == 0 ? SLIM_OK : SLIM_FAILED;
}
