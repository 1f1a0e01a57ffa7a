/* model.h - weights in memory or on disk, and passes over them */
#ifndef SLIM_MODEL_H
#define SLIM_MODEL_H

#include "base/diag.h"
#include "base/file.h"
#include "compiler/ir/arch.h"
#include "runtime/kernel/kernel.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * A model is a shape and, for each tensor of its arch, where its numbers are:
 * a selection (kept rows and columns) of a tensor on disk, or a buffer of f32.
 * Pruning makes selections; rotation and training make buffers. Buffers are
 * shared between models by reference count and never written once shared.
 */
struct slim_buffer {
    float *data;
    size_t count;
    long references;
    struct slim_region *region; /* that holds data; NULL: data is its own */
};

/* A mapped file whose parts are buffers, gone with the last of them. */
struct slim_region {
    struct slim_map map;
    long references;
    bool spilled; /* a file without a name, of one buffer */
};
/* Takes the map over, also where it returns NULL: no memory. */
struct slim_region *slim_region_new(struct slim_map *map);
void slim_region_release(struct slim_region *region);
/* `count` floats from byte `at` on, read only. NULL: no memory. */
struct slim_buffer *slim_buffer_mapped(struct slim_region *region, size_t at,
                                       size_t count);
SLIM_NODISCARD struct slim_buffer *slim_buffer_new(size_t count); /* NULL: no
                                                                     memory */
void slim_buffer_release(struct slim_buffer *buffer);
bool slim_buffer_spilled(const struct slim_buffer *buffer);
/* The same numbers from another place on, for all who share a spilled one. */
void slim_buffer_move(struct slim_buffer *buffer, struct slim_region *region,
                      size_t at);

struct slim_weight {
    const struct slim_disk_tensor *disk; /* NULL: not on disk */
    uint32_t *kept[2]; /* kept indices of each dimension; NULL: all */
    size_t size[2];    /* rows, cols as they are now; vectors: cols 1 */
    struct slim_buffer *buffer; /* NULL: on disk */
};

struct slim_model {
    const struct slim_model_info *info;
    const struct slim_shape *shape;
    struct slim_weight *weights; /* by tensor->index; shortcuts are tensors of
                                    their add nodes and absent until made */
    struct slim_maps *maps;      /* mapped shards, shared */
    const char *spill; /* folder for the numbers that stages make, so that
                          they are not all in memory; NULL: they are */
};

SLIM_NODISCARD enum slim_status slim_model_load(
    struct slim_model **out, const struct slim_model_info *info,
    struct slim_diag *diag);
/* A second model that shares everything with the first. */
struct slim_model *slim_model_copy(const struct slim_model *model);
void slim_model_free(struct slim_model *model);
/* Leaves no tensor any numbers: they are given one by one. */
void slim_model_forget(struct slim_model *model);

/*
 * The tensor as f32 [rows, cols] in [out, in] order, into `out` (of
 * slim_tensor_size(..,0) * size(..,1) floats). Reports NaN and infinities
 * (F code, tensor and place) when a tensor is first read from disk.
 */
SLIM_NODISCARD enum slim_status slim_model_read(
    float *out, struct slim_model *model, const struct slim_tensor *tensor,
    struct slim_diag *diag);

/* Rows first..first + rows - 1 of it: a table need not be in memory whole. */
SLIM_NODISCARD enum slim_status slim_model_read_rows(
    float *out, struct slim_model *model, const struct slim_tensor *tensor,
    size_t first, size_t rows, struct slim_diag *diag);

/* All of it rounded to bf16 and packed for a product, or for its backward
 * (`kernels->packed` numbers), without a detour where the file holds bf16. */
SLIM_NODISCARD enum slim_status slim_model_read_packed(
    uint16_t *out, struct slim_model *model, const struct slim_tensor *tensor,
    bool back, const struct slim_narrow_kernels *kernels,
    struct slim_diag *diag);

/* The tensor is read soon, or not for long: its pages are fetched from the disk
 * meanwhile, or leave this process's memory. Only a matter of time. */
void slim_model_fetch(const struct slim_model *model,
                      const struct slim_tensor *tensor);
void slim_model_leave(const struct slim_model *model,
                      const struct slim_tensor *tensor);

/* The tensor whose numbers these are: the embedding for a head that is tied to
 * it in the model's shape, else the tensor itself. */
const struct slim_tensor *slim_model_owner(const struct slim_model *model,
                                           const struct slim_tensor *tensor);
/* Whether there are numbers to read: a folded norm or a shortcut that was not
 * made has none, and counts as ones or as the identity. */
bool slim_model_has(const struct slim_model *model,
                    const struct slim_tensor *tensor);

/* Gives a tensor new numbers; takes the buffer over. */
void slim_model_set(struct slim_model *model, const struct slim_tensor *tensor,
                    struct slim_buffer *buffer, size_t rows, size_t cols);

/*
 * Room for the numbers that a tensor of this model will have, to be written
 * before it is given (or released). A large one stands in the spill folder:
 * memory holds what is at work, however many layers there are. Fails with O001
 * where memory or the disk is full.
 */
SLIM_NODISCARD enum slim_status slim_model_room(
    struct slim_buffer **out, const struct slim_model *model,
    const struct slim_tensor *tensor, size_t rows, size_t cols,
    struct slim_diag *diag);
/* As slim_model_set; the numbers are not written any more. */
void slim_model_give(struct slim_model *model, const struct slim_tensor *tensor,
                     struct slim_buffer *buffer, size_t rows, size_t cols);

/* Keeps only the given units (ascending) of an axis instance everywhere:
 * composes with earlier selections; buffers are cut. layer SLIM_NO_LAYER: the
 * stream at all sites. Reads the model's shape as it was before; the caller
 * sets the new one once every group is cut. */
SLIM_NODISCARD enum slim_status slim_model_keep(struct slim_model *model,
                                                const struct slim_group *group,
                                                const uint32_t *kept,
                                                size_t count,
                                                struct slim_diag *diag);

/* ---- passes ---- */

/*
 * One layer (or the part before, or after, all layers) with its weights.
 * `nodes` first..last-1 of arch->nodes. Reused from layer to layer.
 */
struct slim_layer;
struct slim_layer *slim_layer_new(void);
void slim_layer_free(struct slim_layer *layer);

/* index: 0..layers-1; -1: embedding part; layers: final norm and head. */
SLIM_NODISCARD enum slim_status slim_layer_load(struct slim_layer *layer,
                                                struct slim_model *model,
                                                long index,
                                                struct slim_diag *diag);
/* Restricts the following passes to nodes first..last-1 of arch->nodes, all of
 * the loaded part, at whose edges the stream alone is alive (a part of a layer
 * that ends with a residual add). The next load lifts it. */
void slim_layer_limit(struct slim_layer *layer, size_t first, size_t last);
/* The f32 weight in the loaded layer: may be written until the next pass or
 * load. *out is NULL if the tensor is not in this layer. */
SLIM_NODISCARD enum slim_status slim_layer_weight(
    float **out, struct slim_layer *layer, const struct slim_tensor *tensor,
    struct slim_diag *diag);

/* What a caller may see while a layer runs: the input rows of a node. */
struct slim_hooks {
    void *context;
    /* before node runs: x[tokens,width] is register inputs[0] */
    void (*input)(void *context, const struct slim_node *node, const float *x,
                  size_t tokens, size_t width);
    /* the activated hidden of an mlp, the heads' outputs of an attention:
     * what the second linear of the block reads */
    void (*hidden)(void *context, const struct slim_node *node, const float *x,
                   size_t tokens, size_t width);
};

/* Adapters: added to a linear's output while it runs (train/lora.c). NULL
 * where there is none. */
struct slim_adapter {
    size_t rank;
    float scale;
    float *a, *b;         /* a [rank, in], b [out, rank] */
    float *da, *db;       /* gradients, added to by the backward */
    float dropout;        /* on the input of a; 0 in evaluation */
    uint64_t seed, place; /* of the dropout mask for this call */
};

/* Activations that the backward of a layer needs; grows as needed. */
struct slim_tape;
struct slim_tape *slim_tape_new(void);
void slim_tape_free(struct slim_tape *tape);
/* Bytes, at most, that the tape of a layer holds after `tokens` tokens. */
size_t slim_tape_bytes(const struct slim_shape *shape, size_t layer,
                       size_t tokens);
/* Bytes, at most, that its blocks take for themselves, forward or backward. */
size_t slim_work_bytes(const struct slim_shape *shape, size_t layer,
                       size_t tokens);

/*
 * What is taken of memory without the pages of mapped files, in bytes, at most
 * and whatever the arithmetic. _process: by the program itself with the
 * tokenizer. _layer, _tables: the numbers in f32 of the largest layer, and of
 * the larger of embedding and head. _pass: the weights of the part at work and
 * what it makes of `tokens` tokens, to go back through it or not; _layers: the
 * same where the head is not run.
 */
uint64_t slim_memory_process(const struct slim_shape *shape);
uint64_t slim_memory_layer(const struct slim_shape *shape);
uint64_t slim_memory_tables(const struct slim_shape *shape);
uint64_t slim_memory_layers(const struct slim_shape *shape, size_t tokens,
                            bool backward);
uint64_t slim_memory_pass(const struct slim_shape *shape, size_t tokens,
                          bool backward);

/* Sequences laid end to end, without padding. */
struct slim_batch {
    const int32_t *ids; /* [starts[sequences]] */
    size_t sequences;
    const size_t *starts; /* [sequences + 1], starts[0] == 0 */
};

/*
 * x [tokens, width in] -> y [tokens, width out]; y may be x where the widths
 * agree. tape NULL: nothing is kept. hooks, adapters (by tensor->index) may be
 * NULL. The embedding part reads batch->ids and ignores x; the head part runs
 * the final norm only (logits are made by slim_head_* below).
 */
SLIM_NODISCARD enum slim_status slim_layer_forward(
    float *y, struct slim_layer *layer, const float *x,
    const struct slim_batch *batch, struct slim_tape *tape,
    const struct slim_hooks *hooks, struct slim_adapter *const *adapters,
    const struct slim_kernels *kernels, struct slim_diag *diag);

/*
 * dy [tokens, width out] -> dx. Weight gradients are added to grads[tensor
 * index] where that is not NULL ([out, in] f32). dx NULL: not wanted.
 */
SLIM_NODISCARD enum slim_status slim_layer_backward(
    float *dx, struct slim_layer *layer, const float *dy, const float *x,
    const struct slim_batch *batch, struct slim_tape *tape, float *const *grads,
    struct slim_adapter *const *adapters, const struct slim_kernels *kernels,
    struct slim_diag *diag);

/* Widths of the stream that a part reads and writes in the model's shape. */
size_t slim_layer_width_in(const struct slim_layer *layer);
size_t slim_layer_width_out(const struct slim_layer *layer);

/* Head on x [rows, width] after the final norm (loaded: part `layers`). */
SLIM_NODISCARD enum slim_status slim_head_logits(
    float *logits, struct slim_layer *layer, const float *x, size_t rows,
    const struct slim_kernels *kernels, struct slim_diag *diag);
SLIM_NODISCARD enum slim_status slim_head_loss(
    double *nll, struct slim_layer *layer, const float *x,
    const int32_t *targets, size_t rows, const struct slim_kernels *kernels,
    struct slim_diag *diag);
/* grads by tensor index as in the backward; weight multiplies every row. */
SLIM_NODISCARD enum slim_status slim_head_loss_grad(
    double *nll, float *dx, struct slim_layer *layer, const float *x,
    const int32_t *targets, float weight, size_t rows, float *const *grads,
    struct slim_adapter *const *adapters, const struct slim_kernels *kernels,
    struct slim_diag *diag);

/* Windows that run through a part together: enough rows to keep the products
 * busy, few enough that what lives inside a layer stays small. The number
 * depends on the length alone, so that sums are always cut the same way. */
#define SLIM_PASS_TOKENS 2048

/* For who keeps activations: the stream after a part [tokens, width], which is
 * then not computed; and what was computed. Parts come in their order. */
struct slim_stream_visit {
    void *context;
    bool (*recall)(void *context, long part, float *stream, size_t count);
    void (*retain)(void *context, long part, const float *stream, size_t count);
};

/* ---- whole-model passes built from the above (runtime/model/pass.c) ---- */

/* Sum of the negative log likelihoods of tokens 2..len of each window, in
 * nats, in double: nll[windows]. Layer by layer over as many windows at a time
 * as fit `memory` bytes (0: all). tick(done, total) may be NULL, and `streams`,
 * which is asked only where all windows fit and the stream is even. */
SLIM_NODISCARD enum slim_status slim_model_nll(
    double *nll, struct slim_model *model, const int32_t *ids, size_t windows,
    size_t length, size_t memory, const struct slim_stream_visit *streams,
    const struct slim_kernels *kernels, void (*tick)(void *, double, double),
    void *context, struct slim_diag *diag);
/* Windows at a time that fit. */
size_t slim_model_nll_windows(const struct slim_shape *shape, size_t windows,
                              size_t length, size_t memory);
/* The stream is as wide at every site. */
bool slim_model_even(const struct slim_shape *shape);

/* logits [batch * length, vocab], for tests and `slimc logits`. */
SLIM_NODISCARD enum slim_status slim_model_logits(
    float *logits, struct slim_model *model, const int32_t *ids, size_t batch,
    size_t length, const struct slim_kernels *kernels, struct slim_diag *diag);

/*
 * Gradients of the mean next-token loss over all windows, one layer at a time
 * from the last: `visit` is called for each part (layers, .., 0, -1) when its
 * gradients are complete; they are freed after it returns. grads by
 * tensor->index, NULL where not wanted; the gradient of a head that is tied to
 * the embedding is shown with the embedding's, as one. Layer inputs are kept,
 * everything inside a layer is recomputed. per_sample: the mean loss of each
 * window apart (visit then gets the window's number; all windows of a layer
 * come before the next layer's): used for Fisher diagonals.
 */
/* What the rest of a backward pass needs of the parts that are done. */
struct slim_gradient_state {
    float *stream; /* gradient of the residual stream */
    size_t stream_count;
    float *table; /* of the table that head and embedding share; may be NULL */
    size_t table_count;
    double *loss; /* sum so far */
};

struct slim_gradient_visit {
    void *context;
    enum slim_status (*visit)(void *context, long layer, size_t window,
                              struct slim_layer *weights, float *const *grads,
                              struct slim_diag *diag);
    bool per_sample;
    const char *spill; /* folder for the inputs of layers; NULL: memory */
    /* Which gradients to make; NULL: all. Parts below the lowest that holds a
     * wanted tensor are not run backward, nor visited. */
    bool (*wanted)(void *context, const struct slim_tensor *tensor);
    const struct slim_stream_visit *streams; /* or NULL */
    /* For who keeps a journal, both or none: how many parts an earlier pass had
     * done, after its state was put back; and that one more is done now. With
     * them Ctrl-C is not asked for inside a part. */
    size_t (*resume)(void *context, const struct slim_gradient_state *state);
    enum slim_status (*done)(void *context, size_t parts,
                             const struct slim_gradient_state *state);
};
SLIM_NODISCARD enum slim_status slim_model_gradients(
    double *loss, struct slim_model *model, const int32_t *ids, size_t windows,
    size_t length, const struct slim_gradient_visit *visit,
    const struct slim_kernels *kernels, void (*tick)(void *, double, double),
    void *context, struct slim_diag *diag);

#endif
