/* data.c - data sets, samples and their errors, on a tokenizer of single
 * characters: the ids are the ASCII codes */
#include "tests/support.h"

#include "base/text.h"
#include "runtime/data/data.h"

#include <string.h>

struct bench {
    char *directory, *sets;
    struct slim_arena *arena;
    struct slim_diag diag;
    struct slim_data_world world;
    const char *folders[2];
    struct slim_tokenizer *tokenizer;
    struct slim_tokens *tokens;
};

static void put(struct bench *bench, const char *name, const char *text)
{
    char *path = slim_test_join(bench->directory, name);

    slim_test_puts(path, text);
    free(path);
}

static void make_tokenizer(struct bench *bench)
{
    struct slim_text json = { 0 };

    slim_text_puts(&json, "{\"model\":{\"type\":\"BPE\",\"merges\":[],"
                          "\"vocab\":{\"\\n\":10");
    for (int c = 32; c < 127; c++)
        slim_text_printf(&json, ",\"%s%c\":%d",
                         c == '"' || c == '\\' ? "\\" : "", c, c);
    slim_text_puts(&json, "}}}");
    put(bench, "tokenizer.json", json.data);
    put(bench, "tokenizer_config.json", "{\"eos_token\":\"~\"}");
    slim_text_free(&json);
    if (slim_tokenizer_open(&bench->tokenizer, bench->directory,
                            (struct slim_span){ 0 }, &bench->diag))
        fail_msg("%s", slim_test_diag(&bench->diag));
}

static int set_up(void **state)
{
    struct bench *bench = calloc(1, sizeof(*bench));

    unsetenv("SLIMC_DATA");
    setenv("XDG_DATA_HOME", "/nonexistent", 1);
    bench->directory = slim_test_directory();
    bench->sets = slim_test_source("runtime/data/sets");
    bench->arena = slim_arena_open();
    bench->diag.arena = bench->arena;
    bench->folders[0] = bench->directory;
    bench->world = (struct slim_data_world){ .sets = bench->sets,
                                             .recipe = "/nonexistent",
                                             .directories = bench->folders,
                                             .model = bench->directory,
                                             .arena = bench->arena };
    make_tokenizer(bench);
    *state = bench;
    return 0;
}

static int tear_down(void **state)
{
    struct bench *bench = *state;

    slim_tokens_free(bench->tokens);
    slim_tokenizer_close(bench->tokenizer);
    slim_test_directory_remove(bench->directory);
    slim_arena_close(bench->arena);
    free(bench->sets);
    free(bench);
    return 0;
}

static enum slim_status load(struct bench *bench, struct slim_sample sample,
                             enum slim_cut cut)
{
    slim_tokens_free(bench->tokens);
    bench->tokens = NULL;
    return slim_tokens_load(&bench->tokens, &sample, cut, &bench->world,
                            bench->tokenizer, (struct slim_span){ 0 },
                            &bench->diag);
}

static struct slim_tokens *want(struct bench *bench, struct slim_sample sample,
                                enum slim_cut cut)
{
    struct slim_span nowhere = { 0 };

    if (load(bench, sample, cut) ||
        slim_data_check(&bench->world, &sample, nowhere, &bench->diag))
        fail_msg("%s", slim_test_diag(&bench->diag));
    if (!bench->tokens)
        abort();
    return bench->tokens;
}

/* Sequence i as text. */
static const char *sequence(struct bench *bench, size_t i)
{
    const struct slim_tokens *tokens = bench->tokens;
    size_t begin = tokens->starts[i], count = tokens->starts[i + 1] - begin;
    char *text = slim_arena_alloc(bench->arena, count + 1);

    for (size_t k = 0; k < count; k++)
        text[k] = (char)tokens->ids[begin + k];
    return text;
}

/* Loading fails with this code and a message that holds the word. */
static void refuse(struct bench *bench, struct slim_sample sample,
                   const char *code, const char *word)
{
    assert_int_equal(load(bench, sample, SLIM_CUT_WINDOWS), SLIM_FAILED);
    assert_null(bench->tokens);
    assert_int_equal(bench->diag.errors, 1);
    char *text = slim_test_diag(&bench->diag);

    assert_string_equal(bench->diag.first->code, code);
    if (!strstr(text, word))
        fail_msg("\"%s\" does not say %s", text, word);
    free(text);
    bench->diag = (struct slim_diag){ .arena = bench->arena };
}

/* And so does the check, with the same code. */
static void refuse_early(struct bench *bench, struct slim_sample sample,
                         const char *code, const char *word)
{
    struct slim_span nowhere = { 0 };

    refuse(bench, sample, code, word);
    assert_int_equal(
        slim_data_check(&bench->world, &sample, nowhere, &bench->diag),
        SLIM_FAILED);
    assert_int_equal(bench->diag.errors, 1);
    assert_string_equal(bench->diag.first->code, code);
    bench->diag = (struct slim_diag){ .arena = bench->arena };
}

#define FILE_SAMPLE(name, ...)                                                 \
    (struct slim_sample)                                                       \
    {                                                                          \
        .set = name, .file = true, .pick = SLIM_PICK_FIRST, __VA_ARGS__        \
    }

static void a_text_file_is_one_text(void **state)
{
    struct bench *bench = *state;
    struct slim_tokens *tokens;

    put(bench, "a.txt", "abcdefgh\nij");
    tokens =
        want(bench, FILE_SAMPLE("a.txt", .len = 4, .n = 2), SLIM_CUT_WINDOWS);
    assert_int_equal(tokens->sequences, 2);
    assert_true(tokens->uniform);
    assert_int_equal(tokens->length, 4);
    assert_string_equal(sequence(bench, 0), "abcd");
    assert_string_equal(sequence(bench, 1), "efgh");
    tokens = want(bench, FILE_SAMPLE("a.txt", .len = 5), SLIM_CUT_RECORDS);
    assert_int_equal(tokens->sequences, 2);
    assert_string_equal(sequence(bench, 1), "fgh\ni");
}

static void wikitext_rows_keep_newlines(void **state)
{
    struct bench *bench = *state;
    struct slim_sample sample = { .set = "wikitext2",
                                  .split = "test",
                                  .len = 16 };

    put(bench, "wiki.test.raw", " \n = A = \n \n b c\n");
    want(bench, sample, SLIM_CUT_WINDOWS);
    assert_string_equal(sequence(bench, 0), "\n\n = A = \n\n\n\n\n b");
    assert_non_null(strstr(bench->tokens->protocol, "wikitext2.test#"));
    assert_non_null(strstr(bench->tokens->protocol, " len=16 n=1 bos=no"));
    assert_null(strstr(bench->tokens->protocol, "seed"));
}

static void stripped_lines_are_rows(void **state)
{
    struct bench *bench = *state;
    struct slim_sample sample = { .set = "bookcorpus", .len = 7 };

    put(bench, "bookcorpus.txt", "one .\n\n  two .\n");
    want(bench, sample, SLIM_CUT_WINDOWS);
    assert_string_equal(sequence(bench, 0), "one . t");
}

static void json_lines_are_rows(void **state)
{
    struct bench *bench = *state;
    struct slim_sample sample = { .set = "c4",
                                  .split = "validation",
                                  .len = 6 };

    put(bench, "c4-validation.jsonl",
        "{\"text\":\"ab\",\"url\":1}\n\n{\"text\":\"cd\"}\n");
    want(bench, sample, SLIM_CUT_WINDOWS);
    assert_string_equal(sequence(bench, 0), "ab\n\ncd");
}

static void random_windows_follow_the_seed(void **state)
{
    struct bench *bench = *state;
    struct slim_sample sample = { .set = "a.txt",
                                  .file = true,
                                  .len = 1,
                                  .n = 5,
                                  .seed = 7,
                                  .pick = SLIM_PICK_RANDOM };
    char first[6];

    put(bench, "a.txt", "abcdefghijklmnopqrstuvwxyz");
    for (int round = 0; round < 3; round++) {
        want(bench, sample, SLIM_CUT_WINDOWS);
        for (size_t i = 0; i < 5; i++) {
            char letter = (char)bench->tokens->ids[i];

            if (round == 0)
                first[i] = letter;
            assert_true(i == 0 || letter > bench->tokens->ids[i - 1]);
            if (round == 1)
                assert_int_equal(letter, first[i]);
        }
        if (round == 2)
            assert_memory_not_equal(first,
                                    ((char[]){ (char)bench->tokens->ids[0],
                                               (char)bench->tokens->ids[1],
                                               (char)bench->tokens->ids[2],
                                               (char)bench->tokens->ids[3],
                                               (char)bench->tokens->ids[4] }),
                                    5);
        sample.seed = round == 1 ? 8 : 7;
    }
    assert_non_null(strstr(bench->tokens->protocol, "pick=random seed=8"));
}

static const char two_records[] =
    "[{\"instruction\":\"Add.\",\"input\":\"1 1\",\"output\":\"2\"},\n"
    " {\"instruction\":\"Sing.\",\"input\":\"\",\"output\":\"la\"}]";

static void records_have_prompts_and_an_end(void **state)
{
    struct bench *bench = *state;
    struct slim_sample sample = { .set = "alpaca", .len = 400 };
    const char *tail = "\n\n### Instruction:\nSing.\n\n### Response:\nla~";
    const struct slim_tokens *tokens;

    put(bench, "alpaca_data.json", two_records);
    tokens = want(bench, sample, SLIM_CUT_RECORDS);
    assert_int_equal(tokens->sequences, 2);
    assert_false(tokens->uniform);
    const char *text = sequence(bench, 1);

    assert_string_equal(text + strlen(text) - strlen(tail), tail);
    assert_int_equal(tokens->prompt[1], strlen(text) - 3);
    assert_non_null(strstr(sequence(bench, 0),
                           "\n\n### Instruction:\nAdd.\n\n### Input:\n1 1\n\n"
                           "### Response:\n2~"));
    sample.len = 20;
    tokens = want(bench, sample, SLIM_CUT_RECORDS);
    assert_true(tokens->uniform);
    assert_int_equal(tokens->length, 20);
    assert_int_equal(tokens->prompt[0], 20);
}

static void records_join_into_windows(void **state)
{
    struct bench *bench = *state;
    struct slim_sample sample = {
        .set = "alpaca.json", .file = true, .len = 300, .n = 1
    };

    put(bench, "alpaca.json", two_records);
    want(bench, sample, SLIM_CUT_WINDOWS);
    assert_non_null(strstr(sequence(bench, 0), "### Response:\n2\n\nBelow is"));
}

/* The shares of a set without split files are all of it, once. */
static void shares_do_not_overlap(void **state)
{
    static const char *const splits[] = { "train", "validation", "test" };
    struct bench *bench = *state;
    struct slim_sample sample = { .set = "alpaca", .len = 500 };
    struct slim_text json = { 0 };
    size_t seen[40] = { 0 }, total = 0;

    for (int i = 0; i < 40; i++)
        slim_text_printf(&json, "%c{\"instruction\":\"x\",\"output\":\"%02d\"}",
                         i ? ',' : '[', i);
    slim_text_puts(&json, "]");
    put(bench, "alpaca_data.json", json.data);
    slim_text_free(&json);
    for (size_t i = 0; i < 3; i++) {
        sample.split = splits[i];
        want(bench, sample, SLIM_CUT_RECORDS);
        total += bench->tokens->sequences;
        for (size_t k = 0; k < bench->tokens->sequences; k++) {
            const char *text = sequence(bench, k);

            seen[atoi(text + strlen(text) - 3)]++;
        }
        assert_int_equal(bench->tokens->sequences, i == 0 ? 32 : 4);
    }
    assert_int_equal(total, 40);
    for (size_t i = 0; i < 40; i++)
        assert_int_equal(seen[i], 1);
}

static void a_file_can_be_named_for_a_set(void **state)
{
    struct bench *bench = *state;
    char *path = slim_test_join(bench->directory, "mine.json");
    struct slim_data_map map = { .set = "alpaca", .file = path };
    struct slim_sample sample = { .set = "alpaca", .len = 8 };

    put(bench, "mine.json", two_records);
    bench->world.maps = &map;
    want(bench, sample, SLIM_CUT_RECORDS);
    assert_true(map.used);
    assert_non_null(strstr(bench->tokens->protocol, "alpaca.all=mine.json#"));
    map.file = "/nonexistent/mine.json";
    refuse_early(bench, sample, "D101", "-d alpaca=/nonexistent/mine.json");
    free(path);
}

static void digests_tell_samples_apart(void **state)
{
    struct bench *bench = *state;
    struct slim_digest text, ids;

    put(bench, "a.txt", "abcdefghij");
    want(bench, FILE_SAMPLE("a.txt", .len = 3, .n = 2), SLIM_CUT_WINDOWS);
    text = bench->tokens->text;
    ids = bench->tokens->digest;
    want(bench, FILE_SAMPLE("a.txt", .len = 2, .n = 3), SLIM_CUT_WINDOWS);
    assert_memory_equal(&text, &bench->tokens->text, sizeof(text));
    assert_memory_not_equal(&ids, &bench->tokens->digest, sizeof(ids));
    put(bench, "a.txt", "abcdefghik");
    want(bench, FILE_SAMPLE("a.txt", .len = 3, .n = 2), SLIM_CUT_WINDOWS);
    assert_memory_not_equal(&text, &bench->tokens->text, sizeof(text));
    assert_memory_equal(&ids, &bench->tokens->digest, sizeof(ids));
}

static void unknown_names_are_suggested(void **state)
{
    struct bench *bench = *state;

    refuse_early(bench, (struct slim_sample){ .set = "alpacca", .len = 8 },
                 "N020", "'alpaca'");
    refuse_early(
        bench,
        (struct slim_sample){ .set = "wikitext2", .len = 8, .split = "tset" },
        "N021", "'wikitext2.test'");
}

static void missing_files_say_what_and_where(void **state)
{
    struct bench *bench = *state;
    struct slim_sample sample = { .set = "wikitext2",
                                  .split = "test",
                                  .len = 8 };

    refuse_early(bench, sample, "D101", "wiki.test.raw");
    refuse(bench, sample, "D101", bench->directory);
    refuse(bench, sample, "D101", "-d wikitext2=FILE");
    refuse_early(bench, FILE_SAMPLE("no.txt", .len = 4), "D101",
                 "looked in /nonexistent");
}

static void too_little_text_is_counted(void **state)
{
    struct bench *bench = *state;

    put(bench, "a.txt", "abcdefghij");
    refuse_early(bench, FILE_SAMPLE("a.txt", .len = 4, .n = 3), "D102",
                 "has 2 windows of 4 tokens, and n=3");
    refuse_early(bench, FILE_SAMPLE("a.txt", .len = 50), "D102",
                 "one window of 50");
    refuse_early(bench, FILE_SAMPLE("a.txt", .len = 4, .n = 900), "D102",
                 "n=900");
    /* without a model the size alone must do */
    bench->world.model = NULL;
    refuse_early(bench, FILE_SAMPLE("a.txt", .len = 4, .n = 900), "D102",
                 "n=900");
    put(bench, "a.txt", "");
    refuse_early(bench, FILE_SAMPLE("a.txt", .len = 4), "D103", "no text");
    put(bench, "alpaca.json", "[]");
    refuse_early(bench, (struct slim_sample){ .set = "alpaca", .len = 4 },
                 "D103", "no text");
}

static void bad_bytes_have_a_place(void **state)
{
    struct bench *bench = *state;

    put(bench, "a.txt", "abc\xffxyz");
    refuse_early(bench, FILE_SAMPLE("a.txt", .len = 2), "F413", "byte 3");
}

static void bad_records_have_a_number(void **state)
{
    struct bench *bench = *state;
    struct slim_sample c4 = { .set = "c4", .len = 2 };
    struct slim_sample alpaca = { .set = "alpaca", .len = 2 };

    put(bench, "c4-train.jsonl", "{\"text\":\"a\"}\n{\"text\":\n");
    refuse_early(bench, c4, "F411", "line 2");
    put(bench, "c4-train.jsonl", "{\"text\":\"a\"}\n{\"body\":\"a\"}\n");
    refuse_early(bench, c4, "F412", "line 2 has no text under \"text\"");
    put(bench, "c4-train.jsonl", "{\"text\":\"a\"}\n17\n");
    refuse_early(bench, c4, "F411", "line 2");
    put(bench, "alpaca.json",
        "[{\"instruction\":\"a\",\"output\":\"b\"},{\"instruction\":\"a\","
        "\"answer\":\"b\"}]");
    refuse_early(bench, alpaca, "F412",
                 "record 2 has no text under \"output\"; its fields are "
                 "\"instruction\", \"answer\"");
    put(bench, "odd.jsonl", "{\"question\":\"a\"}\n");
    refuse_early(bench, FILE_SAMPLE("odd.jsonl", .len = 2), "F412",
                 "\"question\"");
    put(bench, "a.parquet", "PAR1");
    refuse_early(bench, FILE_SAMPLE("a.parquet", .len = 2), "F414",
                 "JSON lines");
}

/* Every descriptor that ships can be read, and names files to get. */
static void shipped_sets_are_well_formed(void **state)
{
    static const char *const names[] = { "alpaca", "bookcorpus", "c4", "ptb",
                                         "wikitext2" };
    struct bench *bench = *state;

    for (size_t i = 0; i < SLIM_COUNT(names); i++)
        refuse(bench, (struct slim_sample){ .set = names[i], .len = 8 }, "D101",
               "data folder");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_text_file_is_one_text),
        TEST(wikitext_rows_keep_newlines),
        TEST(stripped_lines_are_rows),
        TEST(json_lines_are_rows),
        TEST(random_windows_follow_the_seed),
        TEST(records_have_prompts_and_an_end),
        TEST(records_join_into_windows),
        TEST(shares_do_not_overlap),
        TEST(a_file_can_be_named_for_a_set),
        TEST(digests_tell_samples_apart),
        TEST(unknown_names_are_suggested),
        TEST(missing_files_say_what_and_where),
        TEST(too_little_text_is_counted),
        TEST(bad_bytes_have_a_place),
        TEST(bad_records_have_a_number),
        TEST(shipped_sets_are_well_formed),
    };

    return cmocka_run_group_tests_name("data", tests, NULL, NULL);
}
