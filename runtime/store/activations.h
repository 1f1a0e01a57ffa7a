/* activations.h - the stream after each layer, kept between stages and runs
 *
 * The stream after a layer is known by a chain: the ids, then the weights of
 * the embedding and of each layer up to it. Another model with the same first
 * layers has the same first links, and computes from where they end.
 */
#ifndef SLIM_ACTIVATIONS_H
#define SLIM_ACTIVATIONS_H

#include "runtime/run.h"

struct slim_activations {
    struct slim_run *run;
    const struct slim_model *model;
    struct slim_digest chain; /* up to the part that was asked for last */
    uint64_t bytes;           /* of the stream */
    bool kept;                /* it is worth its bytes */
    size_t found;             /* parts that were there */
    size_t asked;
};

/*
 * `together`: windows of one call, by which sums may be cut. Streams are kept
 * where computing one takes at least twice as long as reading it back at 200
 * MB/s, and all of them take at most a tenth of the store's budget; else, and
 * without a store, they are computed each time.
 */
void slim_activations_open(struct slim_activations *out, struct slim_run *run,
                           const struct slim_model *model,
                           const struct slim_tokens *tokens, size_t together);

/* The stream after `part` [tokens, width], if it is kept. Parts are asked for
 * in their order from -1. */
bool slim_activations_find(struct slim_activations *activations, long part,
                           float *stream, size_t count);
/* Keeps the stream after the part that was asked for last. */
void slim_activations_keep(struct slim_activations *activations, long part,
                           const float *stream, size_t count, double seconds);

#endif
