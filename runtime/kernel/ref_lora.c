/* ref_lora.c - low-rank adapters of a linear, with dropout */
#include "base/random.h"
#include "runtime/kernel/ref.h"
#include "runtime/kernel/scratch.h"

#include <stdlib.h>

/*
 * Inverted dropout (Srivastava et al. 2014): the factor of element i, which is
 * dropped where 16 bits of the generator's block i / 8, the lowest of the first
 * word first, are below 65536 times the rate.
 */
static float mask(const struct slim_lora *lora, size_t i)
{
    uint64_t bound = (uint64_t)((double)lora->dropout * 65536.0 + 0.5);
    uint64_t words[2];

    slim_random_block(words, lora->seed, lora->stream, i / 8);
    return (words[i % 8 / 4] >> 16 * (i % 4) & 0xffffu) < bound
               ? 0.0f
               : 1.0f / (1.0f - lora->dropout);
}

/* kept[rows,in] = x masked, low[rows,rank] = scale kept a^T */
static void down(float *kept, float *low, const float *x, size_t rows,
                 const struct slim_lora *lora)
{
    size_t rank = lora->rank;

    for (size_t i = 0; i < rows * lora->in; i++)
        kept[i] = x[i] * mask(lora, i);
    slim_ref_linear(low, kept, lora->a, NULL, rows, lora->in, rank);
    for (size_t i = 0; i < rows * rank; i++)
        low[i] *= lora->scale;
}

/*
 *     y[t][o] += scale sum over r of b[o][r] (sum over i of a[r][i] m[t][i] x[t][i])
 *
 * with the mask m: Hu et al. 2021, LoRA, section 4.1.
 */
void slim_ref_lora(float *y, const float *x, size_t rows,
                   const struct slim_lora *lora)
{
    size_t rank = lora->rank, out = lora->out;
    float *kept = SLIM_SCRATCH(rows * (lora->in + rank), float);
    float *low = kept + rows * lora->in;

    down(kept, low, x, rows, lora);
    for (size_t t = 0; t < rows; t++)
        for (size_t o = 0; o < out; o++) {
            double sum = (double)y[t * out + o];

            for (size_t r = 0; r < rank; r++)
                sum +=
                    (double)low[t * rank + r] * (double)lora->b[o * rank + r];
            y[t * out + o] = (float)sum;
        }
    free(kept);
}

/*
 *     back[t][r] = scale sum over o of dy[t][o] b[o][r]
 *     dx[t][i] += m[t][i] sum over r of back[t][r] a[r][i]
 *     da[r][i] += sum over t of back[t][r] m[t][i] x[t][i]
 *     db[o][r] += sum over t of dy[t][o] low[t][r]
 */
void slim_ref_lora_grad(float *dx, float *da, float *db, const float *dy,
                        const float *x, size_t rows,
                        const struct slim_lora *lora)
{
    size_t rank = lora->rank, in = lora->in, out = lora->out;
    float *kept = SLIM_SCRATCH(rows * (2 * in + 2 * rank), float);
    float *own = kept + rows * in;
    float *low = own + rows * in, *back = low + rows * rank;

    down(kept, low, x, rows, lora);
    slim_ref_matmul(back, dy, lora->b, rows, out, rank, false);
    for (size_t i = 0; i < rows * rank; i++)
        back[i] *= lora->scale;
    if (db)
        slim_ref_linear_grad_w(db, dy, low, rows, rank, out, true);
    if (da)
        slim_ref_linear_grad_w(da, back, kept, rows, in, rank, true);
    slim_ref_matmul(own, back, lora->a, rows, rank, in, false);
    for (size_t i = 0; dx && i < rows * in; i++)
        dx[i] += own[i] * mask(lora, i);
    free(kept);
}
