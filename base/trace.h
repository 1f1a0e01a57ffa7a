/* trace.h - spans of work in time, as Chrome's viewer and Perfetto read them */
#ifndef SLIM_TRACE_H
#define SLIM_TRACE_H

#include "base/diag.h"

/*
 * A trace is a file of the trace event format: a span for each piece of work,
 * one inside another, with what was done in it (base/work.h), and the memory
 * at its end. There is one trace at most, and one thread that begins and ends
 * spans. Where none is open, each call here returns at once.
 */

/* Begins the file under a temporary name; fails where it cannot be made. */
SLIM_NODISCARD enum slim_status slim_trace_open(const char *path,
                                                struct slim_diag *diag);

/* `kind` groups spans: "stage", "layer". What is printed is the name. */
void slim_trace_begin(const char *kind, const char *format, ...)
    SLIM_PRINTF(2, 3);
void slim_trace_end(void);

/* Ends what is still open, also after a failure, and gives the file its name.
 * Fails where it could not be written. */
SLIM_NODISCARD enum slim_status slim_trace_close(struct slim_diag *diag);

#endif
