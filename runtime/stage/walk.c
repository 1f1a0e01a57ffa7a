/* walk.c - how far the interleaved rotation has come, in the journal
 *
 * A unit is the embedding (unit 1) or a layer. What a layer gave is an object
 * of the store, as it is in the result; what the next one needs is the stream,
 * the basis of its site, and the spectra.
 */
#include "runtime/stage/walk.h"

#include "runtime/store/journal.h"

#include <stdlib.h>

#define PARTS_FIXED 3

static struct slim_journal_part *state_parts(struct slim_walk *walk,
                                             size_t *count)
{
    struct slim_rotation *r = walk->rotation;
    struct slim_journal_part *parts = SLIM_NEW_ARRAY(
        walk->run->arena, r->sites + PARTS_FIXED, struct slim_journal_part);

    parts[0] =
        (struct slim_journal_part){ walk->stream.x,
                                    walk->stream.tokens * walk->stream.width *
                                        sizeof(*walk->stream.x) };
    parts[1] = (struct slim_journal_part){
        walk->here.q, walk->here.width * walk->here.kept * sizeof(double)
    };
    parts[2] = (struct slim_journal_part){ r->kept, r->sites * sizeof(double) };
    for (size_t s = 0; s < r->sites; s++)
        parts[PARTS_FIXED + s] =
            (struct slim_journal_part){ r->values[s],
                                        r->width * sizeof(double) };
    *count = r->sites + PARTS_FIXED;
    return parts;
}

enum slim_status slim_walk_end_unit(struct slim_walk *walk, size_t unit)
{
    struct slim_journal *journal = walk->run->journal;
    size_t count, first = json_array_size(walk->layers);

    if (!slim_journal_due(journal) || !walk->layers)
        return SLIM_OK;
    struct slim_packing packing = { .store = walk->run->store,
                                    .run = walk->run,
                                    .op = walk->op };
    for (size_t i = first; i < unit; i++) {
        json_t *layer =
            slim_pack_layer(&packing, walk->to, i == 0 ? SLIM_NO_LAYER : i - 1);
        if (!layer || json_array_append_new(walk->layers, layer) != 0)
            return SLIM_OK; /* said already; the state before stays */
    }
    struct slim_journal_part *parts = state_parts(walk, &count);
    return slim_journal_write(
        journal, unit,
        json_pack("{s:O,s:f}", "layers", walk->layers, "done", walk->done),
        parts, count);
}

static bool take_layers(struct slim_walk *walk, size_t units)
{
    struct slim_unpacking unpacking = { walk->run->store, walk->run, walk->op };

    if (json_array_size(walk->layers) != units)
        return false;
    for (size_t i = 0; i < units; i++)
        if (!slim_unpack_layer(&unpacking, walk->to,
                               json_array_get(walk->layers, i)))
            return false;
    return true;
}

size_t slim_walk_resume(struct slim_walk *walk)
{
    size_t width = walk->stream.width, units = 0, count;
    struct slim_journal *journal = walk->run->journal;
    json_t *note = NULL;

    if (!journal)
        return 0;
    /* sites are alike in width, but for the last one, which no layer is at */
    walk->here.width = width;
    walk->here.kept = walk->shape->sites[0];
    walk->here.q = malloc(width * width * sizeof(double));
    if (!walk->here.q)
        return 0;
    struct slim_journal_part *parts = state_parts(walk, &count);
    bool found = slim_journal_read(journal, &units, &note, parts, count);
    walk->layers = found ? json_incref(json_object_get(note, "layers")) : NULL;
    if (found)
        walk->done = json_number_value(json_object_get(note, "done"));
    json_decref(note);
    if (found && take_layers(walk, units)) {
        slim_journal_tell(journal, units - 1, walk->from->shape->arch->layers,
                          "layers");
        return units;
    }
    json_decref(walk->layers);
    walk->layers = json_array();
    walk->done = 0.0;
    slim_basis_free(&walk->here);
    return 0;
}
