/* directory.c - making, listing and removing directories (file.h) */
#include "base/file.h"

#include "base/file_error.h"

#include <dirent.h>
#include <errno.h>
#include <ftw.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static bool make_one(const char *path)
{
    return mkdir(path, 0777) == 0 ||
           (errno == EEXIST && slim_file_is_directory(path)) ||
           (errno == EISDIR);
}

enum slim_status slim_make_directory(const char *path, struct slim_span at,
                                     struct slim_diag *diag)
{
    char *copy = slim_arena_strdup(diag->arena, path);

    for (char *slash = copy + 1; *copy && (slash = strchr(slash, '/'));
         slash++) {
        *slash = '\0';
        bool made = make_one(copy);
        *slash = '/';
        if (!made)
            break;
    }
    if (!make_one(copy))
        return slim_file_failed(diag, at, "make directory", path, errno);
    return SLIM_OK;
}

static int remove_entry(const char *path, const struct stat *info, int type,
                        struct FTW *place)
{
    (void)info;
    (void)type;
    (void)place;
    (void)remove(path);
    return 0;
}

void slim_remove_tree(const char *path)
{
    (void)nftw(path, remove_entry, 16, FTW_DEPTH | FTW_PHYS);
}

static bool ends_in(const char *name, const char *suffix)
{
    size_t length = strlen(name), size = strlen(suffix);

    return length >= size && strcmp(name + length - size, suffix) == 0;
}

static int by_name(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

char **slim_list_directory(struct slim_arena *arena, const char *path,
                           const char *suffix)
{
    size_t count = 0, room = 16;
    char **names = SLIM_NEW_ARRAY(arena, room, char *);
    DIR *directory = opendir(path);
    const struct dirent *entry;

    while (directory && (entry = readdir(directory))) {
        if (entry->d_name[0] == '.' || !ends_in(entry->d_name, suffix))
            continue;
        if (count + 1 == room) {
            char **more = SLIM_NEW_ARRAY(arena, room * 2, char *);
            memcpy(more, names, count * sizeof(*names));
            names = more;
            room *= 2;
        }
        names[count++] = slim_arena_strdup(arena, entry->d_name);
    }
    if (directory)
        (void)closedir(directory);
    qsort(names, count, sizeof(*names), by_name);
    return names;
}
