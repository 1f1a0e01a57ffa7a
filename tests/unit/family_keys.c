/* family_keys.c - keys of config.json that mean the same: read, and written again
 * for the versions of transformers that know only one of them */
#include "compiler/ir/family.h"

#include "tests/place.h"
#include "tests/tiny.h"

#include <string.h>

#define MODEL(type, more)                                                      \
    "{\"model_type\":\"" type "\",\"hidden_size\":32,\"vocab_size\":40,"       \
    "\"intermediate_size\":24,\"num_hidden_layers\":1,"                        \
    "\"num_attention_heads\":2,\"max_position_embeddings\":64," more "}"

static const struct {
    const char *config, *says; /* NULL: it is read */
} pairs[] = {
    { MODEL("llama", "\"rope_parameters\":{\"rope_theta\":5},"
                     "\"rope_theta\":7"),
      "\"rope_theta\" mean" },
    { MODEL("llama", "\"rope_parameters\":{\"rope_theta\":5},"
                     "\"rope_theta\":5.0"),
      NULL },
    { MODEL("llama", "\"rope_scaling\":{\"rope_type\":\"linear\","
                     "\"type\":\"default\",\"factor\":2}"),
      "\"rope_scaling.rope_type\" and \"rope_scaling.type\"" },
    /* two words for one thing */
    { MODEL("phi3", "\"original_max_position_embeddings\":64,"
                    "\"rope_parameters\":{\"rope_type\":\"longrope\","
                    "\"short_factor\":[1,1,1,1,1,1,1,1],"
                    "\"long_factor\":[1,1,1,1,1,1,1,1]},"
                    "\"rope_scaling\":{\"type\":\"su\"}"),
      NULL },
    { MODEL("phi3", "\"original_max_position_embeddings\":64,"
                    "\"rope_parameters\":{\"rope_type\":\"longrope\","
                    "\"short_factor\":[1,1,1,1,1,1,1,1],"
                    "\"long_factor\":[1,1,1,1,1,1,1,1]},"
                    "\"rope_scaling\":{\"short_factor\":[1,1]}"),
      "\"rope_parameters.short_factor\" and" },
    /* null says nothing */
    { MODEL("llama", "\"rope_theta\":5,\"rope_parameters\":{"
                     "\"rope_theta\":null}"),
      NULL },
    { MODEL("llama", "\"rope_parameters\":{\"rope_theta\":5},"
                     "\"rope_theta\":\"5\""),
      "a number was expected" },
};

static void check_pair(const char *config_text, const char *wanted)
{
    struct slim_source source = { "config.json", config_text,
                                  strlen(config_text) };
    struct slim_config *config = NULL;
    struct slim_family *family = NULL;
    struct slim_span nowhere = { 0 };
    json_t *root = NULL;
    char *file = slim_test_source(strstr(config_text, "phi3")
                                      ? "compiler/families/phi3.yaml"
                                      : "compiler/families/llama.yaml");

    slim_place_clear();
    assert_int_equal(slim_json_parse(&root, &source, &slim_place.diag),
                     SLIM_OK);
    assert_int_equal(slim_family_load(&family, file, nowhere, &slim_place.diag),
                     SLIM_OK);
    enum slim_status status =
        slim_config_read(&config, family, root, &source, &slim_place.diag);
    char *shown = slim_test_diag(&slim_place.diag);
    if (wanted == NULL ? status != SLIM_OK : strstr(shown, wanted) == NULL)
        fail_msg("%s: %s", config_text, shown);
    free(shown);
    free(file);
    json_decref(root);
}

static void two_keys_have_to_agree(void **state)
{
    (void)state;
    for (size_t p = 0; p < SLIM_COUNT(pairs); p++)
        check_pair(pairs[p].config, pairs[p].says);
}

/* What config.json is saved with beside the keys that it had. */
static void check_saved(const char *text, const char *wanted)
{
    struct slim_model_info *info = slim_test_plan(text, NULL, &slim_place.diag);
    json_t *config = json_loads(text, 0, NULL), *old = json_deep_copy(config);
    json_t *want = json_loads(wanted, 0, NULL), *value;
    const char *key;

    assert_non_null(want);
    assert_int_equal(
        slim_shape_config(config, info->shape, false, &slim_place.diag),
        SLIM_OK);
    json_object_foreach(want, key, value)
    {
        if (!json_equal(json_object_get(config, key), value))
            fail_msg("%s: %s", key, json_dumps(config, JSON_COMPACT));
    }
    /* no key that was there is changed, but where it is wanted */
    json_object_foreach(old, key, value)
    {
        if (!json_object_get(want, key))
            assert_true(json_equal(json_object_get(config, key), value));
    }
    json_decref(want);
    json_decref(old);
    json_decref(config);
}

static void old_spellings_are_written_beside_the_new(void **state)
{
    (void)state;
    check_saved(MODEL("llama", "\"rope_parameters\":{\"rope_theta\":5.5,"
                               "\"rope_type\":\"llama3\",\"factor\":8,"
                               "\"low_freq_factor\":1,\"high_freq_factor\":4,"
                               "\"original_max_position_embeddings\":16}"),
                "{\"rope_theta\":5.5,\"rope_scaling\":{"
                "\"rope_type\":\"llama3\",\"factor\":8,\"low_freq_factor\":1,"
                "\"high_freq_factor\":4,"
                "\"original_max_position_embeddings\":16}}");
    check_saved(MODEL("phi", "\"rope_scaling\":null,\"rope_parameters\":{"
                             "\"rope_type\":\"linear\",\"rope_theta\":5.5,"
                             "\"partial_rotary_factor\":0.25,\"factor\":2}"),
                "{\"rope_theta\":5.5,\"partial_rotary_factor\":0.25,"
                "\"rope_scaling\":{\"rope_type\":\"linear\",\"factor\":2}}");
    /* three keys and no other: transformers 4 counts them */
    check_saved(MODEL("phi3", "\"original_max_position_embeddings\":16,"
                              "\"rope_parameters\":{\"rope_type\":\"longrope\","
                              "\"rope_theta\":5.5,"
                              "\"short_factor\":[1,1,1,1,1,1,1,1.5],"
                              "\"long_factor\":[2,2,2,2,2,2,2,2.5]}"),
                "{\"rope_theta\":5.5,\"rope_scaling\":{\"type\":\"longrope\","
                "\"short_factor\":[1,1,1,1,1,1,1,1.5],"
                "\"long_factor\":[2,2,2,2,2,2,2,2.5]}}");
}

static void keys_without_a_value_stay(void **state)
{
    (void)state;
    check_saved(MODEL("llama", "\"rope_theta\":7.5,\"rope_scaling\":{"
                               "\"rope_type\":\"linear\",\"factor\":2.5}"),
                "{}");
    check_saved(MODEL("phi", "\"rope_theta\":7.5,\"rope_scaling\":null"), "{}");
    /* a word that newer versions do not know */
    check_saved(MODEL("phi3", "\"rope_theta\":7.5,"
                              "\"original_max_position_embeddings\":16,"
                              "\"rope_scaling\":{\"type\":\"su\","
                              "\"short_factor\":[1,1,1,1,1,1,1,1.5],"
                              "\"long_factor\":[2,2,2,2,2,2,2,2.5]}"),
                "{\"rope_scaling\":{\"type\":\"longrope\","
                "\"short_factor\":[1,1,1,1,1,1,1,1.5],"
                "\"long_factor\":[2,2,2,2,2,2,2,2.5]}}");
}

int main(void)
{
#define TEST(name)                                                             \
    cmocka_unit_test_setup_teardown(name, slim_place_set_up,                   \
                                    slim_place_tear_down)
    const struct CMUnitTest tests[] = {
        TEST(two_keys_have_to_agree),
        TEST(old_spellings_are_written_beside_the_new),
        TEST(keys_without_a_value_stay),
    };
#undef TEST

    return cmocka_run_group_tests(tests, NULL, NULL);
}
