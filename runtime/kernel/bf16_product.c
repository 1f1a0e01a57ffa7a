/* bf16_product.c - products of bf16 matrices with f32 sums, by oneDNN */
#include "runtime/kernel/bf16_product.h"
#include "runtime/kernel/bf16.h"
#include "runtime/kernel/parallel.h"
#include "runtime/kernel/scratch.h"

#include <stdlib.h>

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
 * A tile of c is up to TALL x WIDE, summed up over the blocks of k in a buffer
 * that stays in the second cache with the parts of a and b that a block reads.
 * Where all of b stays there, a tile is of whole rows, half as tall, and mostly
 * needs no buffer. Along each side all tiles are alike but the last: so oneDNN,
 * which generates code for each shape, does so for few.
 */
enum { TALL = 256, WIDE = 2 * SLIM_BF16_PANEL, SMALL = 1 << 20, ROW = 2048 };

struct side {
    size_t length, step, count; /* of all, of a tile, of tiles */
};

static struct side side_of(size_t length, size_t step)
{
    return (struct side){ length, step, slim_tiles(length, step) };
}

static size_t side_length(const struct side *side, size_t tile)
{
    return slim_tile_length(side->length, side->step, tile);
}

/* The code for tiles of one shape, and what it is told of its operands. */
struct code {
    dnnl_primitive_desc_t desc;
    dnnl_primitive_t primitive; /* NULL: not needed */
    dnnl_memory_desc_t a, b, c;
    const dnnl_memory_desc_t *scratch;
};

struct job {
    const struct slim_bf16_product *p;
    struct side rows, columns, depth;
    struct code code[2][2][2][2]; /* by: last of rows, of columns, of depth;
                                     adding to what the tile has */
    float *tiles;                 /* one for each worker */
    size_t tile;                  /* numbers of one */
};

static struct code *code_of(struct job *job, size_t i, size_t j, size_t block)
{
    return &job->code[i + 1 == job->rows.count][j + 1 == job->columns.count]
                     [block + 1 == job->depth.count][block > 0];
}

static dnnl_primitive_attr_t attributes(bool add)
{
    dnnl_primitive_attr_t attr;

    must(dnnl_primitive_attr_create(&attr));
    must(dnnl_primitive_attr_set_scratchpad_mode(attr,
                                                 dnnl_scratchpad_mode_user));
    if (add) {
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
static void code_open(struct code *code, size_t m, size_t n, size_t k, bool add)
{
    dnnl_dims_t a = { (dnnl_dim_t)m, (dnnl_dim_t)k };
    dnnl_dims_t b = { (dnnl_dim_t)k, (dnnl_dim_t)n };
    dnnl_dims_t c = { (dnnl_dim_t)m, (dnnl_dim_t)n };
    dnnl_primitive_attr_t attr = attributes(add);
    dnnl_matmul_desc_t matmul;

    /* oneDNN 2.6 looks for memory for its code and crashes without */
    free(SLIM_SCRATCH(CODE_BYTES, char));
    must(dnnl_memory_desc_init_by_tag(&code->a, 2, a, dnnl_bf16, dnnl_ab));
    must(dnnl_memory_desc_init_by_tag(&code->b, 2, b, dnnl_bf16,
                                      dnnl_BA16a64b2a));
    must(dnnl_memory_desc_init_by_tag(&code->c, 2, c, dnnl_f32, dnnl_ab));
    must(dnnl_matmul_desc_init(&matmul, &code->a, &code->b, NULL, &code->c));
    must(
        dnnl_primitive_desc_create(&code->desc, &matmul, attr, engine(), NULL));
    must(dnnl_primitive_create(&code->primitive, code->desc));
    must(dnnl_primitive_attr_destroy(attr));
    code->scratch =
        dnnl_primitive_desc_query_md(code->desc, dnnl_query_scratchpad_md, 0);
}

/* Of each side the first tile and the last, and of blocks the second: all
 * shapes there are. */
static void codes_open(struct job *job)
{
    for (size_t corner = 0; corner < 4; corner++) {
        size_t i = corner % 2 ? job->rows.count - 1 : 0;
        size_t j = corner / 2 ? job->columns.count - 1 : 0;
        size_t blocks[] = { 0, 1, job->depth.count - 1 };

        for (size_t b = 0; b < sizeof(blocks) / sizeof(*blocks); b++) {
            struct code *code = code_of(job, i, j, blocks[b]);
            size_t units =
                slim_tiles(side_length(&job->rows, i), SLIM_BF16_UNIT);
            if (blocks[b] < job->depth.count && !code->primitive)
                code_open(code, units * SLIM_BF16_UNIT,
                          side_length(&job->columns, j),
                          side_length(&job->depth, blocks[b]), blocks[b] > 0);
        }
    }
}

static void codes_close(struct job *job)
{
    struct code *codes = &job->code[0][0][0][0];

    for (size_t i = 0; i < sizeof(job->code) / sizeof(*codes); i++) {
        if (!codes[i].primitive)
            continue;
        must(dnnl_primitive_destroy(codes[i].primitive));
        must(dnnl_primitive_desc_destroy(codes[i].desc));
    }
}

/* c (+)= a b on this thread. */
static void run(const struct code *code, dnnl_stream_t stream, float *c,
                const uint16_t *a, const uint16_t *b)
{
    enum { OPERANDS = 4 };
    dnnl_exec_arg_t args[OPERANDS] = { { .arg = DNNL_ARG_SRC },
                                       { .arg = DNNL_ARG_WEIGHTS },
                                       { .arg = DNNL_ARG_DST },
                                       { .arg = DNNL_ARG_SCRATCHPAD } };
    size_t bytes = dnnl_memory_desc_get_size(code->scratch);
    char *scratch = SLIM_SCRATCH(bytes + 1, char);

    /* sources are not written: the interface has no const */
    must(dnnl_memory_create(&args[0].memory, &code->a, engine(), (void *)a));
    must(dnnl_memory_create(&args[1].memory, &code->b, engine(), (void *)b));
    must(dnnl_memory_create(&args[2].memory, &code->c, engine(), c));
    must(dnnl_memory_create(&args[3].memory, code->scratch, engine(), scratch));
    must(dnnl_primitive_execute(code->primitive, stream, OPERANDS, args));
    must(dnnl_stream_wait(stream));
    for (size_t i = 0; i < OPERANDS; i++)
        must(dnnl_memory_destroy(args[i].memory));
    free(scratch);
}

/* c[rows, columns] (+)= tile + bias; with a bias the tile may be where it goes. */
SLIM_CLONES
static void put(const struct slim_bf16_product *p, size_t i, size_t j,
                const float *tile, size_t rows, size_t columns)
{
    for (size_t r = 0; r < rows; r++, tile += columns) {
        float *c = p->c + (i + r) * p->n + j;

        if (!p->bias && !p->add) {
            memcpy(c, tile, columns * sizeof(*c));
            continue;
        }
        for (size_t x = 0; x < columns; x++)
            c[x] = tile[x] + (p->bias ? p->bias[j + x] : 0.0f) +
                   (p->add ? c[x] : 0.0f);
    }
}

static void product_tile(void *context, size_t tile, size_t worker)
{
    struct job *job = context;
    const struct slim_bf16_product *p = job->p;
    size_t i = tile % job->rows.count, j = tile / job->rows.count;
    size_t row = i * job->rows.step, column = j * job->columns.step;
    size_t m = slim_tiles(p->m, SLIM_BF16_UNIT) * SLIM_BF16_UNIT;
    size_t n = slim_tiles(p->n, SLIM_BF16_PANEL) * SLIM_BF16_PANEL;
    size_t rows = side_length(&job->rows, i);
    size_t columns = side_length(&job->columns, j);
    bool direct = columns == p->n && !p->add && rows % SLIM_BF16_UNIT == 0;
    float *c = direct ? p->c + row * p->n : job->tiles + worker * job->tile;
    dnnl_stream_t stream;

    must(dnnl_stream_create(&stream, engine(), dnnl_stream_default_flags));
    for (size_t block = 0; block < job->depth.count; block++) {
        size_t k = block * job->depth.step;
        size_t depth = side_length(&job->depth, block);

        run(code_of(job, i, j, block), stream, c, p->a + k * m + row * depth,
            p->b + k * n + column * slim_bf16_padded(depth));
    }
    must(dnnl_stream_destroy(stream));
    if (!direct || p->bias)
        put(p, row, column, c, rows, columns);
}

static void cut(struct job *job)
{
    const struct slim_bf16_product *p = job->p;
    size_t tiles = slim_tiles(p->m, TALL);

    job->depth = side_of(p->k, slim_bf16_block(p->k));
    bool small = job->depth.count == 1 && p->n <= ROW && p->n * p->k <= SMALL;

    /* few of them: an even number is shared better */
    if (small)
        tiles = (slim_tiles(p->m, TALL / 2) + 1) / 2 * 2;
    size_t units = slim_tiles(slim_tiles(p->m, tiles), SLIM_BF16_UNIT);

    job->rows = side_of(p->m, units * SLIM_BF16_UNIT);
    job->columns = side_of(p->n, small ? p->n : WIDE);
    job->tile = job->rows.step * job->columns.step;
}

void slim_bf16_multiply(const struct slim_bf16_product *p)
{
    struct job job = { .p = p };

    if (p->m == 0 || p->n == 0)
        return;
    cut(&job);
    job.tiles = SLIM_SCRATCH(slim_threads() * job.tile, float);
    slim_blas_alone();
    codes_open(&job);
    slim_parallel(job.rows.count * job.columns.count,
                  2.0 * (double)p->m * (double)p->n * (double)p->k,
                  product_tile, &job);
    codes_close(&job);
    free(job.tiles);
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

/* The table is not handed out where slim_bf16_here says no. */
void slim_bf16_multiply(const struct slim_bf16_product *product)
{
    (void)product;
    abort();
}

#endif
