/* safetensors.c - writing tensors: streamed, sharded, whole or not at all */
#include "runtime/format/safetensors.h"

#include "base/file.h"
#include "base/progress.h"
#include "runtime/format/convert.h"

#include <stdlib.h>
#include <string.h>

static int by_name(const void *a, const void *b)
{
    const struct slim_out_tensor *one = a, *two = b;

    return strcmp(one->name, two->name);
}

void slim_out_tensors_sort(struct slim_out_tensors *out)
{
    qsort(out->items, out->count, sizeof(*out->items), by_name);
}

void slim_out_tensors_list(struct slim_out_tensors *out,
                           const struct slim_shape *shape,
                           struct slim_arena *arena)
{
    const struct slim_arch *arch = shape->arch;

    out->items =
        SLIM_NEW_ARRAY(arena, arch->tensor_count, struct slim_out_tensor);
    out->count = 0;
    for (size_t i = 0; i < arch->tensor_count; i++) {
        const struct slim_tensor *tensor = &arch->tensors[i];
        struct slim_out_tensor *one = &out->items[out->count];

        if (!slim_tensor_stored(shape, tensor))
            continue;
        *one = (struct slim_out_tensor){ .name = tensor->name,
                                         .dims_count = tensor->dims_count,
                                         .tag = tensor,
                                         .whole = tensor->transposed };
        for (size_t d = 0; d < tensor->dims_count; d++)
            one->dims[d] =
                slim_tensor_size(shape, tensor, tensor->transposed ? 1 - d : d);
        out->count++;
    }
    slim_out_tensors_sort(out);
}

static uint64_t elements(const struct slim_out_tensor *output)
{
    uint64_t count = 1;

    for (size_t d = 0; d < output->dims_count; d++)
        count *= output->dims[d];
    return count;
}

static uint64_t bytes_of(const struct slim_out_tensors *outputs, size_t i)
{
    return elements(&outputs->items[i]) * (slim_dtype_bits(outputs->dtype) / 8);
}

/* The header of tensors first..last-1 as JSON text, padded with spaces to a
 * multiple of eight. The caller frees it. */
static char *header_text(const struct slim_out_tensors *outputs, size_t first,
                         size_t last)
{
    json_t *header = json_object();
    uint64_t at = 0;

    json_object_set(header, "__metadata__", outputs->metadata);
    for (size_t i = first; i < last; i++) {
        const struct slim_out_tensor *output = &outputs->items[i];
        json_t *shape = json_array();

        for (size_t d = 0; d < output->dims_count; d++)
            json_array_append_new(shape,
                                  json_integer((json_int_t)output->dims[d]));
        json_object_set_new(
            header, output->name,
            json_pack("{s:s,s:o,s:[I,I]}", "dtype",
                      slim_dtype_name(outputs->dtype), "shape", shape,
                      "data_offsets", (json_int_t)at,
                      (json_int_t)at + (json_int_t)bytes_of(outputs, i)));
        at += bytes_of(outputs, i);
    }
    char *text = json_dumps(header, JSON_COMPACT);
    json_decref(header);
    if (!text)
        return NULL;
    size_t length = strlen(text), padded = (length + 7) / 8 * 8;
    char *grown = realloc(text, padded + 1);
    if (!grown) {
        free(text);
        return NULL;
    }
    memset(grown + length, ' ', padded - length);
    grown[padded] = 0;
    return grown;
}

static enum slim_status put_header(struct slim_writer *writer, const char *text,
                                   struct slim_span at, struct slim_diag *diag)
{
    unsigned char size[8];
    uint64_t length = strlen(text);

    for (size_t i = 0; i < 8; i++)
        size[i] = (unsigned char)(length >> (8 * i));
    if (slim_writer_put(writer, size, sizeof(size), at, diag) != SLIM_OK)
        return SLIM_FAILED;
    return slim_writer_put(writer, text, length, at, diag);
}

static size_t rows_of(const struct slim_out_tensor *output)
{
    return output->dims_count ? (size_t)output->dims[0] : 1;
}

size_t slim_out_tensor_row(const struct slim_out_tensor *output)
{
    return output->dims_count > 1 ? (size_t)output->dims[1] : 1;
}

static size_t rows_at_once(const struct slim_out_tensors *outputs,
                           const struct slim_out_tensor *output)
{
    size_t all = rows_of(output);
    size_t row = slim_out_tensor_row(output);
    size_t block = outputs->block ? outputs->block : SLIM_OUT_BLOCK;
    size_t fit = row < block ? block / (row ? row : 1) : 1;

    return output->whole || fit > all ? all : fit;
}

static enum slim_status put_rows(struct slim_writer *writer,
                                 const struct slim_out_tensors *outputs,
                                 size_t i, float *numbers, void *stored,
                                 size_t *lost, struct slim_span at,
                                 struct slim_diag *diag)
{
    const struct slim_out_tensor *output = &outputs->items[i];
    size_t all = rows_of(output);
    size_t step = rows_at_once(outputs, output),
           row = slim_out_tensor_row(output);
    size_t size = slim_dtype_bits(outputs->dtype) / 8;

    for (size_t first = 0; first < all; first += step) {
        size_t rows = all - first < step ? all - first : step;

        if (outputs->fill(numbers, outputs->context, output, first, rows,
                          diag) != SLIM_OK)
            return SLIM_FAILED;
        *lost += slim_convert(stored, numbers, rows * row, outputs->dtype);
        if (slim_writer_put(writer, stored, rows * row * size, at, diag) !=
            SLIM_OK)
            return SLIM_FAILED;
    }
    return SLIM_OK;
}

static enum slim_status put_tensor(struct slim_writer *writer,
                                   const struct slim_out_tensors *outputs,
                                   size_t i, struct slim_span at,
                                   struct slim_diag *diag)
{
    const struct slim_out_tensor *output = &outputs->items[i];
    size_t row = slim_out_tensor_row(output),
           most = rows_at_once(outputs, output) * row;
    float *numbers = malloc(most * sizeof(*numbers) + 1);
    void *stored = malloc(most * (slim_dtype_bits(outputs->dtype) / 8) + 1);
    enum slim_status status = SLIM_FAILED;
    size_t lost = 0;

    if (!numbers || !stored)
        (void)slim_fail(diag, "O001", at, "out of memory for tensor \"%s\"",
                        output->name);
    else
        status = put_rows(writer, outputs, i, numbers, stored, &lost, at, diag);
    if (status == SLIM_OK && lost)
        status = slim_fail(diag, "R401", at,
                           "%zu numbers of tensor \"%s\" are too large for "
                           "%s; save with dtype=bf16 or dtype=f32",
                           lost, output->name, slim_dtype_name(outputs->dtype));
    free(numbers);
    free(stored);
    return status;
}

static enum slim_status fill_file(struct slim_writer *writer,
                                  const struct slim_out_tensors *outputs,
                                  size_t first, size_t last,
                                  struct slim_span at, struct slim_diag *diag)
{
    char *text = header_text(outputs, first, last);

    if (!text)
        return slim_fail(diag, "O001", at, "out of memory for a header");
    enum slim_status status = put_header(writer, text, at, diag);
    free(text);
    for (size_t i = first; status == SLIM_OK && i < last; i++) {
        if (slim_interrupted())
            return slim_fail(diag, "C130", at,
                             "interrupted: \"%s\" is not written",
                             writer->path);
        status = put_tensor(writer, outputs, i, at, diag);
        if (outputs->tick)
            outputs->tick(outputs->context, (double)i + 1,
                          (double)outputs->count);
    }
    return status;
}

static enum slim_status write_file(const char *path,
                                   const struct slim_out_tensors *outputs,
                                   size_t first, size_t last,
                                   struct slim_span at, struct slim_diag *diag)
{
    struct slim_writer writer = { 0 };

    if (slim_writer_open(&writer, path, at, diag) != SLIM_OK)
        return SLIM_FAILED;
    if (fill_file(&writer, outputs, first, last, at, diag) == SLIM_OK)
        return slim_writer_commit(&writer, at, diag);
    slim_writer_abort(&writer);
    return SLIM_FAILED;
}

/* One past the last tensor of the shard that begins at `first`. */
static size_t shard_end(const struct slim_out_tensors *outputs, size_t first)
{
    uint64_t bytes = bytes_of(outputs, first);
    size_t last = first + 1;

    while (last < outputs->count &&
           bytes + bytes_of(outputs, last) <= outputs->shard_bytes)
        bytes += bytes_of(outputs, last++);
    return last;
}

enum slim_status slim_json_write(const char *path, const json_t *value,
                                 struct slim_span at, struct slim_diag *diag)
{
    char *text = json_dumps(value, JSON_INDENT(2) | JSON_ENSURE_ASCII);
    struct slim_writer writer = { 0 };
    enum slim_status status;

    if (!text)
        return slim_fail(diag, "O001", at, "out of memory for \"%s\"", path);
    status = slim_writer_open(&writer, path, at, diag);
    if (status == SLIM_OK)
        status = slim_writer_put(&writer, text, strlen(text), at, diag);
    if (status == SLIM_OK)
        status = slim_writer_put(&writer, "\n", 1, at, diag);
    free(text);
    if (status == SLIM_OK)
        return slim_writer_commit(&writer, at, diag);
    slim_writer_abort(&writer);
    return status;
}

/* Shards and the index that says which tensor is where. */
static enum slim_status write_shards(const char *directory, const char *stem,
                                     const struct slim_out_tensors *outputs,
                                     size_t shards, struct slim_span at,
                                     struct slim_diag *diag)
{
    json_t *map = json_object();
    uint64_t total = 0;
    size_t first = 0;
    enum slim_status status = SLIM_OK;

    for (size_t s = 1; s <= shards && status == SLIM_OK; s++) {
        size_t last = shard_end(outputs, first);
        const char *name = slim_arena_printf(
            diag->arena, "%s-%05zu-of-%05zu.safetensors", stem, s, shards);

        status = write_file(slim_path_join(diag->arena, directory, name),
                            outputs, first, last, at, diag);
        for (; first < last; first++) {
            json_object_set_new(map, outputs->items[first].name,
                                json_string(name));
            total += bytes_of(outputs, first);
        }
    }
    json_t *index = json_pack("{s:{s:I},s:o}", "metadata", "total_size",
                              (json_int_t)total, "weight_map", map);
    if (status == SLIM_OK)
        status = slim_json_write(
            slim_path_join(diag->arena, directory,
                           slim_arena_printf(
                               diag->arena, "%s.safetensors.index.json", stem)),
            index, at, diag);
    json_decref(index);
    return status;
}

enum slim_status slim_safetensors_write(const char *directory, const char *stem,
                                        const struct slim_out_tensors *outputs,
                                        struct slim_span at,
                                        struct slim_diag *diag)
{
    size_t shards = 0;

    for (size_t first = 0; first < outputs->count; shards++)
        first = shard_end(outputs, first);
    if (shards > 1)
        return write_shards(directory, stem, outputs, shards, at, diag);
    return write_file(
        slim_path_join(diag->arena, directory,
                       slim_arena_printf(diag->arena, "%s.safetensors", stem)),
        outputs, 0, outputs->count, at, diag);
}
