/* file_error.h - what the system says, as an error; private to base */
#ifndef SLIM_FILE_ERROR_H
#define SLIM_FILE_ERROR_H

#include "base/diag.h"

#include <stdbool.h>

/* Whether this write is the one that is to fail: slim_file_fail_after. */
bool slim_file_fails(void);

/* "could not VERB file "PATH": REASON". A full disk is class O, all else I. */
enum slim_status slim_file_failed(struct slim_diag *diag, struct slim_span at,
                                  const char *verb, const char *path,
                                  int reason);

#endif
