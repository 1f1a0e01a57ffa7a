/* recover.c - train a smaller model back towards what it was */
#include "runtime/train/trainer.h"

#include "base/text.h"

#include <stddef.h>
#include <string.h>

struct recover_args {
    struct slim_training how;
    long r, n, len; /* n, len, pick: kept by the sample */
    double alpha;
    int targets, pick;
};

static const char *const schedules[] = { "linear", "cosine", "constant", NULL };
static const char *const targets[] = { "linear", "attn", "mlp", NULL };
static const char *const picks[] = { "random", "first", NULL };

#define AT(field) offsetof(struct recover_args, field)

static const struct slim_param params[] = {
    { .name = "r",
      .kind = SLIM_PARAM_INT,
      .offset = AT(r),
      .initial = "8",
      .min = 1,
      .max = 4096,
      .methods = "lora",
      .help = "rank of the adapters" },
    { .name = "alpha",
      .kind = SLIM_PARAM_REAL,
      .offset = AT(alpha),
      .initial = "16",
      .min = 0,
      .max = 1e6,
      .methods = "lora",
      .help = "adapters are scaled by alpha / r" },
    { .name = "dropout",
      .kind = SLIM_PARAM_REAL,
      .offset = AT(how.dropout),
      .initial = "0.05",
      .min = 0,
      .max = 0.9,
      .methods = "lora",
      .help = "on the input of each adapter" },
    { .name = "targets",
      .kind = SLIM_PARAM_CHOICE,
      .offset = AT(targets),
      .choices = targets,
      .initial = "linear",
      .methods = "lora",
      .help = "which linears take an adapter: all, attention's, the MLP's" },
    { .name = "steps",
      .kind = SLIM_PARAM_INT,
      .offset = AT(how.steps),
      .initial = "0",
      .min = 0,
      .max = 1e9,
      .help = "optimizer steps; 0: as many as `epochs` take" },
    { .name = "epochs",
      .kind = SLIM_PARAM_INT,
      .offset = AT(how.epochs),
      .initial = "1",
      .min = 1,
      .max = 1000,
      .help = "passes over the records, where steps is 0" },
    { .name = "batch",
      .kind = SLIM_PARAM_INT,
      .offset = AT(how.batch),
      .initial = "8",
      .min = 1,
      .max = 65536,
      .help = "records a step, gathered over passes of 2048 tokens" },
    { .name = "lr",
      .kind = SLIM_PARAM_REAL,
      .offset = AT(how.lr),
      .initial = "1e-4",
      .min = 1e-12,
      .max = 10,
      .help = "learning rate" },
    { .name = "warmup",
      .kind = SLIM_PARAM_INT,
      .offset = AT(how.warmup),
      .initial = "100",
      .min = 0,
      .max = 1e9,
      .help = "steps over which the rate rises" },
    { .name = "schedule",
      .kind = SLIM_PARAM_CHOICE,
      .offset = AT(how.schedule),
      .choices = schedules,
      .initial = "linear",
      .help = "how the rate falls afterwards" },
    { .name = "clip",
      .kind = SLIM_PARAM_REAL,
      .offset = AT(how.clip),
      .initial = "1",
      .min = 0,
      .max = 1e9,
      .help = "largest norm of the gradient; 0: no clipping" },
    { .name = "decay",
      .kind = SLIM_PARAM_REAL,
      .offset = AT(how.decay),
      .initial = "0",
      .min = 0,
      .max = 1,
      .help = "decoupled weight decay" },
    { .name = "beta1",
      .kind = SLIM_PARAM_REAL,
      .offset = AT(how.beta1),
      .initial = "0.9",
      .min = 0,
      .max = 0.9999,
      .help = "of AdamW" },
    { .name = "beta2",
      .kind = SLIM_PARAM_REAL,
      .offset = AT(how.beta2),
      .initial = "0.999",
      .min = 0,
      .max = 0.99999,
      .help = "of AdamW" },
    { .name = "eps",
      .kind = SLIM_PARAM_REAL,
      .offset = AT(how.eps),
      .initial = "1e-8",
      .min = 1e-16,
      .max = 1,
      .help = "of AdamW" },
    { .name = "mask",
      .kind = SLIM_PARAM_BOOL,
      .offset = AT(how.mask),
      .initial = "yes",
      .help = "learn a record's answer only, not its prompt" },
    { .name = "validation",
      .kind = SLIM_PARAM_INT,
      .offset = AT(how.validation),
      .initial = "100",
      .min = 0,
      .max = 1e6,
      .help = "records held out for the validation loss, at most a tenth" },
    { .name = "n",
      .kind = SLIM_PARAM_INT,
      .offset = AT(n),
      .initial = "0",
      .min = 0,
      .max = 1e9,
      .sample = true,
      .help = "records; 0: all" },
    { .name = "len",
      .kind = SLIM_PARAM_INT,
      .offset = AT(len),
      .initial = "256",
      .min = 2,
      .max = 1 << 20,
      .sample = true,
      .help = "tokens of a record at most" },
    { .name = "pick",
      .kind = SLIM_PARAM_CHOICE,
      .offset = AT(pick),
      .choices = picks,
      .initial = "random",
      .sample = true,
      .help = "random records by seed, or the first ones" },
    { .name = "seed",
      .kind = SLIM_PARAM_INT,
      .offset = AT(how.seed),
      .initial = "42",
      .min = 0,
      .max = 9007199254740992.0,
      .sample = true,
      .help = "of adapters, order, dropout and pick=random" },
    { .name = NULL },
};

static const struct slim_method methods[] = {
    { .name = "full",
      .summary = "train all weights",
      .data = true,
      .sample = "alpaca.train len=256" },
    { .name = "lora",
      .summary = "train low-rank adapters and merge them",
      .data = true,
      .sample = "alpaca.train len=256",
      .paper = "Hu et al. 2021, arXiv:2106.09685",
      .gives = SLIM_TYPE_ADAPTER },
    { .name = NULL },
};

static bool is_lora(const struct slim_op *op)
{
    return strcmp(op->method, "lora") == 0;
}

/* Steps as far as the recipe tells: epochs over `n` records, less those held
 * out. 0: of all records there are, which are not counted before they are read. */
static long planned_steps(const struct recover_args *args,
                          const struct slim_sample *sample)
{
    size_t n = sample && sample->n > 0 ? (size_t)sample->n : 0;

    return args->how.steps || n ? slim_training_steps(&args->how, n) : 0;
}

static enum slim_status resolve_recover(struct slim_op *op,
                                        struct slim_diag *diag)
{
    const struct recover_args *args = op->args;
    const struct slim_shape *shape = op->before;
    uint64_t all = slim_shape_params(shape);
    uint64_t learned =
        is_lora(op) ? slim_lora_size(shape, (enum slim_targets)args->targets,
                                     (size_t)args->r)
                    : all;
    const struct slim_sample *sample = slim_op_sample(op);
    double length = sample ? (double)sample->len : 256.0;
    double tokens = (double)args->how.batch * length;
    long steps = planned_steps(args, sample);
    double pass = tokens < SLIM_PASS_TOKENS ? tokens : SLIM_PASS_TOKENS;
    size_t kept = 0;

    if (learned == 0)
        return slim_fail(diag, "M301", op->span,
                         "no linear of this model takes an adapter");
    op->after = shape;
    op->resolved = slim_arena_printf(
        diag->arena, "%s trainable%s%s",
        slim_text_grouped(diag->arena, learned), is_lora(op) ? ", merged" : "",
        steps ? "" : ", the time is of one step: records are not counted yet");
    op->cost.flops = (is_lora(op) ? 6.0 : 8.0) * (double)all * tokens *
                     (double)(steps ? steps : 1);
    (void)slim_train_kept(&kept, shape, (size_t)pass, SLIM_TAPE_MEMORY);
    op->cost.least =
        slim_memory_process(shape) + learned * 16 +
        slim_memory_pass(shape, (size_t)pass, true) +
        (uint64_t)(pass * (double)slim_pass_width(shape) * sizeof(float)) *
            (shape->arch->layers + 4);
    op->cost.memory = op->cost.least + kept;
    return SLIM_OK;
}

static void describe(const struct slim_trainer *trainer)
{
    struct slim_run *run = trainer->run;
    const char *validation = "";

    if (trainer->validation_count)
        validation = slim_arena_printf(run->arena, ", validation %.3f -> %.3f",
                                       trainer->first_validation,
                                       trainer->last_validation);
    run->detail = slim_arena_printf(
        run->arena, "%ld steps, loss %.3f -> %.3f%s", trainer->steps,
        trainer->first_loss, trainer->last_loss, validation);
}

static enum slim_status train(struct slim_trainer *trainer,
                              const struct recover_args *args)
{
    struct slim_run *run = trainer->run;
    const struct slim_op *op = trainer->op;

    if (is_lora(op)) {
        trainer->adapters = slim_lora_new(
            trainer->model->shape, (enum slim_targets)args->targets,
            (size_t)args->r, args->alpha, (uint64_t)trainer->how->seed);
        if (!trainer->adapters)
            return slim_fail(run->diag, "O001", op->span,
                             "out of memory for adapters of rank %ld", args->r);
    }
    if (slim_train(trainer) != SLIM_OK)
        return SLIM_FAILED;
    describe(trainer);
    return SLIM_OK;
}

static enum slim_status run_recover(struct slim_run *run,
                                    const struct slim_op *op)
{
    const struct recover_args *args = op->args;
    struct slim_result *result = slim_run_result(run, op);
    const struct slim_sample *sample = slim_op_sample(op);
    /* the sample keeps the seed; it is that of all that is random here */
    struct slim_training how = args->how;
    struct slim_trainer trainer = { .run = run,
                                    .op = op,
                                    .how = &how,
                                    .model = slim_model_copy(
                                        slim_run_model(run, op)),
                                    .records = slim_run_tokens(run, op) };

    how.seed = sample ? sample->seed : how.seed;
    if (!trainer.model)
        return slim_fail(run->diag, "O001", op->span, "out of memory");
    if (trainer.records->sequences < 2)
        return slim_fail(run->diag, "D301", op->span,
                         "%zu records are too few to train on",
                         trainer.records->sequences);
    enum slim_status status = train(&trainer, args);
    result->adapters = trainer.adapters;
    slim_trainer_close(&trainer); /* before merging takes memory */
    if (status == SLIM_OK && trainer.adapters)
        status = slim_lora_merge(trainer.model, trainer.adapters, run->diag);
    if (status == SLIM_OK)
        result->model = trainer.model;
    else
        slim_model_free(trainer.model);
    return status;
}

const struct slim_stage slim_stage_recover = {
    .name = "recover",
    .summary = "train the smaller model back towards what it was",
    .version = 2,
    .methods = methods,
    .needs = SLIM_TYPE_MODEL,
    .gives = SLIM_TYPE_MODEL,
    .invalidates = SLIM_TYPE_SCORES | SLIM_TYPE_ROTATION | SLIM_TYPE_ADAPTER,
    .data = true,
    .records = true,
    .params = params,
    .args_size = sizeof(struct recover_args),
    .resolve = resolve_recover,
    .run = run_recover,
    .keep = { .journal = true },
};
