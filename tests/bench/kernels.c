/* kernels.c - speed of every operation against that of plain products
 *
 * usage: kernels [FILE]: the table also as a line of JSON for each row */
#include "base/array.h"
#include "base/progress.h"
#include "compiler/ir/block.h"
#include "runtime/kernel/kernel.h"
#include "tests/kernel_cases.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* A layer of a small model: SIZE rows, each row of figures below is one. */
enum {
    ROWS = 2048,
    WIDTH = 576,
    FFN = 1536,
    VOCAB = 49152,
    HEADS = 9,
    KV_HEADS = 3,
    DIM = 64,
    LENGTH = 2048,
    SHORT = 64,
    RANK = 8,
    REPEATS = 4
};

/* All that any of the measured calls reads or writes. */
struct bench {
    const struct slim_kernels *table;
    float *a, *b, *c, *d, *e, *f, *g, *lse;
    double *nll, *wide;
    int32_t *ids;
    uint16_t *narrow; /* c in bf16, packed */
    struct slim_attention_shape shape;
    FILE *json; /* or NULL */
};

struct measured {
    const char *name;
    void (*run)(struct bench *b);
    double operations; /* GFLOP, or 0: judged by bytes */
    double bytes;      /* GB moved at least */
};

/* Seconds of the fastest of some calls. */
static double fastest(void (*run)(struct bench *b), struct bench *b)
{
    double best = 1e30;

    for (int i = 0; i < REPEATS; i++) {
        double start = slim_now();

        run(b);
        double took = slim_now() - start;

        best = took < best ? took : best;
    }
    return best;
}

/* The limit: one large product. */
static void large_product(struct bench *b)
{
    b->table->matmul(b->a, b->b, b->c, 2048, 2048, 2048, false);
}

/* The limit of bf16, and what the linears reach of it. */
static void large_narrow(struct bench *b)
{
    b->table->narrow->linear(b->a, b->b, b->narrow, NULL, 2048, 2048, 2048);
}

static void narrow_linear(struct bench *b)
{
    b->table->narrow->linear(b->a, b->b, b->narrow, NULL, ROWS, WIDTH, WIDTH);
}

static void narrow_linear_up(struct bench *b)
{
    b->table->narrow->linear(b->a, b->b, b->narrow, NULL, ROWS, WIDTH, FFN);
}

static void narrow_linear_down(struct bench *b)
{
    b->table->narrow->linear(b->a, b->b, b->narrow, NULL, ROWS, FFN, WIDTH);
}

static void narrow_linear_few(struct bench *b)
{
    b->table->narrow->linear(b->a, b->b, b->narrow, NULL, 640, WIDTH, FFN);
}

static void narrow_linear_7b(struct bench *b)
{
    b->table->narrow->linear(b->a, b->b, b->narrow, NULL, ROWS, 4096, 4096);
}

static void narrow_grad_x_7b(struct bench *b)
{
    b->table->narrow->linear_grad_x(b->a, b->b, b->narrow, ROWS, 4096, 4096,
                                    false);
}

static void narrow_grad_w_7b(struct bench *b)
{
    b->table->narrow->linear_grad_w(b->a, b->b, b->c, ROWS, 4096, 4096, true);
}

static void narrow_grad_x(struct bench *b)
{
    b->table->narrow->linear_grad_x(b->a, b->b, b->narrow, ROWS, WIDTH, FFN,
                                    false);
}

static void narrow_grad_w(struct bench *b)
{
    b->table->narrow->linear_grad_w(b->a, b->b, b->c, ROWS, WIDTH, FFN, true);
}

static void narrow_loss(struct bench *b)
{
    b->table->narrow->cross_entropy(b->nll, b->b, b->narrow, NULL, b->ids, 640,
                                    WIDTH, VOCAB);
}

static void narrow_loss_grad(struct bench *b)
{
    b->table->narrow->cross_entropy_grad(b->nll, b->a, NULL, NULL, b->b,
                                         b->narrow, b->narrow, NULL, b->ids, 1,
                                         640, WIDTH, VOCAB);
}

/* One token: judged by the weights' bytes. */
static void narrow_token(struct bench *b)
{
    b->table->narrow->linear(b->a, b->b, b->narrow, NULL, 1, WIDTH, VOCAB);
}

static void pack(struct bench *b)
{
    b->table->narrow->pack_wide(b->narrow, b->c,
                                &(struct slim_pack_form){ ROWS, FFN, false });
}

static void pack_back(struct bench *b)
{
    b->table->narrow->pack_wide(b->narrow, b->c,
                                &(struct slim_pack_form){ ROWS, FFN, true });
}

static void linear_7b(struct bench *b)
{
    b->table->linear(b->a, b->b, b->c, NULL, ROWS, 4096, 4096);
}

static void grad_x_7b(struct bench *b)
{
    b->table->linear_grad_x(b->a, b->b, b->c, ROWS, 4096, 4096, false);
}

static void grad_w_7b(struct bench *b)
{
    b->table->linear_grad_w(b->a, b->b, b->c, ROWS, 4096, 4096, true);
}

/* Of the linear that narrows the MLP. */
static struct slim_lora adapter(const struct bench *b)
{
    return (struct slim_lora){ .a = b->c,
                               .b = b->d,
                               .in = FFN,
                               .out = WIDTH,
                               .rank = RANK,
                               .scale = 2.0f,
                               .dropout = 0.05f };
}

static void lora(struct bench *b)
{
    struct slim_lora lora = adapter(b);

    b->table->lora(b->a, b->b, ROWS, &lora);
}

static void lora_grad(struct bench *b)
{
    struct slim_lora lora = adapter(b);

    b->table->lora_grad(b->a, b->e, b->f, b->g, b->b, ROWS, &lora);
}

static void combine(struct bench *b)
{
    b->table->combine(b->a, 0.5f, b->b, b->c, (size_t)ROWS * FFN);
}

static void linear(struct bench *b)
{
    b->table->linear(b->a, b->b, b->c, NULL, ROWS, WIDTH, WIDTH);
}

static void linear_up(struct bench *b)
{
    b->table->linear(b->a, b->b, b->c, NULL, ROWS, WIDTH, FFN);
}

static void linear_down(struct bench *b)
{
    b->table->linear(b->a, b->b, b->c, NULL, ROWS, FFN, WIDTH);
}

static void linear_few(struct bench *b)
{
    b->table->linear(b->a, b->b, b->c, NULL, 640, WIDTH, FFN);
}

static void linear_tiny(struct bench *b)
{
    for (int i = 0; i < 100; i++)
        b->table->linear(b->a, b->b, b->c, NULL, 640, 64, 64);
}

static void grad_x(struct bench *b)
{
    b->table->linear_grad_x(b->a, b->b, b->c, ROWS, WIDTH, FFN, false);
}

static void grad_w(struct bench *b)
{
    b->table->linear_grad_w(b->a, b->b, b->c, ROWS, WIDTH, FFN, true);
}

static void attention(struct bench *b)
{
    b->table->attention(b->a, b->lse, b->b, b->c, b->d, &b->shape);
}

static void attention_grad(struct bench *b)
{
    b->table->attention_grad(b->e, b->f, b->g, b->a, b->b, b->c, b->d, b->a,
                             b->lse, &b->shape);
}

static void loss(struct bench *b)
{
    b->table->cross_entropy(b->nll, b->b, b->c, NULL, b->ids, 640, WIDTH,
                            VOCAB);
}

static void loss_grad(struct bench *b)
{
    b->table->cross_entropy_grad(b->nll, b->a, b->d, NULL, b->b, b->c, NULL,
                                 b->ids, 1, 640, WIDTH, VOCAB);
}

static void gram(struct bench *b)
{
    b->table->gram(b->wide, b->b, ROWS, WIDTH);
}

static void gram_wide(struct bench *b)
{
    b->table->gram(b->wide, b->b, ROWS, 2048);
}

static void norm(struct bench *b)
{
    b->table->rms_norm(b->a, b->lse, b->b, b->c, ROWS, WIDTH, WIDTH, 1e-5f, 0);
}

static void norm_grad(struct bench *b)
{
    b->table->rms_norm_grad(b->a, b->f, b->b, b->d, b->lse, b->c, ROWS, WIDTH,
                            WIDTH, 0, false);
}

static void rope(struct bench *b)
{
    b->table->rope(b->a, b->b, b->c, b->ids + VOCAB, ROWS, HEADS, DIM, DIM, 1,
                   false, false);
}

static void gated(struct bench *b)
{
    b->table->gated(b->a, b->b, b->c, (size_t)ROWS * FFN, SLIM_ACT_SILU);
}

static void gated_grad(struct bench *b)
{
    b->table->gated_grad(b->a, b->d, b->e, b->b, b->c, (size_t)ROWS * FFN,
                         SLIM_ACT_SILU);
}

static void adamw(struct bench *b)
{
    b->table->adamw(b->a, b->d, b->e, b->b, (size_t)ROWS * FFN, 0, 0.9f, 0.99f,
                    1e-8f, 0, 1);
}

static void sum_squares(struct bench *b)
{
    b->nll[0] = b->table->sum_squares(b->b, (size_t)ROWS * FFN);
}

static void bias_grad(struct bench *b)
{
    b->table->bias_grad(b->a, b->b, ROWS, FFN, false);
}

static void embed_grad(struct bench *b)
{
    b->table->embed_grad(b->d, b->b, b->ids, ROWS, WIDTH);
}

/* Visible pairs of one sequence of n, times what a pair costs a product. */
#define PAIRS(n) ((double)ROWS / (n) * (n) * ((n) + 1) / 2 * HEADS * DIM * 2e-9)
#define PRODUCT(m, n, k) (2e-9 * (double)(m) * (double)(n) * (double)(k))
#define MOVED(floats) (4e-9 * (double)(floats))

static const struct measured long_and_short[] = {
    { "attention", attention, 2, 0 },
    { "attention_grad", attention_grad, 5, 0 },
};

static const struct measured all[] = {
    { "linear 576 x 576", linear, PRODUCT(ROWS, WIDTH, WIDTH), 0 },
    { "linear 576 x 1536", linear_up, PRODUCT(ROWS, WIDTH, FFN), 0 },
    { "linear 1536 x 576", linear_down, PRODUCT(ROWS, WIDTH, FFN), 0 },
    { "linear, 640 rows", linear_few, PRODUCT(640, WIDTH, FFN), 0 },
    { "linear 64 x 64, 640 rows", linear_tiny, PRODUCT(64000, 64, 64), 0 },
    { "linear 4096 x 4096", linear_7b, PRODUCT(ROWS, 4096, 4096), 0 },
    { "linear_grad_x", grad_x, PRODUCT(ROWS, WIDTH, FFN), 0 },
    { "linear_grad_w", grad_w, PRODUCT(ROWS, WIDTH, FFN), 0 },
    { "linear_grad_x 4096 x 4096", grad_x_7b, PRODUCT(ROWS, 4096, 4096), 0 },
    { "linear_grad_w 4096 x 4096", grad_w_7b, PRODUCT(ROWS, 4096, 4096), 0 },
    { "cross_entropy", loss, PRODUCT(640, WIDTH, VOCAB), 0 },
    { "cross_entropy_grad", loss_grad, 3 * PRODUCT(640, WIDTH, VOCAB), 0 },
    { "gram (f64) of 576", gram, PRODUCT(ROWS, WIDTH, WIDTH) / 2, 0 },
    { "gram (f64) of 2048", gram_wide, PRODUCT(ROWS, 2048, 2048) / 2, 0 },
    { "rms_norm", norm, 0, MOVED(2 * ROWS * WIDTH) },
    { "rms_norm_grad", norm_grad, 0, MOVED(3 * ROWS * WIDTH) },
    { "rope", rope, 0, MOVED(2 * ROWS * WIDTH) },
    { "gated", gated, 0, MOVED(3 * ROWS * FFN) },
    { "gated_grad", gated_grad, 0, MOVED(5 * ROWS * FFN) },
    { "lora", lora, 0, MOVED(ROWS *(FFN + 2 * WIDTH)) },
    { "lora_grad", lora_grad, 0, MOVED(ROWS *(3 * FFN + WIDTH)) },
    { "combine", combine, 0, MOVED(3 * ROWS * FFN) },
    { "adamw", adamw, 0, MOVED(7 * ROWS * FFN) },
    { "sum_squares", sum_squares, 0, MOVED(ROWS *FFN) },
    { "bias_grad", bias_grad, 0, MOVED(ROWS *FFN) },
    { "embed_grad", embed_grad, 0, MOVED(3 * ROWS * WIDTH) },
};

static const struct measured all_narrow[] = {
    { "linear 576 x 576", narrow_linear, PRODUCT(ROWS, WIDTH, WIDTH), 0 },
    { "linear 576 x 1536", narrow_linear_up, PRODUCT(ROWS, WIDTH, FFN), 0 },
    { "linear 1536 x 576", narrow_linear_down, PRODUCT(ROWS, WIDTH, FFN), 0 },
    { "linear, 640 rows", narrow_linear_few, PRODUCT(640, WIDTH, FFN), 0 },
    { "linear 4096 x 4096", narrow_linear_7b, PRODUCT(ROWS, 4096, 4096), 0 },
    { "linear_grad_x", narrow_grad_x, PRODUCT(ROWS, WIDTH, FFN), 0 },
    { "linear_grad_w", narrow_grad_w, PRODUCT(ROWS, WIDTH, FFN), 0 },
    { "linear_grad_x 4096 x 4096", narrow_grad_x_7b, PRODUCT(ROWS, 4096, 4096),
      0 },
    { "linear_grad_w 4096 x 4096", narrow_grad_w_7b, PRODUCT(ROWS, 4096, 4096),
      0 },
    { "cross_entropy", narrow_loss, PRODUCT(640, WIDTH, VOCAB), 0 },
    { "cross_entropy_grad", narrow_loss_grad, 2 * PRODUCT(640, WIDTH, VOCAB),
      0 },
    { "linear, one row", narrow_token, 0, MOVED(WIDTH *VOCAB) / 2 },
    { "packed", pack, 0, MOVED(1.5 * ROWS * FFN) },
    { "packed for the backward", pack_back, 0, MOVED(1.5 * ROWS * FFN) },
};

/* `kind`: what the rows of a part of the table have in common. */
static void print(const struct measured *m, struct bench *b, const char *kind,
                  double limit, double unit)
{
    double took = fastest(m->run, b), rate = m->operations * unit / took;

    if (m->operations != 0)
        printf("%-28s %8.2f ms %8.1f GFLOP/s %4.0f%%\n", m->name, 1e3 * took,
               rate, 100 * rate / limit);
    else
        printf("%-28s %8.2f ms %8.1f GB/s\n", m->name, 1e3 * took,
               m->bytes / took);
    if (b->json && m->operations != 0)
        fprintf(b->json,
                "{\"kind\":\"%s\",\"name\":\"%s\",\"seconds\":%.9g,"
                "\"flops\":%.9g,\"share\":%.4g}\n",
                kind, m->name, took, 1e9 * rate, rate / limit);
    else if (b->json)
        fprintf(b->json,
                "{\"kind\":\"%s\",\"name\":\"%s\",\"seconds\":%.9g,"
                "\"bytes_per_second\":%.9g}\n",
                kind, m->name, took, 1e9 * m->bytes / took);
}

static void print_attention(struct bench *b, const char *arithmetic,
                            double limit, size_t length)
{
    size_t starts[ROWS + 1];
    char kind[48];

    (void)snprintf(kind, sizeof kind, "%s, sequences of %zu", arithmetic,
                   length);
    b->shape = (struct slim_attention_shape){ .sequences = ROWS / length,
                                              .starts = starts,
                                              .heads = HEADS,
                                              .kv_heads = KV_HEADS,
                                              .dim = DIM,
                                              .scale = 0.125f };
    for (size_t s = 0; s <= ROWS / length; s++)
        starts[s] = s * length;
    printf("sequences of %zu:\n", length);
    for (size_t i = 0; i < sizeof long_and_short / sizeof *long_and_short; i++)
        print(&long_and_short[i], b, kind, limit, PAIRS((double)length));
}

static void print_attentions(struct bench *b, const char *arithmetic,
                             double limit)
{
    print_attention(b, arithmetic, limit, LENGTH);
    print_attention(b, arithmetic, limit, 256);
    print_attention(b, arithmetic, limit, SHORT);
}

static void print_narrow(struct bench *b)
{
    b->table = slim_kernels_bf16();
    if (!b->table) {
        printf("no bf16 here\n");
        return;
    }
    b->table->narrow->pack_wide(
        b->narrow, b->c, &(struct slim_pack_form){ VOCAB, WIDTH, false });
    double limit = PRODUCT(2048, 2048, 2048) / fastest(large_narrow, b);
    printf("bf16; limit: a product of 2048, %.1f GFLOP/s\n", limit);
    for (size_t i = 0; i < sizeof all_narrow / sizeof *all_narrow; i++)
        print(&all_narrow[i], b, "bf16", limit, 1);
    print_attentions(b, "bf16", limit);
}

static void *room(size_t count, size_t size)
{
    void *x = slim_array(count, size);

    if (!x)
        exit(1);
    return memset(x, 0, count * size);
}

int main(int argc, char **argv)
{
    size_t most = (size_t)VOCAB * WIDTH;
    struct bench b = { .table = slim_kernels_blas() };
    float **buffers[] = { &b.a, &b.b, &b.c, &b.d, &b.e, &b.f, &b.g };

    if (argc > 1 && !(b.json = fopen(argv[1], "w")))
        return 1;
    printf("OpenBLAS core %s, %zu threads, %d rows\n", slim_blas_fix(argv),
           slim_threads(), ROWS);
    for (size_t i = 0; i < sizeof buffers / sizeof *buffers; i++) {
        *buffers[i] = room(most, sizeof(float));
        for (size_t j = 0; j < most; j++)
            (*buffers[i])[j] = (float)(j * 2654435761u % 1024) / 512 - 1;
    }
    for (size_t j = 0; j < most; j++)
        b.e[j] = b.e[j] * b.e[j]; /* what adamw takes for second moments */
    b.narrow = room(most, sizeof *b.narrow);
    b.lse = room((size_t)ROWS * HEADS, sizeof *b.lse);
    b.nll = room(ROWS, sizeof *b.nll);
    b.wide = room((size_t)2048 * 2048, sizeof *b.wide);
    b.ids = room(VOCAB + ROWS, sizeof *b.ids);
    for (size_t i = 0; i < VOCAB; i++)
        b.ids[i] = (int32_t)(i * 7919 % VOCAB);
    double limit = PRODUCT(2048, 2048, 2048) / fastest(large_product, &b);

    printf("limit: a product of 2048, %.1f GFLOP/s\n", limit);
    for (size_t i = 0; i < sizeof all / sizeof *all; i++)
        print(&all[i], &b, "f32", limit, 1);
    print_attentions(&b, "f32", limit);
    print_narrow(&b);
    if (b.json && fclose(b.json) != 0)
        return 1;
    return 0;
}
