/* array.c - memory for arrays of numbers */
#include "base/array.h"

#include "base/size.h"

#include <pthread.h>
#include <stdbool.h>
#include <stdlib.h>
#include <sys/mman.h>

/* A line of the cache, and a huge page as x86-64 and AArch64 have them. */
enum { LINE = 64, HUGE_PAGE = 2 << 20, WORTH = 8 };

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

/* No more are lent at a time than a kernel has operands. */
enum { SHELVES = 4, LENDABLE = 1 << 20 };

static struct shelf {
    void *array;
    size_t bytes;
    bool lent;
} shelves[SHELVES];
static pthread_mutex_t shelves_lock = PTHREAD_MUTEX_INITIALIZER;

/* A kept array of at most twice the size. */
static void *shelf_take(size_t bytes)
{
    for (struct shelf *s = shelves; s < shelves + SHELVES; s++)
        if (s->array && !s->lent && s->bytes >= bytes &&
            s->bytes / 2 <= bytes) {
            s->lent = true;
            return s->array;
        }
    return NULL;
}

/* Where there is a place, or one whose array is not lent and makes room. */
static void shelf_put(void *array, size_t bytes)
{
    struct shelf *place = NULL;

    for (struct shelf *s = shelves; s < shelves + SHELVES; s++)
        if (!s->lent && (!place || (place->array && !s->array)))
            place = s;
    if (!place)
        return;
    free(place->array);
    *place = (struct shelf){ array, bytes, true };
}

void *slim_array_borrow(size_t count, size_t size)
{
    size_t bytes;

    if (!slim_size_mul(&bytes, count, size))
        return NULL;
    if (bytes < LENDABLE)
        return slim_array(bytes, 1);
    (void)pthread_mutex_lock(&shelves_lock);
    void *array = shelf_take(bytes);
    if (!array && (array = slim_array(bytes, 1)))
        shelf_put(array, bytes);
    (void)pthread_mutex_unlock(&shelves_lock);
    return array;
}

void slim_array_return(void *array)
{
    bool kept = false;

    (void)pthread_mutex_lock(&shelves_lock);
    for (struct shelf *s = shelves; s < shelves + SHELVES && array; s++)
        if (s->array == array) {
            s->lent = false;
            kept = true;
        }
    (void)pthread_mutex_unlock(&shelves_lock);
    if (!kept)
        free(array);
}

void slim_array_trim(void)
{
    (void)pthread_mutex_lock(&shelves_lock);
    for (struct shelf *s = shelves; s < shelves + SHELVES; s++)
        if (!s->lent) {
            free(s->array);
            *s = (struct shelf){ 0 };
        }
    (void)pthread_mutex_unlock(&shelves_lock);
}
