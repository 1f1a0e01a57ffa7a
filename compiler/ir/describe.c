/* describe.c - a family for people: its title, and its lines in order */
#include "compiler/ir/describe.h"

#include "base/file.h"
#include "base/text.h"
#include "compiler/ir/family.h"

#include <string.h>

enum slim_status slim_family_installed(struct slim_family_list *out,
                                       struct slim_diag *diag)
{
    const struct slim_span nowhere = { NULL, 0, 0 };
    const char *folder = slim_share_directory(diag->arena, "families");
    size_t count = 0;
    if (folder == NULL)
        return slim_fail(diag, "I207", nowhere,
                         "the folder of families is missing");
    char **files = slim_list_directory(diag->arena, folder, ".yaml");
    while (files[count] != NULL)
        count++;
    out->items = SLIM_NEW_ARRAY(diag->arena, count, struct slim_family *);
    out->count = count;
    for (size_t f = 0; f < count; f++)
        if (slim_family_load(
                &out->items[f],
                slim_path_join(diag->arena, folder, slim_path_base(files[f])),
                nowhere, diag) != SLIM_OK)
            return SLIM_FAILED;
    return SLIM_OK;
}

/* The comment at the top, "NAME.yaml - TITLE; the rest": its title, on one
 * line. */
static const char *title_of(const struct slim_family *family,
                            struct slim_arena *arena)
{
    struct slim_text title = { 0 };
    const char *at = family->root->span.source->text;
    slim_text_puts(&title, "");
    while (*at == '#') {
        at += strspn(at, "# ");
        size_t length = strcspn(at, "\n");
        slim_text_printf(&title, "%s%.*s", title.length ? " " : "", (int)length,
                         at);
        at += length;
        at += *at == '\n';
    }
    const char *dash = strstr(title.data, " - ");
    const char *begin = dash ? dash + strlen(" - ") : title.data;
    const char *text = slim_arena_strndup(arena, begin, strcspn(begin, ";"));
    slim_text_free(&title);
    return text;
}

struct slim_family_info slim_family_describe(const struct slim_family *family,
                                             struct slim_arena *arena)
{
    struct slim_family_info info = { family->name, family->path,
                                     title_of(family, arena), family->types,
                                     family->root };
    return info;
}

/* A value of the file in the words of the file. */
static void print_node(const struct slim_yaml *node, FILE *out)
{
    bool map = node->kind == SLIM_YAML_MAP;
    if (node->kind == SLIM_YAML_SCALAR) {
        fputs(node->text, out);
        return;
    }
    fputc(map ? '{' : '[', out);
    for (size_t i = 0; i < node->count; i++) {
        fprintf(out, "%s%s%s", i ? ", " : "", map ? node->keys[i]->text : "",
                map ? ": " : "");
        print_node(node->items[i], out);
    }
    fputc(map ? '}' : ']', out);
}

/* A section that is a map, a line an entry; nothing where there is none. */
static void print_section(const struct slim_family *family, const char *name,
                          FILE *out)
{
    const struct slim_yaml *map = slim_yaml_get(family->root, name);
    if (map == NULL)
        return;
    fprintf(out, "\n%s\n", name);
    for (size_t i = 0; i < map->count; i++) {
        fprintf(out, "  %-16s ", map->keys[i]->text);
        print_node(map->items[i], out);
        fputc('\n', out);
    }
}

/* What must hold of a model, and what other files there are. */
static void print_rules(const struct slim_family *family, FILE *out)
{
    const struct slim_yaml *rules = family->rules, *others = family->variants;
    for (size_t r = 0; rules != NULL && r < rules->count; r++)
        fprintf(out, "%s  %s; else: %s\n", r == 0 ? "\nrules\n" : "",
                slim_yaml_get(rules->items[r], "that")->text,
                slim_yaml_get(rules->items[r], "else")->text);
    for (size_t v = 0; others != NULL && v < others->count; v++) {
        fprintf(out, "%s  %s where ", v == 0 ? "\nvariants\n" : "",
                slim_yaml_get(others->items[v], "file")->text);
        print_node(slim_yaml_get(others->items[v], "where"), out);
        fputc('\n', out);
    }
}

static void print_slot(const struct slim_slot_spec *slot, FILE *out)
{
    fprintf(out, "    %-14s %s  ", slot->slot, slot->pattern);
    print_node(slim_yaml_get(slot->node, "dims"), out);
    if (slot->transposed)
        fputs("  as [in, out]", out);
    if (slot->when != NULL)
        fprintf(out, "  when %s", slim_yaml_get(slot->node, "when")->text);
    if (slot->presence == SLIM_PRESENT_FOLDED)
        fprintf(out, "%s made by folding", slot->when != NULL ? ", else" : " ");
    if (slot->tie != NULL)
        fprintf(out, "  %s where %s", slim_yaml_get(slot->node, "to")->text,
                slim_yaml_get(slot->node, "tied")->text);
    fputc('\n', out);
}

static void print_block(const struct slim_family *family,
                        const struct slim_block_spec *block, FILE *out)
{
    const struct slim_block *row = &slim_blocks[block->kind];
    const struct slim_yaml *set = slim_yaml_get(block->node, "set");
    fprintf(out, "  %s", row->name);
    if (strcmp(row->name, block->name) != 0)
        fprintf(out, " %s", block->name);
    for (size_t i = 0; i < row->inputs; i++)
        fprintf(out, "%s%s", i ? ", " : "  ",
                family->registers[block->inputs[i]]);
    fprintf(out, "  -> %s", family->registers[block->output]);
    if (set != NULL) {
        fputs("  ", out);
        print_node(set, out);
    }
    fputc('\n', out);
    for (size_t s = 0; s < row->slot_count; s++)
        if (block->slots[s] != NULL)
            print_slot(block->slots[s], out);
}

void slim_family_print(const struct slim_family *family,
                       struct slim_arena *arena, FILE *out)
{
    static const char *const parts[] = { "before the layers", "in each layer",
                                         "after the layers" };
    fprintf(out, "%s: %s\n", family->name, title_of(family, arena));
    fprintf(out, "  %-16s %s\n", "file", family->path);
    for (size_t t = 0; t < family->types->count; t++)
        fprintf(out, "  %-16s %s\n", "model_type",
                family->types->items[t]->text);
    for (size_t c = 0; c < family->class_count; c++)
        fprintf(out, "  %-16s %s\n", c ? "or as" : "saved as",
                family->classes[c].name);
    if (family->class_count == 0)
        fprintf(out, "  %-16s %s\n", "saved with", "slimc's own code");
    print_section(family, "config", out);
    print_rules(family, out);
    print_section(family, "refuse", out);
    print_section(family, "axes", out);
    print_section(family, "names", out);
    for (size_t p = 0; p < SLIM_COUNT(parts); p++) {
        fprintf(out, "\n%s\n", parts[p]);
        for (size_t b = 0; b < family->block_count[p]; b++)
            print_block(family, &family->blocks[p][b], out);
    }
    print_section(family, "ignore", out);
    print_section(family, "save", out);
}
