/* place.h - a directory that appears whole or not at all */
#ifndef SLIM_PLACE_H
#define SLIM_PLACE_H

#include "base/diag.h"

/* Files go to a temporary directory beside it, which takes its name in the
 * end. Parents that are missing are made, and unmade where it fails. */
struct slim_place {
    const char *path, *temporary;
    size_t kept; /* bytes of path that name a directory which was there */
};

/* Whether a directory can be made there, and what is there may be replaced.
 * `input` is the model that is read: it must outlive what replaces it. */
SLIM_NODISCARD enum slim_status slim_place_check(const char *path, bool force,
                                                 const char *input,
                                                 struct slim_span at,
                                                 struct slim_diag *diag);

SLIM_NODISCARD enum slim_status slim_place_open(struct slim_place *out,
                                                const char *path,
                                                struct slim_span at,
                                                struct slim_diag *diag);

/* Gives the directory its name; what has it is moved aside first, and removed
 * when the new one stands. Refuses that without `force`, and after Ctrl-C. */
SLIM_NODISCARD enum slim_status slim_place_settle(struct slim_place *place,
                                                  bool force,
                                                  struct slim_span at,
                                                  struct slim_diag *diag);
void slim_place_abort(struct slim_place *place);

#endif
