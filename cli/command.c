/* command.c - the tables of commands and options */
#include "cli/cli.h"

#include <string.h>

const struct slim_option slim_options[SLIM_OPTION_COUNT] = {
#define OPTION(id, letter, name, value, summary)                               \
    [SLIM_OPTION_##id] = { name, letter, value, summary },
#include "cli/options.def"
#undef OPTION
};

#define TAKES(id) (1ul << SLIM_OPTION_##id)
const struct slim_command slim_commands[] = {
#define COMMAND(name, operands, options, summary)                              \
    { #name, operands, options, summary, slim_command_##name },
#include "cli/commands.def"
#undef COMMAND
    { NULL, NULL, 0, NULL, NULL },
};

const struct slim_command *slim_command_find(const char *name)
{
    for (const struct slim_command *c = slim_commands; c->name; c++)
        if (strcmp(c->name, name) == 0)
            return c;
    return NULL;
}

bool slim_command_takes(const struct slim_command *command,
                        enum slim_option_id id)
{
    unsigned long always = TAKES(color) | TAKES(help) | TAKES(json) |
                           TAKES(quiet) | TAKES(verbose) | TAKES(version);

    return ((command->options | always) & (1ul << id)) != 0;
}
#undef TAKES

bool slim_cli_has(const struct slim_cli *cli, enum slim_option_id id)
{
    for (const struct slim_given *g = cli->given; g; g = g->next)
        if (g->id == id)
            return true;
    return false;
}

const char *slim_cli_value(const struct slim_cli *cli, enum slim_option_id id)
{
    const char *value = NULL;

    for (const struct slim_given *g = cli->given; g; g = g->next)
        if (g->id == id)
            value = g->value;
    return value;
}
