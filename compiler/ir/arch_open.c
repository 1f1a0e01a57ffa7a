/* arch_open.c - opens a model: config.json, its family, its headers */
#include "compiler/ir/family.h"

#include "base/file.h"
#include "base/text.h"
#include "compiler/ir/slopes.h"

#include <string.h>

#define CONFIG_MAX (16u << 20)

struct opening {
    struct slim_model_info *info;
    const char *families;
    struct slim_source *source; /* config.json */
    json_t *root;
    const char *model_type; /* that of the family, also of our own models */
    struct slim_family *family;
    const char *prefix;
    const char *config; /* its path, where it need not be DIR/config.json */
    bool describe;      /* config.json only: there are no weights to bind */
    struct slim_span at;
    struct slim_diag *diag;
};

/* ---- the family ---- */

static bool family_has(const struct slim_family *family, const char *type)
{
    for (size_t t = 0; t < family->types->count; t++)
        if (strcmp(family->types->items[t]->text, type) == 0)
            return true;
    return false;
}

static bool name_is_plain(const char *name)
{
    return name[0] != '\0' && name[0] != '.' && strpbrk(name, "/\\") == NULL;
}

/* A file named after the model_type is tried before all others are read. */
static enum slim_status try_file(struct opening *opening, const char *name)
{
    struct slim_diag *diag = opening->diag;
    const char *path = slim_path_join(diag->arena, opening->families, name);
    struct slim_family *family = NULL;
    if (slim_family_load(&family, path, opening->at, diag) != SLIM_OK)
        return SLIM_FAILED;
    if (family_has(family, opening->model_type))
        opening->family = family;
    return SLIM_OK;
}

static enum slim_status no_family(const struct opening *opening, char **files)
{
    struct slim_text known = { 0 };
    for (size_t f = 0; files[f] != NULL; f++)
        slim_text_printf(&known, "%s%.*s", f == 0 ? "" : ", ",
                         (int)strcspn(files[f], "."), files[f]);
    struct slim_error *error = slim_error(
        opening->diag, "F380", slim_config_place(opening->source, "model_type"),
        "no family has the model_type \"%s\"", opening->model_type);
    slim_error_hint(opening->diag, error, "The families in %s are %s.",
                    opening->families,
                    known.data == NULL ? "none" : known.data);
    slim_text_free(&known);
    return SLIM_FAILED;
}

/* A family that was named has to know the model's type all the same. */
static enum slim_status check_family(const struct opening *opening)
{
    const struct slim_family *family = opening->family;
    if (family_has(family, opening->model_type))
        return SLIM_OK;
    struct slim_error *error =
        slim_error(opening->diag, "F381", family->types->span,
                   "the model has the model_type \"%s\", which family \"%s\" "
                   "does not list",
                   opening->model_type, family->name);
    slim_error_note(opening->diag, error,
                    slim_config_place(opening->source, "model_type"),
                    "config.json says so here");
    return SLIM_FAILED;
}

static enum slim_status find_family(struct opening *opening)
{
    if (opening->family != NULL)
        return check_family(opening);
    struct slim_arena *arena = opening->diag->arena;
    const char *own = slim_arena_printf(arena, "%s.yaml", opening->model_type);
    if (name_is_plain(opening->model_type) &&
        slim_file_exists(slim_path_join(arena, opening->families, own)) &&
        try_file(opening, own) != SLIM_OK)
        return SLIM_FAILED;
    if (opening->family != NULL)
        return SLIM_OK;
    char **files = slim_list_directory(arena, opening->families, ".yaml");
    for (size_t f = 0; files[f] != NULL && opening->family == NULL; f++)
        if (try_file(opening, files[f]) != SLIM_OK)
            return SLIM_FAILED;
    return opening->family != NULL ? SLIM_OK : no_family(opening, files);
}

/* The keys that the family reads: of our own models, those of the model that
 * they were made from. */
static const json_t *config_keys(const struct opening *opening)
{
    const json_t *slimc = json_object_get(opening->root, "slimc");
    const json_t *keys = json_object_get(slimc, "config");

    return json_is_object(keys) ? keys : opening->root;
}

/* A key that is absent is as good as null. */
static bool variant_fits(const struct slim_yaml *where, const json_t *keys)
{
    bool fits = true;
    for (size_t k = 0; fits && k < where->count; k++) {
        const json_t *have = slim_config_find(keys, where->keys[k]->text);
        json_t *want = slim_scalar_to_json(where->items[k]);
        fits = have == NULL ? json_is_null(want) : json_equal(have, want) != 0;
        json_decref(want);
    }
    return fits;
}

/* The file that describes this model better, in the folder of the family's own;
 * NULL: none does. */
static const struct slim_yaml *find_variant(const struct opening *opening)
{
    const struct slim_yaml *list = opening->family->variants;
    for (size_t v = 0; list != NULL && v < list->count; v++)
        if (variant_fits(slim_yaml_get(list->items[v], "where"),
                         config_keys(opening)))
            return slim_yaml_get(list->items[v], "file");
    return NULL;
}

/* From file to file while one points at another; few do, and none in a circle. */
static enum slim_status follow_variants(struct opening *opening)
{
    struct slim_diag *diag = opening->diag;
    const struct slim_yaml *file;
    for (size_t hops = 0; (file = find_variant(opening)) != NULL; hops++) {
        bool examined = opening->family->examined;
        const char *folder =
            slim_path_directory(diag->arena, opening->family->path);
        if (hops == 8)
            return slim_fail(diag, "F336", file->span,
                             "variants lead from file to file in a circle");
        if (slim_family_load(&opening->family,
                             slim_path_join(diag->arena, folder, file->text),
                             file->span, diag) != SLIM_OK)
            return SLIM_FAILED;
        opening->family->examined = examined;
        if (check_family(opening) != SLIM_OK)
            return SLIM_FAILED;
    }
    return SLIM_OK;
}

/* ---- config.json ---- */

static enum slim_status find_type(struct opening *opening)
{
    const json_t *slimc = json_object_get(opening->root, "slimc");
    const json_t *type = json_object_get(opening->root, "model_type");
    const char *key = "model_type";
    struct slim_span place = { opening->source, 0, 0 };
    if (slimc != NULL) {
        key = "slimc.base_type";
        type = json_object_get(slimc, "base_type");
    }
    if (!json_is_string(type))
        return slim_fail(opening->diag, "F350", place,
                         "there is no key \"%s\", or it is no text", key);
    opening->model_type =
        slim_arena_strdup(opening->diag->arena, json_string_value(type));
    return SLIM_OK;
}

static enum slim_status read_config(struct opening *opening)
{
    struct slim_diag *diag = opening->diag;
    const char *path = opening->config;
    if (path == NULL)
        path = slim_path_join(diag->arena, opening->info->checkpoint->directory,
                              "config.json");
    if (slim_file_read(opening->source, path, CONFIG_MAX, opening->at, diag) !=
            SLIM_OK ||
        slim_json_parse(&opening->root, opening->source, diag) != SLIM_OK)
        return SLIM_FAILED;
    struct slim_span place = { opening->source, 0, 0 };
    opening->info->config_text = opening->source->text;
    if (!json_is_object(opening->root))
        return slim_fail(diag, "F350", place, "config.json is not an object");
    return find_type(opening);
}

/* ---- the model ---- */

static enum slim_status find_shape(struct opening *opening)
{
    struct slim_model_info *info = opening->info;
    const json_t *slimc = json_object_get(opening->root, "slimc");
    if (slimc != NULL &&
        slim_shape_from_json(&info->shape, info->arch, slimc, opening->source,
                             opening->diag) != SLIM_OK)
        return SLIM_FAILED;
    if (slimc == NULL)
        info->shape = slim_shape_dense(info->arch, opening->diag->arena);
    return slim_slopes_find(info->arch, info->shape, slimc, opening->source,
                            opening->diag);
}

static enum slim_status open_model(struct opening *opening)
{
    struct slim_model_info *info = opening->info;
    struct slim_diag *diag = opening->diag;
    struct slim_config *config = NULL;
    if (read_config(opening) != SLIM_OK || find_family(opening) != SLIM_OK ||
        follow_variants(opening) != SLIM_OK)
        return SLIM_FAILED;
    if (slim_config_read(&config, opening->family, config_keys(opening),
                         opening->source, diag) != SLIM_OK ||
        slim_arch_root(&opening->prefix, opening->family, info->checkpoint,
                       diag) != SLIM_OK ||
        slim_arch_build(&info->arch, config, opening->prefix, diag) !=
            SLIM_OK ||
        find_shape(opening) != SLIM_OK)
        return SLIM_FAILED;
    info->arch->model_type = opening->model_type;
    config->root = NULL;
    if (opening->describe)
        return SLIM_OK;
    return slim_arch_bind(info->arch, info->shape, opening->family,
                          opening->prefix, info->checkpoint, diag);
}

/* The last part of a path that is a name: of "m/" that is "m". */
static const char *name_of(const char *path, struct slim_arena *arena)
{
    size_t length = strlen(path);
    while (length > 1 && path[length - 1] == '/')
        length--;
    return slim_path_base(slim_arena_strndup(arena, path, length));
}

/* What opening and describing share. */
static struct slim_model_info *begin(struct opening *opening, const char *path)
{
    struct slim_arena *arena = opening->diag->arena;
    struct slim_model_info *info = SLIM_NEW(arena, struct slim_model_info);

    opening->info = info;
    opening->source = SLIM_NEW(arena, struct slim_source);
    if (opening->families == NULL)
        opening->families = slim_share_directory(arena, "families");
    info->path = slim_arena_strdup(arena, path);
    info->name = name_of(path, arena);
    return info;
}

static enum slim_status finish(struct slim_model_info **out,
                               struct opening *opening)
{
    if (opening->families == NULL)
        return slim_fail(opening->diag, "I207", opening->at,
                         "the folder of families is missing");
    enum slim_status status = open_model(opening);
    json_decref(opening->root);
    if (status == SLIM_OK)
        *out = opening->info;
    return status;
}

enum slim_status slim_model_open(struct slim_model_info **out, const char *path,
                                 const char *families, struct slim_span at,
                                 struct slim_diag *diag)
{
    struct opening opening = { .families = families, .at = at, .diag = diag };
    struct slim_model_info *info = begin(&opening, path);

    if (slim_checkpoint_open(&info->checkpoint, path, at, diag) != SLIM_OK)
        return SLIM_FAILED;
    return finish(out, &opening);
}

enum slim_status slim_family_open(struct slim_model_info **out,
                                  struct slim_family *family, const char *path,
                                  struct slim_span at, struct slim_diag *diag)
{
    struct opening opening = { .family = family, .at = at, .diag = diag };
    /* the folder is for families that are not named; there need be none */
    opening.families = "";
    struct slim_model_info *info = begin(&opening, path);

    family->examined = true;
    if (slim_checkpoint_open(&info->checkpoint, path, at, diag) != SLIM_OK)
        return SLIM_FAILED;
    return finish(out, &opening);
}

enum slim_status slim_model_describe(struct slim_model_info **out,
                                     const char *path, const char *families,
                                     struct slim_span at,
                                     struct slim_diag *diag)
{
    struct opening opening = {
        .families = families, .describe = true, .at = at, .diag = diag
    };
    struct slim_model_info *info = begin(&opening, path);

    info->checkpoint = SLIM_NEW(diag->arena, struct slim_checkpoint);
    info->checkpoint->directory = info->path;
    if (!slim_file_is_directory(path)) {
        opening.config = info->path;
        info->checkpoint->directory = slim_path_directory(diag->arena, path);
    }
    return finish(out, &opening);
}
