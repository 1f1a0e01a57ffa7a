/* diag_sort.h - the order in which errors are shown; private to base */
#ifndef SLIM_DIAG_SORT_H
#define SLIM_DIAG_SORT_H

#include "base/diag.h"

/* The records by source (in order of first mention) and place; those of one
 * place as they were recorded. In the arena of the diagnostics. */
struct slim_error **slim_diag_sorted(const struct slim_diag *diag,
                                     size_t *count);

#endif
