/* synth.c - slimc synth: a checkpoint of random weights for a config.json */
#include "cli/cli.h"

#include "base/progress.h"
#include "runtime/format/synth.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* The second component would be lost in the rounding of the first. */
#define MOST_DECAY 8.0

static bool read_seed(uint64_t *seed, const struct slim_cli *cli)
{
    const char *text = slim_cli_value(cli, SLIM_OPTION_seed);
    char *end = NULL;

    *seed = 42;
    if (!text)
        return true;
    errno = 0;
    *seed = strtoull(text, &end, 10);
    return errno == 0 && *text >= '0' && *text <= '9' && *end == 0;
}

static bool read_decay(double *decay, const struct slim_cli *cli)
{
    const char *text = slim_cli_value(cli, SLIM_OPTION_decay);
    char *end = NULL;

    *decay = 0.0;
    if (!text)
        return true;
    *decay = strtod(text, &end);
    return *text >= '0' && *text <= '9' && *end == 0 && *decay <= MOST_DECAY;
}

static enum slim_dtype dtype_of(const struct slim_cli *cli)
{
    const char *text = slim_cli_value(cli, SLIM_OPTION_dtype);

    if (!text || strcmp(text, "f32") == 0)
        return SLIM_DTYPE_F32;
    return strcmp(text, "f16") == 0 ? SLIM_DTYPE_F16 : SLIM_DTYPE_BF16;
}

static void say_written(const struct slim_cli *cli, const char *directory,
                        const struct slim_model_info *info, uint64_t seed)
{
    const uint64_t params = slim_shape_params(info->shape);

    if (slim_cli_has(cli, SLIM_OPTION_json))
        slim_cli_put(json_pack(
            "{s:i,s:s,s:s,s:s,s:I,s:s}", "v", 1, "event", "synth", "directory",
            directory, "family", info->arch->family, "params",
            (json_int_t)params, "seed",
            slim_arena_printf(cli->arena, "%llu", (unsigned long long)seed)));
    else if (!slim_cli_has(cli, SLIM_OPTION_quiet))
        printf("%s: %s, %llu parameters, random from seed %llu\n", directory,
               info->arch->family, (unsigned long long)params,
               (unsigned long long)seed);
}

int slim_command_synth(struct slim_cli *cli)
{
    const struct slim_span nowhere = { NULL, 0, 0 };
    struct slim_diag diag = { .arena = cli->arena };
    struct slim_model_info *info = NULL;
    struct slim_synth how = { .dtype = dtype_of(cli) };

    if (cli->operand_count != 2)
        return slim_cli_usage(cli, "synth needs a config.json and a new "
                                   "directory");
    if (!read_seed(&how.seed, cli))
        return slim_cli_usage(cli, "--seed takes a whole number");
    if (!read_decay(&how.decay, cli))
        return slim_cli_usage(cli, "--decay takes a number from 0 to 8");
    slim_interrupt_install();
    if (slim_model_describe(&info, cli->operands[0], NULL, nowhere, &diag) ==
            SLIM_OK &&
        slim_synth_write(cli->operands[1], info, &how, &diag) == SLIM_OK)
        say_written(cli, cli->operands[1], info, how.seed);
    return slim_cli_report(cli, &diag);
}
