/* lang_support.h - recipes parsed and compared by the tests of lang/ */
#ifndef SLIM_LANG_SUPPORT_H
#define SLIM_LANG_SUPPORT_H

#include "base/diag.h"
#include "lang/ast.h"

#include <stdbool.h>
#include <stddef.h>

/* One recipe, its tree and what was wrong with it. */
struct lang_case {
    struct slim_source source;
    struct slim_diag diag;
    struct slim_recipe *recipe;
    enum slim_status status;
};

/* `text` must outlive the case and have a NUL after its last byte. */
void lang_case_open(struct lang_case *c, const char *text, size_t length);
void lang_case_close(struct lang_case *c);

/* The code of the only error, "" if there is none, "many" if several. */
const char *lang_case_code(const struct lang_case *c);

/* The canonical text; the caller frees it. */
char *lang_case_print(const struct lang_case *c);

/* Same tree, but for spans and comments. */
bool lang_same_stmt(const struct slim_stmt *a, const struct slim_stmt *b);
bool lang_same_recipe(const struct slim_recipe *a, const struct slim_recipe *b);

#endif
