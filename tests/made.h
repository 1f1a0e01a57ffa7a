/* made.h - small random models made in memory, of any kind of block */
#ifndef SLIM_TEST_MADE_H
#define SLIM_TEST_MADE_H

#include "runtime/model/model.h"

/* What a model is made of. Zero is the plainest choice throughout; sizes must
 * be given. */
struct slim_made {
    size_t layers, vocab, width, kv, rep, head, mlp;
    bool tied;
    bool biases;      /* of every linear of attention and mlp */
    bool fused;       /* qkv as q:kv.rep.dim + k:.. + v:.., gate_up likewise */
    bool interleaved; /* with fused: qkv as kv.(q:rep.dim + k:dim + v:dim) */
    bool plain;       /* mlp without a gate */
    bool table_norm;  /* between the embedding, scaled by 2, and the stream */
    bool parallel;    /* attention and mlp read one norm, adds follow */
    int act;
    int position;  /* SLIM_POSITION_* */
    size_t rotary; /* channels of a head that rotate; 0: all */
    size_t window;
    double prefix_end, mark; /* 1 + their ids; 0: none */
    double eps;
};

/* The description, in the arena: it outlives its models. */
struct slim_model_info *slim_made_info(const struct slim_made *made,
                                       struct slim_arena *arena);

/* A model whose numbers are drawn by seed: matrices with deviation 1/sqrt(in),
 * gains around 1, biases and embeddings around 0. */
struct slim_model *slim_made_model(const struct slim_model_info *info,
                                   uint64_t seed);

/* A buffer of normal numbers with that deviation around `mean`. */
struct slim_buffer *slim_made_buffer(size_t count, double mean,
                                     double deviation, uint64_t seed,
                                     uint64_t index);

/* The slot `name` of the n-th node of a kind in a layer; fails the test if
 * there is none. */
const struct slim_tensor *slim_made_tensor(const struct slim_arch *arch,
                                           size_t layer, const char *slot);

/* ids in [0, vocab), by seed. */
void slim_made_ids(int32_t *ids, size_t count, size_t vocab, uint64_t seed);

#endif
