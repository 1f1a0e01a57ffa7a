/* random.h - counter-based random numbers: a seed and a place give a number */
#ifndef SLIM_RANDOM_H
#define SLIM_RANDOM_H

#include <stddef.h>
#include <stdint.h>

/*
 * Philox4x32-10 (Salmon et al. 2011). No state: the same (seed, stream, index)
 * gives the same number on every machine, with any number of threads, resumed
 * or not. `stream` separates uses (one constant per use, random.h lists them).
 */
enum slim_stream {
    SLIM_STREAM_PICK = 1,    /* choice of calibration windows */
    SLIM_STREAM_SCORE = 2,   /* score random */
    SLIM_STREAM_ORIENT = 3,  /* rotate orient=random */
    SLIM_STREAM_LORA = 4,    /* initial A */
    SLIM_STREAM_DROPOUT = 5, /* dropout masks */
    SLIM_STREAM_SHUFFLE = 6, /* order of training samples */
    SLIM_STREAM_INIT = 7,    /* weights of a new model */
    SLIM_STREAM_PROMPT = 8,  /* ids whose speed is measured */
    SLIM_STREAM_BASIS = 9,   /* signs of a made model's components */
    SLIM_STREAM_LIMITS = 10, /* operands of products whose speed is measured */
};

uint64_t slim_random_u64(uint64_t seed, uint64_t stream, uint64_t index);
/* The whole block of a place: slim_random_u64 is its first word. */
void slim_random_block(uint64_t out[2], uint64_t seed, uint64_t stream,
                       uint64_t index);
/* Uniform in [0, 1), 53 bits. */
double slim_random_uniform(uint64_t seed, uint64_t stream, uint64_t index);
/* Standard normal (Box-Muller on two words of the same block). */
double slim_random_normal(uint64_t seed, uint64_t stream, uint64_t index);
/* Uniform in [0, n), without bias worth naming (n < 2^48). n > 0. */
uint64_t slim_random_below(uint64_t seed, uint64_t stream, uint64_t index,
                           uint64_t n);
/* A permutation of 0..n-1 (Fisher-Yates over indices first, first + 1, ...). */
void slim_random_permutation(size_t *out, size_t n, uint64_t seed,
                             uint64_t stream, uint64_t first);

#endif
