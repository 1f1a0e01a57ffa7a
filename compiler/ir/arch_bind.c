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
};

/* The first prefix under which the first tensor of the family is there. */
enum slim_status slim_arch_root(const char **out,
                                const struct slim_family *family,
                                const struct slim_checkpoint *checkpoint,
                                struct slim_diag *diag)
{
    const struct slim_block_spec *first = family->blocks[SLIM_PART_BEFORE];
    const struct slim_slot_spec *slot = first->slots[0];
    *out = family->roots->count > 0 ? family->roots->items[0]->text : "";
    for (size_t r = 0; r < family->roots->count; r++) {
        struct slim_pattern words = { .root = family->roots->items[r]->text,
                                      .index = SLIM_NO_LAYER };
        const char *name = NULL;
        if (slim_pattern_fill(&name, slot->pattern, &words,
                              slot->pattern_node->span, diag) != SLIM_OK)
            return SLIM_FAILED;
        if (slim_checkpoint_find(checkpoint, name) != NULL) {
            *out = words.root;
            break;
        }
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

static void print_shape(struct slim_text *text, const uint64_t *dims,
                        size_t count)
{
    slim_text_puts(text, "[");
    for (size_t d = 0; d < count; d++)
        slim_text_printf(text, "%s%" PRIu64, d == 0 ? "" : ", ", dims[d]);
    slim_text_puts(text, "]");
}

static void print_axes(struct slim_text *text, const struct slim_arch *arch,
                       const struct slim_dim *dim)
{
    static const char *const signs[] = { "", ".", " + " };
    if (dim->kind == SLIM_DIM_AXIS) {
        slim_text_puts(text, arch->axes[dim->axis].name);
        return;
    }
    for (size_t p = 0; p < dim->part_count; p++) {
        slim_text_puts(text, p == 0 ? "" : signs[dim->kind]);
        print_axes(text, arch, dim->parts[p]);
    }
}

/* Both shapes, and what the expected one is made of. */
static enum slim_status refuse_shape(const struct binding *binding,
                                     const struct slim_tensor *tensor,
                                     const struct slim_disk_tensor *disk,
                                     const uint64_t *expected)
{
    struct slim_text found = { 0 }, wanted = { 0 };
    print_shape(&found, disk->dims, disk->dims_count);
    print_shape(&wanted, expected, tensor->dims_count);
    struct slim_error *error =
        slim_error(binding->diag, "F361", place_of(binding, disk),
                   "tensor \"%s\" is %s where config.json makes it %s",
                   tensor->name, found.data, wanted.data);
    slim_text_free(&found);
    slim_text_free(&wanted);
    struct slim_text axes = { 0 };
    for (size_t d = 0; d < tensor->dims_count; d++) {
        slim_text_puts(&axes, d == 0 ? "" : " by ");
        print_axes(&axes, binding->arch,
                   tensor->dims[tensor->transposed ? 1 - d : d]);
    }
    slim_error_hint(binding->diag, error, "Its dimensions are %s.", axes.data);
    slim_text_free(&axes);
    return SLIM_FAILED;
}

static enum slim_status check_shape(const struct binding *binding,
                                    const struct slim_tensor *tensor,
                                    const struct slim_disk_tensor *disk)
{
    uint64_t expected[2] = { 0, 0 };
    bool same = disk->dims_count == tensor->dims_count;
    for (size_t d = 0; d < tensor->dims_count; d++) {
        size_t at = tensor->transposed ? 1 - d : d;
        expected[d] = slim_tensor_size(binding->shape, tensor, at);
        same = same && expected[d] == disk->dims[d];
    }
    return same ? SLIM_OK : refuse_shape(binding, tensor, disk, expected);
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
    struct slim_span files = { &checkpoint->files[0].source, 0, 0 };
    if (disk == NULL && tensor->presence == SLIM_PRESENT_ALWAYS &&
        checkpoint->file_count > 1)
        files.source = NULL;
    if (disk == NULL)
        return slim_fail(binding->diag, "F360", files,
                         "tensor \"%s\" is missing%s%s", tensor->name,
                         files.source == NULL ? " from " : "",
                         files.source == NULL ? checkpoint->directory : "");
    binding->used[disk - checkpoint->tensors] = true;
    if (!slim_dtype_computes(disk->dtype))
        return slim_fail(binding->diag, "F362", place_of(binding, disk),
                         "tensor \"%s\" has dtype %s; slimc computes with "
                         "F32, F16 and BF16",
                         tensor->name, slim_dtype_name(disk->dtype));
    tensor->disk = disk;
    return check_shape(binding, tensor, disk);
}

/* ---- what is left over ---- */

/* "a.{i}.b" against a name: {i} is a run of digits, {root} the prefix. */
static bool pattern_matches(const char *pattern, const char *name,
                            const char *root)
{
    while (*pattern != '\0') {
        if (strncmp(pattern, "{root}", 6) == 0) {
            size_t length = strlen(root);
            if (strncmp(name, root, length) != 0)
                return false;
            pattern += 6;
            name += length;
        } else if (strncmp(pattern, "{i}", 3) == 0) {
            size_t digits = strspn(name, "0123456789");
            if (digits == 0)
                return false;
            pattern += 3;
            name += digits;
        } else if (*pattern++ != *name++) {
            return false;
        }
    }
    return *name == '\0';
}

static bool name_ignored(const struct binding *binding, const char *name)
{
    const struct slim_yaml *ignored = binding->family->ignored_tensors;
    for (size_t i = 0; ignored != NULL && i < ignored->count; i++)
        if (pattern_matches(ignored->items[i]->text, name, binding->root))
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

/* A second copy of a tied tensor is not read, and that is said. */
static enum slim_status check_rest(const struct binding *binding)
{
    const struct slim_checkpoint *checkpoint = binding->checkpoint;
    enum slim_status status = SLIM_OK;
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
        else
            status = slim_fail(binding->diag, "F364", place_of(binding, disk),
                               "tensor \"%s\" is no part of family \"%s\"",
                               disk->name, binding->family->name);
    }
    return status;
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
    struct binding binding = {
        arch, shape, family, checkpoint, root, NULL, diag
    };
    enum slim_status status = SLIM_OK;
    binding.used = SLIM_NEW_ARRAY(diag->arena, checkpoint->tensor_count, bool);
    for (size_t t = 0; t < arch->tensor_count; t++)
        if (bind_tensor(&binding, &arch->tensors[t]) != SLIM_OK)
            status = SLIM_FAILED;
    if (check_rest(&binding) != SLIM_OK)
        status = SLIM_FAILED;
    arch->dtype = main_dtype(arch);
    return status;
}
