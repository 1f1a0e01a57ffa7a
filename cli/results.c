/* results.c - where the results of a run are written */
#include "cli/results.h"

#include "base/file.h"
#include "base/json.h"
#include "runtime/record.h"
#include "runtime/store/ledger.h"

#include <string.h>
#include <unistd.h>

static const struct slim_span nowhere = { NULL, 0, 0 };

static const char results[] = "run.json", lock[] = "run.lock";

/* NAME.run.json of NAME.slim. */
static const char *beside(const struct slim_project *project,
                          struct slim_cli *cli, const char *file)
{
    const char *name = project->source.name;
    size_t length = strlen(name);

    if (length > 5 && strcmp(name + length - 5, ".slim") == 0)
        length -= 5;
    return slim_arena_printf(cli->arena, "%.*s.%s", (int)length, name, file);
}

static const char *path_of(const struct slim_project *project,
                           struct slim_cli *cli, const char *saved,
                           const char *file)
{
    const char *output = slim_cli_value(cli, SLIM_OPTION_output);

    if (output || saved)
        return slim_path_join(cli->arena, output ? output : saved, file);
    return beside(project, cli, file);
}

/* Whether a save is to come, whose directory will hold the results. A point of
 * a sweep writes to a directory of its own, unless it is kept. */
static bool will_save(const struct slim_program *program)
{
    bool apart = program->next != NULL;

    for (const struct slim_op *op = program->first; op; op = op->next) {
        if (slim_param_find(op->stage, "axis"))
            apart = false;
        if (slim_param_find(op->stage, "path") && !apart)
            return true;
    }
    return false;
}

static enum slim_status in_the_way(const char *path, const char *what,
                                   struct slim_diag *diag)
{
    return slim_fail(diag, "I421", nowhere,
                     "\"%s\" is in the way: it holds no %s of slimc", path,
                     what);
}

static enum slim_status check_old_lock(const char *path, struct slim_diag *diag)
{
    struct slim_diag quiet = { .arena = diag->arena };
    struct slim_ledger *record;

    if (!slim_file_exists(path) ||
        slim_ledger_read(&record, path, &quiet) == SLIM_OK)
        return SLIM_OK;
    return in_the_way(path, "lock", diag);
}

static enum slim_status check_old(const char *path, struct slim_diag *diag)
{
    struct slim_diag quiet = { .arena = diag->arena };
    json_t *old = NULL;

    if (!slim_file_exists(path))
        return SLIM_OK;
    bool ours = slim_json_read(&old, path, (size_t)1 << 30, nowhere, &quiet) ==
                    SLIM_OK &&
                json_object_get(old, "points");
    json_decref(old);
    return ours ? SLIM_OK : in_the_way(path, "results", diag);
}

/* The nearest directory that is there must take a new name. */
static enum slim_status check_place(const char *path, struct slim_cli *cli,
                                    struct slim_diag *diag)
{
    const char *directory = slim_path_directory(cli->arena, path);

    while (!slim_file_exists(directory) && strcmp(directory, ".") != 0 &&
           strcmp(directory, "/") != 0)
        directory = slim_path_directory(cli->arena, directory);
    if (slim_file_is_directory(directory) && access(directory, W_OK) == 0)
        return SLIM_OK;
    struct slim_error *error =
        slim_error(diag, "I422", nowhere,
                   "the results of the run cannot be written to \"%s\"", path);
    slim_error_hint(diag, error, "Name a directory for them with -o.");
    return SLIM_FAILED;
}

enum slim_status slim_results_check(struct slim_project *project,
                                    struct slim_cli *cli)
{
    const char *output = slim_cli_value(cli, SLIM_OPTION_output);

    if (!output && will_save(project->program))
        return SLIM_OK;
    const char *path = path_of(project, cli, NULL, results);
    if (check_place(path, cli, &project->diag) != SLIM_OK ||
        check_old(path, &project->diag) != SLIM_OK)
        return SLIM_FAILED;
    return check_old_lock(path_of(project, cli, NULL, lock), &project->diag);
}

/* The folder of -o is made where it is not there yet. */
static enum slim_status make_place(struct slim_project *project,
                                   struct slim_cli *cli)
{
    const char *output = slim_cli_value(cli, SLIM_OPTION_output);

    return output ? slim_make_directory(output, nowhere, &project->diag)
                  : SLIM_OK;
}

enum slim_status slim_results_lock(const char **path,
                                   struct slim_project *project,
                                   struct slim_cli *cli, const char *saved)
{
    *path = path_of(project, cli, saved, lock);
    return make_place(project, cli);
}

enum slim_status slim_results_write(const char **path,
                                    struct slim_project *project,
                                    struct slim_cli *cli, const json_t *record,
                                    const char *saved)
{
    *path = path_of(project, cli, saved, results);
    if (make_place(project, cli) != SLIM_OK)
        return SLIM_FAILED;
    return slim_record_write(record, *path, &project->diag);
}
