/* ledger.c - lock files: what each stage of a run was, and what it gave */
#include "runtime/store/ledger.h"

#include "runtime/store/gc.h"
#include "runtime/store/memo.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define HEAD "slimc lock 1"

static const struct slim_span nowhere = { NULL, 0, 0 };

static void add_results(struct slim_text *text, const struct slim_kept *entry)
{
    char hex[65];

    for (size_t i = 0; i < entry->result_count; i++) {
        slim_digest_hex(hex, &entry->results[i].manifest.name);
        slim_text_printf(text, " %s=%s",
                         slim_type_name((enum slim_type)entry->results[i].type),
                         hex);
    }
}

char *slim_ledger_line(struct slim_run *run, const struct slim_op *op,
                       bool done)
{
    const struct slim_memo *memo = &run->memos[op->id];
    struct slim_text text = { 0 };
    char hex[65];

    if (op->stage->keep.how == SLIM_KEEP_NOTHING || !memo->keyed)
        return NULL;
    slim_digest_hex(hex, &memo->key);
    if (op->stage->keep.how == SLIM_KEEP_SOURCE)
        return slim_arena_printf(run->arena, "model %s", hex);
    slim_text_printf(&text, "stage %03u %s key=%s", op->id, op->text, hex);
    if (done && memo->entry)
        add_results(&text, memo->entry);
    char *line = slim_arena_strdup(run->arena, text.data);
    slim_text_free(&text);
    return line;
}

/* Values and what they are comparable with, for who reads the file. */
char *slim_ledger_metric(struct slim_run *run, const struct slim_metric *m)
{
    return slim_arena_printf(run->arena, "metric %03u %s %.17g%s%s", m->op->id,
                             m->label, m->value, m->protocol ? " " : "",
                             m->protocol ? m->protocol : "");
}

static int by_text(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

char *slim_ledger_sorted(struct slim_arena *arena, char **lines, size_t count)
{
    struct slim_text text = { 0 };

    qsort(lines, count, sizeof(*lines), by_text);
    slim_text_puts(&text, HEAD "\n");
    for (size_t i = 0; i < count; i++)
        if (i == 0 || strcmp(lines[i], lines[i - 1]) != 0)
            slim_text_printf(&text, "%s\n", lines[i]);
    char *all = slim_arena_strdup(arena, text.data);
    slim_text_free(&text);
    return all;
}

size_t slim_ledger_shared_room(const struct slim_run *run)
{
    size_t room = 2;

    for (const char *const *c = run->called; c && *c; c++)
        room++;
    return room;
}

size_t slim_ledger_shared(char **lines, struct slim_run *run, bool called)
{
    size_t count = 0;

    for (const char *const *c = run->called; c && *c && called; c++)
        if (!strchr(*c, '\n')) /* a name that no line can hold */
            lines[count++] = slim_arena_strdup(run->arena, *c);
    lines[count++] =
        slim_arena_printf(run->arena, "numerics %s %s", run->program->compute,
                          slim_numerics(run->kernels));
    lines[count++] =
        slim_arena_printf(run->arena, "version %s", PACKAGE_VERSION);
    return count;
}

char *slim_ledger_text(struct slim_run *run, const struct slim_op *until)
{
    size_t room = run->program->count + 1 + slim_ledger_shared_room(run);

    for (const struct slim_metric *m = run->metrics; m; m = m->next)
        room++;
    char **lines = SLIM_NEW_ARRAY(run->arena, room, char *);
    size_t count = slim_ledger_shared(lines, run, !until);
    for (const struct slim_op *op = run->program->first; op != until;
         op = op->next) {
        lines[count] = slim_ledger_line(run, op, true);
        count += lines[count] != NULL;
    }
    if (until)
        lines[count++] = slim_arena_printf(run->arena, "until %03u", until->id);
    for (const struct slim_metric *m = run->metrics; m; m = m->next)
        if (!m->fleeting)
            lines[count++] = slim_ledger_metric(run, m);
    return slim_ledger_sorted(run->arena, lines, count);
}

enum slim_status slim_ledger_write(struct slim_run *run, const char *path)
{
    const char *text = slim_ledger_text(run, NULL);

    return slim_file_write(path, text, strlen(text), nowhere, run->diag);
}

void slim_ledger_pin(struct slim_store *store, const char *path)
{
    if (slim_store_keeps(store))
        (void)slim_store_pin(store, path);
}

/* ---- reading ---- */

static char **split(char *text, struct slim_arena *arena)
{
    size_t count = 1, at = 0;

    for (const char *c = text; *c; c++)
        count += *c == '\n';
    char **lines = SLIM_NEW_ARRAY(arena, count + 1, char *);
    while (*text) {
        char *end = strchr(text, '\n');
        lines[at++] = text;
        if (!end)
            break;
        *end = 0;
        text = end + 1;
    }
    lines[at] = NULL;
    return lines;
}

enum slim_status slim_ledger_read(struct slim_ledger **out, const char *path,
                                  struct slim_diag *diag)
{
    struct slim_source source;

    if (slim_file_read(&source, path, 0, nowhere, diag) != SLIM_OK)
        return SLIM_FAILED;
    struct slim_ledger *record = SLIM_NEW(diag->arena, struct slim_ledger);
    record->path = path;
    record->lines =
        split(slim_arena_strdup(diag->arena, source.text), diag->arena);
    if (record->lines[0] && strcmp(record->lines[0], HEAD) == 0) {
        *out = record;
        return SLIM_OK;
    }
    struct slim_source *name = SLIM_NEW(diag->arena, struct slim_source);
    *name = (struct slim_source){ .name = path };
    return slim_fail(diag, "F530", (struct slim_span){ .source = name },
                     "this is no lock file: its first line is not \"" HEAD
                     "\"");
}

/* What a line says, of whatever point. */
static const char *past_point(const char *line)
{
    const char *word =
        strncmp(line, "point ", 6) == 0 ? strchr(line + 6, ' ') : NULL;

    return word ? word + 1 : line;
}

void slim_ledger_keys(const char *path, struct slim_arena *arena,
                      void (*visit)(void *context,
                                    const struct slim_digest *key),
                      void *context)
{
    struct slim_diag quiet = { .arena = arena };
    struct slim_ledger *record = NULL;

    if (slim_ledger_read(&record, path, &quiet) != SLIM_OK || !record)
        return;
    for (char **line = record->lines; *line; line++) {
        /* the statement may hold such a word too: the last one counts */
        const char *at = *line, *key = NULL;
        struct slim_digest digest;

        while ((at = strstr(at, " key=")))
            key = at += 5;
        if (strncmp(past_point(*line), "stage ", 6) == 0 && key &&
            strlen(key) >= 64 && slim_digest_read(&digest, key))
            visit(context, &digest);
    }
}

const char *slim_ledger_fact(const struct slim_ledger *record, const char *name,
                             size_t index)
{
    size_t length = strlen(name);

    for (char **line = record->lines; *line; line++)
        if (strncmp(*line, name, length) == 0 && (*line)[length] == ' ' &&
            index-- == 0)
            return *line + length + 1;
    return NULL;
}

/* ---- comparing ---- */

/* Up to and with the first blank, and number: "stage 003 ", "model ". */
static size_t lead(const char *line)
{
    size_t length = strcspn(line, " ") + 1;

    bool numbered =
        strncmp(line, "stage ", 6) == 0 || strncmp(line, "metric ", 7) == 0;

    return numbered ? length + 4 : length;
}

const char *slim_ledger_find(const struct slim_ledger *record,
                             const char *owner, const char *line)
{
    size_t skipped = strlen(owner);

    for (char **at = record->lines; *at; at++)
        if (strncmp(*at, owner, skipped) == 0 &&
            strncmp(*at + skipped, line, lead(line)) == 0)
            return *at;
    return NULL;
}

/* The statement is not compared: text may change, meaning may not. */
static const char *meaning(const char *line)
{
    const char *at = line, *key = NULL;

    while ((at = strstr(at, " key=")))
        key = at++;
    return key ? key : line;
}

/* A lock file of a saved model ends where it was saved. */
static bool is_after(const struct slim_ledger *record, const struct slim_op *op)
{
    const char *until = slim_ledger_fact(record, "until", 0);

    return until && op->id >= strtoul(until, NULL, 10);
}

/* One point alone is saved though the recipe does not say so, and a sweep
 * does not. */
static bool is_apart(const struct slim_ledger *record, const struct slim_op *op)
{
    return slim_ledger_is_swept(record) && op->implied && op->stage->gives == 0;
}

enum slim_status slim_ledger_check(struct slim_run *run,
                                   const struct slim_op *op, bool done)
{
    const char *line = run->locked && !is_after(run->locked, op)
                           ? slim_ledger_line(run, op, done)
                           : NULL;

    if (!line)
        return SLIM_OK;
    /* what all points share stands once */
    const char *owner = op->stage->keep.how == SLIM_KEEP_RESULT &&
                                slim_ledger_is_swept(run->locked)
                            ? slim_ledger_owner(run->arena, run->program->point)
                            : "";
    const char *was = slim_ledger_find(run->locked, owner, line);
    const char *now = meaning(line);
    if (was ? strncmp(meaning(was), now, strlen(now)) == 0
            : is_apart(run->locked, op))
        return SLIM_OK;
    run->differs = done;
    struct slim_error *error =
        slim_error(run->diag, done ? "L002" : "L001", op->span,
                   done ? "it gave other bytes than \"%s\" says"
                        : "it is not what \"%s\" says",
                   run->locked->path);
    slim_error_note(run->diag, error, nowhere, "locked: %s",
                    was ? was : "no such line");
    slim_error_note(run->diag, error, nowhere, "here:   %s%s", owner, line);
    return SLIM_FAILED;
}
