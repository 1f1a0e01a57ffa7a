/* cache.c - slimc cache: what the store holds */
#include "cli/cli.h"

#include "base/text.h"
#include "runtime/store/gc.h"
#include "runtime/store/ledger.h"

#include <jansson.h>
#include <string.h>
#include <time.h>

static const char *age(const struct slim_cli *cli, int64_t when)
{
    double seconds = difftime(time(NULL), (time_t)when);

    if (seconds < 48 * 3600)
        return slim_text_seconds(cli->arena, seconds > 0.0 ? seconds : 0.0);
    return slim_arena_printf(cli->arena, "%.0fd", seconds / 86400.0);
}

static void print_item(const struct slim_cli *cli,
                       const struct slim_listed *item)
{
    const struct slim_kept *e = item->entry;
    char key[65];

    slim_digest_hex(key, &e->key);
    if (slim_cli_has(cli, SLIM_OPTION_json)) {
        slim_cli_put(json_pack(
            "{s:i,s:s,s:s,s:s,s:s,s:I,s:f,s:I,s:b}", "v", 1, "event", "kept",
            "key", key, "text", e->text, "recipe", e->recipe ? e->recipe : "",
            "bytes", (json_int_t)item->bytes, "seconds", e->seconds, "used",
            (json_int_t)item->used, "pinned", (int)item->pinned));
        return;
    }
    printf("%.8s %11s %7s %8s  %-40.40s  %s%s\n", key,
           slim_text_bytes(cli->arena, item->bytes), age(cli, item->used),
           slim_text_seconds(cli->arena, e->seconds), e->text,
           e->recipe ? e->recipe : "", item->pinned ? ", pinned" : "");
}

static int list(struct slim_cli *cli, struct slim_store *store)
{
    struct slim_listing listing = { 0 };

    slim_listing_make(&listing, store);
    if (!slim_cli_has(cli, SLIM_OPTION_json) && listing.count)
        printf("%-8s %11s %7s %8s  %-40s  %s\n", "key", "size", "last", "took",
               "stage", "of");
    for (size_t i = listing.count; i-- > 0;)
        print_item(cli, &listing.items[i]);
    if (slim_cli_has(cli, SLIM_OPTION_json))
        slim_cli_put(json_pack(
            "{s:i,s:s,s:s,s:I,s:I,s:I}", "v", 1, "event", "store", "path",
            store->path, "entries", (json_int_t)listing.count, "bytes",
            (json_int_t)listing.bytes, "budget", (json_int_t)store->budget));
    else
        printf("%zu entries, %s of %s in %s\n", listing.count,
               slim_text_bytes(cli->arena, listing.bytes),
               slim_text_bytes(cli->arena, store->budget), store->path);
    return slim_cli_report(cli, &cli->diag);
}

static int collect(struct slim_cli *cli, struct slim_store *store)
{
    size_t entries;
    uint64_t freed = slim_store_gc(store, store->budget, &entries);

    if (slim_cli_has(cli, SLIM_OPTION_json))
        slim_cli_put(json_pack("{s:i,s:s,s:I,s:I}", "v", 1, "event", "freed",
                               "bytes", (json_int_t)freed, "removed",
                               (json_int_t)entries));
    else
        printf("freed %s, removed %zu entries\n",
               slim_text_bytes(cli->arena, freed), entries);
    return slim_cli_report(cli, &cli->diag);
}

static void print_causes(const struct slim_cli *cli, const struct slim_kept *e,
                         const char *key)
{
    if (slim_cli_has(cli, SLIM_OPTION_json)) {
        json_t *causes = json_object();
        for (size_t c = 0; c < e->cause_count; c++)
            json_object_set_new(causes, e->causes[c].name,
                                json_string(e->causes[c].value));
        slim_cli_put(json_pack("{s:i,s:s,s:s,s:s,s:o}", "v", 1, "event",
                               "causes", "key", key, "text", e->text, "causes",
                               causes));
        return;
    }
    printf("%s %s\n", key, e->text);
    for (size_t c = 0; c < e->cause_count; c++)
        printf("    %-12s %s\n", e->causes[c].name, e->causes[c].value);
}

/* Entries whose key begins with what was asked. */
struct asked {
    const struct slim_cli *cli;
    struct slim_store *store;
    const char *prefix;
    size_t found;
};

static void look(void *context, const char *path,
                 const struct slim_digest *name)
{
    struct asked *asked = context;
    bool altered;
    char key[65];

    if (!name)
        return;
    slim_digest_hex(key, name);
    if (strncmp(key, asked->prefix, strlen(asked->prefix)) != 0)
        return;
    const struct slim_kept *entry =
        slim_entry_read(asked->store, path, &altered);
    if (!entry)
        return;
    asked->found++;
    print_causes(asked->cli, entry, key);
}

static int why(struct slim_cli *cli, struct slim_store *store)
{
    struct asked asked = { cli, store, cli->operands[1], 0 };

    slim_store_walk(store, "entries", look, &asked);
    if (asked.found == 0)
        (void)slim_fail(&cli->diag, "I602", (struct slim_span){ 0 },
                        "nothing is kept under a key that begins with \"%s\"",
                        asked.prefix);
    return slim_cli_report(cli, &cli->diag);
}

static int pin(struct slim_cli *cli, struct slim_store *store)
{
    const char *lock = cli->operands[1];
    struct slim_ledger *record;

    if (slim_ledger_read(&record, lock, &cli->diag) == SLIM_OK &&
        slim_store_pin(store, lock)) {
        if (slim_cli_has(cli, SLIM_OPTION_json))
            slim_cli_put(json_pack("{s:i,s:s,s:s}", "v", 1, "event", "pinned",
                                   "file", lock));
        else
            printf("what %s names stays while the file is there\n", lock);
    }
    return slim_cli_report(cli, &cli->diag);
}

static int verify(struct slim_cli *cli, struct slim_store *store)
{
    size_t files, bad;

    slim_store_verify(store, &files, &bad);
    if (slim_cli_has(cli, SLIM_OPTION_json))
        slim_cli_put(json_pack("{s:i,s:s,s:I,s:I}", "v", 1, "event", "verified",
                               "files", (json_int_t)files, "altered",
                               (json_int_t)bad));
    else
        printf("%zu files, %zu altered%s\n", files, bad,
               bad ? " and removed" : "");
    return slim_cli_report(cli, &cli->diag);
}

static const struct {
    const char *name;
    size_t operands;
    int (*run)(struct slim_cli *cli, struct slim_store *store);
} actions[] = {
    { "ls", 1, list }, { "gc", 1, collect },    { "why", 2, why },
    { "pin", 2, pin }, { "verify", 1, verify },
};

int slim_command_cache(struct slim_cli *cli)
{
    const char *name = cli->operand_count ? cli->operands[0] : "ls";
    size_t given = cli->operand_count ? cli->operand_count : 1;
    const char *place =
        slim_store_place(slim_cli_value(cli, SLIM_OPTION_store), cli->arena);

    for (size_t i = 0; i < SLIM_COUNT(actions); i++) {
        if (strcmp(actions[i].name, name) != 0)
            continue;
        if (actions[i].operands != given)
            return slim_cli_usage(cli, "'cache %s' takes %zu more", name,
                                  actions[i].operands - 1);
        struct slim_store *store =
            slim_store_open(place, cli->arena, &cli->diag);
        if (!slim_store_keeps(store))
            return slim_cli_usage(cli, "there is no store: it is '%s'",
                                  place ? place : "none");
        return actions[i].run(cli, store);
    }
    return slim_cli_usage(cli, "'%s' is nothing that 'cache' does", name);
}
