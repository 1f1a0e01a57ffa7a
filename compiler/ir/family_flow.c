/* family_flow.c - whether the blocks of a family make a program */
#include "compiler/ir/family.h"

/* What a register holds. A value of a block is on its way to the stream; it
 * is taken once. Only the stream, register 0, goes from part to part. */
enum holding { HOLDS_NOTHING, HOLDS_STREAM, HOLDS_BLOCK, HOLDS_LOGITS, TAKEN };

struct state {
    enum holding holding;
    bool read;
    const struct slim_yaml *writer;
};

struct flow {
    const struct slim_family *family;
    struct state registers[SLIM_REGISTERS];
    struct slim_diag *diag;
};

static const struct slim_yaml *input_node(const struct slim_block_spec *spec,
                                          size_t input)
{
    const struct slim_yaml *in = slim_yaml_get(spec->node, "in");
    return in->kind == SLIM_YAML_LIST ? in->items[input] : in;
}

static enum slim_status read_input(enum holding *out, struct flow *flow,
                                   const struct slim_block_spec *spec,
                                   size_t input)
{
    struct state *state = &flow->registers[spec->inputs[input]];
    const struct slim_yaml *node = input_node(spec, input);
    const char *name = flow->family->registers[spec->inputs[input]];
    *out = state->holding;
    state->read = true;
    if (state->holding == HOLDS_NOTHING)
        return slim_fail(flow->diag, "F340", node->span,
                         "register \"%s\" is read before it is written", name);
    if (state->holding == TAKEN || state->holding == HOLDS_LOGITS)
        return slim_fail(flow->diag, "F341", node->span,
                         state->holding == TAKEN
                             ? "the value in \"%s\" went into the stream "
                               "already"
                             : "\"%s\" holds logits, which nothing reads",
                         name);
    if (state->holding == HOLDS_BLOCK)
        state->holding = TAKEN;
    return SLIM_OK;
}

static enum slim_status refuse(const struct flow *flow,
                               const struct slim_block_spec *spec,
                               const char *reason)
{
    return slim_fail(flow->diag, "F342", spec->node->span, "block \"%s\" %s",
                     spec->name, reason);
}

static enum slim_status run_block(enum holding *out, const struct flow *flow,
                                  const struct slim_block_spec *spec,
                                  const enum holding in[2])
{
    bool stream = in[0] == HOLDS_STREAM;
    switch (spec->kind) {
    case SLIM_BLOCK_EMBEDDING:
        *out = HOLDS_STREAM;
        return SLIM_OK;
    case SLIM_BLOCK_NORM:
        *out = in[0];
        return SLIM_OK;
    case SLIM_BLOCK_ATTENTION:
    case SLIM_BLOCK_MLP:
        *out = HOLDS_BLOCK;
        return stream ? SLIM_OK : refuse(flow, spec, "has to read the stream");
    case SLIM_BLOCK_ADD:
        *out = in[0];
        return in[1] == HOLDS_BLOCK
                   ? SLIM_OK
                   : refuse(flow, spec, "wants the output of a block second");
    case SLIM_BLOCK_HEAD:
        *out = HOLDS_LOGITS;
        return stream ? SLIM_OK : refuse(flow, spec, "has to read the stream");
    case SLIM_BLOCK_COUNT:
        break;
    }
    return SLIM_OK;
}

static enum slim_status step(struct flow *flow, struct slim_block_spec *spec)
{
    enum holding in[2] = { HOLDS_NOTHING, HOLDS_NOTHING };
    enum holding out = HOLDS_NOTHING;
    for (size_t i = 0; i < slim_blocks[spec->kind].inputs; i++)
        if (read_input(&in[i], flow, spec, i) != SLIM_OK)
            return SLIM_FAILED;
    if (run_block(&out, flow, spec, in) != SLIM_OK)
        return SLIM_FAILED;
    struct state *state = &flow->registers[spec->output];
    if (spec->output == 0 && out != HOLDS_STREAM)
        return refuse(flow, spec, "writes x, which holds the stream");
    if (state->writer != NULL && !state->read)
        return refuse(flow, spec, "writes over a value that nothing has read");
    spec->residual = spec->kind == SLIM_BLOCK_ADD && out == HOLDS_STREAM;
    state->holding = out;
    state->read = false;
    state->writer = spec->node;
    return SLIM_OK;
}

/* At the end of a part only the stream goes on. */
static enum slim_status end_part(struct flow *flow, enum slim_part part)
{
    enum slim_status status = SLIM_OK;
    for (size_t r = 0; r < flow->family->register_count; r++) {
        struct state *state = &flow->registers[r];
        bool logits = part == SLIM_PART_AFTER && state->holding == HOLDS_LOGITS;
        if (r > 0 && state->writer != NULL && !state->read && !logits)
            status = slim_fail(flow->diag, "F343", state->writer->span,
                               "register \"%s\" is written but not read",
                               flow->family->registers[r]);
        if (r > 0)
            *state = (struct state){ 0 };
    }
    flow->registers[0].writer = NULL;
    return status;
}

static enum slim_status check_ends(const struct slim_family *family,
                                   struct slim_diag *diag)
{
    const struct slim_yaml *map = slim_yaml_get(family->root, "blocks");
    size_t last = family->block_count[SLIM_PART_AFTER];
    if (family->block_count[SLIM_PART_BEFORE] == 0 ||
        family->blocks[SLIM_PART_BEFORE][0].kind != SLIM_BLOCK_EMBEDDING)
        return slim_fail(diag, "F344", map->span,
                         "the first block has to be an embedding");
    if (last == 0 ||
        family->blocks[SLIM_PART_AFTER][last - 1].kind != SLIM_BLOCK_HEAD)
        return slim_fail(diag, "F344", map->span,
                         "the last block has to be a head");
    for (size_t p = 0; p < SLIM_PARTS; p++)
        for (size_t b = 0; b < family->block_count[p]; b++) {
            const struct slim_block_spec *spec = &family->blocks[p][b];
            bool embedding = spec->kind == SLIM_BLOCK_EMBEDDING;
            bool head = spec->kind == SLIM_BLOCK_HEAD;
            if ((embedding && (p != SLIM_PART_BEFORE || b > 0)) ||
                (head && (p != SLIM_PART_AFTER || b + 1 < last)) ||
                (spec->kind == SLIM_BLOCK_ADD && p != SLIM_PART_LAYER))
                return slim_fail(diag, "F344", spec->node->span,
                                 "block \"%s\" has no place here", spec->name);
        }
    return SLIM_OK;
}

enum slim_status slim_family_flow(struct slim_family *family,
                                  struct slim_diag *diag)
{
    struct flow flow = { .family = family, .diag = diag };
    enum slim_status status = check_ends(family, diag);
    for (size_t p = 0; p < SLIM_PARTS && status == SLIM_OK; p++) {
        for (size_t b = 0; b < family->block_count[p]; b++)
            if (step(&flow, &family->blocks[p][b]) != SLIM_OK)
                return SLIM_FAILED;
        status = end_part(&flow, (enum slim_part)p);
        if (status == SLIM_OK && p == SLIM_PART_BEFORE &&
            flow.registers[0].holding != HOLDS_STREAM)
            status = slim_fail(diag, "F344", family->root->span,
                               "nothing writes x before the layers");
    }
    return status;
}
