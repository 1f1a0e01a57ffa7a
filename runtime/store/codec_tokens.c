/* codec_tokens.c - samples: ids, where sequences begin, and what they are of */
#include "runtime/store/codec.h"

#include <stdlib.h>
#include <string.h>

static json_t *pack_one_tokens(struct slim_packing *packing,
                               const struct slim_tokens *t)
{
    char ids[65], text[65];

    if (!t)
        return json_null();
    const struct slim_piece parts[] = {
        { t->starts, (t->sequences + 1) * sizeof(*t->starts) },
        { t->prompt, t->sequences * sizeof(*t->prompt) },
        { t->ids, t->starts[t->sequences] * sizeof(*t->ids) },
    };
    json_t *blob = slim_pack_blob(packing, parts, SLIM_COUNT(parts));
    json_t *rest;

    if (!blob)
        return NULL;
    slim_digest_hex(ids, &t->digest);
    slim_digest_hex(text, &t->text);
    rest = json_pack("{s:I,s:I,s:b,s:s,s:s,s:s}", "sequences",
                     (json_int_t)t->sequences, "length", (json_int_t)t->length,
                     "uniform", (int)t->uniform, "ids", ids, "text", text,
                     "protocol", t->protocol);
    (void)json_object_update(blob, rest);
    json_decref(rest);
    return blob;
}

json_t *slim_pack_tokens(struct slim_packing *packing)
{
    const struct slim_result *result =
        slim_run_result(packing->run, packing->op);
    json_t *windows = pack_one_tokens(packing, result->tokens);
    json_t *records = pack_one_tokens(packing, result->records);

    if (windows && records)
        return json_pack("{s:o,s:o}", "windows", windows, "records", records);
    json_decref(windows);
    json_decref(records);
    return NULL;
}

static bool take_tokens(struct slim_tokens *t, const struct slim_map *map)
{
    size_t at = 0, starts = (t->sequences + 1) * sizeof(*t->starts);
    size_t prompt = t->sequences * sizeof(*t->prompt);

    if (starts + prompt > map->length)
        return false;
    size_t ids = map->length - starts - prompt;
    t->starts = malloc(starts);
    t->prompt = malloc(prompt + 1);
    t->ids = malloc(ids + 1);
    return t->starts && t->prompt && t->ids &&
           slim_unpack_take(t->starts, map, &at, starts) &&
           slim_unpack_take(t->prompt, map, &at, prompt) &&
           slim_unpack_take(t->ids, map, &at, ids) &&
           t->starts[t->sequences] == ids / sizeof(*t->ids);
}

static bool digest_of(struct slim_digest *out, const json_t *json,
                      const char *key)
{
    const char *hex = json_string_value(json_object_get(json, key));

    return hex && strlen(hex) == 64 && slim_digest_read(out, hex);
}

static bool unpack_one_tokens(struct slim_tokens **out,
                              struct slim_unpacking *unpacking,
                              const json_t *json)
{
    const char *protocol = json_string_value(json_object_get(json, "protocol"));
    struct slim_map map;

    *out = NULL;
    if (json_is_null(json))
        return true;
    struct slim_tokens *t = calloc(1, sizeof(*t));
    if (!t || !protocol || !slim_unpack_blob(unpacking, &map, json)) {
        free(t);
        return false;
    }
    t->protocol = strdup(protocol);
    t->uniform = json_is_true(json_object_get(json, "uniform"));
    bool whole = t->protocol && digest_of(&t->digest, json, "ids") &&
                 digest_of(&t->text, json, "text") &&
                 slim_unpack_count(&t->sequences, json, "sequences",
                                   map.length / sizeof(size_t)) &&
                 slim_unpack_count(&t->length, json, "length", map.length) &&
                 take_tokens(t, &map);
    slim_map_close(&map);
    if (whole)
        *out = t;
    else
        slim_tokens_free(t);
    return whole;
}

bool slim_unpack_tokens(struct slim_unpacking *unpacking,
                        const json_t *manifest)
{
    struct slim_result *result = slim_run_result(unpacking->run, unpacking->op);

    return unpack_one_tokens(&result->tokens, unpacking,
                             json_object_get(manifest, "windows")) &&
           unpack_one_tokens(&result->records, unpacking,
                             json_object_get(manifest, "records"));
}

/* Ids alone: not the name of the set that they are of. */
bool slim_identify_tokens(struct slim_digest *out, const json_t *manifest,
                          const struct slim_op *reader)
{
    return digest_of(out,
                     json_object_get(manifest, reader->stage->records
                                                   ? "records"
                                                   : "windows"),
                     "ids");
}
