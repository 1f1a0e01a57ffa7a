/* run.c - slimc run: compile, then do it */
#include "cli/cli.h"

#include "base/text.h"
#include "runtime/run.h"
#include "runtime/store/gc.h"
#include "runtime/store/memo.h"
#include "runtime/store/record.h"

#include <assert.h>
#include <stdlib.h>
#include <unistd.h>

/* Activations of one pass; weights of a layer and their gradients come on
 * top. */
#define RUN_MEMORY ((size_t)256 << 20)

static enum slim_output output_mode(const struct slim_cli *cli)
{
    if (slim_cli_has(cli, SLIM_OPTION_json))
        return SLIM_OUTPUT_JSON;
    return isatty(STDOUT_FILENO) ? SLIM_OUTPUT_TTY : SLIM_OUTPUT_PLAIN;
}

bool slim_cli_threads(const struct slim_cli *cli)
{
    const char *text = slim_cli_value(cli, SLIM_OPTION_threads);
    char *end;

    if (!text)
        return true;
    long threads = strtol(text, &end, 10);
    if (*text == 0 || *end != 0 || threads < 0 || threads > 1024)
        return false;
    slim_threads_set((size_t)threads);
    return true;
}

void slim_cli_store(struct slim_run *run, struct slim_project *project,
                    struct slim_cli *cli)
{
    *run = (struct slim_run){
        .arena = cli->arena,
        .diag = &project->diag,
        .program = project->program,
        .kernels = slim_kernels_for(project->program->compute),
        .input = project->model,
        .world = &project->world,
        .progress = { .out = stdout, .mode = output_mode(cli) },
        .force = slim_cli_has(cli, SLIM_OPTION_force),
        .memory = RUN_MEMORY,
        .tape_memory = SLIM_TAPE_MEMORY,
        .store = slim_store_open(
            slim_store_place(slim_cli_value(cli, SLIM_OPTION_store),
                             cli->arena),
            cli->arena, &project->diag),
    };
}

/* Files that say what a run was need what the store knows. */
static enum slim_status open_record(struct slim_run *run,
                                    const struct slim_cli *cli)
{
    const char *locked = slim_cli_value(cli, SLIM_OPTION_locked);
    struct slim_record *record = NULL;

    if ((locked || slim_cli_value(cli, SLIM_OPTION_lock)) && !run->store)
        return slim_fail(run->diag, "I601", (struct slim_span){ 0 },
                         "a lock file names what is in the store, and there is "
                         "none");
    if (!locked)
        return SLIM_OK;
    enum slim_status status = slim_record_read(&record, locked, run->diag);
    run->locked = record;
    return status;
}

enum slim_status slim_cli_execute(struct slim_run *run, struct slim_cli *cli)
{
    const char *lock = slim_cli_value(cli, SLIM_OPTION_lock);
    FILE *quiet =
        slim_cli_has(cli, SLIM_OPTION_quiet) ? fopen("/dev/null", "w") : NULL;

    if (quiet)
        run->progress.out = quiet;
    slim_cli_print_maps(cli, run->progress.out);
    slim_interrupt_install();
    enum slim_status status = slim_run_program(run);
    if (status == SLIM_OK && lock)
        status = slim_record_write(run, lock);
    slim_memo_close(run);
    slim_tokenizer_close(run->tokenizer);
    if (run->store && run->ran)
        slim_store_tidy(run->store);
    if (quiet)
        fclose(quiet);
    return status;
}

enum slim_status slim_cli_project(struct slim_project *project,
                                  struct slim_cli *cli, size_t first)
{
    struct slim_model_info *model = NULL;
    enum slim_status status =
        slim_project_read(project, cli, cli->operands[first]);

    if (slim_cli_model(&model, cli, cli->operands[first + 1], &project->diag) !=
        SLIM_OK)
        status = SLIM_FAILED;
    if (slim_project_compile(project, cli, model) != SLIM_OK)
        status = SLIM_FAILED;
    return status;
}

int slim_command_run(struct slim_cli *cli)
{
    struct slim_project project = { 0 };
    struct slim_run run;
    const char *core = slim_blas_fix(cli->argv);

    if (slim_cli_has(cli, SLIM_OPTION_verbose))
        fprintf(stderr, "slimc: OpenBLAS uses its kernels for %s\n", core);
    if (cli->operand_count != 2)
        return slim_cli_usage(cli, "a run needs one recipe and its model");
    if (!slim_cli_threads(cli))
        return slim_cli_usage(cli, "--threads takes a number from 0 to 1024");
    if (slim_cli_project(&project, cli, 0) != SLIM_OK)
        return slim_cli_report(cli, &project.diag);
    slim_cli_store(&run, &project, cli);
    run.recipe_text = slim_project_text(&project);
    if (open_record(&run, cli) != SLIM_OK ||
        slim_cli_execute(&run, cli) != SLIM_OK)
        assert(project.diag.errors > 0);
    return slim_cli_report(cli, &project.diag);
}
