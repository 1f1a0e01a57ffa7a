/* lock.c - two processes never do the same work at the same time
 *
 * flock belongs to the open file, so a process that dies holds nothing. The
 * file is removed by who held it; who waited looks whether the name is still
 * that of the file it holds.
 */
#include "runtime/store/store.h"

#include "base/progress.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

/* Between two looks at a lock that another has. */
static const struct timespec pace = { .tv_nsec = 20000000 };

static bool is_named(int file, const char *path)
{
    struct stat held, named;

    return fstat(file, &held) == 0 && stat(path, &named) == 0 &&
           held.st_ino == named.st_ino && held.st_dev == named.st_dev;
}

/* 1: taken, 0: another has it, -1: there can be no lock. */
static int try_lock(struct slim_lock *lock)
{
    int file = open(lock->path, O_RDWR | O_CREAT | O_CLOEXEC, 0666);

    if (file < 0)
        return -1;
    if (flock(file, LOCK_EX | LOCK_NB) != 0) {
        int reason = errno;
        (void)close(file);
        return reason == EWOULDBLOCK || reason == EINTR ? 0 : -1;
    }
    if (!is_named(file, lock->path)) {
        (void)close(file);
        return 0;
    }
    lock->file = file;
    return 1;
}

bool slim_lock_take(struct slim_lock *out, struct slim_store *store,
                    const struct slim_digest *key,
                    void (*waiting)(void *context), void *context)
{
    bool told = false;

    *out = (struct slim_lock){ .file = -1 };
    if (!store || !store->writes)
        return true;
    struct slim_diag quiet = { .arena = store->arena };
    out->path = slim_store_path(store, "locks", key);
    if (slim_make_directory(slim_path_directory(store->arena, out->path),
                            (struct slim_span){ 0 }, &quiet) != SLIM_OK)
        return true;
    for (;;) {
        int took = try_lock(out);

        if (took != 0)
            return true;
        if (slim_interrupted())
            return false;
        if (!told && waiting)
            waiting(context);
        told = true;
        (void)nanosleep(&pace, NULL);
    }
}

void slim_lock_folder(struct slim_lock *out, const char *folder)
{
    *out = (struct slim_lock){ .file = open(folder, O_RDONLY | O_CLOEXEC) };
    while (out->file >= 0 && flock(out->file, LOCK_EX | LOCK_NB) != 0) {
        if ((errno != EWOULDBLOCK && errno != EINTR) || slim_interrupted()) {
            slim_lock_release(out);
            return;
        }
        (void)nanosleep(&pace, NULL);
    }
}

void slim_lock_release(struct slim_lock *lock)
{
    if (lock->file < 0)
        return;
    if (lock->path)
        (void)unlink(lock->path);
    (void)close(lock->file);
    lock->file = -1;
}

bool slim_lock_held(struct slim_store *store, const struct slim_digest *key)
{
    int file = open(slim_store_path(store, "locks", key), O_RDWR | O_CLOEXEC);

    if (file < 0)
        return false;
    bool held = flock(file, LOCK_EX | LOCK_NB) != 0;
    (void)close(file);
    return held;
}
