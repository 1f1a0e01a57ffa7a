/* safetensors.h - writing tensors: streamed, sharded, whole or not at all */
#ifndef SLIM_SAFETENSORS_H
#define SLIM_SAFETENSORS_H

#include "compiler/ir/arch.h"

#include <jansson.h>

/* One tensor to be written. `fill` gives its rows as f32 when their turn comes,
 * so that a table of any length is written in little memory. */
struct slim_out_tensor {
    const char *name;
    size_t dims_count;
    uint64_t dims[2];
    const void *tag; /* for fill */
    bool whole;      /* its rows cannot be given apart from each other */
};

/* Of f32, 64 MiB: enough to keep threads and disks busy. */
#define SLIM_OUT_BLOCK ((size_t)1 << 24)

struct slim_out_tensors {
    struct slim_out_tensor *items; /* sorted by name */
    size_t count;
    enum slim_dtype dtype;
    uint64_t shard_bytes; /* a new file is begun above this */
    size_t block;         /* numbers in memory at once; 0: SLIM_OUT_BLOCK */
    json_t *metadata;     /* string to string, of every file */
    void *context;
    enum slim_status (*fill)(float *out, void *context,
                             const struct slim_out_tensor *output, size_t first,
                             size_t rows, struct slim_diag *diag);
    void (*tick)(void *context, double done, double total); /* or NULL */
};

/* Lists the tensors that a shape stores, sorted by name; each one's tag is its
 * struct slim_tensor. Sizes are those of the file: [in, out] where the family
 * says "transposed". */
void slim_out_tensors_list(struct slim_out_tensors *out,
                           const struct slim_shape *shape,
                           struct slim_arena *arena);
/* Numbers of a row; a vector's are one number long. */
size_t slim_out_tensor_row(const struct slim_out_tensor *output);
/* Sorts by name, as the format's own writer does. */
void slim_out_tensors_sort(struct slim_out_tensors *out);

/*
 * Writes DIR/STEM.safetensors, or DIR/STEM-00001-of-0000N.safetensors with
 * DIR/STEM.safetensors.index.json where one file would be over shard_bytes.
 */
SLIM_NODISCARD enum slim_status slim_safetensors_write(
    const char *directory, const char *stem,
    const struct slim_out_tensors *outputs, struct slim_span at,
    struct slim_diag *diag);

/* Writes a JSON value as an indented text file. */
SLIM_NODISCARD enum slim_status slim_json_write(const char *path,
                                                const json_t *value,
                                                struct slim_span at,
                                                struct slim_diag *diag);

#endif
