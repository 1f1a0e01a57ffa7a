/* tokenizer.c - tokenizer.json: opened, and run over a text */
#include "runtime/data/tokenizer.h"

#include "base/file.h"
#include "runtime/data/tokenizer_parts.h"

#include <stdlib.h>
#include <string.h>

/* ---- opening ---- */

static enum slim_status read_pipeline(struct slim_tokenizer *tokenizer,
                                      const struct slim_tokenizer_source *from,
                                      const json_t *json)
{
    const json_t *model = NULL;

    if (!json_is_object(json))
        return slim_fail(from->diag, "F401", from->at,
                         "the tokenizer is not a JSON object");
    if (slim_part_need(&model, from, json, "model", JSON_OBJECT) ||
        slim_bpe_read(&tokenizer->bpe, from, model) ||
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

    if (!json_is_object(config))
        return slim_fail(from->diag, "F401", from->at,
                         "tokenizer_config.json is not a JSON object");
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

static enum slim_status read_config(struct slim_tokenizer *tokenizer,
                                    const char *directory, struct slim_span at,
                                    struct slim_diag *diag)
{
    const char *path =
        slim_path_join(tokenizer->arena, directory, "tokenizer_config.json");
    json_t *config = NULL;

    if (!slim_file_exists(path))
        return SLIM_OK;
    if (slim_json_read(&config, path, 0, at, diag))
        return SLIM_FAILED;
    struct slim_source source = { .name =
                                      slim_arena_strdup(diag->arena, path) };
    struct slim_source *kept = SLIM_NEW(diag->arena, struct slim_source);

    *kept = source;
    struct slim_tokenizer_source from = { tokenizer->arena,
                                          { kept, 0, 0 },
                                          diag };
    enum slim_status status = apply_config(tokenizer, &from, config);

    json_decref(config);
    return status;
}

static void count_vocabulary(struct slim_tokenizer *tokenizer)
{
    int32_t most = tokenizer->bpe.most;

    for (size_t i = 0; i < tokenizer->added.count; i++)
        if (tokenizer->added.items[i].id > most)
            most = tokenizer->added.items[i].id;
    tokenizer->vocabulary = (size_t)most + 1;
}

static enum slim_status open_parts(struct slim_tokenizer *tokenizer,
                                   const char *directory, struct slim_span at,
                                   struct slim_diag *diag)
{
    const char *path = slim_path_join(diag->arena, directory, "tokenizer.json");
    struct slim_source *source = SLIM_NEW(diag->arena, struct slim_source);
    struct slim_tokenizer_source from = { tokenizer->arena,
                                          { source, 0, 0 },
                                          diag };
    json_t *json = NULL;

    source->name = path;
    if (slim_json_read(&json, path, 0, at, diag))
        return SLIM_FAILED;
    enum slim_status status = read_pipeline(tokenizer, &from, json);

    json_decref(json);
    if (status || read_config(tokenizer, directory, at, diag) ||
        slim_added_finish(&tokenizer->added, &tokenizer->normalizers, &from))
        return SLIM_FAILED;
    count_vocabulary(tokenizer);
    return SLIM_OK;
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
    slim_template_close(&tokenizer->frame);
    slim_arena_close(tokenizer->arena);
    free(tokenizer);
}

long slim_tokenizer_eos(const struct slim_tokenizer *tokenizer)
{
    return tokenizer->eos;
}

long slim_tokenizer_bos(const struct slim_tokenizer *tokenizer)
{
    return tokenizer->bos;
}

size_t slim_tokenizer_vocabulary(const struct slim_tokenizer *tokenizer)
{
    return tokenizer->vocabulary;
}

/* ---- running ---- */

/* What a stretch between added tokens goes through. */
typedef enum slim_status stretch_runner(struct slim_work *work,
                                        struct slim_piece piece);

/* Cuts the piece at the added tokens of a trie. */
static enum slim_status run_added(struct slim_work *work,
                                  const struct slim_trie *trie,
                                  struct slim_piece piece, stretch_runner *run)
{
    size_t done = 0;
    struct slim_added_hit hit = { 0 };

    do {
        if (slim_added_next(&hit, &work->tokenizer->added, trie, piece.text,
                            piece.length, hit.resume, work->diag))
            return SLIM_FAILED;
        /* white space that one token took is not the next one's */
        if (hit.begin > done &&
            run(work, (struct slim_piece){ piece.text + done, hit.begin - done,
                                           piece.first && done == 0 }))
            return SLIM_FAILED;
        if (hit.id >= 0 && slim_ids_add(work->out, hit.id, work->diag))
            return SLIM_FAILED;
        done = hit.end;
    } while (hit.id >= 0);
    return SLIM_OK;
}

static enum slim_status run_splits(struct slim_work *work,
                                   struct slim_piece piece)
{
    return slim_split_run(work, 0, piece);
}

static enum slim_status run_normal(struct slim_work *work,
                                   struct slim_piece piece)
{
    const struct slim_tokenizer *tokenizer = work->tokenizer;

    if (tokenizer->normalizers.count > 0) {
        if (slim_normalize(&work->normal, &work->spare, &tokenizer->normalizers,
                           piece.text, piece.length, work->diag))
            return SLIM_FAILED;
        piece.text = work->normal.data;
        piece.length = work->normal.length;
    }
    return run_added(work, &tokenizer->added.normalized, piece, run_splits);
}

static enum slim_status add_ids(struct slim_ids *out,
                                const struct slim_ids *ids,
                                struct slim_diag *diag)
{
    for (size_t i = 0; i < ids->count; i++)
        if (slim_ids_add(out, ids->items[i], diag))
            return SLIM_FAILED;
    return SLIM_OK;
}

enum slim_status slim_tokenizer_encode(struct slim_ids *out,
                                       const struct slim_tokenizer *tokenizer,
                                       const char *text, size_t length,
                                       bool special, struct slim_diag *diag)
{
    struct slim_work *work = tokenizer->work;
    size_t valid = slim_text_utf8_valid(text, length);

    if (valid != length)
        return slim_fail(diag, "F403", (struct slim_span){ 0 },
                         "the text is not UTF-8 at byte %zu", valid);
    work->out = out;
    work->diag = diag;
    if ((special && add_ids(out, &tokenizer->frame.before, diag)) ||
        run_added(work, &tokenizer->added.raw,
                  (struct slim_piece){ text, length, true }, run_normal))
        return SLIM_FAILED;
    return special ? add_ids(out, &tokenizer->frame.after, diag) : SLIM_OK;
}
