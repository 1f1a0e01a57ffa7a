/* synth.h - a checkpoint of random weights for any config.json */
#ifndef SLIM_SYNTH_H
#define SLIM_SYNTH_H

#include "compiler/ir/arch.h"

/* How weights are drawn. With `decay`, tables and what writes to the residual
 * stream share principal components whose variances fall as rank^-decay, about
 * as those of trained models do; 0: all alike. */
struct slim_synth {
    uint64_t seed;
    double decay;
    enum slim_dtype dtype; /* F32, F16 or BF16 */
};

/*
 * Writes DIRECTORY (which must not exist) with config.json, the tokenizer files
 * that lie beside what was described, and weights: normal with deviation
 * sqrt(2 / (5 width)), those that write to the residual stream divided by
 * sqrt(2 layers); norms one, biases zero. The same seed gives the same bytes.
 */
SLIM_NODISCARD enum slim_status slim_synth_write(
    const char *directory, const struct slim_model_info *info,
    const struct slim_synth *how, struct slim_diag *diag);

#endif
