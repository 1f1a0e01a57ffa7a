/* bf16_pack.c - operands in the order in which oneDNN's kernels read them */
#include "runtime/kernel/bf16.h"
#include "runtime/kernel/parallel.h"
#include "runtime/kernel/scratch.h"

#include <stdlib.h>

/*
 * b[depth, width], block after block of rows. A block is BA16a64b2a of oneDNN:
 * panels of PANEL columns, one after the other; in a panel two rows of b are
 * side by side, column by column, since a bf16 instruction adds up pairs of
 * products. What is missing of a whole panel, or of PAIRS rows, is zero.
 */
enum { PANEL = SLIM_BF16_PANEL, PAIRS = 32, DEEPEST = 1536, LINE = 64 };

size_t slim_bf16_padded(size_t depth)
{
    return slim_tiles(depth, PAIRS) * PAIRS;
}

/* Blocks of the same length, but for the last: at most DEEPEST, so that what a
 * tile reads of both operands stays in the second cache. */
size_t slim_bf16_block(size_t depth)
{
    size_t blocks = slim_tiles(depth, DEEPEST);

    return slim_bf16_padded(slim_tiles(depth, blocks ? blocks : 1));
}

struct panels {
    size_t depth, width; /* of b */
    size_t whole;        /* width in whole panels */
    size_t step;         /* rows of a block */
};

static struct panels panels_of(const struct slim_pack_form *form)
{
    size_t depth = form->back ? form->out : form->in;
    size_t width = form->back ? form->in : form->out;

    return (struct panels){ depth, width, slim_tiles(width, PANEL) * PANEL,
                            slim_bf16_block(depth) };
}

size_t slim_bf16_packed(const struct slim_pack_form *form)
{
    struct panels p = panels_of(form);

    return p.whole * slim_bf16_padded(p.depth);
}

/* Every other word from each half: the bits of an index move up by one, the
 * highest comes last. */
SLIM_INLINE void shuffle(uint32_t *out, const uint32_t *x, size_t count)
{
#pragma omp simd
    for (size_t i = 0; i < count / 2; i++) {
        out[2 * i] = x[i];
        out[2 * i + 1] = x[count / 2 + i];
    }
}

/* SIDE words of SIDE rows, turned: four shuffles of a square of 16 x 16 change
 * the halves of each index. `pace`: from a word of a row to the next. */
enum { SIDE = 16 };

SLIM_CLONES
static void turn_words(uint16_t *out, size_t pace, const uint16_t *rows,
                       size_t stride)
{
    uint32_t x[SIDE * SIDE], y[SIDE * SIDE];

    for (size_t r = 0; r < SIDE; r++)
        memcpy(x + r * SIDE, rows + r * stride, SIDE * sizeof(*x));
    shuffle(y, x, (size_t)SIDE * SIDE);
    shuffle(x, y, (size_t)SIDE * SIDE);
    shuffle(y, x, (size_t)SIDE * SIDE);
    shuffle(x, y, (size_t)SIDE * SIDE);
    for (size_t w = 0; w < SIDE; w++)
        memcpy(out + w * pace, x + w * SIDE, SIDE * sizeof(*x));
}

/* Lines that are about to be written: twice as fast here, since a square does
 * not write them one after the other. */
static void fetch(const uint16_t *next, size_t count)
{
#if defined(__GNUC__)
    for (size_t i = 0; i < count; i += LINE / sizeof(*next))
        __builtin_prefetch(next + i, 1);
#else
    (void)next;
    (void)count;
#endif
}

/* Rows of w are columns of b: up to PANEL of them are one panel of a block. */
static void pack_columns(uint16_t *panel, const uint16_t *rows, size_t stride,
                         size_t count, size_t depth)
{
    const size_t side = SIDE, words = PANEL;
    size_t pairs = count == PANEL ? depth / 2 / side * side : 0;

    for (size_t pair = 0; pair < pairs; pair += side) {
        fetch(panel + 2 * (pair + side) * words, 2 * side * words);
        for (size_t j = 0; j < words; j += side)
            turn_words(panel + 2 * (pair * words + j), 2 * words,
                       rows + j * stride + 2 * pair, stride);
    }
    for (size_t at = 2 * pairs * words; at < slim_bf16_padded(depth) * words;
         at++) {
        size_t k = at / words / 2 * 2 + at % 2, j = at / 2 % words;
        panel[at] = k < depth && j < count ? rows[j * stride + k] : (uint16_t)0;
    }
}

/* Two rows of w, which are two of b, in every panel, `length` from one to the
 * next; NULL: zeros. */
SLIM_CLONES
static void pack_pair(uint16_t *packed, size_t length, const uint16_t *first,
                      const uint16_t *second, const struct panels *p)
{
    size_t whole = first && second ? p->width / PANEL : 0;

    for (size_t i = 0; i < whole; i++) {
        uint16_t *out = packed + i * length;
#pragma omp simd
        for (size_t j = 0; j < PANEL; j++) {
            out[2 * j] = first[i * PANEL + j];
            out[2 * j + 1] = second[i * PANEL + j];
        }
    }
    for (size_t i = whole * PANEL; i < p->whole; i++) {
        uint16_t *out = packed + i / PANEL * length + i % PANEL * 2;
        out[0] = i < p->width && first ? first[i] : (uint16_t)0;
        out[1] = i < p->width && second ? second[i] : (uint16_t)0;
    }
}

static void pack_rows(uint16_t *packed, const uint16_t *rows, size_t stride,
                      size_t first, size_t count, const struct panels *p)
{
    size_t end =
        first + count == p->depth ? slim_bf16_padded(p->depth) : first + count;

    for (size_t k = first; k < end; k += 2) {
        size_t block = k - k % p->step;
        size_t depth =
            slim_bf16_padded(slim_tile_length(p->depth, p->step, k / p->step));
        const uint16_t *row = rows + (k - first) * stride;

        pack_pair(packed + block * p->whole + (k - block) * PANEL,
                  depth * PANEL, k < p->depth ? row : NULL,
                  k + 1 < p->depth ? row + stride : NULL, p);
    }
}

/* Rows first .. first + count - 1 of w into their places. */
static void pack_stripe(uint16_t *packed, const uint16_t *rows, size_t stride,
                        size_t first, size_t count,
                        const struct slim_pack_form *form)
{
    struct panels p = panels_of(form);

    if (form->back) {
        pack_rows(packed, rows, stride, first, count, &p);
        return;
    }
    for (size_t k = 0; k < p.depth; k += p.step) {
        size_t depth = slim_tile_length(p.depth, p.step, k / p.step);
        pack_columns(packed + k * p.whole + first * slim_bf16_padded(depth),
                     rows + k, stride, count, depth);
    }
}

struct packing {
    uint16_t *packed;
    const struct slim_pack_form *form;
    void (*row)(void *context, uint16_t *out, size_t r);
    void *context;
    uint16_t *stripes; /* PANEL rows of w, one for each worker */
    size_t stride;
};

static void stripe_tile(void *context, size_t tile, size_t worker)
{
    const struct packing *p = context;
    size_t first = tile * PANEL;
    size_t count = slim_tile_length(p->form->out, PANEL, tile);
    uint16_t *stripe = p->stripes + worker * PANEL * p->stride;

    for (size_t r = 0; r < count; r++)
        p->row(p->context, stripe + r * p->stride, first + r);
    pack_stripe(p->packed, stripe, p->stride, first, count, p->form);
}

void slim_bf16_pack(uint16_t *packed, const struct slim_pack_form *form,
                    void (*row)(void *context, uint16_t *out, size_t r),
                    void *context)
{
    struct packing p = { packed, form, row, context, NULL, 0 };

    /* no power of two, at which rows would share few lines of the cache */
    p.stride = slim_bf16_padded(form->in) + PAIRS;
    p.stripes = SLIM_SCRATCH(slim_threads() * PANEL * p.stride, uint16_t);
    slim_parallel(slim_tiles(form->out, PANEL),
                  (double)form->out * (double)form->in, stripe_tile, &p);
    free(p.stripes);
}

struct wide {
    const float *w;
    size_t in;
};

static void round_row(void *context, uint16_t *out, size_t r)
{
    const struct wide *wide = context;

    slim_bf16_round(out, wide->w + r * wide->in, wide->in);
}

void slim_bf16_pack_wide(uint16_t *packed, const float *w,
                         const struct slim_pack_form *form)
{
    struct wide wide = { w, form->in };

    slim_bf16_pack(packed, form, round_row, &wide);
}
