/* ref_loss.c - cross entropy of a linear head */
#include "runtime/kernel/ref.h"
#include "runtime/kernel/scratch.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* logits[o] = x . w[o] + bias[o] for one row, all in double; returns the
 * logarithm of the sum of their exponentials. */
static double row_logits(double *logits, const float *x, const float *w,
                         const float *bias, size_t width, size_t vocab)
{
    double top = -HUGE_VAL, sum = 0;

    for (size_t o = 0; o < vocab; o++) {
        double dot = bias ? (double)bias[o] : 0.0;

        for (size_t j = 0; j < width; j++)
            dot += (double)x[j] * (double)w[o * width + j];
        logits[o] = dot;
        top = fmax(top, dot);
    }
    for (size_t o = 0; o < vocab; o++)
        sum += exp(logits[o] - top);
    return top + log(sum);
}

/*
 *     logits[r] = x[r] w^T + bias
 *     nll[r]    = log(sum over o of exp(logits[r][o])) - logits[r][targets[r]]
 *
 * nll      (rows)          out; 0 where the target is -1
 * x        (rows, width)
 * w        (vocab, width)
 * bias     (vocab)         or NULL
 * targets  (rows)          below vocab, or -1: not counted
 */
void slim_ref_cross_entropy(double *nll, const float *x, const float *w,
                            const float *bias, const int32_t *targets,
                            size_t rows, size_t width, size_t vocab)
{
    double *logits = SLIM_SCRATCH(vocab, double);

    for (size_t r = 0; r < rows; r++) {
        nll[r] = 0;
        if (targets[r] < 0)
            continue;
        double lse = row_logits(logits, x + r * width, w, bias, width, vocab);

        nll[r] = lse - logits[targets[r]];
    }
    free(logits);
}

/* Where the gradient of one row goes. dx is a row in double. */
struct row_grad {
    double *dx;
    float *dw, *dbias;
};

/* Adds the gradient of the logits of one row, given as g, to all it reaches. */
static void spread(struct row_grad *to, const double *g, const float *x,
                   const float *w, size_t width, size_t vocab)
{
    for (size_t o = 0; o < vocab; o++) {
        for (size_t j = 0; j < width; j++)
            to->dx[j] += g[o] * (double)w[o * width + j];
        for (size_t j = 0; to->dw && j < width; j++)
            to->dw[o * width + j] += (float)(g[o] * (double)x[j]);
        if (to->dbias)
            to->dbias[o] += (float)g[o];
    }
}

/*
 * The same, and with g[r][o] = weight (softmax(logits[r])[o] - [o = target]):
 *
 *     dx[r]    = sum over o of g[r][o] w[o]       0 where not counted
 *     dw[o]   += sum over r of g[r][o] x[r]
 *     dbias[o]+= sum over r of g[r][o]
 *
 * dx (rows, width) out; dw (vocab, width), dbias (vocab) added to, or NULL.
 * dw and dbias round once a row: a copy in double would be too large.
 */
void slim_ref_cross_entropy_grad(double *nll, float *dx, float *dw,
                                 float *dbias, const float *x, const float *w,
                                 const float *bias, const int32_t *targets,
                                 float weight, size_t rows, size_t width,
                                 size_t vocab)
{
    double *g = SLIM_SCRATCH(vocab, double);
    struct row_grad to = { SLIM_SCRATCH(width, double), dw, dbias };

    for (size_t r = 0; r < rows; r++) {
        const float *xr = x + r * width;

        nll[r] = 0;
        memset(to.dx, 0, width * sizeof *to.dx);
        if (targets[r] >= 0) {
            double lse = row_logits(g, xr, w, bias, width, vocab);

            nll[r] = lse - g[targets[r]];
            for (size_t o = 0; o < vocab; o++)
                g[o] = (double)weight * exp(g[o] - lse);
            g[targets[r]] -= (double)weight;
            spread(&to, g, xr, w, width, vocab);
        }
        for (size_t j = 0; j < width; j++)
            dx[r * width + j] = (float)to.dx[j];
    }
    free(to.dx);
    free(g);
}
