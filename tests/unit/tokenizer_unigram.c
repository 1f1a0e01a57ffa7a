/* tokenizer_unigram.c - unigram models in tokenizer.json, small enough to follow
 * by hand; ids are those of Hugging Face's tokenizers 0.23.3 */
#include "tests/place.h"

#include "base/text.h"
#include "runtime/data/tokenizer.h"

#include <sodium.h>
#include <string.h>

#define MARK "\xe2\x96\x81"
#define METASPACE                                                              \
    "{\"type\":\"Metaspace\",\"replacement\":\"" MARK                          \
    "\",\"prepend_scheme\":\"always\",\"split\":true}"
#define PIECES                                                                 \
    "[\"<unk>\",0],[\"" MARK "\",-2],[\"" MARK "a\",-3.5],[\"a\",-4],"         \
    "[\"b\",-4.5],[\"ab\",-5],[\"" MARK "ab\",-9.5],[\"yz\",-6],[\"y\",-3],"   \
    "[\"z\",-2.5],[\"\xc3\xa9\",-7],[\"bb\",-8]"
#define NOTHING "null"

/* tokenizer.json of a normalizer, a pre-tokenizer and the fields of a model. */
static enum slim_status open_it(struct slim_tokenizer **out,
                                struct slim_test_place *bench,
                                const char *normalizer, const char *split,
                                const char *model)
{
    char *path = slim_test_join(bench->folder, "tokenizer.json");

    slim_test_puts(path,
                   slim_arena_printf(bench->diag.arena,
                                     "{\"normalizer\":%s,\"pre_tokenizer\":%s,"
                                     "\"model\":{\"type\":\"Unigram\",%s}}",
                                     normalizer, split, model));
    free(path);
    return slim_tokenizer_open(out, bench->folder, (struct slim_span){ 0 },
                               &bench->diag);
}

static void expect(struct slim_test_place *bench, const char *normalizer,
                   const char *split, const char *model, const char *text,
                   const char *want)
{
    struct slim_tokenizer *tokenizer;
    struct slim_ids ids = { 0 };
    struct slim_text out = { 0 };

    if (open_it(&tokenizer, bench, normalizer, split, model) ||
        slim_tokenizer_encode(&ids, tokenizer, text, strlen(text), true,
                              &bench->diag))
        fail_msg("%s", slim_test_diag(&bench->diag));
    slim_text_puts(&out, "");
    for (size_t i = 0; i < ids.count; i++)
        slim_text_printf(&out, "%s%d", i ? " " : "", (int)ids.items[i]);
    assert_string_equal(out.data, want);
    slim_text_free(&out);
    slim_ids_free(&ids);
    slim_tokenizer_close(tokenizer);
}

#define MODEL "\"unk_id\":0,\"vocab\":[" PIECES "]"

static void the_most_probable_pieces_are_taken(void **state)
{
    static const char *const cases[][2] = {
        { "ab", "1 5" },     { "aab", "2 5" },       { "abb bb", "2 11 1 11" },
        { "cc a", "1 0 2" }, { "c<unk>a", "1 0 3" }, { "ab  ab", "1 5 1 1 5" },
        { "yz", "1 8 9" },   { "bbb", "1 4 11" },
    };

    for (size_t i = 0; i < SLIM_COUNT(cases); i++)
        expect(*state, NOTHING, METASPACE, MODEL, cases[i][0], cases[i][1]);
}

/* All bytes, less likely than anything else. */
static const char *byte_pieces(struct slim_arena *arena)
{
    struct slim_text text = { 0 };

    for (int i = 0; i < 256; i++)
        slim_text_printf(&text, ",[\"<0x%02X>\",-20]", i);
    const char *kept = slim_arena_strdup(arena, text.data);
    slim_text_free(&text);
    return kept;
}

static void unknown_characters_become_bytes(void **state)
{
    struct slim_test_place *bench = *state;
    const char *model = slim_arena_printf(
        bench->diag.arena,
        "\"unk_id\":0,\"byte_fallback\":true,\"vocab\":[%s%s]", PIECES,
        byte_pieces(bench->diag.arena));

    expect(bench, NOTHING, METASPACE, model, "ac\xc3\x9f", "2 111 207 171");
    expect(bench, NOTHING, METASPACE, model, "cc", "1 111 111");
}

/* A map of two entries: "x" is "yz", "e" with an acute is the letter e-acute;
 * with `both` "e" alone is "yz" too. A
 * unit's offset is its index xor the base of its children. */
static const char *normalizer_of(struct slim_arena *arena, unsigned value,
                                 bool both)
{
    enum { UNITS = 256, COUNT = 4 + 4 * UNITS + 6 };
    unsigned char map[COUNT] = { 0 };
    const uint32_t entries[][2] = {
        { 'x', 'x' | 1u << 8 | ('x' ^ 1u) << 10 },
        { 1, value | 1u << 31 },
        { 'e', 'e' | (uint32_t)both << 8 | ('e' ^ 0xceu) << 10 },
        { 0xce, 1u << 31 },
        { 2, 0xcc | (2 ^ 0x82u) << 10 },
        { 3, 0x81 | 1u << 8 | (3 ^ 4u) << 10 },
        { 4, 3 | 1u << 31 },
    };
    char text[2 * COUNT];

    map[1] = 4 * UNITS >> 8;
    for (size_t i = 0; i < SLIM_COUNT(entries); i++)
        for (size_t byte = 0; byte < 4; byte++)
            map[4 + 4 * entries[i][0] + byte] =
                (unsigned char)(entries[i][1] >> 8 * byte);
    memcpy(map + 4 + 4 * UNITS, "yz\0\xc3\xa9", 6);
    sodium_bin2base64(text, sizeof(text), map, COUNT,
                      sodium_base64_VARIANT_ORIGINAL);
    return slim_arena_printf(arena,
                             "{\"type\":\"Precompiled\","
                             "\"precompiled_charsmap\":\"%s\"}",
                             text);
}

#define ACUTE "\xcc\x81"

/* A short cluster gives way whole to the shortest start that the map has. */
static void characters_are_replaced(void **state)
{
    struct slim_test_place *bench = *state;
    const char *map = normalizer_of(bench->diag.arena, 0, false);
    static const char *const cases[][2] = {
        { "x", "1 8 9" },
        { "ax", "2 8 9" },
        { "e" ACUTE, "1 10" },
        { "xe" ACUTE "a", "1 8 9 10 3" },
        { "x" ACUTE "a", "1 8 9 3" },
        { "e", "1 0" },
        { "e" ACUTE ACUTE "b", "1 10 4" },
        { "xx\xe2\x80\x8dx", "1 8 9 8 9 8 9" },
    };

    for (size_t i = 0; i < SLIM_COUNT(cases); i++)
        expect(bench, map, METASPACE, MODEL, cases[i][0], cases[i][1]);
    expect(bench, normalizer_of(bench->diag.arena, 0, true), METASPACE, MODEL,
           "e" ACUTE, "1 8 9");
    /* what points outside the texts stands for nothing */
    expect(bench, normalizer_of(bench->diag.arena, 1000, false), METASPACE,
           MODEL, "x", "1 0");
}

static void white_space_is_stripped_and_split_at(void **state)
{
    struct slim_test_place *bench = *state;
    static const char both[] = "{\"type\":\"Strip\"}";
    static const char left[] =
        "{\"type\":\"Strip\",\"strip_left\":true,\"strip_right\":false}";
    static const char right[] =
        "{\"type\":\"Strip\",\"strip_left\":false,\"strip_right\":true}";
    static const char words[] =
        "{\"type\":\"Sequence\",\"pretokenizers\":[{\"type\":"
        "\"WhitespaceSplit\"}," METASPACE "]}";

    expect(bench, both, NOTHING, MODEL, "  a ", "3");
    expect(bench, left, NOTHING, MODEL, "  a ", "3 0");
    expect(bench, right, NOTHING, MODEL, "  a ", "0 3");
    expect(bench, left, NOTHING, MODEL,
           "\xe2\x80\x83"
           "a\xc2\x85",
           "3 0");
    expect(bench, both, NOTHING, MODEL, " ", "");
    expect(bench, NOTHING, words, MODEL,
           " a\t\xe3\x80\x80 b\xc2\x85"
           "ab\n",
           "2 1 4 1 5");
}

static void refuse(struct slim_test_place *bench, const char *normalizer,
                   const char *model, const char *word)
{
    struct slim_tokenizer *tokenizer;

    bench->diag = (struct slim_diag){ .arena = bench->diag.arena };
    assert_int_equal(open_it(&tokenizer, bench, normalizer, NOTHING, model),
                     SLIM_FAILED);
    assert_string_equal(bench->diag.first->code, "F401");
    if (!strstr(bench->diag.first->message, word))
        fail_msg("%s", bench->diag.first->message);
}

static void models_with_faults(void **state)
{
    struct slim_test_place *bench = *state;

    refuse(bench, NOTHING, "\"vocab\":[[\"a\",0]]", "unk_id");
    refuse(bench, NOTHING, "\"unk_id\":null,\"vocab\":[[\"a\",0]]", "unk_id");
    refuse(bench, NOTHING, "\"unk_id\":1,\"vocab\":[[\"a\",0]]", "no piece");
    refuse(bench, NOTHING, "\"unk_id\":0,\"vocab\":{\"a\":0}", "a list");
    refuse(bench, NOTHING, "\"unk_id\":0,\"vocab\":[[\"a\"]]", "piece 0");
    refuse(bench, NOTHING, "\"unk_id\":0,\"vocab\":[[\"a\",0],[\"\",0]]",
           "piece 1");
    refuse(bench, NOTHING, "\"unk_id\":0,\"vocab\":[[\"a\",0],[\"a\",1]]",
           "twice");
    refuse(bench, NOTHING,
           "\"unk_id\":0,\"byte_fallback\":true,\"vocab\":[[\"a\",0]]",
           "<0x00>");
    refuse(bench, "{\"type\":\"Precompiled\",\"precompiled_charsmap\":\"*\"}",
           MODEL, "base64");
    refuse(bench,
           "{\"type\":\"Precompiled\",\"precompiled_charsmap\":\"AAAA\"}",
           MODEL, "cut off");
}

int main(void)
{
#define TEST(name)                                                             \
    cmocka_unit_test_setup_teardown(name, slim_place_set_up,                   \
                                    slim_place_tear_down)
    const struct CMUnitTest tests[] = {
        TEST(the_most_probable_pieces_are_taken),
        TEST(unknown_characters_become_bytes),
        TEST(characters_are_replaced),
        TEST(white_space_is_stripped_and_split_at),
        TEST(models_with_faults),
    };
#undef TEST

    return cmocka_run_group_tests(tests, NULL, NULL);
}
