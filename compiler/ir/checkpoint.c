/* checkpoint.c - safetensors files of a model, by their headers */
#include "compiler/ir/checkpoint.h"

#include "base/file.h"
#include "base/hash.h"
#include "base/json.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define HEADER_MAX 100000000u
#define SINGLE "model.safetensors"
#define INDEX "model.safetensors.index.json"

/* A checkpoint under construction. */
struct opening {
    struct slim_checkpoint *checkpoint;
    struct slim_tensor_list tensors;
    struct slim_hasher hasher;
    struct slim_span at;
    struct slim_diag *diag;
};

static enum slim_status read_bytes(int handle, void *out, size_t count,
                                   off_t offset, struct slim_span place,
                                   struct slim_diag *diag)
{
    char *bytes = out;
    while (count > 0) {
        ssize_t got = pread(handle, bytes, count, offset);
        if (got < 0 && errno == EINTR)
            continue;
        if (got <= 0)
            return slim_fail(diag, "I202", place, "could not be read: %s",
                             got < 0 ? strerror(errno) : "it became shorter");
        bytes += got;
        offset += got;
        count -= (size_t)got;
    }
    return SLIM_OK;
}

static uint64_t little_endian(const unsigned char bytes[8])
{
    uint64_t value = 0;
    for (size_t i = 0; i < 8; i++)
        value |= (uint64_t)bytes[i] << (8 * i);
    return value;
}

static enum slim_status parse_header(struct opening *opening, int handle,
                                     size_t index, size_t length)
{
    const struct slim_disk_file *file = &opening->checkpoint->files[index];
    struct slim_span place = { &file->source, 0, 0 };
    struct slim_diag *diag = opening->diag;
    char *header = malloc(length + 1);
    if (header == NULL)
        return slim_fail(diag, "O201", place,
                         "no memory for a header of %zu "
                         "bytes",
                         length);
    enum slim_status status =
        read_bytes(handle, header, length, 8, place, diag);
    if (status == SLIM_OK) {
        slim_hasher_u64(&opening->hasher, length);
        slim_hasher_add(&opening->hasher, header, length);
        status = slim_header_parse(&opening->tensors, NULL, header, length,
                                   file->size, index, &file->source, diag);
    }
    free(header);
    opening->checkpoint->header_bytes += 8 + length;
    return status;
}

/* The length is checked against the file before anything is allocated. */
static enum slim_status read_file(struct opening *opening, int handle,
                                  size_t index)
{
    struct slim_disk_file *file = &opening->checkpoint->files[index];
    struct slim_span place = { &file->source, 0, 0 };
    struct slim_diag *diag = opening->diag;
    struct stat facts;
    if (fstat(handle, &facts) != 0 || !S_ISREG(facts.st_mode))
        return slim_fail(diag, "I203", place, "is not a regular file");
    file->size = (uint64_t)facts.st_size;
    if (file->size < 8)
        return slim_fail(diag, "F216", place,
                         "has %" PRIu64 " bytes; a header takes 8 at least",
                         file->size);
    unsigned char start[8];
    if (read_bytes(handle, start, sizeof(start), 0, place, diag) != SLIM_OK)
        return SLIM_FAILED;
    uint64_t length = little_endian(start);
    if (length > HEADER_MAX)
        return slim_fail(diag, "F217", place,
                         "claims a header of %" PRIu64 " bytes; at most %u "
                         "are allowed",
                         length, HEADER_MAX);
    if (length > file->size - 8)
        return slim_fail(diag, "F201", place,
                         "claims a header of %" PRIu64 " bytes in a file of "
                         "%" PRIu64,
                         length, file->size);
    return parse_header(opening, handle, index, (size_t)length);
}

static enum slim_status open_file(struct opening *opening, size_t index)
{
    const struct slim_disk_file *file = &opening->checkpoint->files[index];
    int handle = open(file->path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (handle < 0)
        return slim_fail(opening->diag, "I201", opening->at,
                         "could not open \"%s\": %s", file->path,
                         strerror(errno));
    enum slim_status status = read_file(opening, handle, index);
    close(handle);
    return status;
}

static void add_file(struct opening *opening, const char *path)
{
    struct slim_checkpoint *checkpoint = opening->checkpoint;
    struct slim_disk_file *file = &checkpoint->files[checkpoint->file_count++];
    file->path = path;
    file->source.name = path;
}

static int by_name(const void *a, const void *b)
{
    const struct slim_disk_tensor *x = a;
    const struct slim_disk_tensor *y = b;
    return strcmp(x->name, y->name);
}

/* Sorts, and refuses a name that two shards hold. */
static enum slim_status finish_tensors(struct opening *opening)
{
    struct slim_checkpoint *checkpoint = opening->checkpoint;
    struct slim_tensor_list *list = &opening->tensors;
    if (list->count > 1)
        qsort(list->items, list->count, sizeof(list->items[0]), by_name);
    checkpoint->tensors = list->items;
    checkpoint->tensor_count = list->count;
    struct slim_digest digest = slim_hasher_done(&opening->hasher);
    memcpy(checkpoint->headers.bytes, digest.bytes, sizeof(digest.bytes));
    for (size_t i = 1; i < list->count; i++) {
        const struct slim_disk_tensor *a = &list->items[i - 1];
        const struct slim_disk_tensor *b = &list->items[i];
        struct slim_span place = { &checkpoint->files[b->file].source, 0, 0 };
        if (strcmp(a->name, b->name) == 0)
            return slim_fail(opening->diag, "F218", place,
                             "tensor \"%s\" is also in \"%s\"", b->name,
                             checkpoint->files[a->file].path);
    }
    return SLIM_OK;
}

static enum slim_status open_single(struct opening *opening, const char *path)
{
    opening->checkpoint->files =
        SLIM_NEW(opening->diag->arena, struct slim_disk_file);
    add_file(opening, path);
    if (open_file(opening, 0) != SLIM_OK)
        return SLIM_FAILED;
    return finish_tensors(opening);
}

/* Shard names come from a file that somebody else wrote: nothing but a plain
 * name in the same folder is followed. */
static bool name_is_plain(const char *name)
{
    return name[0] != '\0' && strcmp(name, ".") != 0 &&
           strcmp(name, "..") != 0 && strpbrk(name, "/\\") == NULL;
}

static int by_text(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* The distinct shard names of a weight map, sorted. */
static enum slim_status list_shards(const char ***out, size_t *count,
                                    json_t *map, struct slim_span place,
                                    struct slim_diag *diag)
{
    const char **names =
        SLIM_NEW_ARRAY(diag->arena, json_object_size(map), const char *);
    size_t total = 0, kept = 0;
    const char *key;
    json_t *value;
    json_object_foreach(map, key, value)
    {
        const char *name = json_string_value(value);
        if (name == NULL || !name_is_plain(name))
            return slim_fail(diag, "F219", place,
                             "tensor \"%s\" is mapped to %s%s%s, which is not "
                             "a plain file name",
                             key, name == NULL ? "" : "\"",
                             name == NULL ? "something" : name,
                             name == NULL ? "" : "\"");
        names[total++] = name;
    }
    if (total > 1)
        qsort(names, total, sizeof(names[0]), by_text);
    for (size_t i = 0; i < total; i++)
        if (kept == 0 || strcmp(names[i], names[kept - 1]) != 0)
            names[kept++] = names[i];
    *out = names;
    *count = kept;
    return SLIM_OK;
}

/* The index and the shards must tell the same story, both ways. */
static enum slim_status compare_index(struct opening *opening, json_t *map,
                                      struct slim_span place)
{
    const struct slim_checkpoint *checkpoint = opening->checkpoint;
    const char *key;
    json_t *value;
    json_object_foreach(map, key, value)
    {
        const struct slim_disk_tensor *tensor =
            slim_checkpoint_find(checkpoint, key);
        const char *shard = json_string_value(value);
        if (tensor == NULL ||
            strcmp(slim_path_base(checkpoint->files[tensor->file].path),
                   shard) != 0)
            return slim_fail(opening->diag, "F220", place,
                             "tensor \"%s\" is not in \"%s\", where the index "
                             "says it is",
                             key, shard);
    }
    for (size_t i = 0; i < checkpoint->tensor_count; i++) {
        const struct slim_disk_tensor *tensor = &checkpoint->tensors[i];
        if (json_object_get(map, tensor->name) == NULL)
            return slim_fail(opening->diag, "F220", place,
                             "tensor \"%s\" of \"%s\" is not in the index",
                             tensor->name,
                             checkpoint->files[tensor->file].path);
    }
    return SLIM_OK;
}

static enum slim_status open_shards(struct opening *opening, json_t *map,
                                    const char *directory,
                                    struct slim_span place)
{
    struct slim_diag *diag = opening->diag;
    const char **names = NULL;
    size_t count = 0;
    if (list_shards(&names, &count, map, place, diag) != SLIM_OK)
        return SLIM_FAILED;
    opening->checkpoint->files =
        SLIM_NEW_ARRAY(diag->arena, count, struct slim_disk_file);
    for (size_t i = 0; i < count; i++) {
        const char *path = slim_path_join(diag->arena, directory, names[i]);
        if (!slim_file_exists(path))
            return slim_fail(diag, "I204", place,
                             "shard \"%s\" is missing; the index names %zu "
                             "files",
                             names[i], count);
        add_file(opening, path);
        if (open_file(opening, i) != SLIM_OK)
            return SLIM_FAILED;
    }
    if (finish_tensors(opening) != SLIM_OK)
        return SLIM_FAILED;
    return compare_index(opening, map, place);
}

static enum slim_status open_index(struct opening *opening, const char *path)
{
    struct slim_diag *diag = opening->diag;
    struct slim_source *source = SLIM_NEW(diag->arena, struct slim_source);
    source->name = path;
    struct slim_span place = { source, 0, 0 };
    json_t *root = NULL;
    if (slim_json_read(&root, path, 0, opening->at, diag) != SLIM_OK)
        return SLIM_FAILED;
    json_t *map = json_object_get(root, "weight_map");
    enum slim_status status;
    if (!json_is_object(map) || json_object_size(map) == 0)
        status = slim_fail(diag, "F221", place,
                           "the index has no \"weight_map\" object");
    else
        status =
            open_shards(opening, map, opening->checkpoint->directory, place);
    json_decref(root);
    return status;
}

static bool text_ends(const char *text, const char *suffix)
{
    size_t length = strlen(text), tail = strlen(suffix);
    return length >= tail && strcmp(text + length - tail, suffix) == 0;
}

static enum slim_status open_directory(struct opening *opening,
                                       const char *path)
{
    struct slim_arena *arena = opening->diag->arena;
    const char *single = slim_path_join(arena, path, SINGLE);
    const char *index = slim_path_join(arena, path, INDEX);
    opening->checkpoint->directory = slim_arena_strdup(arena, path);
    if (slim_file_exists(single))
        return open_single(opening, single);
    if (slim_file_exists(index))
        return open_index(opening, index);
    struct slim_error *error =
        slim_error(opening->diag, "I205", opening->at,
                   "\"%s\" has neither " SINGLE " nor " INDEX, path);
    if (slim_list_directory(arena, path, ".bin")[0] != NULL)
        slim_error_hint(opening->diag, error,
                        "It holds .bin files: save the model as safetensors "
                        "first.");
    return SLIM_FAILED;
}

enum slim_status slim_checkpoint_open(struct slim_checkpoint **out,
                                      const char *path, struct slim_span at,
                                      struct slim_diag *diag)
{
    struct opening opening = { .at = at, .diag = diag };
    opening.checkpoint = SLIM_NEW(diag->arena, struct slim_checkpoint);
    slim_hasher_init(&opening.hasher);
    enum slim_status status;
    if (slim_file_is_directory(path)) {
        status = open_directory(&opening, path);
    } else {
        opening.checkpoint->directory = slim_path_directory(diag->arena, path);
        if (!slim_file_exists(path))
            status = slim_fail(diag, "I201", at, "model \"%s\" does not exist",
                               path);
        else if (text_ends(path, ".index.json"))
            status = open_index(&opening, path);
        else if (text_ends(path, ".safetensors"))
            status =
                open_single(&opening, slim_arena_strdup(diag->arena, path));
        else
            status = slim_fail(diag, "I206", at,
                               "\"%s\" is neither a directory, a .safetensors "
                               "file nor an index",
                               path);
    }
    if (status == SLIM_OK)
        *out = opening.checkpoint;
    return status;
}

const struct slim_disk_tensor *slim_checkpoint_find(
    const struct slim_checkpoint *checkpoint, const char *name)
{
    size_t low = 0, high = checkpoint->tensor_count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        int order = strcmp(checkpoint->tensors[middle].name, name);
        if (order == 0)
            return &checkpoint->tensors[middle];
        if (order < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return NULL;
}
