/* family_tensor.c - whether the tensors of a family make its blocks whole */
#include "compiler/ir/family.h"

#include "base/text.h"

#include <assert.h>
#include <string.h>

/* ---- forms: which slots there must be ---- */

static bool form_has(const char *form, const char *slot)
{
    size_t length = strlen(slot);
    for (const char *at = form; *at != '\0'; at += strspn(at, " ")) {
        size_t word = strcspn(at, " ");
        if (word == length && strncmp(at, slot, length) == 0)
            return true;
        at += word;
    }
    return false;
}

static bool some_form_has(const struct slim_block *block, const char *slot)
{
    for (size_t f = 0; block->forms[f] != NULL; f++)
        if (form_has(block->forms[f], slot))
            return true;
    return false;
}

static bool form_fits(const struct slim_block_spec *spec, const char *form)
{
    const struct slim_block *block = &slim_blocks[spec->kind];
    for (size_t s = 0; s < block->slot_count; s++) {
        const char *slot = block->slots[s].name;
        bool wanted = form_has(form, slot);
        if (wanted != (spec->slots[s] != NULL) &&
            (wanted || some_form_has(block, slot)))
            return false;
    }
    return true;
}

static enum slim_status check_form(const struct slim_block_spec *spec,
                                   struct slim_diag *diag)
{
    const struct slim_block *block = &slim_blocks[spec->kind];
    struct slim_text wanted = { 0 };
    for (size_t f = 0; block->forms[f] != NULL; f++) {
        if (form_fits(spec, block->forms[f])) {
            slim_text_free(&wanted);
            return SLIM_OK;
        }
        slim_text_printf(&wanted, "%s\"%s\"", f == 0 ? "" : " or ",
                         block->forms[f]);
    }
    slim_error(diag, "F330", spec->node->span,
               "block \"%s\" has not the tensors that it needs: %s", spec->name,
               wanted.data);
    slim_text_free(&wanted);
    return SLIM_FAILED;
}

/* ---- dims ---- */

static bool slot_is_bias(const char *slot)
{
    size_t length = strlen(slot);
    return length >= 4 && strcmp(slot + length - 4, "bias") == 0;
}

static bool dims_match(const struct slim_dim *a, const struct slim_dim *b)
{
    if (a->kind != b->kind || a->axis != b->axis ||
        a->part_count != b->part_count)
        return false;
    for (size_t p = 0; p < a->part_count; p++)
        if (!dims_match(a->parts[p], b->parts[p]))
            return false;
    return true;
}

static bool is_stream(const struct slim_family *family,
                      const struct slim_dim *dim)
{
    return dim->kind == SLIM_DIM_AXIS && dim->axis == family->stream;
}

static bool has_label(const struct slim_dim *dim, const char *label)
{
    if (dim->label != NULL && strcmp(dim->label, label) == 0)
        return true;
    for (size_t p = 0; p < dim->part_count; p++)
        if (has_label(dim->parts[p], label))
            return true;
    return false;
}

static enum slim_status refuse_dims(const struct slim_slot_spec *slot,
                                    const char *wanted, struct slim_diag *diag)
{
    const struct slim_yaml *dims = slim_yaml_get(slot->node, "dims");
    return slim_fail(diag, "F331", dims->span, "\"%s\" %s", slot->slot, wanted);
}

/* Axes of a layer have no size outside of layers. */
static enum slim_status check_scope(const struct slim_slot_spec *slot,
                                    const struct slim_family *family,
                                    enum slim_part part, struct slim_diag *diag)
{
    for (size_t d = 0; d < slot->dims_count; d++)
        for (size_t a = 0; a < family->axis_count; a++)
            if (part != SLIM_PART_LAYER &&
                family->axes[a].axis.kind == SLIM_AXIS_LAYER &&
                slim_dim_carries(slot->dims[d], a))
                return refuse_dims(slot,
                                   "is outside of the layers and carries "
                                   "an axis of a layer",
                                   diag);
    return SLIM_OK;
}

/* The columns of o are [kv.dim] or [kv.rep.dim]: first what can be cut, last
 * what is inside a head. */
static enum slim_status check_heads(const struct slim_slot_spec *o,
                                    const struct slim_family *family,
                                    struct slim_diag *diag)
{
    const struct slim_dim *dim = o->dims[1];
    bool whole = dim->kind == SLIM_DIM_PRODUCT;
    for (size_t p = 0; whole && p < dim->part_count; p++)
        whole = dim->parts[p]->kind == SLIM_DIM_AXIS &&
                family->axes[dim->parts[p]->axis].axis.fixed == (p > 0);
    if (!whole)
        return refuse_dims(o,
                           "wants columns of an axis of heads, then fixed "
                           "axes, the last the width of a head",
                           diag);
    return SLIM_OK;
}

static enum slim_status check_labels(const struct slim_slot_spec *slot,
                                     const char *const *labels,
                                     struct slim_diag *diag)
{
    for (size_t l = 0; labels[l] != NULL; l++)
        if (!has_label(slot->dims[0], labels[l]))
            return refuse_dims(slot, "is fused: its parts need labels", diag);
    return SLIM_OK;
}

static enum slim_status check_attention(const struct slim_block_spec *spec,
                                        const struct slim_family *family,
                                        struct slim_diag *diag)
{
    static const char *const labels[] = { "q", "k", "v", NULL };
    const struct slim_slot_spec *o = spec->slots[SLIM_ATTENTION_O];
    const struct slim_slot_spec *q = spec->slots[SLIM_ATTENTION_Q];
    const struct slim_slot_spec *k = spec->slots[SLIM_ATTENTION_K];
    const struct slim_slot_spec *v = spec->slots[SLIM_ATTENTION_V];
    if (check_heads(o, family, diag) != SLIM_OK)
        return SLIM_FAILED;
    if (q == NULL)
        return check_labels(spec->slots[SLIM_ATTENTION_QKV], labels, diag);
    if (!dims_match(q->dims[0], o->dims[1]))
        return refuse_dims(q, "has other rows than \"o\" has columns", diag);
    if (!dims_match(k->dims[0], v->dims[0]))
        return refuse_dims(v, "has other rows than \"k\"", diag);
    return SLIM_OK;
}

static enum slim_status check_mlp(const struct slim_block_spec *spec,
                                  struct slim_diag *diag)
{
    static const char *const labels[] = { "gate", "up", NULL };
    const struct slim_slot_spec *down = spec->slots[SLIM_MLP_DOWN];
    const struct slim_slot_spec *up = spec->slots[SLIM_MLP_UP];
    const struct slim_slot_spec *gate = spec->slots[SLIM_MLP_GATE];
    if (down->dims[1]->kind != SLIM_DIM_AXIS)
        return refuse_dims(down, "wants columns of one axis", diag);
    if (spec->slots[SLIM_MLP_GATE_UP] != NULL)
        return check_labels(spec->slots[SLIM_MLP_GATE_UP], labels, diag);
    assert(up != NULL); /* the forms of an mlp want it or gate_up */
    if (!dims_match(up->dims[0], down->dims[1]))
        return refuse_dims(up, "has other rows than \"down\" has columns",
                           diag);
    if (gate != NULL && !dims_match(gate->dims[0], up->dims[0]))
        return refuse_dims(gate, "has other rows than \"up\"", diag);
    return SLIM_OK;
}

static bool writes_stream(const struct slim_block_spec *spec, const char *slot)
{
    return strcmp(slot, "o") == 0 || strcmp(slot, "down") == 0 ||
           (spec->kind == SLIM_BLOCK_EMBEDDING && strcmp(slot, "project") == 0);
}

/* A projection stands between the table of tokens and the stream. */
static const struct slim_slot_spec *projection(
    const struct slim_block_spec *spec)
{
    return spec->kind == SLIM_BLOCK_EMBEDDING
               ? spec->slots[SLIM_EMBEDDING_PROJECT]
           : spec->kind == SLIM_BLOCK_HEAD ? spec->slots[SLIM_HEAD_PROJECT]
                                           : NULL;
}

static bool is_narrow(const struct slim_block_spec *spec, const char *slot)
{
    return strcmp(slot, "weight") == 0 && projection(spec) != NULL;
}

/* What the table has as columns, the projection has on its other side. */
static enum slim_status check_projection(const struct slim_block_spec *spec,
                                         struct slim_diag *diag)
{
    const struct slim_slot_spec *project = projection(spec);
    const struct slim_slot_spec *weight = spec->slots[0];
    size_t other = spec->kind == SLIM_BLOCK_EMBEDDING ? 1 : 0;

    if (project != NULL && project->when != NULL)
        return refuse_dims(
            project, "cannot be left out: \"weight\" is not on the stream",
            diag);
    if (project == NULL)
        return SLIM_OK;
    assert(weight != NULL); /* both kinds of block want it */
    if (dims_match(project->dims[other], weight->dims[1]))
        return SLIM_OK;
    return refuse_dims(project,
                       other ? "has other columns than \"weight\""
                             : "has other rows than \"weight\" has columns",
                       diag);
}

/* Vectors and matrices, and where the stream is: on the rows of what writes
 * it, else on the columns; a norm has nothing but the stream. */
static enum slim_status check_rank(const struct slim_block_spec *spec,
                                   const struct slim_slot_spec *slot,
                                   const struct slim_family *family,
                                   struct slim_diag *diag)
{
    bool norm = spec->kind == SLIM_BLOCK_NORM;
    bool vector = norm || slot_is_bias(slot->slot);
    bool writes = writes_stream(spec, slot->slot);
    if (slot->dims_count != (vector ? 1u : 2u))
        return refuse_dims(slot,
                           vector ? "is a vector: it has one dimension"
                                  : "is a matrix: it has two dimensions",
                           diag);
    if (norm && !is_stream(family, slot->dims[0]))
        return refuse_dims(slot, "belongs to the stream's axis", diag);
    if (!vector && !is_narrow(spec, slot->slot) &&
        !is_stream(family, slot->dims[writes ? 0 : 1]))
        return refuse_dims(slot,
                           writes ? "wants the stream's axis as rows"
                                  : "wants the stream's axis as columns",
                           diag);
    return SLIM_OK;
}

/* A bias has the rows of its matrix, and none stands alone. */
static enum slim_status check_bias(const struct slim_block_spec *spec,
                                   const struct slim_slot_spec *bias,
                                   struct slim_diag *diag)
{
    const struct slim_block *block = &slim_blocks[spec->kind];
    size_t length = strlen(bias->slot);
    if (!slot_is_bias(bias->slot) || spec->kind == SLIM_BLOCK_NORM)
        return SLIM_OK;
    for (size_t s = 0; s < block->slot_count; s++) {
        const char *name = block->slots[s].name;
        bool own = length > 5 ? strlen(name) == length - 5 &&
                                    strncmp(name, bias->slot, length - 5) == 0
                              : strcmp(name, "weight") == 0;
        if (!own || spec->slots[s] == NULL)
            continue;
        if (dims_match(spec->slots[s]->dims[0], bias->dims[0]))
            return SLIM_OK;
        return refuse_dims(bias, "has other rows than its matrix", diag);
    }
    return slim_fail(diag, "F330", bias->node->span,
                     "\"%s\" has no matrix to belong to", bias->slot);
}

static enum slim_status check_block(const struct slim_block_spec *spec,
                                    const struct slim_family *family,
                                    enum slim_part part, struct slim_diag *diag)
{
    if (check_form(spec, diag) != SLIM_OK)
        return SLIM_FAILED;
    for (size_t s = 0; s < slim_blocks[spec->kind].slot_count; s++) {
        const struct slim_slot_spec *slot = spec->slots[s];
        if (slot != NULL && (check_scope(slot, family, part, diag) != SLIM_OK ||
                             check_rank(spec, slot, family, diag) != SLIM_OK ||
                             check_bias(spec, slot, diag) != SLIM_OK))
            return SLIM_FAILED;
    }
    if (spec->kind == SLIM_BLOCK_ATTENTION)
        return check_attention(spec, family, diag);
    if (spec->kind == SLIM_BLOCK_MLP)
        return check_mlp(spec, diag);
    return check_projection(spec, diag);
}

/* ---- ties ---- */

static enum slim_status find_tie(struct slim_slot_spec *slot,
                                 const struct slim_slot_list *slots,
                                 struct slim_diag *diag)
{
    const struct slim_yaml *to = slim_yaml_get(slot->node, "to");
    const char *text = NULL;
    if (to == NULL)
        return SLIM_OK;
    if (slim_yaml_text(&text, to, diag) != SLIM_OK)
        return SLIM_FAILED;
    for (size_t s = 0; s < slots->count; s++) {
        const char *name =
            slim_arena_printf(diag->arena, "%s.%s", slots->blocks[s]->name,
                              slots->items[s]->slot);
        if (slots->items[s] == slot || strcmp(name, text) != 0 ||
            slots->parts[s] == SLIM_PART_LAYER)
            continue;
        slot->tie = slots->items[s];
        for (size_t d = 0; d < 2; d++)
            if (slot->dims_count != 2 || slot->tie->dims_count != 2 ||
                !dims_match(slot->dims[d], slot->tie->dims[d]))
                return refuse_dims(slot, "differs from what it is tied to",
                                   diag);
        return SLIM_OK;
    }
    return slim_fail(diag, "F333", to->span,
                     "there is no tensor \"%s\" outside of the layers; write "
                     "BLOCK.SLOT",
                     text);
}

enum slim_status slim_family_tensors(struct slim_family *family,
                                     struct slim_diag *diag)
{
    struct slim_slot_list slots = slim_family_slots(family, diag->arena);
    enum slim_status status = SLIM_OK;
    for (size_t p = 0; p < SLIM_PARTS; p++)
        for (size_t b = 0; b < family->block_count[p]; b++)
            if (check_block(&family->blocks[p][b], family, (enum slim_part)p,
                            diag) != SLIM_OK)
                status = SLIM_FAILED;
    for (size_t s = 0; s < slots.count; s++)
        if (find_tie(slots.items[s], &slots, diag) != SLIM_OK)
            status = SLIM_FAILED;
    return status;
}
