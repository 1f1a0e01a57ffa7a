/* rows.c - a file into rows, by the rule of its data set */
#include "base/file.h"
#include "base/random.h"
#include "runtime/data/set.h"
#include "runtime/data/tokenizer_parts.h"

#include <stdlib.h>
#include <string.h>

/* The one shuffle that divides a set without official splits. */
#define SHARE_SEED 42

enum slim_status slim_rows_add(struct slim_rows *rows, const char *text,
                               size_t length, size_t prompt,
                               struct slim_diag *diag)
{
    void *items = rows->items;

    if (slim_grow(&items, &rows->capacity, rows->count + 1,
                  sizeof(*rows->items), diag))
        return SLIM_FAILED;
    rows->items = items;
    rows->items[rows->count++] =
        (struct slim_row){ rows->text.length, length, prompt };
    slim_text_append(&rows->text, text, length);
    return SLIM_OK;
}

void slim_rows_free(struct slim_rows *rows)
{
    slim_text_free(&rows->text);
    free(rows->items);
    *rows = (struct slim_rows){ 0 };
}

static bool is_blank(char byte)
{
    return byte == ' ' || (byte >= '\t' && byte <= '\r');
}

/* One line, its newline included where it has one. */
static enum slim_status add_line(struct slim_rows *rows,
                                 enum slim_row_rule rule, const char *line,
                                 size_t length, struct slim_diag *diag)
{
    size_t begin = 0, end = length;

    while (begin < end && is_blank(line[begin]))
        begin++;
    while (end > begin && is_blank(line[end - 1]))
        end--;
    if (rule == SLIM_ROWS_KEPT)
        return slim_rows_add(rows, line, begin < end ? length : 0, 0, diag);
    return begin < end ? slim_rows_add(rows, line + begin, end - begin, 0, diag)
                       : SLIM_OK;
}

static enum slim_status read_lines(struct slim_rows *out,
                                   const struct slim_set *set, const char *text,
                                   size_t length, struct slim_diag *diag)
{
    for (size_t at = 0; at < length;) {
        const char *newline = memchr(text + at, '\n', length - at);
        size_t end = newline ? (size_t)(newline - text) + 1 : length;

        if (set->limit > 0 && out->text.length >= set->limit) {
            out->limited = true;
            return SLIM_OK;
        }
        if (add_line(out, set->rows, text + at, end - at, diag))
            return SLIM_FAILED;
        at = end;
    }
    return SLIM_OK;
}

static enum slim_status read_text(struct slim_rows *out,
                                  const struct slim_set_place *place,
                                  const struct slim_map *file,
                                  struct slim_span at, struct slim_diag *diag)
{
    const char *text = (const char *)file->data;
    size_t valid = slim_text_utf8_valid(text, file->length);

    if (valid != file->length)
        return slim_fail(diag, "F413", at,
                         "data file \"%s\" is not UTF-8 at byte %zu",
                         place->path, valid);
    if (place->set->frame) {
        struct slim_error *error =
            slim_error(diag, "F412", at,
                       "data set \"%s\" is made of records, and \"%s\" is "
                       "plain text",
                       place->set->name, place->path);

        slim_error_hint(diag, error,
                        "Records come as a JSON list (.json) or as JSON lines "
                        "(.jsonl).");
        return SLIM_FAILED;
    }
    if (place->set->rows == SLIM_ROWS_WHOLE)
        return slim_rows_add(out, text, file->length, 0, diag);
    return read_lines(out, place->set, text, file->length, diag);
}

/* Keeps the records whose place in the shuffle is in the share. */
static enum slim_status take_share(struct slim_rows *rows,
                                   const struct slim_set_place *place,
                                   struct slim_diag *diag)
{
    size_t count = rows->count, kept = 0;
    size_t from = count * place->from / 100, to = count * place->to / 100;

    if (place->from == 0 && place->to == 100)
        return SLIM_OK;
    size_t *order = calloc(count + 1, sizeof(*order));
    bool *taken = calloc(count + 1, sizeof(*taken));

    if (order && taken) {
        slim_random_permutation(order, count, SHARE_SEED, SLIM_STREAM_PICK, 0);
        for (size_t i = from; i < to; i++)
            taken[order[i]] = true;
        for (size_t i = 0; i < count; i++)
            if (taken[i])
                rows->items[kept++] = rows->items[i];
        rows->count = kept;
    }
    bool fine = order && taken;

    free(order);
    free(taken);
    return fine ? SLIM_OK
                : slim_fail(diag, "O001", (struct slim_span){ 0 },
                            "not enough memory to divide %zu records", count);
}

static enum slim_status refuse_empty(const struct slim_rows *rows,
                                     const struct slim_set_place *place,
                                     struct slim_span at,
                                     struct slim_diag *diag)
{
    for (size_t i = 0; i < rows->count; i++)
        if (rows->items[i].length > 0)
            return SLIM_OK;
    return slim_fail(diag, "D103", at, "data file \"%s\" holds no text%s%s",
                     place->path,
                     place->from > 0 || place->to < 100 ? " for split " : "",
                     place->from > 0 || place->to < 100 ? place->split : "");
}

static enum slim_status read_file(struct slim_rows *out,
                                  const struct slim_set_place *place,
                                  const struct slim_data_world *world,
                                  const struct slim_map *file,
                                  struct slim_span at, struct slim_diag *diag)
{
    enum slim_format format;

    if (slim_set_format(&format, place->set, place->path, at, diag))
        return SLIM_FAILED;
    if (file->length > 0) {
        if (format == SLIM_FORMAT_TEXT
                ? read_text(out, place, file, at, diag)
                : slim_records_read(out, place->set, world, place->path,
                                    (const char *)file->data, file->length,
                                    diag))
            return SLIM_FAILED;
    }
    if (take_share(out, place, diag))
        return SLIM_FAILED;
    return refuse_empty(out, place, at, diag);
}

enum slim_status slim_rows_read(struct slim_rows *out,
                                const struct slim_set_place *place,
                                const struct slim_data_world *world,
                                struct slim_span at, struct slim_diag *diag)
{
    struct slim_map file;

    *out = (struct slim_rows){ 0 };
    if (slim_map_open(&file, place->path, at, diag))
        return SLIM_FAILED;
    enum slim_status status = read_file(out, place, world, &file, at, diag);

    slim_map_close(&file);
    if (status)
        slim_rows_free(out);
    return status;
}

void slim_rows_join(struct slim_text *out, const struct slim_rows *rows,
                    const struct slim_set *set)
{
    size_t between = strlen(set->join);

    for (size_t i = 0; i < rows->count; i++) {
        if (i > 0)
            slim_text_append(out, set->join, between);
        slim_text_append(out, rows->text.data + rows->items[i].begin,
                         rows->items[i].length);
    }
}
