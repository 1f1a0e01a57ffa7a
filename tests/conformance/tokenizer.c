/* tokenizer.c - token ids against those of the original implementations */
#include "tests/support.h"

#include "runtime/data/tokenizer.h"

#include <string.h>

struct held {
    struct slim_arena *arena;
    struct slim_diag diag;
    struct slim_tokenizer *tokenizer;
    char *directory;
};

static void hold(struct held *held, const char *path)
{
    held->directory = slim_test_need_shared(path);
    held->arena = slim_arena_open();
    held->diag = (struct slim_diag){ .arena = held->arena };
    if (slim_tokenizer_open(&held->tokenizer, held->directory,
                            (struct slim_span){ 0 }, &held->diag))
        fail_msg("%s", slim_test_diag(&held->diag));
}

static void release(struct held *held)
{
    slim_tokenizer_close(held->tokenizer);
    slim_arena_close(held->arena);
    free(held->directory);
}

static void encode(struct slim_ids *out, struct held *held, const char *text,
                   size_t length)
{
    out->count = 0;
    if (slim_tokenizer_encode(out, held->tokenizer, text, length, true,
                              &held->diag))
        fail_msg("%s", slim_test_diag(&held->diag));
}

/* One line of ids; the place after it. */
static const char *expect_line(const char *line, const struct slim_ids *have,
                               const char *text)
{
    size_t count = 0;
    const char *at = line;

    while (*at != '\n' && *at != '\0') {
        char *end;
        long want = strtol(at, &end, 10);

        if (end == at)
            break;
        if (count >= have->count || have->items[count] != want)
            fail_msg("id %zu of \"%s\" is not %ld", count, text, want);
        count++;
        at = end;
    }
    if (count != have->count)
        fail_msg("\"%s\" gives %zu ids, not %zu", text, have->count, count);
    at = strchr(at, '\n');
    return at ? at + 1 : "";
}

/* The inputs are apart by a line of their own, the ids a line each. */
static void compare_vectors(const char *directory, const char *inputs,
                            const char *outputs)
{
    static const char mark[] = "\n__ggml_vocab_test__\n";
    char *in_path = slim_test_need_shared(inputs);
    char *out_path = slim_test_need_shared(outputs);
    char *in = slim_test_read(in_path, NULL);
    char *out = slim_test_read(out_path, NULL);
    struct held held;
    struct slim_ids ids = { 0 };
    size_t cases = 0;
    const char *line = out;

    hold(&held, directory);
    for (char *at = in, *end; (end = strstr(at, mark)); cases++) {
        *end = '\0';
        encode(&ids, &held, at, (size_t)(end - at));
        line = expect_line(line, &ids, at);
        at = end + sizeof(mark) - 1;
    }
    assert_true(cases >= 45);
    slim_ids_free(&ids);
    release(&held);
    free(in);
    free(out);
    free(in_path);
    free(out_path);
}

static void split_pattern_of_three_digits(void **state)
{
    (void)state;
    compare_vectors(
        "data/tokenizers/llama3",
        "data/tokenizers/test_vectors/ggml-vocab-llama-bpe.gguf.inp",
        "data/tokenizers/test_vectors/"
        "ggml-vocab-llama-bpe.gguf.out");
}

static void split_pattern_of_single_digits_and_nfc(void **state)
{
    (void)state;
    compare_vectors("data/tokenizers/qwen3",
                    "data/tokenizers/test_vectors/ggml-vocab-qwen2.gguf.inp",
                    "data/tokenizers/test_vectors/ggml-vocab-qwen2.gguf.out");
}

static void sentencepiece_style_on_a_megabyte(void **state)
{
    char *path = slim_test_need_shared(
        "data/wikitext-2-raw/wikitext2_train.first1MB.txt");
    size_t length;
    char *text = slim_test_read(path, &length);
    struct held held;
    struct slim_ids ids = { 0 };

    (void)state;
    hold(&held, "models/stories260k");
    encode(&ids, &held, text, length);
    assert_int_equal(ids.count, 625046);
    assert_int_equal(ids.items[0], 1);
    assert_int_equal(slim_tokenizer_bos(held.tokenizer), 1);
    assert_int_equal(slim_tokenizer_eos(held.tokenizer), 2);
    assert_int_equal(slim_tokenizer_vocabulary(held.tokenizer), 512);
    slim_ids_free(&ids);
    release(&held);
    free(text);
    free(path);
}

/* A megabyte of one character must not take the square of its length: the
 * test would not end. */
static void one_endless_word(void **state)
{
    size_t length = (size_t)1 << 20;
    char *text = malloc(length);
    struct held held;
    struct slim_ids ids = { 0 };

    (void)state;
    assert_non_null(text);
    memset(text, 'a', length);
    hold(&held, "data/tokenizers/llama3");
    encode(&ids, &held, text, length);
    assert_true(ids.count > 0 && ids.count < length);
    slim_ids_free(&ids);
    release(&held);
    free(text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(split_pattern_of_three_digits),
        cmocka_unit_test(split_pattern_of_single_digits_and_nfc),
        cmocka_unit_test(sentencepiece_style_on_a_megabyte),
        cmocka_unit_test(one_endless_word),
    };

    return cmocka_run_group_tests_name("tokenizer against the originals", tests,
                                       NULL, NULL);
}
