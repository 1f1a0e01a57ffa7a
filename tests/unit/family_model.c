/* family_model.c - config.json and headers held against a family */
#include "compiler/ir/family.h"

#include "base/text.h"
#include "tests/place.h"
#include "tests/tiny.h"

#include <math.h>
#include <string.h>

/* ---- models ---- */

static const char config_text[] =
    "{\n"
    "  \"model_type\": \"llama\",\n"
    "  \"architectures\": [\"LlamaForCausalLM\"],\n"
    "  \"hidden_size\": 16,\n"
    "  \"intermediate_size\": 24,\n"
    "  \"num_hidden_layers\": 2,\n"
    "  \"num_attention_heads\": 4,\n"
    "  \"num_key_value_heads\": 2,\n"
    "  \"vocab_size\": 32,\n"
    "  \"hidden_act\": \"silu\",\n"
    "  \"bos_token_id\": 1,\n"
    "  \"eos_token_id\": [2, 3],\n"
    "  \"rope_scaling\": null,\n"
    "  \"tie_word_embeddings\": false\n"
    "}\n";

static enum slim_status open_with(struct slim_model_info **out,
                                  const char *config, struct slim_tiny tiny)
{
    char *path = slim_test_join(slim_place.folder, "config.json");
    tiny.config = config_text;
    slim_test_tiny(slim_place.folder, &tiny);
    slim_test_puts(path, config);
    slim_place_clear();
    free(path);
    return slim_test_open(out, slim_place.folder, &slim_place.diag);
}

/* A config.json that is changed after the tensors were written. */
static void refuses_config(const char *part, const char *by, const char *code,
                           const char *says)
{
    struct slim_model_info *info = NULL;
    char *config = slim_test_replaced(config_text, part, by);
    if (open_with(&info, config, (struct slim_tiny){ .hollow = true }) ==
        SLIM_OK)
        fail_msg("accepted: %s", by);
    char *shown = slim_test_diag(&slim_place.diag);
    if (strcmp(slim_place.diag.first->code, code) != 0 ||
        strstr(shown, says) == NULL)
        fail_msg("for %s: %s", by, shown);
    free(shown);
    free(config);
}

static void configs_are_held_against_the_family(void **state)
{
    (void)state;
    refuses_config("{\n", "[\n", "F001", "config.json");
    refuses_config("\"llama\"", "\"lama\"", "F380", "lama");
    refuses_config("\"llama\"", "3", "F350", "model_type");
    refuses_config("  \"hidden_size\": 16,\n", "", "F350", "hidden_size");
    refuses_config("\"hidden_size\": 16", "\"hidden_size\": null", "F350",
                   "hidden_size");
    refuses_config("\"hidden_size\": 16", "\"hidden_size\": \"16\"", "F351",
                   "whole number");
    refuses_config("\"hidden_size\": 16", "\"hidden_size\": 16.5", "F351",
                   "16.5");
    refuses_config("\"hidden_size\": 16", "\"hidden_size\": 0", "F351", "0");
    refuses_config("\"num_hidden_layers\": 2", "\"num_hidden_layers\": 5000000",
                   "F356", "5000000");
    refuses_config("false", "\"no\"", "F351", "true or false");
    refuses_config("\"silu\"", "\"mish\"", "F352", "mish");
    refuses_config("\"rope_scaling\": null",
                   "\"rope_scaling\": {\"type\": \"yarn\"}", "F352", "yarn");
    refuses_config("\"rope_scaling\": null",
                   "\"rope_scaling\": {\"type\": \"linear\"}", "F350",
                   "factor");
    refuses_config("\"num_key_value_heads\": 2", "\"num_key_value_heads\": 3",
                   "F353", "4 heads cannot share 3");
    refuses_config("\"rope_scaling\": null",
                   "\"quantization_config\": {\"a\":1}", "F354", "quantised");
}

static void headers_are_held_against_the_config(void **state)
{
    (void)state;
    refuses_config("\"intermediate_size\": 24", "\"intermediate_size\": 20",
                   "F361", "[24, 16] where config.json makes it [20, 16]");
    refuses_config("\"num_hidden_layers\": 2", "\"num_hidden_layers\": 3",
                   "F360", "model.layers.2.");
    refuses_config("\"num_hidden_layers\": 2", "\"num_hidden_layers\": 1",
                   "F364", "model.layers.1.");
    struct slim_model_info *info = NULL;
    struct slim_tiny tiny = { .skip = "model.norm.weight", .hollow = true };
    assert_int_equal(open_with(&info, config_text, tiny), SLIM_FAILED);
    assert_string_equal(slim_place.diag.first->code, "F360");
    tiny = (struct slim_tiny){ .extra = "model.other", .hollow = true };
    assert_int_equal(open_with(&info, config_text, tiny), SLIM_FAILED);
    assert_string_equal(slim_place.diag.first->code, "F364");
    tiny = (struct slim_tiny){ .dtype = SLIM_DTYPE_I8, .hollow = true };
    assert_int_equal(open_with(&info, config_text, tiny), SLIM_FAILED);
    assert_string_equal(slim_place.diag.first->code, "F362");
}

static void known_extras_are_passed_over(void **state)
{
    (void)state;
    struct slim_model_info *info = NULL;
    struct slim_tiny tiny = {
        .extra = "model.layers.1.self_attn.rotary_emb.inv_freq", .hollow = true
    };
    assert_int_equal(open_with(&info, config_text, tiny), SLIM_OK);
    assert_int_equal(info->arch->bos, 1);
    assert_int_equal(info->arch->eos, 2);
    assert_int_equal(info->arch->context, 2048);
    assert_int_equal(info->arch->dtype, SLIM_DTYPE_F32);
    assert_int_equal(slim_place.diag.warnings, 0);
    /* a second copy of a tied head is not read, which is said */
    char *tied = slim_test_replaced(config_text, "false", "true");
    assert_int_equal(open_with(&info, tied, (struct slim_tiny){ .seed = 1 }),
                     SLIM_OK);
    assert_int_equal(slim_place.diag.warnings, 1);
    assert_string_equal(slim_place.diag.first->code, "F363");
    free(tied);
}

static void unknown_keys_are_warned_of(void **state)
{
    (void)state;
    struct slim_model_info *info = NULL;
    char *config =
        slim_test_replaced(config_text, "\"rope_scaling\": null",
                           "\"logit_softcap\": 30, \"a\": null, \"b\": false,"
                           "\"rope_scaling\": {\"rope_type\": \"linear\","
                           "\"factor\": 2, \"twist\": 1}");
    assert_int_equal(
        open_with(&info, config, (struct slim_tiny){ .hollow = true }),
        SLIM_OK);
    assert_int_equal(slim_place.diag.warnings, 2);
    char *shown = slim_test_diag(&slim_place.diag);
    assert_non_null(strstr(shown, "\"logit_softcap\""));
    assert_non_null(strstr(shown, "\"rope_scaling.twist\""));
    free(shown);
    free(config);
}

static const struct slim_node *attention(const struct slim_model_info *info,
                                         size_t layer)
{
    for (size_t n = info->arch->layer_first[layer];; n++)
        if (info->arch->nodes[n].kind == SLIM_BLOCK_ATTENTION)
            return &info->arch->nodes[n];
}

static const struct slim_node *attention_with(const char *scaling)
{
    struct slim_model_info *info = NULL;
    char *config =
        slim_test_replaced(config_text, "\"rope_scaling\": null", scaling);
    enum slim_status status =
        open_with(&info, config, (struct slim_tiny){ .hollow = true });
    slim_diag_print(&slim_place.diag, stderr, false);
    assert_int_equal(status, SLIM_OK);
    free(config);
    return attention(info, 1);
}

/* All the spellings of a rotary setting that configs have had. */
static void rotary_settings_are_read(void **state)
{
    (void)state;
    const struct slim_node *node = attention_with("\"rope_scaling\": null");
    assert_true(node->settings[SLIM_ATTENTION_THETA] == 10000);
    assert_true(node->settings[SLIM_ATTENTION_SCALING] == SLIM_SCALING_NONE);
    node = attention_with("\"rope_theta\": 5e5, \"rope_scaling\": "
                          "{\"type\": \"linear\", \"factor\": 2.5}");
    assert_true(node->settings[SLIM_ATTENTION_THETA] == 5e5);
    assert_true(node->settings[SLIM_ATTENTION_SCALING] == SLIM_SCALING_LINEAR);
    assert_true(node->settings[SLIM_ATTENTION_FACTOR] == 2.5);
    node = attention_with(
        "\"rope_parameters\": {\"rope_theta\": 5e5, \"rope_type\": \"llama3\","
        "\"factor\": 8.0, \"low_freq_factor\": 1.0, \"high_freq_factor\": 4.0,"
        "\"original_max_position_embeddings\": 4096}");
    assert_true(node->settings[SLIM_ATTENTION_THETA] == 5e5);
    assert_true(node->settings[SLIM_ATTENTION_SCALING] ==
                SLIM_SCALING_WAVELENGTH);
    assert_true(node->settings[SLIM_ATTENTION_FACTOR] == 8);
    assert_true(node->settings[SLIM_ATTENTION_ORIGINAL] == 4096);
    node = attention_with("\"rope_parameters\": {\"rope_type\": \"default\"}");
    assert_true(node->settings[SLIM_ATTENTION_SCALING] == SLIM_SCALING_NONE);
}

/* The lists of a config reach the settings of the block. */
static void lists_are_read(void **state)
{
    (void)state;
    static const char more[] =
        "\"original_max_position_embeddings\": 64, "
        "\"max_position_embeddings\": 512, \"rope_scaling\": "
        "{\"type\": \"su\", \"short_factor\": [1, 1.5], "
        "\"long_factor\": [2.5, 4]},";
    struct slim_tiny_sizes sizes = { "phi3", 2, 16, 4, 2, 0, 24, 32, 0, more };
    char *config = slim_test_tiny_config(&sizes);
    struct slim_model_info *info =
        slim_test_plan(config, NULL, &slim_place.diag);
    const struct slim_node *node = attention(info, 1);
    assert_true(node->settings[SLIM_ATTENTION_SCALING] ==
                SLIM_SCALING_LONGROPE);
    assert_true(node->settings[SLIM_ATTENTION_SHORT] == 2);
    assert_true(node->lists[SLIM_ATTENTION_SHORT][1] == 1.5);
    assert_true(node->lists[SLIM_ATTENTION_LONG][0] == 2.5);
    assert_true(node->settings[SLIM_ATTENTION_ORIGINAL] == 64);
    /* sqrt(1 + ln(512 / 64) / ln(64)) = sqrt(1.5) */
    assert_true(fabs(node->settings[SLIM_ATTENTION_AMPLITUDE] -
                     1.224744871391589) < 1e-15);
    assert_true(node->settings[SLIM_ATTENTION_THETA] == 10000);
    free(config);
    /* without a scaling there are no lists, and nothing is amplified */
    sizes.more = NULL;
    config = slim_test_tiny_config(&sizes);
    node = attention(slim_test_plan(config, NULL, &slim_place.diag), 0);
    assert_null(node->lists[SLIM_ATTENTION_SHORT]);
    assert_true(node->settings[SLIM_ATTENTION_AMPLITUDE] == 1);
    free(config);
}

static double window_of(const char *type, const char *more, size_t layer)
{
    struct slim_tiny_sizes sizes = { type, 3, 16, 4, 2, 0, 24, 32, 0, more };
    char *config = slim_test_tiny_config(&sizes);
    struct slim_model_info *info =
        slim_test_plan(config, NULL, &slim_place.diag);
    free(config);
    return attention(info, layer)->settings[SLIM_ATTENTION_WINDOW];
}

static void windows_are_read(void **state)
{
    (void)state;
    assert_true(window_of("mistral", NULL, 0) == 4096);
    assert_true(window_of("mistral", "\"sliding_window\": null,", 0) == 0);
    assert_true(window_of("mistral", "\"sliding_window\": 16,", 2) == 16);
    assert_true(window_of("mistral",
                          "\"sliding_window\": 16, "
                          "\"transformers_version\": \"4.41.0\",",
                          2) == 17);
    assert_true(window_of("mistral",
                          "\"sliding_window\": 16, "
                          "\"transformers_version\": \"4.48.3\",",
                          2) == 16);
    assert_true(window_of("qwen2", "\"sliding_window\": 16,", 2) == 0);
    static const char used[] = "\"sliding_window\": 16, "
                               "\"use_sliding_window\": true, "
                               "\"max_window_layers\": 2,";
    assert_true(window_of("qwen2", used, 1) == 0);
    assert_true(window_of("qwen2", used, 2) == 16);
    static const char typed[] =
        "\"sliding_window\": 16, \"use_sliding_window\": true, "
        "\"layer_types\": [\"sliding_attention\", \"full_attention\", "
        "\"full_attention\"],";
    assert_true(window_of("qwen2", typed, 0) == 16);
    assert_true(window_of("qwen2", typed, 2) == 0);
}

static void optional_tensors_follow_flags(void **state)
{
    (void)state;
    struct slim_tiny_sizes sizes = {
        .type = "llama",
        .layers = 1,
        .width = 16,
        .heads = 2,
        .head_dim = 10,
        .hidden = 24,
        .vocab = 32,
        .more = "\"attention_bias\": true, \"mlp_bias\": true,",
    };
    char *config = slim_test_tiny_config(&sizes);
    struct slim_model_info *info =
        slim_test_plan(config, NULL, &slim_place.diag);
    assert_int_equal(slim_shape_params(info->shape),
                     2 * 32 * 16 + 3 * 16 + 4 * 20 * 16 + 3 * 20 + 16 +
                         3 * 16 * 24 + 2 * 24 + 16);
    assert_non_null(attention(info, 0)->slots[SLIM_ATTENTION_O_BIAS]);
    free(config);
}

static void names_may_lack_their_prefix(void **state)
{
    (void)state;
    struct slim_model_info *info = NULL;
    struct slim_tiny tiny = { .config = config_text, .hollow = true };
    char *path = slim_test_join(slim_place.folder, "model.safetensors");
    slim_test_tiny(slim_place.folder, &tiny);
    size_t count = 0;
    char *bytes = slim_test_read(path, &count);
    /* the same length, so that the header's stays right */
    for (size_t i = 8; i + 7 < count; i++)
        if (memcmp(bytes + i, "\"model.", 7) == 0)
            memcpy(bytes + i, "      \"", 7);
    slim_test_write(path, bytes, count);
    assert_int_equal(slim_test_open(&info, slim_place.folder, &slim_place.diag),
                     SLIM_OK);
    assert_string_equal(info->arch->tensors[0].name, "embed_tokens.weight");
    free(bytes);
    free(path);
}

static void a_pattern_that_matches_two_tensors_is_refused(void **state)
{
    (void)state;
    struct slim_model_info *info = NULL;
    struct slim_tiny tiny = { .extra = "embed_tokens.weight", .hollow = true };
    assert_int_equal(open_with(&info, config_text, tiny), SLIM_FAILED);
    assert_string_equal(slim_place.diag.first->code, "F365");
    assert_non_null(strstr(slim_place.diag.first->message,
                           "\"model.embed_tokens.weight\" and "
                           "\"embed_tokens.weight\""));
    assert_int_equal(slim_place.diag.errors, 1);
}

/* ---- the models given ---- */

static void given_models_open(void **state)
{
    (void)state;
    static const char *const models[] = {
        "models/tiny/llama-mha",
        "models/tiny/llama-gqa",
        "models/tiny/llama-rope-linear",
        "models/tiny/mistral",
        "models/tiny/qwen2",
        "models/stories260k",
    };
    for (size_t m = 0; m < SLIM_COUNT(models); m++) {
        struct slim_model_info *info = NULL;
        char *path = slim_test_need_shared(models[m]);
        enum slim_status status = slim_test_open(&info, path, &slim_place.diag);
        slim_diag_print(&slim_place.diag, stderr, false);
        assert_int_equal(status, SLIM_OK);
        assert_int_equal(slim_place.diag.warnings, 0);
        free(path);
    }
}

static void models_open(const char *const *models, size_t count,
                        const char *source)
{
    char *families = slim_test_source(source);

    for (size_t m = 0; m < count; m++) {
        struct slim_model_info *info = NULL;
        struct slim_span at = { 0 };
        char name[64];
        (void)snprintf(name, sizeof(name), "models/tiny/%s", models[m]);
        char *path = slim_test_need_shared(name);
        enum slim_status status =
            slim_model_open(&info, path, families, at, &slim_place.diag);
        slim_diag_print(&slim_place.diag, stderr, false);
        assert_int_equal(status, SLIM_OK);
        free(path);
    }
    free(families);
}

static void given_models_of_more_families_open(void **state)
{
    (void)state;
    static const char *const shipped[] = {
        "baichuan-13b", "baichuan-7b", "bloom", "chatglm-6b",   "gemma",
        "opt",          "phi",         "phi3",  "opt-350m-like"
    };
    static const char *const trials[] = { "gpt-neox", "gpt2" };
    models_open(shipped, SLIM_COUNT(shipped), "compiler/families");
    models_open(trials, SLIM_COUNT(trials), "tests/families");
}

#define PHI                                                                    \
    "{\"model_type\":\"phi\",\"num_hidden_layers\":1,\"hidden_size\":32,"      \
    "\"num_attention_heads\":2,\"intermediate_size\":24,\"vocab_size\":40,"    \
    "\"max_position_embeddings\":32,\"hidden_act\":\"silu\","

static void turns_as(const char *config)
{
    const struct slim_arch *arch =
        slim_test_plan(config, NULL, &slim_place.diag)->arch;
    const struct slim_node *attention = &arch->nodes[arch->layer_first[0] + 1];
    const double *settings = attention->settings;

    assert_int_equal(attention->kind, SLIM_BLOCK_ATTENTION);
    assert_true(settings[SLIM_ATTENTION_THETA] == 5000);
    assert_true(settings[SLIM_ATTENTION_ROTARY_DIM] == 4);
    assert_true(settings[SLIM_ATTENTION_SCALING] == SLIM_SCALING_LINEAR);
    assert_true(settings[SLIM_ATTENTION_FACTOR] == 2);
    assert_true(attention[1].settings[SLIM_MLP_ACT] == SLIM_ACT_SILU);
    assert_int_equal(slim_place.diag.warnings, 0);
}

/* transformers 4.x and 5.x write the same in other places. */
static void keys_of_both_ages_are_read(void **state)
{
    (void)state;
    turns_as(PHI "\"rope_theta\":5000,\"partial_rotary_factor\":0.25,"
                 "\"rope_scaling\":{\"type\":\"linear\",\"factor\":2}}");
    turns_as(PHI "\"rope_parameters\":{\"rope_theta\":5000,"
                 "\"partial_rotary_factor\":0.25,\"rope_type\":\"linear\","
                 "\"factor\":2}}");
}

int main(void)
{
#define TEST(name)                                                             \
    cmocka_unit_test_setup_teardown(name, slim_place_set_up,                   \
                                    slim_place_tear_down)
    const struct CMUnitTest tests[] = {
        TEST(configs_are_held_against_the_family),
        TEST(headers_are_held_against_the_config),
        TEST(known_extras_are_passed_over),
        TEST(unknown_keys_are_warned_of),
        TEST(rotary_settings_are_read),
        TEST(keys_of_both_ages_are_read),
        TEST(lists_are_read),
        TEST(windows_are_read),
        TEST(optional_tensors_follow_flags),
        TEST(names_may_lack_their_prefix),
        TEST(a_pattern_that_matches_two_tensors_is_refused),
        TEST(given_models_open),
        TEST(given_models_of_more_families_open),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
