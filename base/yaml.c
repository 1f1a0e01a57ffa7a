/* yaml.c - libyaml's events to a tree whose nodes know their place */
#include "base/yaml.h"

#include "base/file.h"

#include <string.h>
#include <yaml.h>

enum { DEEPEST = 32 };

struct reader {
    yaml_parser_t parser;
    const struct slim_source *source;
    struct slim_diag *diag;
    /* libyaml counts characters, spans count bytes: the last place known */
    size_t characters, bytes;
};

static bool continues(char byte)
{
    return ((unsigned char)byte & 0xc0) == 0x80;
}

/* The byte at which a character of the source begins. */
static size_t byte_at(struct reader *reader, size_t character)
{
    const struct slim_source *source = reader->source;

    while (reader->characters > character && reader->bytes > 0) {
        reader->bytes--;
        if (!continues(source->text[reader->bytes]))
            reader->characters--;
    }
    while (reader->characters < character && reader->bytes < source->length) {
        reader->bytes++;
        while (reader->bytes < source->length &&
               continues(source->text[reader->bytes]))
            reader->bytes++;
        reader->characters++;
    }
    return reader->bytes;
}

static struct slim_span span_of(struct reader *reader,
                                const yaml_event_t *event)
{
    size_t begin = byte_at(reader, event->start_mark.index);
    size_t end = byte_at(reader, event->end_mark.index);

    return (struct slim_span){ reader->source, begin, end };
}

/* What libyaml could not read. */
static enum slim_status refuse(struct reader *reader)
{
    const yaml_parser_t *parser = &reader->parser;
    size_t at = 0;

    if (parser->error == YAML_READER_ERROR)
        at = parser->problem_offset;
    else
        at = byte_at(reader, parser->problem_mark.index);
    struct slim_span span = { reader->source, at, at + 1 };
    return slim_fail(reader->diag, "F002", span, "this is not YAML: %s",
                     parser->problem ? parser->problem : "out of memory");
}

static enum slim_status next(struct reader *reader, yaml_event_t *event)
{
    if (!yaml_parser_parse(&reader->parser, event))
        return refuse(reader);
    return SLIM_OK;
}

/* Appends to an array in the arena; the array has room at powers of two. */
static void push(struct slim_arena *arena, struct slim_yaml ***list,
                 size_t count, struct slim_yaml *node)
{
    if ((count & (count - 1)) == 0) {
        size_t room = count ? count * 2 : 1;
        struct slim_yaml **more =
            SLIM_NEW_ARRAY(arena, room, struct slim_yaml *);
        if (count > 0)
            memcpy(more, *list, count * sizeof(**list));
        *list = more;
    }
    (*list)[count] = node;
}

static enum slim_status add_pair(struct reader *reader, struct slim_yaml *map,
                                 struct slim_yaml *key, struct slim_yaml *value)
{
    struct slim_arena *arena = reader->diag->arena;

    if (slim_yaml_get(map, key->text))
        return slim_fail(reader->diag, "F004", key->span,
                         "key \"%s\" is given twice", key->text);
    push(arena, &map->keys, map->count, key);
    push(arena, &map->items, map->count, value);
    map->count++;
    return SLIM_OK;
}

static enum slim_status read_node(struct reader *reader, struct slim_yaml **out,
                                  yaml_event_t *event, int depth);

/* Reads the next event and, unless it is `last`, the node it starts. *out is
 * NULL at the end. */
static enum slim_status read_next(struct reader *reader, struct slim_yaml **out,
                                  struct slim_yaml *parent,
                                  yaml_event_type_t last, int depth)
{
    yaml_event_t event;

    *out = NULL;
    if (next(reader, &event) != SLIM_OK)
        return SLIM_FAILED;
    enum slim_status status = SLIM_OK;
    if (event.type == last)
        parent->span.end = byte_at(reader, event.end_mark.index);
    else
        status = read_node(reader, out, &event, depth);
    yaml_event_delete(&event);
    return status;
}

static enum slim_status read_list(struct reader *reader, struct slim_yaml *list,
                                  int depth)
{
    struct slim_yaml *item = NULL;

    for (;;) {
        if (read_next(reader, &item, list, YAML_SEQUENCE_END_EVENT, depth) !=
            SLIM_OK)
            return SLIM_FAILED;
        if (!item)
            return SLIM_OK;
        push(reader->diag->arena, &list->items, list->count, item);
        list->count++;
    }
}

static enum slim_status read_map(struct reader *reader, struct slim_yaml *map,
                                 int depth)
{
    struct slim_yaml *key = NULL, *value = NULL;

    for (;;) {
        if (read_next(reader, &key, map, YAML_MAPPING_END_EVENT, depth) !=
            SLIM_OK)
            return SLIM_FAILED;
        if (!key)
            return SLIM_OK;
        if (key->kind != SLIM_YAML_SCALAR)
            return slim_fail(reader->diag, "F003", key->span,
                             "a key must be plain text");
        if (read_next(reader, &value, map, YAML_NO_EVENT, depth) != SLIM_OK ||
            add_pair(reader, map, key, value) != SLIM_OK)
            return SLIM_FAILED;
    }
}

static enum slim_status read_scalar(struct reader *reader,
                                    struct slim_yaml *node,
                                    const yaml_event_t *event)
{
    const char *text = (const char *)event->data.scalar.value;
    size_t length = event->data.scalar.length;

    if (memchr(text, '\0', length))
        return slim_fail(reader->diag, "F003", node->span,
                         "a NUL byte cannot be part of a value");
    node->kind = SLIM_YAML_SCALAR;
    node->text = slim_arena_strndup(reader->diag->arena, text, length);
    node->quoted = event->data.scalar.style != YAML_PLAIN_SCALAR_STYLE;
    return SLIM_OK;
}

static bool has_tag_or_anchor(const yaml_event_t *event)
{
    if (event->type == YAML_SCALAR_EVENT)
        return event->data.scalar.anchor || event->data.scalar.tag;
    if (event->type == YAML_SEQUENCE_START_EVENT)
        return event->data.sequence_start.anchor ||
               event->data.sequence_start.tag;
    return event->type == YAML_MAPPING_START_EVENT &&
           (event->data.mapping_start.anchor || event->data.mapping_start.tag);
}

/* The node that an event starts. */
static enum slim_status read_node(struct reader *reader, struct slim_yaml **out,
                                  yaml_event_t *event, int depth)
{
    struct slim_yaml *node = SLIM_NEW(reader->diag->arena, struct slim_yaml);

    node->span = span_of(reader, event);
    *out = node;
    if (event->type == YAML_ALIAS_EVENT || has_tag_or_anchor(event))
        return slim_fail(reader->diag, "F003", node->span,
                         "aliases, anchors and tags are not read here");
    if (depth >= DEEPEST)
        return slim_fail(reader->diag, "F003", node->span,
                         "this is nested deeper than %d levels", DEEPEST);
    if (event->type == YAML_SEQUENCE_START_EVENT) {
        node->kind = SLIM_YAML_LIST;
        return read_list(reader, node, depth + 1);
    }
    if (event->type == YAML_MAPPING_START_EVENT) {
        node->kind = SLIM_YAML_MAP;
        return read_map(reader, node, depth + 1);
    }
    return read_scalar(reader, node, event);
}

/* One event that has to be of this type. */
static enum slim_status expect(struct reader *reader, yaml_event_type_t type,
                               const char *otherwise)
{
    yaml_event_t event;

    if (next(reader, &event) != SLIM_OK)
        return SLIM_FAILED;
    enum slim_status status = SLIM_OK;
    if (event.type != type)
        status = slim_fail(reader->diag, "F003", span_of(reader, &event), "%s",
                           otherwise);
    yaml_event_delete(&event);
    return status;
}

static enum slim_status read_document(struct reader *reader,
                                      struct slim_yaml **out)
{
    static const char empty[] = "the document is empty";
    static const char several[] = "there is more than one document";
    struct slim_yaml unused = { 0 };

    if (expect(reader, YAML_STREAM_START_EVENT, empty) != SLIM_OK ||
        expect(reader, YAML_DOCUMENT_START_EVENT, empty) != SLIM_OK ||
        read_next(reader, out, &unused, YAML_NO_EVENT, 0) != SLIM_OK ||
        expect(reader, YAML_DOCUMENT_END_EVENT, several) != SLIM_OK)
        return SLIM_FAILED;
    return expect(reader, YAML_STREAM_END_EVENT, several);
}

enum slim_status slim_yaml_parse(struct slim_yaml **out,
                                 const struct slim_source *text,
                                 struct slim_diag *diag)
{
    struct reader reader = { .source = text, .diag = diag };

    *out = NULL;
    if (!yaml_parser_initialize(&reader.parser))
        return slim_fail(diag, "O002", (struct slim_span){ text, 0, 0 },
                         "out of memory");
    yaml_parser_set_encoding(&reader.parser, YAML_UTF8_ENCODING);
    yaml_parser_set_input_string(
        &reader.parser, (const unsigned char *)text->text, text->length);
    enum slim_status status = read_document(&reader, out);
    yaml_parser_delete(&reader.parser);
    return status;
}

enum slim_status slim_yaml_read(struct slim_yaml **out, const char *path,
                                struct slim_span at, struct slim_diag *diag)
{
    struct slim_source *source = SLIM_NEW(diag->arena, struct slim_source);

    *out = NULL;
    if (slim_file_read(source, path, 0, at, diag) != SLIM_OK)
        return SLIM_FAILED;
    return slim_yaml_parse(out, source, diag);
}
