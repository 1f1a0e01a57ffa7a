/* score.c - `score`: importance of every unit that may leave */
#include "runtime/stage/score.h"

#include "base/text.h"
#include "runtime/model/pass.h"
#include "runtime/stage/stages.h"
#include "runtime/stage/units.h"
#include "runtime/store/causes.h"

#include <math.h>
#include <stddef.h>
#include <string.h>

static const char *const orders[] = { "vector", "1", "2", "mixed", NULL };
static const char *const reductions[] = { "sum",   "mean",   "max",  "prod",
                                          "first", "second", "last", NULL };
static const char *const alignments[] = { "aligned", "reference", NULL };
static const char *const picks[] = { "random", "first", NULL };

static const struct slim_method methods[] = {
#define SLIM_IMPORTANCE(method, text, reads, standard, source)                 \
    { .name = #method,                                                         \
      .summary = text,                                                         \
      .data = reads,                                                           \
      .sample = standard,                                                      \
      .paper = source },
#include "runtime/stage/importance.def"
#undef SLIM_IMPORTANCE
    { .name = NULL },
};

static const struct {
    const char *name;
    enum slim_status (*run)(struct slim_scoring *scoring);
} importances[] = {
#define SLIM_IMPORTANCE(method, text, reads, standard, source)                 \
    { #method, slim_importance_##method },
#include "runtime/stage/importance.def"
#undef SLIM_IMPORTANCE
};

#define FIELD(field) offsetof(struct slim_score_args, field)
static const struct slim_param params[] = {
    { .name = "order",
      .kind = SLIM_PARAM_CHOICE,
      .offset = FIELD(order),
      .initial = "1",
      .choices = orders,
      .methods = "taylor",
      .help = "vector: |sum of w g|; 1: sum of |w g|; 2: sum of |w F w| with "
              "F the mean of squared gradients of single samples; mixed: sum "
              "of |w g - w F w / 2|" },
    { .name = "reduce",
      .kind = SLIM_PARAM_CHOICE,
      .offset = FIELD(reduce),
      .initial = "sum",
      .choices = reductions,
      .methods = "l1 l2 taylor",
      .help = "over the tensors of a group, for each index, before the indices "
              "of a head are summed; first and second: that tensor in the "
              "order of `slimc plan -v`; last: the one computed last" },
    { .name = "gqa",
      .kind = SLIM_PARAM_CHOICE,
      .offset = FIELD(gqa),
      .initial = "aligned",
      .choices = alignments,
      .methods = "l1 l2 taylor",
      .help = "aligned: a key/value head is scored with its own query heads; "
              "reference: LLM-Pruner's mistakes, rows of other heads, and a "
              "tied table counted twice and untied when the width is pruned" },
    { .name = "n",
      .kind = SLIM_PARAM_INT,
      .min = 1,
      .max = 1e9,
      .methods = "taylor",
      .sample = true,
      .help = "windows of the sample" },
    { .name = "len",
      .kind = SLIM_PARAM_INT,
      .min = 2,
      .max = 1e9,
      .methods = "taylor",
      .sample = true,
      .help = "tokens of a window" },
    { .name = "pick",
      .kind = SLIM_PARAM_CHOICE,
      .choices = picks,
      .methods = "taylor",
      .sample = true,
      .help = "windows by seed, or the first ones" },
    { .name = "seed",
      .kind = SLIM_PARAM_INT,
      .offset = FIELD(seed),
      .max = 9e15,
      .methods = "random taylor",
      .sample = true,
      .help = "of the choice of windows, or of the random scores" },
    { .name = NULL },
};
#undef FIELD

/* The stream is scored only for a prune that asks for it: its gradients are
 * those of every tensor, the tables included. */
static bool stream_wanted(const struct slim_op *op)
{
    for (const struct slim_op *next = op->next; next; next = next->next)
        if (slim_op_takes_width(next) &&
            slim_op_input(next, SLIM_TYPE_SCORES) == op)
            return true;
    return false;
}

bool slim_score_as_reference(const struct slim_op *op)
{
    const struct slim_score_args *args = op->args;

    return op->stage == &slim_stage_score && args->gqa == SLIM_GQA_REFERENCE;
}

/* Every layer's input is kept; one layer is computed forward twice and
 * backward once: about four forward passes. */
static struct slim_cost cost(const struct slim_op *op)
{
    const struct slim_sample *sample = slim_op_sample(op);
    const struct slim_shape *shape = op->before;
    const struct slim_score_args *args = op->args;
    struct slim_cost cost = { .flops = (double)slim_shape_params(shape) };
    uint64_t gradients = slim_memory_layer(shape);

    if (stream_wanted(op))
        gradients += 2 * slim_memory_tables(shape);
    cost.least = slim_memory_process(shape);
    if (!sample || sample->n <= 0 || sample->len <= 0) {
        cost.least +=
            2 * (slim_memory_layer(shape) + slim_memory_tables(shape));
        cost.memory = cost.least;
        return cost;
    }
    uint64_t windows = (uint64_t)sample->n, length = (uint64_t)sample->len;
    uint64_t tokens = windows * length;
    bool apart =
        args->order == SLIM_ORDER_SECOND || args->order == SLIM_ORDER_MIXED;
    uint64_t pass = apart || length > SLIM_PASS_TOKENS ? length
                    : tokens < SLIM_PASS_TOKENS        ? tokens
                                                       : SLIM_PASS_TOKENS;

    cost.flops +=
        8.0 * (double)windows * (double)slim_shape_macs(shape, length);
    cost.least += slim_memory_pass(shape, (size_t)pass, true) +
                  (apart ? 3 : 1) * gradients;
    cost.memory = cost.least + tokens * sizeof(float) * slim_pass_width(shape) *
                                   (shape->arch->layers + 2);
    return cost;
}

static enum slim_status resolve(struct slim_op *op, struct slim_diag *diag)
{
    const struct slim_groups *groups = slim_discover(op->before, diag->arena);
    bool stream = stream_wanted(op);
    uint64_t units = 0;

    for (size_t i = 0; i < groups->count; i++)
        if (stream || !slim_group_is_stream(&groups->items[i]))
            units += groups->items[i].units;
    op->after = op->before;
    op->resolved = slim_arena_printf(diag->arena, "%s scores",
                                     slim_text_grouped(diag->arena, units));
    op->cost = cost(op);
    return SLIM_OK;
}

static enum slim_status finite_scores(const struct slim_scores *scores,
                                      const struct slim_op *op,
                                      struct slim_diag *diag)
{
    for (size_t g = 0; g < scores->groups->count; g++) {
        const struct slim_group *group = &scores->groups->items[g];
        for (size_t u = 0; scores->values[g] && u < group->units; u++)
            if (!isfinite(scores->values[g][u]))
                return slim_fail(diag, "R120", op->span,
                                 "the score of unit %zu of '%s' is not a "
                                 "finite number: the gradients overflow",
                                 u, group->members[0].tensor->name);
    }
    return SLIM_OK;
}

enum slim_status slim_scoring_no_memory(const struct slim_scoring *scoring)
{
    return slim_fail(scoring->run->diag, "O122", scoring->op->span,
                     "no memory for the scores");
}

static enum slim_status score(struct slim_scoring *scoring,
                              const struct slim_op *op)
{
    for (size_t i = 0; i < SLIM_COUNT(importances); i++)
        if (strcmp(importances[i].name, op->method) == 0)
            return importances[i].run(scoring);
    return slim_fail(scoring->run->diag, "N120", op->span,
                     "no importance is called '%s'", op->method);
}

static enum slim_status run(struct slim_run *run, const struct slim_op *op)
{
    struct slim_model *model = slim_run_model(run, op);
    struct slim_scoring scoring = {
        .run = run,
        .op = op,
        .model = model,
        .args = op->args,
        .tokens = slim_run_tokens(run, op),
        .groups = slim_discover(model->shape, run->arena),
    };
    enum slim_status status;

    status = slim_terms_new(&scoring, stream_wanted(op))
                 ? score(&scoring, op)
                 : slim_scoring_no_memory(&scoring);
    if (status == SLIM_OK && !scoring.done && !slim_terms_reduce(&scoring))
        status = slim_scoring_no_memory(&scoring);
    slim_terms_free(&scoring);
    if (status == SLIM_OK)
        status = finite_scores(scoring.scores, op, run->diag);
    if (status != SLIM_OK) {
        slim_scores_free(scoring.scores);
        return status;
    }
    slim_run_result(run, op)->scores = scoring.scores;
    return SLIM_OK;
}

static bool causes_score(struct slim_causes *causes, struct slim_run *run,
                         const struct slim_op *op)
{
    (void)run;
    slim_causes_add(causes, "stream", "%s", stream_wanted(op) ? "yes" : "no");
    return true;
}

/* What reads data goes through the model; Fisher's diagonal, by windows. */
static bool streams_score(size_t *together, const struct slim_op *op,
                          size_t windows)
{
    const struct slim_score_args *args = op->args;

    (void)windows;
    *together =
        args->order == SLIM_ORDER_SECOND || args->order == SLIM_ORDER_MIXED;
    return slim_op_sample(op) != NULL;
}

const struct slim_stage slim_stage_score = {
    .name = "score",
    .summary = "says how much each unit matters",
    .version = 3,
    .methods = methods,
    .needs = SLIM_TYPE_MODEL | SLIM_TYPE_GROUPS,
    .implied = SLIM_TYPE_GROUPS,
    .gives = SLIM_TYPE_SCORES,
    .keeps_function = true,
    .data = true,
    .params = params,
    .args_size = sizeof(struct slim_score_args),
    .resolve = resolve,
    .run = run,
    .keep = { .causes = causes_score,
              .streams = streams_score,
              .journal = true },
};
