/* family_examined.c - a family file that is held against a model */
#include "compiler/ir/family.h"

#include "base/text.h"
#include "tests/place.h"
#include "tests/tiny.h"

#include <string.h>

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

/* The shipped file with one word changed, held against the model that the shipped
 * one describes. The first error with `code` stands at `at`. */
static const struct slim_error *examined(const char *part, const char *by,
                                         const char *code, const char *at)
{
    struct slim_model_info *info = NULL;
    struct slim_family *family = NULL;
    struct slim_span nowhere = { 0 };
    struct slim_tiny tiny = { .config = config_text, .hollow = true };
    char *source = slim_test_source("compiler/families/llama.yaml");
    char *text = slim_test_read(source, NULL);
    char *path = slim_test_join(slim_place.folder, "f.yaml");
    while (strstr(text, part) != NULL) {
        char *changed = slim_test_replaced(text, part, by);
        free(text);
        text = changed;
    }
    slim_test_puts(path, text);
    slim_test_tiny(slim_place.folder, &tiny);
    slim_place_clear();
    assert_int_equal(slim_family_load(&family, path, nowhere, &slim_place.diag),
                     SLIM_OK);
    enum slim_status status = slim_family_open(&info, family, slim_place.folder,
                                               nowhere, &slim_place.diag);
    free(path);
    free(text);
    free(source);
    if (code == NULL) {
        assert_int_equal(status, SLIM_OK);
        return NULL;
    }
    assert_int_equal(status, SLIM_FAILED);
    const struct slim_error *error = slim_place.diag.first;
    while (error != NULL && strcmp(error->code, code) != 0)
        error = error->next;
    if (error == NULL) {
        fail_msg("no %s but %s", code, slim_place.diag.first->code);
        return NULL;
    }
    if (at != NULL && strncmp(error->span.source->text + error->span.begin, at,
                              strlen(at)) != 0)
        fail_msg("%s is said elsewhere", code);
    return error;
}

static size_t count_of(const char *code)
{
    size_t count = 0;
    for (const struct slim_error *e = slim_place.diag.first; e != NULL;
         e = e->next)
        count += strcmp(e->code, code) == 0;
    return count;
}

static void what_a_model_contradicts_is_said_at_the_line(void **state)
{
    (void)state;
    const struct slim_error *error = NULL;
    (void)examined("unit: token", "unit: word", NULL, NULL);
    error =
        examined("\"{layer}mlp.up_proj.weight\"", "\"{layer}mlp.w3.weight\"",
                 "F360", "\"{layer}mlp.w3.weight\"");
    assert_non_null(
        strstr(error->message, "\"model.layers.0.mlp.w3.weight\" is missing"));
    /* two layers, one mistake; what is left over shows its pattern */
    assert_int_equal(count_of("F360"), 1);
    assert_int_equal(count_of("F364"), 1);
    assert_non_null(strstr(slim_place.diag.last->message,
                           "\"model.layers.{i}.mlp.up_proj.weight\""));
    /* an axis that has another size elsewhere */
    error = examined("kv.dim", "kv.rep.dim", "F361", "[kv.rep.dim, stream]");
    assert_non_null(strstr(error->message, "[8, 16]"));
    assert_string_equal(error->hint,
                        "Its dimensions are kv (2).rep (2).dim (4) by stream.");
    assert_string_equal(error->notes->text,
                        "axis \"kv\" has size 2 in "
                        "\"model.layers.0.self_attn.q_proj.weight\"");
    assert_int_equal(count_of("F361"), 2);
    error = examined("model_types: [llama]", "model_types: [lama, x]", "F381",
                     "[lama, x]");
    assert_non_null(strstr(error->message, "\"llama\""));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(
            what_a_model_contradicts_is_said_at_the_line, slim_place_set_up,
            slim_place_tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
