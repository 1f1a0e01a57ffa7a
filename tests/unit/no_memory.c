/* no_memory.c - whatever allocation fails: one error O, no leak, no output */
#include "base/file.h"
#include "base/text.h"
#include "tests/session.h"
#include "tests/support.h"
#include "tests/tiny.h"

#include <string.h>

/* The linker puts these in front of the C library's, for our own code. */
void *__real_malloc(size_t size);
void *__real_calloc(size_t count, size_t size);
void *__wrap_malloc(size_t size);
void *__wrap_calloc(size_t count, size_t size);

/* Allocations until one fails; 0: none does. */
static size_t left;
static size_t seen;

static bool fails_now(void)
{
    seen++;
    return left > 0 && --left == 0;
}

void *__wrap_malloc(size_t size)
{
    return fails_now() ? NULL : __real_malloc(size);
}

/* Arenas ask for themselves, a pointer, and for whole blocks; without them not
 * even the error could be kept. */
void *__wrap_calloc(size_t count, size_t size)
{
    bool arena = count == 1 && (size == sizeof(void *) || size >= 1 << 16);

    return !arena && fails_now() ? NULL : __real_calloc(count, size);
}

struct bench {
    char *directory, *out;
};

static void put(const struct bench *bench, const char *name, const char *text)
{
    char *path = slim_test_join(bench->directory, name);

    slim_test_puts(path, text);
    free(path);
}

static void make_model(const struct bench *bench)
{
    struct slim_tiny_sizes sizes = { .type = "llama",
                                     .layers = 2,
                                     .width = 16,
                                     .heads = 2,
                                     .kv_heads = 1,
                                     .hidden = 48,
                                     .vocab = 128,
                                     .more = "\"rms_norm_eps\": 1e-5," };
    struct slim_tiny tiny = { .config = slim_test_tiny_config(&sizes),
                              .seed = 3 };

    slim_test_tiny(bench->directory, &tiny);
    free((void *)(uintptr_t)tiny.config);
}

static void make_tokenizer(const struct bench *bench)
{
    struct slim_text json = { 0 }, text = { 0 };

    slim_text_puts(&json, "{\"model\":{\"type\":\"BPE\",\"merges\":[],"
                          "\"vocab\":{\"\\n\":10");
    for (int c = 32; c < 127; c++)
        slim_text_printf(&json, ",\"%s%c\":%d",
                         c == '"' || c == '\\' ? "\\" : "", c, c);
    slim_text_puts(&json, "}}}");
    put(bench, "tokenizer.json", json.data);
    put(bench, "tokenizer_config.json", "{\"eos_token\":\"~\"}");
    for (int i = 0; i < 40; i++)
        slim_text_printf(&text, "line %d says that %d is a number\n", i,
                         i * 7 % 31);
    put(bench, "words.txt", text.data);
    slim_text_free(&json);
    slim_text_free(&text);
}

static int set_up(void **state)
{
    struct bench *bench = calloc(1, sizeof(*bench));

    assert_non_null(bench);
    bench->directory = slim_test_directory();
    bench->out = slim_test_join(bench->directory, "out");
    make_model(bench);
    make_tokenizer(bench);
    *state = bench;
    return 0;
}

static int tear_down(void **state)
{
    struct bench *bench = *state;

    free(bench->out);
    slim_test_directory_remove(bench->directory);
    free(bench);
    return 0;
}

/* Exactly one error, and of memory; there may be warnings. */
static bool is_of_memory(const struct slim_diag *diag)
{
    const struct slim_error *error = diag->first;

    while (error && error->severity != SLIM_ERROR)
        error = error->next;
    return diag->errors == 1 && error->code[0] == 'O';
}

/* What is left of a run whose n-th allocation failed; true if it did not. */
static bool run_once(const struct bench *bench, const char *recipe, size_t n)
{
    struct slim_session *session =
        slim_test_session_compile(recipe, bench->directory, bench->directory);
    FILE *quiet = fopen("/dev/null", "w");

    assert_non_null(quiet);
    session->run.progress.out = quiet;
    seen = 0;
    left = n;
    enum slim_status status = slim_run_program(&session->run);
    left = 0;
    if (status != SLIM_OK && !is_of_memory(&session->diag)) {
        char *text = slim_test_diag(&session->diag);

        print_error("allocation %zu: %s", n, text);
        free(text);
        fail();
    }
    if (status == SLIM_OK && n > 0 && seen >= n)
        fail_msg("allocation %zu failed, and nobody said so", n);
    if (slim_file_exists(bench->out) != (status == SLIM_OK))
        fail_msg("allocation %zu: the output is %sthere", n,
                 status == SLIM_OK ? "not " : "");
    slim_remove_tree(bench->out);
    (void)fclose(quiet);
    slim_test_session_free(session);
    return status == SLIM_OK;
}

static void fail_each(const struct bench *bench, const char *stages)
{
    struct slim_text recipe = { 0 };

    slim_text_printf(&recipe, "%s\nsave %s \"%s\"\n", stages,
                     strstr(stages, "lora") ? "adapter" : "hf", bench->out);
    assert_true(run_once(bench, recipe.data, 0));
    size_t count = seen;
    for (size_t n = 1; n <= count; n++)
        assert_false(run_once(bench, recipe.data, n));
    assert_true(run_once(bench, recipe.data, count + 1));
    slim_text_free(&recipe);
}

#define ON "on \"words.txt\" n=4 len=16"

static void scores_and_prunes(void **state)
{
    fail_each(*state,
              "score taylor order=mixed " ON "\nprune 25% of groups in mlp");
}

static void prunes_in_steps(void **state)
{
    fail_each(*state,
              "score l2\nprune 30% of params in mlp global=yes steps=2");
}

static void prunes_the_width(void **state)
{
    fail_each(*state, "score random\nprune 25% of width in width");
}

static void turns_the_model(void **state)
{
    fail_each(*state, "rotate pca per=model " ON);
    fail_each(*state, "rotate pca per=model " ON "\nslice 50%");
}

static void turns_each_block(void **state)
{
    fail_each(*state, "rotate pca per=block " ON);
    fail_each(*state, "rotate pca per=block " ON "\nslice 50%");
}

static void trains_adapters(void **state)
{
    fail_each(*state, "recover lora r=2 steps=2 batch=2 " ON);
}

static void trains_the_weights(void **state)
{
    fail_each(*state, "recover full steps=2 batch=2 " ON);
}

static void measures(void **state)
{
    fail_each(*state, "measure ppl, params, macs, memory " ON);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(scores_and_prunes),  TEST(prunes_in_steps),
        TEST(prunes_the_width),   TEST(turns_the_model),
        TEST(turns_each_block),   TEST(trains_adapters),
        TEST(trains_the_weights), TEST(measures),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
