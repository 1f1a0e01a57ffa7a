/* tiny.c - random checkpoints for a config.json, of any family */
#include "tests/tiny.h"

#include "base/file.h"
#include "base/random.h"
#include "base/text.h"
#include "compiler/ir/family.h"

#include <inttypes.h>
#include <string.h>
#include <unistd.h>

/* ---- writing ---- */

static void put_length(FILE *file, uint64_t length)
{
    unsigned char bytes[8];
    for (size_t i = 0; i < 8; i++)
        bytes[i] = (unsigned char)(length >> (8 * i));
    assert_int_equal(fwrite(bytes, 1, 8, file), 8);
}

static FILE *open_file(const char *path, const char *header)
{
    FILE *file = fopen(path, "wb");
    assert_non_null(file);
    put_length(file, strlen(header));
    assert_true(fputs(header, file) >= 0);
    return file;
}

void slim_test_header(const char *path, const char *header, size_t data)
{
    FILE *file = open_file(path, header);
    for (size_t i = 0; i < data; i++)
        (void)fputc(0, file);
    assert_int_equal(fclose(file), 0);
}

static uint32_t float_bits(float value)
{
    uint32_t bits = 0;
    memcpy(&bits, &value, sizeof(bits));
    return bits;
}

/* Only of small normal numbers, which is what is written here. */
static uint32_t half_bits(float value)
{
    uint32_t bits = float_bits(value);
    int exponent = (int)((bits >> 23) & 255) - 112;
    if (exponent <= 0)
        return bits >> 16 & 0x8000u;
    return (bits >> 16 & 0x8000u) | (uint32_t)exponent << 10 |
           (bits >> 13 & 0x3ffu);
}

static void put_number(FILE *file, enum slim_dtype dtype, float value)
{
    uint32_t bits = float_bits(value);
    size_t bytes = slim_dtype_bits(dtype) / 8;
    if (dtype == SLIM_DTYPE_BF16)
        bits >>= 16;
    if (dtype == SLIM_DTYPE_F16)
        bits = half_bits(value);
    for (size_t i = 0; i < bytes; i++)
        (void)fputc((int)(bits >> (8 * i) & 255), file);
}

/* One tensor to be written: of the model, or an extra of one number. */
struct item {
    const char *name;
    const struct slim_tensor *tensor;
    size_t dims[2], dims_count, count;
    enum slim_dtype dtype;
};

static void put_item(FILE *file, const struct item *item, uint64_t seed)
{
    float base = 0, spread = 0.08f;
    uint64_t stream = 1000;
    for (const char *at = item->name; *at != '\0'; at++)
        stream = stream * 31 + (unsigned char)*at;
    if (item->tensor != NULL && item->tensor->role == SLIM_ROLE_NORM)
        base = item->tensor->bias ? 0 : 1;
    for (size_t i = 0; i < item->count; i++) {
        double noise = slim_random_normal(seed, stream, i);
        put_number(file, item->dtype, base + spread * (float)noise);
    }
}

static void print_entry(struct slim_text *header, const struct item *item,
                        uint64_t *offset)
{
    uint64_t bytes = (uint64_t)item->count * slim_dtype_bits(item->dtype) / 8;
    slim_text_printf(header, "%s\"%s\":{\"dtype\":\"%s\",\"shape\":[",
                     header->length == 0 ? "{\"__metadata__\":{\"format\":"
                                           "\"pt\"},"
                                         : ",",
                     item->name, slim_dtype_name(item->dtype));
    for (size_t d = 0; d < item->dims_count; d++)
        slim_text_printf(header, "%s%zu", d == 0 ? "" : ",", item->dims[d]);
    slim_text_printf(header, "],\"data_offsets\":[%" PRIu64 ",%" PRIu64 "]}",
                     *offset, *offset + bytes);
    *offset += bytes;
}

static void write_file(const char *path, const struct item *items, size_t count,
                       const struct slim_tiny *tiny)
{
    struct slim_text header = { 0 };
    uint64_t bytes = 0;
    for (size_t i = 0; i < count; i++)
        print_entry(&header, &items[i], &bytes);
    slim_text_puts(&header, "}");
    FILE *file = open_file(path, header.data);
    for (size_t i = 0; i < count && !tiny->hollow; i++)
        put_item(file, &items[i], tiny->seed);
    assert_int_equal(fclose(file), 0);
    if (tiny->hollow)
        assert_int_equal(truncate(path, (off_t)(8 + header.length + bytes)), 0);
    slim_text_free(&header);
}

/* ---- what is written ---- */

static size_t list_items(struct item *items, const struct slim_shape *shape,
                         const struct slim_tiny *tiny)
{
    const struct slim_arch *arch = shape->arch;
    enum slim_dtype dtype =
        tiny->dtype == SLIM_DTYPE_BOOL ? SLIM_DTYPE_F32 : tiny->dtype;
    size_t count = 0;
    for (size_t t = 0; t < arch->tensor_count; t++) {
        const struct slim_tensor *tensor = &arch->tensors[t];
        bool skipped =
            tiny->skip != NULL && strcmp(tiny->skip, tensor->name) == 0;
        if (!slim_tensor_stored(shape, tensor) || skipped)
            continue;
        struct item *item = &items[count++];
        *item = (struct item){ .name = tensor->name, .tensor = tensor };
        item->dtype = dtype;
        item->dims_count = tensor->dims_count;
        item->count = 1;
        for (size_t d = 0; d < tensor->dims_count; d++) {
            size_t at = tensor->transposed ? 1 - d : d;
            item->dims[d] = slim_tensor_size(shape, tensor, at);
            item->count *= item->dims[d];
        }
    }
    if (tiny->extra != NULL)
        items[count++] = (struct item){ .name = tiny->extra,
                                        .dims = { 1, 0 },
                                        .dims_count = 1,
                                        .count = 1,
                                        .dtype = SLIM_DTYPE_F32 };
    return count;
}

static void write_shards(const char *directory, const struct item *items,
                         size_t count, const struct slim_tiny *tiny)
{
    struct slim_text map = { 0 };
    for (size_t s = 0; s < tiny->shards; s++) {
        size_t begin = s * count / tiny->shards;
        size_t end = (s + 1) * count / tiny->shards;
        char name[64];
        (void)snprintf(name, sizeof(name), "model-%05zu-of-%05zu.safetensors",
                       s + 1, tiny->shards);
        char *path = slim_test_join(directory, name);
        write_file(path, items + begin, end - begin, tiny);
        free(path);
        for (size_t i = begin; i < end; i++)
            slim_text_printf(&map, "%s\"%s\":\"%s\"", i == 0 ? "" : ",",
                             items[i].name, name);
    }
    char *path = slim_test_join(directory, "model.safetensors.index.json");
    struct slim_text index = { 0 };
    slim_text_printf(&index, "{\"metadata\":{},\"weight_map\":{%s}}", map.data);
    slim_test_puts(path, index.data);
    slim_text_free(&index);
    slim_text_free(&map);
    free(path);
}

static const char *family_path(const struct slim_tiny *tiny, const json_t *root,
                               struct slim_arena *arena)
{
    if (tiny->family != NULL)
        return tiny->family;
    const json_t *slimc = json_object_get(root, "slimc");
    const char *type =
        json_string_value(slimc == NULL ? json_object_get(root, "model_type")
                                        : json_object_get(slimc, "base_type"));
    char *folder = slim_test_source("compiler/families");
    const char *path = slim_arena_printf(arena, "%s/%s.yaml", folder, type);
    free(folder);
    return path;
}

/* The shape that a config describes, through its family and nothing else. */
static struct slim_shape *shape_of(const struct slim_tiny *tiny,
                                   struct slim_diag *diag)
{
    struct slim_source source = { "config.json", tiny->config,
                                  strlen(tiny->config) };
    struct slim_family *family = NULL;
    struct slim_config *config = NULL;
    struct slim_arch *arch = NULL;
    struct slim_shape *shape = NULL;
    struct slim_span at = { 0 };
    json_t *root = NULL;
    enum slim_status status = slim_json_parse(&root, &source, diag);
    if (status == SLIM_OK)
        status = slim_family_load(&family, family_path(tiny, root, diag->arena),
                                  at, diag);
    if (status == SLIM_OK)
        status = slim_config_read(&config, family, root, &source, diag);
    if (status == SLIM_OK)
        status =
            slim_arch_build(&arch, config, family->roots->items[0]->text, diag);
    const json_t *slimc = json_object_get(root, "slimc");
    if (status == SLIM_OK && slimc != NULL)
        status = slim_shape_from_json(&shape, arch, slimc, &source, diag);
    else if (status == SLIM_OK)
        shape = slim_shape_dense(arch, diag->arena);
    json_decref(root);
    if (status != SLIM_OK)
        slim_diag_print(diag, stderr, false);
    assert_int_equal(status, SLIM_OK);
    return shape;
}

void slim_test_tiny(const char *directory, const struct slim_tiny *tiny)
{
    struct slim_diag diag = { .arena = slim_arena_open() };
    struct slim_shape *shape = shape_of(tiny, &diag);
    struct item *items =
        SLIM_NEW_ARRAY(diag.arena, shape->arch->tensor_count + 1, struct item);
    size_t count = list_items(items, shape, tiny);
    char *config = slim_test_join(directory, "config.json");
    char *model = slim_test_join(directory, "model.safetensors");
    slim_test_puts(config, tiny->config);
    if (tiny->shards > 1)
        write_shards(directory, items, count, tiny);
    else
        write_file(model, items, count, tiny);
    free(model);
    free(config);
    slim_arena_close(diag.arena);
}

char *slim_test_tiny_config(const struct slim_tiny_sizes *sizes)
{
    struct slim_text text = { 0 };
    slim_text_printf(&text, "{\n  \"model_type\": \"%s\",\n", sizes->type);
    slim_text_printf(&text, "  \"num_hidden_layers\": %zu,\n", sizes->layers);
    slim_text_printf(&text, "  \"hidden_size\": %zu,\n", sizes->width);
    slim_text_printf(&text, "  \"num_attention_heads\": %zu,\n", sizes->heads);
    slim_text_printf(&text, "  \"num_key_value_heads\": %zu,\n",
                     sizes->kv_heads == 0 ? sizes->heads : sizes->kv_heads);
    if (sizes->head_dim > 0)
        slim_text_printf(&text, "  \"head_dim\": %zu,\n", sizes->head_dim);
    slim_text_printf(&text, "  \"intermediate_size\": %zu,\n", sizes->hidden);
    slim_text_printf(&text, "  \"tie_word_embeddings\": %s,\n",
                     sizes->tied ? "true" : "false");
    if (sizes->more != NULL)
        slim_text_printf(&text, "  %s\n", sizes->more);
    slim_text_printf(&text, "  \"vocab_size\": %zu\n}\n", sizes->vocab);
    return text.data;
}

/* ---- opening ---- */

enum slim_status slim_test_open(struct slim_model_info **out, const char *path,
                                struct slim_diag *diag)
{
    char *families = slim_test_source("compiler/families");
    const char *kept = slim_arena_strdup(diag->arena, families);
    struct slim_span at = { 0 };
    free(families);
    return slim_model_open(out, path, kept, at, diag);
}

struct slim_model_info *slim_test_plan(const char *config, const char *family,
                                       struct slim_diag *diag)
{
    struct slim_tiny tiny = { .config = config,
                              .family = family,
                              .dtype = SLIM_DTYPE_F16,
                              .hollow = true };
    struct slim_model_info *info = NULL;
    struct slim_span at = { 0 };
    char *directory = slim_test_directory();
    slim_test_tiny(directory, &tiny);
    enum slim_status status =
        family == NULL
            ? slim_test_open(&info, directory, diag)
            : slim_model_open(&info, directory,
                              slim_path_directory(diag->arena, family), at,
                              diag);
    if (status != SLIM_OK)
        slim_diag_print(diag, stderr, false);
    assert_int_equal(status, SLIM_OK);
    slim_test_directory_remove(directory);
    return info;
}
