/* json.h - jansson with our errors */
#ifndef SLIM_JSON_H
#define SLIM_JSON_H

#include "base/diag.h"

#include <jansson.h>

/* "v" of a run.json: what is written, and the newest that is read. */
enum { SLIM_RESULTS_VERSION = 1 };

/* Parses text that must be one JSON value without duplicate keys. Errors name
 * the file with line and column. The caller owns *out (json_decref). */
SLIM_NODISCARD enum slim_status slim_json_parse(json_t **out,
                                                const struct slim_source *text,
                                                struct slim_diag *diag);

/* Reads and parses a file of at most `limit` bytes (0: 64 MiB). */
SLIM_NODISCARD enum slim_status slim_json_read(json_t **out, const char *path,
                                               size_t limit,
                                               struct slim_span at,
                                               struct slim_diag *diag);

#endif
