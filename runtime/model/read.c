/* read.c - a tensor's numbers as f32, from a buffer or a selection on disk */
#include "base/size.h"
#include "base/work.h"
#include "runtime/kernel/vector.h"
#include "runtime/model/weight.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/*
 * One row of a selection: element j is at base[(kept ? kept[j] : j) * step].
 * Files promise no alignment, so elements are copied out byte by byte.
 */
struct slim_selection {
    const unsigned char *base;
    const uint32_t *kept;
    size_t count, step;
};

SLIM_INLINE size_t place(const struct slim_selection *from, size_t j)
{
    return (from->kept ? from->kept[j] : j) * from->step;
}

SLIM_INLINE float bits_value(uint32_t bits)
{
    float value;

    memcpy(&value, &bits, sizeof(value));
    return value;
}

SLIM_INLINE float bf16_value(const unsigned char *bytes)
{
    uint16_t half;

    memcpy(&half, bytes, sizeof(half));
    return bits_value((uint32_t)half << 16);
}

/* The exponent is rebased by an exact product, which also makes subnormal
 * halves normal; infinities and NaNs get f32's exponent. */
SLIM_INLINE float f16_value(const unsigned char *bytes)
{
    uint16_t half;

    memcpy(&half, bytes, sizeof(half));
    float value = bits_value((uint32_t)(half & 0x7fffu) << 13) * 0x1p112f;
    uint32_t bits;

    memcpy(&bits, &value, sizeof(bits));
    if ((half & 0x7c00u) == 0x7c00u)
        bits |= 0x7f800000u;
    return bits_value(bits | (uint32_t)(half & 0x8000u) << 16);
}

static void read_f32(float *out, const struct slim_selection *from)
{
    if (!from->kept && from->step == 1) {
        memcpy(out, from->base, from->count * sizeof(*out));
        return;
    }
    for (size_t j = 0; j < from->count; j++)
        memcpy(&out[j], from->base + 4 * place(from, j), sizeof(*out));
}

SLIM_CLONES
static void read_f16(float *out, const struct slim_selection *from)
{
    if (!from->kept && from->step == 1) {
#pragma omp simd
        for (size_t j = 0; j < from->count; j++)
            out[j] = f16_value(from->base + 2 * j);
        return;
    }
    for (size_t j = 0; j < from->count; j++)
        out[j] = f16_value(from->base + 2 * place(from, j));
}

SLIM_CLONES
static void read_bf16(float *out, const struct slim_selection *from)
{
    if (!from->kept && from->step == 1) {
#pragma omp simd
        for (size_t j = 0; j < from->count; j++)
            out[j] = bf16_value(from->base + 2 * j);
        return;
    }
    for (size_t j = 0; j < from->count; j++)
        out[j] = bf16_value(from->base + 2 * place(from, j));
}

/* A row for each dtype that slimc computes with. */
static const struct slim_reading {
    void (*read)(float *out, const struct slim_selection *from);
    size_t bytes;
} readings[SLIM_DTYPE_COUNT] = {
    [SLIM_DTYPE_F32] = { read_f32, 4 },
    [SLIM_DTYPE_F16] = { read_f16, 2 },
    [SLIM_DTYPE_BF16] = { read_bf16, 2 },
};

SLIM_CLONES
static bool row_finite(const float *row, size_t count)
{
    uint32_t bad = 0;

#pragma omp simd reduction(| : bad)
    for (size_t i = 0; i < count; i++) {
        uint32_t bits;
        memcpy(&bits, &row[i], sizeof(bits));
        bad |= (uint32_t)((bits & 0x7f800000u) == 0x7f800000u);
    }
    return bad == 0;
}

/* Names the first number of a row that is none, by its place in the file. */
static enum slim_status fail_row(const float *row,
                                 const struct slim_weight *weight,
                                 const struct slim_tensor *tensor, size_t r,
                                 const struct slim_source *file,
                                 struct slim_diag *diag)
{
    size_t c = 0;
    struct slim_span at = { .source = file };

    while (c + 1 < weight->size[1] && isfinite(row[c]))
        c++;
    const char *what = isnan(row[c]) ? "NaN" : "an infinity";
    size_t i = weight->kept[0] ? weight->kept[0][r] : r;
    size_t j = weight->kept[1] ? weight->kept[1][c] : c;

    if (tensor->dims_count == 1)
        return slim_fail(diag, "F140", at, "tensor \"%s\" holds %s at [%zu]",
                         weight->disk->name, what, i);
    return slim_fail(diag, "F140", at, "tensor \"%s\" holds %s at [%zu, %zu]",
                     weight->disk->name, what, tensor->transposed ? j : i,
                     tensor->transposed ? i : j);
}

static enum slim_status read_disk(float *out, struct slim_model *model,
                                  const struct slim_weight *weight,
                                  const struct slim_tensor *tensor,
                                  size_t first, size_t rows,
                                  struct slim_diag *diag)
{
    const struct slim_disk_tensor *disk = weight->disk;
    const struct slim_reading *reading = &readings[disk->dtype];
    const struct slim_source *file =
        &model->info->checkpoint->files[disk->file].source;
    const unsigned char *base =
        model->maps->items[disk->file].data + disk->offset;
    size_t columns = weight->size[1];

    if (!reading->read)
        return slim_fail(diag, "F141", (struct slim_span){ .source = file },
                         "tensor \"%s\" is %s, which is not computed with",
                         disk->name, slim_dtype_name(disk->dtype));

    /* distance in the file between our rows, and between our columns */
    size_t line = disk->dims_count > 1 ? (size_t)disk->dims[1] : 1;
    size_t down = tensor->transposed ? 1 : line;
    size_t across = tensor->transposed ? line : 1;
    long bad = (long)rows;

    slim_work_read((uint64_t)rows * columns * reading->bytes);
#pragma omp parallel for schedule(static) reduction(min                        \
                                                    : bad)                     \
    num_threads((int)slim_threads()) if (rows * columns > 65536)
    for (long r = 0; r < (long)rows; r++) {
        size_t i = first + (size_t)r;
        i = weight->kept[0] ? weight->kept[0][i] : i;
        struct slim_selection from = { base + i * down * reading->bytes,
                                       weight->kept[1], columns, across };
        float *row = out + (size_t)r * columns;

        reading->read(row, &from);
        if (!row_finite(row, columns) && r < bad)
            bad = r;
    }
    if (bad < (long)rows)
        return fail_row(out + (size_t)bad * columns, weight, tensor,
                        first + (size_t)bad, file, diag);
    return SLIM_OK;
}

enum slim_status slim_model_read_rows(float *out, struct slim_model *model,
                                      const struct slim_tensor *tensor,
                                      size_t first, size_t rows,
                                      struct slim_diag *diag)
{
    tensor = slim_model_owner(model, tensor);
    const struct slim_weight *weight = &model->weights[tensor->index];

    if (!slim_model_has(model, tensor))
        return slim_fail(diag, "R128", (struct slim_span){ 0 },
                         "tensor \"%s\" has no numbers in this model",
                         tensor->name);
    if (!weight->buffer)
        return read_disk(out, model, weight, tensor, first, rows, diag);
    memcpy(out, weight->buffer->data + first * weight->size[1],
           rows * weight->size[1] * sizeof(*out));
    return SLIM_OK;
}

enum slim_status slim_model_read(float *out, struct slim_model *model,
                                 const struct slim_tensor *tensor,
                                 struct slim_diag *diag)
{
    const struct slim_tensor *owner = slim_model_owner(model, tensor);

    return slim_model_read_rows(out, model, tensor, 0,
                                model->weights[owner->index].size[0], diag);
}
