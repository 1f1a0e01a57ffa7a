/* writer.c - files that appear whole or not at all (file.h) */
#include "base/file.h"

#include "base/file_error.h"
#include "base/work.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum slim_status slim_file_failed(struct slim_diag *diag, struct slim_span at,
                                  const char *verb, const char *path,
                                  int reason)
{
    bool room = reason == ENOSPC || reason == EDQUOT || reason == ENOMEM;

    return slim_fail(diag, room ? "O001" : "I001", at,
                     "could not %s \"%s\": %s", verb, path, strerror(reason));
}

/* Writes until something happens: 0 is never, 1 with the next one. */
struct countdown {
    const char *variable; /* of the environment, which may set it: 7, or 7+ */
    atomic_ulong left;
    atomic_bool set;
    atomic_bool stays; /* it happens with all that follow too */
};

static struct countdown failure = { .variable = "SLIMC_FAIL_WRITE" },
                        interruption = { .variable = "SLIMC_STOP_WRITE" };

void slim_file_fail_after(unsigned long n)
{
    atomic_store(&failure.left, n);
    atomic_store(&failure.stays, false);
    atomic_store(&failure.set, true);
}

void slim_file_fail_from(unsigned long n)
{
    slim_file_fail_after(n);
    atomic_store(&failure.stays, true);
}

/* True for the write that was counted down to. */
static bool is_due(struct countdown *countdown)
{
    if (!atomic_exchange(&countdown->set, true)) {
        const char *given = getenv(countdown->variable);
        atomic_store(&countdown->left, given ? strtoul(given, NULL, 10) : 0);
        atomic_store(&countdown->stays, given && strchr(given, '+'));
    }
    unsigned long left = atomic_load(&countdown->left);
    if (left == 1 && atomic_load(&countdown->stays))
        return true;
    while (left > 0 &&
           !atomic_compare_exchange_weak(&countdown->left, &left, left - 1))
        continue;
    return left == 1;
}

bool slim_file_fails(void)
{
    if (is_due(&interruption))
        (void)raise(SIGINT);
    if (!is_due(&failure))
        return false;
    errno = ENOSPC;
    return true;
}

/* Beside the file itself: a rename does not cross file systems. The name holds
 * the process and a counter, so that two writers never share it. */
static char *temporary_name(const char *path)
{
    static atomic_ulong counter;
    char *name = NULL;

    if (asprintf(&name, "%s.%ld-%lu.part", path, (long)getpid(),
                 atomic_fetch_add(&counter, 1)) < 0)
        slim_out_of_memory("a file name");
    return name;
}

enum slim_status slim_writer_open(struct slim_writer *out, const char *path,
                                  struct slim_span at, struct slim_diag *diag)
{
    *out = (struct slim_writer){ .path = strdup(path),
                                 .temporary = temporary_name(path) };
    if (!out->path)
        slim_out_of_memory("a file name");
    int file =
        open(out->temporary, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
    if (file >= 0) {
        out->file = fdopen(file, "wb");
        if (!out->file)
            slim_out_of_memory("a file name");
        return SLIM_OK;
    }
    int reason = errno;
    free(out->path);
    free(out->temporary);
    *out = (struct slim_writer){ 0 };
    (void)slim_file_failed(diag, at, "create", path, reason);
    return SLIM_FAILED;
}

enum slim_status slim_writer_put(struct slim_writer *writer, const void *bytes,
                                 size_t count, struct slim_span at,
                                 struct slim_diag *diag)
{
    if (count == 0)
        return SLIM_OK;
    if (slim_file_fails() || fwrite(bytes, 1, count, writer->file) != count)
        return slim_file_failed(diag, at, "write", writer->path, errno);
    writer->written += count;
    slim_work_written(count);
    return SLIM_OK;
}

/* The new name is on the disk only once its directory is. Some file systems
 * cannot sync a directory; then the rename itself has to do. */
static bool sync_directory(const char *path)
{
    const char *slash = strrchr(path, '/');
    char *name =
        slash ? strndup(path, (size_t)(slash - path) + 1) : strdup(".");

    if (!name)
        slim_out_of_memory("a file name");
    int directory = open(name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    free(name);
    if (directory < 0)
        return errno == EACCES;
    bool synced = fsync(directory) == 0 || errno == EINVAL || errno == EROFS;
    (void)close(directory);
    return synced;
}

enum slim_status slim_writer_commit(struct slim_writer *writer,
                                    struct slim_span at, struct slim_diag *diag)
{
    bool flushed = !slim_file_fails() && fflush(writer->file) == 0 &&
                   fsync(fileno(writer->file)) == 0;
    int reason = errno;
    bool closed = fclose(writer->file) == 0;

    if (flushed && !closed)
        reason = errno;
    writer->file = NULL;
    enum slim_status status = SLIM_OK;
    if (!flushed || !closed) {
        status = slim_file_failed(diag, at, "write", writer->path, reason);
    } else if (rename(writer->temporary, writer->path) != 0) {
        status = slim_file_failed(diag, at, "create", writer->path, errno);
    } else {
        free(writer->temporary);
        writer->temporary = NULL;
        if (!writer->spare && !sync_directory(writer->path))
            status = slim_file_failed(diag, at, "sync the directory of",
                                      writer->path, errno);
    }
    slim_writer_abort(writer);
    return status;
}

void slim_writer_abort(struct slim_writer *writer)
{
    if (writer->file)
        (void)fclose(writer->file);
    if (writer->temporary)
        (void)unlink(writer->temporary);
    free(writer->temporary);
    free(writer->path);
    *writer = (struct slim_writer){ 0 };
}

enum slim_status slim_file_write(const char *path, const void *bytes,
                                 size_t count, struct slim_span at,
                                 struct slim_diag *diag)
{
    struct slim_writer writer = { 0 };

    slim_writer_clear(path);
    if (slim_writer_open(&writer, path, at, diag) != SLIM_OK)
        return SLIM_FAILED;
    if (slim_writer_put(&writer, bytes, count, at, diag) == SLIM_OK)
        return slim_writer_commit(&writer, at, diag);
    slim_writer_abort(&writer);
    return SLIM_FAILED;
}

bool slim_writer_is_part(const char *name, const char *base)
{
    size_t length = strlen(name), prefix = strlen(base);

    return length > prefix + 5 && strncmp(name, base, prefix) == 0 &&
           name[prefix] == '.' && strcmp(name + length - 5, ".part") == 0;
}

void slim_writer_clear(const char *path)
{
    struct slim_arena *arena = slim_arena_open();
    const char *directory = slim_path_directory(arena, path);
    const char *base = slim_path_base(path);
    char **names = slim_list_directory(arena, directory, ".part");

    for (; *names; names++) {
        long process = slim_writer_is_part(*names, base)
                           ? strtol(*names + strlen(base) + 1, NULL, 10)
                           : 0;
        if (process > 0 && kill((pid_t)process, 0) != 0 && errno == ESRCH)
            (void)unlink(slim_path_join(arena, directory, *names));
    }
    slim_arena_close(arena);
}
