/* arch_build.c - a family and a config make axes, nodes and tensors */
#include "compiler/ir/family.h"

#include <math.h>
#include <string.h>

/* More than any model has; keeps a forged config from filling the memory. */
#define LAYERS_MAX 1024
/* Elements of one tensor: so much that no sum of them overflows. */
#define ELEMENTS_MAX 0x1p44

struct building {
    struct slim_arch *arch;
    const struct slim_config *config;
    const struct slim_family *family;
    const char *root;
    size_t nodes, tensors; /* filled so far */
    struct slim_diag *diag;
};

/* ---- axes ---- */

static enum slim_status build_axes(struct building *building)
{
    const struct slim_family *family = building->family;
    struct slim_arch *arch = building->arch;
    struct slim_scope scope = slim_config_scope(building->config);
    struct slim_diag *diag = building->diag;
    arch->axis_count = family->axis_count;
    arch->axes =
        SLIM_NEW_ARRAY(diag->arena, family->axis_count, struct slim_axis);
    arch->stream = family->stream;
    for (size_t a = 0; a < family->axis_count; a++) {
        const struct slim_family_axis *axis = &family->axes[a];
        bool one = true;
        arch->axes[a] = axis->axis;
        const char *what =
            slim_arena_printf(diag->arena, "axis \"%s\"", axis->axis.name);
        if (slim_expr_size(&arch->axes[a].size, axis->size, what, &scope,
                           diag) != SLIM_OK)
            return SLIM_FAILED;
        if (axis->unit_when != NULL &&
            slim_expr_flag(&one, axis->unit_when, &scope, diag) != SLIM_OK)
            return SLIM_FAILED;
        if (!one)
            arch->axes[a].unit = axis->unit_else;
    }
    return SLIM_OK;
}

/* ---- tensors ---- */

static bool slot_is_bias(const char *slot)
{
    size_t length = strlen(slot);
    return length >= 4 && strcmp(slot + length - 4, "bias") == 0;
}

/* Rows are taken from it by number; nothing is multiplied. */
static bool slot_is_table(const struct slim_node *node, size_t index)
{
    return node->kind == SLIM_BLOCK_EMBEDDING &&
           index != SLIM_EMBEDDING_PROJECT;
}

static enum slim_status build_tensor(struct building *building,
                                     struct slim_node *node, size_t index,
                                     struct slim_slot_spec *slot)
{
    struct slim_scope scope = slim_config_scope(building->config);
    struct slim_pattern words = { building->root,
                                  building->family->layer_prefix, node->name,
                                  node->layer };
    struct slim_diag *diag = building->diag;
    bool there = true, tied = false;
    if (slot->when != NULL &&
        slim_expr_flag(&there, slot->when, &scope, diag) != SLIM_OK)
        return SLIM_FAILED;
    if (slot->tied != NULL &&
        slim_expr_flag(&tied, slot->tied, &scope, diag) != SLIM_OK)
        return SLIM_FAILED;
    bool made = slot->presence == SLIM_PRESENT_FOLDED;
    if (!there && !made)
        return SLIM_OK;
    struct slim_tensor *tensor = &building->arch->tensors[building->tensors];
    tensor->index = building->tensors++;
    tensor->slot = slot->slot;
    tensor->role = slim_blocks[node->kind].role;
    tensor->layer = node->layer;
    tensor->dims_count = slot->dims_count;
    tensor->transposed = slot->transposed;
    tensor->presence = made && there && slot->when != NULL ? SLIM_PRESENT_ALWAYS
                                                           : slot->presence;
    tensor->bias = slot_is_bias(slot->slot);
    tensor->linear = tensor->dims_count == 2 && !slot_is_table(node, index);
    tensor->node = node;
    tensor->spec = slot;
    tensor->tied_to = tied && slot->tie != NULL ? slot->tie->made : NULL;
    building->arch->tied = building->arch->tied || tensor->tied_to != NULL;
    for (size_t d = 0; d < 2; d++) {
        tensor->dims[d] = slot->dims[d];
        tensor->sites[d] = SLIM_NO_SITE;
    }
    slot->made = tensor;
    node->slots[index] = tensor;
    return slim_pattern_fill(&tensor->name, slot->pattern, &words,
                             slot->pattern_node->span, diag);
}

/* The matrix that slicing may put on the stream: no family lists it. */
static enum slim_status build_shortcut(struct building *building,
                                       struct slim_node *node)
{
    struct slim_arena *arena = building->diag->arena;
    struct slim_pattern words = { building->root,
                                  building->family->layer_prefix, node->name,
                                  node->layer };
    struct slim_dim *stream = SLIM_NEW(arena, struct slim_dim);
    struct slim_tensor *tensor = &building->arch->tensors[building->tensors];
    stream->axis = building->family->stream;
    tensor->index = building->tensors++;
    tensor->slot = slim_blocks[node->kind].slots[SLIM_ADD_SHORTCUT].name;
    tensor->role = slim_blocks[node->kind].role;
    tensor->layer = node->layer;
    tensor->dims_count = 2;
    tensor->dims[0] = tensor->dims[1] = stream;
    tensor->sites[0] = tensor->sites[1] = SLIM_NO_SITE;
    tensor->presence = SLIM_PRESENT_SHORTCUTS;
    tensor->node = node;
    node->slots[SLIM_ADD_SHORTCUT] = tensor;
    struct slim_span nowhere = { 0 };
    return slim_pattern_fill(&tensor->name, building->family->shortcut, &words,
                             nowhere, building->diag);
}

/* The heads of a dimension that ends in a head's channels: all but the last
 * factor of "kv.rep.dim". */
static const struct slim_dim *heads_of(const struct slim_dim *dim,
                                       struct slim_arena *arena)
{
    struct slim_dim *heads = SLIM_NEW(arena, struct slim_dim);
    *heads = *dim;
    heads->part_count--;
    return heads->part_count == 1 ? heads->parts[0] : heads;
}

/* Slopes are in no file: each leaves with its head. */
static void build_slopes(struct building *building, struct slim_node *node)
{
    const struct slim_tensor *o = node->slots[SLIM_ATTENTION_O];
    struct slim_tensor *tensor = &building->arch->tensors[building->tensors];
    if ((int)node->settings[SLIM_ATTENTION_POSITION] != SLIM_POSITION_ALIBI ||
        o == NULL || node->slots[SLIM_ATTENTION_SLOPES] != NULL)
        return;
    tensor->index = building->tensors++;
    tensor->slot = slim_blocks[node->kind].slots[SLIM_ATTENTION_SLOPES].name;
    tensor->name = slim_arena_printf(building->diag->arena, "%s of layer %zu",
                                     tensor->slot, node->layer);
    tensor->role = slim_blocks[node->kind].role;
    tensor->layer = node->layer;
    tensor->dims_count = 1;
    tensor->dims[0] = heads_of(o->dims[1], building->diag->arena);
    tensor->sites[0] = tensor->sites[1] = SLIM_NO_SITE;
    tensor->bias = true;
    tensor->presence = SLIM_PRESENT_COMPUTED;
    tensor->node = node;
    node->slots[SLIM_ATTENTION_SLOPES] = tensor;
}

/* ---- nodes ---- */

static enum slim_status set_choice(double *out,
                                   const struct slim_setting *setting,
                                   const struct slim_value *value,
                                   const struct slim_expr *expr,
                                   struct slim_diag *diag)
{
    for (size_t c = 0; setting->choices[c] != NULL; c++) {
        if (value->kind == SLIM_VALUE_TEXT &&
            strcmp(setting->choices[c], value->text) == 0) {
            *out = (double)c;
            return SLIM_OK;
        }
    }
    return slim_fail(
        diag, "F315", expr->span, "\"%s\" is not one of the choices of \"%s\"",
        value->kind == SLIM_VALUE_TEXT ? value->text : "this", setting->name);
}

/* A list is copied out of its values; the setting is how many there are. */
static enum slim_status set_list(struct slim_node *node, size_t index,
                                 const struct slim_value *value,
                                 const struct slim_expr *expr,
                                 struct slim_diag *diag)
{
    const struct slim_setting *setting =
        &slim_blocks[node->kind].settings[index];
    bool numbers = value->kind == SLIM_VALUE_LIST;
    for (size_t i = 0; numbers && i < value->count; i++)
        numbers = value->items[i].kind == SLIM_VALUE_NUMBER &&
                  isfinite(value->items[i].number);
    if (!numbers)
        return slim_fail(diag, "F315", expr->span,
                         "\"%s\" has to be a list of numbers", setting->name);
    double *list = SLIM_NEW_ARRAY(diag->arena, value->count, double);
    for (size_t i = 0; i < value->count; i++)
        list[i] = value->items[i].number;
    node->settings[index] = (double)value->count;
    node->lists[index] = value->count == 0 ? NULL : list;
    return SLIM_OK;
}

static enum slim_status build_settings(struct slim_node *node,
                                       const struct slim_block_spec *spec,
                                       const struct building *building)
{
    const struct slim_block *block = &slim_blocks[spec->kind];
    struct slim_scope scope = slim_config_scope(building->config);
    for (size_t s = 0; s < block->setting_count; s++) {
        const struct slim_expr *expr = spec->settings[s];
        struct slim_value value = { 0 };
        node->settings[s] = spec->initial[s];
        if (expr == NULL)
            continue;
        if (slim_expr_eval(&value, expr, &scope, building->diag) != SLIM_OK)
            return SLIM_FAILED;
        if (block->settings[s].choices != NULL) {
            if (set_choice(&node->settings[s], &block->settings[s], &value,
                           expr, building->diag) != SLIM_OK)
                return SLIM_FAILED;
        } else if (slim_setting_is_list(&block->settings[s])) {
            if (set_list(node, s, &value, expr, building->diag) != SLIM_OK)
                return SLIM_FAILED;
        } else if ((value.kind != SLIM_VALUE_NUMBER &&
                    value.kind != SLIM_VALUE_FLAG) ||
                   !isfinite(value.number)) {
            return slim_fail(building->diag, "F315", expr->span,
                             "\"%s\" has to be a number",
                             block->settings[s].name);
        } else {
            node->settings[s] = value.number;
        }
    }
    return SLIM_OK;
}

static enum slim_status build_node(struct building *building,
                                   struct slim_block_spec *spec, size_t layer)
{
    struct slim_node *node = &building->arch->nodes[building->nodes++];
    node->kind = spec->kind;
    node->name = spec->name;
    node->layer = layer;
    node->inputs[0] = spec->inputs[0];
    node->inputs[1] = spec->inputs[1];
    node->output = spec->output;
    node->site_in = node->site_out = SLIM_NO_SITE;
    if (build_settings(node, spec, building) != SLIM_OK)
        return SLIM_FAILED;
    for (size_t s = 0; s < slim_blocks[spec->kind].slot_count; s++)
        if (spec->slots[s] != NULL &&
            build_tensor(building, node, s, spec->slots[s]) != SLIM_OK)
            return SLIM_FAILED;
    if (node->kind == SLIM_BLOCK_ATTENTION)
        build_slopes(building, node);
    return spec->residual ? build_shortcut(building, node) : SLIM_OK;
}

static enum slim_status build_part(struct building *building,
                                   enum slim_part part, size_t layer)
{
    for (size_t b = 0; b < building->family->block_count[part]; b++)
        if (build_node(building, &building->family->blocks[part][b], layer) !=
            SLIM_OK)
            return SLIM_FAILED;
    return SLIM_OK;
}

static enum slim_status build_layers(struct building *building)
{
    const struct slim_family *family = building->family;
    struct slim_arch *arch = building->arch;
    struct slim_value *index =
        &building->config->values[family->layer_names.count - 1];
    index->kind = SLIM_VALUE_NUMBER;
    for (size_t l = 0; l < arch->layers; l++) {
        index->number = (double)l;
        arch->layer_first[l] = building->nodes;
        if (build_part(building, SLIM_PART_LAYER, l) != SLIM_OK)
            return SLIM_FAILED;
    }
    arch->layer_first[arch->layers] = building->nodes;
    return SLIM_OK;
}

/* ---- the arch ---- */

static double dim_elements(const struct slim_arch *arch,
                           const struct slim_dim *dim)
{
    double size = dim->kind == SLIM_DIM_SUM ? 0 : 1;
    if (dim->kind == SLIM_DIM_AXIS)
        return (double)arch->axes[dim->axis].size;
    for (size_t p = 0; p < dim->part_count; p++) {
        double part = dim_elements(arch, dim->parts[p]);
        size = dim->kind == SLIM_DIM_SUM ? size + part : size * part;
    }
    return size;
}

/* Sizes come from a file that somebody else wrote: their products are taken
 * in doubles here, so that they fit wherever they are taken in integers. */
static enum slim_status check_sizes(const struct slim_arch *arch,
                                    const struct slim_config *config,
                                    struct slim_diag *diag)
{
    struct slim_span place = { config->source, 0, 0 };
    for (size_t t = 0; t < arch->tensor_count; t++) {
        const struct slim_tensor *tensor = &arch->tensors[t];
        double elements = dim_elements(arch, tensor->dims[0]);
        if (tensor->dims_count > 1)
            elements *= dim_elements(arch, tensor->dims[1]);
        if (!(elements <= ELEMENTS_MAX))
            return slim_fail(diag, "F357", place,
                             "tensor \"%s\" would have %.3g elements",
                             tensor->name, elements);
    }
    return SLIM_OK;
}

static long token_id(const struct slim_config *config, const char *name)
{
    const struct slim_value *value = slim_config_value(config, name);
    return value == NULL || value->kind != SLIM_VALUE_NUMBER
               ? -1
               : (long)value->number;
}

static void fill_facts(struct slim_arch *arch, const struct slim_config *config)
{
    const struct slim_family *family = config->family;
    const struct slim_value *context = slim_config_value(config, "context");
    arch->family = family->name;
    arch->file = family->path;
    arch->config = config;
    arch->description = family->root;
    arch->dtype = SLIM_DTYPE_F32; /* until weights say otherwise */
    arch->shortcut_names = family->shortcut;
    if (family->class_count > 0) {
        arch->save_type = family->classes[0].type;
        arch->save_class = family->classes[0].name;
    }
    if (family->class_count > 1) {
        arch->decoupled_type = family->classes[1].type;
        arch->decoupled_class = family->classes[1].name;
    }
    if (context != NULL && context->kind == SLIM_VALUE_NUMBER)
        arch->context = (size_t)context->number;
    arch->bos = token_id(config, "bos");
    arch->eos = token_id(config, "eos");
}

static enum slim_status count_layers(struct slim_arch *arch,
                                     const struct slim_config *config,
                                     struct slim_diag *diag)
{
    double layers = slim_config_value(config, "layers")->number;
    struct slim_span place = { config->source, 0, 0 };
    if (!(layers >= 1 && layers <= LAYERS_MAX))
        return slim_fail(diag, "F356", place,
                         "a model of %.0f layers cannot be read; 1 to %d can",
                         layers, LAYERS_MAX);
    arch->layers = (size_t)layers;
    return SLIM_OK;
}

static void make_room(struct building *building)
{
    const struct slim_family *family = building->family;
    struct slim_arch *arch = building->arch;
    struct slim_arena *arena = building->diag->arena;
    size_t nodes = family->block_count[SLIM_PART_BEFORE] +
                   family->block_count[SLIM_PART_AFTER] +
                   family->block_count[SLIM_PART_LAYER] * arch->layers;
    arch->node_count = nodes;
    arch->nodes = SLIM_NEW_ARRAY(arena, nodes, struct slim_node);
    arch->tensors =
        SLIM_NEW_ARRAY(arena, nodes * SLIM_SLOTS, struct slim_tensor);
    arch->layer_first = SLIM_NEW_ARRAY(arena, arch->layers + 1, size_t);
}

enum slim_status slim_arch_build(struct slim_arch **out,
                                 const struct slim_config *config,
                                 const char *root, struct slim_diag *diag)
{
    struct building building = {
        .config = config, .family = config->family, .root = root, .diag = diag
    };
    struct slim_arch *arch = SLIM_NEW(diag->arena, struct slim_arch);
    building.arch = arch;
    if (count_layers(arch, config, diag) != SLIM_OK)
        return SLIM_FAILED;
    fill_facts(arch, config);
    make_room(&building);
    if (build_axes(&building) != SLIM_OK ||
        build_part(&building, SLIM_PART_BEFORE, SLIM_NO_LAYER) != SLIM_OK ||
        build_layers(&building) != SLIM_OK ||
        build_part(&building, SLIM_PART_AFTER, SLIM_NO_LAYER) != SLIM_OK)
        return SLIM_FAILED;
    arch->tensor_count = building.tensors;
    slim_arch_sites(arch);
    *out = arch;
    return check_sizes(arch, config, diag);
}
