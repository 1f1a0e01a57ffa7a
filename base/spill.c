/* spill.c - memory that stands in a file without a name (file.h) */
#include "base/file.h"

#include "base/file_error.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

/* A file that nothing has to remove, whatever becomes of the process. Where the
 * file system knows none, one whose name goes at once. */
static int nameless(const char *directory)
{
    char *name = NULL;
    int file = open(directory, O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);

    if (file >= 0 || (errno != EOPNOTSUPP && errno != EISDIR))
        return file;
    if (asprintf(&name, "%s/slimc-XXXXXX", directory) < 0)
        slim_out_of_memory("a file name");
    file = mkostemp(name, O_CLOEXEC);
    if (file >= 0)
        (void)unlink(name);
    free(name);
    return file;
}

/* The room is taken now: a disk that is full says so here, where it can be
 * told, and not when a page is written. 0, or what is wrong. */
static int reserve(int file, size_t length)
{
    int reason = slim_file_fails() ? ENOSPC : 0;

    do {
        if (!reason)
            reason = posix_fallocate(file, 0, (off_t)length);
    } while (reason == EINTR);
    return reason;
}

enum slim_status slim_spill_open(struct slim_map *out, const char *directory,
                                 size_t length, struct slim_span at,
                                 struct slim_diag *diag)
{
    int file = nameless(directory);

    *out = (struct slim_map){ 0 };
    if (file < 0)
        return slim_file_failed(diag, at, "create a temporary file in",
                                directory, errno);
    int reason = reserve(file, length);
    void *data = MAP_FAILED;
    if (!reason) {
        data = mmap(NULL, length, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
        reason = data == MAP_FAILED ? errno : 0;
    }
    (void)close(file);
    if (reason)
        return slim_file_failed(diag, at, "write a temporary file in",
                                directory, reason);
    *out = (struct slim_map){ .data = data, .length = length };
    return SLIM_OK;
}

void slim_spill_seal(const struct slim_map *map)
{
    void *data = (void *)(uintptr_t)map->data;

    (void)mprotect(data, map->length, PROT_READ);
    slim_map_leave(map, map->data, map->length);
}

const char *slim_spill_place(struct slim_arena *arena)
{
    const char *given = getenv("TMPDIR");

    if (given && *given)
        return slim_arena_strdup(arena, given);
    return access("/var/tmp", W_OK) == 0 ? "/var/tmp" : ".";
}
