/* work.h - what was done so far, counted */
#ifndef SLIM_WORK_H
#define SLIM_WORK_H

#include <stdint.h>

/*
 * Of the whole process since it began. Operations are those of products and
 * of attention, a multiply-add as two; bytes are those of weights and results
 * that were read, from the disk or from what the system still has of it, and
 * those of files that were written.
 */
struct slim_work {
    uint64_t operations;
    uint64_t read, written;
};

struct slim_work slim_work_done(void);
/* What came since `before`. */
struct slim_work slim_work_since(const struct slim_work *before);

/* Any thread may add. */
void slim_work_operations(uint64_t count);
void slim_work_read(uint64_t bytes);
void slim_work_written(uint64_t bytes);

/* Memory of the process now, in bytes: `resident` with the pages of files that
 * are mapped, `anonymous` without. 0 where the system does not say. */
struct slim_footprint {
    uint64_t resident, anonymous;
};
struct slim_footprint slim_footprint_now(void);

/* Gives what was let go back to the system. */
void slim_footprint_trim(void);

/* The most that was resident since the last restart, or since the beginning
 * where the system keeps no such count. `slim_footprint_restart` begins a new
 * count; `slim_footprint_peak` is over all of them. */
void slim_footprint_restart(void);
uint64_t slim_footprint_recent(void);
uint64_t slim_footprint_peak(void);

#endif
