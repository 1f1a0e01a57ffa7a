/* tokenizer_files.c - which files of a directory make its tokenizer */
#include "base/file.h"
#include "runtime/data/tokenizer_parts.h"

#include <stdlib.h>
#include <string.h>

static enum slim_status no_memory(const struct slim_tokenizer_source *from)
{
    return slim_fail(from->diag, "O001", from->at,
                     "not enough memory for the tokenizer's tables");
}

/* ---- tokenizer.json ---- */

static enum slim_status read_json(struct slim_tokenizer *out,
                                  const struct slim_tokenizer_source *from,
                                  const char *path, json_t *config)
{
    json_t *json = NULL;

    (void)config;
    if (slim_json_read(&json, path, 0, from->at, from->diag))
        return SLIM_FAILED;
    enum slim_status status = slim_pipeline_read(out, from, json);

    json_decref(json);
    return status;
}

/* ---- vocab.json and merges.txt ---- */

/*
 * These two files do not say how a text is split: the class that
 * tokenizer_config.json names does. Each row is what that class does, written
 * as tokenizer.json would have it.
 */
struct splitting {
    const char *name; /* of the class, without "Fast" */
    const char *parts;
};

#define BYTES_ALONE                                                            \
    "{\"type\":\"ByteLevel\",\"add_prefix_space\":false,\"use_regex\":false}"

static const struct splitting splittings[] = {
    { "GPT2Tokenizer",
      "{\"pre_tokenizer\":{\"type\":\"ByteLevel\",\"add_prefix_space\":false}"
      "}" },
    { "CodeGenTokenizer",
      "{\"pre_tokenizer\":{\"type\":\"ByteLevel\",\"add_prefix_space\":false}"
      "}" },
    { "Qwen2Tokenizer",
      "{\"normalizer\":{\"type\":\"NFC\"},\"pre_tokenizer\":{\"type\":"
      "\"Sequence\",\"pretokenizers\":[{\"type\":\"Split\",\"behavior\":"
      "\"Isolated\",\"pattern\":{\"Regex\":\"(?i:'s|'t|'re|'ve|'m|'ll|'d)|"
      "[^\\\\r\\\\n\\\\p{L}\\\\p{N}]?\\\\p{L}+|\\\\p{N}|"
      " ?[^\\\\s\\\\p{L}\\\\p{N}]+[\\\\r\\\\n]*|\\\\s*[\\\\r\\\\n]+|"
      "\\\\s+(?!\\\\S)|\\\\s+\"}}," BYTES_ALONE "]}}" },
};

static enum slim_status find_splitting(const struct splitting **out,
                                       const struct slim_tokenizer_source *from,
                                       const json_t *config)
{
    const char *name = NULL;
    size_t length = 0;

    *out = &splittings[0];
    if (slim_part_text(&name, &length, from, config, "tokenizer_class"))
        return SLIM_FAILED;
    if (!name)
        return SLIM_OK;
    if (length > 4 && strcmp(name + length - 4, "Fast") == 0)
        length -= 4;
    for (size_t i = 0; i < SLIM_COUNT(splittings); i++) {
        *out = &splittings[i];
        if (strlen(splittings[i].name) == length &&
            memcmp(splittings[i].name, name, length) == 0)
            return SLIM_OK;
    }
    return slim_part_unknown(from, "tokenizer_class", name);
}

/* The lines of merges.txt as a list, without blank ones. */
static json_t *list_of_lines(const char *text, size_t length)
{
    json_t *list = json_array();

    for (size_t at = 0, end; list && at < length; at = end + 1) {
        const char *newline = memchr(text + at, '\n', length - at);

        end = newline ? (size_t)(newline - text) : length;
        size_t stop = end > at && text[end - 1] == '\r' ? end - 1 : end;

        if (stop == at)
            continue;
        if (json_array_append_new(list, json_stringn(text + at, stop - at))) {
            json_decref(list);
            return NULL;
        }
    }
    return list;
}

static enum slim_status read_lines(json_t **out,
                                   const struct slim_tokenizer_source *from,
                                   const char *path)
{
    struct slim_map map;

    if (slim_map_open(&map, path, from->at, from->diag))
        return SLIM_FAILED;
    size_t length = map.length;
    const char *text = (const char *)map.data;
    enum slim_status status = SLIM_OK;
    size_t valid = length ? slim_text_utf8_valid(text, length) : 0;

    if (valid != length) {
        status = slim_fail(from->diag, "F401", from->at,
                           "\"%s\" is not UTF-8 at byte %zu", path, valid);
    } else {
        *out = list_of_lines(text, length);
        if (!*out)
            status = no_memory(from);
    }
    slim_map_close(&map);
    return status;
}

/* tokenizer.json, as the two files and the class would have it. */
static enum slim_status make_pipeline(json_t **out,
                                      const struct slim_tokenizer_source *from,
                                      const char *vocabulary,
                                      const json_t *config)
{
    const struct splitting *splitting;
    json_t *vocab = NULL, *merges = NULL;
    const char *lines = slim_path_join(
        from->diag->arena, slim_path_directory(from->diag->arena, vocabulary),
        "merges.txt");

    if (find_splitting(&splitting, from, config) ||
        slim_json_read(&vocab, vocabulary, 0, from->at, from->diag))
        return SLIM_FAILED;
    if (read_lines(&merges, from, lines)) {
        json_decref(vocab);
        return SLIM_FAILED;
    }
    json_t *model = json_pack("{s:s,s:o,s:o}", "type", "BPE", "vocab", vocab,
                              "merges", merges);

    *out = json_loads(splitting->parts, 0, NULL);
    if (!model || !*out || json_object_set_new(*out, "model", model))
        return no_memory(from);
    return SLIM_OK;
}

static enum slim_status add_prefix(struct slim_tokenizer *out,
                                   const struct slim_tokenizer_source *from,
                                   const json_t *config)
{
    bool prefix = false;

    if (slim_part_bool(&prefix, from, config, "add_prefix_space"))
        return SLIM_FAILED;
    if (prefix)
        out->splits.items[0].prefix = SLIM_PREFIX_ALWAYS;
    return SLIM_OK;
}

static enum slim_status read_merges(struct slim_tokenizer *out,
                                    const struct slim_tokenizer_source *from,
                                    const char *path, json_t *config)
{
    static const char end[] = "<|endoftext|>";
    json_t *json = NULL;
    enum slim_status status = make_pipeline(&json, from, path, config);

    if (!status)
        status = slim_pipeline_read(out, from, json);
    json_decref(json);
    if (status || add_prefix(out, from, config))
        return SLIM_FAILED;
    if (slim_bpe_token(&out->bpe, end, strlen(end)) < 0)
        return SLIM_OK;
    json_t *defaults =
        json_pack("{s:s,s:s}", "bos_token", end, "eos_token", end);
    bool failed = !defaults || json_object_update_missing(config, defaults);

    json_decref(defaults);
    return failed ? no_memory(from) : SLIM_OK;
}

/* ---- the table ---- */

/* In the order in which they are looked for. */
static const struct slim_layout layouts[] = {
    { { "tokenizer.json", NULL }, true, read_json },
    { { "tokenizer.model", NULL }, false, slim_spm_read },
    { { "vocab.json", "merges.txt" }, false, read_merges },
};

static const struct slim_layout *layout_there(struct slim_arena *arena,
                                              const char *directory)
{
    for (size_t i = 0; i < SLIM_COUNT(layouts); i++) {
        const char *const *files = layouts[i].files;

        if (slim_file_exists(slim_path_join(arena, directory, files[0])) &&
            (!files[1] ||
             slim_file_exists(slim_path_join(arena, directory, files[1]))))
            return &layouts[i];
    }
    return NULL;
}

const struct slim_layout *slim_layout_find(struct slim_arena *arena,
                                           const char *directory)
{
    const struct slim_layout *layout = layout_there(arena, directory);

    return layout ? layout : &layouts[0];
}

bool slim_tokenizer_there(struct slim_arena *arena, const char *directory)
{
    return layout_there(arena, directory) != NULL;
}

/* ---- added tokens ---- */

/* Adds { "content": ..., "id": ... } for each entry of an object: { TEXT: ID }
 * (added_tokens.json) or { "ID": TOKEN } (added_tokens_decoder). */
static enum slim_status list_tokens(json_t *list,
                                    const struct slim_tokenizer_source *from,
                                    const json_t *object)
{
    const char *key;
    json_t *value;

    json_object_foreach((json_t *)(uintptr_t)object, key, value)
    {
        json_t *token =
            json_is_object(value)
                ? json_copy(value)
                : json_pack("{s:s,s:O}", "content", key, "id", value);

        if (token && json_is_object(value)) {
            char *end;
            long id = strtol(key, &end, 10);

            if (*key < '0' || *key > '9' || *end) {
                json_decref(token);
                return slim_fail(from->diag, "F401", from->at,
                                 "added token \"%s\" of the tokenizer has no "
                                 "valid id",
                                 key);
            }
            (void)json_object_set_new(token, "id", json_integer(id));
        }
        if (!token || json_array_append_new(list, token))
            return no_memory(from);
    }
    return SLIM_OK;
}

static enum slim_status list_added(json_t *list,
                                   const struct slim_tokenizer_source *from,
                                   const char *directory, const json_t *config)
{
    const json_t *decoder = json_object_get(config, "added_tokens_decoder");
    const char *path =
        slim_path_join(from->diag->arena, directory, "added_tokens.json");
    json_t *json = NULL;

    if (json_is_object(decoder))
        return list_tokens(list, from, decoder);
    if (!slim_file_exists(path))
        return SLIM_OK;
    if (slim_json_read(&json, path, 0, from->at, from->diag))
        return SLIM_FAILED;
    enum slim_status status =
        json_is_object(json) ? list_tokens(list, from, json)
                             : slim_fail(from->diag, "F401", from->at,
                                         "\"%s\" is not a JSON object", path);

    json_decref(json);
    return status;
}

enum slim_status slim_layout_added(struct slim_tokenizer *out,
                                   const struct slim_tokenizer_source *from,
                                   const char *directory, const json_t *config)
{
    json_t *list = json_array();

    if (!list)
        return no_memory(from);
    enum slim_status status = list_added(list, from, directory, config);

    if (!status)
        status = slim_added_read(&out->added, from, list, &out->bpe);
    json_decref(list);
    return status;
}
