/* family_config.c - the values of a family's names in one config.json */
#include "compiler/ir/family.h"

#include "base/text.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

json_t *slim_config_find(const json_t *root, const char *path)
{
    const json_t *at = root;
    char word[128];
    while (at != NULL) {
        size_t length = strcspn(path, ".");
        if (length >= sizeof(word))
            return NULL;
        memcpy(word, path, length);
        word[length] = '\0';
        at = json_object_get(at, word);
        path += length;
        if (*path == '\0')
            return (json_t *)at;
        path++;
    }
    return NULL;
}

/* The last word of a dotted key, in quotes, where a colon follows it. */
struct slim_span slim_config_place(const struct slim_source *source,
                                   const char *key)
{
    struct slim_span place = { source, 0, 0 };
    const char *dot = strrchr(key, '.');
    const char *word = dot == NULL ? key : dot + 1;
    size_t length = strlen(word);
    const char *at = source->text;
    while (at != NULL && (at = strchr(at, '"')) != NULL) {
        at++;
        if (strncmp(at, word, length) != 0 || at[length] != '"')
            continue;
        const char *after = at + length + 1;
        if (after[strspn(after, " \t\r\n")] != ':')
            continue;
        place.begin = (size_t)(at - 1 - source->text);
        place.end = place.begin + length + 2;
        break;
    }
    return place;
}

static bool config_has(const void *context, const char *path)
{
    const struct slim_config *config = context;
    const json_t *value =
        config->root == NULL ? NULL : slim_config_find(config->root, path);
    return value != NULL && !json_is_null(value);
}

struct slim_scope slim_config_scope(const struct slim_config *config)
{
    struct slim_scope scope = { config->values, config_has, config };
    return scope;
}

const struct slim_value *slim_config_value(const struct slim_config *config,
                                           const char *name)
{
    size_t index = slim_names_find(&config->family->names, name);
    return index == SIZE_MAX ? NULL : &config->values[index];
}

/* ---- one entry ---- */

struct reading {
    struct slim_config *config;
    const struct slim_entry *entry;
    const char *key; /* the one that was found */
    struct slim_diag *diag;
};

static enum slim_status refuse(const struct reading *reading,
                               const json_t *value, const char *wanted)
{
    char *text = json_dumps(value, JSON_ENCODE_ANY | JSON_COMPACT);
    bool shown = text != NULL && strlen(text) <= 60;
    enum slim_status status =
        slim_fail(reading->diag, "F351",
                  slim_config_place(reading->config->source, reading->key),
                  "\"%s\" is %s where %s was expected", reading->key,
                  shown ? text : "something", wanted);
    free(text);
    return status;
}

static enum slim_status read_whole(struct slim_value *out,
                                   const struct reading *reading,
                                   const json_t *value, json_int_t least,
                                   const char *wanted)
{
    json_int_t number = json_integer_value(value);
    if (!json_is_integer(value) || number < least || number > UINT32_MAX)
        return refuse(reading, value, wanted);
    out->kind = SLIM_VALUE_NUMBER;
    out->number = (double)number;
    return SLIM_OK;
}

/* "values" translates the words of config.json and refuses all others. */
static enum slim_status read_text(struct slim_value *out,
                                  const struct reading *reading,
                                  const json_t *value)
{
    const struct slim_yaml *values = reading->entry->values;
    if (!json_is_string(value))
        return refuse(reading, value, "a text");
    const char *text =
        slim_arena_strdup(reading->diag->arena, json_string_value(value));
    out->kind = SLIM_VALUE_TEXT;
    out->text = text;
    if (values == NULL)
        return SLIM_OK;
    const struct slim_yaml *ours = slim_yaml_get(values, text);
    if (ours != NULL) {
        out->text = ours->text;
        return SLIM_OK;
    }
    struct slim_text known = { 0 };
    for (size_t v = 0; v < values->count; v++)
        slim_text_printf(&known, "%s\"%s\"", v == 0 ? "" : ", ",
                         values->keys[v]->text);
    struct slim_error *error =
        slim_error(reading->diag, "F352",
                   slim_config_place(reading->config->source, reading->key),
                   "\"%s\" is \"%s\", which family \"%s\" cannot compute",
                   reading->key, text, reading->config->family->name);
    slim_error_hint(reading->diag, error, "It knows %s.", known.data);
    slim_text_free(&known);
    return SLIM_FAILED;
}

static enum slim_status read_list(struct slim_value *out,
                                  const struct reading *reading,
                                  const json_t *value)
{
    if (!json_is_array(value))
        return refuse(reading, value, "a list");
    out->count = json_array_size(value);
    struct slim_value *items =
        SLIM_NEW_ARRAY(reading->diag->arena, out->count, struct slim_value);
    out->kind = SLIM_VALUE_LIST;
    out->items = items;
    for (size_t i = 0; i < out->count; i++) {
        const json_t *item = json_array_get(value, i);
        if (json_is_string(item)) {
            items[i].kind = SLIM_VALUE_TEXT;
            items[i].text = slim_arena_strdup(reading->diag->arena,
                                              json_string_value(item));
        } else if (json_is_number(item)) {
            items[i].kind = SLIM_VALUE_NUMBER;
            items[i].number = json_number_value(item);
        } else {
            return refuse(reading, item, "a list of texts or numbers");
        }
    }
    return SLIM_OK;
}

/* The first two numbers of a version, so that versions can be compared. */
static enum slim_status read_version(struct slim_value *out,
                                     const struct reading *reading,
                                     const json_t *value)
{
    unsigned long major = 0, minor = 0;
    char *end = NULL;
    const char *text = json_string_value(value);
    if (text != NULL)
        major = strtoul(text, &end, 10);
    if (text == NULL || end == text || major > 999)
        return refuse(reading, value, "a version");
    if (*end == '.')
        minor = strtoul(end + 1, NULL, 10);
    out->kind = SLIM_VALUE_NUMBER;
    out->number = (double)(major * 1000 + (minor > 999 ? 999 : minor));
    return SLIM_OK;
}

static enum slim_status read_value(struct slim_value *out,
                                   const struct reading *reading,
                                   const json_t *value)
{
    const json_t *first =
        json_is_array(value) ? json_array_get(value, 0) : value;
    switch (reading->entry->type) {
    case SLIM_ENTRY_SIZE:
        return read_whole(out, reading, value, 1, "a whole number above 0");
    case SLIM_ENTRY_COUNT:
        return read_whole(out, reading, value, 0, "a whole number");
    case SLIM_ENTRY_ID:
        if (first == NULL)
            return refuse(reading, value, "the id of a token");
        return read_whole(out, reading, first, -1, "the id of a token");
    case SLIM_ENTRY_NUMBER:
        if (!json_is_number(value) || !isfinite(json_number_value(value)))
            return refuse(reading, value, "a number");
        out->kind = SLIM_VALUE_NUMBER;
        out->number = json_number_value(value);
        return SLIM_OK;
    case SLIM_ENTRY_FLAG:
        if (!json_is_boolean(value))
            return refuse(reading, value, "true or false");
        out->kind = SLIM_VALUE_FLAG;
        out->number = json_is_true(value);
        return SLIM_OK;
    case SLIM_ENTRY_TEXT:
        return read_text(out, reading, value);
    case SLIM_ENTRY_LIST:
        return read_list(out, reading, value);
    case SLIM_ENTRY_VERSION:
        return read_version(out, reading, value);
    case SLIM_ENTRY_TYPES:
        break;
    }
    return SLIM_OK;
}

/* What an entry is that does not apply and has no default. */
static void set_neutral(struct slim_value *out, enum slim_entry_type type)
{
    static const enum slim_value_kind kinds[SLIM_ENTRY_TYPES] = {
        SLIM_VALUE_NUMBER, SLIM_VALUE_NUMBER, SLIM_VALUE_NUMBER,
        SLIM_VALUE_FLAG,   SLIM_VALUE_TEXT,   SLIM_VALUE_NUMBER,
        SLIM_VALUE_LIST,   SLIM_VALUE_NUMBER,
    };
    out->kind = kinds[type];
    out->text = "";
}

static enum slim_status read_absent(struct slim_value *out,
                                    const struct reading *reading, bool null)
{
    const struct slim_entry *entry = reading->entry;
    struct slim_scope scope = slim_config_scope(reading->config);
    struct slim_span place = { reading->config->source, 0, 0 };
    if (null && entry->if_null != NULL)
        return slim_expr_eval(out, entry->if_null, &scope, reading->diag);
    if (entry->fallback != NULL)
        return slim_expr_eval(out, entry->fallback, &scope, reading->diag);
    if (null)
        place = slim_config_place(reading->config->source, entry->keys[0]);
    return slim_fail(reading->diag, "F350", place,
                     "%s \"%s\", which family \"%s\" needs",
                     null ? "there is no value for" : "there is no key",
                     entry->keys[0], reading->config->family->name);
}

static bool same_value(const struct slim_value *a, const struct slim_value *b)
{
    if (a->kind != b->kind || a->count != b->count || a->number != b->number)
        return false;
    if (a->kind == SLIM_VALUE_TEXT)
        return strcmp(a->text, b->text) == 0;
    for (size_t i = 0; i < a->count; i++)
        if (!same_value(&a->items[i], &b->items[i]))
            return false;
    return true;
}

/* Versions of transformers differ in which of two keys they read: where both
 * are there, they have to say the same. `value` was read from the first. */
static enum slim_status check_rest(const struct slim_value *value,
                                   const struct reading *reading, size_t first)
{
    struct reading other = *reading;
    for (size_t k = first + 1; k < reading->entry->key_count; k++) {
        struct slim_value again = { 0 };
        other.key = reading->entry->keys[k];
        const json_t *json = slim_config_find(reading->config->root, other.key);
        if (json == NULL || json_is_null(json))
            continue;
        if (read_value(&again, &other, json) != SLIM_OK)
            return SLIM_FAILED;
        if (!same_value(value, &again))
            return slim_fail(
                reading->diag, "F359",
                slim_config_place(reading->config->source, other.key),
                "\"%s\" and \"%s\" mean the same and differ", reading->key,
                other.key);
    }
    return SLIM_OK;
}

static enum slim_status read_found(struct slim_value *out,
                                   const struct reading *reading,
                                   const json_t *value, size_t key)
{
    if (read_value(out, reading, value) != SLIM_OK)
        return SLIM_FAILED;
    return check_rest(out, reading, key);
}

static enum slim_status read_entry(struct slim_value *out,
                                   struct reading *reading)
{
    const struct slim_entry *entry = reading->entry;
    struct slim_scope scope = slim_config_scope(reading->config);
    bool applies = true, null = false;
    if (entry->value != NULL)
        return slim_expr_eval(out, entry->value, &scope, reading->diag);
    if (entry->when != NULL &&
        slim_expr_flag(&applies, entry->when, &scope, reading->diag))
        return SLIM_FAILED;
    if (!applies && entry->fallback == NULL) {
        set_neutral(out, entry->type);
        return SLIM_OK;
    }
    for (size_t k = 0; applies && k < entry->key_count; k++) {
        const json_t *value =
            slim_config_find(reading->config->root, entry->keys[k]);
        reading->key = entry->keys[k];
        if (value != NULL && !json_is_null(value))
            return read_found(out, reading, value, k);
        null = null || value != NULL;
    }
    return read_absent(out, reading, null);
}

/* ---- the whole ---- */

/* {name} in a message is the value of an entry. */
static enum slim_status refuse_rule(const struct slim_config *config,
                                    const char *message, struct slim_diag *diag)
{
    struct slim_text text = { 0 };
    slim_text_puts(&text, "");
    for (const char *at = message; *at != '\0';) {
        size_t plain = strcspn(at, "{");
        slim_text_append(&text, at, plain);
        at += plain;
        if (*at == '\0')
            break;
        size_t length = strcspn(at, "}");
        const char *name = slim_arena_strndup(diag->arena, at + 1, length - 1);
        const struct slim_value *value = slim_config_value(config, name);
        if (value != NULL && value->kind == SLIM_VALUE_TEXT)
            slim_text_puts(&text, value->text);
        else
            slim_text_puts(&text,
                           value == NULL
                               ? name
                               : slim_text_number(diag->arena, value->number));
        at += length + (at[length] == '}');
    }
    struct slim_span place = { config->source, 0, 0 };
    slim_error(diag, "F353", place, "%s", text.data);
    slim_text_free(&text);
    return SLIM_FAILED;
}

static enum slim_status apply_rules(const struct slim_config *config,
                                    struct slim_diag *diag)
{
    const struct slim_family *family = config->family;
    struct slim_scope scope = slim_config_scope(config);
    for (size_t r = 0; family->rules != NULL && r < family->rules->count; r++) {
        bool holds = false;
        if (slim_expr_flag(&holds, family->rule_exprs[r], &scope, diag))
            return SLIM_FAILED;
        if (!holds)
            return refuse_rule(
                config, slim_yaml_get(family->rules->items[r], "else")->text,
                diag);
    }
    return SLIM_OK;
}

static enum slim_status apply_refusals(const struct slim_config *config,
                                       struct slim_diag *diag)
{
    const struct slim_yaml *refused = config->family->refused;
    for (size_t r = 0; refused != NULL && r < refused->count; r++) {
        const char *key = refused->keys[r]->text;
        const json_t *value = slim_config_find(config->root, key);
        if (value != NULL && !json_is_null(value) && !json_is_false(value))
            return slim_fail(
                diag, "F354", slim_config_place(config->source, key),
                "\"%s\" cannot be computed: %s", key, refused->items[r]->text);
    }
    return SLIM_OK;
}

enum known { UNKNOWN, KNOWN, KNOWN_INSIDE };

static enum known match_key(const char *key, const char *path)
{
    size_t length = strlen(path);
    if (strcmp(key, path) == 0)
        return KNOWN;
    return strncmp(key, path, length) == 0 && key[length] == '.' ? KNOWN_INSIDE
                                                                 : UNKNOWN;
}

/* Whether the family reads or names a path, or something below it. */
static enum known known_path(const struct slim_family *family, const char *path)
{
    static const char *const own[] = { "model_type", "slimc", "auto_map" };
    enum known found = UNKNOWN;
    for (size_t o = 0; o < SLIM_COUNT(own); o++)
        if (strcmp(own[o], path) == 0)
            return KNOWN;
    const struct slim_yaml *ignored = family->ignored_keys;
    for (size_t i = 0; ignored != NULL && i < ignored->count; i++)
        if (match_key(ignored->items[i]->text, path) == KNOWN)
            return KNOWN;
    for (size_t e = 0; e < family->entry_count; e++) {
        for (size_t k = 0; k < family->entries[e].key_count; k++) {
            enum known match = match_key(family->entries[e].keys[k], path);
            if (match == KNOWN)
                return KNOWN;
            found = match > found ? match : found;
        }
    }
    return found;
}

/* Off is off: null, false and empty values of unknown keys change nothing. */
static bool value_is_off(const json_t *value)
{
    return json_is_null(value) || json_is_false(value) ||
           (json_is_array(value) && json_array_size(value) == 0) ||
           (json_is_object(value) && json_object_size(value) == 0);
}

static void warn_unknown(const struct slim_config *config, const json_t *object,
                         const char *prefix, struct slim_diag *diag)
{
    const char *key;
    json_t *value;
    json_object_foreach((json_t *)object, key, value)
    {
        const char *path = slim_arena_printf(diag->arena, "%s%s", prefix, key);
        enum known known = known_path(config->family, path);
        if (known == KNOWN || value_is_off(value))
            continue;
        if (known == KNOWN_INSIDE && json_is_object(value) &&
            strlen(prefix) < 256) {
            warn_unknown(config, value,
                         slim_arena_printf(diag->arena, "%s.", path), diag);
            continue;
        }
        slim_warning(diag, "F355", slim_config_place(config->source, key),
                     "\"%s\" is not known to family \"%s\": if it changes what "
                     "the model computes, slimc computes something else",
                     path, config->family->name);
    }
}

enum slim_status slim_config_read(struct slim_config **out,
                                  const struct slim_family *family,
                                  const json_t *root,
                                  const struct slim_source *source,
                                  struct slim_diag *diag)
{
    struct slim_config *config = SLIM_NEW(diag->arena, struct slim_config);
    enum slim_status status = SLIM_OK;
    config->family = family;
    config->source = source;
    config->root = root;
    config->values = SLIM_NEW_ARRAY(diag->arena, family->layer_names.count,
                                    struct slim_value);
    for (size_t e = 0; e < family->entry_count && status == SLIM_OK; e++) {
        struct reading reading = { config, &family->entries[e], NULL, diag };
        status = read_entry(&config->values[e], &reading);
    }
    if (status == SLIM_OK)
        status = apply_refusals(config, diag);
    if (status == SLIM_OK)
        status = apply_rules(config, diag);
    if (status == SLIM_OK)
        warn_unknown(config, root, "", diag);
    *out = config;
    return status;
}
