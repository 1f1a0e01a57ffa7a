/* kernel_cases_attention.c - attention of a table on seeded random input */
#include "tests/kernel_cases.h"

#include <stdlib.h>

static void attention_of(const struct slim_kernels *t,
                         struct slim_case_output *out,
                         const struct slim_attention_shape *shape)
{
    size_t tokens = shape->starts[shape->sequences];
    size_t n = tokens * shape->heads * shape->dim;
    size_t m = tokens * shape->kv_heads * shape->dim;
    float *q = slim_case_normal(n, 1), *k = slim_case_normal(m, 2);
    float *v = slim_case_normal(m, 3), *o = slim_case_normal(n, 4);
    float *d_o = slim_case_normal(n, 5), *dq = slim_case_normal(n, 6);
    float *dk = slim_case_normal(m, 7), *dv = slim_case_normal(m, 8);
    float *lse = slim_case_normal(tokens * shape->heads, 9);

    t->attention(o, lse, q, k, v, shape);
    t->attention_grad(dq, dk, dv, d_o, q, k, v, o, lse, shape);
    t->attention(d_o, NULL, q, k, v, shape);
    slim_case_keep(out, o, n);
    slim_case_keep(out, lse, tokens * shape->heads);
    slim_case_keep(out, dq, n);
    slim_case_keep(out, dk, m);
    slim_case_keep(out, dv, m);
    slim_case_keep(out, d_o, n);
    free(q);
    free(k);
    free(v);
}

static const size_t ragged[] = { 0, 1, 301, 301, 321, 450, 451, 579, 707 };

/* 3 query heads to a key/value head, lengths 1, 300, 0, 20, 129, 1, 128, 128 */
void slim_case_attention_grouped(const struct slim_kernels *t,
                                 struct slim_case_output *out)
{
    attention_of(t, out,
                 &(struct slim_attention_shape){ .sequences = 8,
                                                 .starts = ragged,
                                                 .heads = 6,
                                                 .kv_heads = 2,
                                                 .dim = 16,
                                                 .scale = 0.25f });
}

void slim_case_attention_one_sequence(const struct slim_kernels *t,
                                      struct slim_case_output *out)
{
    static const size_t starts[] = { 0, 700 };

    attention_of(t, out,
                 &(struct slim_attention_shape){ .sequences = 1,
                                                 .starts = starts,
                                                 .heads = 4,
                                                 .kv_heads = 1,
                                                 .dim = 24,
                                                 .scale = 0.2f });
}

void slim_case_attention_window(const struct slim_kernels *t,
                                struct slim_case_output *out)
{
    static const size_t windows[] = { 1, 37, 128, 129, 290 };

    for (size_t i = 0; i < sizeof windows / sizeof *windows; i++)
        attention_of(t, out,
                     &(struct slim_attention_shape){ .sequences = 8,
                                                     .starts = ragged,
                                                     .heads = 2,
                                                     .kv_heads = 2,
                                                     .dim = 8,
                                                     .window = windows[i],
                                                     .scale = 0.35f });
}

void slim_case_attention_alibi(const struct slim_kernels *t,
                               struct slim_case_output *out)
{
    static const float slopes[] = { 0.5f, 0.0f, 0.004f, 0.0625f };

    attention_of(t, out,
                 &(struct slim_attention_shape){ .sequences = 8,
                                                 .starts = ragged,
                                                 .heads = 4,
                                                 .kv_heads = 4,
                                                 .dim = 8,
                                                 .scale = 0.35f,
                                                 .slopes = slopes });
}

/* Prefixes of nothing, of a part of a block, of some blocks, of all of it. */
void slim_case_attention_prefix(const struct slim_kernels *t,
                                struct slim_case_output *out)
{
    static const size_t prefix[] = { 1, 290, 0, 0, 64, 0, 128, 37 };
    static const size_t alone[] = { 0, 700 }, most[] = { 333 };

    for (size_t window = 0; window < 300; window += 150)
        attention_of(t, out,
                     &(struct slim_attention_shape){ .sequences = 8,
                                                     .starts = ragged,
                                                     .heads = 6,
                                                     .kv_heads = 2,
                                                     .dim = 8,
                                                     .window = window,
                                                     .scale = 0.35f,
                                                     .prefix = prefix });
    attention_of(t, out,
                 &(struct slim_attention_shape){ .sequences = 1,
                                                 .starts = alone,
                                                 .heads = 2,
                                                 .kv_heads = 2,
                                                 .dim = 8,
                                                 .scale = 0.35f,
                                                 .prefix = most });
}

/* All rows of a sequence, some of the last, the last alone. */
void slim_case_attention_step(const struct slim_kernels *t,
                              struct slim_case_output *out)
{
    enum { KEYS = 301, HEADS = 6, KV = 2, DIM = 16 };
    static const float slopes[] = { 0.5f, 0.0f, 0.004f, 0.0625f, 1.0f, 0.25f };
    static const size_t rows[] = { KEYS, 37, 1 };
    float *k = slim_case_normal((size_t)KEYS * KV * DIM, 1);
    float *v = slim_case_normal((size_t)KEYS * KV * DIM, 2);

    for (size_t i = 0; i < 9; i++) {
        size_t n = rows[i % 3] * HEADS * DIM;
        float *q = slim_case_normal(n, 3), *o = slim_case_normal(n, 4);

        t->attention_step(o, q, k, v, rows[i % 3], KEYS,
                          &(struct slim_attention_shape){
                              .heads = HEADS,
                              .kv_heads = KV,
                              .dim = DIM,
                              .window = i / 3 == 1 ? 40 : 0,
                              .slopes = i / 3 == 2 ? slopes : NULL,
                              .scale = 0.25f });
        slim_case_keep(out, o, n);
        free(q);
    }
    free(k);
    free(v);
}

/* A logit of several thousand must not overflow anything. */
void slim_case_attention_sharp(const struct slim_kernels *t,
                               struct slim_case_output *out)
{
    attention_of(t, out,
                 &(struct slim_attention_shape){ .sequences = 8,
                                                 .starts = ragged,
                                                 .heads = 2,
                                                 .kv_heads = 1,
                                                 .dim = 32,
                                                 .scale = 100.0f });
}
