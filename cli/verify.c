/* verify.c - slimc verify: stages are computed again, and compared */
#include "cli/cli.h"

#include "runtime/run.h"
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

static void say_same(const struct slim_cli *cli, const char *lock)
{
    if (slim_cli_has(cli, SLIM_OPTION_json))
        slim_cli_put(
            json_pack("{s:i,s:s,s:s}", "v", 1, "event", "same", "lock", lock));
    else if (!slim_cli_has(cli, SLIM_OPTION_quiet))
        printf("   the same bytes as %s says\n", lock);
}

int slim_command_verify(struct slim_cli *cli)
{
    struct slim_project project = { 0 };
    struct slim_ledger *record = NULL;
    const char *stage = slim_cli_value(cli, SLIM_OPTION_stage);
    struct slim_run run;

    (void)slim_blas_fix(cli->argv);
    if (cli->operand_count != 3)
        return slim_cli_usage(cli, "verify needs a lock file, the recipe and "
                                   "the model");
    if (!slim_cli_threads(cli))
        return slim_cli_usage(cli, "--threads takes a number from 0 to 1024");
    if (stage && !is_verb(stage))
        return slim_cli_usage(cli, "--stage takes a verb, not '%s'", stage);
    if (slim_cli_project(&project, cli, 1) != SLIM_OK ||
        slim_ledger_read(&record, cli->operands[0], &project.diag) != SLIM_OK)
        return slim_cli_report(cli, &project.diag);
    slim_cli_store(&run, &project, cli);
    if (!run.store)
        return slim_cli_usage(cli, "verify needs a store");
    run.locked = record;
    run.anew = stage ? stage : "";
    run.hashing = SLIM_HASH_ANEW;
    run.recipe_text = "";
    slim_cli_start(&run, cli);
    if (slim_cli_execute(&run) == SLIM_OK)
        say_same(cli, record->path);
    slim_cli_close(&run);
    int code = slim_cli_report(cli, &project.diag);
    return run.differs ? EXIT_OTHER : code;
}
