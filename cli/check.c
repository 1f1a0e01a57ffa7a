/* check.c - slimc check: find what is wrong, without reading weights */
#include "cli/cli.h"

#include "base/text.h"

static void list_points(const struct slim_program *program)
{
    for (; program; program = program->next)
        printf("  %s%s%s\n", program->point->name,
               program->unmet ? "  is left out: " : "",
               program->unmet ? program->unmet->message : "");
}

static void say_fine(const struct slim_cli *cli,
                     const struct slim_project *project)
{
    const struct slim_program *program = project->program;
    bool sized = program->model && program->last;
    uint64_t before = sized ? slim_shape_params(program->model->shape) : 0;
    uint64_t after = sized ? slim_shape_params(program->last->after) : 0;

    if (slim_cli_has(cli, SLIM_OPTION_json)) {
        json_t *line = json_pack("{s:i,s:s,s:s}", "v", 1, "event", "ok",
                                 "recipe", project->source.name);
        if (program->next)
            (void)json_object_set_new(
                line, "points",
                json_integer((json_int_t)program->point->sweep->count));
        else if (sized)
            (void)json_object_update_new(
                line, json_pack("{s:I,s:I}", "params", (json_int_t)after,
                                "params_before", (json_int_t)before));
        slim_cli_put(line);
        return;
    }
    if (slim_cli_has(cli, SLIM_OPTION_quiet))
        return;
    printf("%s: ok", project->source.name);
    if (program->next) {
        fputs(", ", stdout);
        slim_tally_print(program, stdout);
        list_points(program);
        return;
    }
    if (sized)
        printf(", %s parameters of %s", slim_text_grouped(cli->arena, after),
               slim_text_grouped(cli->arena, before));
    putchar('\n');
}

static int check_one(struct slim_cli *cli, const char *recipe,
                     struct slim_model_info *model)
{
    struct slim_project project = { 0 };

    enum slim_status status = slim_project_read(&project, cli, recipe);
    if (slim_project_compile(&project, cli, model) != SLIM_OK)
        status = SLIM_FAILED;
    int code = slim_cli_report(cli, &project.diag);
    if (status == SLIM_OK)
        say_fine(cli, &project);
    return code;
}

int slim_command_check(struct slim_cli *cli)
{
    struct slim_model_info *model = NULL;
    const char *path = NULL;
    size_t recipes = 0;
    int code = 0;

    if (!slim_cli_split(cli, &recipes, &path))
        return 2;
    if (slim_cli_model(&model, cli, path, &cli->diag) != SLIM_OK)
        return slim_cli_report(cli, &cli->diag);
    for (size_t i = 0; i < recipes; i++) {
        int one = check_one(cli, cli->operands[i], model);
        code = code ? code : one;
    }
    return code;
}
