/* synth.c - slimc synth: a checkpoint of random weights for a config.json */
#include "cli/cli.h"

#include "base/file.h"
#include "base/progress.h"
#include "runtime/format/synth.h"

#include <stdlib.h>
#include <string.h>

/* A folder, or the config.json in it. */
static const char *folder(struct slim_cli *cli, const char *path)
{
    if (strcmp(slim_path_base(path), "config.json") == 0)
        return slim_path_directory(cli->arena, path);
    return path;
}

static bool read_seed(uint64_t *seed, const struct slim_cli *cli)
{
    const char *text = slim_cli_value(cli, SLIM_OPTION_seed);
    char *end = NULL;

    *seed = 42;
    if (!text)
        return true;
    *seed = strtoull(text, &end, 10);
    return *text >= '0' && *text <= '9' && *end == 0;
}

static bool read_dtype(enum slim_dtype *dtype, const struct slim_cli *cli)
{
    const char *text = slim_cli_value(cli, SLIM_OPTION_dtype);

    *dtype = SLIM_DTYPE_F32;
    if (!text || strcmp(text, "f32") == 0)
        return true;
    *dtype = strcmp(text, "f16") == 0 ? SLIM_DTYPE_F16 : SLIM_DTYPE_BF16;
    return *dtype == SLIM_DTYPE_F16 || strcmp(text, "bf16") == 0;
}

int slim_command_synth(struct slim_cli *cli)
{
    const struct slim_span nowhere = { NULL, 0, 0 };
    struct slim_diag diag = { .arena = cli->arena };
    struct slim_model_info *info = NULL;
    enum slim_dtype dtype;
    uint64_t seed;

    if (cli->operand_count != 2)
        return slim_cli_usage(cli, "synth needs a config.json and a new "
                                   "directory");
    if (!read_seed(&seed, cli))
        return slim_cli_usage(cli, "--seed takes a whole number");
    if (!read_dtype(&dtype, cli))
        return slim_cli_usage(cli, "--dtype takes f32, bf16 or f16");
    slim_interrupt_install();
    if (slim_model_describe(&info, folder(cli, cli->operands[0]), NULL, nowhere,
                            &diag) == SLIM_OK &&
        slim_synth_write(cli->operands[1], info, seed, dtype, &diag) ==
            SLIM_OK &&
        !slim_cli_has(cli, SLIM_OPTION_quiet))
        printf("%s: %s, %llu parameters, random from seed %llu\n",
               cli->operands[1], info->arch->family,
               (unsigned long long)slim_shape_params(info->shape),
               (unsigned long long)seed);
    return slim_cli_report(cli, &diag);
}
