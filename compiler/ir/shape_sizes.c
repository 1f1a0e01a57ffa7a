/* shape_sizes.c - every size of a shape, by axis and layer, for other programs */
#include "compiler/ir/arch.h"

#include <jansson.h>

struct json_t *slim_shape_sizes(const struct slim_shape *shape)
{
    const struct slim_arch *arch = shape->arch;
    json_t *sizes = json_object(), *sites = json_array();

    for (size_t a = 0; a < arch->axis_count; a++) {
        if (arch->axes[a].kind != SLIM_AXIS_LAYER)
            continue;
        json_t *layers = json_array();
        for (size_t l = 0; l < arch->layers; l++)
            json_array_append_new(
                layers, json_integer((json_int_t)slim_shape_size(shape, l, a)));
        json_object_set_new(sizes, arch->axes[a].name, layers);
    }
    for (size_t i = 0; i < arch->site_count; i++)
        json_array_append_new(sites, json_integer((json_int_t)shape->sites[i]));
    json_object_set_new(sizes, arch->axes[arch->stream].name, sites);
    return sizes;
}
