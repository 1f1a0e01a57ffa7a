/* diff.c - slimc diff: what differs between recipes, results or models */
#include "cli/cli.h"

#include "base/file.h"
#include "base/spawn.h"
#include "report/report.h"

#include <string.h>

static const struct slim_span nowhere = { NULL, 0, 0 };

enum kind { KIND_RECIPE, KIND_RESULTS };

static bool ends_with(const char *text, const char *end)
{
    size_t length = strlen(text), tail = strlen(end);

    return length > tail && strcmp(text + length - tail, end) == 0;
}

static enum kind kind_of(const char *operand)
{
    return ends_with(operand, ".slim") ? KIND_RECIPE : KIND_RESULTS;
}

/* ---- recipes ---- */

/* "HEAD~2:a.slim" is what git has under that name: beside this directory or,
 * as git itself takes it, from the top of the work tree. */
static bool from_git(struct slim_project *project, struct slim_cli *cli,
                     const char *operand)
{
    const char *colon = strchr(operand, ':');
    struct slim_text text = { 0 };

    if (!colon || slim_file_exists(operand))
        return false;
    const char *here = slim_arena_printf(
        cli->arena, "%.*s:./%s", (int)(colon - operand), operand, colon + 1);
    const char *const near[] = { "git", "show", here, NULL };
    const char *const top[] = { "git", "show", operand, NULL };
    bool found = slim_spawn(&text, near, NULL) || slim_spawn(&text, top, NULL);
    if (found)
        /* its own name, so that what follows from it is what it was */
        project->source = (struct slim_source){
            colon + 1, slim_arena_strdup(cli->arena, text.data), text.length
        };
    slim_text_free(&text);
    return found;
}

static int compile(struct slim_project *project, struct slim_cli *cli,
                   const char *operand, struct slim_model_info *model)
{
    enum slim_status status;

    project->diag.arena = cli->arena;
    if (from_git(project, cli, operand))
        status = slim_project_parse(project);
    else
        status = slim_project_read(project, cli, operand);
    if (slim_project_compile(project, cli, model) != SLIM_OK)
        status = SLIM_FAILED;
    int code = slim_cli_report(cli, &project->diag);
    return status == SLIM_OK ? 0 : code;
}

static const char *name_of(const struct slim_program *program)
{
    return program->point ? program->point->name : "";
}

static const struct slim_program *point_of(const struct slim_program *programs,
                                           const char *name)
{
    while (programs && strcmp(name_of(programs), name) != 0)
        programs = programs->next;
    return programs;
}

/* ' ': at a point that both have; '-', '+': one of them has it. */
static void put_point(const struct slim_cli *cli, char sign, const char *name)
{
    if (slim_cli_has(cli, SLIM_OPTION_json))
        slim_cli_put(json_pack("{s:i,s:s,s:s,s:s}", "v", 1, "event", "point",
                               "point", name, "in",
                               sign == ' '   ? "both"
                               : sign == '-' ? "first"
                                             : "second"));
    else
        printf(sign == ' ' ? "%cpoint %s\n" : " %c point %s\n", sign, name);
}

/* Points by name; of those that are in one recipe only, the name. */
static bool compare_programs(const struct slim_cli *cli,
                             const struct slim_program *a,
                             const struct slim_program *b)
{
    bool several = (a && a->next) || (b && b->next), same = true;
    bool json = slim_cli_has(cli, SLIM_OPTION_json);

    for (const struct slim_program *p = a; p; p = p->next) {
        const struct slim_program *other = point_of(b, name_of(p));
        if (!several)
            other = b;
        if (several && other)
            put_point(cli, ' ', name_of(p));
        if (!other)
            put_point(cli, '-', name_of(p));
        same = other && slim_program_compare(p, other, stdout, json) && same;
    }
    for (const struct slim_program *p = b; p; p = p->next)
        if (several && !point_of(a, name_of(p))) {
            put_point(cli, '+', name_of(p));
            same = false;
        }
    return same;
}

/* That nothing differs: `what` is alike, `line` says it to people. */
static void put_same(const struct slim_cli *cli, const char *what,
                     const char *line)
{
    if (slim_cli_has(cli, SLIM_OPTION_json))
        slim_cli_put(
            json_pack("{s:i,s:s,s:s}", "v", 1, "event", "same", "what", what));
    else if (!slim_cli_has(cli, SLIM_OPTION_quiet))
        puts(line);
}

static int diff_recipes(struct slim_cli *cli)
{
    struct slim_project a = { 0 }, b = { 0 };
    struct slim_model_info *model = NULL;

    if (slim_cli_model(&model, cli, cli->operands[2], &cli->diag) != SLIM_OK)
        return slim_cli_report(cli, &cli->diag);
    int code = compile(&a, cli, cli->operands[0], model);
    int other = compile(&b, cli, cli->operands[1], model);
    if (code || other)
        return code ? code : other;
    if (!compare_programs(cli, a.program, b.program))
        return 8;
    bool text = a.source.length == b.source.length &&
                memcmp(a.source.text, b.source.text, a.source.length) == 0;
    put_same(cli, text ? "text" : "meaning",
             text ? "the same text"
                  : "nothing to do: the text differs, the meaning does not");
    return 0;
}

/* ---- results and models ---- */

static json_t *metrics_of(struct slim_cli *cli, const char *path)
{
    struct slim_diag quiet = { .arena = cli->arena };
    json_t *metadata = NULL, *metrics = NULL;

    /* a model that slimc did not make has none */
    if (slim_cli_metadata(&metadata, cli, path, &quiet) == SLIM_OK) {
        const char *text =
            json_string_value(json_object_get(metadata, "slimc.metrics"));
        metrics = text ? json_loads(text, 0, NULL) : NULL;
    }
    json_decref(metadata);
    return json_is_array(metrics) ? metrics : json_array();
}

/* A model as a result with one point that no stage was run for. */
static enum slim_status read_model(json_t **out, struct slim_cli *cli,
                                   const char *path)
{
    struct slim_model_info *model = NULL;

    if (slim_cli_model(&model, cli, path, &cli->diag) != SLIM_OK)
        return SLIM_FAILED;
    *out =
        json_pack("{s:{s:s,s:o},s:[{s:s,s:s,s:I,s:o,s:[]}]}", "model", "name",
                  model->name, "sizes", slim_shape_sizes(model->shape),
                  "points", "name", "", "status", "done", "params",
                  (json_int_t)slim_shape_params(model->shape), "metrics",
                  metrics_of(cli, path), "stages");
    return *out ? SLIM_OK
                : slim_fail(&cli->diag, "O001", nowhere,
                            "out of memory for the sizes of a model");
}

static enum slim_status read_side(json_t **out, struct slim_cli *cli,
                                  const char *path)
{
    const char *config = slim_path_join(cli->arena, path, "config.json");
    bool model = slim_file_is_directory(path) && slim_file_exists(config);

    if (model || ends_with(path, ".safetensors"))
        return read_model(out, cli, path);
    return slim_report_read(out, path, &cli->diag);
}

static int diff_results(struct slim_cli *cli)
{
    json_t *a = NULL, *b = NULL;
    struct slim_text text = { 0 };
    bool same = true;

    enum slim_status status = read_side(&a, cli, cli->operands[0]);
    if (status == SLIM_OK)
        status = read_side(&b, cli, cli->operands[1]);
    if (status == SLIM_OK)
        same = slim_report_compare(
            &text, a, b, slim_cli_has(cli, SLIM_OPTION_json), cli->arena);
    if (text.length)
        fputs(text.data, stdout);
    else if (status == SLIM_OK)
        put_same(cli, "results", "no difference");
    slim_text_free(&text);
    json_decref(a);
    json_decref(b);
    int code = slim_cli_report(cli, &cli->diag);
    return code ? code : same ? 0 : 8;
}

int slim_command_diff(struct slim_cli *cli)
{
    size_t count = cli->operand_count;

    if (count != 2 && count != 3)
        return slim_cli_usage(cli, "two recipes, two results or two models; "
                                   "recipes with a model, if you like");
    if (kind_of(cli->operands[0]) != kind_of(cli->operands[1]))
        return slim_cli_usage(cli, "a recipe cannot be compared with what is "
                                   "none");
    if (kind_of(cli->operands[0]) == KIND_RECIPE)
        return diff_recipes(cli);
    if (count == 3)
        return slim_cli_usage(cli, "results need no model to be compared");
    return diff_results(cli);
}
