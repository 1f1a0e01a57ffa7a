/* checkpoint.c - headers are believed as far as they add up */
#include "compiler/ir/checkpoint.h"

#include "base/file.h"
#include "base/text.h"
#include "tests/place.h"
#include "tests/tiny.h"

#include <inttypes.h>
#include <string.h>
#include <unistd.h>

/* ---- headers ---- */

static bool parses(const char *header, size_t length, uint64_t data)
{
    struct slim_source source = { "m.safetensors", NULL, 0 };
    struct slim_tensor_list list = { 0 };
    slim_place_clear();
    return slim_header_parse(&list, NULL, header, length, 8 + length + data, 0,
                             &source, &slim_place.diag) == SLIM_OK;
}

static void accepts(const char *header, uint64_t data)
{
    if (!parses(header, strlen(header), data))
        slim_diag_print(&slim_place.diag, stderr, false);
    assert_int_equal(slim_place.diag.errors, 0);
}

static void refuses(const char *header, uint64_t data, const char *code)
{
    if (parses(header, strlen(header), data))
        fail_msg("accepted: %s", header);
    assert_string_equal(slim_place.diag.first->code, code);
    assert_int_equal(slim_place.diag.errors, 1);
}

#define ONE(dtype, shape, begin, end)                                          \
    "{\"dtype\":\"" dtype "\",\"shape\":" shape ",\"data_offsets\":[" begin    \
    "," end "]}"

static void lawful_headers_are_read(void **state)
{
    (void)state;
    accepts("{}", 0);
    accepts("{}   \n", 0);
    accepts("  {\"a\":" ONE("F32", "[]", "0", "4") "}", 4);
    accepts("{\"a\":" ONE("F32", "[2,0,3]", "0", "0") "}", 0);
    accepts("{\"b\":" ONE("F16", "[2]", "4", "8") ",\"a\":" ONE("BF16", "[1,2]",
                                                                "0", "4") "}",
            8);
    accepts("{\"__metadata__\":{\"format\":\"pt\"}}", 0);
    accepts("{\"a\":" ONE("F4", "[2]", "0", "1") "}", 1);
    accepts("{\"a\":{\"dtype\":\"U8\",\"shape\":[],\"data_offsets\":[0,1],"
            "\"more\":[1]}}",
            1);
}

static void forged_headers_are_refused(void **state)
{
    (void)state;
    refuses("{", 0, "F203");
    refuses("", 0, "F203");
    refuses("[]", 0, "F203");
    refuses("\xff", 0, "F202");
    refuses("{\"a\":[[[[]]]]}", 0, "F204");
    refuses("{\"a\":1}", 0, "F206");
    refuses("{\"a\":{}}", 0, "F206");
    refuses("{\"a\":" ONE("F33", "[]", "0", "4") "}", 4, "F212");
    refuses("{\"a\":" ONE("F32", "[1.0]", "0", "4") "}", 4, "F206");
    refuses("{\"a\":" ONE("F32", "[-1]", "0", "4") "}", 4, "F206");
    refuses("{\"a\":" ONE("F32", "[1e0]", "0", "4") "}", 4, "F206");
    refuses("{\"a\":" ONE("F32", "[true]", "0", "4") "}", 4, "F206");
    refuses("{\"a\":" ONE("F32", "[99999999999999999999]", "0", "4") "}", 4,
            "F203");
    refuses("{\"a\":" ONE("F32", "[1,1,1,1,1,1,1,1,1]", "0", "4") "}", 4,
            "F207");
    refuses("{\"a\":" ONE("F32", "[1]", "0", "8") "}", 8, "F211");
    refuses("{\"a\":" ONE("F32", "[1]", "4", "0") "}", 4, "F208");
    refuses("{\"a\":" ONE("F32", "[1]", "0", "4") "}", 3, "F208");
    refuses("{\"a\":" ONE("F32", "[1]", "0", "4") "}", 5, "F215");
    refuses("{\"a\":" ONE("F32", "[1]", "1", "5") "}", 5, "F214");
    refuses("{\"a\":" ONE("F4", "[3]", "0", "2") "}", 2, "F210");
    refuses("{\"a\":" ONE("U8", "[2,9223372036854775807]", "0", "4") "}", 4,
            "F209");
    refuses("{\"a\":" ONE("U8", "[4611686018427387904,4,2]", "0", "0") "}", 0,
            "F209");
    refuses("{\"a\":" ONE("F32", "[1]", "0", "4") ",\"a\":" ONE("F32", "[1]",
                                                                "4", "8") "}",
            8, "F203");
    refuses("{\"a\":" ONE("F32", "[1]", "0", "4") ",\"b\":" ONE("F32", "[1]",
                                                                "0", "4") "}",
            4, "F214");
    refuses("{\"a\":" ONE("F32", "[1]", "0", "4") ",\"b\":" ONE("F32", "[1]",
                                                                "5", "9") "}",
            9, "F214");
    refuses("{\"__metadata__\":{\"a\":1}}", 0, "F213");
    refuses("{\"__metadata__\":[]}", 0, "F213");
    refuses("{\"__metadata__\":{},\"__metadata__\":{}}", 0, "F203");
    refuses("{\"a\\u0000b\":" ONE("U8", "[]", "0", "1") "}", 1, "F203");
}

/* Ten million tensors are refused before they are built. */
static void a_flood_of_tensors_is_refused(void **state)
{
    (void)state;
    struct slim_text text = { 0 };
    slim_text_puts(&text, "{");
    for (size_t i = 0; i < 1000010; i++)
        slim_text_puts(&text, "\"a\":{},");
    assert_false(parses(text.data, text.length, 0));
    assert_string_equal(slim_place.diag.first->code, "F205");
    slim_text_free(&text);
}

/* ---- files ---- */

static enum slim_status open_path(struct slim_checkpoint **out,
                                  const char *path)
{
    struct slim_span at = { 0 };
    slim_place_clear();
    return slim_checkpoint_open(out, path, at, &slim_place.diag);
}

static void refuses_file(const void *bytes, size_t count, const char *code)
{
    struct slim_checkpoint *checkpoint = NULL;
    char *path = slim_test_join(slim_place.folder, "model.safetensors");
    slim_test_write(path, bytes, count);
    assert_int_equal(open_path(&checkpoint, slim_place.folder), SLIM_FAILED);
    assert_string_equal(slim_place.diag.first->code, code);
    free(path);
}

static void broken_files_are_refused(void **state)
{
    (void)state;
    refuses_file("", 0, "F216");
    refuses_file("\2\0\0\0\0\0\0", 7, "F216");
    refuses_file("\2\0\0\0\0\0\0\0{", 9, "F201");
    refuses_file("\2\0\0\0\0\0\0\0", 8, "F201");
    refuses_file("\0\0\0\0\0\0\0\1{}", 10, "F217");
    refuses_file("\2\0\0\0\0\0\0\0{}x", 11, "F215");
    refuses_file("\2\0\0\0\0\0\0\0\xff\xff", 10, "F202");
}

static void paths_have_five_forms(void **state)
{
    (void)state;
    static const char config[] =
        "{\"model_type\":\"llama\",\"num_hidden_layers\":2,\"hidden_size\":8,"
        "\"num_attention_heads\":2,\"intermediate_size\":12,"
        "\"vocab_size\":16}";
    struct slim_tiny tiny = { .config = config, .shards = 3 };
    struct slim_checkpoint *checkpoint = NULL, *again = NULL;
    slim_test_tiny(slim_place.folder, &tiny);
    char *index =
        slim_test_join(slim_place.folder, "model.safetensors.index.json");
    char *shard =
        slim_test_join(slim_place.folder, "model-00001-of-00003.safetensors");

    assert_int_equal(open_path(&checkpoint, slim_place.folder), SLIM_OK);
    assert_int_equal(checkpoint->file_count, 3);
    assert_int_equal(checkpoint->tensor_count, 2 * 9 + 3);
    assert_non_null(slim_checkpoint_find(checkpoint, "lm_head.weight"));
    assert_null(slim_checkpoint_find(checkpoint, "lm_head"));
    assert_int_equal(open_path(&again, index), SLIM_OK);
    assert_memory_equal(&again->headers, &checkpoint->headers, 32);
    assert_int_equal(open_path(&again, shard), SLIM_OK);
    assert_int_equal(again->tensor_count, 7);
    assert_string_equal(again->directory, slim_place.folder);
    assert_int_equal(open_path(&again, "no/such/model"), SLIM_FAILED);
    assert_string_equal(slim_place.diag.first->code, "I201");
    (void)unlink(index);
    assert_int_equal(open_path(&again, slim_place.folder), SLIM_FAILED);
    assert_string_equal(slim_place.diag.first->code, "I205");
    free(index);
    free(shard);
}

static void refuses_index(const char *map, const char *code)
{
    struct slim_checkpoint *checkpoint = NULL;
    char *path =
        slim_test_join(slim_place.folder, "model.safetensors.index.json");
    char text[512];
    (void)snprintf(text, sizeof(text), "{\"weight_map\":%s}", map);
    slim_test_puts(path, text);
    assert_int_equal(open_path(&checkpoint, slim_place.folder), SLIM_FAILED);
    assert_string_equal(slim_place.diag.first->code, code);
    free(path);
}

static void an_index_must_tell_the_truth(void **state)
{
    (void)state;
    char *a = slim_test_join(slim_place.folder, "a.safetensors");
    char *b = slim_test_join(slim_place.folder, "b.safetensors");
    slim_test_header(a, "{\"a\":" ONE("U8", "[1]", "0", "1") "}", 1);
    slim_test_header(b, "{\"b\":" ONE("U8", "[1]", "0", "1") "}", 1);
    refuses_index("{}", "F221");
    refuses_index("[]", "F221");
    refuses_index("{\"a\":1}", "F219");
    refuses_index("{\"a\":\"../a.safetensors\"}", "F219");
    refuses_index("{\"a\":\"/a.safetensors\"}", "F219");
    refuses_index("{\"a\":\"..\"}", "F219");
    refuses_index("{\"a\":\"\"}", "F219");
    refuses_index("{\"a\":\"c.safetensors\"}", "I204");
    refuses_index("{\"a\":\"a.safetensors\",\"c\":\"a.safetensors\"}", "F220");
    refuses_index("{\"a\":\"b.safetensors\",\"b\":\"a.safetensors\"}", "F220");
    slim_test_header(b, "{\"a\":" ONE("U8", "[1]", "0", "1") "}", 1);
    refuses_index("{\"a\":\"a.safetensors\",\"b\":\"b.safetensors\"}", "F218");
    slim_test_header(b,
                     "{\"b\":" ONE("U8", "[1]", "0", "1") ",\"c\":" ONE(
                         "U8", "[1]", "1", "2") "}",
                     2);
    refuses_index("{\"a\":\"a.safetensors\",\"b\":\"b.safetensors\"}", "F220");
    free(a);
    free(b);
}

static void dtypes_have_names(void **state)
{
    (void)state;
    enum slim_dtype dtype = SLIM_DTYPE_BOOL;
    assert_true(slim_dtype_find(&dtype, "BF16"));
    assert_int_equal(dtype, SLIM_DTYPE_BF16);
    assert_string_equal(slim_dtype_name(dtype), "BF16");
    assert_int_equal(slim_dtype_bits(dtype), 16);
    assert_true(slim_dtype_computes(dtype));
    assert_false(slim_dtype_computes(SLIM_DTYPE_F64));
    assert_false(slim_dtype_find(&dtype, "bf16"));
}

int main(void)
{
#define TEST(name)                                                             \
    cmocka_unit_test_setup_teardown(name, slim_place_set_up,                   \
                                    slim_place_tear_down)
    const struct CMUnitTest tests[] = {
        TEST(lawful_headers_are_read),
        TEST(forged_headers_are_refused),
        TEST(a_flood_of_tensors_is_refused),
        TEST(broken_files_are_refused),
        TEST(paths_have_five_forms),
        TEST(an_index_must_tell_the_truth),
        TEST(dtypes_have_names),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
