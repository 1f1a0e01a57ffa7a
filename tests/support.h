/* support.h - what the tests share: places, temporary folders, commands */
#ifndef SLIM_TEST_SUPPORT_H
#define SLIM_TEST_SUPPORT_H

/* cmocka wants these before it */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/attr.h"
#include "base/diag.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>

/* The caller frees every string that comes from here. */

/* A file of the source tree, by its path from the top. */
char *slim_test_source(const char *path);

/* The path of a file under ../shared ($SLIM_SHARED, or beside the source
 * tree), or NULL where it is absent. */
char *slim_test_shared(const char *path);

/* The same, but skips the running test where it is absent. */
char *slim_test_need_shared(const char *path);

/* The directory of SmolLM2, as ../shared/tools/gguf_to_hf.py makes it: made
 * once in the build tree, or where $SLIM_SMOLLM2 says it is. Skips the running
 * test where ../shared or numpy is absent. */
char *slim_test_need_smollm2(void);

/* "A/B". */
char *slim_test_join(const char *a, const char *b);

/* The program under test. */
char *slim_test_slimc(void);

/* A new empty directory; _remove deletes it with all in it and frees it. */
char *slim_test_directory(void);
void slim_test_directory_remove(char *path);

/* Writes or reads a whole file; a failure fails the test. */
void slim_test_write(const char *path, const void *bytes, size_t count);
void slim_test_puts(const char *path, const char *text);
char *slim_test_read(const char *path, size_t *count);

/* What a shell command did; 128 + n if signal n ended it. */
struct slim_ran {
    int exit_code;
    char *out, *err;
};

/* Runs a command line made like printf, with /dev/null as input. */
struct slim_ran slim_test_run(const char *format, ...) SLIM_PRINTF(1, 2);
void slim_test_ran_free(struct slim_ran *ran);

/* The records as slim_diag_print shows them, without colour. */
char *slim_test_diag(const struct slim_diag *diag);

/* True if `have` has a record with this code. */
bool slim_test_has_error(const struct slim_diag *diag, const char *code);

/* |have - want| <= bound * |want| + bound * floor; prints both if not. */
bool slim_test_near(double have, double want, double bound, double floor);

/* Frobenius norm of have - want over that of want. */
double slim_test_error_f32(const float *have, const float *want, size_t count);

/* Largest |have - want| over the standard deviation of want. */
double slim_test_deviation_f32(const float *have, const float *want,
                               size_t count);

#endif
