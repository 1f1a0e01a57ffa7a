/* verify.c - slimc verify: stages are computed again, and compared */
#include "cli/cli.h"

#include "runtime/points.h"
#include "runtime/store/ledger.h"

#include <string.h>

#define EXIT_OTHER 9

static bool is_verb(const char *name)
{
    for (const struct slim_stage *const *stage = slim_stages; *stage; stage++)
        if (strcmp((*stage)->name, name) == 0)
            return true;
    return false;
}

/* An option as the lock file has it, "01 set n=6"; NULL: it is none that counts.
 */
static struct slim_given *read_given(struct slim_cli *cli, const char *line)
{
    const char *name = line + strcspn(line, " ");
    struct slim_given *given = SLIM_NEW(cli->arena, struct slim_given);

    name += *name == ' ';
    size_t length = strcspn(name, " ");
    for (int i = 0; i < SLIM_OPTION_COUNT; i++) {
        enum slim_option_id id = (enum slim_option_id)i;
        if (!slim_cli_decides(id) || strlen(slim_options[i].name) != length ||
            memcmp(slim_options[i].name, name, length) != 0 || !name[length])
            continue;
        *given = (struct slim_given){ id, name + length + 1, NULL };
        return given;
    }
    return NULL;
}

/* Options of the command line stand for all that the lock file has. */
static void take_options(struct slim_cli *cli, const struct slim_ledger *record)
{
    struct slim_given **tail = &cli->given;
    const char *line;

    for (; *tail; tail = &(*tail)->next)
        if (slim_cli_decides((*tail)->id))
            return;
    for (size_t i = 0; (line = slim_ledger_fact(record, "given", i)); i++) {
        *tail = read_given(cli, line);
        tail = *tail ? &(*tail)->next : tail;
    }
}

/* Recipe, model and options from the lock file where only it is named; false
 * where it does not say them. */
static bool complete(struct slim_cli *cli, const struct slim_ledger *record)
{
    const char **operands = SLIM_NEW_ARRAY(cli->arena, 4, const char *);

    if (cli->operand_count == 3)
        return true;
    operands[0] = cli->operands[0];
    operands[1] = slim_ledger_fact(record, "recipe", 0);
    operands[2] = slim_ledger_fact(record, "input", 0);
    operands[3] = NULL;
    if (!operands[1] || !operands[2])
        return false;
    cli->operands = operands;
    cli->operand_count = 3;
    take_options(cli, record);
    return true;
}

static void say_same(const struct slim_cli *cli, const char *lock)
{
    if (slim_cli_has(cli, SLIM_OPTION_json))
        slim_cli_put(
            json_pack("{s:i,s:s,s:s}", "v", 1, "event", "same", "lock", lock));
    else if (!slim_cli_has(cli, SLIM_OPTION_quiet))
        printf("   the same bytes as %s says\n", lock);
}

static void print_messages(void *context, const struct slim_diag *diag)
{
    (void)slim_cli_report(context, diag);
}

static int compare_points(struct slim_project *project, struct slim_cli *cli,
                          struct slim_run *run)
{
    struct slim_points points = {
        .run = run,
        .first = project->program,
        .shard = 1,
        .shards = 1,
        .report = print_messages,
        .context = cli,
    };
    enum slim_status status = slim_points_run(&points, &project->diag);

    json_decref(points.records);
    if (status == SLIM_OK && points.broken == 0)
        say_same(cli, run->locked->path);
    int code = slim_cli_report(cli, &project->diag);
    return points.differs ? EXIT_OTHER : code ? code : points.code;
}

static int compare_once(struct slim_project *project, struct slim_cli *cli,
                        struct slim_run *run)
{
    if (slim_cli_execute(run) == SLIM_OK)
        say_same(cli, run->locked->path);
    int code = slim_cli_report(cli, &project->diag);
    return run->differs ? EXIT_OTHER : code;
}

/* Whether the lock has a line of some point. */
static bool has_some(const struct slim_ledger *record,
                     const struct slim_program *program,
                     struct slim_arena *arena)
{
    for (; program; program = program->next)
        if (slim_ledger_has(record, program->point, arena))
            return true;
    return false;
}

static int compare(struct slim_project *project, struct slim_cli *cli,
                   struct slim_run *run)
{
    bool swept = slim_ledger_is_swept(run->locked);

    if (swept && !has_some(run->locked, project->program, cli->arena))
        return slim_cli_usage(cli, "\"%s\" has no line of a point of the sweep",
                              run->locked->path);
    slim_cli_start(run, cli);
    int code = swept ? compare_points(project, cli, run)
                     : compare_once(project, cli, run);
    slim_cli_close(run);
    return code;
}

int slim_command_verify(struct slim_cli *cli)
{
    struct slim_project project = { 0 };
    struct slim_ledger *record = NULL;
    const char *stage = slim_cli_value(cli, SLIM_OPTION_stage);
    struct slim_run run;

    (void)slim_blas_fix(cli->argv);
    if (cli->operand_count != 1 && cli->operand_count != 3)
        return slim_cli_usage(cli, "verify needs a lock file, and perhaps the "
                                   "recipe and the model");
    if (!slim_cli_threads(cli))
        return slim_cli_usage(cli, "--threads takes a number from 0 to 1024");
    if (stage && !is_verb(stage))
        return slim_cli_usage(cli, "--stage takes a verb, not '%s'", stage);
    if (slim_ledger_read(&record, cli->operands[0], &cli->diag) != SLIM_OK)
        return slim_cli_report(cli, &cli->diag);
    if (!complete(cli, record))
        return slim_cli_usage(cli,
                              "\"%s\" does not say recipe and model: name "
                              "them",
                              cli->operands[0]);
    if (slim_cli_project(&project, cli, 1) != SLIM_OK)
        return slim_cli_report(cli, &project.diag);
    int unfit = slim_cli_lock_unfit(cli, record, project.program);
    if (unfit)
        return unfit;
    slim_cli_store(&run, &project, cli);
    run.locked = record;
    run.anew = stage ? stage : "";
    run.hashing = SLIM_HASH_ANEW;
    run.recipe_text = "";
    return compare(&project, cli, &run);
}
