/* report.h - what a run says: one line a stage, and a summary */
#ifndef SLIM_REPORT_H
#define SLIM_REPORT_H

#include "runtime/run.h"

void slim_report_start(struct slim_run *run);
/* One finished operation; implied and hidden ones are silent. */
void slim_report_stage(struct slim_run *run, const struct slim_op *op,
                       const struct slim_spent *spent);
/* One whose results were kept. */
void slim_report_hit(struct slim_run *run, const struct slim_op *op,
                     const struct slim_kept *entry);
/* One that goes on where an earlier run was stopped: "12 of 40 steps". */
void slim_report_resumed(struct slim_run *run, const struct slim_op *op,
                         size_t units, size_t of, const char *what);
void slim_report_end(struct slim_run *run);

/* Records a metric and returns it. */
struct slim_metric *slim_metric_add(struct slim_run *run,
                                    const struct slim_op *op, const char *name,
                                    const char *protocol, double value);

#endif
