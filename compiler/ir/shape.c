/* shape.c - the sizes of a model, and what follows from them alone */
#include "compiler/ir/arch.h"

#include <string.h>

struct slim_shape *slim_shape_dense(const struct slim_arch *arch,
                                    struct slim_arena *arena)
{
    struct slim_shape *shape = SLIM_NEW(arena, struct slim_shape);
    shape->arch = arch;
    shape->sizes =
        SLIM_NEW_ARRAY(arena, arch->layers * arch->axis_count, size_t);
    shape->sites = SLIM_NEW_ARRAY(arena, arch->site_count, size_t);
    for (size_t l = 0; l < arch->layers; l++)
        for (size_t a = 0; a < arch->axis_count; a++)
            shape->sizes[l * arch->axis_count + a] = arch->axes[a].size;
    for (size_t s = 0; s < arch->site_count; s++)
        shape->sites[s] = arch->axes[arch->stream].size;
    return shape;
}

struct slim_shape *slim_shape_copy(const struct slim_shape *shape,
                                   struct slim_arena *arena)
{
    const struct slim_arch *arch = shape->arch;
    struct slim_shape *copy = slim_shape_dense(arch, arena);
    size_t *sizes = copy->sizes, *sites = copy->sites;
    memcpy(sizes, shape->sizes,
           arch->layers * arch->axis_count * sizeof(sizes[0]));
    memcpy(sites, shape->sites, arch->site_count * sizeof(sites[0]));
    *copy = *shape;
    copy->sizes = sizes;
    copy->sites = sites;
    return copy;
}

static bool sizes_equal(const struct slim_shape *a, const struct slim_shape *b)
{
    const struct slim_arch *arch = a->arch;
    for (size_t i = 0; i < arch->layers * arch->axis_count; i++)
        if (i % arch->axis_count != arch->stream && a->sizes[i] != b->sizes[i])
            return false;
    for (size_t s = 0; s < arch->site_count; s++)
        if (a->sites[s] != b->sites[s])
            return false;
    return true;
}

bool slim_shape_equal(const struct slim_shape *a, const struct slim_shape *b)
{
    return a->arch == b->arch && a->shortcuts == b->shortcuts &&
           a->folded == b->folded && a->untied == b->untied &&
           a->divisor == b->divisor && a->eps <= b->eps && a->eps >= b->eps &&
           sizes_equal(a, b);
}

double slim_shape_eps(const struct slim_shape *shape,
                      const struct slim_node *norm)
{
    return shape->eps > 0.0 ? shape->eps : norm->settings[SLIM_NORM_EPS];
}

size_t slim_shape_size(const struct slim_shape *shape, size_t layer,
                       size_t axis)
{
    if (shape->arch->axes[axis].kind != SLIM_AXIS_LAYER)
        layer = 0;
    return shape->sizes[layer * shape->arch->axis_count + axis];
}

/* ---- dimensions ---- */

/* What an expression's axes measure: the shape, and where its tensor is. */
struct place {
    const struct slim_shape *shape;
    size_t layer, site;
};

static struct place place_of(const struct slim_shape *shape,
                             const struct slim_tensor *tensor, size_t d)
{
    struct place place = { shape, tensor->layer, tensor->sites[d] };
    return place;
}

static size_t dim_size(const struct slim_dim *dim, struct place place)
{
    size_t size = dim->kind == SLIM_DIM_SUM ? 0 : 1;
    switch (dim->kind) {
    case SLIM_DIM_AXIS:
        if (dim->axis == place.shape->arch->stream)
            return place.shape->sites[place.site];
        return slim_shape_size(place.shape, place.layer, dim->axis);
    case SLIM_DIM_PRODUCT:
        for (size_t p = 0; p < dim->part_count; p++)
            size *= dim_size(dim->parts[p], place);
        break;
    case SLIM_DIM_SUM:
        for (size_t p = 0; p < dim->part_count; p++)
            size += dim_size(dim->parts[p], place);
        break;
    }
    return size;
}

size_t slim_tensor_size(const struct slim_shape *shape,
                        const struct slim_tensor *tensor, size_t d)
{
    if (d >= tensor->dims_count)
        return 1;
    return dim_size(tensor->dims[d], place_of(shape, tensor, d));
}

static size_t dim_per_unit(const struct slim_dim *dim, size_t axis,
                           struct place place)
{
    size_t sum = 0;
    if (dim->kind == SLIM_DIM_AXIS)
        return dim->axis == axis;
    for (size_t p = 0; p < dim->part_count; p++) {
        size_t own = dim_per_unit(dim->parts[p], axis, place);
        for (size_t q = 0; q < dim->part_count; q++)
            if (dim->kind == SLIM_DIM_PRODUCT && q != p && own > 0)
                own *= dim_size(dim->parts[q], place);
        sum += own;
    }
    return sum;
}

size_t slim_tensor_per_unit(const struct slim_shape *shape,
                            const struct slim_tensor *tensor, size_t d,
                            size_t axis)
{
    return dim_per_unit(tensor->dims[d], axis, place_of(shape, tensor, d));
}

/*
 * Writes the coordinates of one dimension: `count` runs of the expression, each
 * index of which stands for `inner` indices of the dimension. `outer` is the
 * coordinate of an enclosing factor, if that carried the axis.
 */
static size_t *write_units(size_t *units, const struct slim_dim *dim,
                           struct place place, size_t axis, size_t outer);

/* Factors from `part` on: for each index of the first, all of the rest. */
static size_t *write_product(size_t *units, const struct slim_dim *dim,
                             size_t part, struct place place, size_t axis,
                             size_t outer)
{
    if (part + 1 == dim->part_count)
        return write_units(units, dim->parts[part], place, axis, outer);
    const struct slim_dim *factor = dim->parts[part];
    size_t size = dim_size(factor, place);
    bool carries = factor->kind == SLIM_DIM_AXIS && factor->axis == axis;
    for (size_t i = 0; i < size; i++)
        units = write_product(units, dim, part + 1, place, axis,
                              carries ? i : outer);
    return units;
}

static size_t *write_units(size_t *units, const struct slim_dim *dim,
                           struct place place, size_t axis, size_t outer)
{
    if (dim->kind == SLIM_DIM_PRODUCT)
        return write_product(units, dim, 0, place, axis, outer);
    if (dim->kind == SLIM_DIM_SUM) {
        for (size_t p = 0; p < dim->part_count; p++)
            units = write_units(units, dim->parts[p], place, axis, outer);
        return units;
    }
    size_t size = dim_size(dim, place);
    for (size_t i = 0; i < size; i++)
        *units++ = dim->axis == axis ? i : outer;
    return units;
}

void slim_tensor_units(size_t *units, const struct slim_shape *shape,
                       const struct slim_tensor *tensor, size_t d, size_t axis)
{
    write_units(units, tensor->dims[d], place_of(shape, tensor, d), axis,
                SLIM_NO_UNIT);
}

/* A part being looked for, and what is known of it on the way down. */
struct search {
    const char *label;
    size_t outer;
    size_t start, stride, length;
    struct place place;
};

/* The part itself: over the outer axis inside it, or given from outside. */
static bool measure_part(struct search *search, const struct slim_dim *dim)
{
    search->length = dim_size(dim, search->place);
    bool inside = dim->kind == SLIM_DIM_PRODUCT &&
                  dim->parts[0]->kind == SLIM_DIM_AXIS &&
                  dim->parts[0]->axis == search->outer;
    if (inside) {
        size_t outer = dim_size(dim->parts[0], search->place);
        search->length = outer == 0 ? 0 : search->length / outer;
    }
    if (search->stride == 0 || inside)
        search->stride = search->length;
    return true;
}

static bool find_part(struct search *search, const struct slim_dim *dim)
{
    if (dim->label != NULL && strcmp(dim->label, search->label) == 0)
        return measure_part(search, dim);
    if (dim->kind == SLIM_DIM_AXIS)
        return false;
    size_t start = search->start, stride = search->stride, before = 0;
    for (size_t p = 0; p < dim->part_count; p++) {
        const struct slim_dim *part = dim->parts[p];
        if (dim->kind == SLIM_DIM_SUM)
            search->start = start + before;
        else if (p > 0 && dim->parts[p - 1]->kind == SLIM_DIM_AXIS &&
                 dim->parts[p - 1]->axis == search->outer)
            search->stride = dim_size(part, search->place);
        if (find_part(search, part))
            return true;
        before += dim_size(part, search->place);
    }
    search->start = start;
    search->stride = stride;
    return false;
}

bool slim_tensor_part(size_t *start, size_t *stride, size_t *length,
                      const struct slim_shape *shape,
                      const struct slim_tensor *tensor, size_t d,
                      const char *label, size_t outer_axis)
{
    struct search search = { .label = label, .outer = outer_axis };
    search.place = place_of(shape, tensor, d);
    if (d >= tensor->dims_count || !find_part(&search, tensor->dims[d]))
        return false;
    *start = search.start;
    *stride = search.stride;
    *length = search.length;
    return true;
}

/* The last factor is the head's channels, the first the key/value heads, and
 * what is between them the query heads to each. */
struct slim_heads slim_node_heads(const struct slim_shape *shape,
                                  const struct slim_node *node)
{
    const struct slim_tensor *o = node->slots[SLIM_ATTENTION_O];
    const struct slim_dim *dim = o->dims[1];
    struct place place = place_of(shape, o, 1);
    struct slim_heads heads = { .rep = 1, .axis = dim->parts[0]->axis };
    heads.kv = dim_size(dim->parts[0], place);
    heads.dim = dim_size(dim->parts[dim->part_count - 1], place);
    for (size_t p = 1; p + 1 < dim->part_count; p++)
        heads.rep *= dim_size(dim->parts[p], place);
    return heads;
}

/* ---- what is stored ---- */

bool slim_tensor_stored(const struct slim_shape *shape,
                        const struct slim_tensor *tensor)
{
    switch (tensor->presence) {
    case SLIM_PRESENT_ALWAYS:
        break;
    case SLIM_PRESENT_UNFOLDED:
        return !shape->folded;
    case SLIM_PRESENT_FOLDED:
        return shape->folded;
    case SLIM_PRESENT_SHORTCUTS:
        return shape->shortcuts;
    case SLIM_PRESENT_COMPUTED:
        return false;
    }
    return tensor->tied_to == NULL || shape->untied;
}

bool slim_tensor_present(const struct slim_shape *shape,
                         const struct slim_tensor *tensor)
{
    return tensor->presence == SLIM_PRESENT_COMPUTED ||
           slim_tensor_stored(shape, tensor);
}

bool slim_tensor_is_table(const struct slim_tensor *tensor)
{
    return tensor->node->kind == SLIM_BLOCK_EMBEDDING && !tensor->linear;
}

const struct slim_tensor *slim_arch_tied(const struct slim_arch *arch)
{
    for (size_t t = 0; t < arch->tensor_count; t++)
        if (arch->tensors[t].tied_to)
            return arch->tensors[t].tied_to;
    return NULL;
}

uint64_t slim_shape_params(const struct slim_shape *shape)
{
    uint64_t params = 0;
    for (size_t t = 0; t < shape->arch->tensor_count; t++) {
        const struct slim_tensor *tensor = &shape->arch->tensors[t];
        if (slim_tensor_stored(shape, tensor))
            params += (uint64_t)slim_tensor_size(shape, tensor, 0) *
                      slim_tensor_size(shape, tensor, 1);
    }
    return params;
}

uint64_t slim_shape_bytes(const struct slim_shape *shape)
{
    return slim_shape_params(shape) * (slim_dtype_bits(shape->arch->dtype) / 8);
}
