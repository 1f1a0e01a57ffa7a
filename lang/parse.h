/* parse.h - recipe text to tree */
#ifndef SLIM_PARSE_H
#define SLIM_PARSE_H

#include "lang/ast.h"

/*
 * Parses a recipe. On a syntax error it records it, resumes at the next
 * separator and goes on; *out then holds the statements that were understood
 * and the status is SLIM_FAILED. Tree and copies live in diag->arena; `text`
 * must outlive the tree (spans point into it).
 */
SLIM_NODISCARD enum slim_status slim_parse(struct slim_recipe **out,
                                           const struct slim_source *text,
                                           struct slim_diag *diag);

/* One value, as `-s name=VALUE` gives it: the whole text must be one value. */
SLIM_NODISCARD enum slim_status slim_parse_value(struct slim_value **out,
                                                 const struct slim_source *text,
                                                 struct slim_diag *diag);

/* What an axis goes through, as `-s name=10%,20%` gives it. */
SLIM_NODISCARD enum slim_status slim_parse_cases(struct slim_case **out,
                                                 const struct slim_source *text,
                                                 struct slim_diag *diag);

/* Applies the machine-applicable fixes of `diag` that point into `text`;
 * overlapping fixes: the first wins. *applied counts them. Returns new text. */
struct slim_text slim_apply_fixes(const struct slim_source *text,
                                  const struct slim_diag *diag,
                                  size_t *applied);

#endif
