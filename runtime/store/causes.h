/* causes.h - what decides the result of an operation, by name */
#ifndef SLIM_CAUSES_H
#define SLIM_CAUSES_H

#include "runtime/run.h"
#include "runtime/store/store.h"

struct slim_causes {
    struct slim_arena *arena;
    struct slim_cause *items;
    size_t count, capacity;
};

void slim_causes_add(struct slim_causes *causes, const char *name,
                     const char *format, ...) SLIM_PRINTF(3, 4);
void slim_causes_digest(struct slim_causes *causes, const char *name,
                        const struct slim_digest *digest);
/* The digest of a file's bytes; false where it is not known. */
bool slim_causes_file(struct slim_causes *causes, const char *name,
                      struct slim_run *run, const char *path);
/* Quantity and scope as they are written. */
void slim_causes_written(struct slim_causes *causes, const struct slim_op *op);
/* The sizes of a shape, in one line. */
void slim_causes_shape(struct slim_causes *causes, const char *name,
                       const struct slim_shape *shape);

/* All causes of an operation; false where one of its inputs is not known yet. */
bool slim_causes_find(struct slim_causes *causes, struct slim_run *run,
                      const struct slim_op *op);

#endif
