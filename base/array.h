/* array.h - memory for arrays of numbers */
#ifndef SLIM_ARRAY_H
#define SLIM_ARRAY_H

#include <stddef.h>

/*
 * `count` objects of `size` bytes, not zeroed, freed with free; NULL where
 * there is no memory. Begins on a line of the cache and fills whole ones. Large
 * ones ask for huge pages: those are cleared 512 at a time as they are touched,
 * and a processor finds them with fewer steps.
 */
void *slim_array(size_t count, size_t size);

/*
 * The same for an array that comes and goes with every call. A large one is
 * kept when it is returned, for the next that needs about as much: the system
 * would clear every page that it hands out anew. The contents are of any kind.
 */
void *slim_array_borrow(size_t count, size_t size);
void slim_array_return(void *array);
/* Frees what is kept and not lent. */
void slim_array_trim(void);

#endif
