/* companion.h - files beside the weights that are copied as they are */
#ifndef SLIM_COMPANION_H
#define SLIM_COMPANION_H

#include "base/diag.h"

/* Copies FROM/NAME to TO/NAME if it is there. */
SLIM_NODISCARD enum slim_status slim_companion_copy(const char *to,
                                                    const char *from,
                                                    const char *name,
                                                    struct slim_span at,
                                                    struct slim_diag *diag);

/* All that belong to the tokenizer or to generation. */
SLIM_NODISCARD enum slim_status slim_companions_copy(const char *to,
                                                     const char *from,
                                                     struct slim_span at,
                                                     struct slim_diag *diag);

#endif
