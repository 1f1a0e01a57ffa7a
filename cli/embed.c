/* embed.c - what a result says about its making: the recipe, and its data */
#include "cli/cli.h"

#include "base/text.h"

#include <jansson.h>
#include <string.h>

/* Every $x has its value by now, and a constant without a use is an error. */
static void drop_constants(struct slim_recipe *recipe)
{
    struct slim_stmt **at = &recipe->first;

    while (*at)
        if ((*at)->kind == SLIM_STMT_LET)
            *at = (*at)->next;
        else
            at = &(*at)->next;
}

const char *slim_project_text(struct slim_project *project)
{
    struct slim_text text = { 0 };

    if (project->program && project->program->text)
        return project->program->text;
    if (!project->includes && !project->host.overrides)
        return project->source.text;
    drop_constants(project->recipe);
    slim_recipe_print(&text, project->recipe);
    char *kept =
        slim_arena_strdup(project->diag.arena, text.data ? text.data : "");
    slim_text_free(&text);
    return kept;
}

static void print_map(const char *given, bool json, FILE *out)
{
    const char *file = strchr(given, '=') + 1;
    int length = (int)(file - given) - 1;

    if (!json) {
        fprintf(out, "%.*s is read from %s\n", length, given, file);
        return;
    }
    json_t *line = json_pack("{s:i,s:s,s:s%,s:s}", "v", 1, "event", "map",
                             "set", given, length, "file", file);
    json_dumpf(line, out, JSON_COMPACT);
    fputc('\n', out);
    json_decref(line);
}

void slim_cli_print_maps(const struct slim_cli *cli, FILE *out)
{
    bool json = slim_cli_has(cli, SLIM_OPTION_json);

    for (const struct slim_given *g = cli->given; g; g = g->next)
        if (g->id == SLIM_OPTION_map)
            print_map(g->value, json, out);
}
