/* family_variants.c - one model_type, described by more than one file */
#include "compiler/ir/describe.h"
#include "tests/place.h"
#include "tests/tiny.h"

#include <string.h>

static const char post_norm_text[] =
    "{\"model_type\":\"opt\",\"do_layer_norm_before\":false,"
    "\"num_hidden_layers\":2,\"hidden_size\":16,\"ffn_dim\":24,"
    "\"word_embed_proj_dim\":8,\"num_attention_heads\":2,\"vocab_size\":40,"
    "\"max_position_embeddings\":32}";

/* One model_type, two graphs: a key of config.json tells which file it is. */
static void a_variant_describes_the_model(void **state)
{
    (void)state;
    char *family = slim_test_source("compiler/families/opt_post_norm.yaml");
    struct slim_model_info *info =
        slim_test_plan(post_norm_text, family, &slim_place.diag);
    free(family);
    assert_string_equal(info->arch->family, "opt-post-norm");
    assert_string_equal(info->arch->model_type, "opt");
    const struct slim_node *embedding = &info->arch->nodes[0];
    const struct slim_tensor *project =
        embedding->slots[SLIM_EMBEDDING_PROJECT];
    assert_int_equal(slim_tensor_size(info->shape, project, 0), 16);
    assert_int_equal(slim_tensor_size(info->shape, project, 1), 8);
    assert_true(project->linear);
    assert_true(slim_tensor_is_table(embedding->slots[SLIM_EMBEDDING_WEIGHT]));
}

static void opens_with(const char *first, const char *second, const char *code)
{
    struct slim_model_info *info = NULL;
    struct slim_span at = { 0 };
    char *config = slim_test_join(slim_place.folder, "config.json");
    char *file = slim_test_join(slim_place.folder, "opt.yaml");
    char *other = slim_test_join(slim_place.folder, "other.yaml");

    slim_test_puts(config, post_norm_text);
    slim_test_puts(file, first);
    slim_test_puts(other, second);
    slim_place.diag = (struct slim_diag){ .arena = slim_place.diag.arena };
    assert_int_equal(slim_model_describe(&info, slim_place.folder,
                                         slim_place.folder, at,
                                         &slim_place.diag),
                     SLIM_FAILED);
    if (strcmp(slim_place.diag.first->code, code) != 0)
        fail_msg("%s, not %s", slim_place.diag.first->code, code);
    free(other);
    free(file);
    free(config);
}

static void variants_end(void **state)
{
    (void)state;
    char *path = slim_test_source("compiler/families/opt.yaml");
    char *text = slim_test_read(path, NULL);
    char *other = slim_test_replaced(text, "opt_post_norm.yaml", "other.yaml");
    char *back = slim_test_replaced(text, "opt_post_norm.yaml", "opt.yaml");
    char *absent =
        slim_test_replaced(text, "opt_post_norm.yaml", "absent.yaml");
    char *stranger =
        slim_test_replaced(text, "model_types: [opt]", "model_types: [o]");
    char *keys = slim_test_replaced(text, "where:", "when:");
    char *list = slim_test_replaced(text, "before: false }", "before: [1] }");

    opens_with(other, back, "F336");
    opens_with(absent, back, "I001");
    opens_with(other, stranger, "F381");
    opens_with(keys, back, "F005");
    opens_with(list, back, "F302");
    free(list);
    free(keys);
    free(stranger);
    free(absent);
    free(back);
    free(other);
    free(text);
    free(path);
}

int main(void)
{
#define TEST(name)                                                             \
    cmocka_unit_test_setup_teardown(name, slim_place_set_up,                   \
                                    slim_place_tear_down)
    const struct CMUnitTest tests[] = {
        TEST(a_variant_describes_the_model),
        TEST(variants_end),
    };
#undef TEST

    return cmocka_run_group_tests(tests, NULL, NULL);
}
