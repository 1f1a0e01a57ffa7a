/* arch_json.c - shapes in config.json: our own object, and stock keys */
#include "compiler/ir/family.h"

#include <math.h>
#include <string.h>

#define SHAPE_VERSION 1

/* ---- "slimc" ---- */

static json_t *layer_to_json(const struct slim_shape *shape, size_t layer)
{
    const struct slim_arch *arch = shape->arch;
    json_t *object = json_object();
    for (size_t a = 0; a < arch->axis_count; a++)
        if (arch->axes[a].kind == SLIM_AXIS_LAYER)
            json_object_set_new(
                object, arch->axes[a].name,
                json_integer((json_int_t)slim_shape_size(shape, layer, a)));
    return object;
}

json_t *slim_shape_to_json(const struct slim_shape *shape)
{
    const struct slim_arch *arch = shape->arch;
    json_t *root = json_object(), *layers = json_array(), *sites = json_array();
    for (size_t l = 0; l < arch->layers; l++)
        json_array_append_new(layers, layer_to_json(shape, l));
    for (size_t s = 0; s < arch->site_count; s++)
        json_array_append_new(sites, json_integer((json_int_t)shape->sites[s]));
    json_object_set_new(root, "version", json_integer(SHAPE_VERSION));
    json_object_set_new(root, "family", json_string(arch->family));
    json_object_set_new(root, "base_type", json_string(arch->model_type));
    json_object_set_new(root, "layers", layers);
    json_object_set_new(root, "sites", sites);
    json_object_set_new(root, "shortcuts", json_boolean(shape->shortcuts));
    json_object_set_new(root, "folded", json_boolean(shape->folded));
    json_object_set_new(root, "untied", json_boolean(shape->untied));
    json_object_set_new(root, "divisor",
                        json_integer((json_int_t)shape->divisor));
    if (shape->eps > 0.0)
        json_object_set_new(root, "eps", json_real(shape->eps));
    return root;
}

struct reading {
    struct slim_shape *shape;
    const json_t *slimc;
    const struct slim_source *source;
    struct slim_diag *diag;
};

static enum slim_status read_size(size_t *out, const struct reading *reading,
                                  const json_t *value, size_t most,
                                  const char *what)
{
    json_int_t number = json_integer_value(value);
    if (!json_is_integer(value) || number < 0 || (uint64_t)number > most)
        return slim_fail(reading->diag, "F370",
                         slim_config_place(reading->source, what),
                         "\"slimc\" holds no fitting number for \"%s\", at "
                         "most %zu",
                         what, most);
    *out = (size_t)number;
    return SLIM_OK;
}

static enum slim_status read_layers(struct reading *reading)
{
    const struct slim_arch *arch = reading->shape->arch;
    const json_t *layers = json_object_get(reading->slimc, "layers");
    if (json_array_size(layers) != arch->layers)
        return slim_fail(reading->diag, "F370",
                         slim_config_place(reading->source, "layers"),
                         "\"slimc\" describes %zu layers of %zu",
                         json_array_size(layers), arch->layers);
    for (size_t l = 0; l < arch->layers; l++)
        for (size_t a = 0; a < arch->axis_count; a++) {
            const struct slim_axis *axis = &arch->axes[a];
            size_t *size = &reading->shape->sizes[l * arch->axis_count + a];
            if (axis->kind == SLIM_AXIS_LAYER &&
                read_size(
                    size, reading,
                    json_object_get(json_array_get(layers, l), axis->name),
                    axis->size, axis->name) != SLIM_OK)
                return SLIM_FAILED;
        }
    return SLIM_OK;
}

static enum slim_status read_sites(struct reading *reading)
{
    const struct slim_arch *arch = reading->shape->arch;
    const json_t *sites = json_object_get(reading->slimc, "sites");
    if (json_array_size(sites) != arch->site_count)
        return slim_fail(reading->diag, "F370",
                         slim_config_place(reading->source, "sites"),
                         "\"slimc\" describes %zu sites of the stream, not "
                         "%zu",
                         json_array_size(sites), arch->site_count);
    for (size_t s = 0; s < arch->site_count; s++)
        if (read_size(&reading->shape->sites[s], reading,
                      json_array_get(sites, s), arch->axes[arch->stream].size,
                      "sites") != SLIM_OK ||
            reading->shape->sites[s] == 0)
            return SLIM_FAILED;
    return SLIM_OK;
}

static enum slim_status read_eps(const struct reading *reading)
{
    const json_t *eps = json_object_get(reading->slimc, "eps");
    if (eps == NULL)
        return SLIM_OK;
    reading->shape->eps = json_number_value(eps);
    if (reading->shape->eps > 0.0 && reading->shape->eps < 1.0)
        return SLIM_OK;
    return slim_fail(reading->diag, "F370",
                     slim_config_place(reading->source, "eps"),
                     "\"slimc\" holds no fitting number for \"eps\"");
}

/* Without shortcuts a residual add joins equal widths. */
static enum slim_status check_sites(const struct reading *reading)
{
    const struct slim_shape *shape = reading->shape;
    for (size_t s = 1; s < shape->arch->site_count && !shape->shortcuts; s++)
        if (shape->sites[s] != shape->sites[0])
            return slim_fail(reading->diag, "F370",
                             slim_config_place(reading->source, "sites"),
                             "\"slimc\" has sites of %zu and %zu channels and "
                             "no shortcuts between them",
                             shape->sites[0], shape->sites[s]);
    return SLIM_OK;
}

enum slim_status slim_shape_from_json(struct slim_shape **out,
                                      const struct slim_arch *arch,
                                      const json_t *slimc,
                                      const struct slim_source *source,
                                      struct slim_diag *diag)
{
    struct slim_shape *shape = slim_shape_dense(arch, diag->arena);
    struct reading reading = { shape, slimc, source, diag };
    size_t version = 0;
    if (read_size(&version, &reading, json_object_get(slimc, "version"),
                  SHAPE_VERSION, "version") != SLIM_OK ||
        read_size(&shape->divisor, &reading, json_object_get(slimc, "divisor"),
                  UINT32_MAX, "divisor") != SLIM_OK)
        return SLIM_FAILED;
    if (read_eps(&reading) != SLIM_OK)
        return SLIM_FAILED;
    shape->shortcuts = json_is_true(json_object_get(slimc, "shortcuts"));
    shape->folded = json_is_true(json_object_get(slimc, "folded"));
    shape->untied =
        arch->tied && json_is_true(json_object_get(slimc, "untied"));
    if (read_layers(&reading) != SLIM_OK || read_sites(&reading) != SLIM_OK)
        return SLIM_FAILED;
    *out = shape;
    return check_sites(&reading);
}

/* ---- stock classes ---- */

static bool layers_alike(const struct slim_shape *shape)
{
    const struct slim_arch *arch = shape->arch;
    for (size_t a = 0; a < arch->axis_count; a++)
        for (size_t l = 1; l < arch->layers && a != arch->stream; l++)
            if (slim_shape_size(shape, l, a) != slim_shape_size(shape, 0, a))
                return false;
    for (size_t s = 1; s < arch->site_count; s++)
        if (shape->sites[s] != shape->sites[0])
            return false;
    return !shape->shortcuts && !shape->folded;
}

/* Values of `save` expressions: the config, then axes as they are in layer 0,
 * then divisor and untied. */
static void fill_values(struct slim_value *values,
                        const struct slim_shape *shape)
{
    const struct slim_arch *arch = shape->arch;
    const struct slim_family *family = arch->config->family;
    size_t width = shape->sites[0];
    for (size_t n = 0; n < family->names.count; n++)
        *values++ = arch->config->values[n];
    for (size_t a = 0; a < arch->axis_count; a++) {
        size_t size = a == arch->stream ? width : slim_shape_size(shape, 0, a);
        *values++ = (struct slim_value){ .kind = SLIM_VALUE_NUMBER,
                                         .number = (double)size };
    }
    size_t divisor = shape->divisor == 0 ? width : shape->divisor;
    *values++ = (struct slim_value){ .kind = SLIM_VALUE_NUMBER,
                                     .number = (double)divisor };
    *values++ =
        (struct slim_value){ .kind = SLIM_VALUE_FLAG, .number = shape->untied };
}

static bool no_key(const void *context, const char *path)
{
    (void)context;
    (void)path;
    return false;
}

/* A class whose condition cannot be decided is not taken. */
static bool class_fits(const struct slim_class *class,
                       const struct slim_scope *scope, struct slim_arena *arena)
{
    struct slim_diag diag = { .arena = arena };
    bool fits = true;
    if (class->when == NULL)
        return true;
    return slim_expr_flag(&fits, class->when, scope, &diag) == SLIM_OK && fits;
}

const char *slim_shape_why_remote(const struct slim_shape *shape)
{
    if (shape->arch->config->family->class_count == 0)
        return "transformers has no class for the family";
    if (!layers_alike(shape))
        return "its layers differ or carry shortcuts";
    return "the stock class has no such sizes";
}

bool slim_shape_stock(bool *decoupled, const struct slim_shape *shape)
{
    const struct slim_family *family = shape->arch->config->family;
    struct slim_arena *arena = slim_arena_open();
    struct slim_value *values =
        SLIM_NEW_ARRAY(arena, family->save_names.count, struct slim_value);
    struct slim_scope scope = { values, no_key, NULL };
    bool found = false;
    fill_values(values, shape);
    for (size_t c = 0; c < family->class_count && !found; c++) {
        found = layers_alike(shape) &&
                class_fits(&family->classes[c], &scope, arena);
        *decoupled = c > 0;
    }
    slim_arena_close(arena);
    return found;
}

static json_t *value_to_json(const struct slim_value *value)
{
    json_t *list = NULL;
    switch (value->kind) {
    case SLIM_VALUE_NUMBER:
        if (value->number == floor(value->number) &&
            fabs(value->number) < 0x1p53)
            return json_integer((json_int_t)value->number);
        return json_real(value->number);
    case SLIM_VALUE_FLAG:
        return json_boolean(value->number != 0);
    case SLIM_VALUE_TEXT:
        return json_string(value->text);
    case SLIM_VALUE_LIST:
        list = json_array();
        for (size_t i = 0; i < value->count; i++)
            json_array_append_new(list, value_to_json(&value->items[i]));
        return list;
    case SLIM_VALUE_NONE:
        break;
    }
    return json_null();
}

/* "a.b" sets b inside the object a, made if it is not there. */
static void set_key(json_t *object, const char *path, json_t *value)
{
    const char *dot = strchr(path, '.');
    char word[128];
    size_t length = dot == NULL ? strlen(path) : (size_t)(dot - path);
    if (length >= sizeof(word)) {
        json_decref(value);
        return;
    }
    memcpy(word, path, length);
    word[length] = '\0';
    if (dot == NULL) {
        json_object_set_new(object, word, value);
        return;
    }
    json_t *inner = json_object_get(object, word);
    if (!json_is_object(inner)) {
        inner = json_object();
        json_object_set_new(object, word, inner);
    }
    set_key(inner, dot + 1, value);
}

json_t *slim_scalar_to_json(const struct slim_yaml *node)
{
    const char *text = node->text == NULL ? "" : node->text;
    json_error_t error;
    json_t *value =
        node->quoted ? NULL : json_loads(text, JSON_DECODE_ANY, &error);
    return value == NULL ? json_string(text) : value;
}

/* A key of `also` whose value is null is left as it is. */
static enum slim_status set_keys(json_t *config,
                                 const struct slim_saved_keys *keys, bool also,
                                 const struct slim_scope *scope,
                                 struct slim_diag *diag)
{
    for (size_t k = 0; keys->map != NULL && k < keys->map->count; k++) {
        struct slim_value value = { 0 };
        if (slim_expr_eval(&value, keys->values[k], scope, diag) != SLIM_OK)
            return SLIM_FAILED;
        if (also && value.kind == SLIM_VALUE_NONE)
            continue;
        set_key(config, keys->map->keys[k]->text, value_to_json(&value));
    }
    return SLIM_OK;
}

enum slim_status slim_shape_config(json_t *config,
                                   const struct slim_shape *shape,
                                   bool decoupled, struct slim_diag *diag)
{
    const struct slim_family *family = shape->arch->config->family;
    const struct slim_yaml *set = family->classes[decoupled ? 1 : 0].set;
    struct slim_value *values = SLIM_NEW_ARRAY(
        diag->arena, family->save_names.count, struct slim_value);
    struct slim_scope scope = { values, no_key, NULL };
    fill_values(values, shape);
    if (set_keys(config, &family->keys, false, &scope, diag) != SLIM_OK ||
        set_keys(config, &family->also, true, &scope, diag) != SLIM_OK)
        return SLIM_FAILED;
    for (size_t k = 0; set != NULL && k < set->count; k++)
        set_key(config, set->keys[k]->text, slim_scalar_to_json(set->items[k]));
    return SLIM_OK;
}
