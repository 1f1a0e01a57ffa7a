/* safetensors.c - tensors are written in blocks of rows: the same bytes */
#include "tests/support.h"

#include "runtime/format/convert.h"
#include "runtime/format/safetensors.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { TENSORS = 3 };

/* What was asked for. */
struct asked {
    size_t calls[TENSORS], most;
    float factor;
};

static size_t row_of(const struct slim_out_tensor *output)
{
    return output->dims_count > 1 ? (size_t)output->dims[1] : 1;
}

static enum slim_status fill(float *out, void *context,
                             const struct slim_out_tensor *output, size_t first,
                             size_t rows, struct slim_diag *diag)
{
    struct asked *asked = context;
    size_t row = row_of(output), index = (size_t)(output->name[0] - 'a');

    (void)diag;
    asked->calls[index]++;
    if (rows * row > asked->most)
        asked->most = rows * row;
    for (size_t i = 0; i < rows * row; i++)
        out[i] = asked->factor * (float)(index + 1) * (float)(first * row + i);
    return SLIM_OK;
}

struct place {
    char *folder;
    struct slim_arena *arena;
    struct slim_diag diag;
    struct asked asked;
};

static struct place open_place(void)
{
    struct place p = { .folder = slim_test_directory(),
                       .arena = slim_arena_open(),
                       .asked = { .factor = 1.0f } };

    p.diag.arena = p.arena;
    return p;
}

static void close_place(struct place *p)
{
    slim_arena_close(p->arena);
    slim_test_directory_remove(p->folder);
}

/* A matrix, a vector, and a matrix that is given whole. */
static enum slim_status write(struct place *p, const char *stem, size_t block,
                              enum slim_dtype dtype)
{
    struct slim_out_tensor items[TENSORS] = {
        { .name = "a", .dims_count = 2, .dims = { 7, 3 } },
        { .name = "b", .dims_count = 1, .dims = { 10 } },
        { .name = "c", .dims_count = 2, .dims = { 5, 2 }, .whole = true },
    };
    struct slim_out_tensors outputs = { .items = items,
                                        .count = TENSORS,
                                        .dtype = dtype,
                                        .shard_bytes = 1000000,
                                        .block = block,
                                        .metadata = json_object(),
                                        .context = &p->asked,
                                        .fill = fill };
    float factor = p->asked.factor;

    p->asked = (struct asked){ .factor = factor };
    enum slim_status status = slim_safetensors_write(
        p->folder, stem, &outputs, (struct slim_span){ 0 }, &p->diag);
    json_decref(outputs.metadata);
    return status;
}

static char *read(const struct place *p, const char *name, size_t *length)
{
    char *path = slim_test_join(p->folder, name);
    char *bytes = slim_test_read(path, length);

    free(path);
    return bytes;
}

static void blocks_change_nothing(void **state)
{
    /* the longest row is 3: a smaller block is a row at a time */
    static const size_t blocks[] = { 1, 3, 6, 7, 20, 1000 };
    struct place p = open_place();
    size_t want_length, length;

    (void)state;
    assert_int_equal(write(&p, "whole", 0, SLIM_DTYPE_F32), SLIM_OK);
    assert_int_equal(p.asked.calls[0], 1);
    char *want = read(&p, "whole.safetensors", &want_length);
    for (size_t i = 0; i < SLIM_COUNT(blocks); i++) {
        assert_int_equal(write(&p, "parts", blocks[i], SLIM_DTYPE_F32),
                         SLIM_OK);
        char *have = read(&p, "parts.safetensors", &length);
        assert_int_equal(length, want_length);
        assert_memory_equal(have, want, length);
        free(have);
        assert_int_equal(p.asked.calls[2], 1);
        /* the one that is given whole has 10 numbers */
        assert_true(p.asked.most <= (blocks[i] < 10 ? 10 : blocks[i]));
    }
    assert_int_equal(write(&p, "parts", 6, SLIM_DTYPE_F32), SLIM_OK);
    assert_int_equal(p.asked.calls[0], 4); /* rows 2, 2, 2, 1 */
    assert_int_equal(p.asked.calls[1], 2); /* numbers 6, 4 */
    free(want);
    close_place(&p);
}

/* 65504 is the largest f16: of 0, 4000, .. 80000 four are over it, and are in
 * more than one block. */
static void what_is_lost_is_counted_over_blocks(void **state)
{
    struct place p = open_place();

    (void)state;
    p.asked.factor = 4000.0f;
    assert_int_equal(write(&p, "half", 2, SLIM_DTYPE_F16), SLIM_FAILED);
    assert_true(slim_test_has_error(&p.diag, "R401"));
    assert_non_null(strstr(p.diag.first->message, "4 numbers of tensor \"a\""));
    close_place(&p);
}

/* Threads share long arrays: as the same in pieces, and none lost twice. */
static void long_arrays_convert_as_short_ones(void **state)
{
    enum { COUNT = 200001, PIECE = 1000 };
    const enum slim_dtype dtypes[] = { SLIM_DTYPE_F16, SLIM_DTYPE_BF16,
                                       SLIM_DTYPE_F32 };
    float *in = malloc(COUNT * sizeof(*in));
    char *whole = calloc(COUNT, 4), *pieces = calloc(COUNT, 4);

    (void)state;
    for (size_t i = 0; i < COUNT; i++)
        in[i] = (float)i * (i % 2 ? -1.0f : 1.0f);
    in[70000] = INFINITY; /* was so before: not lost */
    in[COUNT - 1] = 3.4028235e38f;
    for (size_t d = 0; d < SLIM_COUNT(dtypes); d++) {
        size_t size = slim_dtype_bits(dtypes[d]) / 8, lost = 0;

        for (size_t i = 0; i < COUNT; i += PIECE)
            lost +=
                slim_convert(pieces + i * size, in + i,
                             COUNT - i < PIECE ? COUNT - i : PIECE, dtypes[d]);
        assert_int_equal(slim_convert(whole, in, COUNT, dtypes[d]), lost);
        assert_memory_equal(whole, pieces, COUNT * size);
        /* from 65520 on f16 has none; the last is beyond bf16, too */
        assert_int_equal(lost, d == 0 ? COUNT - 65520 - 1 : d == 1 ? 1 : 0);
    }
    free(pieces);
    free(whole);
    free(in);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(blocks_change_nothing),
        cmocka_unit_test(what_is_lost_is_counted_over_blocks),
        cmocka_unit_test(long_arrays_convert_as_short_ones),
    };

    return cmocka_run_group_tests_name("tensors that are written", tests, NULL,
                                       NULL);
}
