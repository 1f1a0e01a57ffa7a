/* tape.c - buffers that grow: activations kept for the backward of a layer */
#include "base/array.h"
#include "base/size.h"
#include "runtime/model/layer.h"

#include <stdlib.h>

enum slim_status slim_floats_need(struct slim_floats *floats, size_t rows,
                                  size_t width, const char *what,
                                  struct slim_diag *diag)
{
    size_t count = 0;
    bool fits = slim_size_mul(&count, rows, width);

    if (fits && count <= floats->capacity && floats->data)
        return SLIM_OK;
    slim_floats_free(floats);
    if (fits)
        floats->data = slim_array(count, sizeof(*floats->data));
    if (!floats->data)
        return slim_fail(diag, "O101", (struct slim_span){ 0 },
                         "out of memory: %zu x %zu floats for %s", rows, width,
                         what);
    floats->capacity = count;
    return SLIM_OK;
}

enum slim_status slim_floats_spill(struct slim_floats *floats, size_t rows,
                                   size_t width, const char *what,
                                   const char *folder, struct slim_diag *diag)
{
    size_t count = 0, bytes = 0;
    bool fits = slim_size_mul(&count, rows, width) &&
                slim_size_mul(&bytes, count, sizeof(float));

    if (!folder || !fits || count == 0)
        return slim_floats_need(floats, rows, width, what, diag);
    if (count <= floats->capacity && floats->data)
        return SLIM_OK;
    slim_floats_free(floats);
    if (slim_spill_open(&floats->map, folder, bytes,
                        (struct slim_span){ NULL, 0, 0 }, diag) != SLIM_OK)
        return SLIM_FAILED;
    floats->data = (float *)(uintptr_t)floats->map.data;
    floats->capacity = count;
    return SLIM_OK;
}

void slim_floats_free(struct slim_floats *floats)
{
    if (floats->map.data)
        slim_map_close(&floats->map);
    else
        free(floats->data);
    *floats = (struct slim_floats){ 0 };
}

void slim_record_free(struct slim_record *record)
{
    for (size_t i = 0; i < SLIM_RECORD_PARTS; i++)
        slim_floats_free(&record->parts[i]);
}

struct slim_tape *slim_tape_new(void)
{
    return calloc(1, sizeof(struct slim_tape));
}

static void tape_clear(struct slim_tape *tape)
{
    for (size_t i = 0; i < tape->count; i++) {
        slim_record_free(&tape->records[i]);
        slim_floats_free(&tape->outputs[i]);
    }
    free(tape->records);
    free(tape->outputs);
    *tape = (struct slim_tape){ 0 };
}

void slim_tape_free(struct slim_tape *tape)
{
    if (!tape)
        return;
    tape_clear(tape);
    free(tape);
}

enum slim_status slim_tape_fit(struct slim_tape *tape, size_t nodes,
                               struct slim_diag *diag)
{
    if (nodes <= tape->count)
        return SLIM_OK;
    tape_clear(tape);
    tape->records = calloc(nodes, sizeof(*tape->records));
    tape->outputs = calloc(nodes, sizeof(*tape->outputs));
    if (!tape->records || !tape->outputs)
        return slim_fail(diag, "O101", (struct slim_span){ 0 },
                         "out of memory: a tape of %zu blocks", nodes);
    tape->count = nodes;
    return SLIM_OK;
}
