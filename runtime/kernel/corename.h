/* corename.h - is the core that OpenBLAS chose worthy of the CPU */
#ifndef SLIM_KERNEL_CORENAME_H
#define SLIM_KERNEL_CORENAME_H

/* What a CPU offers, from poor to rich. */
enum slim_vector {
    SLIM_VECTOR_SSE,
    SLIM_VECTOR_AVX,
    SLIM_VECTOR_AVX2,
    SLIM_VECTOR_AVX512
};

/* What this CPU offers; _SSE, with which nothing is ever below it, where that
 * cannot be known. */
enum slim_vector slim_vector_offered(void);

/* The core to ask OpenBLAS for instead of `core`, or NULL if that is good
 * enough or a name that we do not know. */
const char *slim_corename_better(const char *core, enum slim_vector offered);

#endif
