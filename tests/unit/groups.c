/* groups.c - what discover finds, held against the tables of the references */
#include "compiler/ir/arch.h"

#include "base/text.h"
#include "tests/tiny.h"

#include <inttypes.h>
#include <string.h>

static struct slim_diag diag;

static int set_up(void **state)
{
    (void)state;
    diag = (struct slim_diag){ .arena = slim_arena_open() };
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    slim_arena_close(diag.arena);
    return 0;
}

/* "kv 4: q rows 16, o columns 16" */
static const char *print_group(const struct slim_arch *arch,
                               const struct slim_group *group)
{
    struct slim_text text = { 0 };
    slim_text_printf(&text, "%s %zu:", arch->axes[group->axis].name,
                     group->units);
    for (size_t m = 0; m < group->member_count; m++) {
        const struct slim_member *member = &group->members[m];
        slim_text_printf(
            &text, "%s %s %s %zu", m == 0 ? "" : ",", member->tensor->slot,
            member->dim == 0 ? "rows" : "columns", member->per_unit);
    }
    const char *kept = slim_arena_strdup(diag.arena, text.data);
    slim_text_free(&text);
    return kept;
}

static const struct slim_group *find_group(const struct slim_groups *groups,
                                           enum slim_role role, size_t layer)
{
    for (size_t g = 0; g < groups->count; g++)
        if (groups->items[g].role == role && groups->items[g].layer == layer)
            return &groups->items[g];
    fail_msg("no group of role %d in layer %zu", (int)role, layer);
    return NULL;
}

/* The attention and MLP groups of layer 1, and how many there are in all. */
static const struct slim_groups *expect(const struct slim_shape *shape,
                                        const char *attention, const char *mlp)
{
    const struct slim_groups *groups = slim_discover(shape, diag.arena);
    const struct slim_arch *arch = shape->arch;
    assert_int_equal(groups->count, 2 * arch->layers + 1);
    assert_string_equal(
        print_group(arch, find_group(groups, SLIM_ROLE_ATTN, 1)), attention);
    assert_string_equal(print_group(arch, find_group(groups, SLIM_ROLE_MLP, 1)),
                        mlp);
    return groups;
}

static const struct slim_shape *plan(const char *type, size_t heads,
                                     size_t kv_heads, bool tied)
{
    struct slim_tiny_sizes sizes = {
        .type = type,
        .layers = 2,
        .width = 32,
        .heads = heads,
        .kv_heads = kv_heads,
        .hidden = 24,
        .vocab = 40,
        .tied = tied,
    };
    char *config = slim_test_tiny_config(&sizes);
    struct slim_model_info *info = slim_test_plan(config, NULL, &diag);
    free(config);
    return info->shape;
}

#define MLP "mlp 24: gate rows 1, up rows 1, down columns 1"

static void heads_of_their_own(void **state)
{
    (void)state;
    const struct slim_groups *groups =
        expect(plan("llama", 4, 4, false),
               "kv 4: q rows 8, o columns 8, v rows 8, k rows 8", MLP);
    const struct slim_group *heads = find_group(groups, SLIM_ROLE_ATTN, 0);
    assert_int_equal(heads->params_per_unit, 4 * 8 * 32);
    assert_true(heads->members[0].output);
    assert_false(heads->members[1].output);
    assert_int_equal(find_group(groups, SLIM_ROLE_MLP, 0)->params_per_unit,
                     3 * 32);
}

static void grouped_heads_start_with_keys(void **state)
{
    (void)state;
    expect(plan("llama", 4, 2, false),
           "kv 2: k rows 8, o columns 16, v rows 8, q rows 16", MLP);
    expect(plan("mistral", 4, 2, false),
           "kv 2: k rows 8, o columns 16, v rows 8, q rows 16", MLP);
}

static void one_key_head_is_one_unit(void **state)
{
    (void)state;
    expect(plan("llama", 4, 1, false),
           "kv 1: k rows 8, o columns 32, v rows 8, q rows 32", MLP);
}

static void biases_are_cut_and_known(void **state)
{
    (void)state;
    const struct slim_groups *groups =
        expect(plan("qwen2", 4, 2, false),
               "kv 2: k rows 8, o columns 16, v rows 8, q rows 16, "
               "v_bias rows 8, k_bias rows 8, q_bias rows 16",
               MLP);
    const struct slim_group *heads = find_group(groups, SLIM_ROLE_ATTN, 0);
    for (size_t m = 0; m < heads->member_count; m++)
        assert_int_equal(heads->members[m].tensor->bias, m >= 4);
}

static size_t count_slot(const struct slim_group *group, const char *slot)
{
    size_t count = 0;
    for (size_t m = 0; m < group->member_count; m++)
        count += strcmp(group->members[m].tensor->slot, slot) == 0;
    return count;
}

static void the_stream_is_one_group(void **state)
{
    (void)state;
    const struct slim_shape *shape = plan("llama", 4, 2, false);
    const struct slim_groups *groups = slim_discover(shape, diag.arena);
    const struct slim_group *stream =
        find_group(groups, SLIM_ROLE_STREAM, SLIM_NO_LAYER);
    assert_ptr_equal(stream, &groups->items[groups->count - 1]);
    assert_int_equal(stream->units, 32);
    assert_string_equal(stream->members[0].tensor->name, "model.norm.weight");
    /* 5 norms, head and embedding are all called weight */
    assert_int_equal(count_slot(stream, "weight"), 7);
    assert_int_equal(count_slot(stream, "q"), 2);
    assert_int_equal(count_slot(stream, "o"), 2);
    assert_int_equal(count_slot(stream, "down"), 2);
    assert_int_equal(stream->member_count, 7 + 2 * 7);
    assert_int_equal(stream->params_per_unit * 32, slim_shape_params(shape));
}

static void a_tied_head_is_no_second_member(void **state)
{
    (void)state;
    const struct slim_shape *shape = plan("llama", 4, 2, true);
    const struct slim_groups *groups = slim_discover(shape, diag.arena);
    const struct slim_group *stream =
        find_group(groups, SLIM_ROLE_STREAM, SLIM_NO_LAYER);
    assert_int_equal(count_slot(stream, "weight"), 6);
    assert_int_equal(stream->params_per_unit * 32, slim_shape_params(shape));
}

/* With shortcuts between them every site stands alone. */
static void shortcuts_part_the_sites(void **state)
{
    (void)state;
    struct slim_shape *shape =
        slim_shape_copy(plan("llama", 4, 2, true), diag.arena);
    shape->shortcuts = shape->folded = shape->untied = true;
    const struct slim_groups *groups = slim_discover(shape, diag.arena);
    assert_int_equal(groups->count, 2 * 2 + 5);
    const struct slim_group *first = &groups->items[4];
    assert_int_equal(first->layer, SLIM_NO_LAYER);
    /* embedding, q, k, v and the first shortcut */
    assert_int_equal(first->member_count, 5);
    assert_int_equal(count_slot(first, "shortcut"), 1);
}

static const struct slim_shape *trial(const char *file, const char *config)
{
    char *path = slim_test_source(file);
    struct slim_model_info *info = slim_test_plan(config, path, &diag);
    free(path);
    return info->shape;
}

static void fused_tensors_are_cut_in_parts(void **state)
{
    (void)state;
    expect(trial("compiler/families/phi3.yaml",
                 "{\"model_type\":\"phi3\",\"num_hidden_layers\":2,"
                 "\"hidden_size\":32,\"num_attention_heads\":4,"
                 "\"num_key_value_heads\":2,\"intermediate_size\":24,"
                 "\"vocab_size\":40,\"max_position_embeddings\":64}"),
           "kv 2: qkv rows 32, o columns 16",
           "mlp 24: gate_up rows 2, down columns 1");
    expect(trial("compiler/families/bloom.yaml",
                 "{\"model_type\":\"bloom\",\"n_layer\":2,\"hidden_size\":32,"
                 "\"n_head\":4,\"vocab_size\":40}"),
           "kv 4: qkv rows 24, o columns 8, qkv_bias rows 24, slopes rows 1",
           "mlp 128: up rows 1, down columns 1, up_bias rows 1");
}

static void positions_and_parallel_blocks(void **state)
{
    (void)state;
    const struct slim_groups *groups = expect(
        trial("compiler/families/opt.yaml",
              "{\"model_type\":\"opt\",\"num_hidden_layers\":2,"
              "\"hidden_size\":32,\"num_attention_heads\":4,\"ffn_dim\":24,"
              "\"vocab_size\":40,\"max_position_embeddings\":64}"),
        "kv 4: q rows 8, o columns 8, v rows 8, k rows 8, v_bias rows 8, "
        "k_bias rows 8, q_bias rows 8",
        "mlp 24: up rows 1, down columns 1, up_bias rows 1");
    const struct slim_group *stream =
        find_group(groups, SLIM_ROLE_STREAM, SLIM_NO_LAYER);
    assert_int_equal(count_slot(stream, "positions"), 1);
    assert_int_equal(count_slot(stream, "o_bias"), 2);
    groups = expect(
        trial("compiler/families/phi.yaml",
              "{\"model_type\":\"phi\",\"num_hidden_layers\":2,"
              "\"hidden_size\":32,\"num_attention_heads\":4,"
              "\"intermediate_size\":24,\"vocab_size\":40,"
              "\"max_position_embeddings\":64}"),
        "kv 4: q rows 8, o columns 8, v rows 8, k rows 8, v_bias rows 8, "
        "k_bias rows 8, q_bias rows 8",
        "mlp 24: up rows 1, down columns 1, up_bias rows 1");
    stream = find_group(groups, SLIM_ROLE_STREAM, SLIM_NO_LAYER);
    assert_int_equal(count_slot(stream, "up"), 2);
    assert_int_equal(count_slot(stream, "o"), 2);
}

/* Of the families of the reference's table that are left. */
static void other_families_have_their_groups(void **state)
{
    (void)state;
    expect(
        trial("compiler/families/baichuan.yaml",
              "{\"model_type\":\"baichuan\",\"num_hidden_layers\":2,"
              "\"hidden_size\":32,\"num_attention_heads\":4,"
              "\"intermediate_size\":24,\"vocab_size\":40,"
              "\"model_max_length\":64}"),
        /* rows of q, k and v for a head; the slopes of the heads that stay */
        "kv 4: qkv rows 24, o columns 8, slopes rows 1", MLP);
    expect(trial("compiler/families/baichuan.yaml",
                 "{\"model_type\":\"baichuan\",\"num_hidden_layers\":2,"
                 "\"hidden_size\":32,\"num_attention_heads\":4,"
                 "\"intermediate_size\":24,\"vocab_size\":40,"
                 "\"max_position_embeddings\":64}"),
           "kv 4: qkv rows 24, o columns 8", MLP);
    expect(trial("compiler/families/chatglm.yaml",
                 "{\"model_type\":\"chatglm\",\"num_layers\":2,"
                 "\"hidden_size\":32,\"inner_hidden_size\":24,"
                 "\"num_attention_heads\":4,\"vocab_size\":40,"
                 "\"max_sequence_length\":64}"),
           "kv 4: qkv rows 24, o columns 8, qkv_bias rows 24",
           "mlp 24: up rows 1, down columns 1, up_bias rows 1");
    expect(plan("gemma", 4, 2, true),
           "kv 2: k rows 256, o columns 512, v rows 256, q rows 512", MLP);
}

/* Narrower token vectors are not of the stream: the matrices between are. */
static void projections_join_the_stream(void **state)
{
    (void)state;
    const struct slim_groups *groups = expect(
        trial("compiler/families/opt_post_norm.yaml",
              "{\"model_type\":\"opt\",\"do_layer_norm_before\":false,"
              "\"num_hidden_layers\":2,\"hidden_size\":32,\"ffn_dim\":24,"
              "\"word_embed_proj_dim\":16,\"num_attention_heads\":4,"
              "\"vocab_size\":40,\"max_position_embeddings\":64}"),
        "kv 4: q rows 8, o columns 8, v rows 8, k rows 8, v_bias rows 8, "
        "k_bias rows 8, q_bias rows 8",
        "mlp 24: up rows 1, down columns 1, up_bias rows 1");
    const struct slim_group *stream =
        find_group(groups, SLIM_ROLE_STREAM, SLIM_NO_LAYER);
    assert_int_equal(count_slot(stream, "project"), 2);
    assert_int_equal(count_slot(stream, "positions"), 1);
    assert_int_equal(count_slot(stream, "down_bias"), 2);
    for (size_t m = 0; m < stream->member_count; m++) {
        const struct slim_member *member = &stream->members[m];
        if (strcmp(member->tensor->slot, "project") == 0)
            assert_int_equal(
                member->dim,
                member->tensor->node->kind == SLIM_BLOCK_EMBEDDING ? 0 : 1);
        /* the token table and the head that it is tied to */
        assert_true(strcmp(member->tensor->slot, "weight") != 0 ||
                    member->tensor->node->kind == SLIM_BLOCK_NORM);
    }
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(heads_of_their_own),
        TEST(grouped_heads_start_with_keys),
        TEST(one_key_head_is_one_unit),
        TEST(biases_are_cut_and_known),
        TEST(the_stream_is_one_group),
        TEST(a_tied_head_is_no_second_member),
        TEST(shortcuts_part_the_sites),
        TEST(fused_tensors_are_cut_in_parts),
        TEST(positions_and_parallel_blocks),
        TEST(other_families_have_their_groups),
        TEST(projections_join_the_stream),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
