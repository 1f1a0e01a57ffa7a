/* rates.h - how fast products are here: measured once, and kept */
#ifndef SLIM_RATES_H
#define SLIM_RATES_H

#include "runtime/kernel/kernel.h"
#include "runtime/store/store.h"

/*
 * A rate is operations a second of a large product on slim_threads() threads.
 * It is kept by the processor's name, the number of threads, the arithmetic
 * and the libraries: where one of them is another, nothing is known.
 */

/* Where the store keeps what is known of this machine under that name: "", the
 * rate. */
char *slim_rate_path(struct slim_store *store,
                     const struct slim_kernels *kernels, const char *what);
/* What is kept; 0: nothing. `store` may be NULL. */
double slim_rate_find(struct slim_store *store,
                      const struct slim_kernels *kernels);
/* Replaces what is kept. */
void slim_rate_keep(struct slim_store *store,
                    const struct slim_kernels *kernels, double rate);
/* The fastest of some products, within a tenth of a second on a common
 * machine; 0: out of memory. */
double slim_rate_measure(const struct slim_kernels *kernels);

#endif
