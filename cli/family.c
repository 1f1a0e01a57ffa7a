/* family.c - slimc family: the families there are, one of them, a new one */
#include "cli/cli.h"

#include "base/json.h"
#include "base/text.h"
#include "compiler/ir/describe.h"

#include <string.h>

static const struct slim_span nowhere = { NULL, 0, 0 };

/* The installed families, and what they are called. */
struct families {
    struct slim_family_list list;
    struct slim_family_info *infos;
};

static enum slim_status read_families(struct families *out,
                                      struct slim_cli *cli)
{
    if (slim_family_installed(&out->list, &cli->diag) != SLIM_OK)
        return SLIM_FAILED;
    out->infos =
        SLIM_NEW_ARRAY(cli->arena, out->list.count, struct slim_family_info);
    for (size_t f = 0; f < out->list.count; f++)
        out->infos[f] = slim_family_describe(out->list.items[f], cli->arena);
    return SLIM_OK;
}

static bool answers_to(const struct slim_family_info *info, const char *name)
{
    bool found = strcmp(info->name, name) == 0;

    for (size_t t = 0; !found && t < info->types->count; t++)
        found = strcmp(info->types->items[t]->text, name) == 0;
    return found;
}

/* By its name, or by a model_type that it lists; false and a U error. */
static bool find_family(size_t *out, struct slim_cli *cli,
                        const struct families *families, const char *name)
{
    const char **names =
        SLIM_NEW_ARRAY(cli->arena, families->list.count + 1, const char *);

    for (*out = 0; *out < families->list.count; ++*out) {
        if (answers_to(&families->infos[*out], name))
            return true;
        names[*out] = families->infos[*out].name;
    }
    const char *near = slim_text_nearest(name, names);
    (void)slim_cli_usage(cli, "there is no family '%s'%s%s%s", name,
                         near ? "; did you mean '" : "", near ? near : "",
                         near ? "'?" : "");
    return false;
}

static const char *joined(struct slim_cli *cli, const struct slim_yaml *list)
{
    struct slim_text text = { 0 };

    slim_text_puts(&text, "");
    for (size_t i = 0; i < list->count; i++)
        slim_text_printf(&text, "%s%s", i ? ", " : "", list->items[i]->text);
    const char *copy = slim_arena_strdup(cli->arena, text.data);
    slim_text_free(&text);
    return copy;
}

/* A description as JSON: what is plain in YAML is text. */
static json_t *yaml_to_json(const struct slim_yaml *node)
{
    json_t *out = NULL;

    switch (node->kind) {
    case SLIM_YAML_SCALAR:
        return json_string(node->text);
    case SLIM_YAML_LIST:
        out = json_array();
        for (size_t i = 0; i < node->count; i++)
            (void)json_array_append_new(out, yaml_to_json(node->items[i]));
        return out;
    case SLIM_YAML_MAP:
        out = json_object();
        for (size_t i = 0; i < node->count; i++)
            (void)json_object_set_new(out, node->keys[i]->text,
                                      yaml_to_json(node->items[i]));
        return out;
    }
    return out;
}

/* A list names the families; `whole` also says all of one. */
static void print_json(const struct slim_family_info *info, bool whole)
{
    json_t *line =
        json_pack("{s:i,s:s,s:s,s:s,s:s,s:o}", "v", 1, "event", "family",
                  "name", info->name, "title", info->title, "file", info->path,
                  "model_types", yaml_to_json(info->types));

    if (whole)
        (void)json_object_set_new(line, "description",
                                  yaml_to_json(info->root));
    slim_cli_put(line);
}

static int list(struct slim_cli *cli)
{
    struct families families = { 0 };

    if (cli->operand_count != 1)
        return slim_cli_usage(cli, "'family list' takes no operands");
    if (read_families(&families, cli) != SLIM_OK)
        return slim_cli_report(cli, &cli->diag);
    for (size_t f = 0; f < families.list.count; f++) {
        const struct slim_family_info *info = &families.infos[f];
        if (slim_cli_has(cli, SLIM_OPTION_json))
            print_json(info, false);
        else
            printf("%-14s %-10s %s\n", info->name, joined(cli, info->types),
                   info->title);
    }
    return 0;
}

static int show(struct slim_cli *cli)
{
    struct families families = { 0 };
    size_t f = 0;

    if (cli->operand_count != 2)
        return slim_cli_usage(cli, "which family?");
    if (read_families(&families, cli) != SLIM_OK)
        return slim_cli_report(cli, &cli->diag);
    if (!find_family(&f, cli, &families, cli->operands[1]))
        return 2;
    if (slim_cli_has(cli, SLIM_OPTION_json))
        print_json(&families.infos[f], true);
    else
        slim_family_print(families.list.items[f], cli->arena, stdout);
    return 0;
}

/* Without a model: the file alone; with one also that it describes the model,
 * tensor by tensor. */
/* That nothing is wrong with the file; `info`: the model it was tried on. */
static void put_ok(struct slim_cli *cli, const char *file,
                   const struct slim_model_info *info)
{
    if (slim_cli_has(cli, SLIM_OPTION_json)) {
        json_t *line =
            json_pack("{s:i,s:s,s:s}", "v", 1, "event", "ok", "file", file);
        if (info)
            (void)json_object_update_new(
                line, json_pack("{s:s,s:I}", "model", info->name, "params",
                                (json_int_t)slim_shape_params(info->shape)));
        slim_cli_put(line);
        return;
    }
    printf("%s: ok", file);
    if (info)
        printf(", %s parameters of %s",
               slim_text_grouped(cli->arena, slim_shape_params(info->shape)),
               info->name);
    putchar('\n');
}

static int check(struct slim_cli *cli)
{
    struct slim_family *family = NULL;
    struct slim_model_info *info = NULL;

    if (cli->operand_count < 2 || cli->operand_count > 3)
        return slim_cli_usage(cli, "a family file, and at most one model");
    const char *file = cli->operands[1], *model = cli->operands[2];
    enum slim_status status =
        slim_family_load(&family, file, nowhere, &cli->diag);
    if (status == SLIM_OK && model)
        status = slim_family_open(&info, family, model, nowhere, &cli->diag);
    int code = slim_cli_report(cli, &cli->diag);
    if (status == SLIM_OK && !slim_cli_has(cli, SLIM_OPTION_quiet))
        put_ok(cli, file, info);
    return code;
}

int slim_command_family(struct slim_cli *cli)
{
    static const struct {
        const char *name;
        int (*run)(struct slim_cli *cli);
    } actions[] = { { "check", check }, { "list", list }, { "show", show } };

    if (cli->operand_count > 0)
        for (size_t a = 0; a < SLIM_COUNT(actions); a++)
            if (strcmp(actions[a].name, cli->operands[0]) == 0)
                return actions[a].run(cli);
    return slim_cli_usage(cli, "list, show or check?");
}
