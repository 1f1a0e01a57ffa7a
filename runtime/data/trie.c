/* trie.c - a tree of bytes: which of many texts begins here */
#include "runtime/data/tokenizer_parts.h"

#include <stdlib.h>

uint32_t slim_trie_child(const struct slim_trie *trie, uint32_t node,
                         unsigned char byte)
{
    if (node == 0)
        return trie->first[byte];
    uint32_t child = trie->nodes[node].child;

    while (child && trie->nodes[child].byte != byte)
        child = trie->nodes[child].sibling;
    return child;
}

/* Hangs the newest node under `parent`, after its other children. */
static void hang(struct slim_trie *trie, uint32_t parent, uint32_t node)
{
    struct slim_trie_node *above = &trie->nodes[parent];

    if (parent == 0)
        trie->first[trie->nodes[node].byte] = node;
    else if (above->last)
        trie->nodes[above->last].sibling = node;
    else
        above->child = node;
    above->last = node;
}

static enum slim_status add_node(struct slim_trie *trie, unsigned char byte,
                                 struct slim_diag *diag)
{
    void *nodes = trie->nodes;

    if (slim_grow(&nodes, &trie->capacity, trie->count + 1,
                  sizeof(*trie->nodes), diag))
        return SLIM_FAILED;
    trie->nodes = nodes;
    trie->nodes[trie->count++] =
        (struct slim_trie_node){ .token = -1, .byte = byte };
    return SLIM_OK;
}

enum slim_status slim_trie_add(struct slim_trie *trie, const char *text,
                               size_t length, int32_t token,
                               struct slim_diag *diag)
{
    uint32_t node = 0;

    if (trie->count == 0 && add_node(trie, 0, diag))
        return SLIM_FAILED;
    for (size_t i = 0; i < length; i++) {
        unsigned char byte = (unsigned char)text[i];
        uint32_t child = slim_trie_child(trie, node, byte);

        if (!child) {
            child = (uint32_t)trie->count;
            if (add_node(trie, byte, diag))
                return SLIM_FAILED;
            hang(trie, node, child);
        }
        node = child;
    }
    if (node && trie->nodes[node].token < 0)
        trie->nodes[node].token = token;
    return SLIM_OK;
}

size_t slim_trie_longest(const struct slim_trie *trie, int32_t *token,
                         const char *text, size_t length, size_t at)
{
    uint32_t node = 0;
    size_t best = 0;

    for (size_t i = at; i < length; i++) {
        node = slim_trie_child(trie, node, (unsigned char)text[i]);
        if (!node)
            break;
        if (trie->nodes[node].token >= 0) {
            *token = trie->nodes[node].token;
            best = i + 1 - at;
        }
    }
    return best;
}

void slim_trie_close(struct slim_trie *trie)
{
    free(trie->nodes);
    *trie = (struct slim_trie){ 0 };
}
