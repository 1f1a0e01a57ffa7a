/* data.c - samples of real data sets against those of the other
 * implementations */
#include "tests/support.h"

#include "compiler/ir/checkpoint.h"
#include "runtime/data/data.h"

#include <string.h>

struct bench {
    char *model, *folder, *sets;
    const char *folders[2];
    struct slim_arena *arena;
    struct slim_diag diag;
    struct slim_data_world world;
    struct slim_tokenizer *tokenizer;
};

/* `model` is taken over. */
static void hold(struct bench *bench, char *model, const char *folder)
{
    *bench = (struct bench){ .model = model };
    bench->folder = slim_test_need_shared(folder);
    bench->sets = slim_test_source("runtime/data/sets");
    bench->folders[0] = bench->folder;
    bench->arena = slim_arena_open();
    bench->diag.arena = bench->arena;
    bench->world = (struct slim_data_world){ .sets = bench->sets,
                                             .directories = bench->folders,
                                             .model = model,
                                             .arena = bench->arena };
    if (slim_tokenizer_open(&bench->tokenizer, model, (struct slim_span){ 0 },
                            &bench->diag))
        fail_msg("%s", slim_test_diag(&bench->diag));
}

static void release(struct bench *bench)
{
    slim_tokenizer_close(bench->tokenizer);
    slim_arena_close(bench->arena);
    free(bench->model);
    free(bench->folder);
    free(bench->sets);
}

static struct slim_tokens *want(struct bench *bench, struct slim_sample sample,
                                enum slim_cut cut)
{
    struct slim_span nowhere = { 0 };
    struct slim_tokens *tokens = NULL;

    if (slim_data_check(&bench->world, &sample, nowhere, &bench->diag) ||
        slim_tokens_load(&tokens, &sample, cut, &bench->world, bench->tokenizer,
                         nowhere, &bench->diag))
        fail_msg("%s", slim_test_diag(&bench->diag));
    return tokens;
}

/* The ids that an oracle holds under `name`. */
static void expect_oracle(struct bench *bench, const struct slim_tokens *tokens,
                          const char *name)
{
    char *path = slim_test_need_shared("oracles/smollm2/dense.safetensors");
    char *bytes = slim_test_read(path, NULL);
    struct slim_checkpoint *oracle;

    if (slim_checkpoint_open(&oracle, path, (struct slim_span){ 0 },
                             &bench->diag))
        fail_msg("%s", slim_test_diag(&bench->diag));
    const struct slim_disk_tensor *ids = slim_checkpoint_find(oracle, name);

    assert_non_null(ids);
    assert_int_equal(ids->dtype, SLIM_DTYPE_I32);
    assert_int_equal(ids->bytes,
                     tokens->starts[tokens->sequences] * sizeof(int32_t));
    assert_memory_equal(bytes + ids->offset, tokens->ids, ids->bytes);
    free(bytes);
    free(path);
}

static void wikitext_as_the_papers_join_it(void **state)
{
    static const int32_t first[] = { 1116, 446, 6356,  389,   9226,
                                     352,  446, 38028, 16506, 6356 };
    struct bench bench;
    struct slim_sample sample = {
        .set = "wikitext2", .split = "test", .len = 1, .pick = SLIM_PICK_FIRST
    };

    (void)state;
    hold(&bench, slim_test_need_smollm2(), "data/wikitext-2-raw");
    struct slim_tokens *tokens = want(&bench, sample, SLIM_CUT_WINDOWS);

    assert_int_equal(tokens->sequences, 304978);
    assert_memory_equal(tokens->ids, first, sizeof(first));
    slim_tokens_free(tokens);
    sample.len = 64;
    sample.n = 2;
    tokens = want(&bench, sample, SLIM_CUT_WINDOWS);
    expect_oracle(&bench, tokens, "ids");
    slim_tokens_free(tokens);
    release(&bench);
}

static void a_quoted_file_is_one_text(void **state)
{
    struct bench bench;
    struct slim_sample sample = { .set = "wikitext2_train.first1MB.txt",
                                  .file = true,
                                  .len = 1,
                                  .pick = SLIM_PICK_FIRST };

    (void)state;
    hold(&bench, slim_test_need_smollm2(), "data/wikitext-2-raw");
    struct slim_tokens *tokens = want(&bench, sample, SLIM_CUT_WINDOWS);

    assert_int_equal(tokens->sequences, 231394);
    slim_tokens_free(tokens);
    sample.len = 64;
    sample.n = 10;
    tokens = want(&bench, sample, SLIM_CUT_WINDOWS);
    expect_oracle(&bench, tokens, "taylor_ids");
    slim_tokens_free(tokens);
    release(&bench);
}

/* SentencePiece style adds one BOS at the very start of the whole text. */
static void one_bos_for_the_whole_text(void **state)
{
    struct bench bench;
    struct slim_sample sample = { .set = "wikitext2",
                                  .split = "test",
                                  .len = 128 };

    (void)state;
    hold(&bench, slim_test_need_shared("models/stories260k"), "data");
    struct slim_tokens *tokens = want(&bench, sample, SLIM_CUT_WINDOWS);

    assert_int_equal(tokens->sequences, 815070 / 128);
    assert_int_equal(tokens->ids[0], 1);
    for (size_t i = 1; i < tokens->starts[tokens->sequences]; i++)
        assert_int_not_equal(tokens->ids[i], 1);
    assert_non_null(strstr(tokens->protocol, "bos=yes"));
    slim_tokens_free(tokens);
    release(&bench);
}

static void instructions_become_records(void **state)
{
    struct bench bench;
    char *file = slim_test_need_shared("data/alpaca/random_9k.json");
    struct slim_data_map map = { .set = "alpaca", .file = file };
    struct slim_sample sample = { .set = "alpaca", .len = 256 };
    size_t prompts = 0;

    (void)state;
    hold(&bench, slim_test_need_shared("models/stories260k"), "data");
    bench.world.maps = &map;
    struct slim_tokens *tokens = want(&bench, sample, SLIM_CUT_RECORDS);

    assert_int_equal(tokens->sequences, 9229);
    for (size_t i = 0; i < tokens->sequences; i++) {
        size_t count = tokens->starts[i + 1] - tokens->starts[i];
        const int32_t *ids = tokens->ids + tokens->starts[i];

        assert_in_range(count, 1, 256);
        assert_in_range(tokens->prompt[i], 1, count);
        assert_int_equal(ids[0], 1);
        assert_true(count == 256 || ids[count - 1] == 2);
        prompts += (size_t)tokens->prompt[i];
    }
    assert_true(prompts < tokens->starts[tokens->sequences]);
    slim_tokens_free(tokens);
    release(&bench);
    free(file);
}

/* A web sample given as JSON lines, and named for the set in the open. */
static void documents_are_joined(void **state)
{
    struct bench bench;
    char *file = slim_test_need_shared("data/c4_sample/c4_demo.jsonl");
    struct slim_data_map map = { .set = "c4", .file = file };
    struct slim_sample sample = {
        .set = "c4", .len = 512, .n = 128, .seed = 3
    };

    (void)state;
    hold(&bench, slim_test_need_shared("models/stories260k"), "data");
    bench.world.maps = &map;
    struct slim_tokens *tokens = want(&bench, sample, SLIM_CUT_RECORDS);

    assert_int_equal(tokens->sequences, 128);
    assert_true(tokens->uniform);
    assert_int_equal(tokens->prompt[0], 0);
    assert_true(map.used);
    slim_tokens_free(tokens);
    release(&bench);
    free(file);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(wikitext_as_the_papers_join_it),
        cmocka_unit_test(a_quoted_file_is_one_text),
        cmocka_unit_test(one_bos_for_the_whole_text),
        cmocka_unit_test(instructions_become_records),
        cmocka_unit_test(documents_are_joined),
    };

    return cmocka_run_group_tests_name("data against the originals", tests,
                                       NULL, NULL);
}
