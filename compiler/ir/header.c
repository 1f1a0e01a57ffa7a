/* header.c - the JSON header of a safetensors file, trusted in nothing */
#include "base/attr.h"
#include "base/json.h"
#include "base/text.h"
#include "compiler/ir/checkpoint.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#define TENSORS_MAX 1000000u
/* Commas that a header of TENSORS_MAX tensors can hold, and some more: what
 * the parser would make of it must not fill the memory. */
#define COMMAS_MAX 16000000u
#define NESTING_MAX 3u

/* What one header is being read with. */
struct reader {
    struct slim_tensor_list *out;
    size_t first; /* entries of `out` before this header */
    size_t file;
    uint64_t data_start;
    uint64_t file_size;
    struct slim_span place;
    struct slim_diag *diag;
};

/*
 * Bounds what a JSON parser would build, before it builds it: braces, commas
 * and nesting outside of strings.
 */
static enum slim_status gauge_text(const char *text, size_t length,
                                   struct slim_span place,
                                   struct slim_diag *diag)
{
    size_t depth = 0, braces = 0, commas = 0;
    bool string = false;
    for (size_t i = 0; i < length; i++) {
        char c = text[i];
        if (string) {
            if (c == '\\')
                i++;
            else if (c == '"')
                string = false;
            continue;
        }
        string = c == '"';
        braces += c == '{';
        commas += c == ',';
        if (c == '{' || c == '[')
            depth++;
        else if ((c == '}' || c == ']') && depth > 0)
            depth--;
        if (depth > NESTING_MAX)
            return slim_fail(diag, "F204", place,
                             "the header nests deeper than %u", NESTING_MAX);
    }
    if (braces > TENSORS_MAX + 2 || commas > COMMAS_MAX)
        return slim_fail(diag, "F205", place,
                         "the header describes more than %u tensors",
                         TENSORS_MAX);
    return SLIM_OK;
}

static enum slim_status parse_text(json_t **out, const char *text,
                                   size_t length, struct slim_span place,
                                   struct slim_diag *diag)
{
    if (slim_text_utf8_valid(text, length) != length)
        return slim_fail(diag, "F202", place, "the header is not UTF-8");
    if (gauge_text(text, length, place, diag) != SLIM_OK)
        return SLIM_FAILED;
    json_error_t error;
    *out = json_loadb(text, length, JSON_REJECT_DUPLICATES, &error);
    if (*out == NULL)
        return slim_fail(diag, "F203", place,
                         "the header is not JSON: %s (byte %d)", error.text,
                         error.position);
    if (!json_is_object(*out)) {
        json_decref(*out);
        *out = NULL;
        return slim_fail(diag, "F203", place, "the header is not an object");
    }
    return SLIM_OK;
}

static struct slim_disk_tensor *grow_list(struct slim_tensor_list *list,
                                          struct slim_arena *arena)
{
    if (list->count == list->capacity) {
        size_t capacity = list->capacity == 0 ? 64 : 2 * list->capacity;
        struct slim_disk_tensor *items =
            SLIM_NEW_ARRAY(arena, capacity, struct slim_disk_tensor);
        if (list->count > 0)
            memcpy(items, list->items, list->count * sizeof(*items));
        list->items = items;
        list->capacity = capacity;
    }
    return &list->items[list->count++];
}

static enum slim_status read_whole(uint64_t *out, const json_t *value,
                                   const char *what, const char *tensor,
                                   const struct reader *reader)
{
    if (!json_is_integer(value) || json_integer_value(value) < 0)
        return slim_fail(reader->diag, "F206", reader->place,
                         "tensor \"%s\": \"%s\" holds something other than "
                         "whole numbers",
                         tensor, what);
    *out = (uint64_t)json_integer_value(value);
    return SLIM_OK;
}

static enum slim_status read_dims(struct slim_disk_tensor *tensor,
                                  const json_t *entry,
                                  const struct reader *reader)
{
    const json_t *shape = json_object_get(entry, "shape");
    if (!json_is_array(shape))
        return slim_fail(reader->diag, "F206", reader->place,
                         "tensor \"%s\" has no \"shape\" list", tensor->name);
    tensor->dims_count = json_array_size(shape);
    if (tensor->dims_count > SLIM_DISK_DIMS)
        return slim_fail(reader->diag, "F207", reader->place,
                         "tensor \"%s\" has %zu dimensions; at most %d are "
                         "read",
                         tensor->name, tensor->dims_count, SLIM_DISK_DIMS);
    for (size_t d = 0; d < tensor->dims_count; d++)
        if (read_whole(&tensor->dims[d], json_array_get(shape, d), "shape",
                       tensor->name, reader) != SLIM_OK)
            return SLIM_FAILED;
    return SLIM_OK;
}

static enum slim_status read_offsets(struct slim_disk_tensor *tensor,
                                     const json_t *entry,
                                     const struct reader *reader)
{
    const json_t *offsets = json_object_get(entry, "data_offsets");
    uint64_t begin = 0, end = 0;
    if (!json_is_array(offsets) || json_array_size(offsets) != 2)
        return slim_fail(reader->diag, "F206", reader->place,
                         "tensor \"%s\" has no \"data_offsets\" of two numbers",
                         tensor->name);
    if (read_whole(&begin, json_array_get(offsets, 0), "data_offsets",
                   tensor->name, reader) != SLIM_OK ||
        read_whole(&end, json_array_get(offsets, 1), "data_offsets",
                   tensor->name, reader) != SLIM_OK)
        return SLIM_FAILED;
    if (end < begin || end > reader->file_size - reader->data_start)
        return slim_fail(reader->diag, "F208", reader->place,
                         "tensor \"%s\" lies at bytes %" PRIu64 " to %" PRIu64
                         " of %" PRIu64,
                         tensor->name, begin, end,
                         reader->file_size - reader->data_start);
    tensor->offset = reader->data_start + begin;
    tensor->bytes = end - begin;
    return SLIM_OK;
}

/* The shape times the element's bits must be the bytes that the offsets span:
 * an overflow or a mismatch is a forged header. */
static enum slim_status check_bytes(const struct slim_disk_tensor *tensor,
                                    const struct reader *reader)
{
    uint64_t bits = slim_dtype_bits(tensor->dtype);
    for (size_t d = 0; d < tensor->dims_count; d++) {
        uint64_t dim = tensor->dims[d];
        if (dim != 0 && bits > UINT64_MAX / dim)
            return slim_fail(reader->diag, "F209", reader->place,
                             "the size of tensor \"%s\" overflows",
                             tensor->name);
        bits *= dim;
    }
    if (bits % 8 != 0)
        return slim_fail(reader->diag, "F210", reader->place,
                         "tensor \"%s\" ends inside a byte", tensor->name);
    if (bits / 8 != tensor->bytes)
        return slim_fail(reader->diag, "F211", reader->place,
                         "tensor \"%s\" takes %" PRIu64 " bytes by its shape "
                         "but has %" PRIu64,
                         tensor->name, bits / 8, tensor->bytes);
    return SLIM_OK;
}

static enum slim_status read_tensor(const char *name, const json_t *entry,
                                    const struct reader *reader)
{
    struct slim_arena *arena = reader->diag->arena;
    struct slim_disk_tensor tensor = { .file = reader->file };
    tensor.name = slim_arena_strdup(arena, name);
    if (!json_is_object(entry))
        return slim_fail(reader->diag, "F206", reader->place,
                         "the entry of tensor \"%s\" is not an object",
                         tensor.name);
    const char *dtype = json_string_value(json_object_get(entry, "dtype"));
    if (dtype == NULL)
        return slim_fail(reader->diag, "F206", reader->place,
                         "tensor \"%s\" has no \"dtype\"", tensor.name);
    if (!slim_dtype_find(&tensor.dtype, dtype))
        return slim_fail(reader->diag, "F212", reader->place,
                         "tensor \"%s\" has the unknown dtype \"%s\"",
                         tensor.name, dtype);
    if (read_dims(&tensor, entry, reader) != SLIM_OK ||
        read_offsets(&tensor, entry, reader) != SLIM_OK ||
        check_bytes(&tensor, reader) != SLIM_OK)
        return SLIM_FAILED;
    *grow_list(reader->out, arena) = tensor;
    return SLIM_OK;
}

static enum slim_status check_metadata(const json_t *metadata,
                                       const struct reader *reader)
{
    const char *key;
    json_t *value;
    if (!json_is_object(metadata))
        return slim_fail(reader->diag, "F213", reader->place,
                         "\"__metadata__\" is not an object");
    json_object_foreach((json_t *)metadata, key, value)
    {
        if (!json_is_string(value))
            return slim_fail(reader->diag, "F213", reader->place,
                             "\"__metadata__\" holds \"%s\", which is not a "
                             "text",
                             key);
    }
    return SLIM_OK;
}

static int by_offset(const void *a, const void *b)
{
    const struct slim_disk_tensor *x =
        *(const struct slim_disk_tensor *const *)a;
    const struct slim_disk_tensor *y =
        *(const struct slim_disk_tensor *const *)b;
    if (x->offset != y->offset)
        return x->offset < y->offset ? -1 : 1;
    return x->bytes < y->bytes ? -1 : x->bytes > y->bytes;
}

/* Sorted by place, each tensor must begin where the one before it ends, from
 * the first byte to the last of the file: no overlap, hole or tail. */
static enum slim_status check_layout(const struct reader *reader)
{
    const struct slim_tensor_list *list = reader->out;
    size_t count = list->count - reader->first;
    const struct slim_disk_tensor **sorted = SLIM_NEW_ARRAY(
        reader->diag->arena, count, const struct slim_disk_tensor *);
    for (size_t i = 0; i < count; i++)
        sorted[i] = &list->items[reader->first + i];
    if (count > 1)
        qsort(sorted, count, sizeof(sorted[0]), by_offset);
    uint64_t end = reader->data_start;
    for (size_t i = 0; i < count; i++) {
        if (sorted[i]->offset != end)
            return slim_fail(reader->diag, "F214", reader->place,
                             "tensor \"%s\" begins at byte %" PRIu64
                             " of the data, where %" PRIu64 " was due",
                             sorted[i]->name,
                             sorted[i]->offset - reader->data_start,
                             end - reader->data_start);
        end += sorted[i]->bytes;
    }
    if (end != reader->file_size)
        return slim_fail(reader->diag, "F215", reader->place,
                         "the tensors end at byte %" PRIu64 " but the file has "
                         "%" PRIu64,
                         end, reader->file_size);
    return SLIM_OK;
}

static enum slim_status read_entries(json_t *root, const struct reader *reader)
{
    const char *key;
    json_t *value;
    json_object_foreach(root, key, value)
    {
        enum slim_status status = strcmp(key, "__metadata__") == 0
                                      ? check_metadata(value, reader)
                                      : read_tensor(key, value, reader);
        if (status != SLIM_OK)
            return status;
    }
    return check_layout(reader);
}

enum slim_status slim_header_parse(struct slim_tensor_list *out,
                                   struct json_t **metadata, const char *header,
                                   size_t header_length, uint64_t file_size,
                                   size_t file, const struct slim_source *name,
                                   struct slim_diag *diag)
{
    struct reader reader = {
        .out = out,
        .first = out->count,
        .file = file,
        .data_start = 8 + (uint64_t)header_length,
        .file_size = file_size,
        .place = { name, 0, 0 },
        .diag = diag,
    };
    if (metadata != NULL)
        *metadata = NULL;
    if (reader.data_start > file_size)
        return slim_fail(diag, "F201", reader.place,
                         "the header is longer than the file");
    json_t *root = NULL;
    if (parse_text(&root, header, header_length, reader.place, diag) != SLIM_OK)
        return SLIM_FAILED;
    enum slim_status status = read_entries(root, &reader);
    if (status != SLIM_OK)
        out->count = reader.first;
    else if (metadata != NULL)
        *metadata = json_incref(json_object_get(root, "__metadata__"));
    json_decref(root);
    return status;
}
