/* report.c - errors to where they belong, usage */
#include "cli/cli.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static bool wants_color(const struct slim_cli *cli)
{
    const char *when = slim_cli_value(cli, SLIM_OPTION_color);
    const char *none = getenv("NO_COLOR"), *term = getenv("TERM");

    if (when && strcmp(when, "always") == 0)
        return true;
    if ((when && strcmp(when, "never") == 0) || (none && *none))
        return false;
    return isatty(STDERR_FILENO) && term && strcmp(term, "dumb") != 0;
}

int slim_cli_report(const struct slim_cli *cli, const struct slim_diag *diag)
{
    if (slim_cli_has(cli, SLIM_OPTION_json))
        slim_diag_print_json(diag, stdout);
    else if (diag->errors || !slim_cli_has(cli, SLIM_OPTION_quiet))
        slim_diag_print(diag, stderr, wants_color(cli));
    return slim_diag_exit(diag);
}

int slim_cli_usage(struct slim_cli *cli, const char *format, ...)
{
    const struct slim_span nowhere = { NULL, 0, 0 };
    va_list args;

    va_start(args, format);
    const char *text = slim_arena_vprintf(cli->arena, format, args);
    va_end(args);
    struct slim_error *error =
        slim_error(&cli->diag, "U006", nowhere, "%s", text);
    if (cli->command)
        slim_error_hint(&cli->diag, error, "Usage: slimc %s [options] %s",
                        cli->command->name, cli->command->operands);
    return slim_cli_report(cli, &cli->diag);
}

void slim_cli_put(json_t *object)
{
    (void)json_dumpf(object, stdout, JSON_COMPACT);
    (void)putchar('\n');
    json_decref(object);
}

static void print_option(const struct slim_option *option, FILE *out)
{
    char letter[5] = "    ", name[64];

    if (option->letter)
        (void)snprintf(letter, sizeof(letter), "-%c, ", option->letter);
    (void)snprintf(name, sizeof(name), "--%s%s%s", option->name,
                   option->value ? " " : "",
                   option->value ? option->value : "");
    fprintf(out, "  %s%-25s %s\n", letter, name, option->summary);
}

void slim_command_usage(const struct slim_command *command, FILE *out)
{
    fprintf(out, "usage: slimc %s [options] %s\n\n%s\n\noptions:\n",
            command->name, command->operands, command->summary);
    for (int i = 0; i < SLIM_OPTION_COUNT; i++)
        if (slim_command_takes(command, (enum slim_option_id)i))
            print_option(&slim_options[i], out);
}

void slim_usage(FILE *out)
{
    fputs("usage: slimc COMMAND [options] [operands]\n", out);
    if (slim_command_find("run"))
        fputs("       slimc RECIPE MODEL            the same as slimc run\n",
              out);
    fputs("\nslimc makes language models smaller, as a recipe says.\n\n", out);
    for (const struct slim_command *c = slim_commands; c->name; c++)
        fprintf(out, "  %-10s %-18s %s\n", c->name, c->operands, c->summary);
    fputs("\n'slimc help COMMAND' lists its options, 'slimc ops' the verbs of "
          "recipes.\n",
          out);
}
