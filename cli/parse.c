/* parse.c - arguments to options and operands */
#include "cli/cli.h"

#include "base/file.h"
#include "base/text.h"

#include <string.h>

static const struct slim_span nowhere = { NULL, 0, 0 };

struct scan {
    struct slim_cli *cli;
    char **argv;
    int argc, at;
    struct slim_given **tail;
    bool only_operands; /* after -- */
};

static enum slim_status unknown_option(struct scan *s, const char *name)
{
    const char *known[SLIM_OPTION_COUNT + 1] = { NULL };
    struct slim_diag *diag = &s->cli->diag;

    for (size_t i = 0; i < SLIM_OPTION_COUNT; i++)
        known[i] =
            slim_arena_printf(s->cli->arena, "--%s", slim_options[i].name);
    struct slim_error *error =
        slim_error(diag, "U001", nowhere, "unknown option '%s'", name);
    const char *near = slim_text_nearest(name, known);
    if (near)
        slim_error_hint(diag, error, "Did you mean '%s'?", near);
    return SLIM_FAILED;
}

/* Whether a value is one of "auto|always|never". */
static bool is_choice(const char *choices, const char *value)
{
    size_t length = strlen(value);

    for (const char *at = choices; at; at = strchr(at, '|')) {
        at += *at == '|';
        if (strcspn(at, "|") == length && memcmp(at, value, length) == 0)
            return true;
    }
    return false;
}

static enum slim_status check_value(struct scan *s,
                                    const struct slim_option *option,
                                    const char *value)
{
    if (!option->value || !strchr(option->value, '|') ||
        is_choice(option->value, value))
        return SLIM_OK;
    return slim_fail(&s->cli->diag, "U010", nowhere,
                     "option '--%s' takes %s, not '%s'", option->name,
                     option->value, value);
}

static enum slim_status add(struct scan *s, enum slim_option_id id,
                            const char *attached)
{
    const struct slim_option *option = &slim_options[id];
    struct slim_given *given = SLIM_NEW(s->cli->arena, struct slim_given);

    if (option->value && !attached) {
        if (s->at + 1 >= s->argc)
            return slim_fail(&s->cli->diag, "U002", nowhere,
                             "option '--%s' needs %s", option->name,
                             option->value);
        attached = s->argv[++s->at];
    } else if (!option->value && attached) {
        return slim_fail(&s->cli->diag, "U003", nowhere,
                         "option '--%s' takes no value", option->name);
    }
    if (attached && check_value(s, option, attached) != SLIM_OK)
        return SLIM_FAILED;
    given->id = id;
    given->value = attached;
    *s->tail = given;
    s->tail = &given->next;
    return SLIM_OK;
}

static enum slim_status long_option(struct scan *s, const char *text)
{
    const char *name = text + 2;
    size_t length = strcspn(name, "=");
    const char *value = name[length] == '=' ? name + length + 1 : NULL;

    for (int i = 0; i < SLIM_OPTION_COUNT; i++)
        if (strlen(slim_options[i].name) == length &&
            memcmp(slim_options[i].name, name, length) == 0)
            return add(s, (enum slim_option_id)i, value);
    return unknown_option(s,
                          slim_arena_strndup(s->cli->arena, text, length + 2));
}

static enum slim_status short_option(struct scan *s, const char *text)
{
    for (int i = 0; i < SLIM_OPTION_COUNT; i++)
        if (slim_options[i].letter && slim_options[i].letter == text[1])
            return add(s, (enum slim_option_id)i, text[2] ? text + 2 : NULL);
    return unknown_option(s, text);
}

static enum slim_status scan_arguments(struct scan *s)
{
    struct slim_cli *cli = s->cli;
    enum slim_status status = SLIM_OK;

    cli->operands =
        SLIM_NEW_ARRAY(cli->arena, (size_t)s->argc + 1, const char *);
    for (s->at = 1; s->at < s->argc; s->at++) {
        const char *text = s->argv[s->at];
        if (s->only_operands || text[0] != '-' || text[1] == '\0')
            cli->operands[cli->operand_count++] = text;
        else if (strcmp(text, "--") == 0)
            s->only_operands = true;
        else if ((text[1] == '-' ? long_option(s, text)
                                 : short_option(s, text)) != SLIM_OK)
            status = SLIM_FAILED;
    }
    return status;
}

static bool is_path(const char *text)
{
    size_t length = strlen(text);

    return strchr(text, '/') || slim_file_exists(text) ||
           (length > 5 && strcmp(text + length - 5, ".slim") == 0);
}

/* `slimc RECIPE MODEL` runs it: a first word that is no command but looks like
 * a file is the recipe. */
static enum slim_status find_command(struct slim_cli *cli)
{
    const char *name = cli->operand_count ? cli->operands[0] : NULL;
    const char *known[64] = { NULL };

    if (!name)
        return SLIM_OK;
    cli->command = slim_command_find(name);
    if (cli->command) {
        cli->operands++;
        cli->operand_count--;
        return SLIM_OK;
    }
    if (is_path(name))
        cli->command = slim_command_find("run");
    if (cli->command)
        return SLIM_OK;
    for (size_t i = 0; slim_commands[i].name && i + 1 < SLIM_COUNT(known); i++)
        known[i] = slim_commands[i].name;
    struct slim_error *error =
        slim_error(&cli->diag, "U004", nowhere, "unknown command '%s'", name);
    const char *near = slim_text_nearest(name, known);
    slim_error_hint(&cli->diag, error,
                    near ? "Did you mean '%s'?" : "'slimc %s' lists them.",
                    near ? near : "help");
    return SLIM_FAILED;
}

static enum slim_status check_options(struct slim_cli *cli)
{
    enum slim_status status = SLIM_OK;

    for (const struct slim_given *g = cli->given; g; g = g->next)
        if (cli->command && !slim_command_takes(cli->command, g->id))
            status = slim_fail(&cli->diag, "U005", nowhere,
                               "'slimc %s' takes no option '--%s'",
                               cli->command->name, slim_options[g->id].name);
    return status;
}

enum slim_status slim_cli_parse(struct slim_cli *cli, int argc, char **argv)
{
    struct scan s = { .cli = cli, .argv = argv, .argc = argc };

    s.tail = &cli->given;
    cli->argv = argv;
    enum slim_status status = scan_arguments(&s);
    if (slim_cli_has(cli, SLIM_OPTION_version) || find_command(cli) != SLIM_OK)
        return cli->diag.errors ? SLIM_FAILED : status;
    return check_options(cli) == SLIM_OK ? status : SLIM_FAILED;
}
