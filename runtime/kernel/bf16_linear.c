/* bf16_linear.c - products of bf16 matrices with f32 sums, by oneDNN */
#include "runtime/kernel/bf16.h"
#include "runtime/kernel/parallel.h"
#include "runtime/kernel/scratch.h"

#include <stdlib.h>
#include <string.h>

SLIM_CLONES
static void narrow_run(uint16_t *out, const float *x, size_t count)
{
#pragma omp simd
    for (size_t i = 0; i < count; i++)
        out[i] = slim_bf16_one(x[i]);
}

enum { RUN = 1 << 14 };

struct narrowing {
    uint16_t *out;
    const float *x;
    size_t count;
};

static void narrow_tile(void *context, size_t tile, size_t worker)
{
    const struct narrowing *n = context;

    (void)worker;
    narrow_run(n->out + tile * RUN, n->x + tile * RUN,
               slim_tile_length(n->count, RUN, tile));
}

void slim_bf16_narrow(uint16_t *out, const float *x, size_t count)
{
    struct narrowing n = { out, x, count };

    slim_parallel(slim_tiles(count, RUN), (double)count, narrow_tile, &n);
}

SLIM_CLONES
static void round_run(float *out, const float *x, size_t count)
{
#pragma omp simd
    for (size_t i = 0; i < count; i++)
        out[i] = slim_bf16_widened(slim_bf16_one(x[i]));
}

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

#ifdef HAVE_DNNL

#include <oneapi/dnnl/dnnl.h>
#include <stdio.h>

bool slim_bf16_here(void)
{
    return (dnnl_get_effective_cpu_isa() & dnnl_cpu_isa_avx512_core_bf16) ==
           dnnl_cpu_isa_avx512_core_bf16;
}

const char *slim_bf16_version(void)
{
    static char text[64];
    const dnnl_version_t *version = dnnl_version();

    (void)snprintf(text, sizeof(text), "oneDNN %d.%d.%d isa %x", version->major,
                   version->minor, version->patch,
                   (unsigned)dnnl_get_effective_cpu_isa());
    return text;
}

/* What can fail here is memory for code and descriptors; see scratch.h. */
enum { EXIT_NO_MEMORY = 5 };

static void must(dnnl_status_t status)
{
    if (status == dnnl_success)
        return;
    (void)fprintf(stderr, "slimc: not enough memory: oneDNN status %d\n",
                  (int)status);
    exit(EXIT_NO_MEMORY);
}

static dnnl_engine_t engine(void)
{
    static dnnl_engine_t one;

    if (!one)
        must(dnnl_engine_create(&one, dnnl_cpu, 0));
    return one;
}

/*
 * c[m,n] (+)= a[m,k] op(b) + bias: a, b bf16, b as stored [k,n] or, transposed,
 * [n,k]. a has whole UNITs of rows, those after m of any finite numbers.
 */
struct product {
    float *c;
    const uint16_t *a, *b;
    const float *bias;
    size_t m, n, k;
    bool transpose_b, add;
};

/*
 * Tiles are of whole rows, so that each is dense as oneDNN wants it, and of
 * three heights at most: LARGE, what is left in whole UNITs, and one UNIT that
 * goes through a buffer. oneDNN generates code for each shape; so lengths of
 * batches, which are all different, share it.
 */
enum { UNIT = 16, LARGE = 128, KINDS = 3 };

struct kind {
    dnnl_primitive_desc_t desc;
    dnnl_primitive_t primitive;
    dnnl_memory_desc_t a, b, c;
    const dnnl_memory_desc_t *scratch;
    size_t rows;
};

struct job {
    const struct product *p;
    struct kind kinds[KINDS]; /* rows 0: not needed */
    size_t large;             /* tiles of LARGE rows */
};

static dnnl_primitive_attr_t attributes(bool sum)
{
    dnnl_primitive_attr_t attr;

    must(dnnl_primitive_attr_create(&attr));
    must(dnnl_primitive_attr_set_scratchpad_mode(attr,
                                                 dnnl_scratchpad_mode_user));
    if (sum) {
        dnnl_post_ops_t ops;

        must(dnnl_post_ops_create(&ops));
        must(dnnl_post_ops_append_sum(ops, 1.0f));
        must(dnnl_primitive_attr_set_post_ops(attr, ops));
        must(dnnl_post_ops_destroy(ops));
    }
    return attr;
}

enum { CODE_BYTES = 8 << 20 };

/* Made by the thread that calls the kernel, while it is told to use no others:
 * then a tile runs on the thread that takes it. */
static void kind_open(struct kind *kind, const struct product *p, size_t rows)
{
    dnnl_dims_t a = { (dnnl_dim_t)rows, (dnnl_dim_t)p->k };
    dnnl_dims_t b = { (dnnl_dim_t)p->k, (dnnl_dim_t)p->n };
    dnnl_dims_t c = { (dnnl_dim_t)rows, (dnnl_dim_t)p->n };
    dnnl_primitive_attr_t attr;
    dnnl_matmul_desc_t matmul;

    kind->rows = rows;
    if (rows == 0)
        return;
    /* oneDNN 2.6 looks for memory for its code and crashes without */
    free(SLIM_SCRATCH(CODE_BYTES, char));
    attr = attributes(p->add || p->bias);
    must(dnnl_memory_desc_init_by_tag(&kind->a, 2, a, dnnl_bf16, dnnl_ab));
    must(dnnl_memory_desc_init_by_tag(&kind->b, 2, b, dnnl_bf16,
                                      p->transpose_b ? dnnl_ba : dnnl_ab));
    must(dnnl_memory_desc_init_by_tag(&kind->c, 2, c, dnnl_f32, dnnl_ab));
    must(dnnl_matmul_desc_init(&matmul, &kind->a, &kind->b, NULL, &kind->c));
    must(
        dnnl_primitive_desc_create(&kind->desc, &matmul, attr, engine(), NULL));
    must(dnnl_primitive_create(&kind->primitive, kind->desc));
    must(dnnl_primitive_attr_destroy(attr));
    kind->scratch =
        dnnl_primitive_desc_query_md(kind->desc, dnnl_query_scratchpad_md, 0);
}

static void kind_close(struct kind *kind)
{
    if (kind->rows == 0)
        return;
    must(dnnl_primitive_destroy(kind->primitive));
    must(dnnl_primitive_desc_destroy(kind->desc));
}

/* c[rows of the kind, n] (+)= a op(b) on this thread. */
static void multiply(const struct kind *kind, float *c, const uint16_t *a,
                     const uint16_t *b)
{
    enum { OPERANDS = 4 };
    dnnl_exec_arg_t args[OPERANDS] = { { .arg = DNNL_ARG_SRC },
                                       { .arg = DNNL_ARG_WEIGHTS },
                                       { .arg = DNNL_ARG_DST },
                                       { .arg = DNNL_ARG_SCRATCHPAD } };
    size_t bytes = dnnl_memory_desc_get_size(kind->scratch);
    char *scratch = SLIM_SCRATCH(bytes + 1, char);
    dnnl_stream_t stream;

    must(dnnl_stream_create(&stream, engine(), dnnl_stream_default_flags));
    /* sources are not written: the interface has no const */
    must(dnnl_memory_create(&args[0].memory, &kind->a, engine(), (void *)a));
    must(dnnl_memory_create(&args[1].memory, &kind->b, engine(), (void *)b));
    must(dnnl_memory_create(&args[2].memory, &kind->c, engine(), c));
    must(dnnl_memory_create(&args[3].memory, kind->scratch, engine(), scratch));
    must(dnnl_primitive_execute(kind->primitive, stream, OPERANDS, args));
    must(dnnl_stream_wait(stream));
    for (size_t i = 0; i < OPERANDS; i++)
        must(dnnl_memory_destroy(args[i].memory));
    must(dnnl_stream_destroy(stream));
    free(scratch);
}

static void bias_fill(const struct product *p, float *c, size_t rows)
{
    for (size_t r = 0; p->bias && r < rows; r++)
        for (size_t j = 0; j < p->n; j++)
            c[r * p->n + j] = p->bias[j] + (p->add ? c[r * p->n + j] : 0.0f);
}

/* The last rows, fewer than a UNIT, by way of a buffer of one. */
static void few_rows(const struct job *job, float *c, const uint16_t *a,
                     size_t rows)
{
    const struct product *p = job->p;
    float *unit = SLIM_SCRATCH(UNIT * p->n, float);

    memset(unit, 0, UNIT * p->n * sizeof(*unit));
    memcpy(unit, c, rows * p->n * sizeof(*unit));
    multiply(&job->kinds[2], unit, a, p->b);
    memcpy(c, unit, rows * p->n * sizeof(*unit));
    free(unit);
}

static void product_tile(void *context, size_t tile, size_t worker)
{
    const struct job *job = context;
    const struct product *p = job->p;
    size_t number = tile < job->large                              ? 0
                    : job->kinds[1].rows == 0 || tile > job->large ? 2
                                                                   : 1;
    const struct kind *kind = &job->kinds[number];
    size_t first = job->large * LARGE + (number == 2 ? job->kinds[1].rows : 0);
    size_t i = number == 0 ? tile * LARGE : first;
    size_t rows = number == 2 ? p->m - first : kind->rows;
    float *c = p->c + i * p->n;
    const uint16_t *a = p->a + i * p->k;

    (void)worker;
    bias_fill(p, c, rows);
    if (number == 2)
        few_rows(job, c, a, rows);
    else
        multiply(kind, c, a, p->b);
}

/*
 * Sums of exact products in f32, in the order of oneDNN's kernels: an error of
 * about 1e-7 sqrt(k) relative to the norms, beside that of the rounded inputs.
 */
static void multiply_all(const struct product *p)
{
    struct job job = { .p = p, .large = p->m / LARGE };
    size_t rest = p->m % LARGE;

    slim_blas_alone();
    kind_open(&job.kinds[0], p, job.large ? LARGE : 0);
    kind_open(&job.kinds[1], p, rest / UNIT * UNIT);
    kind_open(&job.kinds[2], p, rest % UNIT ? UNIT : 0);
    slim_parallel(job.large + (rest >= UNIT) + (rest % UNIT != 0),
                  2.0 * (double)p->m * (double)p->n * (double)p->k,
                  product_tile, &job);
    for (size_t i = 0; i < KINDS; i++)
        kind_close(&job.kinds[i]);
}

#else

bool slim_bf16_here(void)
{
    return false;
}

const char *slim_bf16_version(void)
{
    return "";
}

struct product {
    float *c;
    const uint16_t *a, *b;
    const float *bias;
    size_t m, n, k;
    bool transpose_b, add;
};
enum { UNIT = 16 };

/* The table is not handed out where slim_bf16_here says no. */
static void multiply_all(const struct product *p)
{
    (void)p;
    abort();
}

#endif

/* x[rows, columns] rounded, with zeros up to whole UNITs of rows. */
static uint16_t *narrowed(const float *x, size_t rows, size_t columns)
{
    size_t whole = slim_tiles(rows, UNIT) * UNIT;
    uint16_t *out = SLIM_SCRATCH(whole * columns + 1, uint16_t);

    slim_bf16_narrow(out, x, rows * columns);
    memset(out + rows * columns, 0, (whole - rows) * columns * sizeof(*out));
    return out;
}

/* Rows so few that the weights pass by once, and nothing is worth packing. */
enum { FEW = 4, OUTPUTS = 64 };

struct passing {
    float *y;
    const float *x; /* rounded */
    const uint16_t *w;
    const float *bias;
    size_t rows, in, out;
};

SLIM_CLONES
static void pass_outputs(const struct passing *p, size_t first, size_t last)
{
    size_t whole = p->in - p->in % SLIM_LANES;

    for (size_t i = first * p->rows; i < last * p->rows; i++) {
        const uint16_t *w = p->w + i / p->rows * p->in;
        const float *x = p->x + i % p->rows * p->in;
        float lane[SLIM_LANES] = { 0 };

        for (size_t k = 0; k < whole; k += SLIM_LANES) {
#pragma omp simd
            for (size_t l = 0; l < SLIM_LANES; l++)
                lane[l] += x[k + l] * slim_bf16_widened(w[k + l]);
        }
        for (size_t k = whole; k < p->in; k++)
            lane[k - whole] += x[k] * slim_bf16_widened(w[k]);
        p->y[i % p->rows * p->out + i / p->rows] =
            slim_lanes_sum(lane) + (p->bias ? p->bias[i / p->rows] : 0.0f);
    }
}

static void passing_tile(void *context, size_t tile, size_t worker)
{
    const struct passing *p = context;
    size_t first = tile * OUTPUTS;

    (void)worker;
    pass_outputs(p, first, first + slim_tile_length(p->out, OUTPUTS, tile));
}

static void linear_few(float *y, const float *x, const uint16_t *w,
                       const float *bias, size_t rows, size_t in, size_t out)
{
    float *rounded = slim_bf16_rounded(x, rows * in);
    struct passing p = { y, rounded, w, bias, rows, in, out };

    slim_parallel(slim_tiles(out, OUTPUTS),
                  2.0 * (double)rows * (double)in * (double)out, passing_tile,
                  &p);
    free(rounded);
}

void slim_bf16_linear(float *y, const float *x, const uint16_t *w,
                      const float *bias, size_t rows, size_t in, size_t out)
{
    if (rows <= FEW) {
        linear_few(y, x, w, bias, rows, in, out);
        return;
    }
    uint16_t *a = narrowed(x, rows, in);

    multiply_all(&(struct product){ .c = y,
                                    .a = a,
                                    .b = w,
                                    .bias = bias,
                                    .m = rows,
                                    .n = out,
                                    .k = in,
                                    .transpose_b = true });
    free(a);
}

void slim_bf16_linear_grad_x(float *dx, const float *dy, const uint16_t *w,
                             size_t rows, size_t in, size_t out, bool add)
{
    uint16_t *a = narrowed(dy, rows, out);

    multiply_all(&(struct product){
        .c = dx, .a = a, .b = w, .m = rows, .n = in, .k = out, .add = add });
    free(a);
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

static void turn_tile(void *context, size_t tile, size_t worker)
{
    const struct turning *t = context;
    size_t first = tile * STRIP, row = 0;
    size_t last = first + slim_tile_length(t->columns, STRIP, tile);

    (void)worker;
    if (last - first == STRIP) {
        turn_run(t->out + first * t->rows, t->x + first, t->rows, t->columns);
        row = t->rows - t->rows % ABREAST;
    }
    for (size_t r = row; r < t->rows; r++)
        for (size_t c = first; c < last; c++)
            t->out[c * t->rows + r] = slim_bf16_one(t->x[r * t->columns + c]);
}

static uint16_t *narrowed_turned(const float *x, size_t rows, size_t columns)
{
    size_t whole = slim_tiles(columns, UNIT) * UNIT;
    struct turning t = { SLIM_SCRATCH(whole * rows + 1, uint16_t), x, rows,
                         columns };

    slim_parallel(slim_tiles(columns, STRIP), (double)rows * (double)columns,
                  turn_tile, &t);
    memset(t.out + columns * rows, 0,
           (whole - columns) * rows * sizeof(*t.out));
    return t.out;
}

void slim_bf16_linear_grad_w(float *dw, const float *dy, const float *x,
                             size_t rows, size_t in, size_t out, bool add)
{
    uint16_t *a = narrowed_turned(dy, rows, out);
    uint16_t *b = narrowed(x, rows, in);

    multiply_all(&(struct product){
        .c = dw, .a = a, .b = b, .m = out, .n = in, .k = rows, .add = add });
    free(a);
    free(b);
}
