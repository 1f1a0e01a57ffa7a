/* main.c - the command line */
#include "cli/cli.h"

#include <errno.h>
#include <signal.h>
#include <string.h>

static void print_version(const struct slim_cli *cli)
{
    if (slim_cli_has(cli, SLIM_OPTION_json))
        slim_cli_put(json_pack("{s:i,s:s,s:s}", "v", 1, "event", "version",
                               "version", PACKAGE_VERSION));
    else
        puts(PACKAGE_STRING);
}

static int run_command(struct slim_cli *cli, int argc, char **argv)
{
    if (slim_cli_parse(cli, argc, argv) != SLIM_OK)
        return slim_cli_report(cli, &cli->diag);
    if (slim_cli_has(cli, SLIM_OPTION_version)) {
        print_version(cli);
        return 0;
    }
    if (slim_cli_has(cli, SLIM_OPTION_help)) {
        if (cli->command)
            slim_help_command(cli, cli->command);
        else
            slim_help_all(cli);
        return 0;
    }
    if (cli->command)
        return cli->command->run(cli);
    if (slim_cli_has(cli, SLIM_OPTION_json))
        return slim_cli_usage(cli, "which command?");
    slim_usage(stderr);
    return 2;
}

/* A reader that went away is no error of ours; a full disk is. */
static int close_output(int code)
{
    int before = ferror(stdout);

    errno = 0;
    if (fflush(stdout) == 0 && !before)
        return code;
    if (errno == EPIPE)
        return 128 + SIGPIPE;
    int reason = errno;
    fprintf(stderr, "slimc: could not write standard output: %s\n",
            reason ? strerror(reason) : "an earlier write failed");
    return code ? code : reason == ENOSPC ? 5 : 1;
}

int main(int argc, char **argv)
{
    struct slim_cli cli = { .arena = slim_arena_open() };

    (void)signal(SIGPIPE, SIG_IGN);
    cli.diag.arena = cli.arena;
    int code = close_output(run_command(&cli, argc, argv));
    slim_arena_close(cli.arena);
    return code;
}
