/* param.h - looking into the rows of stage.h, for code that knows no stage */
#ifndef SLIM_PARAM_H
#define SLIM_PARAM_H

#include "base/arena.h"

#include <stdbool.h>

struct slim_method;
struct slim_param;
struct slim_stage;
struct slim_text;

const struct slim_stage *slim_stage_find(const struct slim_stage *const *stages,
                                         const char *name);
const struct slim_method *slim_method_find(const struct slim_stage *stage,
                                           const char *name);
const struct slim_param *slim_param_find(const struct slim_stage *stage,
                                         const char *name);

/* Fields of op->args by parameter, for printers that know no stage. Writes the
 * value as a recipe would, e.g. "8", "2e-4", "yes", "pca". False: not given. */
bool slim_param_print(struct slim_text *out, const struct slim_param *param,
                      const void *args);
/* Parses a default or IR text into the field; false if it does not fit. */
bool slim_param_parse(void *args, const struct slim_param *param,
                      const char *text, struct slim_arena *arena);
bool slim_param_applies(const struct slim_param *param, const char *method);
/* Whether the stage keeps the argument itself: it is no argument of a sample,
 * or the method is named for it and reads no data (score random seed=). */
bool slim_param_kept(const struct slim_stage *stage,
                     const struct slim_param *param, const char *method);
/* Whether the field lies in min..max, or is one of the choices. A field that
 * is 0 because it was not given does. */
bool slim_param_in_range(const struct slim_param *param, const void *args);

/* "x" with quotes, backslashes and newlines escaped, and back; NULL if it is
 * no string. Text without quotes is taken as it is. */
void slim_text_quote(struct slim_text *out, const char *text);
char *slim_text_unquote(struct slim_arena *arena, const char *text);

#endif
