/* place.c - a folder and diagnostics of their own for each test */
#include "tests/place.h"

#include <string.h>

struct slim_test_place slim_place;

int slim_place_set_up(void **state)
{
    slim_place.diag = (struct slim_diag){ .arena = slim_arena_open() };
    slim_place.folder = slim_test_directory();
    *state = &slim_place;
    return 0;
}

int slim_place_tear_down(void **state)
{
    (void)state;
    slim_arena_close(slim_place.diag.arena);
    slim_test_directory_remove(slim_place.folder);
    return 0;
}

void slim_place_clear(void)
{
    struct slim_diag *diag = &slim_place.diag;

    diag->errors = diag->warnings = 0;
    diag->first = diag->last = NULL;
}

char *slim_test_replaced(const char *text, const char *part, const char *by)
{
    const char *at = strstr(text, part);
    if (at == NULL)
        fail_msg("nothing to replace: %s", part);
    char *out = malloc(strlen(text) + strlen(by) + 1);
    (void)sprintf(out, "%.*s%s%s", (int)(at - text), text, by,
                  at + strlen(part));
    return out;
}
