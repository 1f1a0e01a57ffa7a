/* rotate.h - bases of the residual stream, shared by rotate and slice */
#ifndef SLIM_ROTATE_H
#define SLIM_ROTATE_H

#include "runtime/model/pass.h"
#include "runtime/run.h"

enum slim_per { SLIM_PER_MODEL, SLIM_PER_BLOCK };
enum slim_orient { SLIM_ORIENT_PCA, SLIM_ORIENT_RANDOM };
enum slim_cov { SLIM_COV_DEFAULT, SLIM_COV_RAW, SLIM_COV_NORMED };
enum slim_eps { SLIM_EPS_DEFAULT, SLIM_EPS_MODEL };
enum slim_center { SLIM_CENTER_DEFAULT, SLIM_CENTER_YES, SLIM_CENTER_NO };

struct slim_rotate_args {
    int per, orient, cov, center, eps;
    long seed, n, len;
    int pick;
};

/* What a rotation leaves behind for slice and for reports: the spectrum of
 * every site whose basis was chosen by PCA, and how much of it is kept. */
struct slim_rotation {
    size_t sites, width;
    double **values; /* [sites][width], from the largest */
    double *kept;    /* [sites] share of the trace inside the kept columns */
};

struct slim_rotation *slim_rotation_new(size_t sites, size_t width);
void slim_rotation_free(struct slim_rotation *rotation);

/*
 * One basis of the stream: the columns of q, row-major [width, kept]. A NULL
 * basis is the identity.
 */
struct slim_basis {
    double *q;
    size_t width, kept;
};
void slim_basis_free(struct slim_basis *basis);

/*
 * Basis of a site by PCA: of vectors[width, width], the eigenvectors of the
 * stream's second moments as columns, largest first, the first `kept`; NULL
 * where they were not found, which fails. orient=random turns the columns that
 * the slice after `rotate` will keep (the subspace stays the same): Q R, R =
 * blockdiag(U, I).
 */
SLIM_NODISCARD enum slim_status slim_basis_pca(
    struct slim_basis *out, const double *vectors, size_t width, size_t kept,
    const struct slim_op *rotate, size_t site, struct slim_diag *diag);

/* Whether dimension `d` of a tensor is the residual stream. */
bool slim_on_stream(const struct slim_model *model,
                    const struct slim_tensor *tensor, size_t d);

/*
 * Re-expresses one tensor of `from` in new bases and gives it to `to`:
 *
 *     W' = Q_out^T W diag(gain) Q_in
 *
 * in f64, rounded once. `in` acts on a stream dimension of the columns (and of
 * the embedding table), `out` on one of the rows (and on a vector); gain is
 * the folded norm weight of what the tensor reads, or NULL.
 */
SLIM_NODISCARD enum slim_status slim_rotate_tensor(
    struct slim_model *to, struct slim_model *from,
    const struct slim_tensor *tensor, const struct slim_basis *in,
    const struct slim_basis *out, const float *gain, struct slim_diag *diag);

/* Tensors that touch the stream: those that it is read with alone, and those
 * that write to it, tables among them. */
enum { SLIM_ROTATE_READERS = 1, SLIM_ROTATE_WRITERS = 2 };

/* Rotates a node's tensors of the sorts in `which`. `in`, `out`, `gain` as
 * above. */
SLIM_NODISCARD enum slim_status slim_rotate_node(
    struct slim_model *to, struct slim_model *from,
    const struct slim_node *node, unsigned which, const struct slim_basis *in,
    const struct slim_basis *out, const float *gain, struct slim_diag *diag);

/* The weight of a norm node, its offset added: [width]; all ones where it has
 * none. The caller frees it; NULL after an error. */
float *slim_norm_gain(struct slim_model *model, const struct slim_node *norm,
                      struct slim_diag *diag);

/* The norm node whose output `node` reads, or NULL. */
const struct slim_node *slim_feeding_norm(const struct slim_arch *arch,
                                          const struct slim_node *node);

/*
 * The same function with rms norms for layer norms (absorb.c): weights folded,
 * the stream without a mean, norms of tables in the tables. A copy where there is nothing to absorb, that is
 * where slim_absorbs says no. Fails with M211 where a norm's bias has nowhere
 * to go.
 */
SLIM_NODISCARD enum slim_status slim_absorb_norms(struct slim_model **out,
                                                  struct slim_model *model,
                                                  struct slim_diag *diag);
bool slim_absorbs(const struct slim_shape *shape);
void slim_absorb_shape(struct slim_shape *shape);

/* Columns that the slice of this rotation will keep; `kept` if there is none or
 * it keeps more. */
size_t slim_rotate_kept(const struct slim_op *rotate, size_t site, size_t kept);

/* What gathering and turning cost, for the plan. */
struct slim_cost slim_rotate_cost(const struct slim_op *rotate);

/* The two algorithms. `shape` is that of the result. */
SLIM_NODISCARD enum slim_status slim_rotate_blocks(
    struct slim_model **out, struct slim_rotation **rotation,
    struct slim_run *run, const struct slim_op *rotate,
    const struct slim_shape *shape, const char *title);
SLIM_NODISCARD enum slim_status slim_rotate_model(
    struct slim_model **out, struct slim_rotation **rotation,
    struct slim_run *run, const struct slim_op *rotate,
    const struct slim_shape *shape, const char *title);

/* Whether the bases of per=block are found on the stream of the model as it is,
 * `after` being the shape of the result. */
bool slim_rotate_is_dense(const struct slim_op *op,
                          const struct slim_shape *after);

/* Windows cut into groups of about this many tokens for one forward call: those
 * of any pass, so that its streams are these. */
#define SLIM_GROUP_TOKENS SLIM_PASS_TOKENS

/* The stream of all calibration tokens at one site. */
struct slim_stream {
    float *x;
    size_t tokens, width;
    struct slim_floats floats; /* they are in */
};
/* Of the tokens that the rotation reads, through the model that it reads. */
SLIM_NODISCARD enum slim_status slim_stream_open(struct slim_stream *out,
                                                 struct slim_run *run,
                                                 const struct slim_op *rotate);

/* Window-aligned groups of tokens: calls `visit` for tokens first..last-1 with
 * the batch that they are. Stops at the first failure, or when interrupted. */
SLIM_NODISCARD enum slim_status slim_for_groups(
    struct slim_run *run, const struct slim_tokens *tokens,
    enum slim_status (*visit)(void *context, const struct slim_batch *batch,
                              size_t first, size_t count),
    void *context, const struct slim_op *op);

/* Tokens of the longest group: a window may be longer than the usual one. */
size_t slim_longest_group(const struct slim_tokens *tokens);

#endif
