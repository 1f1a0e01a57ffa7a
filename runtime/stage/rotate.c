/* rotate.c - turn the residual stream so that what matters comes first */
#include "runtime/stage/rotate.h"

#include "base/text.h"
#include "runtime/record.h"
#include "runtime/store/causes.h"

#include <math.h>
#include <stddef.h>
#include <stdlib.h>

static const char *const pers[] = { "model", "block", NULL };
static const char *const orients[] = { "pca", "random", NULL };
static const char *const covs[] = { "auto", "raw", "normed", NULL };
static const char *const epsilons[] = { "auto", "model", NULL };
static const char *const centers[] = { "auto", "yes", "no", NULL };
static const char *const picks[] = { "random", "first", NULL };

static const struct slim_param params[] = {
    { .name = "per",
      .kind = SLIM_PARAM_CHOICE,
      .offset = offsetof(struct slim_rotate_args, per),
      .choices = pers,
      .initial = "model",
      .help = "model: one basis, the result stays a stock model; block: a "
              "basis for each site with shortcut matrices between (SliceGPT)" },
    { .name = "orient",
      .kind = SLIM_PARAM_CHOICE,
      .offset = offsetof(struct slim_rotate_args, orient),
      .choices = orients,
      .initial = "pca",
      .help = "random: turn the kept columns once more by a random orthogonal "
              "matrix; the same function, outliers spread" },
    { .name = "cov",
      .kind = SLIM_PARAM_CHOICE,
      .offset = offsetof(struct slim_rotate_args, cov),
      .choices = covs,
      .initial = "auto",
      .help = "PCA of the residual itself (raw) or of each token's vector "
              "divided by its RMS (normed); auto: raw for per=block, normed "
              "for per=model" },
    { .name = "eps",
      .kind = SLIM_PARAM_CHOICE,
      .offset = offsetof(struct slim_rotate_args, eps),
      .choices = epsilons,
      .initial = "auto",
      .help = "per=block: what norms add under their root; model: what "
              "config.json says; auto: 1e-5 where a slice follows at once, as "
              "SliceGPT has it for every model" },
    { .name = "center",
      .kind = SLIM_PARAM_CHOICE,
      .offset = offsetof(struct slim_rotate_args, center),
      .choices = centers,
      .initial = "auto",
      .help = "per=block: first subtract from each embedding its mean over the "
              "width, as SliceGPT does for every model though only layer norms "
              "allow it; auto: yes where a slice follows at once" },
    { .name = "n",
      .kind = SLIM_PARAM_INT,
      .offset = offsetof(struct slim_rotate_args, n),
      .initial = "128",
      .min = 1,
      .max = 1e9,
      .sample = true,
      .help = "calibration windows" },
    { .name = "len",
      .kind = SLIM_PARAM_INT,
      .offset = offsetof(struct slim_rotate_args, len),
      .initial = "2048",
      .min = 2,
      .max = 1 << 20,
      .sample = true,
      .help = "tokens in each" },
    { .name = "pick",
      .kind = SLIM_PARAM_CHOICE,
      .offset = offsetof(struct slim_rotate_args, pick),
      .choices = picks,
      .initial = "random",
      .sample = true,
      .help = "random windows by seed, or the first ones" },
    { .name = "seed",
      .kind = SLIM_PARAM_INT,
      .offset = offsetof(struct slim_rotate_args, seed),
      .initial = "42",
      .min = 0,
      .max = 9007199254740992.0,
      .sample = true,
      .help = "of pick=random and orient=random" },
    { .name = NULL },
};

static const struct slim_method methods[] = {
    { .name = "pca",
      .summary = "eigenvectors of the stream's second moments",
      .data = true,
      .sample = "wikitext2.train n=128 len=2048",
      .paper = "Ashkboos et al. 2024, arXiv:2401.15024" },
    { .name = NULL },
};

static enum slim_status check_rotate(const struct slim_op *op,
                                     struct slim_diag *diag)
{
    const struct slim_rotate_args *args = op->args;

    if (args->per == SLIM_PER_MODEL && args->center == SLIM_CENTER_YES)
        return slim_fail(diag, "A131", op->span,
                         "center=yes belongs to per=block: one basis for the "
                         "model keeps its function");
    return SLIM_OK;
}

/* A stream that a norm writes, or to whose norm a block adds, cannot be turned:
 * the norm's weights stand between writers and readers. A norm of the rows of a
 * table is folded into the table. */
static bool norms_stream(const struct slim_node *node)
{
    if (node->output != 0)
        return false;
    return (node->kind == SLIM_BLOCK_NORM && !node->of_table) ||
           (node->kind == SLIM_BLOCK_ADD && node->inputs[0] != 0);
}

static enum slim_status check_blocks(const struct slim_op *op,
                                     struct slim_diag *diag)
{
    const struct slim_arch *arch = op->before->arch;

    for (size_t i = 0; i < arch->node_count; i++) {
        const struct slim_node *node = &arch->nodes[i];

        if (i < arch->layer_first[arch->layers] && norms_stream(node))
            return slim_fail(diag, "M210", op->span,
                             "family \"%s\" normalises the residual stream "
                             "itself (block \"%s\"), so it cannot be rotated",
                             arch->family, node->name);
    }
    if (arch->nodes[0].slots[SLIM_EMBEDDING_PROJECT])
        return slim_fail(diag, "M213", op->span,
                         "family \"%s\" projects its token vectors into the "
                         "residual stream: that it can be rotated is not known",
                         arch->family);
    return SLIM_OK;
}

struct slim_cost slim_rotate_cost(const struct slim_op *op)
{
    const struct slim_sample *sample = slim_op_sample(op);
    double tokens = sample ? (double)sample->n * (double)sample->len : 0.0;
    uint64_t length = sample ? (uint64_t)sample->len : 1;
    double width = (double)op->before->sites[0];
    double sites = (double)op->before->arch->site_count;
    double pass =
        2.0 * (double)slim_shape_macs(op->before, length) / (double)length;

    uint64_t stream = (uint64_t)tokens * sizeof(float) * op->before->sites[0];
    uint64_t least =
        slim_memory_process(op->before) +
        slim_memory_layers(op->before, (size_t)fmin(tokens, SLIM_GROUP_TOKENS),
                           false) +
        (uint64_t)(40.0 * width * width) +
        /* a matrix in f64 and its product, and the f32 that it is read in */
        20 * (slim_memory_layer(op->before) / sizeof(float));
    return (struct slim_cost){
        .flops = tokens * (pass + sites * width * width) +
                 10.0 * sites * width * width * width,
        .memory = least + stream,
        .least = least,
    };
}

/* The reference has it in its code, whatever config.json says. */
#define SLIM_SLICEGPT_EPS 1e-5

static enum slim_status resolve_rotate(struct slim_op *op,
                                       struct slim_diag *diag)
{
    const struct slim_rotate_args *args = op->args;

    if (check_blocks(op, diag) != SLIM_OK)
        return SLIM_FAILED;
    if (op->before->shortcuts)
        return slim_fail(diag, "M212", op->span,
                         "the model already has a basis for each block: its "
                         "stream has no common axes to rotate");
    struct slim_shape *after = slim_shape_copy(op->before, diag->arena);
    after->untied = op->before->arch->tied;
    if (slim_absorbs(op->before))
        slim_absorb_shape(after);
    if (args->per == SLIM_PER_BLOCK) {
        after->shortcuts = true;
        if (op->fused && args->eps == SLIM_EPS_DEFAULT)
            after->eps = SLIM_SLICEGPT_EPS;
        after->folded = true;
        if (!after->divisor)
            after->divisor = op->before->sites[0];
    }
    op->after = after;
    op->resolved = slim_arena_printf(
        diag->arena,
        args->per == SLIM_PER_BLOCK
            ? "%zu bases of %zu x %zu, shortcuts between"
            : "%zu basis of %zu x %zu",
        args->per == SLIM_PER_BLOCK ? op->before->arch->site_count : (size_t)1,
        op->before->sites[0], op->before->sites[0]);
    if (!(op->fused && after->shortcuts)) /* else slice does it, and counts */
        op->cost = slim_rotate_cost(op);
    return SLIM_OK;
}

/* Largest difference of logits between two models on the first tokens of the
 * calibration text, and the spread of the first one's logits. */
struct difference {
    double largest, deviation;
};

static enum slim_status compare(struct difference *out, struct slim_run *run,
                                struct slim_model *a, struct slim_model *b,
                                const struct slim_tokens *tokens)
{
    /* in f32, lest a wrong basis be taken for rounding */
    const struct slim_kernels *kernels = slim_kernels_blas();
    size_t length = tokens->length < 32 ? tokens->length : 32;
    const struct slim_tensor *table =
        a->shape->arch->nodes[0].slots[SLIM_EMBEDDING_WEIGHT];
    size_t count = length * slim_tensor_size(a->shape, table, 0);
    float *one = malloc(count * sizeof(*one));
    float *two = malloc(count * sizeof(*two));
    enum slim_status status = SLIM_FAILED;

    if (!one || !two)
        (void)slim_fail(run->diag, "O001", (struct slim_span){ 0 },
                        "out of memory for %zu logits", count);
    else if (slim_model_logits(one, a, tokens->ids, 1, length, kernels,
                               run->diag) == SLIM_OK)
        status = slim_model_logits(two, b, tokens->ids, 1, length, kernels,
                                   run->diag);
    double sum = 0.0, squares = 0.0, n = (double)count;
    *out = (struct difference){ 0 };
    for (size_t i = 0; status == SLIM_OK && i < count; i++) {
        sum += (double)one[i];
        squares += (double)one[i] * (double)one[i];
        out->largest =
            fmax(out->largest, fabs((double)one[i] - (double)two[i]));
    }
    out->deviation = sqrt(fmax(squares / n - sum / n * (sum / n), 0.0));
    free(one);
    free(two);
    return status;
}

/* Rotations are exact up to rounding: more than this share of the logits'
 * standard deviation means a wrong basis, not noise. */
#define SLIM_ROTATE_TOLERANCE 5e-2

static enum slim_status self_test(struct slim_run *run,
                                  const struct slim_op *op,
                                  struct slim_model *turned)
{
    struct difference d;

    if (compare(&d, run, slim_run_model(run, op), turned,
                slim_run_tokens(run, op)) != SLIM_OK)
        return SLIM_FAILED;
    if (!(d.largest <= SLIM_ROTATE_TOLERANCE * d.deviation))
        return slim_fail(run->diag, "R203", op->span,
                         "the rotation changed the function: logits differ by "
                         "%.3g, their deviation is %.3g",
                         d.largest, d.deviation);
    run->detail = slim_arena_printf(
        run->arena, "function kept: max|dlogit| %.1e of sd %.2g", d.largest,
        d.deviation);
    return SLIM_OK;
}

static enum slim_status run_rotate(struct slim_run *run,
                                   const struct slim_op *op)
{
    const struct slim_rotate_args *args = op->args;
    struct slim_result *result = slim_run_result(run, op);

    if (op->fused && args->per == SLIM_PER_BLOCK) {
        result->model = slim_model_copy(slim_run_model(run, op));
        if (!result->model)
            return slim_fail(run->diag, "O001", op->span,
                             "out of memory for the table of tensors");
        run->detail = "interleaved with slice";
        return SLIM_OK;
    }
    result->rotation_free = slim_rotation_free;
    enum slim_status status =
        args->per == SLIM_PER_BLOCK
            ? slim_rotate_blocks(&result->model, &result->rotation, run, op,
                                 op->after, op->text)
            : slim_rotate_model(&result->model, &result->rotation, run, op,
                                op->after, op->text);
    if (status != SLIM_OK)
        return status;
    slim_figure_spectrum(run, op, result->rotation);
    return self_test(run, op, result->model);
}

/* A slice that follows at once changes defaults, and one that follows at all
 * the columns that are turned at random. */
static bool causes_rotate(struct slim_causes *causes, struct slim_run *run,
                          const struct slim_op *op)
{
    const struct slim_rotate_args *args = op->args;

    (void)run;
    slim_causes_shape(causes, "shape", op->after);
    slim_causes_add(causes, "interleaved", "%s", op->fused ? "yes" : "no");
    if (args->orient == SLIM_ORIENT_RANDOM)
        slim_causes_add(causes, "turned", "%zu",
                        slim_rotate_kept(op, 0, op->before->sites[0]));
    return true;
}

/* Of a model whose norms are rewritten first, plans know nothing. */
static bool streams_rotate(size_t *together, const struct slim_op *op,
                           size_t windows)
{
    const struct slim_rotate_args *args = op->args;

    (void)windows;
    *together = 0;
    if (slim_absorbs(op->before))
        return false;
    return args->per == SLIM_PER_MODEL ||
           (!op->fused && slim_rotate_is_dense(op, op->after));
}

const struct slim_stage slim_stage_rotate = {
    .name = "rotate",
    .summary = "turn the residual stream into a basis in which the last "
               "columns matter least",
    .version = 4,
    .methods = methods,
    .needs = SLIM_TYPE_MODEL,
    .gives = SLIM_TYPE_MODEL | SLIM_TYPE_ROTATION,
    .invalidates = SLIM_TYPE_SCORES | SLIM_TYPE_GROUPS,
    .keeps_function = true,
    .data = true,
    .params = params,
    .args_size = sizeof(struct slim_rotate_args),
    .check = check_rotate,
    .resolve = resolve_rotate,
    .run = run_rotate,
    .keep = { .causes = causes_rotate,
              .streams = streams_rotate,
              .journal = true },
};
