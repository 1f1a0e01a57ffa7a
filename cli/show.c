/* show.c - slimc show: what a model's file says about its making */
#include "cli/cli.h"

#include "base/file.h"
#include "base/json.h"

#include <stdio.h>
#include <string.h>

static const struct slim_span nowhere = { NULL, 0, 0 };

/* The first 8 bytes, little-endian, are the length of the header. */
static uint64_t header_length(const unsigned char *data)
{
    uint64_t length = 0;

    for (size_t i = 0; i < 8; i++)
        length |= (uint64_t)data[i] << (8 * i);
    return length;
}

static enum slim_status read_metadata(json_t **out, const char *path,
                                      struct slim_diag *diag)
{
    struct slim_source *name = SLIM_NEW(diag->arena, struct slim_source);
    struct slim_tensor_list tensors = { 0 };
    struct slim_map map = { 0 };

    *name = (struct slim_source){ .name = path };
    struct slim_span at = { .source = name };
    if (slim_map_open(&map, path, at, diag) != SLIM_OK)
        return SLIM_FAILED;
    enum slim_status status = SLIM_FAILED;
    if (map.length < 8 || header_length(map.data) > map.length - 8)
        (void)slim_fail(diag, "F601", at,
                        "this is no safetensors file: its header does not fit");
    else
        status = slim_header_parse(&tensors, out, (const char *)map.data + 8,
                                   (size_t)header_length(map.data), map.length,
                                   0, name, diag);
    slim_map_close(&map);
    return status;
}

/* Some values are whole files: each of their lines is set in. */
static void print_value(const char *key, const char *value)
{
    if (!strchr(value, '\n')) {
        printf("%-16s %s\n", key, value);
        return;
    }
    printf("%s\n", key);
    while (*value) {
        size_t length = strcspn(value, "\n");
        printf("    %.*s\n", (int)length, value);
        value += length;
        value += *value == '\n';
    }
}

static void print_part(const struct slim_cli *cli, const char *name,
                       const char *text)
{
    size_t length = strlen(text);

    if (slim_cli_has(cli, SLIM_OPTION_json)) {
        slim_cli_put(
            json_pack("{s:i,s:s,s:s}", "v", 1, "event", name, name, text));
        return;
    }
    fputs(text, stdout);
    if (length == 0 || text[length - 1] != '\n')
        putchar('\n');
}

static const char *recipe_of(json_t *metadata)
{
    const char *text =
        json_string_value(json_object_get(metadata, "slimc.recipe"));

    return text ? text : json_string_value(json_object_get(metadata, "recipe"));
}

static void print_all(const struct slim_cli *cli, json_t *metadata)
{
    const char *key;
    json_t *value;

    if (slim_cli_has(cli, SLIM_OPTION_json)) {
        slim_cli_put(json_pack("{s:i,s:s,s:O}", "v", 1, "event", "metadata",
                               "metadata", metadata));
        return;
    }
    json_object_foreach(metadata, key, value)
    {
        print_value(key,
                    json_is_string(value) ? json_string_value(value) : "?");
    }
}

/* The lock that a model carries, to a file or, where that is "-", as text. */
static void write_lock(struct slim_cli *cli, const char *text, const char *path)
{
    if (strcmp(path, "-") == 0)
        print_part(cli, "lock", text);
    else
        (void)!slim_file_write(path, text, strlen(text), nowhere, &cli->diag);
}

/* A directory stands for its model, or its first shard. */
static const char *file_of(struct slim_cli *cli, const char *path)
{
    if (!slim_file_is_directory(path))
        return path;
    char **names = slim_list_directory(cli->arena, path, ".safetensors");
    return names[0] ? slim_path_join(cli->arena, path, slim_path_base(names[0]))
                    : path;
}

enum slim_status slim_cli_metadata(json_t **out, struct slim_cli *cli,
                                   const char *path, struct slim_diag *diag)
{
    return read_metadata(out, file_of(cli, path), diag);
}

static void missing(struct slim_cli *cli, const char *path, const char *what)
{
    (void)slim_fail(&cli->diag, "F602", nowhere,
                    "\"%s\" says nothing "
                    "about how it was made: it holds no %s",
                    path, what);
}

/* What the options ask for. */
static void print(struct slim_cli *cli, const char *path, json_t *metadata)
{
    const char *recipe = recipe_of(metadata);
    const char *lock =
        json_string_value(json_object_get(metadata, "slimc.lock"));
    const char *file = slim_cli_value(cli, SLIM_OPTION_lock);
    bool only_recipe = slim_cli_has(cli, SLIM_OPTION_recipe);

    if (only_recipe && recipe)
        print_part(cli, "recipe", recipe);
    else if (only_recipe)
        missing(cli, path, "recipe");
    if (file && lock)
        write_lock(cli, lock, file);
    else if (file)
        missing(cli, path, "lock");
    if (only_recipe || file)
        return;
    if (metadata && json_object_size(metadata) > 0)
        print_all(cli, metadata);
    else
        missing(cli, path, "metadata");
}

int slim_command_show(struct slim_cli *cli)
{
    json_t *metadata = NULL;

    if (cli->operand_count != 1)
        return slim_cli_usage(cli, "show takes one file or directory");
    const char *path = file_of(cli, cli->operands[0]);
    if (read_metadata(&metadata, path, &cli->diag) != SLIM_OK)
        return slim_cli_report(cli, &cli->diag);
    print(cli, path, metadata);
    json_decref(metadata);
    return cli->diag.errors ? slim_cli_report(cli, &cli->diag) : 0;
}
