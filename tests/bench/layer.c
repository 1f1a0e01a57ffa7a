/* layer.c - speed of a layer's products alone: the limit of a whole layer
 *
 * usage: layer [FILE]: the table also as a line of JSON for each row */
#include "base/array.h"
#include "base/progress.h"
#include "runtime/kernel/kernel.h"

#include <stdio.h>
#include <stdlib.h>

/* The linears of a layer of a 7B model, for so many tokens. */
enum { ROWS = 2048, WIDTH = 4096, FFN = 11008 };

static const struct shape {
    size_t in, out, count;
} shapes[] = {
    { WIDTH, WIDTH, 4 },
    { WIDTH, FFN, 2 },
    { FFN, WIDTH, 1 },
};

struct bench {
    const struct slim_kernels *table;
    float *x, *y, *w, *dw;
    uint16_t *packed, *back;
    double forward, backward; /* seconds */
};

static void forward(struct bench *b, size_t in, size_t out)
{
    if (b->table->narrow)
        b->table->narrow->linear(b->y, b->x, b->packed, NULL, ROWS, in, out);
    else
        b->table->linear(b->y, b->x, b->w, NULL, ROWS, in, out);
}

static void backward(struct bench *b, size_t in, size_t out)
{
    const struct slim_narrow_kernels *narrow = b->table->narrow;

    if (narrow) {
        narrow->linear_grad_x(b->x, b->y, b->back, ROWS, in, out, false);
        narrow->linear_grad_w(b->dw, b->y, b->x, ROWS, in, out, true);
    } else {
        b->table->linear_grad_x(b->x, b->y, b->w, ROWS, in, out, false);
        b->table->linear_grad_w(b->dw, b->y, b->x, ROWS, in, out, true);
    }
}

/* What a layer packs once is not part of its products. Values of ordinary
 * size, or the operands would grow from call to call. */
static void run(struct bench *b, const struct shape *shape, bool counts)
{
    size_t in = shape->in, out = shape->out;

    for (size_t i = 0; i < (size_t)ROWS * FFN; i++)
        b->x[i] = b->y[i] = (float)(i * 2654435761u % 1024) / 512 - 1;
    if (b->table->narrow) {
        struct slim_pack_form form = { out, in, false };

        b->table->narrow->pack_wide(b->packed, b->w, &form);
        form.back = true;
        b->table->narrow->pack_wide(b->back, b->w, &form);
    }
    double start = slim_now();

    forward(b, in, out);
    double middle = slim_now();

    backward(b, in, out);
    if (!counts)
        return;
    b->forward += middle - start;
    b->backward += slim_now() - middle;
}

static void *room(size_t count, size_t size)
{
    void *x = slim_array(count, size);

    if (!x)
        exit(1);
    return x;
}

static void print(FILE *json, const char *arithmetic, const char *way,
                  double flops, double took)
{
    printf("%s %-10s %8.2f s %8.1f GFLOP/s\n", arithmetic, way, took,
           1e-9 * flops / took);
    if (json)
        fprintf(json, "{\"name\":\"%s %s\",\"seconds\":%.9g,\"flops\":%.9g}\n",
                arithmetic, way, took, flops);
}

static void measure(struct bench *b, const struct slim_kernels *table,
                    const char *arithmetic, FILE *json)
{
    double flops = 0;

    b->table = table;
    b->forward = b->backward = 0;
    for (size_t s = 0; s < sizeof shapes / sizeof *shapes; s++) {
        run(b, &shapes[s], false);
        for (size_t i = 0; i < shapes[s].count; i++) {
            run(b, &shapes[s], true);
            flops += 2.0 * ROWS * (double)shapes[s].in * (double)shapes[s].out;
        }
    }
    print(json, arithmetic, "forward", flops, b->forward);
    print(json, arithmetic, "backward", 2 * flops, b->backward);
}

int main(int argc, char **argv)
{
    size_t most = (size_t)WIDTH * FFN, tokens = (size_t)ROWS * FFN;
    FILE *json = NULL;

    if (argc > 1 && !(json = fopen(argv[1], "w")))
        return 1;
    printf("the products of a layer of a 7B alone, %d tokens, core %s\n", ROWS,
           slim_blas_fix(argv));
    struct bench b = {
        .x = room(tokens, sizeof(float)),
        .y = room(tokens, sizeof(float)),
        .w = room(most, sizeof(float)),
        .dw = room(most, sizeof(float)),
        .packed = room(2 * most, sizeof(uint16_t)),
        .back = room(2 * most, sizeof(uint16_t)),
    };
    for (size_t i = 0; i < most; i++) {
        b.w[i] = (float)(i * 2654435761u % 1024) / 16384 - 1.0f / 32;
        b.dw[i] = 0;
    }
    measure(&b, slim_kernels_blas(), "f32", json);
    /* where there is none, a recipe in bf16 computes in f32 */
    const struct slim_kernels *narrow = slim_kernels_bf16();

    measure(&b, narrow ? narrow : slim_kernels_blas(), "bf16", json);
    return json && fclose(json) != 0;
}
