/* family.h - a family file as it was read, and its values for one config */
#ifndef SLIM_FAMILY_H
#define SLIM_FAMILY_H

#include "base/json.h"
#include "compiler/ir/arch.h"
#include "compiler/ir/describe.h"
#include "compiler/ir/family_expr.h"

/* What config.json holds under a key. */
enum slim_entry_type {
    SLIM_ENTRY_SIZE,  /* whole, at least 1 */
    SLIM_ENTRY_COUNT, /* whole, at least 0 */
    SLIM_ENTRY_NUMBER,
    SLIM_ENTRY_FLAG,
    SLIM_ENTRY_TEXT,
    SLIM_ENTRY_ID, /* whole, or a list of which the first counts */
    SLIM_ENTRY_LIST,
    SLIM_ENTRY_VERSION, /* "4.41.0" as 4041 */
    SLIM_ENTRY_TYPES
};

/* A name of the `config` section. */
struct slim_entry {
    const char *name;
    const struct slim_yaml *node;
    const char **keys; /* of config.json, dotted; first found wins */
    size_t key_count;  /* 0: computed by `value` */
    enum slim_entry_type type;
    const struct slim_expr *fallback; /* where the key is absent */
    const struct slim_expr *if_null;  /* where it is null; else `fallback` */
    const struct slim_expr *value;
    const struct slim_expr *when;   /* false: the key is not looked at */
    const struct slim_yaml *values; /* map: text in the file, our word */
};

struct slim_family_axis {
    struct slim_axis axis; /* size and unit are filled for a config */
    const struct slim_yaml *node;
    const struct slim_expr *size;
    const struct slim_expr *unit_when; /* false: unit_else */
    const char *unit_else;
};

/* A tensor of a block. */
struct slim_slot_spec {
    const struct slim_yaml *node;
    const char *slot;
    const char *pattern;
    const struct slim_yaml *pattern_node;
    size_t dims_count;
    const struct slim_dim *dims[2];
    bool transposed;
    enum slim_presence presence;
    const struct slim_expr *when; /* NULL: always there */
    const struct slim_expr *tied; /* true: shares storage with `tie` */
    const struct slim_slot_spec *tie;
    const struct slim_tensor *made; /* the last tensor built from it */
};

struct slim_block_spec {
    const struct slim_yaml *node;
    enum slim_block_kind kind;
    const char *name;
    size_t inputs[2], output;
    bool residual; /* an add to the stream itself, not a sum of outputs */
    struct slim_slot_spec *slots[SLIM_SLOTS];
    const struct slim_expr *settings[SLIM_SETTINGS]; /* NULL: the default */
    double initial[SLIM_SETTINGS]; /* choices, and numbers not given */
};

enum slim_part { SLIM_PART_BEFORE, SLIM_PART_LAYER, SLIM_PART_AFTER };
#define SLIM_PARTS 3

struct slim_class {
    const char *type, *name;      /* model_type and architectures */
    const struct slim_expr *when; /* over config and axes; NULL: any */
    const struct slim_yaml *set;  /* keys with fixed values */
};

/* Keys of config.json and their values: expressions over config and axes. */
struct slim_saved_keys {
    const struct slim_yaml *map; /* NULL: there are none */
    const struct slim_expr **values;
};

struct slim_family {
    const char *name, *path;
    const struct slim_yaml *root;
    const struct slim_yaml *types;    /* list of model_type */
    const struct slim_yaml *variants; /* list of {file, where}; NULL: none */
    struct slim_entry *entries;       /* in the order of `names` */
    size_t entry_count;
    struct slim_names names;       /* of entries */
    struct slim_names layer_names; /* and `i` */
    struct slim_names save_names;  /* and the axes, `divisor`, `untied` */
    struct slim_family_axis *axes;
    size_t axis_count, stream;
    const struct slim_yaml *roots; /* list of prefixes to try */
    const char *layer_prefix;
    struct slim_block_spec *blocks[SLIM_PARTS];
    size_t block_count[SLIM_PARTS];
    const char *registers[SLIM_REGISTERS]; /* 0 is "x", the stream */
    size_t register_count;
    const struct slim_yaml *ignored_tensors, *ignored_keys, *refused;
    const char **ignored; /* ignored_tensors with {layer} written out */
    bool examined; /* the file itself is looked at: what a model contradicts is
                      said at its lines */
    const struct slim_yaml *rules; /* list of {that, else} */
    const struct slim_expr **rule_exprs;
    const char *shortcut;
    struct slim_class classes[2];
    size_t class_count;
    struct slim_saved_keys keys; /* of what is saved as a stock class */
    struct slim_saved_keys also; /* the same, but null leaves a key as it is */
};

/* The values of one config.json. */
struct slim_config {
    const struct slim_family *family;
    const struct slim_source *source; /* config.json */
    const json_t *root;               /* only while the model is opened */
    struct slim_value *values;        /* of family->names, then `i` */
};

/* What slim_family_load of describe.h does, with the text of a file. */
SLIM_NODISCARD enum slim_status slim_family_parse(
    struct slim_family **out, const struct slim_source *text,
    struct slim_diag *diag);

/* Parts of loading, each a section of the file. slim_family_order refuses
 * entries of `config` that need themselves, or one below them. */
SLIM_NODISCARD enum slim_status slim_family_order(const struct slim_yaml *map,
                                                  struct slim_diag *diag);
SLIM_NODISCARD enum slim_status slim_family_entries(struct slim_family *family,
                                                    struct slim_diag *diag);
SLIM_NODISCARD enum slim_status slim_family_axes(struct slim_family *family,
                                                 struct slim_diag *diag);
SLIM_NODISCARD enum slim_status slim_family_blocks(struct slim_family *family,
                                                   struct slim_diag *diag);
SLIM_NODISCARD enum slim_status slim_family_tensors(struct slim_family *family,
                                                    struct slim_diag *diag);
SLIM_NODISCARD enum slim_status slim_family_names(struct slim_family *family,
                                                  struct slim_diag *diag);
SLIM_NODISCARD enum slim_status slim_family_flow(struct slim_family *family,
                                                 struct slim_diag *diag);
SLIM_NODISCARD enum slim_status slim_family_save(struct slim_family *family,
                                                 struct slim_diag *diag);
SLIM_NODISCARD enum slim_status slim_dim_parse(const struct slim_dim **out,
                                               const struct slim_family *family,
                                               const struct slim_yaml *node,
                                               struct slim_diag *diag);
bool slim_dim_carries(const struct slim_dim *dim, size_t axis);

/* Every slot of the family, in order. */
struct slim_slot_list {
    struct slim_slot_spec **items;
    const struct slim_block_spec **blocks;
    enum slim_part *parts;
    size_t count;
};
struct slim_slot_list slim_family_slots(const struct slim_family *family,
                                        struct slim_arena *arena);

/* A value that must be there; NULL and an error at `map` if it is not. */
const struct slim_yaml *slim_family_need(const struct slim_yaml *map,
                                         const char *key,
                                         struct slim_diag *diag);
/* A value that must be a list, or a map, if it is there at all. */
SLIM_NODISCARD enum slim_status slim_family_kind(const struct slim_yaml *node,
                                                 enum slim_yaml_kind kind,
                                                 struct slim_diag *diag);

/* Names that are filled into patterns. NULL where the place has none. */
struct slim_pattern {
    const char *root, *layer, *node;
    size_t index; /* {i}; SLIM_NO_LAYER outside of layers */
};
/* "{root}layers.{i}.x" -> "model.layers.3.x"; an unknown or unfit word in
 * braces is an error at `place`. */
SLIM_NODISCARD enum slim_status slim_pattern_fill(
    const char **out, const char *pattern, const struct slim_pattern *words,
    struct slim_span place, struct slim_diag *diag);

/* The pattern with the prefix of a layer in place of {layer}. */
const char *slim_pattern_unfold(const char *pattern, const char *layer,
                                struct slim_arena *arena);
/* Whether two patterns that are unfolded can name one tensor: {i} stands for
 * digits, {root} for `root`. A name is a pattern, too. */
bool slim_pattern_meets(const char *a, const char *b, const char *root);

/* Reads every entry out of config.json, applies the file's rules, and warns of
 * keys that the family does not know. */
SLIM_NODISCARD enum slim_status slim_config_read(
    struct slim_config **out, const struct slim_family *family,
    const json_t *root, const struct slim_source *source,
    struct slim_diag *diag);
/* A scalar of a family file as config.json would have it; the caller owns it. */
json_t *slim_scalar_to_json(const struct slim_yaml *node);
/* The value at a dotted path, or NULL. */
json_t *slim_config_find(const json_t *root, const char *path);
/* The place of a key in config.json, for carets. */
struct slim_span slim_config_place(const struct slim_source *source,
                                   const char *key);
struct slim_scope slim_config_scope(const struct slim_config *config);
/* Value of an entry; NULL if the family has no such name. */
const struct slim_value *slim_config_value(const struct slim_config *config,
                                           const char *name);

/* Sites of nodes and tensors, once all of them are there. */
void slim_arch_sites(struct slim_arch *arch);

/* Axes, nodes and tensors of a config; `root` is the prefix of names. */
SLIM_NODISCARD enum slim_status slim_arch_build(
    struct slim_arch **out, const struct slim_config *config, const char *root,
    struct slim_diag *diag);
/* The prefix of names that a checkpoint uses. */
SLIM_NODISCARD enum slim_status slim_arch_root(
    const char **out, const struct slim_family *family,
    const struct slim_checkpoint *checkpoint, struct slim_diag *diag);
/* Gives every stored tensor its place on disk, with all that can be wrong. */
SLIM_NODISCARD enum slim_status slim_arch_bind(
    struct slim_arch *arch, const struct slim_shape *shape,
    const struct slim_family *family, const char *root,
    const struct slim_checkpoint *checkpoint, struct slim_diag *diag);
/* The shape that "slimc" of a config.json describes. */
SLIM_NODISCARD enum slim_status slim_shape_from_json(
    struct slim_shape **out, const struct slim_arch *arch, const json_t *slimc,
    const struct slim_source *source, struct slim_diag *diag);

#endif
