/* arena.c - many small objects with one lifetime */
#include "base/arena.h"

#include "base/size.h"

#include <stdalign.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { BLOCK_SIZE = 1 << 16, ALIGNMENT = alignof(max_align_t) };

struct block {
    struct block *next;
    size_t used, size;
    alignas(max_align_t) unsigned char bytes[];
};

struct slim_arena {
    struct block *blocks; /* the first one is being filled */
};

void slim_out_of_memory(const char *what)
{
    enum { EXIT_MEMORY = 5 };

    (void)fprintf(stderr, "error[O001]: out of memory for %s\n", what);
    exit(EXIT_MEMORY);
}

static SLIM_NORETURN void die(void)
{
    slim_out_of_memory("the recipe itself");
}

struct slim_arena *slim_arena_open(void)
{
    struct slim_arena *arena = calloc(1, sizeof(*arena));

    if (!arena)
        die();
    return arena;
}

void slim_arena_close(struct slim_arena *arena)
{
    if (!arena)
        return;
    for (struct block *next, *block = arena->blocks; block; block = next) {
        next = block->next;
        free(block);
    }
    free(arena);
}

/* A large object gets a block of its own, behind the one being filled. */
static struct block *add_block(struct slim_arena *arena, size_t size)
{
    size_t room = size > BLOCK_SIZE / 4 ? size : BLOCK_SIZE, total = 0;
    struct block *block = NULL;

    if (slim_size_add(&total, sizeof(*block), room))
        block = calloc(1, total);
    if (!block)
        die();
    block->size = room;
    if (room != BLOCK_SIZE && arena->blocks) {
        block->next = arena->blocks->next;
        arena->blocks->next = block;
    } else {
        block->next = arena->blocks;
        arena->blocks = block;
    }
    return block;
}

void *slim_arena_alloc(struct slim_arena *arena, size_t size)
{
    struct block *block = arena->blocks;
    size_t rounded = 0;

    if (!slim_size_add(&rounded, size ? size : 1, ALIGNMENT - 1))
        die();
    rounded -= rounded % ALIGNMENT;
    if (!block || block->size - block->used < rounded)
        block = add_block(arena, rounded);
    void *bytes = block->bytes + block->used;
    block->used += rounded;
    return bytes;
}

void *slim_arena_array(struct slim_arena *arena, size_t count, size_t size)
{
    size_t total = 0;

    if (!slim_size_mul(&total, count, size))
        die();
    return slim_arena_alloc(arena, total);
}

char *slim_arena_strndup(struct slim_arena *arena, const char *text,
                         size_t length)
{
    size_t room = 0;

    if (!slim_size_add(&room, length, 1))
        die();
    char *copy = slim_arena_alloc(arena, room);
    if (length > 0)
        memcpy(copy, text, length);
    return copy;
}

char *slim_arena_strdup(struct slim_arena *arena, const char *text)
{
    return slim_arena_strndup(arena, text, strlen(text));
}

char *slim_arena_vprintf(struct slim_arena *arena, const char *format,
                         va_list args)
{
    va_list again;

    va_copy(again, args);
    int length = vsnprintf(NULL, 0, format, args);
    if (length < 0)
        die();
    char *text = slim_arena_alloc(arena, (size_t)length + 1);
    (void)vsnprintf(text, (size_t)length + 1, format, again);
    va_end(again);
    return text;
}

char *slim_arena_printf(struct slim_arena *arena, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    char *text = slim_arena_vprintf(arena, format, args);
    va_end(args);
    return text;
}
