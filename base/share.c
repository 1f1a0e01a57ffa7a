/* share.c - where the files are that slimc ships (file.h) */
#include "base/file.h"

#include <stdlib.h>
#include <string.h>

/* SLIM_PKGDATADIR and SLIM_SOURCE_DIR come from local.mk */
static const struct {
    const char *kind, *source;
} folders[] = {
    { "data", SLIM_SOURCE_DIR "/runtime/data/sets" },
    { "families", SLIM_SOURCE_DIR "/compiler/families" },
    { "python", SLIM_SOURCE_DIR "/runtime/format/python" },
    { "recipes", SLIM_SOURCE_DIR "/recipes" },
};

char *slim_share_directory(struct slim_arena *arena, const char *kind)
{
    const char *given = getenv("SLIMC_SHARE");

    if (given && *given) {
        char *path = slim_path_join(arena, given, kind);
        if (slim_file_is_directory(path))
            return path;
    }
    char *installed = slim_path_join(arena, SLIM_PKGDATADIR, kind);
    if (slim_file_is_directory(installed))
        return installed;
    for (size_t i = 0; i < SLIM_COUNT(folders); i++)
        if (strcmp(folders[i].kind, kind) == 0 &&
            slim_file_is_directory(folders[i].source))
            return slim_arena_strdup(arena, folders[i].source);
    return NULL;
}
