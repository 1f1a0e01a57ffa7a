/* yaml.h - a YAML document as a tree whose nodes know their place */
#ifndef SLIM_YAML_H
#define SLIM_YAML_H

#include "base/diag.h"

#include <stdbool.h>
#include <stddef.h>

enum slim_yaml_kind { SLIM_YAML_SCALAR, SLIM_YAML_LIST, SLIM_YAML_MAP };

/* Aliases, tags and several documents are refused: descriptors need none.
 * Maps keep the order of the file; a duplicate key is an error. */
struct slim_yaml {
    enum slim_yaml_kind kind;
    struct slim_span span;
    const char *text;         /* scalar */
    bool quoted;              /* scalar in quotes */
    size_t count;             /* list or map */
    struct slim_yaml **items; /* list items, or map values */
    struct slim_yaml **keys;  /* map keys (scalars) */
};

/* Nesting deeper than 32 is refused. The tree lives in diag->arena. */
SLIM_NODISCARD enum slim_status slim_yaml_parse(struct slim_yaml **out,
                                                const struct slim_source *text,
                                                struct slim_diag *diag);
SLIM_NODISCARD enum slim_status slim_yaml_read(struct slim_yaml **out,
                                               const char *path,
                                               struct slim_span at,
                                               struct slim_diag *diag);

/* The value under a key of a map, or NULL. */
const struct slim_yaml *slim_yaml_get(const struct slim_yaml *map,
                                      const char *key);

/* Reports every key of `map` that is not in the NULL-terminated list, with
 * the nearest known one as a suggestion. */
SLIM_NODISCARD enum slim_status slim_yaml_only(const struct slim_yaml *map,
                                               const char *const *known,
                                               struct slim_diag *diag);

/* A scalar's value; wrong kind or form is an error at the node. */
SLIM_NODISCARD enum slim_status slim_yaml_bool(bool *out,
                                               const struct slim_yaml *node,
                                               struct slim_diag *diag);
SLIM_NODISCARD enum slim_status slim_yaml_double(double *out,
                                                 const struct slim_yaml *node,
                                                 struct slim_diag *diag);
SLIM_NODISCARD enum slim_status slim_yaml_size(size_t *out,
                                               const struct slim_yaml *node,
                                               struct slim_diag *diag);
SLIM_NODISCARD enum slim_status slim_yaml_text(const char **out,
                                               const struct slim_yaml *node,
                                               struct slim_diag *diag);

#endif
