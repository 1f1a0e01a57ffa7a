/* array.c - memory for arrays of numbers */
#include "base/array.h"

#include "base/size.h"

#include <stdlib.h>
#include <sys/mman.h>

/* A line of the cache, and a huge page as x86-64 and AArch64 have them. */
enum { LINE = 64, HUGE_PAGE = 2 << 20, WORTH = 2 };

void *slim_array(size_t count, size_t size)
{
    size_t bytes, align = LINE;
    void *memory;

    if (!slim_size_mul(&bytes, count, size))
        return NULL;
#ifdef MADV_HUGEPAGE
    if (bytes >= WORTH * (size_t)HUGE_PAGE)
        align = HUGE_PAGE;
#endif
    if (!slim_size_add(&bytes, bytes ? bytes : 1, align - 1))
        return NULL;
    bytes -= bytes % align;
    memory = aligned_alloc(align, bytes);
#ifdef MADV_HUGEPAGE
    /* only a matter of time: without, small pages are as good */
    if (memory && align == HUGE_PAGE)
        (void)madvise(memory, bytes, MADV_HUGEPAGE);
#endif
    return memory;
}
