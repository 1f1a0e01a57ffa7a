/* limits.h - what this machine can do at most, measured now */
#ifndef SLIM_LIMITS_H
#define SLIM_LIMITS_H

#include "base/diag.h"

#include <stddef.h>

/* Rates of the fastest of some repetitions; 0 where nothing was measured. */
struct slim_limits {
    size_t threads;
    double f32, f64;    /* operations a second of a product of 2048 */
    double bf16;        /* the same; 0: not computed in here */
    double read, copy;  /* bytes a second of memory; a copied byte counts once,
                           though it is read and written */
    double write, load; /* bytes a second to and from the disk */
};

/* Measures on slim_threads() threads, in seconds. A file of 256 MiB is made in
 * `directory` and removed. Fails with O001 (memory), or with what writing the
 * file failed with. */
SLIM_NODISCARD enum slim_status slim_limits_measure(struct slim_limits *out,
                                                    const char *directory,
                                                    struct slim_diag *diag);

#endif
