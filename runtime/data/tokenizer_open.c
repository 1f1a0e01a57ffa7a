/* tokenizer_open.c - a tokenizer of the files beside a model */
#include "base/file.h"
#include "runtime/data/tokenizer_parts.h"

#include <stdlib.h>
#include <string.h>

static enum slim_status read_words(struct slim_tokenizer *tokenizer,
                                   const struct slim_tokenizer_source *from,
                                   const json_t *model)
{
    const json_t *type = json_object_get(model, "type");

    if (json_is_string(type) && strcmp(json_string_value(type), "Unigram") == 0)
        return slim_unigram_read(&tokenizer->unigram, &tokenizer->bpe, from,
                                 model);
    return slim_bpe_read(&tokenizer->bpe, from, model);
}

enum slim_status slim_pipeline_read(struct slim_tokenizer *tokenizer,
                                    const struct slim_tokenizer_source *from,
                                    const json_t *json)
{
    const json_t *model = NULL;

    if (!json_is_object(json))
        return slim_fail(from->diag, "F401", from->at,
                         "the tokenizer is not a JSON object");
    if (slim_part_need(&model, from, json, "model", JSON_OBJECT) ||
        read_words(tokenizer, from, model) ||
        slim_normalizers_read(&tokenizer->normalizers, from,
                              json_object_get(json, "normalizer")) ||
        slim_splits_read(&tokenizer->splits, from,
                         json_object_get(json, "pre_tokenizer")) ||
        slim_template_read(&tokenizer->frame, from,
                           json_object_get(json, "post_processor")))
        return SLIM_FAILED;
    return slim_added_read(&tokenizer->added, from,
                           json_object_get(json, "added_tokens"),
                           &tokenizer->bpe);
}

/* A token that tokenizer_config.json names, as text or as an object; it is
 * special from then on. *id is -1 where there is none. */
static enum slim_status named_token(int32_t *id,
                                    struct slim_tokenizer *tokenizer,
                                    const struct slim_tokenizer_source *from,
                                    const json_t *config, const char *key)
{
    const json_t *value = json_object_get(config, key);
    const char *text = NULL;
    size_t length = 0;

    *id = -1;
    if (json_is_object(value)) {
        if (slim_part_text(&text, &length, from, value, "content"))
            return SLIM_FAILED;
    } else if (slim_part_text(&text, &length, from, config, key)) {
        return SLIM_FAILED;
    }
    if (!text)
        return SLIM_OK;
    *id = slim_added_find(&tokenizer->added, text, length);
    if (*id >= 0)
        return SLIM_OK;
    *id = slim_bpe_token(&tokenizer->bpe, text, length);
    if (*id < 0)
        return SLIM_OK;
    return slim_added_special(&tokenizer->added, text, length, *id, from->diag);
}

/* Makes `ids` begin (or end) with the token, or not, as the file says. */
static enum slim_status frame_token(struct slim_ids *ids, int32_t id,
                                    const struct slim_tokenizer_source *from,
                                    const json_t *config, const char *key)
{
    bool wanted = false;

    if (!json_is_boolean(json_object_get(config, key)))
        return SLIM_OK;
    if (slim_part_bool(&wanted, from, config, key))
        return SLIM_FAILED;
    if (!wanted) {
        ids->count = 0;
        return SLIM_OK;
    }
    for (size_t i = 0; i < ids->count; i++)
        if (ids->items[i] == id)
            return SLIM_OK;
    if (id < 0)
        return slim_fail(from->diag, "F401", from->at,
                         "tokenizer_config.json sets \"%s\" and names no such "
                         "token",
                         key);
    return slim_ids_add(ids, id, from->diag);
}

static enum slim_status apply_config(struct slim_tokenizer *tokenizer,
                                     const struct slim_tokenizer_source *from,
                                     const json_t *config)
{
    int32_t ignored;

    if (named_token(&tokenizer->bos, tokenizer, from, config, "bos_token") ||
        named_token(&tokenizer->eos, tokenizer, from, config, "eos_token") ||
        named_token(&ignored, tokenizer, from, config, "unk_token") ||
        named_token(&ignored, tokenizer, from, config, "pad_token") ||
        frame_token(&tokenizer->frame.before, tokenizer->bos, from, config,
                    "add_bos_token"))
        return SLIM_FAILED;
    return frame_token(&tokenizer->frame.after, tokenizer->eos, from, config,
                       "add_eos_token");
}

/* Adds what the object of a file says where `config` is silent; nothing where
 * there is no such file. */
static enum slim_status add_file(json_t *config, struct slim_arena *arena,
                                 const char *directory, const char *name,
                                 struct slim_span at, struct slim_diag *diag)
{
    const char *path = slim_path_join(arena, directory, name);
    json_t *json = NULL;

    if (!slim_file_exists(path))
        return SLIM_OK;
    if (slim_json_read(&json, path, 0, at, diag))
        return SLIM_FAILED;
    enum slim_status status = SLIM_OK;

    if (!json_is_object(json))
        status = slim_fail(diag, "F401", at, "%s is not a JSON object", path);
    else if (json_object_update_missing(config, json))
        status = slim_fail(diag, "O001", at,
                           "not enough memory for the tokenizer's tables");
    json_decref(json);
    return status;
}

static enum slim_status read_config(json_t *config, struct slim_arena *arena,
                                    const char *directory,
                                    const struct slim_layout *layout,
                                    struct slim_span at, struct slim_diag *diag)
{
    if (add_file(config, arena, directory, "tokenizer_config.json", at, diag))
        return SLIM_FAILED;
    return layout->whole ? SLIM_OK
                         : add_file(config, arena, directory,
                                    "special_tokens_map.json", at, diag);
}

static void count_vocabulary(struct slim_tokenizer *tokenizer)
{
    int32_t most = tokenizer->bpe.most;

    for (size_t i = 0; i < tokenizer->added.count; i++)
        if (tokenizer->added.items[i].id > most)
            most = tokenizer->added.items[i].id;
    tokenizer->vocabulary = (size_t)most + 1;
}

static struct slim_span place_of(struct slim_diag *diag, const char *name)
{
    struct slim_source *source = SLIM_NEW(diag->arena, struct slim_source);

    source->name = name;
    return (struct slim_span){ source, 0, 0 };
}

/* The files, then the configuration beside them, then what follows of both. */
static enum slim_status read_parts(struct slim_tokenizer *tokenizer,
                                   const struct slim_layout *layout,
                                   const char *directory, json_t *config,
                                   struct slim_span at, struct slim_diag *diag)
{
    struct slim_arena *arena = diag->arena;
    const char *path = slim_path_join(arena, directory, layout->files[0]);
    struct slim_tokenizer_source from = { tokenizer->arena, at, diag };

    if (read_config(config, arena, directory, layout, at, diag))
        return SLIM_FAILED;
    /* a missing file is the recipe's, a wrong one its own */
    if (slim_file_exists(path))
        from.at = place_of(diag, path);
    if (layout->read(tokenizer, &from, path, config) ||
        (!layout->whole &&
         slim_layout_added(tokenizer, &from, directory, config)))
        return SLIM_FAILED;
    from.at = place_of(
        diag, slim_path_join(arena, directory, "tokenizer_config.json"));
    if (apply_config(tokenizer, &from, config))
        return SLIM_FAILED;
    from.at = place_of(diag, path);
    return slim_added_finish(&tokenizer->added, &tokenizer->normalizers, &from);
}

static enum slim_status open_parts(struct slim_tokenizer *tokenizer,
                                   const char *directory, struct slim_span at,
                                   struct slim_diag *diag)
{
    json_t *config = json_object();

    if (!config)
        return slim_fail(diag, "O001", at,
                         "not enough memory for the tokenizer's tables");
    enum slim_status status =
        read_parts(tokenizer, slim_layout_find(diag->arena, directory),
                   directory, config, at, diag);

    json_decref(config);
    if (!status)
        count_vocabulary(tokenizer);
    return status;
}

enum slim_status slim_tokenizer_open(struct slim_tokenizer **out,
                                     const char *directory, struct slim_span at,
                                     struct slim_diag *diag)
{
    struct slim_tokenizer *tokenizer = calloc(1, sizeof(*tokenizer));

    *out = NULL;
    if (!tokenizer)
        return slim_fail(diag, "O001", at,
                         "not enough memory for the tokenizer");
    tokenizer->bos = tokenizer->eos = -1;
    tokenizer->arena = slim_arena_open();
    tokenizer->work = calloc(1, sizeof(*tokenizer->work));
    if (!tokenizer->work) {
        slim_tokenizer_close(tokenizer);
        return slim_fail(diag, "O001", at,
                         "not enough memory for the tokenizer");
    }
    tokenizer->work->tokenizer = tokenizer;
    if (open_parts(tokenizer, directory, at, diag)) {
        slim_tokenizer_close(tokenizer);
        return SLIM_FAILED;
    }
    *out = tokenizer;
    return SLIM_OK;
}

static void free_work(struct slim_work *work)
{
    if (!work)
        return;
    for (size_t i = 0; i < SLIM_PARTS; i++) {
        free(work->steps[i].spans);
        slim_text_free(&work->steps[i].text);
        slim_text_free(&work->steps[i].mapped);
    }
    slim_text_free(&work->normal);
    slim_text_free(&work->spare);
    slim_bpe_work_free(&work->bpe);
    free(work->unigram.best);
    free(work);
}

void slim_tokenizer_close(struct slim_tokenizer *tokenizer)
{
    if (!tokenizer)
        return;
    free_work(tokenizer->work);
    slim_parts_close(&tokenizer->normalizers);
    slim_parts_close(&tokenizer->splits);
    slim_added_close(&tokenizer->added);
    slim_bpe_close(&tokenizer->bpe);
    slim_unigram_close(&tokenizer->unigram);
    slim_trie_close(&tokenizer->rules.kept);
    slim_template_close(&tokenizer->frame);
    slim_arena_close(tokenizer->arena);
    free(tokenizer);
}
