/* template.c - the special tokens that stand before and after a text */
#include "runtime/data/tokenizer_parts.h"

#include <string.h>

/* The ids of one special token, under special_tokens[NAME].ids. */
static enum slim_status add_special(struct slim_ids *out,
                                    const struct slim_tokenizer_source *from,
                                    const json_t *specials, const json_t *item)
{
    const json_t *name = NULL, *special = NULL, *ids = NULL;

    if (slim_part_need(&name, from, item, "id", JSON_STRING) ||
        slim_part_need(&special, from, specials, json_string_value(name),
                       JSON_OBJECT) ||
        slim_part_need(&ids, from, special, "ids", JSON_ARRAY))
        return SLIM_FAILED;
    for (size_t i = 0; i < json_array_size(ids); i++) {
        const json_t *id = json_array_get(ids, i);

        if (!json_is_integer(id) || json_integer_value(id) < 0 ||
            json_integer_value(id) >= INT32_MAX)
            return slim_fail(from->diag, "F401", from->at,
                             "special token \"%s\" of the tokenizer has no "
                             "valid id",
                             json_string_value(name));
        if (slim_ids_add(out, (int32_t)json_integer_value(id), from->diag))
            return SLIM_FAILED;
    }
    return SLIM_OK;
}

static enum slim_status read_template(struct slim_template *out,
                                      const struct slim_tokenizer_source *from,
                                      const json_t *json)
{
    const json_t *single = NULL, *specials = NULL;
    size_t sequences = 0;

    if (slim_part_need(&single, from, json, "single", JSON_ARRAY) ||
        slim_part_need(&specials, from, json, "special_tokens", JSON_OBJECT))
        return SLIM_FAILED;
    for (size_t i = 0; i < json_array_size(single); i++) {
        const json_t *item = json_array_get(single, i);
        const json_t *special = json_object_get(item, "SpecialToken");

        if (special) {
            if (add_special(sequences ? &out->after : &out->before, from,
                            specials, special))
                return SLIM_FAILED;
        } else {
            const json_t *sequence = json_object_get(item, "Sequence");
            const char *id = json_string_value(json_object_get(sequence, "id"));

            sequences += id && strcmp(id, "A") == 0 ? 1 : 2;
        }
    }
    if (sequences != 1)
        return slim_fail(from->diag, "F401", from->at,
                         "the tokenizer's template does not hold the text "
                         "once");
    return SLIM_OK;
}

static enum slim_status read_processor(struct slim_template *out,
                                       const struct slim_tokenizer_source *from,
                                       const json_t *json, unsigned depth)
{
    const char *type = NULL;
    const json_t *list = NULL;

    if (slim_part_type(&type, from, json))
        return SLIM_FAILED;
    if (strcmp(type, "ByteLevel") == 0) /* offsets only */
        return SLIM_OK;
    if (strcmp(type, "TemplateProcessing") == 0)
        return read_template(out, from, json);
    if (strcmp(type, "Sequence") != 0)
        return slim_part_unknown(from, "post-processor", type);
    if (depth > 8)
        return slim_fail(from->diag, "F402", from->at,
                         "the tokenizer nests post-processors too deeply");
    if (slim_part_need(&list, from, json, "processors", JSON_ARRAY))
        return SLIM_FAILED;
    for (size_t i = 0; i < json_array_size(list); i++)
        if (read_processor(out, from, json_array_get(list, i), depth + 1))
            return SLIM_FAILED;
    return SLIM_OK;
}

enum slim_status slim_template_read(struct slim_template *out,
                                    const struct slim_tokenizer_source *from,
                                    const json_t *json)
{
    return !json || json_is_null(json) ? SLIM_OK
                                       : read_processor(out, from, json, 0);
}

void slim_template_close(struct slim_template *frame)
{
    slim_ids_free(&frame->before);
    slim_ids_free(&frame->after);
}
