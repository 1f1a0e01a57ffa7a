/* rewrite.c - slimc fmt and slimc fix: recipes that are written anew */
#include "cli/cli.h"

#include "base/file.h"
#include "base/text.h"
#include "lang/parse.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

static const struct slim_span nowhere = { NULL, 0, 0 };

/* A link stays one, and who may read the file does not change: what is written
 * is a new file in the place of the one that the path leads to. */
static enum slim_status write_recipe(const char *path,
                                     const struct slim_text *text,
                                     struct slim_diag *diag)
{
    struct stat old;
    char *real = realpath(path, NULL);
    const char *place = real ? real : path;
    bool known = stat(place, &old) == 0;

    enum slim_status status =
        slim_file_write(place, text->data, text->length, nowhere, diag);
    if (status == SLIM_OK && known && chmod(place, old.st_mode & 07777) != 0)
        status = slim_fail(diag, "I001", nowhere,
                           "could not set the mode of \"%s\" again", place);
    free(real);
    return status;
}

static bool is_same(const struct slim_source *source,
                    const struct slim_text *text)
{
    return source->length == text->length &&
           (text->length == 0 ||
            memcmp(source->text, text->data, text->length) == 0);
}

/* What became of a file: {"event":"fmt","file":..,KEY:COUNT}, or the text. */
static void say(const struct slim_cli *cli, const char *path, const char *key,
                size_t count, const char *text)
{
    if (slim_cli_has(cli, SLIM_OPTION_json))
        slim_cli_put(json_pack("{s:i,s:s,s:s,s:I}", "v", 1, "event",
                               cli->command->name, "file", path, key,
                               (json_int_t)count));
    else if (count > 0 && !slim_cli_has(cli, SLIM_OPTION_quiet))
        printf("%s: %s\n", path, text);
}

static int format_one(struct slim_cli *cli, const char *path)
{
    bool only_check = slim_cli_has(cli, SLIM_OPTION_check);
    struct slim_project project = { 0 };
    struct slim_text text = { 0 };

    if (slim_project_read(&project, cli, path) != SLIM_OK)
        return slim_cli_report(cli, &project.diag);
    slim_normalise(project.recipe, slim_stages,
                   slim_cli_has(cli, SLIM_OPTION_full), cli->arena);
    slim_recipe_print(&text, project.recipe);
    bool same = is_same(&project.source, &text);
    if (!same && !only_check &&
        write_recipe(path, &text, &project.diag) != SLIM_OK)
        same = true;
    slim_text_free(&text);
    if (project.diag.errors)
        return slim_cli_report(cli, &project.diag);
    say(cli, path, "changes", !same,
        only_check ? "not formatted" : "formatted");
    return !same && only_check ? 7 : 0;
}

int slim_command_fmt(struct slim_cli *cli)
{
    int code = 0;

    if (cli->operand_count == 0)
        return slim_cli_usage(cli, "which recipe?");
    for (size_t i = 0; i < cli->operand_count; i++) {
        int one = format_one(cli, cli->operands[i]);
        code = code ? code : one;
    }
    return code;
}

/* One round: *applied counts the fixes that were written to the file. */
static int fix_round(struct slim_cli *cli, const char *path, size_t *applied,
                     struct slim_project *project)
{
    *project = (struct slim_project){ 0 };
    *applied = 0;
    enum slim_status status = slim_project_read(project, cli, path);
    if (slim_project_compile(project, cli, NULL) == SLIM_OK &&
        status == SLIM_OK)
        return 0;
    if (!project->recipe)
        return slim_diag_exit(&project->diag);
    struct slim_text text =
        slim_apply_fixes(&project->source, &project->diag, applied);
    if (*applied > 0 && write_recipe(path, &text, &project->diag) != SLIM_OK)
        *applied = 0;
    slim_text_free(&text);
    return slim_diag_exit(&project->diag);
}

/* A mended name may show the next error, so it is tried again; a fix that does
 * not mend is not tried for ever. */
static int fix_one(struct slim_cli *cli, const char *path)
{
    struct slim_project project;
    size_t applied = 0, total = 0;
    int code = 0;

    for (int round = 0; round < 10; round++) {
        code = fix_round(cli, path, &applied, &project);
        total += applied;
        if (applied == 0)
            break;
    }
    (void)slim_cli_report(cli, &project.diag);
    say(cli, path, "fixes", total,
        slim_arena_printf(cli->arena, "%zu %s applied", total,
                          total == 1 ? "fix" : "fixes"));
    return code;
}

int slim_command_fix(struct slim_cli *cli)
{
    int code = 0;

    if (cli->operand_count == 0)
        return slim_cli_usage(cli, "which recipe?");
    for (size_t i = 0; i < cli->operand_count; i++) {
        int one = fix_one(cli, cli->operands[i]);
        code = code ? code : one;
    }
    return code;
}
