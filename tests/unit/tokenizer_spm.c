/* tokenizer_spm.c - SentencePiece models small enough to follow by hand */
#include "tests/support.h"

#include "base/text.h"
#include "runtime/data/sentencepiece.pb-c.h"
#include "runtime/data/tokenizer.h"

#include <string.h>

enum { NORMAL = 1, UNKNOWN, CONTROL, USER, UNUSED, BYTE };
enum { UNIGRAM = 1, BPE, WORD };

#define MARK "\xe2\x96\x81"
#define PIECES 300

struct bench {
    char *directory;
    struct slim_arena *arena;
    struct slim_diag diag;
    Sentencepiece__Piece rows[PIECES], *pieces[PIECES];
    Sentencepiece__TrainerSpec trainer;
    Sentencepiece__NormalizerSpec rules;
    Sentencepiece__Model model;
};

static void piece(struct bench *bench, const char *text, double score,
                  unsigned type)
{
    size_t i = bench->model.n_pieces++;
    Sentencepiece__Piece row = SENTENCEPIECE__PIECE__INIT;

    row.piece = slim_arena_strdup(bench->arena, text);
    row.score = (float)score;
    row.has_score = row.has_type = 1;
    row.type = type;
    bench->rows[i] = row;
    bench->pieces[i] = &bench->rows[i];
}

/* 0 <unk>, 1 <s>, 2 </s>, 3 mark, 4 a, 5 b, 6 c, then `ab` before `bc`. */
static int set_up(void **state)
{
    struct bench *bench = calloc(1, sizeof(*bench));

    bench->directory = slim_test_directory();
    bench->arena = slim_arena_open();
    bench->diag.arena = bench->arena;
    sentencepiece__model__init(&bench->model);
    sentencepiece__trainer_spec__init(&bench->trainer);
    sentencepiece__normalizer_spec__init(&bench->rules);
    bench->model.pieces = bench->pieces;
    bench->model.trainer_spec = &bench->trainer;
    bench->model.normalizer_spec = &bench->rules;
    bench->trainer.has_model_type = bench->trainer.has_byte_fallback = 1;
    bench->trainer.model_type = BPE;
    piece(bench, "<unk>", 0, UNKNOWN);
    piece(bench, "<s>", 0, CONTROL);
    piece(bench, "</s>", 0, CONTROL);
    piece(bench, MARK, -5, NORMAL);
    piece(bench, "a", -6, NORMAL);
    piece(bench, "b", -7, NORMAL);
    piece(bench, "c", -8, NORMAL);
    piece(bench, "bc", -1, NORMAL); /* 7 */
    piece(bench, "ab", -2, NORMAL); /* 8 */
    piece(bench, MARK "a", -3, NORMAL);
    piece(bench, "abc", -4, NORMAL); /* 10 */
    piece(bench, "<x>", 0, USER);    /* 11 */
    *state = bench;
    return 0;
}

static int tear_down(void **state)
{
    struct bench *bench = *state;

    slim_test_directory_remove(bench->directory);
    slim_arena_close(bench->arena);
    free(bench);
    return 0;
}

static void put(struct bench *bench, const char *name, const void *bytes,
                size_t length)
{
    char *path = slim_test_join(bench->directory, name);

    slim_test_write(path, bytes, length);
    free(path);
}

static struct slim_tokenizer *open_it(struct bench *bench)
{
    size_t length = sentencepiece__model__get_packed_size(&bench->model);
    uint8_t *bytes = malloc(length);
    struct slim_tokenizer *tokenizer;

    bench->diag = (struct slim_diag){ .arena = bench->arena };
    (void)sentencepiece__model__pack(&bench->model, bytes);
    put(bench, "tokenizer.model", bytes, length);
    free(bytes);
    if (slim_tokenizer_open(&tokenizer, bench->directory,
                            (struct slim_span){ 0 }, &bench->diag))
        return NULL;
    return tokenizer;
}

static void expect(struct bench *bench, const char *text, const char *want)
{
    struct slim_tokenizer *tokenizer = open_it(bench);
    struct slim_ids ids = { 0 };
    struct slim_text have = { 0 };

    if (!tokenizer || slim_tokenizer_encode(&ids, tokenizer, text, strlen(text),
                                            true, &bench->diag))
        fail_msg("%s", slim_test_diag(&bench->diag));
    slim_text_puts(&have, "");
    for (size_t i = 0; i < ids.count; i++)
        slim_text_printf(&have, "%s%d", i ? " " : "", (int)ids.items[i]);
    assert_string_equal(have.data, want);
    slim_ids_free(&ids);
    slim_text_free(&have);
    slim_tokenizer_close(tokenizer);
}

static void refuse(struct bench *bench, const char *code, const char *word)
{
    assert_null(open_it(bench));
    assert_int_equal(bench->diag.errors, 1);
    assert_string_equal(bench->diag.first->code, code);
    if (!strstr(bench->diag.first->message, word))
        fail_msg("\"%s\" does not name %s", bench->diag.first->message, word);
}

static void better_pieces_merge_first(void **state)
{
    expect(*state, "abc", "1 9 7");
    expect(*state, "cabc", "1 3 6 10");
    ((struct bench *)*state)->rows[10].piece[0] = 'c'; /* cbc */
    expect(*state, "cabc", "1 3 6 4 7");
    /* equal scores go from left to right */
    ((struct bench *)*state)->rows[8].score = -1;
    expect(*state, "cabc", "1 3 6 8 6");
}

/* The words of a text are not merged one by one where a piece spans two. */
static void pieces_may_span_words(void **state)
{
    expect(*state, "c c", "1 3 6 3 6");
    piece(*state, "c" MARK, -0.5, NORMAL);
    expect(*state, "c c", "1 3 12 6");
}

static void spaces_are_squeezed_or_not(void **state)
{
    struct bench *bench = *state;

    expect(bench, "  c  c ", "1 3 6 3 6");
    expect(bench, "   ", "1");
    bench->rules.has_remove_extra_whitespaces = 1;
    bench->rules.remove_extra_whitespaces = 0;
    expect(bench, " c  c ", "1 3 3 6 3 3 6 3");
    bench->rules.has_add_dummy_prefix = 1;
    bench->rules.add_dummy_prefix = 0;
    expect(bench, " c", "1 3 6");
    expect(bench, "", "1");
}

static void spaces_may_come_after(void **state)
{
    struct bench *bench = *state;

    bench->trainer.has_treat_whitespace_as_suffix = 1;
    bench->trainer.treat_whitespace_as_suffix = 1;
    expect(bench, "c c", "1 6 3 6 3");
}

static void unknown_runs_are_one_or_bytes(void **state)
{
    struct bench *bench = *state;

    expect(bench, "c\xc3\xa9zc", "1 3 6 0 6");
    for (int i = 0; i < 256; i++) {
        char name[8];

        (void)snprintf(name, sizeof(name), "<0x%02X>", (unsigned)i);
        piece(bench, name, 0, BYTE);
    }
    bench->trainer.byte_fallback = 1;
    /* piece 12 is byte 0 */
    expect(bench, "c\xc3\xa9", "1 3 6 207 181");
    bench->model.n_pieces--;
    refuse(bench, "F401", "<0xFF>");
}

static void pieces_of_the_user_stay_whole(void **state)
{
    struct bench *bench = *state;

    expect(bench, "c<x>bc", "1 3 6 11 7");
    bench->trainer.model_type = UNIGRAM;
    expect(bench, "c<x>bc", "1 3 6 11 7");
}

static void special_pieces_are_found_in_text(void **state)
{
    static const char later[] = "{\"legacy\":false,\"add_bos_token\":false}";

    expect(*state, "c</s>c", "1 3 6 2 3 6");
    put(*state, "tokenizer_config.json", later, strlen(later));
    expect(*state, "c</s>c", "3 6 2 6");
}

static void probable_pieces_win(void **state)
{
    struct bench *bench = *state;

    bench->trainer.model_type = UNIGRAM;
    /* mark abc: -5 - 4; mark a, bc: -3 - 1 */
    expect(bench, "abc", "1 9 7");
    bench->rows[9].score = -9;
    expect(bench, "abc", "1 3 10");
    /* an unknown character costs 10 more than the worst piece, and is one
     * with its neighbours */
    expect(bench, "bzzb", "1 3 5 0 5");
    bench->rows[6].type = UNUSED;
    expect(bench, "c", "1 3 0");
}

/* A map of one entry: "z" is "bc". Unit 0 has its children at 0x100 ^ byte,
 * that of "z" its value two units before. */
static void put_map(struct bench *bench, unsigned value)
{
    enum { UNITS = 0x100 + 0x100 };
    static unsigned char map[4 + 4 * UNITS + 4];
    const uint32_t entries[][2] = {
        { 0, 0x100u << 10 },
        { 0x100 ^ 'z', 2u << 10 | 1u << 8 | 'z' },
        { 0x100 ^ 'z' ^ 2, value | 1u << 31 },
    };

    memset(map, 0, sizeof(map));
    map[1] = 4 * UNITS >> 8;
    for (size_t i = 0; i < SLIM_COUNT(entries); i++)
        for (size_t byte = 0; byte < 4; byte++)
            map[4 + 4 * entries[i][0] + byte] =
                (unsigned char)(entries[i][1] >> 8 * byte);
    memcpy(map + 4 + 4 * UNITS, "bc\xff", 4);
    bench->rules.has_precompiled_charsmap = 1;
    bench->rules.precompiled_charsmap.data = map;
    bench->rules.precompiled_charsmap.len = sizeof(map);
}

static void refuse_text(struct bench *bench, const char *word)
{
    struct slim_tokenizer *tokenizer = open_it(bench);
    struct slim_ids ids = { 0 };

    assert_non_null(tokenizer);
    assert_int_equal(
        slim_tokenizer_encode(&ids, tokenizer, "z", 1, true, &bench->diag),
        SLIM_FAILED);
    assert_string_equal(bench->diag.first->code, "F401");
    assert_non_null(strstr(bench->diag.first->message, word));
    slim_ids_free(&ids);
    slim_tokenizer_close(tokenizer);
}

static void characters_are_replaced(void **state)
{
    struct bench *bench = *state;

    put_map(bench, 0);
    bench->rules.precompiled_charsmap.data[4 + 4 * 512 + 2] = 0;
    expect(bench, "czc", "1 3 6 7 6");
    put_map(bench, 0);
    refuse_text(bench, "not UTF-8");
    put_map(bench, 1000);
    refuse_text(bench, "outside");
    bench->rules.precompiled_charsmap.len = 7;
    refuse(bench, "F401", "cut off");
}

static void models_with_faults(void **state)
{
    struct bench *bench = *state;

    bench->trainer.model_type = WORD;
    refuse(bench, "F402", "kind 3");
    bench->trainer.model_type = BPE;
    bench->rows[8].type = UNUSED;
    refuse(bench, "F402", "piece 8");
    bench->rows[8].type = 7;
    refuse(bench, "F401", "piece 8");
    bench->rows[8].type = UNKNOWN;
    refuse(bench, "F401", "second unknown");
    bench->rows[8].type = NORMAL;
    bench->rows[7].piece = bench->rows[8].piece;
    refuse(bench, "F401", "twice");
    bench->rows[8].score = (float)strtod("nan", NULL);
    bench->rows[7].piece = bench->rows[5].piece;
    refuse(bench, "F401", "piece 7");
    bench->model.n_pieces = 0;
    refuse(bench, "F401", "empty");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(better_pieces_merge_first),
        TEST(pieces_may_span_words),
        TEST(spaces_are_squeezed_or_not),
        TEST(spaces_may_come_after),
        TEST(unknown_runs_are_one_or_bytes),
        TEST(pieces_of_the_user_stay_whole),
        TEST(special_pieces_are_found_in_text),
        TEST(probable_pieces_win),
        TEST(characters_are_replaced),
        TEST(models_with_faults),
    };

    return cmocka_run_group_tests_name("SentencePiece models", tests, NULL,
                                       NULL);
}
