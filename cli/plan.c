/* plan.c - slimc plan: what would run, with every number resolved */
#include "cli/cli.h"

#include "base/file.h"
#include "base/text.h"
#include "runtime/paces.h"
#include "runtime/store/memo.h"

#include <stdlib.h>
#include <sys/stat.h>

static const struct slim_span nowhere = { NULL, 0, 0 };

static void print(const struct slim_cli *cli,
                  const struct slim_program *program, FILE *out)
{
    if (slim_cli_has(cli, SLIM_OPTION_ir)) {
        struct slim_text text = { 0 };
        slim_program_print(&text, program);
        (void)fwrite(text.data, 1, text.length, out);
        slim_text_free(&text);
    } else if (slim_cli_has(cli, SLIM_OPTION_json)) {
        slim_cli_print_maps(cli, out);
        slim_plan_print_json(program, out);
    } else {
        slim_cli_print_maps(cli, out);
        slim_plan_print(program, slim_cli_has(cli, SLIM_OPTION_verbose), out);
    }
}

static bool is_same_file(const char *a, const char *b)
{
    struct stat one, other;

    return stat(a, &one) == 0 && stat(b, &other) == 0 &&
           one.st_dev == other.st_dev && one.st_ino == other.st_ino;
}

/* The whole of it first: a file holds a plan or is not there. */
static enum slim_status write_file(const struct slim_cli *cli,
                                   const struct slim_program *program,
                                   const char *path, struct slim_diag *diag)
{
    char *text = NULL;
    size_t length = 0;
    FILE *memory = open_memstream(&text, &length);

    if (!memory)
        return slim_fail(diag, "O001", nowhere, "out of memory for the plan");
    print(cli, program, memory);
    (void)fclose(memory);
    enum slim_status status =
        slim_file_write(path, text, length, nowhere, diag);
    free(text);
    return status;
}

/* What of each point is kept, and how long the rest will take. Returns how many
 * operations are to run. */
static size_t ask_store(struct slim_run *run, struct slim_project *project)
{
    size_t work = 0;

    if (!slim_store_keeps(run->store))
        return 1;
    for (struct slim_program *p = project->program; p; p = p->next) {
        if (p->unmet)
            continue;
        run->program = p;
        work += slim_memo_plan(run);
        slim_memo_close(run);
        slim_paces_plan(run->paces, p);
    }
    return work;
}

int slim_command_plan(struct slim_cli *cli)
{
    const char *output = slim_cli_value(cli, SLIM_OPTION_output);
    struct slim_project project = { 0 };
    struct slim_run run;
    size_t work = 0;

    (void)slim_blas_fix(cli->argv); /* its kernels are part of what is kept */
    if (cli->operand_count != 2)
        return slim_cli_usage(cli, "a plan needs one recipe and its model");
    if (slim_cli_has(cli, SLIM_OPTION_ir) &&
        slim_cli_has(cli, SLIM_OPTION_json))
        return slim_cli_usage(cli, "a plan is printed with --ir or --json");
    if (output && is_same_file(output, cli->operands[0])) {
        (void)slim_fail(&cli->diag, "U011", nowhere,
                        "the plan would replace the recipe \"%s\"", output);
        return slim_cli_report(cli, &cli->diag);
    }
    uint64_t budget = 0;
    if (!slim_cli_memory(&budget, cli))
        return slim_cli_usage(cli, "--memory takes bytes, as 6GiB or 512M");
    enum slim_status status = slim_cli_project(&project, cli, 0);
    if (status == SLIM_OK)
        status = slim_cli_budget(&project, budget);
    if (status == SLIM_OK) {
        slim_cli_store(&run, &project, cli);
        work = ask_store(&run, &project);
    }
    if (status == SLIM_OK && output)
        status = write_file(cli, project.program, output, &project.diag);
    int code = slim_cli_report(cli, &project.diag);
    if (status == SLIM_OK && !output)
        print(cli, project.program, stdout);
    if (code == 0 && work > 0 && slim_cli_has(cli, SLIM_OPTION_exit_code))
        return 10;
    return code;
}
