/* scratch.h - working memory of a kernel, for the length of one call */
#ifndef SLIM_KERNEL_SCRATCH_H
#define SLIM_KERNEL_SCRATCH_H

#include <stddef.h>

/*
 * `count` objects of `size` bytes, on a 64-byte boundary, not zeroed; freed
 * with free. A kernel returns nothing, so running out of memory here ends the
 * program with a message and exit code 5, as doc says of memory.
 */
void *slim_scratch(size_t count, size_t size);

/* The same, given back with slim_array_return (base/array.h): for operands that
 * are as large as what they are made of. */
void *slim_scratch_borrow(size_t count, size_t size);

#define SLIM_BORROW(count, type)                                               \
    ((type *)slim_scratch_borrow((count), sizeof(type)))
#define SLIM_SCRATCH(count, type) ((type *)slim_scratch((count), sizeof(type)))

#endif
