/* journal.c - how far a stage has come, so that a run that was killed goes on */
#include "runtime/store/journal.h"

#include "base/progress.h"
#include "runtime/report.h"
#include "runtime/store/memo.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* Writing takes at most one part of this many of the time. */
#define SHARE 20.0

/* What a file begins with: then the note, then the parts end to end. */
struct head {
    uint64_t units, note, parts;
    double seconds; /* of work, in all processes */
};

struct slim_journal *slim_journal_open(struct slim_journal *journal,
                                       struct slim_run *run,
                                       const struct slim_op *op)
{
    if (!run->store || !run->store->writes || !run->memos[op->id].keyed)
        return NULL;
    *journal = (struct slim_journal){
        .run = run,
        .op = op,
        .path =
            slim_store_path(run->store, "journals", &run->memos[op->id].key),
        .last = slim_now(),
    };
    journal->opened = journal->last;
    run->earlier_seconds = 0.0;
    return journal;
}

void slim_journal_close(struct slim_journal *journal, bool done)
{
    if (journal && done)
        (void)unlink(journal->path);
}

static size_t size_of(const struct slim_journal_part *parts, size_t count)
{
    size_t size = 0;

    for (size_t i = 0; i < count; i++)
        size += parts[i].size;
    return size;
}

static bool take_state(const struct slim_map *map, size_t *units, json_t **note,
                       double *seconds, const struct slim_journal_part *parts,
                       size_t count)
{
    size_t size = map->length - SLIM_SEAL, at;
    struct head head;

    if (size < sizeof(head))
        return false;
    memcpy(&head, map->data, sizeof(head));
    if (head.note > size - sizeof(head))
        return false;
    at = sizeof(head) + head.note;
    if (head.parts != size_of(parts, count) || at + head.parts != size)
        return false;
    *note =
        json_loadb((const char *)map->data + sizeof(head), head.note, 0, NULL);
    if (!*note)
        return false;
    for (size_t i = 0; i < count; i++) {
        if (parts[i].size)
            memcpy(parts[i].data, map->data + at, parts[i].size);
        at += parts[i].size;
    }
    *units = head.units;
    *seconds = head.seconds;
    return true;
}

bool slim_journal_read(struct slim_journal *journal, size_t *units,
                       json_t **note, const struct slim_journal_part *parts,
                       size_t count)
{
    struct slim_map map;
    bool altered = false;

    *units = 0;
    *note = NULL;
    if (!journal)
        return false;
    struct slim_store *store = journal->run->store;
    if (!slim_sealed_map(&map, journal->path, &altered, &store->diag)) {
        if (altered)
            slim_store_altered(store, "journal",
                               &journal->run->memos[journal->op->id].key);
        return false;
    }
    bool whole = take_state(&map, units, note, &journal->run->earlier_seconds,
                            parts, count);
    slim_map_close(&map);
    return whole;
}

bool slim_journal_due(const struct slim_journal *journal)
{
    if (!journal)
        return false;
    return slim_interrupted() || !journal->written ||
           slim_now() - journal->last >= SHARE * journal->cost;
}

enum slim_status slim_journal_write(struct slim_journal *journal, size_t units,
                                    json_t *note,
                                    const struct slim_journal_part *parts,
                                    size_t count)
{
    char *text = note ? json_dumps(note, JSON_SORT_KEYS | JSON_COMPACT) : NULL;
    struct slim_run *run = journal->run;
    double started = slim_now();
    bool written = false;

    json_decref(note);
    if (text) {
        struct slim_piece *all =
            SLIM_NEW_ARRAY(run->store->arena, count + 2, struct slim_piece);
        struct head head = { units, strlen(text), size_of(parts, count),
                             run->earlier_seconds + started - journal->opened };

        all[0] = (struct slim_piece){ &head, sizeof(head) };
        all[1] = (struct slim_piece){ text, strlen(text) };
        for (size_t i = 0; i < count; i++)
            all[i + 2] = (struct slim_piece){ parts[i].data, parts[i].size };
        written =
            slim_sealed_put_parts(run->store, journal->path, all, count + 2);
        free(text);
    }
    journal->last = slim_now();
    journal->cost = journal->last - started;
    journal->written = true;
    if (!slim_interrupted())
        return SLIM_OK;
    return slim_fail(run->diag, "C130", journal->op->span,
                     written ? "interrupted; the same command goes on from here"
                             : "interrupted");
}

void slim_journal_tell(struct slim_journal *journal, size_t units, size_t of,
                       const char *what)
{
    slim_report_resumed(journal->run, journal->op, units, of, what);
}

json_t *slim_journal_note(const char *path, struct slim_store *store)
{
    struct slim_map map;
    struct head head = { 0 };
    json_t *note = NULL;

    if (!slim_sealed_map(&map, path, NULL, &store->diag))
        return NULL;
    size_t size = map.length - SLIM_SEAL;
    if (size >= sizeof(head))
        memcpy(&head, map.data, sizeof(head));
    if (size >= sizeof(head) && head.note <= size - sizeof(head))
        note = json_loadb((const char *)map.data + sizeof(head), head.note, 0,
                          NULL);
    slim_map_close(&map);
    return note;
}
