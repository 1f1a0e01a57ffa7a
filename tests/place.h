/* place.h - a folder and diagnostics of their own for each test */
#ifndef SLIM_TEST_PLACE_H
#define SLIM_TEST_PLACE_H

#include "tests/support.h"

/* One at a time: cmocka runs tests one after another. */
struct slim_test_place {
    struct slim_diag diag; /* in an arena that ends with the test */
    char *folder;          /* empty at first, removed with all in it */
};
extern struct slim_test_place slim_place;

/* For cmocka; *state is the place. */
int slim_place_set_up(void **state);
int slim_place_tear_down(void **state);

/* Forgets what was recorded. */
void slim_place_clear(void);

/* The text with one part of it replaced; the part has to be there. The caller
 * frees it. */
char *slim_test_replaced(const char *text, const char *part, const char *by);

#endif
