/* blas_attention.h - attention in blocks of queries and keys */
#ifndef SLIM_KERNEL_BLAS_ATTENTION_H
#define SLIM_KERNEL_BLAS_ATTENTION_H

#include "runtime/kernel/kernel.h"

/* The tokens first .. last - 1 of the sequence that starts at `start`. */
struct slim_token_block {
    size_t start, first, last;
    size_t sequence, sequence_end; /* numbers of the sequence's blocks */
    size_t prefix; /* tokens before this one are seen by all of it */
};

/* All sequences in blocks of at most `size` tokens, in order; *count of them.
 * The caller frees it. */
struct slim_token_block *slim_token_blocks(
    const struct slim_attention_shape *shape, size_t size, size_t *count);

/* The first token that `query` of a sequence that starts at `start` sees. */
static inline size_t slim_first_key(size_t window, size_t start, size_t query)
{
    return window != 0 && query - start >= window ? query - window + 1 : start;
}

/* One past the last token that any query of a block sees. */
static inline size_t slim_last_key(const struct slim_token_block *block)
{
    return block->last > block->prefix ? block->last : block->prefix;
}

/* About the operations of one product of all queries with their keys. */
double slim_attention_work(const struct slim_attention_shape *shape);

/* One head's logits of a block: queries from `query`, keys from `key`. */
struct slim_logits {
    float *at; /* (queries, keys) */
    size_t query, queries, key, keys;
    size_t start, window, prefix; /* of the sequence */
    float slope;
};

static inline size_t slim_least(size_t a, size_t b)
{
    return a < b ? a : b;
}

/* Of `row`, the columns lo .. hi - 1 are seen; lo <= hi <= keys. */
static inline void slim_logits_seen(const struct slim_logits *s, size_t row,
                                    size_t *lo, size_t *hi)
{
    size_t query = s->query + row;
    size_t low = slim_first_key(s->window, s->start, query);

    size_t end = query + 1 > s->prefix ? query + 1 : s->prefix;
    *hi = end <= s->key ? 0 : slim_least(end - s->key, s->keys);
    *lo = low > s->key ? slim_least(low - s->key, *hi) : 0;
}

/* s[j] -= slope * (query - key) over the columns lo .. hi - 1 of one row. */
static inline void slim_logits_lean(float *s, float slope, float distance,
                                    size_t lo, size_t hi)
{
    for (size_t j = lo; slope != 0 && j < hi; j++)
        s[j] -= slope * (distance - (float)(int)j);
}

/* mean[i] = d_o[i] . o[i] over rows[rows, dim], those of a token's heads one
 * after the other. */
void slim_attention_means(float *mean, const float *d_o, const float *o,
                          size_t rows, size_t dim);

/* Logits to probabilities, and d (the gradient of those) to the gradient of
 * the logits without their factor; zero where nothing is seen. lse, mean: of
 * the first query, `heads` apart from one to the next. */
void slim_attention_chain(const struct slim_logits *block, float *d,
                          const float *lse, const float *mean, size_t heads);

/*
 * A backward in pairs of a block of queries of a head and a block of keys. The
 * gradient of a key sums over the query heads of its group, so a tile is a
 * key/value head, with a whole sequence or, where those are few, a block of its
 * keys: then queries meet the keys a second time for their own gradient.
 */
struct slim_meetings {
    const struct slim_attention_shape *shape;
    const struct slim_token_block *blocks;
    size_t count; /* of blocks */
    void *context;
    /* Block i of queries of head h and block j of keys: adds to the gradients
     * that are wanted. */
    void (*meet)(void *context, size_t i, size_t j, size_t h, size_t worker);
    /* Around all that block j meets for the gradients of its keys; or NULL. */
    void (*begin)(void *context, size_t worker);
    void (*end)(void *context, size_t j, size_t kv, size_t worker);
    bool want_q, want_kv; /* set in the course of it */
};
void slim_attention_meet(struct slim_meetings *meetings);

#endif
