/* project.c - a recipe with its model, data and overrides */
#include "cli/cli.h"

#include "base/file.h"
#include "base/text.h"
#include "lang/parse.h"
#include "runtime/kernel/kernel.h"

#include <string.h>

static const struct slim_span nowhere = { NULL, 0, 0 };

enum slim_status slim_cli_model(struct slim_model_info **out,
                                struct slim_cli *cli, const char *path,
                                struct slim_diag *diag)
{
    char *families = slim_share_directory(cli->arena, "families");

    *out = NULL;
    if (!path)
        return SLIM_OK;
    if (!families)
        return slim_fail(diag, "I001", nowhere,
                         "the families that slimc ships are not found; set "
                         "SLIMC_SHARE to where they are");
    return slim_model_open(out, path, families, nowhere, diag);
}

enum slim_status slim_project_read(struct slim_project *project,
                                   struct slim_cli *cli, const char *recipe)
{
    project->diag.arena = cli->arena;
    if (slim_file_read(&project->source, recipe, 0, nowhere, &project->diag) !=
        SLIM_OK)
        return SLIM_FAILED;
    return slim_project_parse(project);
}

enum slim_status slim_project_parse(struct slim_project *project)
{
    enum slim_status status =
        slim_parse(&project->recipe, &project->source, &project->diag);
    const struct slim_stmt *stmt =
        project->recipe ? project->recipe->first : NULL;
    for (; stmt; stmt = stmt->next)
        if (stmt->kind == SLIM_STMT_INCLUDE)
            project->includes = true;
    return status;
}

/* "name=rest": the name, and *rest after the sign. */
static char *split_pair(struct slim_project *project, struct slim_cli *cli,
                        const struct slim_given *given, const char **rest)
{
    const char *equal = strchr(given->value, '=');

    if (!equal || equal == given->value || equal[1] == '\0') {
        (void)slim_fail(&project->diag, "U007", nowhere,
                        "option '--%s' takes %s, not '%s'",
                        slim_options[given->id].name,
                        slim_options[given->id].value, given->value);
        return NULL;
    }
    *rest = equal + 1;
    return slim_arena_strndup(cli->arena, given->value,
                              (size_t)(equal - given->value));
}

static enum slim_status add_override(struct slim_project *project,
                                     struct slim_cli *cli,
                                     const struct slim_given *given)
{
    struct slim_source *source = SLIM_NEW(cli->arena, struct slim_source);
    struct slim_override *o = SLIM_NEW(cli->arena, struct slim_override);
    const char *value = NULL;

    o->name = split_pair(project, cli, given, &value);
    if (!o->name)
        return SLIM_FAILED;
    *source = (struct slim_source){ "-s", value, strlen(value) };
    if (slim_parse_cases(&o->cases, source, &project->diag) != SLIM_OK)
        return SLIM_FAILED;
    if (o->cases->values->kind == SLIM_VALUE_VAR)
        return slim_fail(&project->diag, "U008", o->cases->span,
                         "-s takes a value, not another constant");
    for (struct slim_override *old = project->host.overrides; old;
         old = old->next)
        if (strcmp(old->name, o->name) == 0)
            return slim_fail(&project->diag, "U009", o->cases->span,
                             "'%s' is overridden twice", o->name);
    o->next = project->host.overrides;
    project->host.overrides = o;
    return SLIM_OK;
}

/* "alpaca" or "alpaca.train" */
static enum slim_status check_set(struct slim_project *project,
                                  struct slim_cli *cli, const char *name)
{
    const char *const *sets = project->host.sets;
    const char *set = slim_arena_strndup(cli->arena, name, strcspn(name, "."));

    for (size_t i = 0; sets && sets[i]; i++)
        if (strcmp(sets[i], set) == 0)
            return SLIM_OK;
    struct slim_error *error = slim_error(&project->diag, "N017", nowhere,
                                          "-d names no data set: '%s'", name);
    const char *near = sets ? slim_text_nearest(set, sets) : NULL;
    if (near)
        slim_error_hint(&project->diag, error, "Did you mean '%s'?", near);
    return SLIM_FAILED;
}

static enum slim_status check_folder(struct slim_project *project,
                                     const struct slim_given *given)
{
    if (slim_file_is_directory(given->value))
        return SLIM_OK;
    return slim_fail(&project->diag, "D104", nowhere,
                     "--data %s: there is no such directory", given->value);
}

static enum slim_status add_map(struct slim_project *project,
                                struct slim_cli *cli,
                                const struct slim_given *given)
{
    struct slim_data_map *map = SLIM_NEW(cli->arena, struct slim_data_map);

    map->set = split_pair(project, cli, given, &map->file);
    if (!map->set || check_set(project, cli, map->set) != SLIM_OK)
        return SLIM_FAILED;
    map->next = project->world.maps;
    project->world.maps = map;
    return SLIM_OK;
}

bool slim_cli_decides(enum slim_option_id id)
{
    return id == SLIM_OPTION_set || id == SLIM_OPTION_map ||
           id == SLIM_OPTION_data;
}

static enum slim_status read_options(struct slim_project *project,
                                     struct slim_cli *cli)
{
    enum slim_status status = SLIM_OK;
    size_t count = 0, directories = 0;

    for (const struct slim_given *g = cli->given; g; g = g->next)
        count++;
    project->world.directories =
        SLIM_NEW_ARRAY(cli->arena, count + 1, const char *);
    for (const struct slim_given *g = cli->given; g; g = g->next) {
        if (g->id == SLIM_OPTION_data)
            project->world.directories[directories++] = g->value;
        if ((g->id == SLIM_OPTION_data &&
             check_folder(project, g) != SLIM_OK) ||
            (g->id == SLIM_OPTION_set &&
             add_override(project, cli, g) != SLIM_OK) ||
            (g->id == SLIM_OPTION_map && add_map(project, cli, g) != SLIM_OK))
            status = SLIM_FAILED;
    }
    return status;
}

/* "alpaca" of each "alpaca.yaml". */
static const char *const *set_names(struct slim_cli *cli, const char *directory)
{
    char **files = slim_list_directory(cli->arena, directory, ".yaml");
    size_t count = 0;

    while (files[count])
        count++;
    if (count == 0)
        return NULL;
    const char **names = SLIM_NEW_ARRAY(cli->arena, count + 1, const char *);
    for (size_t i = 0; i < count; i++) {
        const char *base = slim_path_base(files[i]);
        names[i] = slim_arena_strndup(cli->arena, base,
                                      strlen(base) - strlen(".yaml"));
    }
    return names;
}

static enum slim_status check_maps(struct slim_project *project)
{
    enum slim_status status = SLIM_OK;

    for (const struct slim_data_map *m = project->world.maps; m; m = m->next)
        if (!m->used && project->model && project->diag.errors == 0)
            status = slim_fail(&project->diag, "N016", nowhere,
                               "-d %s has no effect: the recipe reads no data "
                               "set of that name",
                               m->set);
    return status;
}

enum slim_status slim_project_compile(struct slim_project *project,
                                      struct slim_cli *cli,
                                      struct slim_model_info *model)
{
    char *sets = slim_share_directory(cli->arena, "data");
    struct slim_data_world *world = &project->world;

    if (!project->recipe)
        return SLIM_FAILED;
    project->model = model;
    world->sets = sets ? sets : "";
    world->recipe = slim_path_directory(cli->arena, project->source.name);
    world->model = model ? model->checkpoint->directory : NULL;
    world->arena = cli->arena;
    project->host.stages = slim_stages;
    project->host.bf16 = slim_kernels_bf16() != NULL;
    project->host.data_check = slim_data_check;
    project->host.world = world;
    project->host.sets = set_names(cli, world->sets);
    if (read_options(project, cli) != SLIM_OK)
        return SLIM_FAILED;
    if (slim_compile(&project->program, project->recipe, model, &project->host,
                     &project->diag) != SLIM_OK)
        return SLIM_FAILED;
    return check_maps(project);
}

static bool ends_with(const char *text, const char *end)
{
    size_t length = strlen(text), tail = strlen(end);

    return length > tail && strcmp(text + length - tail, end) == 0;
}

bool slim_cli_split(struct slim_cli *cli, size_t *recipes, const char **model)
{
    size_t count = cli->operand_count;

    *recipes = 0;
    *model = NULL;
    while (*recipes < count && ends_with(cli->operands[*recipes], ".slim"))
        ++*recipes;
    if (*recipes == 0 && count > 0) /* a recipe by any other name */
        *recipes = 1;
    if (*recipes == 0 || count > *recipes + 1) {
        (void)slim_cli_usage(cli,
                             *recipes == 0
                                 ? "which recipe?"
                                 : "'%s' is neither a recipe (*.slim) "
                                   "nor the last operand",
                             *recipes == 0 ? "" : cli->operands[*recipes]);
        return false;
    }
    *model = count > *recipes ? cli->operands[*recipes] : NULL;
    return true;
}
