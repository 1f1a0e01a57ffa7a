/* completion.c - slimc completion: scripts made from the tables */
#include "cli/cli.h"

#include <string.h>

static void put_commands(const char *between)
{
    for (const struct slim_command *c = slim_commands; c->name; c++)
        printf("%s%s", c == slim_commands ? "" : between, c->name);
}

static void put_verbs(const char *between)
{
    const char *before = "";

    for (size_t i = 0; slim_stages[i]; i++)
        if (!slim_stages[i]->hidden) {
            printf("%s%s", before, slim_stages[i]->name);
            before = between;
        }
}

static void put_options(const struct slim_command *command)
{
    for (int i = 0; i < SLIM_OPTION_COUNT; i++)
        if (slim_command_takes(command, (enum slim_option_id)i))
            printf(" --%s", slim_options[i].name);
}

/* "auto|always|never" as words: what an option takes. */
static void put_choices(const char *choices)
{
    for (const char *at = choices; *at; at++)
        putchar(*at == '|' ? ' ' : *at);
}

static bool are_choices(const char *text)
{
    return text && strchr(text, '|') && !strpbrk(text, "[ ");
}

static const char letters[] = "abcdefghijklmnopqrstuvwxyz";

/* Whether words stand for themselves among the operands of a command, as
 * "list" in "list|show NAME". */
static bool has_words(const struct slim_command *command)
{
    return strpbrk(command->operands, letters) != NULL;
}

static void put_words(const struct slim_command *command)
{
    const char *before = "";

    for (const char *at = command->operands; *at;) {
        size_t length = strspn(at, letters);
        if (length > 0)
            printf("%s%.*s", before, (int)length, at);
        before = length > 0 ? " " : before;
        at += length > 0 ? length : strcspn(at, letters);
    }
}

/* After an option that takes one of a few words, those words: what the shell
 * calls the word before, and what stands around the choices. */
static void put_values(const char *last, const char *before, const char *after)
{
    printf("    case %s in\n", last);
    for (size_t i = 0; i < SLIM_OPTION_COUNT; i++)
        if (are_choices(slim_options[i].value)) {
            printf("    --%s) %s", slim_options[i].name, before);
            put_choices(slim_options[i].value);
            printf("%s return ;;\n", after);
        }
    fputs("    esac\n", stdout);
}

/* What may stand after the command: commands and verbs, verbs, its words. */
static void bash_operands(void)
{
    fputs("    if [ $COMP_CWORD -gt 1 ]; then\n"
          "        case ${COMP_WORDS[1]} in\n        help) words+=' ",
          stdout);
    put_verbs(" ");
    fputs("' ;;\n        ops) words='", stdout);
    put_verbs(" ");
    fputs("' ;;\n", stdout);
    for (const struct slim_command *c = slim_commands; c->name; c++)
        if (has_words(c)) {
            printf("        %s) words='", c->name);
            put_words(c);
            fputs("' ;;\n", stdout);
        }
    fputs("        *) words= ;;\n        esac\n    fi\n", stdout);
}

static void bash(void)
{
    fputs("_slimc() {\n"
          "    local word=${COMP_WORDS[COMP_CWORD]} options words\n"
          "    case ${COMP_WORDS[1]} in\n",
          stdout);
    for (const struct slim_command *c = slim_commands; c->name; c++) {
        printf("    %s) options='", c->name);
        put_options(c);
        fputs("' ;;\n", stdout);
    }
    fputs("    esac\n    words='", stdout);
    put_commands(" ");
    fputs("'\n", stdout);
    put_values("${COMP_WORDS[COMP_CWORD - 1]}", "COMPREPLY=($(compgen -W '",
               "' -- \"$word\"));");
    bash_operands();
    fputs("    case $word in -*) words=$options ;; esac\n"
          "    COMPREPLY=($(compgen -W \"$words\" -- \"$word\"))\n"
          "    case $word in -*) ;; *) "
          "COMPREPLY+=($(compgen -f -- \"$word\")) ;; esac\n"
          "}\ncomplete -o filenames -F _slimc slimc\n",
          stdout);
}

/* In single quotes; the tables hold none. */
static void zsh(void)
{
    fputs("#compdef slimc\n_slimc() {\n    local -a commands verbs\n"
          "    commands=(\n",
          stdout);
    for (const struct slim_command *c = slim_commands; c->name; c++)
        printf("        \"%s:%s\"\n", c->name, c->summary);
    fputs("    )\n    verbs=(", stdout);
    put_verbs(" ");
    fputs(")\n", stdout);
    put_values("$words[CURRENT-1]", "compadd -- ", ";");
    fputs("    if (( CURRENT == 2 )); then\n"
          "        _describe command commands\n        _files\n"
          "        return\n    fi\n    case $words[2] in\n"
          "    ops|help) _values verb $verbs ;;\n",
          stdout);
    for (const struct slim_command *c = slim_commands; c->name; c++) {
        printf("    %s) if [[ $words[CURRENT] == -* ]]; then compadd --",
               c->name);
        put_options(c);
        fputs("; else ", stdout);
        if (has_words(c)) {
            fputs("compadd -- ", stdout);
            put_words(c);
            fputs("; ", stdout);
        }
        fputs("_files; fi ;;\n", stdout);
    }
    fputs("    esac\n}\n_slimc \"$@\"\n", stdout);
}

static void fish(void)
{
    for (const struct slim_command *c = slim_commands; c->name; c++)
        printf("complete -c slimc -n __fish_use_subcommand -a %s -d \"%s\"\n",
               c->name, c->summary);
    for (const struct slim_command *c = slim_commands; c->name; c++)
        for (int i = 0; i < SLIM_OPTION_COUNT; i++) {
            const struct slim_option *option = &slim_options[i];
            if (!slim_command_takes(c, (enum slim_option_id)i))
                continue;
            printf("complete -c slimc -n \"__fish_seen_subcommand_from %s\" "
                   "-l %s%s",
                   c->name, option->name, option->value ? " -r" : "");
            if (are_choices(option->value)) {
                fputs(" -f -a \"", stdout);
                put_choices(option->value);
                putchar('"');
            }
            if (option->letter)
                printf(" -s %c", option->letter);
            printf(" -d \"%s\"\n", option->summary);
        }
    for (const struct slim_command *c = slim_commands; c->name; c++) {
        if (!has_words(c))
            continue;
        printf("complete -c slimc -n \"__fish_seen_subcommand_from %s\" -a \"",
               c->name);
        put_words(c);
        fputs("\"\n", stdout);
    }
    fputs("complete -c slimc -n \"__fish_seen_subcommand_from ops help\" -a \"",
          stdout);
    put_verbs(" ");
    fputs("\"\n", stdout);
}

int slim_command_completion(struct slim_cli *cli)
{
    static const struct {
        const char *name;
        void (*print)(void);
    } shells[] = { { "bash", bash }, { "fish", fish }, { "zsh", zsh } };

    if (slim_cli_has(cli, SLIM_OPTION_json))
        return slim_cli_usage(cli, "a script is not printed as JSON");
    if (cli->operand_count == 1)
        for (size_t i = 0; i < SLIM_COUNT(shells); i++)
            if (strcmp(shells[i].name, cli->operands[0]) == 0) {
                shells[i].print();
                return 0;
            }
    return slim_cli_usage(cli, "which shell: bash, zsh or fish?");
}
