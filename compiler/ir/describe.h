/* describe.h - families for people: found, listed, printed */
#ifndef SLIM_DESCRIBE_H
#define SLIM_DESCRIBE_H

#include "base/diag.h"
#include "base/yaml.h"

#include <stdio.h>

struct slim_family; /* family.h */

/* Reads a family file and checks all that can be checked without a model. */
SLIM_NODISCARD enum slim_status slim_family_load(struct slim_family **out,
                                                 const char *path,
                                                 struct slim_span at,
                                                 struct slim_diag *diag);

/* Every family that is installed, in the order of the files' names. The first
 * file that is faulty ends it. */
struct slim_family_list {
    struct slim_family **items;
    size_t count;
};
SLIM_NODISCARD enum slim_status slim_family_installed(
    struct slim_family_list *out, struct slim_diag *diag);

/* What a family is called, and its whole file. */
struct slim_family_info {
    const char *name, *path;
    const char *title; /* of the comment at the top, "NAME.yaml - TITLE; .." */
    const struct slim_yaml *types; /* list of model_type */
    const struct slim_yaml *root;
};
struct slim_family_info slim_family_describe(const struct slim_family *family,
                                             struct slim_arena *arena);

/* Config, axes, and blocks with their tensors, a line each. */
void slim_family_print(const struct slim_family *family,
                       struct slim_arena *arena, FILE *out);

#endif
