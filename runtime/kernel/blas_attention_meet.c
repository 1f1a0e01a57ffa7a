/* blas_attention_meet.c - which blocks meet in a backward of attention, when */
#include "runtime/kernel/blas_attention.h"
#include "runtime/kernel/parallel.h"

/* Below so many pairs of sequence and key/value head, there are tiles for
 * blocks of keys and for blocks of queries, at 7 products instead of 5. */
enum { FEW = 8 };

/* Query block i of head h with key block j, if one sees something of the other. */
static void meet(const struct slim_meetings *m, size_t i, size_t j, size_t h,
                 size_t worker)
{
    const struct slim_token_block *query = &m->blocks[i], *key = &m->blocks[j];
    size_t window = m->shape->window;
    size_t until = slim_least(key->last, slim_last_key(query));

    if ((i < j && key->first >= key->prefix) || until <= key->first ||
        (window && until + window <= query->first + 1))
        return;
    m->meet(m->context, i, j, h, worker);
}

/* All that block j of keys takes part in, for one key/value head. The order
 * of the sums is that of these loops. */
static void meet_keys(const struct slim_meetings *m, size_t j, size_t kv,
                      size_t worker)
{
    const struct slim_token_block *key = &m->blocks[j];
    size_t rep = m->shape->heads / m->shape->kv_heads;
    /* of a prefix, queries before the keys, too */
    size_t first = key->first < key->prefix ? key->sequence : j;

    if (m->begin)
        m->begin(m->context, worker);
    for (size_t h = kv * rep; h < (kv + 1) * rep; h++)
        for (size_t i = first; i < key->sequence_end; i++)
            meet(m, i, j, h, worker);
    if (m->end)
        m->end(m->context, j, kv, worker);
}

static void sequence_tile(void *context, size_t tile, size_t worker)
{
    const struct slim_meetings *m = context;
    size_t block = tile / m->shape->kv_heads, kv = tile % m->shape->kv_heads;

    if (block != m->blocks[block].sequence)
        return;
    for (size_t j = block; j < m->blocks[block].sequence_end; j++)
        meet_keys(m, j, kv, worker);
}

static void keys_tile(void *context, size_t tile, size_t worker)
{
    const struct slim_meetings *m = context;

    meet_keys(m, tile / m->shape->kv_heads, tile % m->shape->kv_heads, worker);
}

static void queries_tile(void *context, size_t tile, size_t worker)
{
    const struct slim_meetings *m = context;
    size_t i = tile / m->shape->heads, h = tile % m->shape->heads;

    for (size_t j = m->blocks[i].sequence; j < m->blocks[i].sequence_end; j++)
        meet(m, i, j, h, worker);
}

void slim_attention_meet(struct slim_meetings *m)
{
    const struct slim_attention_shape *shape = m->shape;
    double work = 5.0 * slim_attention_work(shape);
    bool few = shape->sequences * shape->kv_heads < FEW;

    m->want_kv = true;
    m->want_q = !few;
    slim_parallel(m->count * shape->kv_heads, work,
                  few ? keys_tile : sequence_tile, m);
    if (!few)
        return;
    m->want_kv = false;
    m->want_q = true;
    slim_parallel(m->count * shape->heads, work, queries_tile, m);
}
