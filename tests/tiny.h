/* tiny.h - random checkpoints for a config.json, of any family */
#ifndef SLIM_TEST_TINY_H
#define SLIM_TEST_TINY_H

#include "compiler/ir/arch.h"
#include "tests/support.h"

/*
 * Writes DIRECTORY/config.json and the safetensors files of a model that it
 * describes. The tensors and their sizes come from the family whose file is
 * compiler/families/TYPE.yaml (or `family`, a path). A "slimc" object in the
 * config gives the shape. Weights are random, norms near 1, biases off 0.
 */
struct slim_tiny {
    const char *config;    /* the text of config.json */
    const char *family;    /* a family file; NULL: by its model_type */
    enum slim_dtype dtype; /* 0 (BOOL) stands for F32 */
    size_t shards;         /* 0 or 1: model.safetensors */
    bool hollow;           /* headers only: the data is a hole of that size */
    uint64_t seed;
    const char *skip;  /* a tensor to leave out, or NULL */
    const char *extra; /* a tensor of one F32 number to add, or NULL */
};
void slim_test_tiny(const char *directory, const struct slim_tiny *tiny);

/* config.json of a stock model; the caller frees it. `more` is put in as it is,
 * e.g. "\"attention_bias\": true,". kv_heads 0: heads; head_dim 0: absent. */
struct slim_tiny_sizes {
    const char *type;
    size_t layers, width, heads, kv_heads, head_dim, hidden, vocab;
    bool tied;
    const char *more;
};
char *slim_test_tiny_config(const struct slim_tiny_sizes *sizes);

/* A safetensors file of a header as it is and so many zero bytes of data. */
void slim_test_header(const char *path, const char *header, size_t data);

/* Opens a model with the families of the source tree. */
enum slim_status slim_test_open(struct slim_model_info **out, const char *path,
                                struct slim_diag *diag);
/* Makes a tiny model in a new directory, opens it, removes the directory.
 * Weights are hollow. Fails the test if it does not open. */
struct slim_model_info *slim_test_plan(const char *config, const char *family,
                                       struct slim_diag *diag);

#endif
