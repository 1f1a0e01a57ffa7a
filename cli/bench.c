/* bench.c - slimc bench: the limits of this machine, and what a recipe will
 * take on it */
#include "cli/cli.h"

#include "base/progress.h"
#include "base/text.h"
#include "compiler/plan.h"
#include "runtime/kernel/kernel.h"
#include "runtime/limits.h"
#include "runtime/rates.h"

#include <jansson.h>
#include <string.h>

static void print_limits(const struct slim_cli *cli, const char *core,
                         const struct slim_limits *limits)
{
    if (slim_cli_has(cli, SLIM_OPTION_json)) {
        slim_cli_put(
            json_pack("{s:i,s:s,s:s,s:I,s:f,s:f,s:f,s:f,s:f,s:f,s:f}", "v", 1,
                      "event", "limits", "core", core, "threads",
                      (json_int_t)limits->threads, "f32_flops", limits->f32,
                      "bf16_flops", limits->bf16, "f64_flops", limits->f64,
                      "memory_read", limits->read, "memory_copy", limits->copy,
                      "disk_write", limits->write, "disk_read", limits->load));
        return;
    }
    printf("machine          %zu threads, OpenBLAS kernels for %s\n",
           limits->threads, core);
    printf("product, f32     %.0f GFLOP/s\n", limits->f32 * 1e-9);
    if (limits->bf16 > 0.0)
        printf("product, bf16    %.0f GFLOP/s\n", limits->bf16 * 1e-9);
    printf("product, f64     %.0f GFLOP/s\n", limits->f64 * 1e-9);
    printf("memory, read     %.1f GB/s\n", limits->read * 1e-9);
    printf("memory, copied   %.1f GB/s\n", limits->copy * 1e-9);
    printf("disk, written    %.2f GB/s\n", limits->write * 1e-9);
    printf("disk, read       %.2f GB/s\n", limits->load * 1e-9);
}

static void print_stage(const struct slim_cli *cli, const struct slim_op *op,
                        double seconds)
{
    if (slim_cli_has(cli, SLIM_OPTION_json))
        slim_cli_put(json_pack("{s:i,s:s,s:s,s:f,s:f}", "v", 1, "event",
                               "predicted", "text", op->text, "flops",
                               op->cost.flops, "seconds", seconds));
    else
        printf("%-44s %10.3g GFLOP  ~%s\n", op->text, op->cost.flops * 1e-9,
               slim_text_seconds(cli->arena, seconds));
}

static void predict(const struct slim_cli *cli, struct slim_program *program,
                    const struct slim_limits *limits)
{
    bool json = slim_cli_has(cli, SLIM_OPTION_json);
    double total = 0.0;
    bool narrow = strcmp(program->compute, "bf16") == 0;

    program->limit = narrow ? limits->bf16 : limits->f32;
    if (!json)
        printf("\nat %.0f%% of the rate of products in %s:\n",
               100.0 * slim_compute_find(program->compute)->share,
               program->compute);
    for (const struct slim_op *op = program->first; op; op = op->next) {
        double seconds = slim_plan_seconds(program, op);
        if (op->stage->hidden || op->cost.flops <= 0.0)
            continue;
        print_stage(cli, op, seconds);
        total += seconds;
    }
    if (json)
        slim_cli_put(json_pack("{s:i,s:s,s:f}", "v", 1, "event", "total",
                               "seconds", total));
    else
        printf("%-44s %17s  ~%s\n", "total", "",
               slim_text_seconds(cli->arena, total));
}

static enum slim_status compile(struct slim_project *project,
                                struct slim_cli *cli)
{
    struct slim_model_info *model = NULL;
    enum slim_status status = slim_project_read(project, cli, cli->operands[0]);

    if (slim_cli_model(&model, cli, cli->operands[1], &project->diag) !=
            SLIM_OK ||
        slim_project_compile(project, cli, model) != SLIM_OK)
        return SLIM_FAILED;
    return status;
}

/* Plans from now on take these rates. */
static void keep(struct slim_cli *cli, const struct slim_limits *limits,
                 struct slim_diag *diag)
{
    const char *place =
        slim_store_place(slim_cli_value(cli, SLIM_OPTION_store), cli->arena);
    struct slim_store *store = slim_store_open(place, cli->arena, diag);

    slim_rate_keep(store, slim_kernels_blas(), limits->f32);
    if (slim_kernels_bf16())
        slim_rate_keep(store, slim_kernels_bf16(), limits->bf16);
}

int slim_command_bench(struct slim_cli *cli)
{
    struct slim_project project = { .diag = { .arena = cli->arena } };
    const char *core = slim_blas_fix(cli->argv);
    struct slim_limits limits;

    if (cli->operand_count != 0 && cli->operand_count != 2)
        return slim_cli_usage(cli, "bench takes nothing, or one recipe and its "
                                   "model");
    if (!slim_cli_threads(cli))
        return slim_cli_usage(cli, "--threads takes a number from 0 to 1024");
    if (cli->operand_count == 2 && compile(&project, cli) != SLIM_OK)
        return slim_cli_report(cli, &project.diag);
    if (slim_limits_measure(&limits, ".", &project.diag) == SLIM_OK) {
        print_limits(cli, core, &limits);
        keep(cli, &limits, &project.diag);
        for (struct slim_program *p = project.program; p; p = p->next) {
            if (p->point && !slim_cli_has(cli, SLIM_OPTION_json))
                printf("\npoint %s\n", p->point->name);
            predict(cli, p, &limits);
        }
    }
    return slim_cli_report(cli, &project.diag);
}
