/* object.c - bytes by their digest, and files with a seal */
#include "runtime/store/store.h"

#include "runtime/store/gc.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static const struct slim_span nowhere = { NULL, 0, 0 };

static enum slim_status try_parts(struct slim_store *store, const char *path,
                                  const struct slim_piece *parts, size_t count)
{
    struct slim_diag *diag = &store->diag;
    struct slim_writer writer = { 0 };

    if (slim_make_directory(slim_path_directory(store->arena, path), nowhere,
                            diag) != SLIM_OK)
        return SLIM_FAILED;
    enum slim_status status = slim_writer_open(&writer, path, nowhere, diag);
    for (size_t i = 0; i < count && status == SLIM_OK; i++)
        status = slim_writer_put(&writer, parts[i].data, parts[i].size, nowhere,
                                 diag);
    writer.spare = true; /* what is lost is made again */
    if (status == SLIM_OK)
        status = slim_writer_commit(&writer, nowhere, diag);
    slim_writer_abort(&writer);
    return status;
}

/* Writes parts under a name that is made whole or not at all. Where the disk is
 * full, what is worth least leaves, and it is tried once more. */
static bool write_parts(struct slim_store *store, const char *path,
                        const struct slim_piece *parts, size_t count)
{
    uint64_t size = 0;

    if (!store->writes)
        return false;
    if (try_parts(store, path, parts, count) == SLIM_OK)
        return true;
    for (size_t i = 0; i < count; i++)
        size += parts[i].size;
    return (slim_store_make_room(store, size) &&
            try_parts(store, path, parts, count) == SLIM_OK) ||
           slim_store_give_up(store);
}

static uint64_t hash_parts(struct slim_digest *out,
                           const struct slim_piece *parts, size_t count)
{
    struct slim_hasher hasher;
    uint64_t size = 0;

    slim_hasher_init(&hasher);
    for (size_t i = 0; i < count; i++) {
        slim_hasher_add(&hasher, parts[i].data, parts[i].size);
        size += parts[i].size;
    }
    *out = slim_hasher_done(&hasher);
    return size;
}

bool slim_object_put(struct slim_store *store, struct slim_digest *out,
                     const struct slim_piece *parts, size_t count)
{
    uint64_t size = hash_parts(out, parts, count);

    if (!store->path)
        return false;
    if (slim_object_has(store, out, size)) {
        /* young again, so that what is cleared away meanwhile is not this */
        (void)utimensat(AT_FDCWD, slim_store_path(store, "objects", out), NULL,
                        0);
        return true;
    }
    return write_parts(store, slim_store_path(store, "objects", out), parts,
                       count);
}

bool slim_object_has(const struct slim_store *store,
                     const struct slim_digest *name, uint64_t size)
{
    struct stat info;

    return store->path &&
           stat(slim_store_path(store, "objects", name), &info) == 0 &&
           (uint64_t)info.st_size == size;
}

bool slim_object_map(struct slim_store *store, struct slim_map *out,
                     const struct slim_digest *name, uint64_t size)
{
    struct slim_diag quiet = { .arena = store->arena };

    if (!store->path)
        return false;
    const char *path = slim_store_path(store, "objects", name);
    if (slim_map_open(out, path, nowhere, &quiet) != SLIM_OK)
        return false;
    struct slim_digest digest = slim_hash(out->data, out->length);
    if (out->length == size && slim_digest_same(&digest, name))
        return true;
    slim_map_close(out);
    (void)unlink(path);
    slim_store_altered(store, "object", name);
    return false;
}

/* ---- sealed files ---- */

bool slim_sealed_put_parts(struct slim_store *store, const char *path,
                           const struct slim_piece *parts, size_t count)
{
    struct slim_piece *all =
        SLIM_NEW_ARRAY(store->arena, count + 1, struct slim_piece);
    struct slim_digest seal;

    if (count)
        memcpy(all, parts, count * sizeof(*all));
    (void)hash_parts(&seal, parts, count);
    all[count] = (struct slim_piece){ seal.bytes, sizeof(seal.bytes) };
    return write_parts(store, path, all, count + 1);
}

bool slim_sealed_put(struct slim_store *store, const char *path,
                     const void *bytes, size_t size)
{
    const struct slim_piece part = { bytes, size };

    return slim_sealed_put_parts(store, path, &part, 1);
}

bool slim_sealed_map(struct slim_map *out, const char *path, bool *altered,
                     struct slim_diag *diag)
{
    struct slim_diag quiet = { .arena = diag->arena };

    if (altered)
        *altered = false;
    if (slim_map_open(out, path, nowhere, &quiet) != SLIM_OK)
        return false;
    if (out->length >= SLIM_SEAL) {
        size_t size = out->length - SLIM_SEAL;
        struct slim_digest seal = slim_hash(out->data, size);

        if (memcmp(out->data + size, seal.bytes, SLIM_SEAL) == 0)
            return true;
    }
    slim_map_close(out);
    (void)unlink(path);
    if (altered)
        *altered = true;
    return false;
}
