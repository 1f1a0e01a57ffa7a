/* size.h - sizes that cannot overflow unnoticed */
#ifndef SLIM_SIZE_H
#define SLIM_SIZE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* *out = a * b; false, and *out untouched, if that does not fit. */
static inline bool slim_size_mul(size_t *out, size_t a, size_t b)
{
    if (b != 0 && a > SIZE_MAX / b)
        return false;
    *out = a * b;
    return true;
}

/* *out = a + b; false, and *out untouched, if that does not fit. */
static inline bool slim_size_add(size_t *out, size_t a, size_t b)
{
    if (a > SIZE_MAX - b)
        return false;
    *out = a + b;
    return true;
}

#endif
