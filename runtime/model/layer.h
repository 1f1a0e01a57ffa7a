/* layer.h - what the files of this folder share: steps, records, registers */
#ifndef SLIM_LAYER_H
#define SLIM_LAYER_H

#include "base/file.h"
#include "runtime/model/model.h"

/* Floats that grow; what they held is lost when they do. */
struct slim_floats {
    float *data;
    size_t capacity;
    struct slim_map map; /* the file that they stand in, or nothing */
};
SLIM_NODISCARD enum slim_status slim_floats_need(struct slim_floats *floats,
                                                 size_t rows, size_t width,
                                                 const char *what,
                                                 struct slim_diag *diag);
/* The same, in a file of `folder` (base/file.h); NULL: in memory. */
SLIM_NODISCARD enum slim_status slim_floats_spill(struct slim_floats *floats,
                                                  size_t rows, size_t width,
                                                  const char *what,
                                                  const char *folder,
                                                  struct slim_diag *diag);
void slim_floats_free(struct slim_floats *floats);

/* The buffers of one node, by number; each block kind names its own. */
#define SLIM_RECORD_PARTS 8
struct slim_record {
    struct slim_floats parts[SLIM_RECORD_PARTS];
};
void slim_record_free(struct slim_record *record);

struct slim_tape {
    struct slim_record *records; /* by node of the layer */
    struct slim_floats *outputs; /* what each node wrote */
    size_t count;
};
SLIM_NODISCARD enum slim_status slim_tape_fit(struct slim_tape *tape,
                                              size_t nodes,
                                              struct slim_diag *diag);

/* Activations (forward) or gradients (backward) that registers point at. One
 * more than there are registers: a node writes before its output is let go. */
#define SLIM_POOL (SLIM_REGISTERS + 1)
#define SLIM_NO_ITEM SIZE_MAX
struct slim_pool {
    struct slim_floats items[SLIM_POOL];
    bool used[SLIM_POOL];
};

/* Tables of rotary angles; the same for every layer with the same
 * frequencies. Two tables, one after the other, where longer sequences turn at
 * frequencies of their own. */
struct slim_angles {
    size_t rotary, positions, tables; /* rotary 0: there are none yet */
    float amplitude;
    struct slim_floats wanted, frequencies; /* [tables, rotary / 2] */
    struct slim_floats cosine, sine; /* [tables * positions, rotary / 2] */
    int32_t *rows;                   /* of the tables, for each token */
    size_t row_room;
};
void slim_angles_free(struct slim_angles *angles);

/* Keys and values, rotated, of the tokens of one sequence that have been; by
 * node of the layer. */
struct slim_cache {
    struct slim_floats *keys, *values; /* [room, kv_heads * dim] */
    size_t count;                      /* nodes */
    size_t room, past;                 /* tokens */
    size_t prefix, mark;               /* of the first ones (slim_prefix) */
};

/* Of each sequence: how many tokens its prefix has, and the place of the mark,
 * which those after the prefix take. */
struct slim_prefix {
    size_t *ends, *marks;
    size_t room;
};
void slim_prefix_free(struct slim_prefix *prefix);

/* The matrices of a layer in bf16, packed one way. */
struct slim_packs {
    uint16_t *data;
    size_t room;    /* numbers */
    size_t *places; /* by tensor->index */
    bool placed;    /* for this layer */
};

struct slim_layer {
    struct slim_model *model;
    const struct slim_shape *shape;
    const struct slim_arch *arch;
    long index;
    size_t first, last;  /* its nodes of arch->nodes */
    float **weights;     /* by tensor->index; NULL: absent */
    size_t weight_count; /* entries of `weights` */
    struct slim_floats storage;
    struct slim_packs packs[2]; /* for linears, for their backward */
    unsigned char *made; /* by tensor->index: SLIM_FORM_* that are there */
    struct slim_pool pool;
    struct slim_record kept; /* stands in for a record where no tape is */
    struct slim_record work; /* of one node, lost after it */
    struct slim_angles angles;
    struct slim_prefix prefix; /* of the node at work */
    struct slim_cache *cache;  /* NULL: sequences are whole */
    int32_t *positions;        /* of each token in its sequence */
    size_t position_room;
};

/* Forms of a matrix that are in memory. Vectors are read with the layer, a
 * matrix when it is first asked for, in the form that is multiplied. */
enum slim_form {
    SLIM_FORM_WIDE = 1,
    SLIM_FORM_PACKED = 2, /* and twice that for the backward */
};

/* The matrix packed for a linear or for its backward: rounded from what is in
 * memory in f32, which a caller may have changed, or read. */
SLIM_NODISCARD enum slim_status slim_layer_packed(
    const uint16_t **out, struct slim_layer *layer,
    const struct slim_tensor *tensor, bool back,
    const struct slim_narrow_kernels *kernels, struct slim_diag *diag);
void slim_packs_free(struct slim_packs *packs);

/* One node at work, forward or backward. */
struct slim_step {
    struct slim_layer *layer;
    const struct slim_node *node;
    const struct slim_batch *batch;
    size_t tokens;
    struct slim_record *record; /* kept from the forward to the backward */
    const struct slim_hooks *hooks;
    struct slim_adapter *const *adapters;
    float *const *grads;
    const struct slim_kernels *kernels;
    struct slim_diag *diag;

    const float *x[2]; /* inputs [tokens, width[i]] */
    size_t width[2];
    float *y; /* forward: output [tokens, width_out] */
    size_t width_out;
    const float *dy; /* backward: its gradient */
    float *dx[2];    /* gradients of the inputs; NULL: not wanted */
    bool add[2];     /* added to what dx holds, or written */
};

/* A kind of block: what its output is wide, how many floats of each token its
 * record holds for the backward and layer->work in a call, whether the backward
 * reads an input, what it does, and back. */
struct slim_block_code {
    size_t (*width)(const struct slim_step *step);
    size_t (*kept)(const struct slim_step *step);              /* NULL: none */
    size_t (*works)(const struct slim_step *step);             /* NULL: none */
    bool (*reads)(const struct slim_step *step, size_t input); /* NULL: all */
    enum slim_status (*forward)(struct slim_step *step);
    enum slim_status (*backward)(struct slim_step *step);
};
extern const struct slim_block_code slim_block_embedding_code;
extern const struct slim_block_code slim_block_norm_code;
extern const struct slim_block_code slim_block_attention_code;
extern const struct slim_block_code slim_block_mlp_code;
extern const struct slim_block_code slim_block_add_code;

/* Part `part` of a record as [rows, width]; sets *out. */
SLIM_NODISCARD enum slim_status slim_step_part(float **out,
                                               struct slim_step *step,
                                               struct slim_record *record,
                                               size_t part, size_t rows,
                                               size_t width);

/* A weight matrix [rows, columns] in the form that the kernels multiply: in f32,
 * or packed for a linear and for its backward, where asked for. All NULL:
 * absent. */
struct slim_matrix {
    const float *wide;
    const uint16_t *narrow, *back;
    size_t rows, columns;
};

enum slim_ways { SLIM_WAY_FORWARD = 1, SLIM_WAY_BACK = 2 };

/* Where a slot is asked for and there is none. */
#define SLIM_NO_SLOT SIZE_MAX

/* The weight in the layer of a slot of the node; NULL: absent. Numbers are
 * there if it is a vector; of a matrix the other two make them. */
float *slim_step_weight(const struct slim_step *step, size_t slot);
SLIM_NODISCARD enum slim_status slim_step_matrix(struct slim_matrix *out,
                                                 const struct slim_step *step,
                                                 size_t slot, unsigned ways);
/* y[tokens, columns] = rows of a table: those alone are read, and looked at,
 * where it is not in memory. */
SLIM_NODISCARD enum slim_status slim_step_embed(float *y,
                                                const struct slim_step *step,
                                                size_t slot,
                                                const int32_t *rows);
/* y[tokens, rows] = x w^T + bias */
void slim_step_multiply(const struct slim_step *step, float *y, const float *x,
                        const struct slim_matrix *w, const float *bias);
/* dx[tokens, columns] (+)= dy w */
void slim_step_multiply_back(const struct slim_step *step, float *dx,
                             const float *dy, const struct slim_matrix *w,
                             bool add);
/* dw[rows, columns] += dy^T x */
void slim_step_multiply_grad(const struct slim_step *step, float *dw,
                             const float *dy, const float *x, size_t rows,
                             size_t columns);
/* Where the gradient of a slot goes; NULL: not wanted. */
float *slim_step_grad(const struct slim_step *step, size_t slot);
size_t slim_step_rows(const struct slim_step *step, size_t slot);
size_t slim_step_columns(const struct slim_step *step, size_t slot);
void slim_step_hidden(const struct slim_step *step, const float *x,
                      size_t width);

/* y = x w^T + bias + adapter, for the linear in two slots. */
SLIM_NODISCARD enum slim_status slim_linear_forward(struct slim_step *step,
                                                    float *y, const float *x,
                                                    size_t slot, size_t bias);
/* dx (may be NULL) is added to or written; gradients of weight, bias and
 * adapter are added to theirs. */
SLIM_NODISCARD enum slim_status slim_linear_backward(struct slim_step *step,
                                                     float *dx, bool add,
                                                     const float *dy,
                                                     const float *x,
                                                     size_t slot, size_t bias);

/* Columns of a fused linear's output: a labelled part, unit by unit of an axis
 * that it may be interleaved over, or whole. */
#define SLIM_NO_AXIS SIZE_MAX
struct slim_slice {
    size_t start, stride, length, units;
    size_t width; /* units * length */
};
SLIM_NODISCARD enum slim_status slim_slice_find(struct slim_slice *out,
                                                const struct slim_step *step,
                                                size_t slot, const char *label,
                                                size_t axis);
/* part[tokens, slice width] from or to fused[tokens, width]. */
void slim_slice_take(float *part, const float *fused,
                     const struct slim_slice *slice, size_t tokens,
                     size_t width);
void slim_slice_put(float *fused, const float *part,
                    const struct slim_slice *slice, size_t tokens,
                    size_t width);

/* Finds the prefixes in the ids, for the node's settings. Sequences without the
 * token that ends one have none. */
SLIM_NODISCARD enum slim_status slim_prefix_fit(struct slim_step *step);
/* prefix.ends, or NULL where the node knows no prefix. */
const size_t *slim_prefix_ends(const struct slim_step *step);

/* Angle tables that reach the longest sequence, for the node's settings. */
SLIM_NODISCARD enum slim_status slim_angles_fit(struct slim_step *step,
                                                size_t rotary);
/* Turns x [tokens, heads * dim] by them, or back. */
void slim_angles_turn(const struct slim_step *step, float *x, size_t heads,
                      size_t dim, bool pairs, bool inverse);

/* Adds, in floats. */
void slim_add(float *y, const float *x, size_t count);

/* C130 if the user wants to stop. */
SLIM_NODISCARD enum slim_status slim_pass_going(struct slim_diag *diag);

#endif
