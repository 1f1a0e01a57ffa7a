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
    struct slim_digest chain; /* up to the part before `next` */
    long next;
    uint64_t bytes;         /* of the stream */
    bool kept;              /* it is worth its bytes */
    size_t found;           /* parts that were there */
    size_t asked;           /* parts that were looked for */
    double began;           /* when the last part was asked for */
    struct slim_map stream; /* what was found last, until it is taken */
};

/* What keeping streams comes to: the one place that decides it, for stages and
 * for plans. */
struct slim_worth {
    uint64_t bytes;  /* of the stream after a layer */
    double seconds;  /* that a layer takes, by the rate that plans assume */
    const char *why; /* streams are not kept; NULL: they are */
};

/*
 * Streams are kept where computing one takes at least twice as long as reading
 * it back at 200 MB/s, and all of them take at most a tenth of the store's
 * budget; else, and without a store, they are computed each time.
 */
struct slim_worth slim_activations_worth(const struct slim_store *store,
                                         const struct slim_shape *shape,
                                         size_t windows, size_t length);

/* `together`: windows of one call, by which sums may be cut; 0: as many as
 * SLIM_PASS_TOKENS says. */
void slim_activations_open(struct slim_activations *out, struct slim_run *run,
                           const struct slim_model *model,
                           const struct slim_tokens *tokens, size_t together);
void slim_activations_close(struct slim_activations *activations);

/* Whether the stream after `part` [tokens, width] is kept. Parts are asked for
 * in ascending order; some may be left out. */
bool slim_activations_find(struct slim_activations *activations, long part,
                           size_t count);
/* The same without a look at the bytes: for plans. */
bool slim_activations_has(struct slim_activations *activations, long part);
/* What was found. */
void slim_activations_take(struct slim_activations *activations, float *stream,
                           size_t count);
/* Keeps the stream after the part that was asked for last. */
void slim_activations_keep(struct slim_activations *activations, long part,
                           const float *stream, size_t count);

/* Tells how many layers of the forward pass were found, if any were. */
void slim_activations_tell(const struct slim_activations *activations,
                           const struct slim_op *op);

/* For passes over a whole model (struct slim_stream_visit): find and take, and
 * keep. The context is a struct slim_activations. */
bool slim_activations_recall(void *context, long part, float *stream,
                             size_t count);
void slim_activations_retain(void *context, long part, const float *stream,
                             size_t count);

/* What the operations of a plan that ask for streams will find: op->streams.
 * Keys and hits are known already. */
void slim_activations_plan(struct slim_run *run);

#endif
