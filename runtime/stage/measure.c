/* measure.c - numbers about a model, each with what makes it comparable */
#include "runtime/report.h"

#include "base/text.h"
#include "compiler/ir/fact.h"
#include "runtime/model/decode.h"
#include "runtime/model/pass.h"
#include "runtime/stage/speed.h"
#include "runtime/store/activations.h"
#include "runtime/store/memo.h"

#include <math.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

/* A metric is a fact of the shape (compiler/ir/fact.c) or a row of `meters`. */
#define MEASURE_MEMORY ((uint64_t)256 << 20) /* streams of a group of windows */

struct measure_args {
    long n, len, seed;
    int pick;
};

static const char *const picks[] = { "random", "first", NULL };

static const struct slim_param params[] = {
    { .name = "len",
      .kind = SLIM_PARAM_INT,
      .offset = offsetof(struct measure_args, len),
      .initial = "2048",
      .min = 2,
      .max = 1 << 20,
      .methods = "ppl latency throughput",
      .sample = true,
      .help = "tokens in a window, or in the prompt; part of the protocol" },
    { .name = "n",
      .kind = SLIM_PARAM_INT,
      .offset = offsetof(struct measure_args, n),
      .initial = "0",
      .min = 0,
      .max = 1e9,
      .methods = "ppl latency throughput",
      .sample = true,
      .help = "windows; 0: all of the text. Of latency: tokens that are timed; "
              "0: 32" },
    { .name = "pick",
      .kind = SLIM_PARAM_CHOICE,
      .offset = offsetof(struct measure_args, pick),
      .choices = picks,
      .initial = "first",
      .methods = "ppl",
      .sample = true,
      .help = "which windows, where n is less than all" },
    { .name = "seed",
      .kind = SLIM_PARAM_INT,
      .offset = offsetof(struct measure_args, seed),
      .initial = "42",
      .min = 0,
      .max = 9007199254740992.0,
      .methods = "ppl",
      .sample = true,
      .help = "of pick=random" },
    { .name = NULL },
};

static const struct slim_method methods[] = {
    { .name = "ppl",
      .summary = "perplexity: exp of the mean negative log likelihood of "
                 "tokens 2..len of every window",
      .data = true,
      .sample = "wikitext2.test len=2048 pick=first" },
    { .name = "latency",
      .summary = "milliseconds of a token after a prompt of `len`, one by one "
                 "with a cache of keys and values: the median" },
    { .name = "throughput",
      .summary = "tokens a second of a prompt of `len`, in one pass" },
    { .name = "params", .summary = "parameters stored" },
    { .name = "macs",
      .summary = "multiply-accumulates of one forward pass over 64 tokens" },
    { .name = "memory", .summary = "bytes of the stored weights" },
    { .name = NULL },
};

static void tick(void *context, double done, double total)
{
    struct slim_run *run = context;

    if (total > 0)
        slim_progress_step(&run->progress, done / total, NULL);
}

/* Of a budget, what the process leaves. */
static size_t ppl_room(const struct slim_run *run, const struct slim_op *op)
{
    uint64_t process = slim_memory_process(op->before);

    if (run->budget == 0)
        return run->memory;
    size_t left = run->budget > process ? run->budget - (size_t)process : 1;
    return left < run->memory ? left : run->memory;
}

static enum slim_status perplexity(double *out, struct slim_run *run,
                                   const struct slim_op *op,
                                   struct slim_model *model)
{
    const struct slim_tokens *tokens = slim_run_tokens(run, op);
    double *nll = calloc(tokens->sequences, sizeof(*nll));
    struct slim_activations activations;
    const struct slim_stream_visit streams = { &activations,
                                               slim_activations_recall,
                                               slim_activations_retain };

    if (!nll)
        return slim_fail(run->diag, "O001", op->span,
                         "out of memory for %zu windows", tokens->sequences);
    slim_activations_open(&activations, run, model, tokens, 0);
    slim_progress_begin(&run->progress, op->text, 1.0);
    enum slim_status status = slim_model_nll(
        nll, model, tokens->ids, tokens->sequences, tokens->length,
        ppl_room(run, op), &streams, run->kernels, tick, run, run->diag);
    slim_activations_close(&activations);
    slim_progress_end(&run->progress);
    if (status == SLIM_OK)
        slim_activations_tell(&activations, op);
    double sum = 0.0;
    for (size_t i = 0; i < tokens->sequences; i++)
        sum += nll[i];
    *out =
        exp(sum / ((double)tokens->sequences * (double)(tokens->length - 1)));
    free(nll);
    return status;
}

static struct slim_speed speed_of(const struct slim_op *op)
{
    const struct measure_args *args = op->args;

    return (struct slim_speed){ .length = (size_t)args->len,
                                .tokens = args->n ? (size_t)args->n : 32 };
}

static enum slim_status latency(double *out, struct slim_run *run,
                                const struct slim_op *op,
                                struct slim_model *model)
{
    struct slim_speed speed = speed_of(op);

    return slim_speed_latency(out, run, op, model, &speed);
}

static enum slim_status throughput(double *out, struct slim_run *run,
                                   const struct slim_op *op,
                                   struct slim_model *model)
{
    struct slim_speed speed = speed_of(op);

    return slim_speed_throughput(out, run, op, model, &speed);
}

/* How the metrics are found that the shape does not decide. */
static const struct meter {
    const char *method;
    enum slim_status (*measure)(double *out, struct slim_run *run,
                                const struct slim_op *op,
                                struct slim_model *model);
    bool fleeting;
} meters[] = {
    { "ppl", perplexity, false },
    { "latency", latency, true },
    { "throughput", throughput, true },
};

static const struct meter *meter_of(const struct slim_op *op)
{
    for (size_t i = 0; i < sizeof(meters) / sizeof(*meters); i++)
        if (strcmp(meters[i].method, op->method) == 0)
            return &meters[i];
    return NULL;
}

/* Whether a formula asks for base.LABEL of this measurement. */
static bool asks_base(const struct slim_formula *f, const struct slim_op *op)
{
    if (!f)
        return false;
    if (f->op == 0)
        return f->base && f->measure == op;
    return asks_base(f->left, op) || asks_base(f->right, op);
}

static bool base_wanted(const struct slim_op *op)
{
    for (const struct slim_op *later = op->next; later; later = later->next)
        if (asks_base(later->formula, op))
            return true;
    return false;
}

/* A speed is measured with everything at hand, and three times at least: of the
 * input model too, where an assertion asks, which is the dense one at most. */
static void speed_cost(struct slim_op *op, struct slim_arena *arena)
{
    const struct slim_shape *shapes[] = {
        op->before, slim_shape_dense(op->before->arch, arena)
    };
    struct slim_speed speed = speed_of(op);

    for (size_t i = 0; i < (base_wanted(op) ? 2 : 1); i++) {
        uint64_t memory =
            slim_memory_process(shapes[i]) +
            slim_decoder_bytes(shapes[i], speed.length + speed.tokens) +
            slim_memory_pass(shapes[i], speed.length, false);

        op->cost.flops +=
            6.0 * (double)slim_shape_macs(shapes[i], speed.length);
        if (memory > op->cost.memory)
            op->cost.least = op->cost.memory = memory;
    }
}

/* As many windows go through a layer at a time as MEASURE_MEMORY has room for,
 * at least those of one call. Of two models the larger counts. */
static void ppl_memory(struct slim_op *op, const struct slim_shape *shape,
                       uint64_t windows, uint64_t length)
{
    uint64_t together =
        length < SLIM_PASS_TOKENS ? SLIM_PASS_TOKENS / length : 1;
    uint64_t each = length * slim_pass_width(shape) * sizeof(float);

    together = together < windows ? together : windows;
    uint64_t pass = slim_memory_pass(shape, (size_t)(together * length), false);
    uint64_t room = MEASURE_MEMORY > pass ? MEASURE_MEMORY - pass : 0;
    uint64_t streams = windows * each < room ? windows * each : room;

    uint64_t least = slim_memory_process(shape) + pass + together * each;
    uint64_t memory = slim_memory_process(shape) + pass + streams;

    op->cost.least = least > op->cost.least ? least : op->cost.least;
    memory = memory > least ? memory : least;
    op->cost.memory = memory > op->cost.memory ? memory : op->cost.memory;
}

static enum slim_status resolve_measure(struct slim_op *op,
                                        struct slim_diag *diag)
{
    const struct slim_sample *sample = slim_op_sample(op);

    op->after = op->before;
    if (!sample) {
        if (meter_of(op))
            speed_cost(op, diag->arena);
        return SLIM_OK;
    }
    /* two operations for each multiply-accumulate of every token */
    op->cost.flops =
        2.0 * (double)slim_shape_macs(op->before, (uint64_t)sample->len) *
        (double)sample->n;
    ppl_memory(op, op->before, (uint64_t)sample->n, (uint64_t)sample->len);
    if (base_wanted(op))
        ppl_memory(op, slim_shape_dense(op->before->arch, diag->arena),
                   (uint64_t)sample->n, (uint64_t)sample->len);
    return SLIM_OK;
}

static enum slim_status measure_base(struct slim_metric *metric,
                                     struct slim_run *run,
                                     const struct slim_op *op)
{
    struct slim_model *base;

    if (slim_fact_value(&metric->base, op->method, run->input->shape))
        return SLIM_OK;
    for (const struct slim_metric *m = run->metrics; m != metric; m = m->next)
        if (m->protocol && strcmp(m->protocol, metric->protocol) == 0 &&
            strcmp(m->name, metric->name) == 0 && !isnan(m->base)) {
            metric->base = m->base;
            return SLIM_OK;
        }
    if (slim_model_load(&base, run->input, run->diag) != SLIM_OK)
        return SLIM_FAILED;
    enum slim_status status =
        meter_of(op)->measure(&metric->base, run, op, base);
    slim_model_free(base);
    return status;
}

static const char *protocol_of(struct slim_run *run, const struct slim_op *op,
                               const struct meter *meter)
{
    const struct slim_tokens *tokens = slim_run_tokens(run, op);
    struct slim_speed speed = speed_of(op);

    if (tokens)
        return tokens->protocol;
    return meter ? slim_speed_protocol(run, &speed) : NULL;
}

static enum slim_status run_measure(struct slim_run *run,
                                    const struct slim_op *op)
{
    struct slim_model *model = slim_run_model(run, op);
    const struct meter *meter = meter_of(op);
    double value = 0.0;

    if (meter ? meter->measure(&value, run, op, model) != SLIM_OK
              : !slim_fact_value(&value, op->method, model->shape))
        return SLIM_FAILED;
    struct slim_metric *metric = slim_metric_add(
        run, op, op->method, protocol_of(run, op, meter), value);
    metric->fleeting = meter && meter->fleeting;
    if (base_wanted(op) && measure_base(metric, run, op) != SLIM_OK)
        return SLIM_FAILED;
    return SLIM_OK;
}

/* Perplexity goes through all windows at once where they fit. */
static bool streams_measure(size_t *together, const struct slim_op *op,
                            size_t windows)
{
    const struct slim_sample *sample = slim_op_sample(op);

    *together = 0;
    return sample && slim_model_even(op->before) &&
           slim_model_nll_windows(op->before, windows, (size_t)sample->len,
                                  MEASURE_MEMORY) == windows;
}

/* The same of the input model, where it is asked for. What is another number
 * each time is not kept. */
static bool causes_measure(struct slim_causes *causes, struct slim_run *run,
                           const struct slim_op *op)
{
    const struct slim_op *input = run->program->first;
    const struct meter *meter = meter_of(op);

    if (meter && meter->fleeting)
        return false;
    if (!base_wanted(op))
        return true;
    if (!run->memos[input->id].keyed)
        return false;
    slim_causes_digest(causes, "base", &run->memos[input->id].key);
    return true;
}

const struct slim_stage slim_stage_measure = {
    .name = "measure",
    .summary = "record numbers about the model as it is at this point",
    .version = 1,
    .methods = methods,
    .needs = SLIM_TYPE_MODEL,
    .gives = SLIM_TYPE_METRIC,
    .keeps_function = true,
    .data = true,
    .each = true,
    .params = params,
    .args_size = sizeof(struct measure_args),
    .resolve = resolve_measure,
    .run = run_measure,
    .keep = { .causes = causes_measure, .streams = streams_measure },
};
