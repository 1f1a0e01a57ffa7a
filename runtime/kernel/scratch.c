/* scratch.c - working memory of a kernel, for the length of one call */
#include "runtime/kernel/scratch.h"
#include "base/size.h"

#include <stdio.h>
#include <stdlib.h>

enum { LINE = 64, EXIT_NO_MEMORY = 5 };

void *slim_scratch(size_t count, size_t size)
{
    size_t bytes;
    void *memory = NULL;

    if (slim_size_mul(&bytes, count, size) &&
        slim_size_add(&bytes, bytes, LINE)) {
        bytes -= bytes % LINE;
        memory = aligned_alloc(LINE, bytes);
    }
    if (memory)
        return memory;
    (void)fprintf(stderr,
                  "slimc: not enough memory: %zu objects of %zu bytes\n", count,
                  size);
    exit(EXIT_NO_MEMORY);
}
