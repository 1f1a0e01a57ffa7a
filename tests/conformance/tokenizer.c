/* tokenizer.c - token ids against those of the original implementations */
#include "tests/support.h"

#include "base/text.h"
#include "runtime/data/tokenizer.h"

#include <string.h>

struct held {
    struct slim_arena *arena;
    struct slim_diag diag;
    struct slim_tokenizer *tokenizer;
    char *directory;
    bool made; /* the directory is the test's own */
};

/* Files that lie under other names than a model has them by. */
static const struct {
    const char *directory, *files[2], *names[2];
} renamed[] = {
    { "data/tokenizers/gpt2",
      { "encoder.json", "vocab.bpe" },
      { "vocab.json", "merges.txt" } },
    { "data/tokenizers/opt",
      { "gpt2-vocab.json", "gpt2-merges.txt" },
      { "vocab.json", "merges.txt" } },
};

static void copy(const char *to, const char *to_name, const char *from,
                 const char *from_name)
{
    char *source = slim_test_join(from, from_name);
    char *target = slim_test_join(to, to_name);
    size_t length;
    char *bytes = slim_test_read(source, &length);

    slim_test_write(target, bytes, length);
    free(bytes);
    free(target);
    free(source);
}

/* The folder, or a new one with its files under the names of a model. */
static char *folder_of(const char *path, bool *made)
{
    char *shared = slim_test_need_shared(path);

    *made = false;
    for (size_t i = 0; i < SLIM_COUNT(renamed); i++) {
        if (strcmp(renamed[i].directory, path) != 0)
            continue;
        char *folder = slim_test_directory();

        for (size_t f = 0; f < 2; f++)
            copy(folder, renamed[i].names[f], shared, renamed[i].files[f]);
        free(shared);
        *made = true;
        return folder;
    }
    return shared;
}

static void hold(struct held *held, const char *path)
{
    held->directory = folder_of(path, &held->made);
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
    if (held->made)
        slim_test_directory_remove(held->directory);
    else
        free(held->directory);
}

static void encode(struct slim_ids *out, struct held *held, const char *text,
                   size_t length, bool special)
{
    out->count = 0;
    if (slim_tokenizer_encode(out, held->tokenizer, text, length, special,
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
        encode(&ids, &held, at, (size_t)(end - at), false);
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
    encode(&ids, &held, text, length, true);
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

static void byte_level_of_two_files(void **state)
{
    (void)state;
    compare_vectors("data/tokenizers/gpt2",
                    "data/tokenizers/test_vectors/ggml-vocab-gpt-2.gguf.inp",
                    "data/tokenizers/test_vectors/ggml-vocab-gpt-2.gguf.out");
}

static void sentencepiece_model(void **state)
{
    (void)state;
    compare_vectors(
        "data/tokenizers/llama2",
        "data/tokenizers/test_vectors/ggml-vocab-llama-spm.gguf.inp",
        "data/tokenizers/test_vectors/ggml-vocab-llama-spm.gguf.out");
    compare_vectors("data/tokenizers/llama2",
                    "data/tokenizers/test_vectors/ggml-vocab-phi-3.gguf.inp",
                    "data/tokenizers/test_vectors/ggml-vocab-phi-3.gguf.out");
}

/* FNV-1a of the ids, each as four bytes, the least first. */
static uint64_t hash_of(const struct slim_ids *ids)
{
    uint64_t hash = 14695981039346656037u;

    for (size_t i = 0; i < ids->count; i++)
        for (unsigned byte = 0; byte < 4; byte++)
            hash = (hash ^ ((uint32_t)ids->items[i] >> 8 * byte & 255)) *
                   1099511628211u;
    return hash;
}

/* What tokenizers 0.23.3 and, for the model file, sentencepiece 0.2 give for a
 * megabyte in one call, without BOS. */
static const struct {
    const char *directory;
    size_t count;
    uint64_t hash;
} megabytes[] = {
    { "data/tokenizers/gpt2", 217565, 0xb9042a1252396e71 },
    { "data/tokenizers/opt", 217565, 0xd25f4d346c3e565b },
    { "data/tokenizers/llama2", 254701, 0x10626ae69583311c },
    { "data/tokenizers/llama3", 221719, 0xbc3114e1f2f536e7 },
    { "data/tokenizers/qwen3", 228821, 0x9b52001689f12bf9 },
};

static void a_megabyte_of_each(void **state)
{
    char *path = slim_test_need_shared(
        "data/wikitext-2-raw/wikitext2_train.first1MB.txt");
    size_t length;
    char *text = slim_test_read(path, &length);
    struct slim_ids ids = { 0 };

    (void)state;
    for (size_t i = 0; i < SLIM_COUNT(megabytes); i++) {
        struct held held;

        hold(&held, megabytes[i].directory);
        encode(&ids, &held, text, length, false);
        if (ids.count != megabytes[i].count ||
            hash_of(&ids) != megabytes[i].hash)
            fail_msg("%s: %zu ids, 0x%016llx", megabytes[i].directory,
                     ids.count, (unsigned long long)hash_of(&ids));
        release(&held);
    }
    slim_ids_free(&ids);
    free(text);
    free(path);
}

/* The papers' text of the test split has so many LLaMA-2 tokens with BOS. */
static void tokens_of_the_test_split(void **state)
{
    char *path = slim_test_need_shared("data/wikitext-2-raw/wiki.test.raw");
    char *text = slim_test_read(path, NULL);
    struct slim_text joined = { 0 };
    struct slim_ids ids = { 0 };
    struct held held;

    (void)state;
    for (char *line = text, *end; *line; line = end + 1) {
        end = strchr(line, '\n');
        if (line != text)
            slim_text_puts(&joined, "\n\n");
        if (strspn(line, " ") != (size_t)(end - line))
            slim_text_append(&joined, line, (size_t)(end - line) + 1);
    }
    hold(&held, "data/tokenizers/llama2");
    encode(&ids, &held, joined.data, joined.length, true);
    assert_int_equal(ids.count, 341469);
    assert_int_equal(ids.items[0], 1);
    slim_ids_free(&ids);
    slim_text_free(&joined);
    release(&held);
    free(text);
    free(path);
}

/* What is repeated to a megabyte: one letter, one space, a base under marks
 * without end, marks in falling order of class, what is no letter. */
static const char *const repeated[] = {
    "a", " ", "\n", "\xcc\x81",         "\xcc\x81\xcc\xa3", "\xe2\x96\x81",
    "!", "1", "<|", "\xf0\x9f\x98\x80",
};

/* Work for text without end must stay in proportion to its length: at most
 * four candidates for each byte. */
static void text_without_end(void **state)
{
    size_t length = (size_t)1 << 20;
    struct slim_text text = { 0 };
    struct slim_ids ids = { 0 };

    (void)state;
    /* every second one: byte-level, SentencePiece, composed byte-level */
    for (size_t i = 0; i < SLIM_COUNT(megabytes); i += 2) {
        struct held held;

        hold(&held, megabytes[i].directory);
        for (size_t r = 0; r < SLIM_COUNT(repeated); r++) {
            uint64_t before = slim_tokenizer_steps(held.tokenizer);

            text.length = 0;
            slim_text_puts(&text, "e");
            while (text.length < length)
                slim_text_puts(&text, repeated[r]);
            encode(&ids, &held, text.data, text.length, true);
            assert_true(ids.count > 0 && ids.count <= text.length + 2);
            assert_in_range(slim_tokenizer_steps(held.tokenizer) - before, 0,
                            4 * length);
        }
        release(&held);
    }
    slim_ids_free(&ids);
    slim_text_free(&text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(split_pattern_of_three_digits),
        cmocka_unit_test(split_pattern_of_single_digits_and_nfc),
        cmocka_unit_test(sentencepiece_style_on_a_megabyte),
        cmocka_unit_test(byte_level_of_two_files),
        cmocka_unit_test(sentencepiece_model),
        cmocka_unit_test(a_megabyte_of_each),
        cmocka_unit_test(tokens_of_the_test_split),
        cmocka_unit_test(text_without_end),
    };

    return cmocka_run_group_tests_name("tokenizer against the originals", tests,
                                       NULL, NULL);
}
