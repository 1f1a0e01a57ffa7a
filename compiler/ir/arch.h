/* arch.h - a model family bound to one configuration: axes, tensors, blocks */
#ifndef SLIM_ARCH_H
#define SLIM_ARCH_H

#include "base/diag.h"
#include "compiler/ir/block.h"
#include "compiler/ir/checkpoint.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define SLIM_NO_LAYER SIZE_MAX
#define SLIM_NO_SITE SIZE_MAX
#define SLIM_SLOTS 11    /* most slots a block kind has */
#define SLIM_SETTINGS 20 /* most settings */
#define SLIM_REGISTERS 8

/*
 * An axis is a named index space; dimensions that carry the same instance of
 * it are coupled. Instances: one for the model (vocab, dim), one a layer (kv,
 * mlp), or, for the residual stream, one a site.
 */
enum slim_axis_kind { SLIM_AXIS_GLOBAL, SLIM_AXIS_LAYER, SLIM_AXIS_STREAM };

struct slim_axis {
    const char *name; /* "kv" */
    enum slim_axis_kind kind;
    size_t size;      /* dense size, from config.json */
    bool fixed;       /* cannot be pruned: positions rotate inside a head */
    const char *unit; /* what one index is called: "kv head", "mlp column" */
};

/*
 * A dimension of a tensor as an expression over axes:
 *
 *     kv.rep.dim                     rows of q: ((kv * REP) + rep) * DIM + dim
 *     q:kv.rep.dim + k:kv.dim + v:kv.dim        one after the other
 *     kv.(q:dim + k:dim + v:dim)                interleaved per head
 *
 * Row-major: the last factor of a product varies fastest.
 */
enum slim_dim_kind { SLIM_DIM_AXIS, SLIM_DIM_PRODUCT, SLIM_DIM_SUM };

struct slim_dim {
    enum slim_dim_kind kind;
    const char *label; /* "q", or NULL */
    size_t axis;       /* AXIS: index into arch->axes */
    const struct slim_dim **parts;
    size_t part_count;
};

/* When a tensor is part of a shape. */
enum slim_presence {
    SLIM_PRESENT_ALWAYS,
    SLIM_PRESENT_UNFOLDED,  /* weights of norms */
    SLIM_PRESENT_FOLDED,    /* biases that folding makes */
    SLIM_PRESENT_SHORTCUTS, /* the matrix of an add */
    SLIM_PRESENT_COMPUTED,  /* slopes of heads: in no file, no parameters */
};

/* One tensor of the model: a slot of a block in a layer. Matrices are [out,
 * in] here whatever the file says (`transposed`: the file has [in, out]); a
 * shortcut alone is [in, out], as it multiplies from the right. */
struct slim_tensor {
    size_t index;     /* its place in arch->tensors */
    const char *name; /* in the file: "model.layers.3.mlp.up_proj.weight" */
    const char *slot; /* "up" */
    enum slim_role role;
    size_t layer;      /* or SLIM_NO_LAYER */
    size_t dims_count; /* 1 or 2 */
    const struct slim_dim *dims[2];
    size_t sites[2]; /* stream site of a stream dimension, SLIM_NO_SITE */
    bool transposed;
    bool linear; /* matrix of a linear map, the head's too */
    bool bias;   /* cut along with its matrix, never scored */
    enum slim_presence presence;
    const struct slim_tensor *tied_to;   /* shares storage with (head: embed) */
    const struct slim_disk_tensor *disk; /* NULL: computed by a stage; a tied
                                            head has that of the embedding */
    const double *computed; /* COMPUTED: its numbers, as the model was opened */
    const struct slim_node *node;
    const struct slim_slot_spec *spec; /* its lines in the family file
                                          (family.h); NULL: it has none */
};

struct slim_node {
    enum slim_block_kind kind;
    const char *name; /* "attention", or the family's own: "mlp" */
    size_t layer;
    size_t inputs[2]; /* registers; register 0 is the stream */
    size_t output;
    bool of_table;   /* a norm of an embedding's rows: arch_sites.c */
    size_t site_in;  /* stream site that its columns read */
    size_t site_out; /* stream site that its rows belong to: of attention
                            and mlp, the site of the add that takes them */
    struct slim_tensor *slots[SLIM_SLOTS]; /* by slot number; NULL if absent */
    double settings[SLIM_SETTINGS];        /* by setting number */
    const double *lists[SLIM_SETTINGS];    /* of settings that are lists; NULL
                                              where they are empty */
};

/*
 * The stream passes `site_count` sites: 0 after the embedding, then one after
 * each residual add. A block writes the register of the stream only by an add
 * (or embedding), so between two adds every reader sees one site.
 */
struct slim_arch {
    const char *family; /* by the family file */
    const char *file;   /* the YAML it came from */
    size_t layers;
    struct slim_axis *axes;
    size_t axis_count;
    size_t stream;               /* index of the stream's axis */
    struct slim_tensor *tensors; /* all of the model, in order of nodes */
    size_t tensor_count;
    struct slim_node *nodes; /* embedding.., layers.., final norm, head */
    size_t node_count;
    size_t *layer_first; /* [layers + 1]: nodes of layer l are
                               layer_first[l] .. layer_first[l + 1] - 1; the
                               embedding is before, norm and head after */
    size_t site_count;
    bool tied;              /* head and embedding share storage */
    enum slim_dtype dtype;  /* of the stored weights (of most bytes) */
    size_t context;         /* longest sequence the model was made for */
    long bos, eos;          /* ids from config.json, -1: none */
    const char *model_type; /* of the checkpoint's config.json */
    /* how to write it: see the family's `save` section */
    const char *save_type, *save_class; /* NULL: there is no stock class */
    const char *decoupled_type,
        *decoupled_class;       /* where hidden % heads != 0 */
    const char *shortcut_names; /* "{prefix}{node}_shortcut_Q" style pattern */
    const struct slim_yaml *description; /* the whole family file */
    const struct slim_config *config;    /* its values, for saving (family.h) */
};

/* The sizes of a model that may have been made smaller. */
struct slim_shape {
    const struct slim_arch *arch;
    size_t *sizes;  /* [layers * axis_count]: per-layer axes; global ones equal
                      in every row; the stream's column is unused */
    size_t *sites;  /* [site_count]: width of the stream at each site */
    bool shortcuts; /* every add has a matrix [site_in, site_out] */
    bool folded;    /* norm weights folded into the linears: none stored */
    bool untied;    /* the head has its own weights though arch->tied */
    size_t divisor; /* what norms divide by; 0: the width they see */
    double eps;     /* of every norm; 0: what config.json says */
};

struct slim_shape *slim_shape_dense(const struct slim_arch *arch,
                                    struct slim_arena *arena);
struct slim_shape *slim_shape_copy(const struct slim_shape *shape,
                                   struct slim_arena *arena);
bool slim_shape_equal(const struct slim_shape *a, const struct slim_shape *b);

/* Size of axis `axis` in layer `layer` (global axes: any layer). */
size_t slim_shape_size(const struct slim_shape *shape, size_t layer,
                       size_t axis);

/* What a norm adds under its root. */
double slim_shape_eps(const struct slim_shape *shape,
                      const struct slim_node *norm);

/* Elements along dimension `d` of a tensor in this shape. */
size_t slim_tensor_size(const struct slim_shape *shape,
                        const struct slim_tensor *tensor, size_t d);

/* Whether a tensor takes part (and its elements) in this shape: tied heads
 * count once, folded norms not at all, shortcuts if the shape has them. */
bool slim_tensor_stored(const struct slim_shape *shape,
                        const struct slim_tensor *tensor);

/* Whether it has numbers in this shape, stored or computed from the family:
 * such tensors are cut with the others of their group. */
bool slim_tensor_present(const struct slim_shape *shape,
                         const struct slim_tensor *tensor);

/* Parameters stored; bytes of them in arch->dtype. */
uint64_t slim_shape_params(const struct slim_shape *shape);
uint64_t slim_shape_bytes(const struct slim_shape *shape);
/* Multiply-accumulates of one forward pass over `tokens` tokens in sequences
 * of that length: linears, attention products, head. The formula is that of
 * LLM-Pruner's Table (reference/llm-pruner.md 6.5). */
uint64_t slim_shape_macs(const struct slim_shape *shape, uint64_t tokens);

/*
 * For every index of dimension `d` of a tensor: its coordinate on `axis`, or
 * SLIM_NO_UNIT where that part of the dimension does not carry the axis.
 * `units` has slim_tensor_size(shape, tensor, d) elements.
 */
#define SLIM_NO_UNIT SIZE_MAX
void slim_tensor_units(size_t *units, const struct slim_shape *shape,
                       const struct slim_tensor *tensor, size_t d, size_t axis);

/* Indices of a dimension that one unit of an axis owns: of q's rows, rep * dim
 * for each kv head. */
size_t slim_tensor_per_unit(const struct slim_shape *shape,
                            const struct slim_tensor *tensor, size_t d,
                            size_t axis);

/* Start of the labelled part of a dimension and the distance between the
 * blocks of one kv head: used by fused qkv. False if there is no such part.
 * Part of kv head h starts at *start + h * *stride and has *length indices
 * (for a part that is not inside a product over kv: stride = length). */
bool slim_tensor_part(size_t *start, size_t *stride, size_t *length,
                      const struct slim_shape *shape,
                      const struct slim_tensor *tensor, size_t d,
                      const char *label, size_t outer_axis);

/* Key/value heads, query heads to each, and channels of a head of an attention
 * node, by the columns of its output: [kv.rep.dim] or [kv.dim]. `axis` is that
 * of the key/value heads. */
struct slim_heads {
    size_t kv, rep, dim;
    size_t axis;
};
struct slim_heads slim_node_heads(const struct slim_shape *shape,
                                  const struct slim_node *node);

/* ---- groups: what must leave together ---- */

/* One dimension of one tensor that carries the group's axis. `output`: the
 * tensor produces the axis (rows; of an embedding, columns), else it consumes
 * it. Norms do both and count as producers. Biases have tensor->bias set. */
struct slim_member {
    const struct slim_tensor *tensor;
    size_t dim;
    bool output;
    size_t per_unit; /* indices of that dimension that one unit owns */
};

struct slim_group {
    size_t axis, layer; /* layer SLIM_NO_LAYER: the stream */
    enum slim_role role;
    size_t units;
    struct slim_member *members; /* in the order of reduce=first, second.. */
    size_t member_count;
    uint64_t params_per_unit;
};

struct slim_groups {
    struct slim_group *items;
    size_t count;
};

/*
 * The closure over the axis graph of a shape: dimensions are nodes, an edge
 * joins dimensions with the same axis instance, and residual adds join the
 * stream's sites unless a shortcut matrix stands between. An axis instance
 * forms a group if it has producers and consumers inside the model (in- and
 * out-degree both above zero: ids and logits are the world outside) and is not
 * fixed. Members start with the smallest producer (k under GQA, q under MHA,
 * gate, the final norm), as the reference's roots do: reference/llm-pruner.md
 * 1.3 and 1.5. What a shape does not store (folded norms, a tied head, whose
 * numbers are the embedding's) is no member.
 */
struct slim_groups *slim_discover(const struct slim_shape *shape,
                                  struct slim_arena *arena);

/* ---- opening ---- */

struct slim_family;

struct slim_model_info {
    const char *path; /* as given */
    const char *name; /* last part of it, for people */
    struct slim_checkpoint *checkpoint;
    struct slim_arch *arch;
    struct slim_shape *shape; /* as stored: dense, or slimc's own */
    const char *config_text;  /* config.json as it lies */
};

/*
 * Opens a model for planning: config.json, the family whose `model_type`
 * matches, headers; every tensor the family names must be there with its
 * shape and a dtype that slimc computes with, and none may be left over
 * (known extras such as rotary tables are named by the family). No weights are
 * read. A model that slimc wrote itself is recognised by the "slimc" object of
 * its config.json, which holds the shape. `families`: directory of YAML files.
 */
SLIM_NODISCARD enum slim_status slim_model_open(struct slim_model_info **out,
                                                const char *path,
                                                const char *families,
                                                struct slim_span at,
                                                struct slim_diag *diag);

/* The same for a model whose weights do not exist yet: a folder's config.json
 * alone, or any file that is one. No tensor of the arch has a place on disk, and
 * its dtype is F32. */
SLIM_NODISCARD enum slim_status slim_model_describe(
    struct slim_model_info **out, const char *path, const char *families,
    struct slim_span at, struct slim_diag *diag);

/* "slimc" of a config.json: what slim_model_open needs to find the shape again.
 * The caller owns it (json_decref). */
struct json_t;
/* {"kv": [3, 3, ..], "mlp": [..], "stream": [..]}: sizes by layer, and of the
 * stream by site. The caller owns it. */
struct json_t *slim_shape_sizes(const struct slim_shape *shape);
struct json_t *slim_shape_to_json(const struct slim_shape *shape);

/*
 * The stock class that can hold a shape: every layer alike, no shortcuts, every
 * site of one width. `decoupled`: written as the family's second class, because
 * the first wants a width that divides by the heads. False: remote code.
 */
bool slim_shape_stock(bool *decoupled, const struct slim_shape *shape);

/* Whether rows of it are taken by number: it writes the stream by columns. */
bool slim_tensor_is_table(const struct slim_tensor *tensor);
/* The table that the head shares; NULL: none. */
const struct slim_tensor *slim_arch_tied(const struct slim_arch *arch);

/* Why a shape that no stock class holds is saved with slimc's own code. */
const char *slim_shape_why_remote(const struct slim_shape *shape);

/* Sets the keys that the family's `save` section names in a config.json object
 * (sizes, tied, eps; for remote code those of layer 0). */
SLIM_NODISCARD enum slim_status slim_shape_config(
    struct json_t *config, const struct slim_shape *shape, bool decoupled,
    struct slim_diag *diag);

/* Opens a model as one family file describes it, wherever that lies: what the
 * model contradicts is said at the lines of the file, once for all layers. */
SLIM_NODISCARD enum slim_status slim_family_open(struct slim_model_info **out,
                                                 struct slim_family *family,
                                                 const char *path,
                                                 struct slim_span at,
                                                 struct slim_diag *diag);

/* Loads one family file and reports everything wrong with it. */
SLIM_NODISCARD enum slim_status slim_family_check(const char *path,
                                                  struct slim_diag *diag);

#endif
