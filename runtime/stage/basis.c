/* basis.c - bases of the residual stream, and tensors expressed in them */
#include "runtime/stage/rotate.h"

#include <stdlib.h>
#include <string.h>

struct slim_rotation *slim_rotation_new(size_t sites, size_t width)
{
    struct slim_rotation *rotation = calloc(1, sizeof(*rotation));

    if (!rotation)
        return NULL;
    rotation->sites = sites;
    rotation->width = width;
    rotation->values = calloc(sites, sizeof(*rotation->values));
    rotation->kept = calloc(sites, sizeof(*rotation->kept));
    bool whole = rotation->values && rotation->kept;
    for (size_t i = 0; whole && i < sites; i++) {
        rotation->values[i] = calloc(width, sizeof(double));
        whole = rotation->values[i] != NULL;
    }
    if (whole)
        return rotation;
    slim_rotation_free(rotation);
    return NULL;
}

void slim_rotation_free(struct slim_rotation *rotation)
{
    if (!rotation)
        return;
    for (size_t i = 0; rotation->values && i < rotation->sites; i++)
        free(rotation->values[i]);
    free(rotation->values);
    free(rotation->kept);
    free(rotation);
}

void slim_basis_free(struct slim_basis *basis)
{
    free(basis->q);
    *basis = (struct slim_basis){ 0 };
}

/* out[rows, kept] = the first columns of a[rows, width] */
static void first_columns(double *out, const double *a, size_t rows,
                          size_t width, size_t kept)
{
    for (size_t i = 0; i < rows; i++)
        memcpy(out + i * kept, a + i * width, kept * sizeof(*out));
}

size_t slim_rotate_kept(const struct slim_op *rotate, size_t site, size_t kept)
{
    for (const struct slim_op *op = rotate->next; op; op = op->next)
        if (op->after && op->stage != rotate->stage &&
            slim_op_input(op, SLIM_TYPE_ROTATION) == rotate)
            return op->after->sites[site] < kept ? op->after->sites[site]
                                                 : kept;
    return kept;
}

/* The first `count` columns of q[width, kept] <- themselves times U, random
 * orthogonal. */
static bool turn(struct slim_basis *basis, size_t count, uint64_t seed)
{
    size_t width = basis->width, kept = basis->kept;
    double *u = malloc(count * count * sizeof(*u));
    double *columns = malloc(width * count * sizeof(*columns));
    double *turned = malloc(width * count * sizeof(*turned));
    bool ok = u && columns && turned && slim_random_orthogonal(u, count, seed);

    if (ok) {
        first_columns(columns, basis->q, width, kept, count);
        slim_gemm_f64(turned, columns, u, width, count, count, false, false);
        for (size_t i = 0; i < width; i++)
            memcpy(basis->q + i * kept, turned + i * count,
                   count * sizeof(*turned));
    }
    free(u);
    free(columns);
    free(turned);
    return ok;
}

enum slim_status slim_basis_pca(struct slim_basis *out, const double *vectors,
                                size_t width, size_t kept,
                                const struct slim_op *rotate, size_t site,
                                struct slim_diag *diag)
{
    const struct slim_rotate_args *args = rotate->args;
    const struct slim_sample *sample = slim_op_sample(rotate);
    uint64_t seed = sample ? (uint64_t)sample->seed : 0;

    if (!vectors)
        return slim_fail(diag, "R201", rotate->span,
                         "the eigenvalue problem of site %zu was not solved",
                         site);
    out->width = width;
    out->kept = kept;
    out->q = malloc(width * kept * sizeof(*out->q));
    if (!out->q)
        return slim_fail(diag, "O001", rotate->span,
                         "out of memory for a basis of %zu x %zu", width, kept);
    first_columns(out->q, vectors, width, width, kept);
    if (args->orient == SLIM_ORIENT_RANDOM &&
        !turn(out, slim_rotate_kept(rotate, site, kept), seed + 1000003 * site))
        return slim_fail(diag, "R202", rotate->span,
                         "no random orientation was found for site %zu", site);
    return SLIM_OK;
}

bool slim_on_stream(const struct slim_model *model,
                    const struct slim_tensor *tensor, size_t d)
{
    return d < tensor->dims_count && tensor->dims[d]->kind == SLIM_DIM_AXIS &&
           tensor->dims[d]->axis == model->shape->arch->stream;
}

/* A matrix in f64 on its way to a new basis. */
struct matrix {
    double *data;
    size_t rows, cols;
};

static bool multiply_right(struct matrix *w, const struct slim_basis *basis)
{
    double *product = malloc(w->rows * basis->kept * sizeof(*product));

    if (!product)
        return false;
    slim_gemm_f64(product, w->data, basis->q, w->rows, w->cols, basis->kept,
                  false, false);
    free(w->data);
    w->data = product;
    w->cols = basis->kept;
    return true;
}

static bool multiply_left(struct matrix *w, const struct slim_basis *basis)
{
    double *product = malloc(basis->kept * w->cols * sizeof(*product));

    if (!product)
        return false;
    slim_gemm_f64(product, basis->q, w->data, basis->kept, w->rows, w->cols,
                  true, false);
    free(w->data);
    w->data = product;
    w->rows = basis->kept;
    return true;
}

/* Rows of the tensor of `from` in f64, their columns times gain. */
static enum slim_status read_matrix(struct matrix *out, struct slim_model *from,
                                    const struct slim_tensor *tensor,
                                    size_t first, size_t rows,
                                    const float *gain, struct slim_diag *diag)
{
    size_t cols =
        tensor->dims_count == 2 ? slim_tensor_size(from->shape, tensor, 1) : 1;
    float *w = malloc(rows * cols * sizeof(*w));

    *out = (struct matrix){ calloc(rows * cols, sizeof(double)), rows, cols };
    if (!w || !out->data) {
        free(w);
        return slim_fail(diag, "O001", (struct slim_span){ 0 },
                         "out of memory for tensor \"%s\"", tensor->name);
    }
    enum slim_status status =
        slim_model_read_rows(w, from, tensor, first, rows, diag);
    for (size_t i = 0; status == SLIM_OK && i < rows * cols; i++)
        out->data[i] = (double)w[i] * (gain ? (double)gain[i % cols] : 1.0);
    free(w);
    return status;
}

/* What a tensor is turned by: the bases of its columns and its rows, or NULL,
 * and what its columns are multiplied with before. */
struct turn {
    const struct slim_basis *in, *out;
    const float *gain;
};

/* Rows of the tensor in the new bases. */
static enum slim_status turn_rows(struct matrix *w, struct slim_model *from,
                                  const struct slim_tensor *tensor,
                                  size_t first, size_t rows,
                                  const struct turn *turn,
                                  struct slim_diag *diag)
{
    bool ok = true;

    if (read_matrix(w, from, tensor, first, rows, turn->gain, diag) != SLIM_OK)
        return SLIM_FAILED;
    if (turn->in)
        ok = multiply_right(w, turn->in);
    if (ok && turn->out)
        ok = multiply_left(w, turn->out);
    if (ok)
        return SLIM_OK;
    return slim_fail(diag, "O001", (struct slim_span){ 0 },
                     "out of memory for tensor \"%s\"", tensor->name);
}

/* What a table is turned in, so that it is not in memory in f64: whole tiles of
 * slim_gemm_f64, whose sums are then those of the whole. */
enum { ROW_BLOCK = 4096 };

enum slim_status slim_rotate_tensor(struct slim_model *to,
                                    struct slim_model *from,
                                    const struct slim_tensor *tensor,
                                    const struct slim_basis *in,
                                    const struct slim_basis *out,
                                    const float *gain, struct slim_diag *diag)
{
    size_t rows = slim_tensor_size(from->shape, tensor, 0);
    size_t cols =
        tensor->dims_count == 2 ? slim_tensor_size(from->shape, tensor, 1) : 1;
    struct slim_buffer *buffer = NULL;
    enum slim_status status = SLIM_OK;
    size_t block = ROW_BLOCK, done = 0;

    in = in && slim_on_stream(from, tensor, 1) ? in : NULL;
    out = out && slim_on_stream(from, tensor, 0) ? out : NULL;
    const struct turn turn = { in, out, gain };
    size_t new_rows = out ? out->kept : rows;
    size_t new_cols = in ? in->kept : cols;
    if (slim_model_room(&buffer, to, tensor, new_rows, new_cols, diag) !=
        SLIM_OK)
        return SLIM_FAILED;
    if (out) /* it sums over the rows */
        block = rows;
    for (size_t at = 0; at < rows && status == SLIM_OK; at += block) {
        struct matrix w = { 0 };
        size_t count = rows - at < block ? rows - at : block;

        status = turn_rows(&w, from, tensor, at, count, &turn, diag);
        for (size_t i = 0; status == SLIM_OK && i < w.rows * w.cols; i++)
            buffer->data[done++] = (float)w.data[i];
        free(w.data);
    }
    slim_model_leave(from, tensor);
    if (status == SLIM_OK)
        slim_model_give(to, tensor, buffer, new_rows, new_cols);
    else
        slim_buffer_release(buffer);
    return status;
}

/* SLIM_ROTATE_READERS or _WRITERS; 0 where it does not touch the stream. */
static unsigned sort_of(const struct slim_model *model,
                        const struct slim_tensor *tensor)
{
    bool rows = slim_on_stream(model, tensor, 0);

    if (!rows && !slim_on_stream(model, tensor, 1))
        return 0;
    return rows || slim_tensor_is_table(tensor) ? SLIM_ROTATE_WRITERS
                                                : SLIM_ROTATE_READERS;
}

enum slim_status slim_rotate_node(struct slim_model *to,
                                  struct slim_model *from,
                                  const struct slim_node *node, unsigned which,
                                  const struct slim_basis *in,
                                  const struct slim_basis *out,
                                  const float *gain, struct slim_diag *diag)
{
    if (node->kind == SLIM_BLOCK_ADD || node->kind == SLIM_BLOCK_NORM)
        return SLIM_OK;
    for (size_t i = 0; i < SLIM_SLOTS; i++) {
        const struct slim_tensor *tensor = node->slots[i];

        if (!tensor || !(sort_of(from, tensor) & which))
            continue;
        bool table = slim_tensor_is_table(tensor);
        bool reads = slim_on_stream(from, tensor, 1);
        if (slim_rotate_tensor(to, from, tensor, table ? out : in,
                               table ? NULL : out, reads ? gain : NULL,
                               diag) != SLIM_OK)
            return SLIM_FAILED;
    }
    return SLIM_OK;
}

float *slim_norm_gain(struct slim_model *model, const struct slim_node *norm,
                      struct slim_diag *diag)
{
    const struct slim_tensor *weight = norm->slots[SLIM_NORM_WEIGHT];
    size_t width = model->shape->sites[norm->site_in];
    float *gain = malloc(width * sizeof(*gain));

    if (!gain) {
        (void)slim_fail(diag, "O001", (struct slim_span){ 0 },
                        "out of memory for a norm of width %zu", width);
        return NULL;
    }
    for (size_t i = 0; i < width; i++)
        gain[i] = 1.0f;
    if (!weight || model->shape->folded)
        return gain;
    if (slim_model_read(gain, model, weight, diag) != SLIM_OK) {
        free(gain);
        return NULL;
    }
    for (size_t i = 0; i < width; i++)
        gain[i] += (float)norm->settings[SLIM_NORM_OFFSET];
    return gain;
}

const struct slim_node *slim_feeding_norm(const struct slim_arch *arch,
                                          const struct slim_node *node)
{
    for (const struct slim_node *before = node - 1; before >= arch->nodes;
         before--)
        if (before->output == node->inputs[0])
            return before->kind == SLIM_BLOCK_NORM ? before : NULL;
    return NULL;
}

enum slim_status slim_stream_open(struct slim_stream *out, struct slim_run *run,
                                  const struct slim_op *rotate)
{
    const struct slim_tokens *tokens = slim_run_tokens(run, rotate);

    out->width = rotate->before->sites[0];
    out->tokens = tokens->starts[tokens->sequences];
    if (slim_floats_spill(&out->floats, out->tokens, out->width,
                          "the residual stream", slim_run_spill(run, rotate),
                          run->diag) != SLIM_OK)
        return SLIM_FAILED;
    out->x = out->floats.data;
    return SLIM_OK;
}

size_t slim_longest_group(const struct slim_tokens *tokens)
{
    size_t longest = SLIM_GROUP_TOKENS;

    for (size_t i = 0; i < tokens->sequences; i++)
        if (tokens->starts[i + 1] - tokens->starts[i] > longest)
            longest = tokens->starts[i + 1] - tokens->starts[i];
    return longest;
}

enum slim_status slim_for_groups(
    struct slim_run *run, const struct slim_tokens *tokens,
    enum slim_status (*visit)(void *context, const struct slim_batch *batch,
                              size_t first, size_t count),
    void *context, const struct slim_op *op)
{
    size_t at = 0;

    while (at < tokens->sequences) {
        size_t last = at + 1, first = tokens->starts[at];

        while (last < tokens->sequences &&
               tokens->starts[last + 1] - first <= SLIM_GROUP_TOKENS)
            last++;
        size_t count = last - at;
        size_t starts[SLIM_GROUP_TOKENS + 1];
        if (count > SLIM_GROUP_TOKENS)
            count = SLIM_GROUP_TOKENS;
        for (size_t i = 0; i <= count; i++)
            starts[i] = tokens->starts[at + i] - first;
        struct slim_batch batch = { tokens->ids + first, count, starts };
        /* with a journal the unit is finished, and its state written */
        if (slim_interrupted() && !run->journal)
            return slim_fail(run->diag, "C130", op->span, "interrupted");
        if (visit(context, &batch, first, starts[count]) != SLIM_OK)
            return SLIM_FAILED;
        at += count;
    }
    return SLIM_OK;
}
