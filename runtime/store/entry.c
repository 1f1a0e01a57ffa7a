/* entry.c - what a stage gave, as a sealed list of lines */
#include "runtime/store/store.h"

#include "compiler/ir/param.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/*
 *     slimc entry 1
 *     stage "score"
 *     text "score taylor on text"
 *     seconds 1.5
 *     cause "order" "1"
 *     result 4 HEX 120
 *     object HEX 120
 */
#define HEAD "slimc entry 1\n"

struct slim_digest slim_causes_key(const struct slim_cause *causes,
                                   size_t count)
{
    struct slim_hasher hasher;

    slim_hasher_init(&hasher);
    slim_hasher_text(&hasher, HEAD);
    for (size_t i = 0; i < count; i++) {
        slim_hasher_text(&hasher, causes[i].name);
        slim_hasher_text(&hasher, causes[i].value);
    }
    return slim_hasher_done(&hasher);
}

static void put_text(struct slim_text *out, const char *name, const char *text)
{
    if (!text)
        return;
    slim_text_printf(out, "%s ", name);
    slim_text_quote(out, text);
    slim_text_puts(out, "\n");
}

static void put_object(struct slim_text *out,
                       const struct slim_kept_object *object)
{
    char hex[65];

    slim_digest_hex(hex, &object->name);
    slim_text_printf(out, "%s %llu\n", hex, (unsigned long long)object->size);
}

static void print(struct slim_text *out, const struct slim_kept *e)
{
    slim_text_puts(out, HEAD);
    put_text(out, "stage", e->stage);
    put_text(out, "text", e->text);
    put_text(out, "recipe", e->recipe);
    put_text(out, "outside", e->outside);
    put_text(out, "detail", e->detail);
    put_text(out, "report", e->report);
    put_text(out, "figures", e->figures);
    put_text(out, "saved", e->saved);
    slim_text_printf(out, "seconds %.17g\namount %.17g\nmade %lld\n",
                     e->seconds, e->amount, (long long)e->made);
    for (size_t i = 0; i < e->cause_count; i++) {
        slim_text_puts(out, "cause ");
        slim_text_quote(out, e->causes[i].name);
        slim_text_puts(out, " ");
        slim_text_quote(out, e->causes[i].value);
        slim_text_puts(out, "\n");
    }
    for (size_t i = 0; i < e->result_count; i++) {
        slim_text_printf(out, "result %u ", e->results[i].type);
        put_object(out, &e->results[i].manifest);
    }
    for (size_t i = 0; i < e->object_count; i++) {
        slim_text_puts(out, "object ");
        put_object(out, &e->objects[i]);
    }
}

static char *entry_path(const struct slim_store *store, const char *stage,
                        const struct slim_digest *key)
{
    return slim_store_path(
        store, slim_arena_printf(store->arena, "entries/%s", stage), key);
}

bool slim_entry_put(struct slim_store *store, const struct slim_kept *entry)
{
    struct slim_text text = { 0 };

    if (!store->writes)
        return false;
    print(&text, entry);
    bool done =
        slim_sealed_put(store, entry_path(store, entry->stage, &entry->key),
                        text.data, text.length);
    slim_text_free(&text);
    return done;
}

/* ---- reading; the seal says that the text is ours, so little can be wrong */

struct reading {
    struct slim_kept *entry;
    struct slim_arena *arena;
    size_t causes, objects; /* room */
};

static char *unquoted(const struct reading *r, const char *text)
{
    return slim_text_unquote(r->arena, text);
}

static bool read_object(struct slim_kept_object *out, const char *text)
{
    if (strlen(text) < 66 || text[64] != ' ' ||
        !slim_digest_read(&out->name, text))
        return false;
    out->size = strtoull(text + 65, NULL, 10);
    return true;
}

/* "\"name\" \"value\"": the second quote that is not escaped ends the name */
static bool read_cause(struct reading *r, const char *text)
{
    struct slim_kept *e = r->entry;
    size_t i = 1;

    while (text[i] && text[i] != '"')
        i += text[i] == '\\' && text[i + 1] ? 2 : 1;
    if (text[0] != '"' || text[i] != '"' || text[i + 1] != ' ')
        return false;
    if (e->cause_count == r->causes) {
        size_t room = r->causes ? 2 * r->causes : 16;
        struct slim_cause *more =
            SLIM_NEW_ARRAY(r->arena, room, struct slim_cause);
        if (r->causes)
            memcpy(more, e->causes, r->causes * sizeof(*more));
        e->causes = more;
        r->causes = room;
    }
    struct slim_cause *cause = &e->causes[e->cause_count++];
    cause->name = unquoted(r, slim_arena_strndup(r->arena, text, i + 1));
    cause->value = unquoted(r, text + i + 2);
    return cause->name && cause->value;
}

static bool add_object(struct reading *r, const char *text)
{
    struct slim_kept *e = r->entry;

    if (e->object_count == r->objects) {
        size_t room = r->objects ? 2 * r->objects : 16;
        struct slim_kept_object *more =
            SLIM_NEW_ARRAY(r->arena, room, struct slim_kept_object);
        if (r->objects)
            memcpy(more, e->objects, r->objects * sizeof(*more));
        e->objects = more;
        r->objects = room;
    }
    return read_object(&e->objects[e->object_count++], text);
}

static bool read_result(struct slim_kept *e, const char *text)
{
    char *end;
    unsigned long type = strtoul(text, &end, 10);

    if (e->result_count == SLIM_RESULTS || *end != ' ')
        return false;
    e->results[e->result_count].type = (unsigned)type;
    return read_object(&e->results[e->result_count++].manifest, end + 1);
}

static const char **text_field(struct slim_kept *e, const char *name)
{
    const struct {
        const char *name;
        const char **field;
    } fields[] = {
        { "stage", &e->stage },     { "text", &e->text },
        { "recipe", &e->recipe },   { "outside", &e->outside },
        { "detail", &e->detail },   { "report", &e->report },
        { "figures", &e->figures }, { "saved", &e->saved },
    };

    for (size_t i = 0; i < SLIM_COUNT(fields); i++)
        if (strcmp(fields[i].name, name) == 0)
            return fields[i].field;
    return NULL;
}

static bool read_line(struct reading *r, char *line)
{
    char *rest = strchr(line, ' ');
    struct slim_kept *e = r->entry;

    if (!rest)
        return false;
    *rest++ = 0;
    const char **field = text_field(e, line);
    if (field)
        return (*field = unquoted(r, rest)) != NULL;
    if (strcmp(line, "seconds") == 0)
        e->seconds = strtod(rest, NULL);
    else if (strcmp(line, "amount") == 0)
        e->amount = strtod(rest, NULL);
    else if (strcmp(line, "made") == 0)
        e->made = strtoll(rest, NULL, 10);
    else if (strcmp(line, "cause") == 0)
        return read_cause(r, rest);
    else if (strcmp(line, "result") == 0)
        return read_result(e, rest);
    else if (strcmp(line, "object") == 0)
        return add_object(r, rest);
    else
        return false;
    return true;
}

static bool read_lines(struct reading *r, char *text)
{
    size_t head = strlen(HEAD);

    if (strncmp(text, HEAD, head) != 0)
        return false;
    for (char *line = text + head; *line;) {
        char *end = strchr(line, '\n');
        if (!end)
            return false;
        *end = 0;
        if (!read_line(r, line))
            return false;
        line = end + 1;
    }
    return r->entry->stage && r->entry->text;
}

struct slim_kept *slim_entry_read(struct slim_store *store, const char *path,
                                  bool *altered)
{
    struct slim_map map;

    if (!slim_sealed_map(&map, path, altered, &store->diag))
        return NULL;
    char *text = slim_arena_strndup(store->arena, (const char *)map.data,
                                    map.length - SLIM_SEAL);
    slim_map_close(&map);
    struct reading reading = { .entry =
                                   SLIM_NEW(store->arena, struct slim_kept),
                               .arena = store->arena };
    *reading.entry = (struct slim_kept){ 0 };
    if (!read_lines(&reading, text))
        return NULL;
    struct slim_kept *e = reading.entry;
    e->key = slim_causes_key(e->causes, e->cause_count);
    return e;
}

struct slim_kept *slim_entry_find(struct slim_store *store, const char *stage,
                                  const struct slim_digest *key)
{
    bool altered = false;

    if (!store->path)
        return NULL;
    struct slim_kept *entry =
        slim_entry_read(store, entry_path(store, stage, key), &altered);

    if (altered)
        slim_store_altered(store, "entry", key);
    if (!entry)
        return NULL;
    /* an entry under another's name */
    bool whole = slim_digest_same(&entry->key, key);
    for (size_t i = 0; i < entry->object_count && whole; i++)
        whole = slim_object_has(store, &entry->objects[i].name,
                                entry->objects[i].size);
    if (whole)
        return entry;
    (void)unlink(entry_path(store, stage, key));
    return NULL;
}

void slim_entry_remove(struct slim_store *store, const struct slim_kept *e)
{
    if (store->path)
        (void)unlink(entry_path(store, e->stage, &e->key));
}

void slim_entry_touch(struct slim_store *store, const struct slim_kept *e)
{
    (void)utimensat(AT_FDCWD, entry_path(store, e->stage, &e->key), NULL, 0);
}
