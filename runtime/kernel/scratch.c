/* scratch.c - working memory of a kernel, for the length of one call */
#include "runtime/kernel/scratch.h"
#include "base/array.h"

#include <stdio.h>
#include <stdlib.h>

enum { EXIT_NO_MEMORY = 5 };

static void *must_have(void *memory, size_t count, size_t size)
{
    if (memory)
        return memory;
    (void)fprintf(stderr,
                  "slimc: not enough memory: %zu objects of %zu bytes\n", count,
                  size);
    exit(EXIT_NO_MEMORY);
}

void *slim_scratch(size_t count, size_t size)
{
    return must_have(slim_array(count, size), count, size);
}

void *slim_scratch_borrow(size_t count, size_t size)
{
    return must_have(slim_array_borrow(count, size), count, size);
}
