/* tokenizer.c - tokenizers small enough to follow by hand */
#include "tests/place.h"

#include "base/text.h"
#include "runtime/data/tokenizer.h"

#include <string.h>

static void put(struct slim_test_place *bench, const char *name,
                const char *text)
{
    char *path = slim_test_join(bench->folder, name);

    slim_test_puts(path, text);
    free(path);
}

static enum slim_status open_it(struct slim_tokenizer **out,
                                struct slim_test_place *bench, const char *json)
{
    put(bench, "tokenizer.json", json);
    return slim_tokenizer_open(out, bench->folder, (struct slim_span){ 0 },
                               &bench->diag);
}

/* The ids as text, "1 5 7". */
static char *ids_of(struct slim_test_place *bench,
                    const struct slim_tokenizer *tokenizer, const char *text)
{
    struct slim_ids ids = { 0 };
    struct slim_text out = { 0 };

    if (slim_tokenizer_encode(&ids, tokenizer, text, strlen(text), true,
                              &bench->diag))
        fail_msg("%s", slim_test_diag(&bench->diag));
    for (size_t i = 0; i < ids.count; i++)
        slim_text_printf(&out, "%s%d", i ? " " : "", (int)ids.items[i]);
    slim_ids_free(&ids);
    char *result =
        slim_arena_strdup(bench->diag.arena, out.data ? out.data : "");

    slim_text_free(&out);
    return result;
}

static void expect(struct slim_test_place *bench, const char *json,
                   const char *text, const char *ids)
{
    struct slim_tokenizer *tokenizer;

    if (open_it(&tokenizer, bench, json))
        fail_msg("%s", slim_test_diag(&bench->diag));
    assert_string_equal(ids_of(bench, tokenizer, text), ids);
    slim_tokenizer_close(tokenizer);
}

#define LETTERS                                                                \
    "\"vocab\":{\"a\":0,\"b\":1,\"c\":2,\"ab\":3,\"bc\":4,\"abc\":5,"          \
    "\"\\u0120\":6,\"\\u0120a\":7,\"\\u2581\":8,\"<unk>\":9,\"1\":10,"         \
    "\"\\u2581a\":11,\"\\u00e9\":12,\" \":13,\"\\u0121\":14,"                  \
    "\"\\u1ea1\":15,\"\\u0301\":16}"
#define MERGES "\"merges\":[\"b c\",\"a b\",\"a bc\",\"\\u0120 a\"]"
#define MODEL "\"model\":{\"type\":\"BPE\"," LETTERS "," MERGES "}"

static void merges_go_by_rank_not_by_place(void **state)
{
    expect(*state, "{" MODEL "}", "abc", "5");
    expect(*state, "{" MODEL "}", "abbcab", "3 4 3");
}

static void merges_may_be_pairs(void **state)
{
    expect(*state,
           "{\"model\":{\"type\":\"BPE\"," LETTERS
           ",\"merges\":[[\"b\",\"c\"],[\"a\",\"bc\"]]}}",
           "abcab", "5 0 1");
}

static void whole_words_win_where_merges_are_ignored(void **state)
{
    expect(*state,
           "{\"model\":{\"type\":\"BPE\",\"ignore_merges\":true," LETTERS
           ",\"merges\":[\"a b\"]}}",
           "abc", "5");
}

static void bytes_stand_for_themselves(void **state)
{
    expect(*state,
           "{\"pre_tokenizer\":{\"type\":\"ByteLevel\",\"add_prefix_space\":"
           "false}," MODEL "}",
           "abc a", "5 7");
    expect(*state,
           "{\"pre_tokenizer\":{\"type\":\"ByteLevel\",\"add_prefix_space\":"
           "true}," MODEL "}",
           "a", "7");
    /* the first byte after those that print */
    expect(*state,
           "{\"pre_tokenizer\":{\"type\":\"ByteLevel\",\"add_prefix_space\":"
           "false}," MODEL "}",
           "\x7f", "14");
}

static void digits_stand_alone(void **state)
{
    expect(*state,
           "{\"pre_tokenizer\":{\"type\":\"Digits\",\"individual_digits\":true}"
           "," MODEL "}",
           "ab11c", "3 10 10 2");
}

/* A class within a class: signs, brackets and bars stand alone, and a word takes
 * the space before it. BLOOM's files have this pattern. */
static void signs_stand_alone(void **state)
{
#define WORDS                                                                  \
    "{\"type\":\"Split\",\"pattern\":{\"Regex\":\" ?[^(\\\\s|[.,!?\\u2026"     \
    "\\u3002\\uff0c\\u3001\\u0964\\u06d4\\u060c])]+\"},\"behavior\":"          \
    "\"Isolated\",\"invert\":false},"
#define SIGNS(words)                                                           \
    "{\"pre_tokenizer\":{\"type\":\"Sequence\",\"pretokenizers\":[" words      \
    "{\"type\":\"ByteLevel\",\"add_prefix_space\":false,\"use_regex\":"        \
    "false}]},\"model\":{\"type\":\"BPE\",\"vocab\":{\"a\":0,\".\":1,"         \
    "\"a.\":2,\"\\u0120\":3,\"\\u0120a\":4,\"(\":5,\"a(\":6,\"|\":7,"          \
    "\"a|\":8},\"merges\":[\"a .\",\"a (\",\"a |\",\"\\u0120 a\"]}}"

    expect(*state, SIGNS(WORDS), "a. a.a a(a|", "0 1 4 1 0 4 5 0 7");
    expect(*state, SIGNS(""), "a. a.a a(a|", "2 3 2 0 3 6 8");
#undef SIGNS
#undef WORDS
}

#define SPM_MODEL                                                              \
    "\"model\":{\"type\":\"BPE\",\"unk_token\":\"<unk>\",\"fuse_unk\":true,"   \
    "\"byte_fallback\":true," LETTERS ",\"merges\":[\"\\u2581 a\"]}"

static void spaces_become_marks(void **state)
{
    const char *json =
        "{\"normalizer\":{\"type\":\"Sequence\",\"normalizers\":[{\"type\":"
        "\"Prepend\",\"prepend\":\"\\u2581\"},{\"type\":\"Replace\","
        "\"pattern\":{\"String\":\" \"},\"content\":\"\\u2581\"}]}," SPM_MODEL
        "}";

    expect(*state, json, "a b", "11 8 1");
    expect(*state, json, "", "");
    /* unknown characters in a row are one unknown token */
    expect(*state, json, "axyb", "11 9 1");
    expect(*state,
           "{\"pre_tokenizer\":{\"type\":\"Metaspace\",\"replacement\":"
           "\"\\u2581\",\"prepend_scheme\":\"first\"}," SPM_MODEL "}",
           "a a", "11 11");
}

static void unknown_bytes_fall_back(void **state)
{
    expect(*state,
           "{\"model\":{\"type\":\"BPE\",\"byte_fallback\":true,\"vocab\":{"
           "\"a\":0,\"<0xC3>\":1,\"<0xA9>\":2},\"merges\":[]}}",
           "a\xc3\xa9", "0 1 2");
}

static void text_is_composed(void **state)
{
    const char *json = "{\"normalizer\":{\"type\":\"NFC\"}," MODEL "}";

    expect(*state, json, "e\xcc\x81", "12");
    /* a mark below goes before one above, and composes */
    expect(*state, json, "a\xcc\x81\xcc\xa3", "15 16");
}

#define ADDED(fields)                                                          \
    "{\"added_tokens\":[{\"id\":20,\"content\":\"<x>\",\"special\":true,"      \
    "\"normalized\":false," fields "}]," MODEL "}"

static void added_tokens_are_found_first(void **state)
{
    expect(*state, ADDED("\"lstrip\":false"), "ab<x>c", "3 20 2");
    expect(*state, ADDED("\"lstrip\":false"), "ab <x> c", "3 13 20 13 2");
    expect(*state, ADDED("\"lstrip\":true,\"rstrip\":true"), "ab  <x> \n c",
           "3 20 2");
    expect(*state, ADDED("\"single_word\":true"), "<x>a<x> <x>", "0 13 20");
}

static void longer_added_tokens_win(void **state)
{
    expect(*state,
           "{\"added_tokens\":[{\"id\":20,\"content\":\"<x\"},{\"id\":21,"
           "\"content\":\"<xy>\"}]," MODEL "}",
           "<xy><x", "21 20");
}

static void templates_add_tokens(void **state)
{
    const char *json =
        "{\"added_tokens\":[{\"id\":20,\"content\":\"<s>\",\"special\":true}],"
        "\"post_processor\":{\"type\":\"TemplateProcessing\",\"single\":[{"
        "\"SpecialToken\":{\"id\":\"<s>\"}},{\"Sequence\":{\"id\":\"A\"}}],"
        "\"special_tokens\":{\"<s>\":{\"ids\":[20]}}}," MODEL "}";

    expect(*state, json, "ab", "20 3");
    expect(*state, json, "", "20");
    put(*state, "tokenizer_config.json",
        "{\"bos_token\":{\"content\":\"<s>\"},\"add_bos_token\":false}");
    expect(*state, json, "ab", "3");
}

static void config_asks_for_bos(void **state)
{
    put(*state, "tokenizer_config.json",
        "{\"bos_token\":\"c\",\"add_bos_token\":true,"
        "\"model_max_length\":1000000000000000019884624838656}");
    expect(*state, "{" MODEL "}", "ab", "2 3");
}

static void refuse(struct slim_test_place *bench, const char *json,
                   const char *code, const char *word)
{
    struct slim_tokenizer *tokenizer;

    assert_int_equal(open_it(&tokenizer, bench, json), SLIM_FAILED);
    assert_null(tokenizer);
    assert_int_equal(bench->diag.errors, 1);
    assert_string_equal(bench->diag.first->code, code);
    if (!strstr(bench->diag.first->message, word))
        fail_msg("\"%s\" does not name %s", bench->diag.first->message, word);
    bench->diag = (struct slim_diag){ .arena = bench->diag.arena };
}

/* BLOOM's split pattern has a class within a class. */
static void classes_may_hold_classes(void **state)
{
    expect(*state,
           "{\"pre_tokenizer\":{\"type\":\"Split\",\"behavior\":\"Isolated\","
           "\"pattern\":{\"Regex\":\" ?[^(\\\\s|[bc])]+\"}}," MODEL "}",
           "ab abc", "0 1 13 0 4");
}

#define VOCAB "{" LETTERS "}"

/* vocab.json and merges.txt of a few letters. */
static struct slim_tokenizer *open_two(struct slim_test_place *bench)
{
    struct slim_tokenizer *tokenizer;
    static const char vocab[] = VOCAB;

    /* without the key before the object */
    char *text = strdup(strchr(vocab + 1, '{'));

    text[strlen(text) - 1] = '\0';
    put(bench, "vocab.json", text);
    free(text);
    put(bench, "merges.txt",
        "#version: 0.2\r\nb c\r\na b\r\na bc\n\n\xc4\xa0 a");
    if (slim_tokenizer_open(&tokenizer, bench->folder, (struct slim_span){ 0 },
                            &bench->diag))
        return NULL;
    return tokenizer;
}

static void expect_two(struct slim_test_place *bench, const char *text,
                       const char *ids)
{
    struct slim_tokenizer *tokenizer = open_two(bench);

    if (!tokenizer)
        fail_msg("%s", slim_test_diag(&bench->diag));
    assert_string_equal(ids_of(bench, tokenizer, text), ids);
    slim_tokenizer_close(tokenizer);
}

static void two_files_are_a_tokenizer(void **state)
{
    expect_two(*state, "abc ab a", "5 6 3 7");
    put(*state, "added_tokens.json", "{\"<x>\":20,\"<xy>\":21}");
    expect_two(*state, "a<xy><x>", "0 21 20");
    put(*state, "special_tokens_map.json", "{\"bos_token\":\"c\"}");
    put(*state, "tokenizer_config.json",
        "{\"add_bos_token\":true,\"add_prefix_space\":true}");
    expect_two(*state, "a<x>", "2 7 20");
    put(*state, "tokenizer_config.json",
        "{\"added_tokens_decoder\":{\"30\":{\"content\":\"<x>\",\"lstrip\":"
        "true,\"special\":true}}}");
    expect_two(*state, "a <x>", "0 30");
}

static void the_class_says_how_two_files_split(void **state)
{
    put(*state, "tokenizer_config.json",
        "{\"tokenizer_class\":\"Qwen2TokenizerFast\"}");
    expect_two(*state, "e\xcc\x81 11", "6 10 10");
    put(*state, "tokenizer_config.json",
        "{\"tokenizer_class\":\"BertTokenizer\"}");
    assert_null(open_two(*state));
    assert_string_equal(((struct slim_test_place *)*state)->diag.first->code,
                        "F402");
}

static void two_files_with_faults(void **state)
{
    struct slim_test_place *bench = *state;

    put(bench, "tokenizer_config.json",
        "{\"added_tokens_decoder\":{\"x\":{\"content\":\"<x>\"}}}");
    assert_null(open_two(bench));
    assert_string_equal(bench->diag.first->code, "F401");
    assert_non_null(strstr(bench->diag.first->message, "\"x\""));
    bench->diag = (struct slim_diag){ .arena = bench->diag.arena };
    put(bench, "tokenizer_config.json", "{}");
    put(bench, "added_tokens.json", "[]");
    assert_null(open_two(bench));
    assert_non_null(strstr(bench->diag.first->message, "added_tokens.json"));
}

/* tokenizer.json comes first, then tokenizer.model. */
static void files_have_an_order(void **state)
{
    struct slim_test_place *bench = *state;

    put(bench, "tokenizer.model", "no model");
    assert_null(open_two(bench));
    assert_non_null(strstr(bench->diag.first->message, "tokenizer.model"));
    bench->diag = (struct slim_diag){ .arena = bench->diag.arena };
    expect(bench, "{" MODEL "}", "abc", "5");
}

static void unknown_parts_are_named(void **state)
{
    refuse(*state, "{\"normalizer\":{\"type\":\"Bert\"}," MODEL "}", "F402",
           "Bert");
    refuse(*state, "{\"pre_tokenizer\":{\"type\":\"Shred\"}," MODEL "}", "F402",
           "Shred");
    refuse(*state, "{\"post_processor\":{\"type\":\"Stamp\"}," MODEL "}",
           "F402", "Stamp");
    refuse(*state, "{\"model\":{\"type\":\"WordPiece\"}}", "F402", "WordPiece");
    refuse(*state,
           "{\"pre_tokenizer\":{\"type\":\"Split\",\"behavior\":\"Isolated\","
           "\"pattern\":{\"Regex\":\"[a&&b]\"}}," MODEL "}",
           "F402", "&&");
}

static void malformed_files_are_refused(void **state)
{
    refuse(*state, "{}", "F401", "model");
    refuse(*state, "[]", "F401", "object");
    refuse(*state, "{\"model\":{\"vocab\":{\"a\":-1},\"merges\":[]}}", "F401",
           "\"a\"");
    refuse(*state, "{\"model\":{\"vocab\":{\"a\":0},\"merges\":[\"a b\"]}}",
           "F401", "merge 0");
    refuse(*state, "{\"model\":{\"vocab\":{\"a\":0},\"merges\":[\"aa\"]}}",
           "F401", "merge 0");
    refuse(*state,
           "{\"pre_tokenizer\":{\"type\":\"Split\",\"behavior\":\"Isolated\","
           "\"pattern\":{\"Regex\":\"(\"}}," MODEL "}",
           "F401", "regular expression");
    refuse(*state,
           "{\"added_tokens\":[{\"id\":3,\"content\":\"a\"}]," MODEL "}",
           "F401", "\"a\"");
}

static void text_must_be_utf8(void **state)
{
    struct slim_test_place *bench = *state;
    struct slim_tokenizer *tokenizer;
    struct slim_ids ids = { 0 };

    assert_int_equal(open_it(&tokenizer, bench, "{" MODEL "}"), SLIM_OK);
    assert_int_equal(
        slim_tokenizer_encode(&ids, tokenizer, "ab\xff", 3, true, &bench->diag),
        SLIM_FAILED);
    assert_non_null(strstr(bench->diag.first->message, "byte 2"));
    slim_ids_free(&ids);
    slim_tokenizer_close(tokenizer);
}

#define TEST(name)                                                             \
    cmocka_unit_test_setup_teardown(name, slim_place_set_up,                   \
                                    slim_place_tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(merges_go_by_rank_not_by_place),
        TEST(merges_may_be_pairs),
        TEST(whole_words_win_where_merges_are_ignored),
        TEST(bytes_stand_for_themselves),
        TEST(digits_stand_alone),
        TEST(signs_stand_alone),
        TEST(spaces_become_marks),
        TEST(unknown_bytes_fall_back),
        TEST(text_is_composed),
        TEST(added_tokens_are_found_first),
        TEST(longer_added_tokens_win),
        TEST(templates_add_tokens),
        TEST(config_asks_for_bos),
        TEST(classes_may_hold_classes),
        TEST(two_files_are_a_tokenizer),
        TEST(the_class_says_how_two_files_split),
        TEST(two_files_with_faults),
        TEST(files_have_an_order),
        TEST(unknown_parts_are_named),
        TEST(malformed_files_are_refused),
        TEST(text_must_be_utf8),
    };

    return cmocka_run_group_tests_name("tokenizer", tests, NULL, NULL);
}
