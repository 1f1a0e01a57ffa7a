/* speed.h - how fast a model is on this machine */
#ifndef SLIM_SPEED_H
#define SLIM_SPEED_H

#include "runtime/run.h"

/* What one measurement is made of. */
struct slim_speed {
    size_t length; /* tokens of the prompt */
    size_t tokens; /* generated after it, one by one */
};

/* Tokens a second of the prompt as one pass: the fastest of three. Ids are drawn
 * by a fixed seed: what they are takes no time. */
SLIM_NODISCARD enum slim_status slim_speed_throughput(
    double *out, struct slim_run *run, const struct slim_op *op,
    struct slim_model *model, const struct slim_speed *speed);

/* Milliseconds of each token after the prompt, with a cache of keys and values
 * and all weights at hand in f32: the median. */
SLIM_NODISCARD enum slim_status slim_speed_latency(
    double *out, struct slim_run *run, const struct slim_op *op,
    struct slim_model *model, const struct slim_speed *speed);

/* What makes such a figure comparable, in the run's arena. */
const char *slim_speed_protocol(struct slim_run *run,
                                const struct slim_speed *speed);

#endif
