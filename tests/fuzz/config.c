/* config.c - any bytes are a config.json, or an error */
#include "compiler/ir/family.h"

#include "tests/fuzz/fuzz.h"
#include "tests/support.h"

/* Sizes up to these are counted and searched; larger ones only refused. */
#define PARAMS_MAX 50000000u

static struct slim_family *family;

static void load_family(void)
{
    static struct slim_diag diag;
    struct slim_span at = { 0 };
    char *path = slim_test_source("compiler/families/qwen2.yaml");
    diag.arena = slim_arena_open();
    if (slim_family_load(&family, path, at, &diag) != SLIM_OK)
        abort();
    free(path);
}

static enum slim_status build(const json_t *root,
                              const struct slim_source *source,
                              struct slim_diag *diag)
{
    struct slim_config *config = NULL;
    struct slim_arch *arch = NULL;
    struct slim_shape *shape = NULL;
    if (slim_config_read(&config, family, root, source, diag) != SLIM_OK ||
        slim_arch_build(&arch, config, "model.", diag) != SLIM_OK)
        return SLIM_FAILED;
    arch->model_type = "fuzzed";
    const json_t *slimc = json_object_get(root, "slimc");
    if (slimc != NULL &&
        slim_shape_from_json(&shape, arch, slimc, source, diag) != SLIM_OK)
        return SLIM_FAILED;
    if (shape == NULL)
        shape = slim_shape_dense(arch, diag->arena);
    bool second = false;
    if (slim_shape_params(shape) < PARAMS_MAX && arch->layers < 16) {
        (void)slim_shape_macs(shape, 64);
        (void)slim_discover(shape, diag->arena);
    }
    json_t *stock = json_object();
    (void)slim_shape_stock(&second, shape);
    enum slim_status status = slim_shape_config(stock, shape, false, diag);
    json_decref(stock);
    return status;
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t count)
{
    if (family == NULL)
        load_family();
    struct slim_diag diag = { .arena = slim_arena_open() };
    struct slim_source source = slim_fuzz_source(diag.arena, bytes, count);
    json_t *root = NULL;
    enum slim_status status = slim_json_parse(&root, &source, &diag);
    if (status == SLIM_OK)
        status = build(root, &source, &diag);
    slim_fuzz_check(status, &diag);
    json_decref(root);
    slim_arena_close(diag.arena);
    return 0;
}
