/* budget.c - --memory: what a run may take, and whether that is enough */
#include "cli/cli.h"

#include "base/text.h"
#include "compiler/plan.h"

#include <stdlib.h>
#include <string.h>

static const double MOST = 1e18;

/* "6GiB", "6G", "512M", "1e9". */
static bool read_bytes(uint64_t *out, const char *text)
{
    const char *rest;
    double value = slim_text_to_bytes(&rest, text);

    if (rest == text || !(value >= 1.0 && value < MOST))
        return false;
    *out = (uint64_t)value;
    return *rest == 0 || (strcmp(rest, "iB") == 0 && strchr("KMGT", rest[-1]));
}

bool slim_cli_memory(uint64_t *out, const struct slim_cli *cli)
{
    const char *text = slim_cli_value(cli, SLIM_OPTION_memory);

    *out = 0;
    return !text || read_bytes(out, text);
}

enum slim_status slim_cli_budget(struct slim_project *project, uint64_t budget)
{
    static const uint64_t MIB = (uint64_t)1 << 20;
    const struct slim_op *largest = NULL;

    for (struct slim_program *p = project->program; p && budget; p = p->next) {
        p->budget = budget;
        for (const struct slim_op *op = p->first; op; op = op->next)
            if (!largest || op->cost.least > largest->cost.least)
                largest = op;
    }
    if (!largest || largest->cost.least <= budget)
        return SLIM_OK;
    uint64_t least = (largest->cost.least + MIB - 1) / MIB;
    struct slim_error *error =
        slim_error(&project->diag, "O301", largest->span,
                   "this stage takes %llu MiB of memory at least, and --memory "
                   "gives it %s",
                   (unsigned long long)least,
                   slim_text_bytes(project->diag.arena, budget));
    slim_error_hint(&project->diag, error,
                    "The smallest budget of this recipe is --memory %lluM.",
                    (unsigned long long)least);
    return SLIM_FAILED;
}
