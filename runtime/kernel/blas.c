/* blas.c - the fast table: the reference, with what OpenBLAS does better */
#include "runtime/kernel/ref.h"

const struct slim_kernels *slim_kernels_blas(void)
{
    static struct slim_kernels table;

    if (!table.name) {
        table = slim_kernels_ref;
        table.name = "blas";
    }
    return &table;
}
