/* blas_loss.c - cross entropy of a linear head, some rows at a time */
#include "runtime/kernel/blas.h"
#include "runtime/kernel/parallel.h"
#include "runtime/kernel/scratch.h"
#include "runtime/kernel/vector.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/*
 * The logits of a block of rows are kept over the whole vocabulary, within
 * BUDGET floats (64 MiB): the gradient then needs no second product for them,
 * a quarter of the work. Rows that do not count are left out of the block.
 */
enum { BUDGET = 1 << 24, FEWEST_ROWS = 64, MOST_ROWS = 1024, ROWS = 4 };

SLIM_CLONES
static float largest(const float *x, size_t n)
{
    float lane[SLIM_LANES];
    size_t whole = n - n % SLIM_LANES;

    for (size_t l = 0; l < SLIM_LANES; l++)
        lane[l] = x[l < n ? l : 0];
    for (size_t i = 0; i < whole; i += SLIM_LANES) {
#pragma omp simd
        for (size_t l = 0; l < SLIM_LANES; l++)
            lane[l] = lane[l] > x[i + l] ? lane[l] : x[i + l];
    }
    for (size_t i = whole; i < n; i++)
        lane[0] = lane[0] > x[i] ? lane[0] : x[i];
    for (size_t l = 1; l < SLIM_LANES; l++)
        lane[0] = lane[0] > lane[l] ? lane[0] : lane[l];
    return lane[0];
}

/* Sum of exp(x - top): in f32 over 16 elements of a lane, then in double. */
SLIM_CLONES
static double sum_exp(const float *x, size_t n, float top)
{
    enum { RUN = 16 * SLIM_LANES };
    double sum = 0;

    for (size_t first = 0; first < n; first += RUN) {
        float lane[SLIM_LANES] = { 0 };
        size_t last = n - first < RUN ? n : first + RUN;
        size_t i = first;

        for (; i + SLIM_LANES <= last; i += SLIM_LANES) {
#pragma omp simd
            for (size_t l = 0; l < SLIM_LANES; l++)
                lane[l] += slim_expf(x[i + l] - top);
        }
        for (size_t l = 0; i < last; i++, l++)
            lane[l] += slim_expf(x[i] - top);
        sum += (double)slim_lanes_sum(lane);
    }
    return sum;
}

/* x = weight * exp(x - lse) in place. */
SLIM_CLONES
static void scaled_softmax(float *x, size_t n, float lse, float weight)
{
#pragma omp simd
    for (size_t i = 0; i < n; i++)
        x[i] = weight * slim_expf(x[i] - lse);
}

static void rows_tile(void *context, size_t tile, size_t worker)
{
    const struct slim_loss *l = context;
    const struct slim_loss_block *b = &l->block;
    size_t first = tile * ROWS;
    size_t last = first + slim_tile_length(b->count, ROWS, tile);

    (void)worker;
    for (size_t r = first; r < last; r++) {
        float *logits = b->logits + r * l->vocab;
        size_t row = b->row[r], target = (size_t)l->targets[row];
        float top = largest(logits, l->vocab);
        double lse = (double)top + log(sum_exp(logits, l->vocab, top));

        l->nll[row] = lse - (double)logits[target];
        if (!l->dx)
            continue;
        scaled_softmax(logits, l->vocab, (float)lse, l->weight);
        logits[target] -= l->weight;
    }
}

/* What the gradient of the logits of the block reaches. */
static void spread(const struct slim_loss *l)
{
    const struct slim_loss_block *b = &l->block;

    if (l->narrow)
        l->narrow->linear_grad_x(b->dx, b->logits, l->narrow_back, b->count,
                                 l->width, l->vocab, false);
    else
        slim_blas_linear_grad_x(b->dx, b->logits, l->w, b->count, l->width,
                                l->vocab, false);
    if (l->dw)
        (l->narrow ? l->narrow->linear_grad_w : slim_blas_linear_grad_w)(
            l->dw, b->logits, b->x, b->count, l->width, l->vocab, true);
    if (l->dbias)
        slim_blas_bias_grad(l->dbias, b->logits, b->count, l->vocab, true);
    for (size_t r = 0; r < b->count; r++)
        memcpy(l->dx + b->row[r] * l->width, b->dx + r * l->width,
               l->width * sizeof *l->dx);
}

static void finish_block(struct slim_loss *l)
{
    struct slim_loss_block *b = &l->block;

    if (b->count == 0)
        return;
    if (l->narrow)
        l->narrow->linear(b->logits, b->x, l->narrow_w, l->bias, b->count,
                          l->width, l->vocab);
    else
        slim_blas_linear(b->logits, b->x, l->w, l->bias, b->count, l->width,
                         l->vocab);
    slim_parallel(slim_tiles(b->count, ROWS),
                  10.0 * (double)b->count * (double)l->vocab, rows_tile, l);
    if (l->dx)
        spread(l);
    b->count = 0;
}

/* Blocks fill up with the rows that count, in order. */
void slim_blas_loss(struct slim_loss *l)
{
    size_t most = BUDGET / l->vocab;
    struct slim_loss_block *b = &l->block;

    most = most < FEWEST_ROWS ? FEWEST_ROWS : most;
    most = most > MOST_ROWS ? MOST_ROWS : most;
    most = most > l->rows ? l->rows : most;
    b->logits = SLIM_SCRATCH(most * l->vocab, float);
    b->x = SLIM_SCRATCH(most * l->width, float);
    b->dx = l->dx ? SLIM_SCRATCH(most * l->width, float) : NULL;
    b->row = SLIM_SCRATCH(most, size_t);
    for (size_t r = 0; r < l->rows; r++) {
        l->nll[r] = 0;
        if (l->dx)
            memset(l->dx + r * l->width, 0, l->width * sizeof *l->dx);
        if (l->targets[r] < 0)
            continue;
        memcpy(b->x + b->count * l->width, l->x + r * l->width,
               l->width * sizeof *b->x);
        b->row[b->count++] = r;
        if (b->count == most)
            finish_block(l);
    }
    finish_block(l);
    free(b->logits);
    free(b->x);
    free(b->dx);
    free(b->row);
}

/* Logits as sgemm sums them; nll is within 1e-6 or so of the logits' size. */
void slim_blas_cross_entropy(double *nll, const float *x, const float *w,
                             const float *bias, const int32_t *targets,
                             size_t rows, size_t width, size_t vocab)
{
    struct slim_loss l = { .nll = nll,
                           .x = x,
                           .w = w,
                           .bias = bias,
                           .targets = targets,
                           .rows = rows,
                           .width = width,
                           .vocab = vocab };

    slim_blas_loss(&l);
}

void slim_blas_cross_entropy_grad(double *nll, float *dx, float *dw,
                                  float *dbias, const float *x, const float *w,
                                  const float *bias, const int32_t *targets,
                                  float weight, size_t rows, size_t width,
                                  size_t vocab)
{
    struct slim_loss l = { .nll = nll,
                           .dx = dx,
                           .dw = dw,
                           .dbias = dbias,
                           .x = x,
                           .w = w,
                           .bias = bias,
                           .targets = targets,
                           .weight = weight,
                           .rows = rows,
                           .width = width,
                           .vocab = vocab };

    slim_blas_loss(&l);
}
