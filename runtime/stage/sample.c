/* sample.c - a sample of tokens, made ready before anything is computed */
#include "runtime/run.h"

#include "runtime/data/set.h"
#include "runtime/store/causes.h"

#include <stddef.h>

static const char *const picks[] = { "random", "first", NULL };

static const struct slim_param params[] = {
    { .name = "set",
      .kind = SLIM_PARAM_TEXT,
      .offset = offsetof(struct slim_sample, set),
      .always = true,
      .help = "data set or file" },
    { .name = "split",
      .kind = SLIM_PARAM_TEXT,
      .offset = offsetof(struct slim_sample, split),
      .help = "split of the set" },
    { .name = "file",
      .kind = SLIM_PARAM_BOOL,
      .offset = offsetof(struct slim_sample, file),
      .initial = "no",
      .help = "set is the name of a file" },
    { .name = "n",
      .kind = SLIM_PARAM_INT,
      .offset = offsetof(struct slim_sample, n),
      .initial = "0",
      .min = 0,
      .max = 1e9,
      .sample = true,
      .help = "windows or records taken; 0: all there are" },
    { .name = "len",
      .kind = SLIM_PARAM_INT,
      .offset = offsetof(struct slim_sample, len),
      .initial = "2048",
      .min = 2,
      .max = 1 << 20,
      .sample = true,
      .help = "tokens in each" },
    { .name = "pick",
      .kind = SLIM_PARAM_CHOICE,
      .offset = offsetof(struct slim_sample, pick),
      .choices = picks,
      .initial = "random",
      .sample = true,
      .help = "random windows by seed, or the first ones" },
    { .name = "seed",
      .kind = SLIM_PARAM_INT,
      .offset = offsetof(struct slim_sample, seed),
      .initial = "42",
      .min = 0,
      .max = 9007199254740992.0,
      .sample = true,
      .help = "of pick=random" },
    { .name = NULL },
};

/* Whether an operation that reads this sample wants windows or records. */
static bool wanted(const struct slim_op *sample, bool records)
{
    for (const struct slim_op *op = sample->next; op; op = op->next)
        if (slim_op_input(op, SLIM_TYPE_TOKENS) == sample &&
            op->stage->records == records)
            return true;
    return false;
}

static enum slim_status load(struct slim_tokens **out, enum slim_cut cut,
                             struct slim_run *run, const struct slim_op *op)
{
    return slim_tokens_load(out, op->args, cut, run->world, run->tokenizer,
                            op->span, run->diag);
}

static enum slim_status prepare_sample(struct slim_run *run,
                                       const struct slim_op *op)
{
    struct slim_result *result = slim_run_result(run, op);

    if (!run->tokenizer &&
        slim_tokenizer_open(&run->tokenizer, run->input->checkpoint->directory,
                            op->span, run->diag) != SLIM_OK)
        return SLIM_FAILED;
    if (wanted(op, false) &&
        load(&result->tokens, SLIM_CUT_WINDOWS, run, op) != SLIM_OK)
        return SLIM_FAILED;
    if (wanted(op, true) &&
        load(&result->records, SLIM_CUT_RECORDS, run, op) != SLIM_OK)
        return SLIM_FAILED;
    return SLIM_OK;
}

/* A file beside the model that may be absent. */
static bool add_companion(struct slim_causes *causes, struct slim_run *run,
                          const char *name)
{
    const char *path =
        slim_path_join(run->arena, run->input->checkpoint->directory, name);

    return !slim_file_exists(path) || slim_causes_file(causes, name, run, path);
}

/* The file and how it is read, the tokenizer, and whether windows or records
 * are wanted: of what is not, none are made. */
static bool causes_sample(struct slim_causes *causes, struct slim_run *run,
                          const struct slim_op *op)
{
    struct slim_diag quiet = { .arena = run->arena };
    struct slim_set_place place;
    const struct slim_sample *sample = op->args;

    if (slim_set_find(&place, sample, run->world, op->span, &quiet) != SLIM_OK)
        return false;
    slim_causes_add(causes, "share", "%zu..%zu", place.from, place.to);
    slim_causes_add(causes, "mapped", "%s",
                    place.mapped ? slim_path_base(place.mapped) : "no");
    slim_causes_add(causes, "windows", "%s", wanted(op, false) ? "yes" : "no");
    slim_causes_add(causes, "records", "%s", wanted(op, true) ? "yes" : "no");
    const char *set = slim_path_join(
        run->arena, run->world->sets,
        slim_arena_printf(run->arena, "%s.yaml", place.set->name));
    return slim_causes_file(causes, "text", run, place.path) &&
           (place.set->quoted || slim_causes_file(causes, "set", run, set)) &&
           add_companion(causes, run, "tokenizer.json") &&
           add_companion(causes, run, "tokenizer_config.json");
}

const struct slim_stage slim_stage_sample = {
    .name = "sample",
    .summary = "token ids of a data set",
    .version = 1,
    .hidden = true,
    .gives = SLIM_TYPE_TOKENS,
    .keeps_function = true,
    .params = params,
    .args_size = sizeof(struct slim_sample),
    .prepare = prepare_sample,
    .keep = { .causes = causes_sample },
};
