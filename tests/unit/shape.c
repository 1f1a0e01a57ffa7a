/* shape.c - published sizes, to the last parameter */
#include "compiler/ir/arch.h"

#include "base/json.h"
#include "tests/tiny.h"

#include <math.h>
#include <string.h>

static struct slim_diag diag;

static int set_up(void **state)
{
    (void)state;
    diag = (struct slim_diag){ .arena = slim_arena_open() };
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    slim_arena_close(diag.arena);
    return 0;
}

static const struct slim_tiny_sizes llama_7b = {
    .type = "llama",
    .layers = 32,
    .width = 4096,
    .heads = 32,
    .hidden = 11008,
    .vocab = 32000,
};
static const struct slim_tiny_sizes llama3_8b = {
    .type = "llama",
    .layers = 32,
    .width = 4096,
    .heads = 32,
    .kv_heads = 8,
    .hidden = 14336,
    .vocab = 128256,
};
static const struct slim_tiny_sizes llama2_70b = {
    .type = "llama",
    .layers = 80,
    .width = 8192,
    .heads = 64,
    .kv_heads = 8,
    .hidden = 28672,
    .vocab = 32000,
};
static const struct slim_tiny_sizes smollm2 = {
    .type = "llama",
    .layers = 30,
    .width = 576,
    .heads = 9,
    .kv_heads = 3,
    .hidden = 1536,
    .vocab = 49152,
    .tied = true,
};

static struct slim_shape *dense(const struct slim_tiny_sizes *sizes)
{
    char *config = slim_test_tiny_config(sizes);
    struct slim_model_info *info = slim_test_plan(config, NULL, &diag);
    free(config);
    return slim_shape_copy(info->shape, diag.arena);
}

static size_t axis_of(const struct slim_arch *arch, const char *name)
{
    for (size_t a = 0; a < arch->axis_count; a++)
        if (strcmp(arch->axes[a].name, name) == 0)
            return a;
    fail_msg("no axis %s", name);
    return 0;
}

static void cut(struct slim_shape *shape, size_t first, size_t end,
                size_t heads, size_t hidden)
{
    const struct slim_arch *arch = shape->arch;
    size_t kv = axis_of(arch, "kv"), mlp = axis_of(arch, "mlp");
    for (size_t l = first; l < end; l++) {
        shape->sizes[l * arch->axis_count + kv] -= heads;
        shape->sizes[l * arch->axis_count + mlp] -= hidden;
    }
}

/* SliceGPT per block: all sites but the last; or per model: every site. */
static void slice_blocks(struct slim_shape *shape, size_t width)
{
    for (size_t s = 0; s + 1 < shape->arch->site_count; s++)
        shape->sites[s] = width;
    shape->shortcuts = shape->folded = shape->untied = true;
    shape->divisor = shape->sites[shape->arch->site_count - 1];
}

static void slice_model(struct slim_shape *shape, size_t width)
{
    for (size_t s = 0; s < shape->arch->site_count; s++)
        shape->sites[s] = width;
}

static void block_pruning_counts(void **state)
{
    (void)state;
    struct slim_shape *shape = dense(&llama_7b);
    assert_int_equal(slim_shape_params(shape), 6738415616);
    assert_int_equal(slim_shape_bytes(shape), 13476831232);
    struct slim_shape *pruned = slim_shape_copy(shape, diag.arena);
    cut(pruned, 4, 30, 8, 2752);
    assert_int_equal(slim_shape_params(pruned), 5422977024);
    struct slim_shape *half = slim_shape_copy(shape, diag.arena);
    cut(half, 3, 31, 19, 6605);
    assert_int_equal(slim_shape_params(half), 3350188032);
    assert_false(slim_shape_equal(shape, half));
    struct slim_shape *grouped = dense(&llama3_8b);
    assert_int_equal(slim_shape_params(grouped), 8030261248);
    cut(grouped, 4, 30, 2, 3584);
    assert_int_equal(slim_shape_params(grouped), 6612586496);
}

static void slicing_counts(void **state)
{
    (void)state;
    struct slim_shape *shape = dense(&llama_7b);
    struct slim_shape *blocks = slim_shape_copy(shape, diag.arena);
    slice_blocks(blocks, 3072);
    assert_int_equal(slim_shape_params(blocks), 5704777728);
    slice_blocks(blocks, 3680);
    assert_int_equal(slim_shape_params(blocks), 6939941888);
    slice_model(shape, 3072);
    assert_int_equal(slim_shape_params(shape), 5053811712);
    struct slim_shape *large = dense(&llama2_70b);
    slice_blocks(large, 6144);
    assert_int_equal(slim_shape_params(large), 57908133888);
}

#define LLAMA(width, layers, heads, kv, hidden, vocab)                         \
    "{\"model_type\":\"llama\",\"hidden_size\":" #width                        \
    ",\"num_hidden_layers\":" #layers ",\"num_attention_heads\":" #heads       \
    ",\"num_key_value_heads\":" #kv ",\"intermediate_size\":" #hidden          \
    ",\"vocab_size\":" #vocab "}"
#define OPT(width, layers, heads, hidden)                                      \
    "{\"model_type\":\"opt\",\"hidden_size\":" #width                          \
    ",\"num_hidden_layers\":" #layers ",\"num_attention_heads\":" #heads       \
    ",\"ffn_dim\":" #hidden ",\"vocab_size\":50272,"                           \
    "\"max_position_embeddings\":2048}"
#define PHI_2                                                                  \
    "{\"model_type\":\"phi\",\"num_hidden_layers\":32,\"hidden_size\":2560,"   \
    "\"num_attention_heads\":32,\"intermediate_size\":10240,"                  \
    "\"vocab_size\":51200,\"max_position_embeddings\":2048}"

/* Every row of the reference's table 1.10: with norms folded, whole and at the
 * width that is kept. */
static void counts_of_the_table(void **state)
{
    static const struct {
        const char *config;
        size_t width;
        uint64_t folded, sliced;
    } rows[] = {
        { LLAMA(4096, 32, 32, 32, 11008, 32000), 3680, 6738149376, 6939941888 },
        { LLAMA(4096, 32, 32, 32, 11008, 32000), 3272, 6738149376, 6105940928 },
        { LLAMA(4096, 32, 32, 32, 11008, 32000), 3072, 6738149376, 5704777728 },
        { LLAMA(4096, 32, 32, 32, 11008, 32000), 2864, 6738149376, 5292914432 },
        { LLAMA(5120, 40, 40, 40, 13824, 32000), 3840, 13015449600,
          11004805120 },
        { LLAMA(8192, 80, 64, 8, 28672, 32000), 6144, 68975329280,
          57908133888 },
        { LLAMA(8192, 80, 64, 8, 28672, 32000), 5728, 68975329280,
          53642050560 },
        { LLAMA(4096, 32, 32, 8, 14336, 128256), 3072, 8029995008, 6775635968 },
        { OPT(768, 12, 12, 3072), 608, 163860064, 147250880 },
        { OPT(768, 12, 12, 3072), 576, 163860064, 141239200 },
        { OPT(4096, 32, 32, 16384), 3072, 6863905888, 5823553632 },
        { OPT(9216, 64, 72, 36864), 6912, 66180680800, 55968539488 },
        { PHI_2, 2048, 2779514880, 2391772160 },
        { PHI_2, 1920, 2779514880, 2244947200 },
        { PHI_2, 1792, 2779514880, 2099138048 },
    };
    (void)state;
    for (size_t r = 0; r < SLIM_COUNT(rows); r++) {
        struct slim_model_info *info =
            slim_test_plan(rows[r].config, NULL, &diag);
        struct slim_shape *shape = slim_shape_copy(info->shape, diag.arena);
        shape->folded = shape->untied = true;
        assert_int_equal(slim_shape_params(shape), rows[r].folded);
        slice_blocks(shape, rows[r].width);
        assert_int_equal(slim_shape_params(shape), rows[r].sliced);
    }
}

static void a_tied_head_counts_once(void **state)
{
    (void)state;
    struct slim_shape *shape = dense(&smollm2);
    assert_true(shape->arch->tied);
    assert_int_equal(shape->arch->site_count, 61);
    assert_int_equal(slim_shape_params(shape), 134515008);
    slice_blocks(shape, 432);
    assert_int_equal(slim_shape_params(shape), 140652288);
}

/* Published counts of models that the trial families describe. */
static void other_families_count_right(void **state)
{
    (void)state;
    char *opt = slim_test_source("compiler/families/opt.yaml");
    char *phi = slim_test_source("compiler/families/phi.yaml");
    struct slim_model_info *info = slim_test_plan(
        "{\"model_type\":\"opt\",\"num_hidden_layers\":12,\"hidden_size\":768,"
        "\"num_attention_heads\":12,\"ffn_dim\":3072,\"vocab_size\":50272,"
        "\"max_position_embeddings\":2048}",
        opt, &diag);
    struct slim_shape *shape = slim_shape_copy(info->shape, diag.arena);
    assert_int_equal(slim_shape_params(shape), 125239296);
    slice_blocks(shape, 608);
    assert_int_equal(slim_shape_params(shape), 147250880);
    info = slim_test_plan(
        "{\"model_type\":\"phi\",\"num_hidden_layers\":32,\"hidden_size\":2560,"
        "\"num_attention_heads\":32,\"intermediate_size\":10240,"
        "\"vocab_size\":51200,\"max_position_embeddings\":2048}",
        phi, &diag);
    shape = slim_shape_copy(info->shape, diag.arena);
    assert_int_equal(shape->arch->site_count, 33);
    assert_int_equal(slim_shape_params(shape), 2779683840);
    slice_blocks(shape, 2048);
    assert_int_equal(slim_shape_params(shape), 2391772160);
    free(opt);
    free(phi);
}

/* LLM-Pruner's table prints two decimals of 10^9. */
static void near_macs(const struct slim_shape *shape, double want)
{
    double have = (double)slim_shape_macs(shape, 64) / 1e9;
    if (fabs(have - want) > 0.00501)
        fail_msg("%.4f G, not %.2f G", have, want);
}

static void macs_are_those_of_the_table(void **state)
{
    (void)state;
    struct slim_shape *shape = dense(&llama_7b);
    near_macs(shape, 424.02);
    struct slim_shape *pruned = slim_shape_copy(shape, diag.arena);
    cut(pruned, 4, 30, 8, 2752);
    near_macs(pruned, 339.60);
    pruned = slim_shape_copy(shape, diag.arena);
    cut(pruned, 3, 31, 19, 6605);
    near_macs(pruned, 206.59);
    slice_model(shape, 3276);
    near_macs(shape, 339.36);
    slice_model(shape, 2048);
    near_macs(shape, 212.58);
}

/* config.json of a model that slimc made, and the model opened again. */
static enum slim_status reopen(struct slim_model_info **out, json_t *slimc)
{
    struct slim_tiny_sizes sizes = smollm2;
    char *folder = slim_test_directory();
    char *text = json_dumps(slimc, JSON_COMPACT);
    char *more = malloc(strlen(text) + 32);
    (void)sprintf(more, "\"slimc\": %s,", text);
    sizes.type = "slimc";
    sizes.more = more;
    char *config = slim_test_tiny_config(&sizes);
    struct slim_tiny tiny = { .config = config, .hollow = true };
    slim_test_tiny(folder, &tiny);
    enum slim_status status = slim_test_open(out, folder, &diag);
    free(text);
    free(more);
    free(config);
    slim_test_directory_remove(folder);
    return status;
}

static void shapes_survive_json(void **state)
{
    (void)state;
    struct slim_model_info *info = NULL;
    struct slim_shape *shape = dense(&smollm2);
    cut(shape, 3, 28, 1, 599);
    slice_blocks(shape, 432);
    shape->sites[7] = 430;
    json_t *slimc = slim_shape_to_json(shape);
    assert_int_equal(reopen(&info, slimc), SLIM_OK);
    assert_string_equal(info->arch->family, "llama");
    assert_string_equal(info->arch->model_type, "llama");
    assert_int_equal(slim_shape_params(info->shape), slim_shape_params(shape));
    json_t *again = slim_shape_to_json(info->shape);
    assert_true(json_equal(slimc, again));
    const struct slim_node *add =
        &info->arch->nodes[info->arch->layer_first[1] - 1];
    const struct slim_tensor *shortcut = add->slots[SLIM_ADD_SHORTCUT];
    assert_string_equal(shortcut->name, "model.layers.0.mlp_shortcut_Q");
    assert_non_null(shortcut->disk);
    json_decref(again);
    json_decref(slimc);
}

static void stock_classes_are_chosen(void **state)
{
    (void)state;
    bool second = true;
    struct slim_shape *shape = dense(&llama_7b);
    assert_true(slim_shape_stock(&second, shape));
    assert_false(second);
    cut(shape, 0, 32, 8, 2752);
    assert_true(slim_shape_stock(&second, shape));
    assert_true(second);
    json_t *config = json_object();
    assert_int_equal(slim_shape_config(config, shape, true, &diag), SLIM_OK);
    assert_int_equal(
        json_integer_value(json_object_get(config, "num_attention_heads")), 24);
    assert_int_equal(json_integer_value(json_object_get(config, "head_dim")),
                     128);
    assert_int_equal(
        json_integer_value(json_object_get(config, "intermediate_size")), 8256);
    assert_true(json_is_null(json_object_get(config, "sliding_window")));
    json_decref(config);
    cut(shape, 3, 4, 1, 0);
    assert_false(slim_shape_stock(&second, shape));
    assert_string_equal(slim_shape_why_remote(shape),
                        "its layers differ or carry shortcuts");
}

/* Its class came with the model, not with transformers: a stock config.json
 * would name a class that nobody has. */
static void without_a_class_code_is_saved(void **state)
{
    (void)state;
    bool second = true;
    struct slim_tiny_sizes sizes = llama_7b;

    sizes.type = "baichuan";
    sizes.more = "\"max_position_embeddings\": 4096,";
    struct slim_shape *shape = dense(&sizes);
    assert_false(slim_shape_stock(&second, shape));
    assert_string_equal(slim_shape_why_remote(shape),
                        "transformers has no class for the family");
}

static void norms_keep_their_divisor(void **state)
{
    (void)state;
    struct slim_shape *shape = dense(&llama_7b);
    slice_model(shape, 3072);
    shape->divisor = 4096;
    json_t *config = json_object();
    assert_int_equal(slim_shape_config(config, shape, false, &diag), SLIM_OK);
    assert_true(
        slim_test_near(json_real_value(json_object_get(config, "rms_norm_eps")),
                       1e-6 * 4096 / 3072, 1e-12, 0));
    assert_int_equal(json_integer_value(json_object_get(config, "hidden_size")),
                     3072);
    json_decref(config);
}

/* ---- dimensions ---- */

static const struct slim_tensor *slot(const struct slim_arch *arch,
                                      const char *name)
{
    for (size_t t = 0; t < arch->tensor_count; t++)
        if (strcmp(arch->tensors[t].slot, name) == 0)
            return &arch->tensors[t];
    fail_msg("no slot %s", name);
    return NULL;
}

struct part {
    size_t start, stride, length;
};

static void has_part(const struct slim_shape *shape, const char *label,
                     struct part want)
{
    const struct slim_tensor *qkv = slot(shape->arch, "qkv");
    struct part have = { 0, 0, 0 };
    assert_true(slim_tensor_part(&have.start, &have.stride, &have.length, shape,
                                 qkv, 0, label, axis_of(shape->arch, "kv")));
    assert_int_equal(have.start, want.start);
    assert_int_equal(have.stride, want.stride);
    assert_int_equal(have.length, want.length);
}

static void fused_rows_have_parts(void **state)
{
    (void)state;
    char *phi3 = slim_test_source("compiler/families/phi3.yaml");
    char *bloom = slim_test_source("compiler/families/bloom.yaml");
    struct slim_model_info *info = slim_test_plan(
        "{\"model_type\":\"phi3\",\"num_hidden_layers\":1,\"hidden_size\":64,"
        "\"num_attention_heads\":4,\"num_key_value_heads\":2,"
        "\"intermediate_size\":24,\"vocab_size\":16,"
        "\"max_position_embeddings\":64}",
        phi3, &diag);
    has_part(info->shape, "q", (struct part){ 0, 32, 32 });
    has_part(info->shape, "k", (struct part){ 64, 16, 16 });
    has_part(info->shape, "v", (struct part){ 96, 16, 16 });
    const struct slim_arch *arch = info->arch;
    size_t units[128];
    slim_tensor_units(units, info->shape, slot(arch, "qkv"), 0,
                      axis_of(arch, "kv"));
    assert_int_equal(units[31], 0);
    assert_int_equal(units[32], 1);
    assert_int_equal(units[79], 0);
    assert_int_equal(units[80], 1);
    assert_int_equal(units[127], 1);
    slim_tensor_units(units, info->shape, slot(arch, "gate_up"), 0,
                      axis_of(arch, "mlp"));
    assert_int_equal(units[23], 23);
    assert_int_equal(units[24], 0);
    struct slim_heads heads =
        slim_node_heads(info->shape, slot(arch, "o")->node);
    assert_int_equal(heads.kv, 2);
    assert_int_equal(heads.rep, 2);
    assert_int_equal(heads.dim, 16);
    info = slim_test_plan(
        "{\"model_type\":\"bloom\",\"n_layer\":1,\"hidden_size\":64,"
        "\"n_head\":4,\"vocab_size\":16}",
        bloom, &diag);
    has_part(info->shape, "q", (struct part){ 0, 48, 16 });
    has_part(info->shape, "v", (struct part){ 32, 48, 16 });
    slim_tensor_units(units, info->shape, slot(info->arch, "o"), 1,
                      axis_of(info->arch, "kv"));
    assert_int_equal(units[15], 0);
    assert_int_equal(units[16], 1);
    free(phi3);
    free(bloom);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(block_pruning_counts),          TEST(slicing_counts),
        TEST(counts_of_the_table),           TEST(a_tied_head_counts_once),
        TEST(other_families_count_right),    TEST(macs_are_those_of_the_table),
        TEST(shapes_survive_json),           TEST(stock_classes_are_chosen),
        TEST(without_a_class_code_is_saved), TEST(norms_keep_their_divisor),
        TEST(fused_rows_have_parts),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
