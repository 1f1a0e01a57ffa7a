/* arena.h - many small objects with one lifetime */
#ifndef SLIM_ARENA_H
#define SLIM_ARENA_H

#include "base/attr.h"

#include <stdarg.h>
#include <stddef.h>

/*
 * An arena holds what the compilation needs: source, tree, IR, messages. These
 * are kilobytes, so running out of memory here ends the program with a message
 * (slim_out_of_memory); weights and activations never live in an arena.
 */
struct slim_arena;

struct slim_arena *slim_arena_open(void);

/* Ends the program: error O001 and its exit code. For the small things without
 * which not even an error can be recorded. */
SLIM_NORETURN void slim_out_of_memory(const char *what);

/* Frees everything that came out of the arena. NULL is nothing. */
void slim_arena_close(struct slim_arena *arena);

/* Zeroed memory, aligned for any type. `size` 0 gives a valid pointer. */
void *slim_arena_alloc(struct slim_arena *arena, size_t size);

/* Zeroed memory for `count` objects. */
void *slim_arena_array(struct slim_arena *arena, size_t count, size_t size);

char *slim_arena_strdup(struct slim_arena *arena, const char *text);
char *slim_arena_strndup(struct slim_arena *arena, const char *text,
                         size_t length);
char *slim_arena_printf(struct slim_arena *arena, const char *format, ...)
    SLIM_PRINTF(2, 3);
char *slim_arena_vprintf(struct slim_arena *arena, const char *format,
                         va_list args) SLIM_PRINTF(2, 0);

#define SLIM_NEW(arena, type) ((type *)slim_arena_alloc((arena), sizeof(type)))
#define SLIM_NEW_ARRAY(arena, count, type)                                     \
    ((type *)slim_arena_array((arena), (count), sizeof(type)))

#endif
