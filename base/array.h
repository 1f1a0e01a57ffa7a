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

#endif
