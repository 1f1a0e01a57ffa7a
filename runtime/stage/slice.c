/* slice.c - cut the last columns of a rotated residual stream */
#include "runtime/stage/rotate.h"

#include "base/text.h"
#include "runtime/record.h"
#include "runtime/store/memo.h"

#include <stddef.h>
#include <stdlib.h>
#include <string.h>

struct slice_args {
    long round;
};

static const char *const units[] = { "width", NULL };

static const struct slim_param params[] = {
    { .name = "round",
      .kind = SLIM_PARAM_INT,
      .offset = offsetof(struct slice_args, round),
      .initial = "8",
      .min = 1,
      .max = 4096,
      .help = "the width is rounded down to a multiple of this" },
    { .name = NULL },
};

/* SliceGPT's arithmetic: d = int((1 - s) * D) in IEEE double, then down to a
 * multiple. `to N width` is taken as it is written. */
static size_t target_width(const struct slim_op *op, size_t width)
{
    const struct slice_args *args = op->args;
    size_t kept;

    if (op->amount.kind == SLIM_QUANTITY_NUMBER && op->amount.to)
        return (size_t)op->amount.value;
    if (op->amount.kind == SLIM_QUANTITY_NUMBER)
        return op->amount.value < (double)width
                   ? width - (size_t)op->amount.value
                   : 0;
    double share = op->amount.value / 100.0;
    if (op->amount.to)
        kept = (size_t)(share * (double)width);
    else
        kept = (size_t)((1.0 - share) * (double)width);
    return kept - kept % (size_t)args->round;
}

static enum slim_status resolve_slice(struct slim_op *op,
                                      struct slim_diag *diag)
{
    const struct slim_op *rotate = slim_op_input(op, SLIM_TYPE_ROTATION);
    struct slim_shape *after = slim_shape_copy(op->before, diag->arena);
    size_t width = op->before->sites[0];
    size_t kept = target_width(op, width);

    if (kept == 0 || kept >= width)
        return slim_fail(diag, "M220", op->amount.span,
                         kept == 0 ? "of %zu columns of width this leaves none"
                                   : "the width is %zu already: this leaves "
                                     "nothing to do",
                         width);
    for (size_t s = 0; s < after->arch->site_count; s++)
        after->sites[s] = kept;
    if (after->shortcuts) /* the head reads the last site at full width */
        after->sites[after->arch->site_count - 1] = width;
    if (!after->divisor)
        after->divisor = width;
    op->after = after;
    op->resolved =
        slim_arena_printf(diag->arena, "%zu/%zu width (-%.2f%%)", kept, width,
                          100.0 * (1.0 - (double)kept / (double)width));
    if (op->fused && rotate && after->shortcuts)
        op->cost = slim_rotate_cost(rotate);
    else
        op->cost.least = op->cost.memory =
            slim_memory_process(after) + 2 * slim_memory_tables(op->before);
    return SLIM_OK;
}

/* The first rows and columns of a tensor, as many as the new shape has. */
static enum slim_status cut(struct slim_model *to, struct slim_model *from,
                            const struct slim_shape *shape,
                            const struct slim_tensor *tensor,
                            struct slim_diag *diag)
{
    size_t rows = slim_tensor_size(from->shape, tensor, 0), cols = 1;
    size_t new_rows = slim_tensor_size(shape, tensor, 0), new_cols = 1;

    if (tensor->dims_count == 2) {
        cols = slim_tensor_size(from->shape, tensor, 1);
        new_cols = slim_tensor_size(shape, tensor, 1);
    }
    if (rows == new_rows && cols == new_cols)
        return SLIM_OK;
    float *row = malloc(cols * sizeof(*row));
    if (!row)
        return slim_fail(diag, "O001", (struct slim_span){ 0 },
                         "out of memory for tensor \"%s\"", tensor->name);
    struct slim_buffer *buffer = NULL;
    enum slim_status status =
        slim_model_room(&buffer, to, tensor, new_rows, new_cols, diag);

    for (size_t i = 0; status == SLIM_OK && i < new_rows; i++) {
        status = slim_model_read_rows(row, from, tensor, i, 1, diag);
        if (status == SLIM_OK)
            memcpy(buffer->data + i * new_cols, row, new_cols * sizeof(*row));
    }
    free(row);
    if (status == SLIM_OK)
        slim_model_give(to, tensor, buffer, new_rows, new_cols);
    else
        slim_buffer_release(buffer);
    return status;
}

static enum slim_status cut_all(struct slim_model **out, struct slim_run *run,
                                const struct slim_op *op)
{
    struct slim_model *from = slim_run_model(run, op);
    const struct slim_arch *arch = from->shape->arch;

    *out = slim_model_copy(from);
    if (!*out)
        return slim_fail(run->diag, "O001", op->span,
                         "out of memory for the table of tensors");
    for (size_t i = 0; i < arch->tensor_count; i++)
        if (slim_tensor_stored(op->after, &arch->tensors[i]) &&
            cut(*out, from, op->after, &arch->tensors[i], run->diag) != SLIM_OK)
            return SLIM_FAILED;
    (*out)->shape = op->after;
    return SLIM_OK;
}

/* Mean and least share of the spectrum that the kept columns hold. */
static void describe(struct slim_run *run, const struct slim_rotation *rotation,
                     const struct slim_shape *shape)
{
    double sum = 0.0, least = 1.0;
    size_t sites = 0;

    for (size_t s = 0; s < rotation->sites; s++) {
        double inside = 0.0, all = 0.0;

        if (rotation->sites > 1 && shape->sites[s] == rotation->width)
            continue;
        for (size_t i = 0; i < rotation->width; i++) {
            all += rotation->values[s][i];
            if (i < shape->sites[s])
                inside += rotation->values[s][i];
        }
        sum += inside / all;
        least = inside / all < least ? inside / all : least;
        sites++;
    }
    if (sites == 1)
        run->detail =
            slim_arena_printf(run->arena, "%.1f%% variance kept", 100.0 * sum);
    else if (sites > 1)
        run->detail =
            slim_arena_printf(run->arena, "%.1f%% variance kept, least %.1f%%",
                              100.0 * sum / (double)sites, 100.0 * least);
}

static enum slim_status run_slice(struct slim_run *run,
                                  const struct slim_op *op)
{
    struct slim_result *result = slim_run_result(run, op);
    const struct slim_op *rotate = slim_op_input(op, SLIM_TYPE_ROTATION);
    struct slim_result *turned = slim_run_result(run, rotate);
    enum slim_status status;

    if (turned->rotation)
        status = cut_all(&result->model, run, op);
    else {
        result->rotation_free = slim_rotation_free;
        status = slim_rotate_blocks(&result->model, &result->rotation, run,
                                    rotate, op->after, op->text);
        if (status == SLIM_OK)
            slim_figure_spectrum(run, op, result->rotation);
    }
    if (status == SLIM_OK)
        describe(run, turned->rotation ? turned->rotation : result->rotation,
                 op->after);
    return status;
}

/* It may carry out the rotation itself. */
static bool repeats_slice(const struct slim_op *op)
{
    return op->fused != NULL && op->after && op->after->shortcuts;
}

static bool causes_slice(struct slim_causes *causes, struct slim_run *run,
                         const struct slim_op *op)
{
    const struct slim_op *rotate = slim_op_input(op, SLIM_TYPE_ROTATION);

    slim_causes_shape(causes, "shape", op->after);
    if (!repeats_slice(op))
        return true;
    if (!run->memos[rotate->id].keyed)
        return false;
    slim_causes_digest(causes, "rotating", &run->memos[rotate->id].key);
    return true;
}

const struct slim_stage slim_stage_slice = {
    .name = "slice",
    .summary = "remove the last columns of the rotated residual stream",
    .version = 2,
    .amount = { .required = true,
                .units = units,
                .percent = true,
                .number = true },
    .needs = SLIM_TYPE_MODEL | SLIM_TYPE_ROTATION,
    .gives = SLIM_TYPE_MODEL,
    .invalidates = SLIM_TYPE_GROUPS | SLIM_TYPE_SCORES | SLIM_TYPE_ROTATION,
    .params = params,
    .args_size = sizeof(struct slice_args),
    .resolve = resolve_slice,
    .run = run_slice,
    .keep = { .causes = causes_slice,
              .repeats = repeats_slice,
              .journal = true },
};
