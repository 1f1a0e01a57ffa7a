/* lora.h - low-rank adapters: Hu et al. 2021, arXiv:2106.09685 */
#ifndef SLIM_LORA_H
#define SLIM_LORA_H

#include "runtime/model/model.h"

/*
 * y = W x + (alpha / r) B A x for each target: a[r, in] uniform in
 * +-1/sqrt(in), b[out, r] zero, so that the start keeps the function.
 */
struct slim_adapters {
    size_t rank;
    double alpha;
    size_t count;                    /* arch->tensor_count */
    struct slim_adapter **by_tensor; /* by tensor->index; NULL: no adapter */
    const struct slim_arch *arch;
    size_t trainable; /* numbers in all a and b */
};

/* Which linears take an adapter. */
enum slim_targets { SLIM_TARGETS_LINEAR, SLIM_TARGETS_ATTN, SLIM_TARGETS_MLP };

bool slim_lora_target(const struct slim_tensor *tensor,
                      enum slim_targets targets);

/* Numbers that an adapter of this rank has on every target of a shape. */
size_t slim_lora_size(const struct slim_shape *shape, enum slim_targets targets,
                      size_t rank);

/* NULL: out of memory. */
struct slim_adapters *slim_lora_new(const struct slim_shape *shape,
                                    enum slim_targets targets, size_t rank,
                                    double alpha, uint64_t seed);
void slim_lora_free(struct slim_adapters *adapters);

/* W += (alpha / r) B A in double, rounded once, for every target of model. */
SLIM_NODISCARD enum slim_status slim_lora_merge(
    struct slim_model *model, const struct slim_adapters *adapters,
    struct slim_diag *diag);

#endif
