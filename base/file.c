/* file.c - reading, mapping, and the shapes of paths */
#include "base/file.h"

#include "base/file_error.h"
#include "base/text.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

enum { DEFAULT_LIMIT = 64 << 20 };

/* Up to limit + 1 bytes, so that the caller sees when there are more. Works on
 * pipes too. False with errno on failure. */
static bool read_all(struct slim_text *text, int file, size_t limit)
{
    char buffer[1 << 14];

    while (text->length <= limit) {
        ssize_t count = read(file, buffer, sizeof(buffer));
        if (count < 0 && errno == EINTR)
            continue;
        if (count < 0)
            return false;
        if (count == 0)
            break;
        slim_text_append(text, buffer, (size_t)count);
    }
    return true;
}

static enum slim_status read_source(struct slim_source *out, const char *path,
                                    int file, size_t limit, struct slim_span at,
                                    struct slim_diag *diag)
{
    struct slim_text text = { 0 };
    enum slim_status status = SLIM_OK;

    if (!read_all(&text, file, limit))
        status = slim_file_failed(diag, at, "read", path, errno);
    else if (text.length > limit)
        status = slim_fail(diag, "I002", at,
                           "file \"%s\" is larger than %zu bytes", path, limit);
    if (status == SLIM_OK)
        *out = (struct slim_source){
            .name = slim_arena_strdup(diag->arena, path),
            .text = slim_arena_strndup(diag->arena, text.data, text.length),
            .length = text.length,
        };
    slim_text_free(&text);
    return status;
}

enum slim_status slim_file_read(struct slim_source *out, const char *path,
                                size_t limit, struct slim_span at,
                                struct slim_diag *diag)
{
    int file = open(path, O_RDONLY | O_CLOEXEC);
    struct stat info;

    if (file < 0)
        return slim_file_failed(diag, at, "open", path, errno);
    enum slim_status status;
    if (fstat(file, &info) != 0)
        status = slim_file_failed(diag, at, "read", path, errno);
    else if (S_ISDIR(info.st_mode))
        status = slim_file_failed(diag, at, "read", path, EISDIR);
    else
        status = read_source(out, path, file, limit ? limit : DEFAULT_LIMIT, at,
                             diag);
    (void)close(file);
    return status;
}

static enum slim_status map_file(struct slim_map *out, const char *path,
                                 int file, struct slim_span at,
                                 struct slim_diag *diag)
{
    struct stat info;

    if (fstat(file, &info) != 0)
        return slim_file_failed(diag, at, "read", path, errno);
    if (!S_ISREG(info.st_mode))
        return slim_fail(diag, "I002", at, "\"%s\" is not a plain file", path);
    *out = (struct slim_map){ .length = (size_t)info.st_size };
    if (out->length == 0)
        return SLIM_OK;
    void *data = mmap(NULL, out->length, PROT_READ, MAP_PRIVATE, file, 0);
    if (data == MAP_FAILED)
        return slim_file_failed(diag, at, "map", path, errno);
    out->data = data;
    return SLIM_OK;
}

enum slim_status slim_map_open(struct slim_map *out, const char *path,
                               struct slim_span at, struct slim_diag *diag)
{
    int file = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);

    *out = (struct slim_map){ 0 };
    if (file < 0)
        return slim_file_failed(diag, at, "open", path, errno);
    enum slim_status status = map_file(out, path, file, at, diag);
    (void)close(file);
    return status;
}

void slim_map_close(struct slim_map *map)
{
    if (map->data)
        (void)munmap((void *)(uintptr_t)map->data, map->length);
    *map = (struct slim_map){ 0 };
}

/* Whole pages of a map, from the one with `from` in it on. */
static void advise(const struct slim_map *map, const void *from, size_t length,
                   int advice)
{
    size_t page = (size_t)sysconf(_SC_PAGESIZE);
    size_t at = (size_t)((const unsigned char *)from - map->data);
    size_t first = at / page * page;

    if (map->data && length > 0)
        (void)madvise((void *)(uintptr_t)(map->data + first),
                      at + length - first, advice);
}

void slim_map_fetch(const struct slim_map *map, const void *from, size_t length)
{
    advise(map, from, length, MADV_WILLNEED);
}

void slim_map_leave(const struct slim_map *map, const void *from, size_t length)
{
    advise(map, from, length, MADV_DONTNEED);
}

bool slim_file_exists(const char *path)
{
    struct stat info;

    return stat(path, &info) == 0;
}

bool slim_file_is_directory(const char *path)
{
    struct stat info;

    return stat(path, &info) == 0 && S_ISDIR(info.st_mode);
}

uint64_t slim_file_size(const char *path)
{
    struct stat info;

    return stat(path, &info) == 0 ? (uint64_t)info.st_size : 0;
}

char *slim_path_join(struct slim_arena *arena, const char *directory,
                     const char *name)
{
    size_t length = strlen(directory);

    if (length == 0 || name[0] == '/')
        return slim_arena_strdup(arena, name);
    return slim_arena_printf(arena, "%s%s%s", directory,
                             directory[length - 1] == '/' ? "" : "/", name);
}

char *slim_path_directory(struct slim_arena *arena, const char *path)
{
    const char *slash = strrchr(path, '/');

    if (!slash)
        return slim_arena_strdup(arena, ".");
    if (slash == path)
        return slim_arena_strdup(arena, "/");
    return slim_arena_strndup(arena, path, (size_t)(slash - path));
}

const char *slim_path_base(const char *path)
{
    const char *slash = strrchr(path, '/');

    return slash ? slash + 1 : path;
}
