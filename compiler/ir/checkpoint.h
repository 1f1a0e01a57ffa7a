/* checkpoint.h - what is on disk: files, headers, tensors; no weights read */
#ifndef SLIM_CHECKPOINT_H
#define SLIM_CHECKPOINT_H

#include "base/diag.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Element types of safetensors. A row of dtype.def each: name in the header,
 * bits, and whether slimc computes with it (F32, F16, BF16 do). */
enum slim_dtype {
#define DTYPE(id, name, bits, compute) SLIM_DTYPE_##id,
#include "compiler/ir/dtype.def"
#undef DTYPE
    SLIM_DTYPE_COUNT
};

const char *slim_dtype_name(enum slim_dtype dtype); /* "BF16" */
size_t slim_dtype_bits(enum slim_dtype dtype);
bool slim_dtype_computes(enum slim_dtype dtype);
bool slim_dtype_find(enum slim_dtype *out, const char *name);

#define SLIM_DISK_DIMS 8

struct slim_disk_tensor {
    const char *name;
    enum slim_dtype dtype;
    size_t dims_count;
    uint64_t dims[SLIM_DISK_DIMS];
    size_t file;     /* index into checkpoint->files */
    uint64_t offset; /* first byte, from the start of the file */
    uint64_t bytes;
};

struct slim_disk_file {
    const char *path;
    uint64_t size;
    struct slim_source source; /* name only: what errors point at */
};

struct slim_checkpoint {
    const char *directory; /* where config.json and tokenizer files are */
    struct slim_disk_file *files;
    size_t file_count;
    struct slim_disk_tensor *tensors; /* sorted by name */
    size_t tensor_count;
    uint64_t header_bytes; /* read from disk so far */
    struct slim_digest_pair {
        unsigned char bytes[32];
    } headers; /* digest over all headers: the model's name for people */
};

/*
 * Parses the header of one safetensors file image's first bytes. `header` is
 * the JSON text without the 8-byte length, `data_start` = 8 + its length,
 * `file_size` the size of the whole file. Enforces every rule of the format
 * (offsets contiguous from 0 to the end of the file, no duplicate names,
 * products checked for overflow, at most 10^6 tensors, known dtypes). Appends
 * to *out; `metadata` may be NULL, else receives __metadata__ (new reference).
 */
struct slim_tensor_list {
    struct slim_disk_tensor *items;
    size_t count, capacity;
};
struct json_t;
SLIM_NODISCARD enum slim_status slim_header_parse(
    struct slim_tensor_list *out, struct json_t **metadata, const char *header,
    size_t header_length, uint64_t file_size, size_t file,
    const struct slim_source *name, struct slim_diag *diag);

/*
 * Opens a checkpoint: `path` is a directory with model.safetensors or
 * model.safetensors.index.json, or one of those files, or any .safetensors
 * file. Index entries with path separators, missing shards, tensors that the
 * index and the shards do not agree on are errors. Reads headers only.
 */
SLIM_NODISCARD enum slim_status slim_checkpoint_open(
    struct slim_checkpoint **out, const char *path, struct slim_span at,
    struct slim_diag *diag);

/* By binary search; NULL if there is none. */
const struct slim_disk_tensor *slim_checkpoint_find(
    const struct slim_checkpoint *checkpoint, const char *name);

#endif
