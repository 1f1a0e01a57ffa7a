/* spectrum.c - random vectors whose covariance falls as a power of its rank */
#include "runtime/format/spectrum.h"

#include "base/random.h"
#include "runtime/kernel/kernel.h"
#include "runtime/kernel/parallel.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { ROWS = 64 };

/* Squares in the proportion of rank^-decay, of mean 1. */
static void set_scales(float *scales, size_t width, double decay)
{
    double sum = 0.0;

    for (size_t i = 0; i < width; i++)
        sum += pow((double)(i + 1), -decay);
    for (size_t i = 0; i < width; i++)
        scales[i] =
            (float)sqrt(pow((double)(i + 1), -decay) * (double)width / sum);
}

bool slim_spectrum_open(struct slim_spectrum *out, size_t width, double decay,
                        uint64_t seed)
{
    *out = (struct slim_spectrum){ .width = width, .block = 1 };
    while (out->block < width && width % (2 * out->block) == 0)
        out->block *= 2;
    out->scales = calloc(width + 1, sizeof(float));
    out->signs = calloc(2 * width + 1, sizeof(float));
    if (!out->scales || !out->signs) {
        slim_spectrum_close(out);
        return false;
    }
    set_scales(out->scales, width, decay);
    for (size_t i = 0; i < 2 * width; i++)
        out->signs[i] =
            slim_random_u64(seed, SLIM_STREAM_BASIS, i) >> 63 ? -1.0f : 1.0f;
    return true;
}

void slim_spectrum_close(struct slim_spectrum *spectrum)
{
    free(spectrum->scales);
    free(spectrum->signs);
    *spectrum = (struct slim_spectrum){ 0 };
}

/* x[n], n a power of two, times the orthogonal matrix of Walsh functions. */
static void transform(float *x, size_t n)
{
    float scale = 1.0f / sqrtf((float)n);

    for (size_t half = 1; half < n; half *= 2)
        for (size_t i = 0; i < n; i += 2 * half)
            for (size_t j = i; j < i + half; j++) {
                float a = x[j], b = x[j + half];

                x[j] = a + b;
                x[j + half] = a - b;
            }
    for (size_t i = 0; i < n; i++)
        x[i] *= scale;
}

static void transform_blocks(const struct slim_spectrum *spectrum, float *x)
{
    for (size_t i = 0; i < spectrum->width; i += spectrum->block)
        transform(x + i, spectrum->block);
}

/* In place; `spare` has room for one vector. */
static void apply(const struct slim_spectrum *spectrum, float *x, float *spare)
{
    size_t n = spectrum->width, blocks = n / spectrum->block;
    const float *signs = spectrum->signs;

    for (size_t i = 0; i < n; i++)
        x[i] *= spectrum->scales[i];
    if (spectrum->block == 1)
        return;
    for (size_t i = 0; i < n; i++)
        x[i] *= signs[i];
    transform_blocks(spectrum, x);
    for (size_t i = 0; i < n; i++)
        spare[i] = x[i / spectrum->block + i % spectrum->block * blocks] *
                   signs[n + i];
    transform_blocks(spectrum, spare);
    memcpy(x, spare, n * sizeof(*x));
}

struct job {
    const struct slim_spectrum *spectrum;
    float *w, *spare; /* spare[workers][2 * width] */
    size_t count;
};

static void turn_rows(void *context, size_t tile, size_t worker)
{
    const struct job *job = context;
    size_t width = job->spectrum->width;
    size_t first = tile * ROWS;
    size_t rows = slim_tile_length(job->count, ROWS, tile);

    for (size_t r = first; r < first + rows; r++)
        apply(job->spectrum, job->w + r * width,
              job->spare + 2 * worker * width);
}

static void turn_columns(void *context, size_t tile, size_t worker)
{
    const struct job *job = context;
    size_t width = job->spectrum->width;
    float *column = job->spare + 2 * worker * width;
    size_t first = tile * ROWS;
    size_t columns = slim_tile_length(job->count, ROWS, tile);

    for (size_t c = first; c < first + columns; c++) {
        for (size_t i = 0; i < width; i++)
            column[i] = job->w[i * job->count + c];
        apply(job->spectrum, column, column + width);
        for (size_t i = 0; i < width; i++)
            job->w[i * job->count + c] = column[i];
    }
}

static bool turn(const struct slim_spectrum *spectrum, float *w, size_t count,
                 void (*body)(void *context, size_t tile, size_t worker))
{
    size_t room = 2 * slim_threads() * spectrum->width + 1;
    struct job job = { spectrum, w, malloc(room * sizeof(float)), count };

    if (!job.spare)
        return false;
    slim_parallel(slim_tiles(count, ROWS),
                  30.0 * (double)count * (double)spectrum->width, body, &job);
    free(job.spare);
    return true;
}

bool slim_spectrum_rows(const struct slim_spectrum *spectrum, float *w,
                        size_t rows)
{
    return turn(spectrum, w, rows, turn_rows);
}

bool slim_spectrum_columns(const struct slim_spectrum *spectrum, float *w,
                           size_t columns)
{
    return turn(spectrum, w, columns, turn_columns);
}
