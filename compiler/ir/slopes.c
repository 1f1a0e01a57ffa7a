/* slopes.c - the slopes of ALiBi, one a head */
#include "compiler/ir/slopes.h"

#include "base/json.h"

#include <math.h>

/*
 * Press et al. 2022, arXiv:2108.12409: for n heads, n a power of two, a
 * geometric sequence from 2^(-8/n) on with that ratio. For another n, the
 * sequence of the power of two below, then every other one of twice as many,
 * as the code of its authors has it.
 */
double slim_alibi_slope(size_t head, size_t heads)
{
    size_t below = 1;

    while (2 * below <= heads)
        below *= 2;
    if (head < below)
        return pow(2.0, -8.0 * (double)(head + 1) / (double)below);
    size_t odd = 2 * (head - below) + 1;
    return pow(2.0, -8.0 * (double)odd / (double)(2 * below));
}

/* The list of a layer's attention in "slimc"; NULL: there is none. */
static const json_t *list_of(const json_t *slimc, size_t layer)
{
    const json_t *model = json_object_get(slimc, "model");
    const json_t *blocks =
        json_array_get(json_object_get(model, "layers"), layer);

    for (size_t i = 0; i < json_array_size(blocks); i++) {
        const json_t *slopes =
            json_object_get(json_array_get(blocks, i), "slopes");
        if (slopes != NULL)
            return slopes;
    }
    return NULL;
}

static enum slim_status read_list(double *out, const json_t *list, size_t heads,
                                  size_t layer,
                                  const struct slim_source *source,
                                  struct slim_diag *diag)
{
    struct slim_span place = { source, 0, 0 };
    bool whole = json_array_size(list) == heads;

    for (size_t h = 0; whole && h < heads; h++) {
        const json_t *number = json_array_get(list, h);
        out[h] = json_number_value(number);
        whole = json_is_number(number) && isfinite(out[h]);
    }
    if (whole)
        return SLIM_OK;
    return slim_fail(diag, "F358", place,
                     "\"slimc\" holds no list of %zu slopes for the heads of "
                     "layer %zu",
                     heads, layer);
}

enum slim_status slim_slopes_find(struct slim_arch *arch,
                                  const struct slim_shape *shape,
                                  const json_t *slimc,
                                  const struct slim_source *source,
                                  struct slim_diag *diag)
{
    for (size_t i = 0; i < arch->tensor_count; i++) {
        struct slim_tensor *tensor = &arch->tensors[i];
        if (tensor->presence != SLIM_PRESENT_COMPUTED)
            continue;
        size_t heads = slim_tensor_size(shape, tensor, 0);
        double *slopes = SLIM_NEW_ARRAY(diag->arena, heads, double);
        tensor->computed = slopes;
        for (size_t h = 0; h < heads; h++)
            slopes[h] = slim_alibi_slope(h, heads);
        if (slimc != NULL &&
            read_list(slopes, list_of(slimc, tensor->layer), heads,
                      tensor->layer, source, diag) != SLIM_OK)
            return SLIM_FAILED;
    }
    return SLIM_OK;
}
