/* synth.c - a checkpoint of random weights for any config.json */
#include "runtime/format/synth.h"

#include "base/file.h"
#include "base/random.h"
#include "runtime/format/companion.h"
#include "runtime/format/place.h"
#include "runtime/format/safetensors.h"
#include "runtime/format/spectrum.h"
#include "runtime/kernel/parallel.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

struct synth {
    const struct slim_shape *shape;
    const struct slim_synth *how;
    struct slim_spectrum spectrum; /* of the stream, where decay is not 0 */
};

/* Where normal numbers go, at places that no other tensor has. */
struct drawing {
    float *out;
    size_t count;
    double deviation;
    uint64_t seed, place;
};

enum { TILE = 1 << 14 };

static void draw_tile(void *context, size_t tile, size_t worker)
{
    const struct drawing *d = context;
    size_t first = tile * TILE;
    size_t last = first + slim_tile_length(d->count, TILE, tile);

    (void)worker;
    for (size_t i = first; i < last; i++)
        d->out[i] =
            (float)(d->deviation * slim_random_normal(d->seed, SLIM_STREAM_INIT,
                                                      d->place + i));
}

/* Numbers from place `first` of a tensor on. */
static void fill_normal(float *out, size_t first, size_t count,
                        double deviation, const struct synth *synth,
                        size_t tensor)
{
    struct drawing drawing = { out, count, deviation, synth->how->seed,
                               ((uint64_t)tensor << 40) + first };

    slim_parallel(slim_tiles(count, TILE), 100.0 * (double)count, draw_tile,
                  &drawing);
}

static bool writes_stream(const struct slim_tensor *tensor)
{
    return tensor->sites[0] != SLIM_NO_SITE;
}

/* Rows of tables, and what the outputs of a layer add, get the components. */
static bool set_spectrum(float *out, const struct synth *synth,
                         const struct slim_tensor *tensor, size_t count)
{
    const struct slim_spectrum *spectrum = &synth->spectrum;
    bool writes = writes_stream(tensor);
    bool table = tensor->layer == SLIM_NO_LAYER &&
                 tensor->sites[1] != SLIM_NO_SITE && !writes;

    if (spectrum->width == 0 || (!writes && !table))
        return true;
    return writes != tensor->transposed
               ? slim_spectrum_columns(spectrum, out, count / spectrum->width)
               : slim_spectrum_rows(spectrum, out, count / spectrum->width);
}

/* A column of components is of all rows. */
static void keep_whole(struct slim_out_tensors *outputs,
                       const struct synth *synth)
{
    for (size_t i = 0; i < outputs->count && synth->spectrum.width; i++)
        if (writes_stream(outputs->items[i].tag))
            outputs->items[i].whole = true;
}

static enum slim_status fill(float *out, void *context,
                             const struct slim_out_tensor *output, size_t first,
                             size_t rows, struct slim_diag *diag)
{
    const struct synth *synth = context;
    const struct slim_tensor *tensor = output->tag;
    const struct slim_arch *arch = synth->shape->arch;
    double deviation = sqrt(0.4 / (double)synth->shape->sites[0]);
    size_t row = slim_out_tensor_row(output), count = rows * row;

    if (tensor->dims_count == 1) {
        float value =
            tensor->node->kind == SLIM_BLOCK_NORM && !tensor->bias
                ? 1.0f - (float)tensor->node->settings[SLIM_NORM_OFFSET]
                : 0.0f;
        for (size_t i = 0; i < count; i++)
            out[i] = value;
        return SLIM_OK;
    }
    if (tensor->layer != SLIM_NO_LAYER && tensor->sites[0] != SLIM_NO_SITE)
        deviation /= sqrt(2.0 * (double)arch->layers);
    fill_normal(out, first * row, count, deviation, synth, tensor->index);
    if (set_spectrum(out, synth, tensor, count))
        return SLIM_OK;
    return slim_fail(diag, "O001", (struct slim_span){ 0 },
                     "out of memory for weights");
}

static enum slim_status write_weights(const char *directory,
                                      const struct synth *synth,
                                      struct slim_diag *diag)
{
    struct slim_out_tensors outputs = { .dtype = synth->how->dtype,
                                        .shard_bytes = 5000000000u,
                                        .context = (void *)(uintptr_t)synth,
                                        .fill = fill };
    const struct slim_span nowhere = { NULL, 0, 0 };

    slim_out_tensors_list(&outputs, synth->shape, diag->arena);
    keep_whole(&outputs, synth);
    outputs.metadata =
        json_pack("{s:s,s:s}", "format", "pt", "slimc.synth", PACKAGE_VERSION);
    enum slim_status status =
        slim_safetensors_write(directory, "model", &outputs, nowhere, diag);
    json_decref(outputs.metadata);
    return status;
}

static enum slim_status write_all(const char *directory, struct synth *synth,
                                  struct slim_diag *diag)
{
    if (synth->how->decay > 0.0 &&
        !slim_spectrum_open(&synth->spectrum, synth->shape->sites[0],
                            synth->how->decay, synth->how->seed))
        return slim_fail(diag, "O001", (struct slim_span){ 0 },
                         "out of memory for the components of the stream");
    enum slim_status status = write_weights(directory, synth, diag);
    slim_spectrum_close(&synth->spectrum);
    return status;
}

enum slim_status slim_synth_write(const char *directory,
                                  const struct slim_model_info *info,
                                  const struct slim_synth *how,
                                  struct slim_diag *diag)
{
    const struct slim_span nowhere = { NULL, 0, 0 };
    struct synth synth = { .shape = info->shape, .how = how };
    struct slim_place place;

    if (slim_file_exists(directory))
        return slim_fail(diag, "I420", nowhere, "\"%s\" exists already",
                         directory);
    if (slim_place_open(&place, directory, nowhere, diag) != SLIM_OK)
        return SLIM_FAILED;
    enum slim_status status = slim_companions_copy(
        place.temporary, info->checkpoint->directory, nowhere, diag);
    if (status == SLIM_OK)
        status = slim_file_write(
            slim_path_join(diag->arena, place.temporary, "config.json"),
            info->config_text, strlen(info->config_text), nowhere, diag);
    if (status == SLIM_OK)
        status = write_all(place.temporary, &synth, diag);
    if (status == SLIM_OK)
        status = slim_place_settle(&place, false, nowhere, diag);
    if (status != SLIM_OK)
        slim_place_abort(&place);
    return status;
}
