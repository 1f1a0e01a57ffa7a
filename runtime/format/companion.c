/* companion.c - files beside the weights that are copied as they are */
#include "runtime/format/companion.h"

#include "base/file.h"

static const char *const companions[] = {
    "tokenizer.json",
    "tokenizer_config.json",
    "tokenizer.model",
    "special_tokens_map.json",
    "added_tokens.json",
    "vocab.json",
    "merges.txt",
    "chat_template.jinja",
    "generation_config.json",
    NULL,
};

enum slim_status slim_companion_copy(const char *to, const char *from,
                                     const char *name, struct slim_span at,
                                     struct slim_diag *diag)
{
    const char *source = slim_path_join(diag->arena, from, name);
    struct slim_map map;

    if (!slim_file_exists(source))
        return SLIM_OK;
    if (slim_map_open(&map, source, at, diag) != SLIM_OK)
        return SLIM_FAILED;
    enum slim_status status = slim_file_write(
        slim_path_join(diag->arena, to, name), map.data, map.length, at, diag);
    slim_map_close(&map);
    return status;
}

enum slim_status slim_companions_copy(const char *to, const char *from,
                                      struct slim_span at,
                                      struct slim_diag *diag)
{
    for (const char *const *name = companions; *name; name++)
        if (slim_companion_copy(to, from, *name, at, diag) != SLIM_OK)
            return SLIM_FAILED;
    return SLIM_OK;
}
