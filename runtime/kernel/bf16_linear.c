/* bf16_linear.c - linears of packed weights, and their gradients */
#include "base/array.h"
#include "runtime/kernel/bf16.h"
#include "runtime/kernel/bf16_product.h"
#include "runtime/kernel/parallel.h"
#include "runtime/kernel/scratch.h"

#include <stdlib.h>
#include <string.h>

SLIM_CLONES
void slim_bf16_round(uint16_t *out, const float *x, size_t count)
{
#pragma omp simd
    for (size_t i = 0; i < count; i++)
        out[i] = slim_bf16_one(x[i]);
}

SLIM_CLONES
static void round_run(float *out, const float *x, size_t count)
{
#pragma omp simd
    for (size_t i = 0; i < count; i++)
        out[i] = slim_bf16_widened(slim_bf16_one(x[i]));
}

enum { RUN = 1 << 14 };

struct rounding {
    float *out;
    const float *x;
    size_t count;
};

static void round_tile(void *context, size_t tile, size_t worker)
{
    const struct rounding *r = context;

    (void)worker;
    round_run(r->out + tile * RUN, r->x + tile * RUN,
              slim_tile_length(r->count, RUN, tile));
}

float *slim_bf16_rounded(const float *x, size_t count)
{
    struct rounding r = { SLIM_SCRATCH(count + 1, float), x, count };

    slim_parallel(slim_tiles(count, RUN), (double)count, round_tile, &r);
    return r.out;
}

/* Rows and columns of an operand that lies as struct slim_bf16_product has it. */
struct shape {
    size_t rows, columns;
    size_t whole; /* rows up to a unit */
    size_t block; /* columns of a block */
};

static struct shape shape_of(size_t rows, size_t columns)
{
    return (struct shape){ rows, columns,
                           slim_tiles(rows, SLIM_BF16_UNIT) * SLIM_BF16_UNIT,
                           slim_bf16_block(columns) };
}

static uint16_t *operand_new(const struct shape *shape)
{
    return SLIM_BORROW(shape->whole * shape->columns + 1, uint16_t);
}

/* Zeros in the rows after the last. */
static void operand_end(uint16_t *out, const struct shape *shape)
{
    for (size_t k = 0; k < shape->columns; k += shape->block) {
        size_t length =
            slim_tile_length(shape->columns, shape->block, k / shape->block);
        memset(out + k * shape->whole + shape->rows * length, 0,
               (shape->whole - shape->rows) * length * sizeof(*out));
    }
}

struct blocks {
    uint16_t *out;
    const float *x;
    struct shape shape;
};

static void blocks_tile(void *context, size_t tile, size_t worker)
{
    const struct blocks *b = context;
    const struct shape *shape = &b->shape;
    size_t first = tile * SLIM_BF16_UNIT;
    size_t last = first + slim_tile_length(shape->rows, SLIM_BF16_UNIT, tile);

    (void)worker;
    for (size_t k = 0; k < shape->columns; k += shape->block) {
        size_t length =
            slim_tile_length(shape->columns, shape->block, k / shape->block);
        uint16_t *out = b->out + k * shape->whole;
        for (size_t r = first; r < last; r++)
            slim_bf16_round(out + r * length, b->x + r * shape->columns + k,
                            length);
    }
}

/* x[rows, columns] rounded, block after block of columns. */
static uint16_t *narrowed(const float *x, size_t rows, size_t columns)
{
    struct blocks b = { NULL, x, shape_of(rows, columns) };

    b.out = operand_new(&b.shape);
    slim_parallel(slim_tiles(rows, SLIM_BF16_UNIT),
                  (double)rows * (double)columns, blocks_tile, &b);
    operand_end(b.out, &b.shape);
    return b.out;
}

/* Rows so few that the weights pass by once, a panel of outputs a tile. */
enum { FEW = 4, PANEL = SLIM_BF16_PANEL };

struct passing {
    float *y;
    const float *x; /* rounded, `stride` from row to row, zeros behind it */
    const uint16_t *w;
    const float *bias;
    size_t rows, in, out;
    size_t stride;
};

/* Two products for each of some outputs, whose weights are side by side. */
SLIM_INLINE void pass_pair(float *lane, const float *x, const uint16_t *w)
{
    uint32_t pair[SLIM_LANES];

    memcpy(pair, w, sizeof(pair));
#pragma omp simd
    for (size_t l = 0; l < SLIM_LANES; l++) {
        uint32_t even = pair[l] << 16, odd = pair[l] & 0xffff0000u;
        float w0, w1;

        memcpy(&w0, &even, sizeof(w0));
        memcpy(&w1, &odd, sizeof(w1));
        lane[l] += x[0] * w0 + x[1] * w1;
    }
}

/* Sums of so many products are added up. */
enum { LONGEST = 128 };

SLIM_INLINE void add_lanes(float *sum, const float *lane)
{
    for (size_t l = 0; l < SLIM_LANES; l++)
        sum[l] += lane[l];
}

/* sum[PANEL] += some pairs of a panel times their part of a row. */
SLIM_CLONES
static void pass_pairs(float *sum, const float *x, const uint16_t *w,
                       size_t pairs)
{
    const size_t lanes = SLIM_LANES, step = 2 * lanes;
    float a[SLIM_LANES] = { 0 }, b[SLIM_LANES] = { 0 };
    float c[SLIM_LANES] = { 0 }, d[SLIM_LANES] = { 0 };

    for (size_t p = 0; p < pairs; p++, x += 2, w += 4 * step) {
        pass_pair(a, x, w);
        pass_pair(b, x, w + step);
        pass_pair(c, x, w + 2 * step);
        pass_pair(d, x, w + 3 * step);
    }
    add_lanes(sum, a);
    add_lanes(sum + lanes, b);
    add_lanes(sum + 2 * lanes, c);
    add_lanes(sum + 3 * lanes, d);
}

/* The same of a panel of a block. */
static void pass_panel(float *sum, const float *x, const uint16_t *w,
                       size_t depth)
{
    for (size_t k = 0; k < depth; k += LONGEST)
        pass_pairs(sum, x + k, w + k * PANEL,
                   slim_tile_length(depth, LONGEST, k / LONGEST) / 2);
}

static void passing_tile(void *context, size_t tile, size_t worker)
{
    const struct passing *p = context;
    size_t first = tile * PANEL, step = slim_bf16_block(p->in);
    size_t count = slim_tile_length(p->out, PANEL, tile);
    size_t width = slim_tiles(p->out, PANEL) * PANEL;

    (void)worker;
    for (size_t r = 0; r < p->rows; r++) {
        float sum[PANEL] = { 0 };

        for (size_t k = 0; k < p->in; k += step) {
            size_t depth =
                slim_bf16_padded(slim_tile_length(p->in, step, k / step));
            pass_panel(sum, p->x + r * p->stride + k,
                       p->w + k * width + first * depth, depth);
        }
        for (size_t j = 0; j < count; j++)
            p->y[r * p->out + first + j] =
                sum[j] + (p->bias ? p->bias[first + j] : 0.0f);
    }
}

static void linear_few(float *y, const float *x, const uint16_t *w,
                       const float *bias, size_t rows, size_t in, size_t out)
{
    size_t stride = slim_bf16_padded(in);
    float *wide = SLIM_SCRATCH(rows * stride, float);
    struct passing p = { y, wide, w, bias, rows, in, out, stride };

    memset(wide, 0, rows * stride * sizeof(*wide));
    for (size_t r = 0; r < rows; r++)
        round_run(wide + r * stride, x + r * in, in);
    slim_parallel(slim_tiles(out, PANEL),
                  2.0 * (double)rows * (double)in * (double)out, passing_tile,
                  &p);
    free(wide);
}

void slim_bf16_linear(float *y, const float *x, const uint16_t *w,
                      const float *bias, size_t rows, size_t in, size_t out)
{
    if (rows <= FEW) {
        linear_few(y, x, w, bias, rows, in, out);
        return;
    }
    uint16_t *a = narrowed(x, rows, in);

    slim_bf16_multiply(&(struct slim_bf16_product){
        .c = y, .a = a, .b = w, .bias = bias, .m = rows, .n = out, .k = in });
    slim_array_return(a);
}

void slim_bf16_linear_grad_x(float *dx, const float *dy, const uint16_t *back,
                             size_t rows, size_t in, size_t out, bool add)
{
    uint16_t *a = narrowed(dy, rows, out);

    slim_bf16_multiply(&(struct slim_bf16_product){
        .c = dx, .a = a, .b = back, .m = rows, .n = in, .k = out, .add = add });
    slim_array_return(a);
}

/* A strip of columns of x[rows, columns], rounded, as rows of the output: a few
 * rows side by side, so that what is written far apart is as long as a word. */
enum { STRIP = 32, ABREAST = 4 };

struct turning {
    uint16_t *out;
    const float *x;
    size_t rows, columns;
};

SLIM_CLONES
static void turn_run(uint16_t *out, const float *x, size_t rows, size_t columns)
{
    for (size_t r = 0; r + ABREAST <= rows; r += ABREAST) {
        uint16_t side[STRIP * ABREAST];

#pragma omp simd
        for (size_t c = 0; c < STRIP; c++) {
            side[c * ABREAST] = slim_bf16_one(x[r * columns + c]);
            side[c * ABREAST + 1] = slim_bf16_one(x[(r + 1) * columns + c]);
            side[c * ABREAST + 2] = slim_bf16_one(x[(r + 2) * columns + c]);
            side[c * ABREAST + 3] = slim_bf16_one(x[(r + 3) * columns + c]);
        }
        for (size_t c = 0; c < STRIP; c++)
            memcpy(out + c * rows + r, side + c * ABREAST,
                   ABREAST * sizeof(*side));
    }
}

/* The strip's part of a block of rows. */
static void turn_block(const struct turning *t, size_t tile, size_t row,
                       size_t rows)
{
    size_t first = tile * STRIP;
    size_t last = first + slim_tile_length(t->columns, STRIP, tile);
    size_t whole = slim_tiles(t->columns, SLIM_BF16_UNIT) * SLIM_BF16_UNIT;
    uint16_t *out = t->out + row * whole;
    const float *x = t->x + row * t->columns;
    size_t done = 0;

    if (last - first == STRIP) {
        turn_run(out + first * rows, x + first, rows, t->columns);
        done = rows - rows % ABREAST;
    }
    for (size_t r = done; r < rows; r++)
        for (size_t c = first; c < last; c++)
            out[c * rows + r] = slim_bf16_one(x[r * t->columns + c]);
}

static void turn_tile(void *context, size_t tile, size_t worker)
{
    const struct turning *t = context;
    size_t step = slim_bf16_block(t->rows);

    (void)worker;
    for (size_t row = 0; row < t->rows; row += step)
        turn_block(t, tile, row, slim_tile_length(t->rows, step, row / step));
}

static uint16_t *narrowed_turned(const float *x, size_t rows, size_t columns)
{
    struct shape shape = shape_of(columns, rows);
    struct turning t = { operand_new(&shape), x, rows, columns };

    slim_parallel(slim_tiles(columns, STRIP), (double)rows * (double)columns,
                  turn_tile, &t);
    operand_end(t.out, &shape);
    return t.out;
}

void slim_bf16_linear_grad_w(float *dw, const float *dy, const float *x,
                             size_t rows, size_t in, size_t out, bool add)
{
    struct slim_pack_form form = { .out = rows, .in = in, .back = true };
    uint16_t *a = narrowed_turned(dy, rows, out);
    uint16_t *b = SLIM_BORROW(slim_bf16_packed(&form) + 1, uint16_t);

    slim_bf16_pack_wide(b, x, &form);
    slim_bf16_multiply(&(struct slim_bf16_product){
        .c = dw, .a = a, .b = b, .m = out, .n = in, .k = rows, .add = add });
    slim_array_return(a);
    slim_array_return(b);
}
