/* file.h - reading, mapping, and writing that never leaves half a file */
#ifndef SLIM_FILE_H
#define SLIM_FILE_H

#include "base/diag.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Reads a whole file into the arena as a source. Refuses directories and files
 * over `limit` bytes (0: 64 MiB). `at` is the place that named the file. */
SLIM_NODISCARD enum slim_status slim_file_read(struct slim_source *out,
                                               const char *path, size_t limit,
                                               struct slim_span at,
                                               struct slim_diag *diag);

/* A read-only mapping of a whole file. An empty file maps to data NULL. */
struct slim_map {
    const unsigned char *data;
    size_t length;
};

SLIM_NODISCARD enum slim_status slim_map_open(struct slim_map *out,
                                              const char *path,
                                              struct slim_span at,
                                              struct slim_diag *diag);
void slim_map_close(struct slim_map *map);

/* Part of a map is read soon, or not for long: its pages are fetched from the
 * disk meanwhile, or leave this process's memory. Only a matter of time. */
void slim_map_fetch(const struct slim_map *map, const void *from,
                    size_t length);
void slim_map_leave(const struct slim_map *map, const void *from,
                    size_t length);

/*
 * Memory to be written that stands in a file without a name, in a directory:
 * the system may move it there, and it is gone with its map. length > 0. Once
 * sealed it can only be read, and its pages leave the process's memory.
 */
SLIM_NODISCARD enum slim_status slim_spill_open(struct slim_map *out,
                                                const char *directory,
                                                size_t length,
                                                struct slim_span at,
                                                struct slim_diag *diag);
void slim_spill_seal(const struct slim_map *map);
/* Where such files go without a store: $TMPDIR, else /var/tmp, which is seldom
 * in memory, else the current directory. */
const char *slim_spill_place(struct slim_arena *arena);

/*
 * A file that appears under its name whole or not at all: bytes go to a
 * temporary name beside it; commit syncs and renames; abort (also of a file
 * never opened) removes it. After a failed write, call abort.
 */
struct slim_writer {
    char *path, *temporary;
    FILE *file;
    uint64_t written;
    bool spare; /* set before commit: a power cut may lose the file, but not
                   leave a part of it: its folder is not synced */
};

SLIM_NODISCARD enum slim_status slim_writer_open(struct slim_writer *out,
                                                 const char *path,
                                                 struct slim_span at,
                                                 struct slim_diag *diag);
SLIM_NODISCARD enum slim_status slim_writer_put(struct slim_writer *writer,
                                                const void *bytes, size_t count,
                                                struct slim_span at,
                                                struct slim_diag *diag);
SLIM_NODISCARD enum slim_status slim_writer_commit(struct slim_writer *writer,
                                                   struct slim_span at,
                                                   struct slim_diag *diag);
void slim_writer_abort(struct slim_writer *writer);
/* All of that for bytes that are there: a file holds them whole, or what it held
 * before. What killed writers of it left goes. */
SLIM_NODISCARD enum slim_status slim_file_write(const char *path,
                                                const void *bytes, size_t count,
                                                struct slim_span at,
                                                struct slim_diag *diag);
/* Whether NAME is what a writer of BASE that was killed has left. */
bool slim_writer_is_part(const char *name, const char *base);
/* Removes what writers of the path that are no more have left beside it. */
void slim_writer_clear(const char *path);

/* Every write of the program passes here; the n-th from now fails with ENOSPC
 * (0: never), or from then on all do. For failure-injection tests; also set by
 * SLIMC_FAIL_WRITE=n and n+.
 * With SLIMC_STOP_WRITE=n Ctrl-C comes with the n-th. */
void slim_file_fail_after(unsigned long n);
void slim_file_fail_from(unsigned long n);

bool slim_file_exists(const char *path);
bool slim_file_is_directory(const char *path);
uint64_t slim_file_size(const char *path); /* 0 if there is none */

/* "DIR/NAME" in the arena; NAME alone if it is absolute or dir is "" */
char *slim_path_join(struct slim_arena *arena, const char *directory,
                     const char *name);
/* "a/b" of "a/b/c.slim"; "." of "c.slim" */
char *slim_path_directory(struct slim_arena *arena, const char *path);
/* "c.slim" of "a/b/c.slim" */
const char *slim_path_base(const char *path);

/* mkdir -p. */
SLIM_NODISCARD enum slim_status slim_make_directory(const char *path,
                                                    struct slim_span at,
                                                    struct slim_diag *diag);
/* Removes a directory and the plain files in it (one level deep, recursive). */
void slim_remove_tree(const char *path);

/* Names in a directory that end in `suffix`, sorted, NULL-terminated, in the
 * arena; an empty list where the directory is missing. */
char **slim_list_directory(struct slim_arena *arena, const char *path,
                           const char *suffix);

/*
 * Finds a file that slimc ships. `kind` is "families", "data", "recipes" or
 * "python". Looked for under $SLIMC_SHARE/KIND, then where `make install` put
 * it, then in the source tree this binary was built from. The first directory
 * that exists wins. Returns the directory, in the arena, or NULL.
 */
char *slim_share_directory(struct slim_arena *arena, const char *kind);

#endif
