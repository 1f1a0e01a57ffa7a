/* read_narrow.c - a tensor rounded to bf16 and packed, stripe by stripe */
#include "base/work.h"
#include "runtime/kernel/vector.h"
#include "runtime/model/weight.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

/* A tensor of bf16 in a file, whose halves are packed without a detour. */
struct halves {
    const unsigned char *base;
    const struct slim_weight *weight;
    size_t down, across; /* in the file from row to row, column to column */
    atomic_bool bad;     /* one of them is no number */
};

SLIM_CLONES
static bool all_numbers(const uint16_t *row, size_t count)
{
    uint16_t none = 0;

#pragma omp simd reduction(| : none)
    for (size_t j = 0; j < count; j++)
        none |= (uint16_t)((row[j] & 0x7f80u) == 0x7f80u);
    return none == 0;
}

static void copy_row(void *context, uint16_t *row, size_t r)
{
    struct halves *h = context;
    size_t columns = h->weight->size[1];
    size_t i = h->weight->kept[0] ? h->weight->kept[0][r] : r;
    const uint32_t *kept = h->weight->kept[1];
    const unsigned char *from = h->base + sizeof(*row) * i * h->down;

    if (!kept && h->across == 1)
        memcpy(row, from, columns * sizeof(*row));
    else
        for (size_t j = 0; j < columns; j++)
            memcpy(&row[j],
                   from + sizeof(*row) * (kept ? kept[j] : j) * h->across,
                   sizeof(*row));
    if (!all_numbers(row, columns))
        atomic_store(&h->bad, true);
}

/* False: one of the halves is no number. */
static bool pack_halves(uint16_t *packed, const struct slim_model *model,
                        const struct slim_weight *weight,
                        const struct slim_tensor *tensor,
                        const struct slim_narrow_kernels *kernels,
                        const struct slim_pack_form *form)
{
    const struct slim_disk_tensor *disk = weight->disk;
    size_t line = disk->dims_count > 1 ? (size_t)disk->dims[1] : 1;
    struct halves h = {
        .base = model->maps->items[disk->file].data + disk->offset,
        .weight = weight,
        .down = tensor->transposed ? 1 : line,
        .across = tensor->transposed ? line : 1,
    };

    slim_work_read(sizeof(*packed) * (uint64_t)form->out * form->in);
    kernels->pack(packed, form, copy_row, &h);
    return !atomic_load(&h.bad);
}

enum slim_status slim_model_read_packed(
    uint16_t *out, struct slim_model *model, const struct slim_tensor *tensor,
    bool back, const struct slim_narrow_kernels *kernels,
    struct slim_diag *diag)
{
    const struct slim_tensor *owner = slim_model_owner(model, tensor);
    const struct slim_weight *weight = &model->weights[owner->index];
    struct slim_pack_form form = { weight->size[0], weight->size[1], back };
    size_t count = form.out * form.in;

    if (weight->buffer) {
        kernels->pack_wide(out, weight->buffer->data, &form);
        return SLIM_OK;
    }
    if (weight->disk && weight->disk->dtype == SLIM_DTYPE_BF16 &&
        pack_halves(out, model, weight, owner, kernels, &form))
        return SLIM_OK;

    float *wide = malloc((count ? count : 1) * sizeof(*wide));
    if (!wide)
        return slim_fail(diag, "O101", (struct slim_span){ 0 },
                         "out of memory: %zu numbers of \"%s\"", count,
                         tensor->name);
    enum slim_status status = slim_model_read(wide, model, tensor, diag);
    if (status == SLIM_OK)
        kernels->pack_wide(out, wide, &form);
    free(wide);
    return status;
}
