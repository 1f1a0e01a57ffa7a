/* weight.h - the mapped files behind a model's weights */
#ifndef SLIM_WEIGHT_H
#define SLIM_WEIGHT_H

#include "base/file.h"
#include "runtime/model/model.h"

struct slim_maps {
    long references;
    size_t count;
    struct slim_map *items; /* by slim_disk_tensor.file */
};

#endif
