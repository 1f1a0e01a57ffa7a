/* arch_bind.c - finds every tensor of a model on disk, and none too many */
#include "compiler/ir/family.h"

#include "base/file.h"
#include "base/text.h"

#include <inttypes.h>
#include <string.h>

struct binding {
    struct slim_arch *arch;
    const struct slim_shape *shape;
    const struct slim_family *family;
    const struct slim_checkpoint *checkpoint;
    const char *root;
    bool *used; /* by index of the tensor on disk */
    struct slim_diag *diag;
    bool layer_told;   /* that one is missing */
    const char **told; /* patterns of names that the family does not know */
    size_t told_count;
};

/* The first tensor of the family as it is called under a prefix. */
static enum slim_status first_name(const char **out,
                                   const struct slim_family *family,
                                   const char *root, struct slim_diag *diag)
{
    const struct slim_slot_spec *slot =
        family->blocks[SLIM_PART_BEFORE]->slots[0];
    struct slim_pattern words = { .root = root, .index = SLIM_NO_LAYER };
    return slim_pattern_fill(out, slot->pattern, &words,
                             slot->pattern_node->span, diag);
}

/* Under one prefix that tensor is there; under two the pattern is ambiguous. */
enum slim_status slim_arch_root(const char **out,
                                const struct slim_family *family,
                                const struct slim_checkpoint *checkpoint,
                                struct slim_diag *diag)
{
    const struct slim_slot_spec *slot =
        family->blocks[SLIM_PART_BEFORE]->slots[0];
    const char *found = NULL;
    *out = family->roots->items[0]->text;
    for (size_t r = 0; r < family->roots->count; r++) {
        const char *root = family->roots->items[r]->text, *name = NULL;
        if (first_name(&name, family, root, diag) != SLIM_OK)
            return SLIM_FAILED;
        if (slim_checkpoint_find(checkpoint, name) == NULL ||
            (found != NULL && strcmp(found, name) == 0))
            continue;
        if (found != NULL)
            return slim_fail(diag, "F365", slot->pattern_node->span,
                             "\"%s\" matches two tensors of %s, \"%s\" and "
                             "\"%s\"",
                             slot->pattern, checkpoint->directory, found, name);
        found = name;
        *out = root;
    }
    return SLIM_OK;
}

static struct slim_span place_of(const struct binding *binding,
                                 const struct slim_disk_tensor *disk)
{
    struct slim_span span = { &binding->checkpoint->files[disk->file].source, 0,
                              0 };
    return span;
}

/* Where to say that a tensor is wrong: a family file that is examined has a
 * line for it. False: it was said there of another layer. */
static bool choose_place(struct slim_span *place, const struct binding *binding,
                         const struct slim_tensor *tensor, const char *code,
                         const struct slim_yaml *line)
{
    if (!binding->family->examined || tensor->spec == NULL)
        return true;
    for (const struct slim_error *e = binding->diag->first; e != NULL;
         e = e->next)
        if (strcmp(e->code, code) == 0 && e->span.source == line->span.source &&
            e->span.begin == line->span.begin)
            return false;
    *place = line->span;
    return true;
}

static void print_shape(struct slim_text *text, const uint64_t *dims,
                        size_t count)
{
    slim_text_puts(text, "[");
    for (size_t d = 0; d < count; d++)
        slim_text_printf(text, "%s%" PRIu64, d == 0 ? "" : ", ", dims[d]);
    slim_text_puts(text, "]");
}

static void print_axes(struct slim_text *text, const struct binding *binding,
                       const struct slim_tensor *tensor,
                       const struct slim_dim *dim)
{
    static const char *const signs[] = { "", ".", " + " };
    const struct slim_axis *axes = binding->arch->axes;
    if (dim->kind == SLIM_DIM_AXIS) {
        slim_text_puts(text, axes[dim->axis].name);
        if (axes[dim->axis].kind != SLIM_AXIS_STREAM)
            slim_text_printf(text, " (%zu)",
                             slim_shape_size(binding->shape,
                                             tensor->layer == SLIM_NO_LAYER
                                                 ? 0
                                                 : tensor->layer,
                                             dim->axis));
        return;
    }
    for (size_t p = 0; p < dim->part_count; p++) {
        slim_text_puts(text, p == 0 ? "" : signs[dim->kind]);
        print_axes(text, binding, tensor, dim->parts[p]);
    }
}

static bool shape_fits(const struct binding *binding,
                       const struct slim_tensor *tensor,
                       const struct slim_disk_tensor *disk)
{
    bool same = disk->dims_count == tensor->dims_count;
    for (size_t d = 0; same && d < tensor->dims_count; d++)
        same =
            slim_tensor_size(binding->shape, tensor,
                             tensor->transposed ? 1 - d : d) == disk->dims[d];
    return same;
}

static bool carries(const struct slim_tensor *tensor, size_t axis)
{
    for (size_t d = 0; d < tensor->dims_count; d++)
        if (slim_dim_carries(tensor->dims[d], axis))
            return true;
    return false;
}

/* A tensor of the same layer whose size bears out that of an axis. */
static const struct slim_tensor *witness(const struct binding *binding,
                                         const struct slim_tensor *tensor,
                                         size_t axis)
{
    const struct slim_arch *arch = binding->arch;
    for (size_t t = 0; t < arch->tensor_count; t++) {
        const struct slim_tensor *other = &arch->tensors[t];
        const struct slim_disk_tensor *disk = NULL;
        if (other->spec == NULL || other->spec == tensor->spec ||
            other->layer != tensor->layer || !carries(other, axis))
            continue;
        disk = slim_checkpoint_find(binding->checkpoint, other->name);
        if (disk != NULL && shape_fits(binding, other, disk))
            return other;
    }
    return NULL;
}

/* Other tensors with the axes of a dimension that is wrong: an axis has one
 * size. */
static void note_witnesses(const struct binding *binding,
                           struct slim_error *error,
                           const struct slim_tensor *tensor, size_t d)
{
    const struct slim_arch *arch = binding->arch;
    for (size_t a = 0; a < arch->axis_count; a++) {
        const struct slim_tensor *other = NULL;
        if (a == arch->stream || !slim_dim_carries(tensor->dims[d], a))
            continue;
        other = witness(binding, tensor, a);
        if (other != NULL)
            slim_error_note(
                binding->diag, error,
                slim_yaml_get(other->spec->node, "dims")->span,
                "axis \"%s\" has size %zu in \"%s\"", arch->axes[a].name,
                slim_shape_size(
                    binding->shape,
                    tensor->layer == SLIM_NO_LAYER ? 0 : tensor->layer, a),
                other->name);
    }
}

static void explain_shape(const struct binding *binding,
                          struct slim_error *error,
                          const struct slim_tensor *tensor,
                          const struct slim_disk_tensor *disk)
{
    struct slim_text axes = { 0 };
    bool examined = binding->family->examined;
    for (size_t d = 0; d < tensor->dims_count; d++) {
        size_t at = tensor->transposed ? 1 - d : d;
        slim_text_puts(&axes, d == 0 ? "" : " by ");
        print_axes(&axes, binding, tensor, tensor->dims[at]);
        if (examined && d < disk->dims_count &&
            slim_tensor_size(binding->shape, tensor, at) != disk->dims[d])
            note_witnesses(binding, error, tensor, at);
    }
    slim_error_hint(binding->diag, error, "Its dimensions are %s.", axes.data);
    if (examined)
        slim_error_note(binding->diag, error, place_of(binding, disk),
                        "the tensor is in this file");
    slim_text_free(&axes);
}

/* Both shapes, and what the expected one is made of. */
static enum slim_status refuse_shape(const struct binding *binding,
                                     const struct slim_tensor *tensor,
                                     const struct slim_disk_tensor *disk)
{
    struct slim_text found = { 0 }, wanted = { 0 };
    struct slim_span place = place_of(binding, disk);
    uint64_t expected[2] = { 0, 0 };
    if (tensor->spec != NULL &&
        !choose_place(&place, binding, tensor, "F361",
                      slim_yaml_get(tensor->spec->node, "dims")))
        return SLIM_FAILED;
    for (size_t d = 0; d < tensor->dims_count; d++)
        expected[d] = slim_tensor_size(binding->shape, tensor,
                                       tensor->transposed ? 1 - d : d);
    print_shape(&found, disk->dims, disk->dims_count);
    print_shape(&wanted, expected, tensor->dims_count);
    struct slim_error *error =
        slim_error(binding->diag, "F361", place,
                   "tensor \"%s\" is %s where config.json makes it %s",
                   tensor->name, found.data, wanted.data);
    slim_text_free(&found);
    slim_text_free(&wanted);
    explain_shape(binding, error, tensor, disk);
    return SLIM_FAILED;
}

/* The file that ought to hold a tensor: of several, no single one. */
static struct slim_span place_of_all(const struct slim_checkpoint *checkpoint)
{
    const struct slim_source *only =
        checkpoint->file_count > 1 ? NULL : &checkpoint->files[0].source;
    return (struct slim_span){ only, 0, 0 };
}

static enum slim_status refuse_missing(const struct binding *binding,
                                       const struct slim_tensor *tensor)
{
    const struct slim_checkpoint *checkpoint = binding->checkpoint;
    struct slim_span place = place_of_all(checkpoint);
    bool somewhere = place.source != NULL && !binding->family->examined;
    if (tensor->spec != NULL && !choose_place(&place, binding, tensor, "F360",
                                              tensor->spec->pattern_node))
        return SLIM_FAILED;
    return slim_fail(binding->diag, "F360", place,
                     "tensor \"%s\" is missing%s%s", tensor->name,
                     somewhere ? "" : " from ",
                     somewhere ? "" : checkpoint->directory);
}

/* No tensor of that layer is on disk. */
static bool lacks_layer(const struct binding *binding, size_t layer)
{
    const struct slim_arch *arch = binding->arch;
    for (size_t t = 0; t < arch->tensor_count; t++)
        if (arch->tensors[t].layer == layer &&
            slim_checkpoint_find(binding->checkpoint, arch->tensors[t].name))
            return false;
    return true;
}

/* A layer that is missing whole is one mistake, however many there are; where
 * the first is, too, its tensors have other names than the family's. */
static enum slim_status refuse_absent(struct binding *binding,
                                      const struct slim_tensor *tensor)
{
    const struct slim_checkpoint *checkpoint = binding->checkpoint;
    if (binding->family->examined || tensor->layer == SLIM_NO_LAYER ||
        tensor->layer == 0 || !lacks_layer(binding, tensor->layer))
        return refuse_missing(binding, tensor);
    if (binding->layer_told || lacks_layer(binding, 0))
        return SLIM_FAILED;
    binding->layer_told = true;
    return slim_fail(binding->diag, "F360", place_of_all(checkpoint),
                     "layer %zu is missing from %s: it has no tensor "
                     "\"%s\", where config.json makes it %zu layers",
                     tensor->layer, checkpoint->directory, tensor->name,
                     binding->arch->layers);
}

static enum slim_status bind_tensor(struct binding *binding,
                                    struct slim_tensor *tensor)
{
    const struct slim_checkpoint *checkpoint = binding->checkpoint;
    if (!slim_tensor_stored(binding->shape, tensor)) {
        if (tensor->tied_to != NULL)
            tensor->disk = tensor->tied_to->disk;
        return SLIM_OK;
    }
    const struct slim_disk_tensor *disk =
        slim_checkpoint_find(checkpoint, tensor->name);
    if (disk == NULL)
        return refuse_absent(binding, tensor);
    binding->used[disk - checkpoint->tensors] = true;
    if (!slim_dtype_computes(disk->dtype))
        return slim_fail(binding->diag, "F362", place_of(binding, disk),
                         "tensor \"%s\" has dtype %s; slimc computes with "
                         "F32, F16 and BF16",
                         tensor->name, slim_dtype_name(disk->dtype));
    tensor->disk = disk;
    return shape_fits(binding, tensor, disk)
               ? SLIM_OK
               : refuse_shape(binding, tensor, disk);
}

/* ---- what is left over ---- */

static bool name_ignored(const struct binding *binding, const char *name)
{
    const struct slim_yaml *ignored = binding->family->ignored_tensors;
    for (size_t i = 0; ignored != NULL && i < ignored->count; i++)
        if (slim_pattern_meets(binding->family->ignored[i], name,
                               binding->root))
            return true;
    return false;
}

static const struct slim_tensor *tied_name(const struct slim_arch *arch,
                                           const char *name)
{
    for (size_t t = 0; t < arch->tensor_count; t++)
        if (arch->tensors[t].tied_to != NULL &&
            strcmp(arch->tensors[t].name, name) == 0)
            return &arch->tensors[t];
    return NULL;
}

/* "a.3.b" as the pattern "a.{i}.b". */
static const char *pattern_of(const char *name, struct slim_arena *arena)
{
    struct slim_text text = { 0 };
    slim_text_puts(&text, "");
    while (*name != '\0') {
        size_t digits = strspn(name, "0123456789");
        if (digits > 0 && (name[digits] == '.' || name[digits] == '\0'))
            slim_text_puts(&text, "{i}");
        else
            slim_text_append(&text, name, digits > 0 ? digits : 1);
        name += digits > 0 ? digits : 1;
    }
    const char *pattern = slim_arena_strdup(arena, text.data);
    slim_text_free(&text);
    return pattern;
}

/* A tensor of every layer is one mistake; of a file that is examined its pattern
 * is what the file lacks. */
static enum slim_status refuse_extra(struct binding *binding,
                                     const struct slim_disk_tensor *disk)
{
    struct slim_diag *diag = binding->diag;
    const char *pattern = pattern_of(disk->name, diag->arena);
    for (size_t i = 0; i < binding->told_count; i++)
        if (strcmp(binding->told[i], pattern) == 0)
            return SLIM_FAILED;
    binding->told[binding->told_count++] = pattern;
    return slim_fail(diag, "F364", place_of(binding, disk),
                     "tensor \"%s\" is no part of family \"%s\"",
                     binding->family->examined ? pattern : disk->name,
                     binding->family->name);
}

/* It has the name of a tensor of a layer, but for the number of the layer. */
static bool of_a_layer(const struct binding *binding,
                       const struct slim_disk_tensor *disk)
{
    const struct slim_arch *arch = binding->arch;
    struct slim_arena *arena = binding->diag->arena;
    const char *pattern = pattern_of(disk->name, arena);
    for (size_t t = 0; t < arch->tensor_count; t++)
        if (arch->tensors[t].layer == 0 &&
            strcmp(pattern_of(arch->tensors[t].name, arena), pattern) == 0)
            return true;
    return false;
}

/* Layers that config.json does not count are one mistake. */
static enum slim_status refuse_layers(const struct binding *binding,
                                      const struct slim_disk_tensor *disk,
                                      size_t count)
{
    struct slim_error *error = slim_error(
        binding->diag, "F364", place_of(binding, disk),
        "tensor \"%s\" is of a layer that config.json does not count: it makes "
        "it %zu layers",
        disk->name, binding->arch->layers);
    if (count > 1)
        slim_error_hint(binding->diag, error, "So are %zu other tensors.",
                        count - 1);
    return SLIM_FAILED;
}

/* A second copy of a tied tensor is not read, and that is said. */
static enum slim_status check_rest(struct binding *binding)
{
    const struct slim_checkpoint *checkpoint = binding->checkpoint;
    const struct slim_disk_tensor *beyond = NULL;
    enum slim_status status = SLIM_OK;
    size_t count = 0;
    for (size_t t = 0; t < checkpoint->tensor_count; t++) {
        const struct slim_disk_tensor *disk = &checkpoint->tensors[t];
        if (binding->used[t] || name_ignored(binding, disk->name))
            continue;
        const struct slim_tensor *tied = tied_name(binding->arch, disk->name);
        if (tied != NULL)
            slim_warning(binding->diag, "F363", place_of(binding, disk),
                         "tensor \"%s\" is not read: config.json ties it to "
                         "\"%s\"",
                         disk->name, tied->tied_to->name);
        else if (!binding->family->examined && of_a_layer(binding, disk))
            beyond = count++ == 0 ? disk : beyond;
        else
            status = refuse_extra(binding, disk);
    }
    return count > 0 ? refuse_layers(binding, beyond, count) : status;
}

/* The dtype that most bytes are stored in. */
static enum slim_dtype main_dtype(const struct slim_arch *arch)
{
    uint64_t bytes[SLIM_DTYPE_COUNT] = { 0 };
    size_t most = SLIM_DTYPE_F32;
    for (size_t t = 0; t < arch->tensor_count; t++)
        if (arch->tensors[t].disk != NULL)
            bytes[arch->tensors[t].disk->dtype] += arch->tensors[t].disk->bytes;
    for (size_t d = 0; d < SLIM_DTYPE_COUNT; d++)
        if (bytes[d] > bytes[most])
            most = d;
    return (enum slim_dtype)most;
}

enum slim_status slim_arch_bind(struct slim_arch *arch,
                                const struct slim_shape *shape,
                                const struct slim_family *family,
                                const char *root,
                                const struct slim_checkpoint *checkpoint,
                                struct slim_diag *diag)
{
    size_t count = checkpoint->tensor_count;
    struct binding binding = {
        .arch = arch,
        .shape = shape,
        .family = family,
        .checkpoint = checkpoint,
        .root = root,
        .used = SLIM_NEW_ARRAY(diag->arena, count, bool),
        .diag = diag,
        .told = SLIM_NEW_ARRAY(diag->arena, count, const char *),
    };
    enum slim_status status = SLIM_OK;
    for (size_t t = 0; t < arch->tensor_count; t++)
        if (bind_tensor(&binding, &arch->tensors[t]) != SLIM_OK)
            status = SLIM_FAILED;
    if (check_rest(&binding) != SLIM_OK)
        status = SLIM_FAILED;
    arch->dtype = main_dtype(arch);
    return status;
}
