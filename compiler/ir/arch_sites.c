/* arch_sites.c - which site of the stream each block and tensor belongs to */
#include "compiler/ir/family.h"

/*
 * A norm between the embedding and the stream sees one row of the table at a
 * time, where nothing was added on the way: what it gives is a function of the
 * token alone, and another table gives the same. Folding makes that table.
 */
static void find_table_norms(struct slim_arch *arch)
{
    for (size_t n = 1; n < arch->layer_first[0]; n++) {
        struct slim_node *node = &arch->nodes[n];
        const struct slim_node *before = node - 1;

        node->of_table = node->kind == SLIM_BLOCK_NORM && node->output == 0 &&
                         before->kind == SLIM_BLOCK_EMBEDDING &&
                         !before->slots[SLIM_EMBEDDING_POSITIONS] &&
                         !before->slots[SLIM_EMBEDDING_PROJECT] &&
                         node->inputs[0] == before->output;
    }
}

/* Site of the stream that each register holds; SLIM_NO_SITE: a block's output
 * on its way. A stream add opens a site; a sum of outputs does not. */
static void open_sites(struct slim_arch *arch)
{
    size_t held[SLIM_REGISTERS];
    for (size_t r = 0; r < SLIM_REGISTERS; r++)
        held[r] = SLIM_NO_SITE;
    for (size_t n = 0; n < arch->node_count; n++) {
        struct slim_node *node = &arch->nodes[n];
        size_t in = held[node->inputs[0]];
        switch (node->kind) {
        case SLIM_BLOCK_EMBEDDING:
            node->site_out = arch->site_count++;
            break;
        case SLIM_BLOCK_NORM:
            node->site_in = node->site_out = in;
            break;
        case SLIM_BLOCK_ADD:
            node->site_in = in;
            if (in != SLIM_NO_SITE)
                node->site_out = arch->site_count++;
            break;
        case SLIM_BLOCK_ATTENTION:
        case SLIM_BLOCK_MLP:
        case SLIM_BLOCK_HEAD:
        case SLIM_BLOCK_COUNT:
            node->site_in = in;
            break;
        }
        held[node->output] = node->site_out;
    }
}

/* Backwards: a block's output belongs to the site of the add that takes it,
 * through norms and sums. */
static void close_sites(struct slim_arch *arch)
{
    size_t wanted[SLIM_REGISTERS];
    for (size_t r = 0; r < SLIM_REGISTERS; r++)
        wanted[r] = SLIM_NO_SITE;
    for (size_t n = arch->node_count; n-- > 0;) {
        struct slim_node *node = &arch->nodes[n];
        size_t site = wanted[node->output];
        if (node->kind == SLIM_BLOCK_ADD && node->site_out != SLIM_NO_SITE) {
            wanted[node->inputs[1]] = node->site_out;
            continue;
        }
        if (node->site_out != SLIM_NO_SITE || node->kind == SLIM_BLOCK_HEAD)
            continue;
        node->site_out = site;
        if (node->kind == SLIM_BLOCK_ADD)
            wanted[node->inputs[1]] = site;
        if (node->kind == SLIM_BLOCK_ADD || node->kind == SLIM_BLOCK_NORM) {
            node->site_in = site;
            wanted[node->inputs[0]] = site;
        }
    }
}

/* Rows are of the site that is written, columns of the site that is read; a
 * table writes its columns, a shortcut leads from rows to columns. */
static void place_tensors(struct slim_arch *arch)
{
    for (size_t t = 0; t < arch->tensor_count; t++) {
        struct slim_tensor *tensor = &arch->tensors[t];
        const struct slim_node *node = tensor->node;
        for (size_t d = 0; d < tensor->dims_count; d++) {
            if (!slim_dim_carries(tensor->dims[d], arch->stream))
                continue;
            bool writes = (d == 0) != (slim_tensor_is_table(tensor) ||
                                       node->kind == SLIM_BLOCK_ADD);
            tensor->sites[d] = writes ? node->site_out : node->site_in;
        }
    }
}

void slim_arch_sites(struct slim_arch *arch)
{
    find_table_norms(arch);
    open_sites(arch);
    close_sites(arch);
    place_tensors(arch);
}
