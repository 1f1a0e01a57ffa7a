/* check.c - whether a sample can be had, before anything is computed */
#include "base/file.h"
#include "base/size.h"
#include "runtime/data/set.h"
#include "runtime/data/tokenizer.h"

#include <stdlib.h>
#include <string.h>

/* No tokenizer in use makes tokens of more bytes than this on average. */
#define BYTES_ENOUGH 12u
/* Files up to these sizes are read whole, so that what they hold is checked in
 * a tenth of what a person notices: JSON takes 14 ms for a MiB. */
#define TEXT_WHOLE ((uint64_t)4 << 20)
#define JSON_WHOLE ((uint64_t)1 << 20)

struct checking {
    const struct slim_sample *sample;
    const struct slim_data_world *world;
    const struct slim_set_place *place;
    size_t tokens; /* wanted */
    struct slim_span at;
    struct slim_diag *diag;
};

static enum slim_status too_short(const struct checking *check, uint64_t bytes)
{
    /* without n all windows are read: one at least */
    long windows = check->sample->n > 0 ? check->sample->n : 1;

    return slim_fail(check->diag, "D102", check->at,
                     "\"%s\" has %llu bytes of text, which cannot make the "
                     "%zu tokens of n=%ld len=%ld",
                     check->place->path, (unsigned long long)bytes,
                     check->tokens, windows, check->sample->len);
}

static enum slim_status count_windows(const struct checking *check,
                                      const struct slim_tokenizer *tokenizer,
                                      const struct slim_text *text)
{
    struct slim_ids ids = { 0 };
    enum slim_status status = slim_tokenizer_encode(
        &ids, tokenizer, text->data, text->length, true, check->diag);
    size_t count = ids.count / (size_t)check->sample->len;

    if (!status && ids.count < check->tokens)
        status = slim_fail(check->diag, "D102", check->at,
                           "\"%s\" has %zu windows of %ld tokens, and n=%ld "
                           "were asked for",
                           check->place->path, count, check->sample->len,
                           check->sample->n > 0 ? check->sample->n : 1);
    slim_ids_free(&ids);
    return status;
}

static enum slim_status tokenize(const struct checking *check,
                                 const struct slim_text *text)
{
    struct slim_tokenizer *tokenizer;

    if (slim_tokenizer_open(&tokenizer, check->world->model, check->at,
                            check->diag))
        return SLIM_FAILED;
    enum slim_status status = count_windows(check, tokenizer, text);

    slim_tokenizer_close(tokenizer);
    return status;
}

/* Sizes decide where they can; in between the text is tokenized. */
static enum slim_status check_text(const struct checking *check,
                                   const struct slim_text *text)
{
    /* BOS and a mark in front of the text take no bytes of it */
    if (text->length + 16 < check->tokens)
        return too_short(check, text->length);
    if (!check->world->model || text->length / BYTES_ENOUGH >= check->tokens)
        return SLIM_OK;
    return tokenize(check, text);
}

static enum slim_status check_rows(const struct checking *check)
{
    struct slim_rows rows;
    struct slim_text text = { 0 };
    enum slim_status status;

    if (slim_rows_read(&rows, check->place, check->world, check->at,
                       check->diag))
        return SLIM_FAILED;
    /* records may be wanted apart: then there must be n of them, or enough
     * text for n windows; which of the two is settled when a stage reads */
    if (rows.records && (size_t)check->sample->n <= rows.count) {
        status = SLIM_OK;
    } else {
        slim_rows_join(&text, &rows, check->place->set);
        status = check_text(check, &text);
    }
    slim_text_free(&text);
    slim_rows_free(&rows);
    return status;
}

static enum slim_status check_file(const struct checking *check)
{
    uint64_t bytes = slim_file_size(check->place->path);
    enum slim_format format;

    if (slim_set_format(&format, check->place->set, check->place->path,
                        check->at, check->diag))
        return SLIM_FAILED;
    bool json = format != SLIM_FORMAT_TEXT;
    /* JSON has marks and names beside its text */
    uint64_t enough = json ? 3 * BYTES_ENOUGH : BYTES_ENOUGH;
    uint64_t whole = json ? JSON_WHOLE : TEXT_WHOLE;
    uint64_t limit = check->place->set->limit;
    uint64_t usable = limit && limit < bytes ? limit : bytes;
    uint64_t share = check->place->to - check->place->from;

    if (bytes > whole && usable * share / 100 / enough >= check->tokens)
        return SLIM_OK;
    return check_rows(check);
}

/* Once: it is the model's fault, whichever sample meets it. Only a warning, as
 * a plan can be made of a configuration and headers alone. */
static void ask_for_tokenizer(const struct checking *check)
{
    const char *directory = check->world->model;
    struct slim_diag *diag = check->diag;

    if (!directory || slim_tokenizer_there(diag->arena, directory))
        return;
    for (const struct slim_error *e = diag->first; e; e = e->next)
        if (strcmp(e->code, "D105") == 0)
            return;
    struct slim_error *warning = slim_warning(
        diag, "D105", check->at,
        "\"%s\" has no tokenizer, so a run could not read text", directory);

    slim_error_hint(diag, warning,
                    "Put tokenizer.json, tokenizer.model, or vocab.json and "
                    "merges.txt beside its weights.");
}

enum slim_status slim_data_check(void *world, const struct slim_sample *sample,
                                 struct slim_span at, struct slim_diag *diag)
{
    struct slim_set_place place;
    struct checking check = { .sample = sample,
                              .world = world,
                              .place = &place,
                              .at = at,
                              .diag = diag };
    size_t n = sample->n > 0 ? (size_t)sample->n : 1;

    if (sample->len <= 0 || sample->n < 0 ||
        !slim_size_mul(&check.tokens, n, (size_t)sample->len))
        return slim_fail(diag, "A020", at,
                         "a sample has len= of at least 1 and n= of at least "
                         "0");
    if (slim_set_find(&place, sample, world, at, diag))
        return SLIM_FAILED;
    ask_for_tokenizer(&check);
    return check_file(&check);
}
