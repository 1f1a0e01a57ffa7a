/* toy.h - architectures of any size, made without files */
#ifndef SLIM_TEST_TOY_H
#define SLIM_TEST_TOY_H

#include "compiler/ir/arch.h"

struct slim_toy {
    size_t layers, width, kv, rep, dim, mlp, vocab;
    bool tied;
};

enum {
    SLIM_TOY_VOCAB,
    SLIM_TOY_WIDTH,
    SLIM_TOY_KV,
    SLIM_TOY_REP,
    SLIM_TOY_DIM,
    SLIM_TOY_MLP,
    SLIM_TOY_AXES
};

/* Pre-norm attention and gated MLP, no biases, one norm before each and one at
 * the end. The tensors have no numbers. */
struct slim_arch *slim_test_toy(const struct slim_toy *toy,
                                struct slim_arena *arena);

/* The tensor of a layer's slot: "q", "gate", .. */
const struct slim_tensor *slim_test_slot(const struct slim_arch *arch,
                                         size_t layer, const char *slot);

#endif
