/* codecs.c - how each type of result is kept */
#include "runtime/store/codec.h"

#include "runtime/report.h"
#include "runtime/stage/rotate.h"
#include "runtime/store/memo.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* ---- arrays ---- */

static void note_object(struct slim_packing *packing,
                        const struct slim_kept_object *object)
{
    if (packing->count == packing->capacity) {
        size_t room = packing->capacity ? 2 * packing->capacity : 16;
        struct slim_kept_object *more = SLIM_NEW_ARRAY(
            packing->store->arena, room, struct slim_kept_object);
        if (packing->count)
            memcpy(more, packing->objects, packing->count * sizeof(*more));
        packing->objects = more;
        packing->capacity = room;
    }
    packing->objects[packing->count++] = *object;
}

json_t *slim_pack_blob(struct slim_packing *packing,
                       const struct slim_piece *parts, size_t count)
{
    struct slim_kept_object object = { .size = 0 };
    char hex[65];

    for (size_t i = 0; i < count; i++)
        object.size += parts[i].size;
    (void)slim_object_put(packing->store, &object.name, parts, count);
    note_object(packing, &object);
    slim_digest_hex(hex, &object.name);
    return json_pack("{s:s,s:I}", "blob", hex, "size", (json_int_t)object.size);
}

static bool read_blob(struct slim_kept_object *out, const json_t *blob)
{
    const char *hex = json_string_value(json_object_get(blob, "blob"));

    out->size = (uint64_t)json_integer_value(json_object_get(blob, "size"));
    return hex && strlen(hex) == 64 && slim_digest_read(&out->name, hex);
}

bool slim_unpack_blob(struct slim_unpacking *unpacking, struct slim_map *out,
                      const json_t *blob)
{
    struct slim_kept_object object;

    return read_blob(&object, blob) &&
           slim_object_map(unpacking->store, out, &object.name, object.size);
}

bool slim_unpack_count(size_t *out, const json_t *object, const char *key,
                       size_t most)
{
    const json_t *value = json_object_get(object, key);
    json_int_t number = json_integer_value(value);

    if (!json_is_integer(value) || number < 0 || (uint64_t)number > most)
        return false;
    *out = (size_t)number;
    return true;
}

bool slim_unpack_take(void *out, const struct slim_map *map, size_t *at,
                      size_t size)
{
    if (size > map->length - *at)
        return false;
    if (size)
        memcpy(out, map->data + *at, size);
    *at += size;
    return true;
}

/* ---- groups: found again from the shape ---- */

static json_t *pack_groups(struct slim_packing *packing)
{
    (void)packing;
    return json_object();
}

static bool unpack_groups(struct slim_unpacking *unpacking,
                          const json_t *manifest)
{
    struct slim_run *run = unpacking->run;
    const struct slim_shape *shape = slim_run_shape(run, unpacking->op);

    (void)manifest;
    if (!shape)
        return false;
    slim_run_result(run, unpacking->op)->groups =
        slim_discover(shape, run->arena);
    return true;
}

/* ---- scores ---- */

static json_t *pack_scores(struct slim_packing *packing)
{
    const struct slim_scores *scores =
        slim_run_result(packing->run, packing->op)->scores;
    size_t count = scores->groups->count;
    struct slim_piece *parts =
        SLIM_NEW_ARRAY(packing->store->arena, count + 1, struct slim_piece);
    json_t *units = json_array();

    for (size_t g = 0; g < count; g++) {
        size_t n = scores->values[g] ? scores->groups->items[g].units : 0;
        parts[g] = (struct slim_piece){ scores->values[g], n * sizeof(double) };
        json_array_append_new(units, json_integer((json_int_t)n));
    }
    json_t *blob = slim_pack_blob(packing, parts, count);
    if (blob && json_object_set(blob, "units", units) == 0) {
        json_decref(units);
        return blob;
    }
    json_decref(units);
    json_decref(blob);
    return NULL;
}

static bool take_scores(struct slim_scores *scores, const json_t *units,
                        const struct slim_map *map)
{
    size_t at = 0;

    for (size_t g = 0; g < scores->groups->count; g++) {
        size_t n = (size_t)json_integer_value(json_array_get(units, g));

        if (n == 0)
            continue;
        if (n != scores->groups->items[g].units)
            return false;
        scores->values[g] = malloc(n * sizeof(double));
        if (!scores->values[g] ||
            !slim_unpack_take(scores->values[g], map, &at, n * sizeof(double)))
            return false;
    }
    return at == map->length;
}

static bool unpack_scores(struct slim_unpacking *unpacking,
                          const json_t *manifest)
{
    struct slim_run *run = unpacking->run;
    const struct slim_shape *shape = slim_run_shape(run, unpacking->op);
    struct slim_scores *scores = calloc(1, sizeof(*scores));
    struct slim_map map;

    if (!shape || !scores || !slim_unpack_blob(unpacking, &map, manifest)) {
        free(scores);
        return false;
    }
    scores->groups = slim_discover(shape, run->arena);
    scores->values = calloc(scores->groups->count + 1, sizeof(double *));
    bool whole = scores->values &&
                 take_scores(scores, json_object_get(manifest, "units"), &map);
    slim_map_close(&map);
    if (whole)
        slim_run_result(run, unpacking->op)->scores = scores;
    else
        slim_scores_free(scores);
    return whole;
}

/* ---- rotations ---- */

static bool given_rotation(struct slim_run *run, const struct slim_op *op)
{
    return slim_run_result(run, op)->rotation != NULL;
}

static json_t *pack_rotation(struct slim_packing *packing)
{
    const struct slim_rotation *rotation =
        slim_run_result(packing->run, packing->op)->rotation;
    size_t sites = rotation->sites;
    struct slim_piece *parts =
        SLIM_NEW_ARRAY(packing->store->arena, sites + 1, struct slim_piece);

    for (size_t s = 0; s < sites; s++)
        parts[s] = (struct slim_piece){ rotation->values[s],
                                        rotation->width * sizeof(double) };
    parts[sites] =
        (struct slim_piece){ rotation->kept, sites * sizeof(double) };
    json_t *blob = slim_pack_blob(packing, parts, sites + 1);
    if (!blob)
        return NULL;
    (void)json_object_set_new(blob, "sites", json_integer((json_int_t)sites));
    (void)json_object_set_new(blob, "width",
                              json_integer((json_int_t)rotation->width));
    return blob;
}

static bool unpack_rotation(struct slim_unpacking *unpacking,
                            const json_t *manifest)
{
    struct slim_result *result = slim_run_result(unpacking->run, unpacking->op);
    size_t sites = 0, width = 0, at = 0;
    struct slim_map map;

    if (!slim_unpack_count(&sites, manifest, "sites", 1 << 24) ||
        !slim_unpack_count(&width, manifest, "width", 1 << 24) ||
        !slim_unpack_blob(unpacking, &map, manifest))
        return false;
    struct slim_rotation *rotation =
        map.length == (sites * width + sites) * sizeof(double)
            ? slim_rotation_new(sites, width)
            : NULL;
    bool whole = rotation != NULL;
    for (size_t s = 0; whole && s < sites; s++)
        whole = slim_unpack_take(rotation->values[s], &map, &at,
                                 width * sizeof(double));
    whole = whole &&
            slim_unpack_take(rotation->kept, &map, &at, sites * sizeof(double));
    slim_map_close(&map);
    if (!whole) {
        slim_rotation_free(rotation);
        return false;
    }
    result->rotation = rotation;
    result->rotation_free = slim_rotation_free;
    return true;
}

/* ---- metrics ---- */

static const struct slim_metric *metric_of(const struct slim_run *run,
                                           const struct slim_op *op)
{
    const struct slim_metric *m = run->metrics;

    while (m && m->op != op)
        m = m->next;
    return m;
}

static json_t *pack_metric(struct slim_packing *packing)
{
    const struct slim_metric *m = metric_of(packing->run, packing->op);
    json_t *json = m ? json_pack("{s:s}", "name", m->name) : NULL;

    /* JSON has no infinities: those are measured anew */
    if (!json || !isfinite(m->value) ||
        json_object_set_new(json, "value", json_real(m->value)) != 0) {
        json_decref(json);
        return NULL;
    }
    if (isfinite(m->base))
        (void)json_object_set_new(json, "base", json_real(m->base));
    return json;
}

/* What the number is comparable with is told by the tokens, as they are named
 * in this recipe. */
static bool unpack_metric(struct slim_unpacking *unpacking,
                          const json_t *manifest)
{
    struct slim_run *run = unpacking->run;
    const struct slim_op *op = unpacking->op;
    const json_t *value = json_object_get(manifest, "value");
    const json_t *base = json_object_get(manifest, "base");
    const struct slim_op *sample = slim_op_input(op, SLIM_TYPE_TOKENS);

    if (!json_is_number(value) ||
        (sample && slim_memo_need(run, sample) != SLIM_OK))
        return false;
    const struct slim_tokens *tokens = slim_run_tokens(run, op);
    struct slim_metric *metric =
        slim_metric_add(run, op, op->method, tokens ? tokens->protocol : NULL,
                        json_number_value(value));
    if (base)
        metric->base = json_number_value(base);
    return true;
}

const struct slim_codec slim_codecs[] = {
    { .type = SLIM_TYPE_MODEL,
      .pack = slim_pack_model,
      .unpack = slim_unpack_model },
    { .type = SLIM_TYPE_GROUPS, .pack = pack_groups, .unpack = unpack_groups },
    { .type = SLIM_TYPE_SCORES, .pack = pack_scores, .unpack = unpack_scores },
    { .type = SLIM_TYPE_ROTATION,
      .given = given_rotation,
      .pack = pack_rotation,
      .unpack = unpack_rotation },
    { .type = SLIM_TYPE_TOKENS,
      .pack = slim_pack_tokens,
      .unpack = slim_unpack_tokens,
      .identity = slim_identify_tokens },
    { .type = SLIM_TYPE_METRIC,
      .eager = true,
      .pack = pack_metric,
      .unpack = unpack_metric },
    { .type = SLIM_TYPE_ADAPTER,
      .given = slim_given_adapter,
      .pack = slim_pack_adapter,
      .unpack = slim_unpack_adapter },
    { .type = 0 },
};
