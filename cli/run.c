/* run.c - slimc run: compile, then do it */
#include "cli/results.h"

#include "base/text.h"
#include "base/trace.h"
#include "runtime/paces.h"
#include "runtime/points.h"
#include "runtime/rates.h"
#include "runtime/store/gc.h"
#include "runtime/store/ledger.h"

#include <stdio.h>
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

/* So long a run has a tenth of a second for what is not known yet. */
static const double LONG_RUN = 3e11;

static double work_of(const struct slim_program *program)
{
    double operations = 0.0;

    for (; program; program = program->next)
        for (const struct slim_op *op = program->first; op; op = op->next)
            operations += op->cost.flops;
    return operations;
}

/* What plans and shares of the limit stand on. */
static void set_limit(struct slim_run *run, struct slim_project *project,
                      double limit)
{
    run->limit = limit;
    for (struct slim_program *p = project->program; p; p = p->next)
        p->limit = limit;
}

static void measure_limit(struct slim_run *run, struct slim_project *project)
{
    const struct slim_kernels *kernels =
        slim_kernels_for(project->program->compute);

    if (!slim_store_keeps(run->store) || run->limit > 0.0 ||
        work_of(project->program) < LONG_RUN)
        return;
    set_limit(run, project, slim_rate_measure(kernels));
    slim_rate_keep(run->store, kernels, run->limit);
}

void slim_cli_store(struct slim_run *run, struct slim_project *project,
                    struct slim_cli *cli)
{
    *run = (struct slim_run){
        .arena = cli->arena,
        .diag = &project->diag,
        .program = project->program,
        .kernels =
            slim_kernels_counted(slim_kernels_for(project->program->compute)),
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
    run->spill = slim_store_spill(run->store, cli->arena);
    run->budget = project->program->budget;
    run->paces = SLIM_NEW(cli->arena, struct slim_paces);
    slim_paces_open(run->paces, run->store,
                    slim_kernels_for(project->program->compute), cli->arena);
    set_limit(run, project,
              slim_rate_find(run->store,
                             slim_kernels_for(project->program->compute)));
}

void slim_cli_start(struct slim_run *run, const struct slim_cli *cli)
{
    FILE *quiet =
        slim_cli_has(cli, SLIM_OPTION_quiet) ? fopen("/dev/null", "w") : NULL;

    if (quiet)
        run->progress.out = quiet;
    slim_cli_print_maps(cli, run->progress.out);
    slim_interrupt_install();
}

enum slim_status slim_cli_execute(struct slim_run *run)
{
    enum slim_status status = slim_run_program(run);

    slim_tokenizer_close(run->tokenizer);
    return status;
}

void slim_cli_close(struct slim_run *run)
{
    if (run->progress.out != stdout)
        (void)fclose(run->progress.out);
}

/* What `verify` needs to run it again: recipe, model, and the options that
 * decide what they mean. */
static const char *const *lines_of_call(const struct slim_cli *cli)
{
    const char **lines = NULL;
    size_t count = 0;

    for (const struct slim_given *g = cli->given; g; g = g->next)
        count++;
    lines = SLIM_NEW_ARRAY(cli->arena, count + 3, const char *);
    count = 0;
    for (const struct slim_given *g = cli->given; g; g = g->next)
        if (slim_cli_decides(g->id)) {
            lines[count] =
                slim_arena_printf(cli->arena, "given %02zu %s %s", count + 1,
                                  slim_options[g->id].name, g->value);
            count++;
        }
    lines[count++] =
        slim_arena_printf(cli->arena, "recipe %s", cli->operands[0]);
    lines[count++] =
        slim_arena_printf(cli->arena, "input %s", cli->operands[1]);
    return lines;
}

static enum slim_status open_record(struct slim_run *run,
                                    const struct slim_cli *cli)
{
    const char *locked = slim_cli_value(cli, SLIM_OPTION_locked);
    struct slim_ledger *record = NULL;

    run->lock = slim_cli_value(cli, SLIM_OPTION_lock);
    run->called = lines_of_call(cli);
    if (!locked)
        return SLIM_OK;
    enum slim_status status = slim_ledger_read(&record, locked, run->diag);
    run->locked = record;
    return status;
}

int slim_cli_lock_unfit(struct slim_cli *cli, const struct slim_ledger *record,
                        const struct slim_program *program)
{
    bool swept = slim_ledger_is_swept(record);

    if (swept && !program->point)
        return slim_cli_usage(cli,
                              "\"%s\" is the lock of a sweep, and the recipe "
                              "has none",
                              record->path);
    if (!swept && program->next)
        return slim_cli_usage(cli,
                              "\"%s\" is the lock of a single run: choose a "
                              "point of the sweep with -s NAME=VALUE",
                              record->path);
    return 0;
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

/* ["p=10%,20%"]: what -s said, in order. */
static json_t *overrides_of(const struct slim_cli *cli)
{
    json_t *list = json_array();

    for (const struct slim_given *g = cli->given; g; g = g->next)
        if (g->id == SLIM_OPTION_set)
            json_array_append_new(list, json_string(g->value));
    return list;
}

static void say_results(const struct slim_run *run, const char *path)
{
    if (run->progress.mode != SLIM_OUTPUT_JSON) {
        fprintf(run->progress.out, "   results      %s\n", path);
        return;
    }
    slim_cli_put(
        json_pack("{s:i,s:s,s:s}", "v", 1, "event", "results", "file", path));
}

static enum slim_status write_results(struct slim_project *project,
                                      struct slim_cli *cli,
                                      const struct slim_run *run,
                                      json_t *points, const char *saved)
{
    json_t *record = slim_record_head(run);
    const char *path = NULL;

    json_object_set_new(record, "text", json_string(project->source.text));
    json_object_set_new(record, "set", overrides_of(cli));
    json_object_set_new(record, "points", points);
    enum slim_status status =
        slim_results_write(&path, project, cli, record, saved);
    json_decref(record);
    if (status == SLIM_OK)
        say_results(run, path);
    project->results = path;
    return status;
}

static void print_messages(void *context, const struct slim_diag *diag)
{
    (void)slim_cli_report(context, diag);
}

/* "3/8": the third of eight parts. */
static bool read_shard(struct slim_cli *cli, size_t *shard, size_t *shards)
{
    const char *text = slim_cli_value(cli, SLIM_OPTION_shard);
    unsigned part = 1, of = 1;
    char rest;

    if (text && (sscanf(text, "%5u/%5u%c", &part, &of, &rest) != 2 ||
                 part == 0 || part > of))
        return false;
    *shard = part;
    *shards = of;
    return true;
}

static void say_passed(const struct slim_cli *cli,
                       const struct slim_points *points)
{
    size_t failed = points->broken + points->unmet;
    size_t count = points->done + failed;

    if (slim_cli_has(cli, SLIM_OPTION_json))
        slim_cli_put(json_pack("{s:i,s:s,s:I,s:I}", "v", 1, "event", "points",
                               "points", (json_int_t)count, "failed",
                               (json_int_t)failed));
    else if (failed > 0)
        fprintf(stderr, "slimc: %zu of %zu points did not pass\n", failed,
                count);
}

/* What a lock says stays as it is where it does not hold. */
static enum slim_status write_locks(struct slim_project *project,
                                    struct slim_cli *cli, struct slim_run *run,
                                    const struct slim_points *points)
{
    const char *path = NULL;

    if (points->refused)
        return SLIM_OK;
    enum slim_status status =
        slim_results_lock(&path, project, cli, points->saved);
    if (status == SLIM_OK)
        status =
            slim_ledger_write_points(run, points->first, points->parts, path);
    if (status != SLIM_OK || !run->lock)
        return status;
    status =
        slim_ledger_write_points(run, points->first, points->parts, run->lock);
    if (status == SLIM_OK)
        slim_ledger_pin(run->store, run->lock);
    return status;
}

/* A sweep: its points, then one summary. Returns the exit code. */
static int run_points(struct slim_project *project, struct slim_cli *cli,
                      struct slim_run *run, size_t shard, size_t shards)
{
    struct slim_points points = {
        .run = run,
        .first = project->program,
        .shard = shard,
        .shards = shards,
        .verbose = slim_cli_has(cli, SLIM_OPTION_verbose),
        .report = print_messages,
        .context = cli,
    };

    if (run->progress.mode != SLIM_OUTPUT_JSON)
        slim_tally_print(project->program, run->progress.out);
    enum slim_status status = slim_points_run(&points, &project->diag);
    if (slim_trace_close(&project->diag) != SLIM_OK)
        status = SLIM_FAILED;
    bool whole = points.code != 130 && project->diag.errors == 0;
    if (whole)
        status = write_locks(project, cli, run, &points);
    if (whole && status == SLIM_OK)
        status = write_results(project, cli, run, points.records, points.saved);
    else
        json_decref(points.records);
    int code = slim_cli_report(cli, &project->diag);
    if (status == SLIM_OK)
        say_passed(cli, &points);
    return code ? code : points.code;
}

static int run_once(struct slim_project *project, struct slim_cli *cli,
                    struct slim_run *run)
{
    enum slim_status status = slim_cli_execute(run);
    const char *saved =
        run->saved_count ? run->saved[run->saved_count - 1] : NULL;
    const char *lock = NULL;
    json_t *points = json_array();

    if (slim_trace_close(&project->diag) != SLIM_OK)
        status = SLIM_FAILED;
    json_array_append_new(points, slim_record_point(run, "done"));
    if (status == SLIM_OK)
        status = slim_results_lock(&lock, project, cli, saved);
    if (status == SLIM_OK)
        status = slim_ledger_write(run, lock);
    if (status == SLIM_OK)
        (void)!write_results(project, cli, run, points, saved);
    else
        json_decref(points);
    return slim_cli_report(cli, &project->diag);
}

static int run_project(struct slim_project *project, struct slim_cli *cli)
{
    struct slim_run run;
    bool sweep = project->program->point != NULL;
    const char *profile = slim_cli_value(cli, SLIM_OPTION_profile);
    size_t shard = 1, shards = 1;

    if (!read_shard(cli, &shard, &shards))
        return slim_cli_usage(cli, "--shard takes I/N: the I-th of N parts");
    if (slim_cli_has(cli, SLIM_OPTION_shard) && !sweep)
        return slim_cli_usage(cli, "--shard: the recipe has no sweep");
    slim_cli_store(&run, project, cli);
    measure_limit(&run, project);
    run.recipe_text = slim_project_text(project);
    if (open_record(&run, cli) != SLIM_OK)
        return slim_cli_report(cli, &project->diag);
    int unfit =
        run.locked ? slim_cli_lock_unfit(cli, run.locked, project->program) : 0;
    if (unfit)
        return unfit;
    if (slim_results_check(project, cli) != SLIM_OK ||
        (profile && slim_trace_open(profile, &project->diag) != SLIM_OK))
        return slim_cli_report(cli, &project->diag);
    slim_cli_start(&run, cli);
    int code = sweep ? run_points(project, cli, &run, shard, shards)
                     : run_once(project, cli, &run);
    slim_paces_keep(run.paces, run.store);
    slim_store_tidy(run.store);
    slim_cli_close(&run);
    return code;
}

/* Compiles the recipe and runs it. Returns the exit code. */
static int compile_and_run(struct slim_project *project, struct slim_cli *cli)
{
    const char *core = slim_blas_fix(cli->argv);

    if (slim_cli_has(cli, SLIM_OPTION_verbose))
        fprintf(stderr, "slimc: OpenBLAS uses its kernels for %s\n", core);
    if (cli->operand_count != 2)
        return slim_cli_usage(cli, "a run needs one recipe and its model");
    if (!slim_cli_threads(cli))
        return slim_cli_usage(cli, "--threads takes a number from 0 to 1024");
    uint64_t budget = 0;
    if (!slim_cli_memory(&budget, cli))
        return slim_cli_usage(cli, "--memory takes bytes, as 6GiB or 512M");
    if (slim_cli_project(project, cli, 0) != SLIM_OK ||
        slim_cli_budget(project, budget) != SLIM_OK)
        return slim_cli_report(cli, &project->diag);
    return run_project(project, cli);
}

int slim_command_run(struct slim_cli *cli)
{
    struct slim_project project = { 0 };

    return compile_and_run(&project, cli);
}

/* A run whose axes come from the command line, and then the report of it. */
int slim_command_sweep(struct slim_cli *cli)
{
    struct slim_project project = { 0 };
    int code = compile_and_run(&project, cli);

    if (!project.results)
        return code;
    int tables = slim_cli_tables(cli, project.results);
    return code ? code : tables;
}
