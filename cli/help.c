/* help.c - slimc help, slimc lib */
#include "cli/ops.h"

#include "base/file.h"
#include "base/text.h"

#include <dirent.h>
#include <stdlib.h>
#include <string.h>

static void put_command(const struct slim_command *command)
{
    json_t *options = json_array();

    for (int i = 0; i < SLIM_OPTION_COUNT; i++) {
        const struct slim_option *option = &slim_options[i];
        if (slim_command_takes(command, (enum slim_option_id)i))
            json_array_append_new(options, json_pack("{s:s,s:s?,s:s}", "name",
                                                     option->name, "takes",
                                                     option->value, "summary",
                                                     option->summary));
    }
    slim_cli_put(json_pack("{s:i,s:s,s:s,s:s,s:s,s:o}", "v", 1, "event",
                           "command", "name", command->name, "operands",
                           command->operands, "summary", command->summary,
                           "options", options));
}

void slim_help_command(const struct slim_cli *cli,
                       const struct slim_command *command)
{
    if (slim_cli_has(cli, SLIM_OPTION_json))
        put_command(command);
    else
        slim_command_usage(command, stdout);
}

void slim_help_all(const struct slim_cli *cli)
{
    if (!slim_cli_has(cli, SLIM_OPTION_json)) {
        slim_usage(stdout);
        return;
    }
    for (const struct slim_command *c = slim_commands; c->name; c++)
        put_command(c);
}

int slim_command_help(struct slim_cli *cli)
{
    bool json = slim_cli_has(cli, SLIM_OPTION_json);

    if (cli->operand_count == 0) {
        slim_help_all(cli);
        return 0;
    }
    if (cli->operand_count > 1)
        return slim_cli_usage(cli, "one command or verb at a time");
    const char *word = cli->operands[0];
    const struct slim_command *command = slim_command_find(word);
    const struct slim_stage *stage = slim_stage_find(slim_stages, word);
    if (command)
        slim_help_command(cli, command);
    else if (stage && !stage->hidden && json)
        slim_ops_print_json(stage, stdout);
    else if (stage && !stage->hidden)
        slim_ops_print(stage, stdout);
    else
        return slim_ops_unknown(cli, word);
    return 0;
}

/* The first comment of a recipe says what it is. */
static const char *title_of(struct slim_cli *cli, const char *path)
{
    const struct slim_span nowhere = { NULL, 0, 0 };
    struct slim_diag diag = { .arena = cli->arena };
    struct slim_source source = { 0 };

    if (slim_file_read(&source, path, 0, nowhere, &diag) != SLIM_OK)
        return "";
    const char *at = source.text;
    while (*at && *at != '#') {
        at += strcspn(at, "\n");
        at += *at == '\n';
    }
    at += strspn(at, "# ");
    return slim_arena_strndup(cli->arena, at, strcspn(at, "\n"));
}

static void list_recipes(struct slim_cli *cli, const char *root,
                         const char *folder)
{
    const char *directory =
        *folder ? slim_path_join(cli->arena, root, folder) : root;
    char **names = slim_list_directory(cli->arena, directory, ".slim");

    for (size_t i = 0; names[i]; i++) {
        const char *base = slim_path_base(names[i]);
        int length = (int)(strlen(base) - strlen(".slim"));
        const char *path = slim_path_join(cli->arena, directory, base);
        const char *name = slim_arena_printf(cli->arena, "%s%s%.*s", folder,
                                             *folder ? "/" : "", length, base);
        const char *written = slim_arena_printf(cli->arena, "<%s>", name);
        if (slim_cli_has(cli, SLIM_OPTION_json))
            slim_cli_put(json_pack("{s:i,s:s,s:s,s:s,s:s}", "v", 1, "event",
                                   "recipe", "name", written, "title",
                                   title_of(cli, path), "file", path));
        else
            printf("%-28s %s\n", written, title_of(cli, path));
    }
}

int slim_command_lib(struct slim_cli *cli)
{
    char *root = slim_share_directory(cli->arena, "recipes");
    struct dirent **entries = NULL;

    if (cli->operand_count > 0)
        return slim_cli_usage(cli, "'lib' takes no operands");
    if (!root)
        return slim_cli_usage(cli, "the shipped recipes are not found; set "
                                   "SLIMC_SHARE to where they are");
    list_recipes(cli, root, "");
    int count = scandir(root, &entries, NULL, alphasort);
    for (int i = 0; i < count; i++) {
        const char *name = entries[i]->d_name;
        if (*name != '.' &&
            slim_file_is_directory(slim_path_join(cli->arena, root, name)))
            list_recipes(cli, root, name);
        free(entries[i]);
    }
    free(entries);
    return 0;
}
