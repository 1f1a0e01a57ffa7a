/* family_block.c - the blocks of a family and the tensors in their slots */
#include "compiler/ir/family.h"

#include "base/text.h"

#include <string.h>

static const char *const part_names[SLIM_PARTS] = { "before", "layer",
                                                    "after" };

static const struct slim_names *names_of(const struct slim_family *family,
                                         enum slim_part part)
{
    return part == SLIM_PART_LAYER ? &family->layer_names : &family->names;
}

/* ---- what a slot says ---- */

static enum slim_status read_dims(struct slim_slot_spec *slot,
                                  const struct slim_family *family,
                                  struct slim_diag *diag)
{
    const struct slim_yaml *dims = slim_family_need(slot->node, "dims", diag);
    if (dims == NULL || slim_family_kind(dims, SLIM_YAML_LIST, diag) != SLIM_OK)
        return SLIM_FAILED;
    if (dims->count < 1 || dims->count > 2)
        return slim_fail(diag, "F313", dims->span,
                         "a tensor has one dimension or two, not %zu",
                         dims->count);
    slot->dims_count = dims->count;
    for (size_t d = 0; d < dims->count; d++)
        if (slim_dim_parse(&slot->dims[d], family, dims->items[d], diag) !=
            SLIM_OK)
            return SLIM_FAILED;
    return SLIM_OK;
}

static enum slim_status read_presence(struct slim_slot_spec *slot,
                                      struct slim_diag *diag)
{
    const struct slim_yaml *node = slim_yaml_get(slot->node, "made");
    const char *text = NULL;
    if (node == NULL)
        return SLIM_OK;
    if (slim_yaml_text(&text, node, diag) != SLIM_OK)
        return SLIM_FAILED;
    if (strcmp(text, "folding") != 0)
        return slim_fail(diag, "F314", node->span,
                         "a tensor can be made by \"folding\" only");
    slot->presence = SLIM_PRESENT_FOLDED;
    return SLIM_OK;
}

/* The other slot of a tie, "BLOCK.SLOT", is found when all are read. */
static enum slim_status read_slot(struct slim_slot_spec *slot,
                                  const struct slim_family *family,
                                  enum slim_part part, struct slim_diag *diag)
{
    static const char *const known[] = { "name", "dims", "when",       "tied",
                                         "to",   "made", "transposed", NULL };
    const struct slim_yaml *map = slot->node;
    if (slim_family_kind(map, SLIM_YAML_MAP, diag) != SLIM_OK ||
        slim_yaml_only(map, known, diag) != SLIM_OK)
        return SLIM_FAILED;
    const struct slim_yaml *when = slim_yaml_get(map, "when");
    const struct slim_yaml *tied = slim_yaml_get(map, "tied");
    const struct slim_yaml *transposed = slim_yaml_get(map, "transposed");
    slot->pattern_node = slim_family_need(map, "name", diag);
    if (slot->pattern_node == NULL ||
        slim_yaml_text(&slot->pattern, slot->pattern_node, diag) != SLIM_OK ||
        read_dims(slot, family, diag) != SLIM_OK ||
        read_presence(slot, diag) != SLIM_OK)
        return SLIM_FAILED;
    if (when != NULL &&
        slim_expr_parse(&slot->when, when, names_of(family, part), diag))
        return SLIM_FAILED;
    if (tied != NULL &&
        slim_expr_parse(&slot->tied, tied, &family->names, diag) != SLIM_OK)
        return SLIM_FAILED;
    if ((tied == NULL) != (slim_yaml_get(map, "to") == NULL))
        return slim_fail(diag, "F314", map->span,
                         "\"tied\" and \"to\" come together");
    if (transposed != NULL)
        return slim_yaml_bool(&slot->transposed, transposed, diag);
    return SLIM_OK;
}

static const char **slot_names(const struct slim_block *block,
                               struct slim_arena *arena)
{
    const char **names =
        SLIM_NEW_ARRAY(arena, block->slot_count + 1, const char *);
    for (size_t s = 0; s < block->slot_count; s++)
        names[s] = block->slots[s].name;
    return names;
}

static enum slim_status read_slots(struct slim_block_spec *spec,
                                   const struct slim_family *family,
                                   enum slim_part part, struct slim_diag *diag)
{
    const struct slim_block *block = &slim_blocks[spec->kind];
    const struct slim_yaml *map = slim_yaml_get(spec->node, "tensors");
    if (map == NULL)
        return SLIM_OK;
    if (slim_family_kind(map, SLIM_YAML_MAP, diag) != SLIM_OK ||
        slim_yaml_only(map, slot_names(block, diag->arena), diag) != SLIM_OK)
        return SLIM_FAILED;
    enum slim_status status = SLIM_OK;
    for (size_t s = 0; s < block->slot_count; s++) {
        const struct slim_yaml *node = slim_yaml_get(map, block->slots[s].name);
        if (node == NULL)
            continue;
        struct slim_slot_spec *slot =
            SLIM_NEW(diag->arena, struct slim_slot_spec);
        slot->node = node;
        slot->slot = block->slots[s].name;
        if (spec->kind == SLIM_BLOCK_NORM)
            slot->presence = SLIM_PRESENT_UNFOLDED;
        spec->slots[s] = slot;
        if (read_slot(slot, family, part, diag) != SLIM_OK)
            status = SLIM_FAILED;
    }
    return status;
}

/* ---- settings ---- */

static enum slim_status choice_index(double *out,
                                     const struct slim_setting *setting,
                                     const char *text, struct slim_span place,
                                     struct slim_diag *diag)
{
    for (size_t c = 0; setting->choices[c] != NULL; c++) {
        if (strcmp(setting->choices[c], text) == 0) {
            *out = (double)c;
            return SLIM_OK;
        }
    }
    struct slim_error *error = slim_error(diag, "F315", place,
                                          "\"%s\" is not one of the choices of "
                                          "\"%s\"",
                                          text, setting->name);
    const char *near = slim_text_nearest(text, setting->choices);
    if (near != NULL)
        slim_error_fix(diag, error, place, "%s", near);
    return SLIM_FAILED;
}

/* A choice's own word stands for itself; anything else is an expression. */
static enum slim_status read_setting(struct slim_block_spec *spec, size_t index,
                                     const struct slim_yaml *node,
                                     const struct slim_names *names,
                                     struct slim_diag *diag)
{
    const struct slim_setting *setting =
        &slim_blocks[spec->kind].settings[index];
    const char *text = NULL;
    if (slim_yaml_text(&text, node, diag) != SLIM_OK)
        return SLIM_FAILED;
    if (setting->choices != NULL && slim_names_find(names, text) == SIZE_MAX &&
        strpbrk(text, " \"'[(") == NULL)
        return choice_index(&spec->initial[index], setting, text, node->span,
                            diag);
    return slim_expr_parse(&spec->settings[index], node, names, diag);
}

static enum slim_status default_setting(struct slim_block_spec *spec,
                                        size_t index, struct slim_diag *diag)
{
    const struct slim_setting *setting =
        &slim_blocks[spec->kind].settings[index];
    if (setting->initial == NULL)
        return slim_fail(diag, "F316", spec->node->span,
                         "block \"%s\" wants the setting \"%s\": %s",
                         slim_blocks[spec->kind].name, setting->name,
                         setting->help);
    struct slim_yaml number = { .text = setting->initial,
                                .span = spec->node->span };
    if (slim_setting_is_list(setting))
        return SLIM_OK; /* empty: a count of 0 */
    if (setting->choices != NULL)
        return choice_index(&spec->initial[index], setting, setting->initial,
                            spec->node->span, diag);
    return slim_yaml_double(&spec->initial[index], &number, diag);
}

static enum slim_status read_settings(struct slim_block_spec *spec,
                                      const struct slim_names *names,
                                      struct slim_diag *diag)
{
    const struct slim_block *block = &slim_blocks[spec->kind];
    const struct slim_yaml *map = slim_yaml_get(spec->node, "set");
    const char **known =
        SLIM_NEW_ARRAY(diag->arena, block->setting_count + 1, const char *);
    for (size_t s = 0; s < block->setting_count; s++)
        known[s] = block->settings[s].name;
    if (slim_family_kind(map, SLIM_YAML_MAP, diag) != SLIM_OK ||
        (map != NULL && slim_yaml_only(map, known, diag) != SLIM_OK))
        return SLIM_FAILED;
    enum slim_status status = SLIM_OK;
    for (size_t s = 0; s < block->setting_count; s++) {
        const struct slim_yaml *node =
            map == NULL ? NULL : slim_yaml_get(map, known[s]);
        enum slim_status read = node == NULL
                                    ? default_setting(spec, s, diag)
                                    : read_setting(spec, s, node, names, diag);
        if (read != SLIM_OK)
            status = SLIM_FAILED;
    }
    return status;
}

/* ---- registers ---- */

static enum slim_status find_register(size_t *out, struct slim_family *family,
                                      const struct slim_yaml *node,
                                      struct slim_diag *diag)
{
    const char *text = NULL;
    if (slim_yaml_text(&text, node, diag) != SLIM_OK)
        return SLIM_FAILED;
    for (size_t r = 0; r < family->register_count; r++) {
        if (strcmp(family->registers[r], text) == 0) {
            *out = r;
            return SLIM_OK;
        }
    }
    if (family->register_count == SLIM_REGISTERS)
        return slim_fail(diag, "F317", node->span,
                         "there are %d registers at most", SLIM_REGISTERS);
    *out = family->register_count;
    family->registers[family->register_count++] = text;
    return SLIM_OK;
}

static enum slim_status read_registers(struct slim_block_spec *spec,
                                       struct slim_family *family,
                                       struct slim_diag *diag)
{
    const struct slim_block *block = &slim_blocks[spec->kind];
    const struct slim_yaml *in = slim_yaml_get(spec->node, "in");
    const struct slim_yaml *out = slim_family_need(spec->node, "out", diag);
    if (out == NULL ||
        find_register(&spec->output, family, out, diag) != SLIM_OK)
        return SLIM_FAILED;
    size_t count = in == NULL ? 0 : 1;
    if (in != NULL && in->kind == SLIM_YAML_LIST)
        count = in->count;
    if (count != block->inputs)
        return slim_fail(diag, "F317", in == NULL ? spec->node->span : in->span,
                         "block \"%s\" reads %zu registers, not %zu",
                         block->name, block->inputs, count);
    for (size_t i = 0; i < count; i++) {
        const struct slim_yaml *node =
            in->kind == SLIM_YAML_LIST ? in->items[i] : in;
        if (find_register(&spec->inputs[i], family, node, diag) != SLIM_OK)
            return SLIM_FAILED;
    }
    return SLIM_OK;
}

/* ---- blocks ---- */

static enum slim_status read_kind(struct slim_block_spec *spec,
                                  struct slim_diag *diag)
{
    const char *names[SLIM_BLOCK_COUNT + 1] = { NULL };
    const struct slim_yaml *node = slim_family_need(spec->node, "kind", diag);
    const char *text = NULL;
    if (node == NULL || slim_yaml_text(&text, node, diag) != SLIM_OK)
        return SLIM_FAILED;
    for (size_t k = 0; k < SLIM_BLOCK_COUNT; k++) {
        names[k] = slim_blocks[k].name;
        if (strcmp(names[k], text) != 0)
            continue;
        spec->kind = (enum slim_block_kind)k;
        spec->name = names[k];
        return SLIM_OK;
    }
    struct slim_error *error = slim_error(diag, "F318", node->span,
                                          "\"%s\" is no kind of block", text);
    const char *near = slim_text_nearest(text, names);
    if (near != NULL)
        slim_error_fix(diag, error, node->span, "%s", near);
    return SLIM_FAILED;
}

static enum slim_status read_block(struct slim_block_spec *spec,
                                   struct slim_family *family,
                                   enum slim_part part, struct slim_diag *diag)
{
    static const char *const known[] = { "kind", "name",    "in", "out",
                                         "set",  "tensors", NULL };
    if (slim_family_kind(spec->node, SLIM_YAML_MAP, diag) != SLIM_OK ||
        slim_yaml_only(spec->node, known, diag) != SLIM_OK ||
        read_kind(spec, diag) != SLIM_OK)
        return SLIM_FAILED;
    const struct slim_yaml *name = slim_yaml_get(spec->node, "name");
    if (name != NULL && slim_yaml_text(&spec->name, name, diag) != SLIM_OK)
        return SLIM_FAILED;
    enum slim_status status = read_registers(spec, family, diag);
    if (read_settings(spec, names_of(family, part), diag) != SLIM_OK)
        status = SLIM_FAILED;
    if (read_slots(spec, family, part, diag) != SLIM_OK)
        status = SLIM_FAILED;
    return status;
}

static enum slim_status read_part(struct slim_family *family,
                                  const struct slim_yaml *map,
                                  enum slim_part part, struct slim_diag *diag)
{
    const struct slim_yaml *list =
        slim_family_need(map, part_names[part], diag);
    enum slim_status status = SLIM_OK;
    if (list == NULL || slim_family_kind(list, SLIM_YAML_LIST, diag) != SLIM_OK)
        return SLIM_FAILED;
    struct slim_block_spec *specs =
        SLIM_NEW_ARRAY(diag->arena, list->count, struct slim_block_spec);
    for (size_t b = 0; b < list->count; b++) {
        specs[b].node = list->items[b];
        if (read_block(&specs[b], family, part, diag) != SLIM_OK)
            status = SLIM_FAILED;
    }
    family->blocks[part] = specs;
    family->block_count[part] = list->count;
    return status;
}

enum slim_status slim_family_blocks(struct slim_family *family,
                                    struct slim_diag *diag)
{
    const struct slim_yaml *map =
        slim_family_need(family->root, "blocks", diag);
    static const char *const known[] = { "before", "layer", "after", NULL };
    if (map == NULL || slim_family_kind(map, SLIM_YAML_MAP, diag) != SLIM_OK ||
        slim_yaml_only(map, known, diag) != SLIM_OK)
        return SLIM_FAILED;
    family->registers[0] = "x";
    family->register_count = 1;
    enum slim_status status = SLIM_OK;
    for (size_t p = 0; p < SLIM_PARTS; p++)
        if (read_part(family, map, (enum slim_part)p, diag) != SLIM_OK)
            status = SLIM_FAILED;
    return status;
}
