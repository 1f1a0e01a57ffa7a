/* kinds.c - a small model of every family */
#include "tests/kinds.h"

#include "base/file.h"
#include "tests/made.h"
#include "tests/support.h"
#include "tests/tiny.h"

#include <string.h>

#define SHIPPED(name, config)                                                  \
    {                                                                          \
        name, "compiler/families/" name ".yaml", config                        \
    }
#define TRIAL(name, config)                                                    \
    {                                                                          \
        name, "tests/families/" name ".yaml", config                           \
    }
#define SIZES(heads)                                                           \
    "\"hidden_size\":16,\"num_hidden_layers\":2,\"vocab_size\":40,"            \
    "\"max_position_embeddings\":32,\"num_attention_heads\":" heads
#define GATED SIZES("4") ",\"intermediate_size\":11,\"num_key_value_heads\":2"

const struct slim_kind slim_kinds[] = {
    SHIPPED("llama", "\"model_type\":\"llama\",\"rope_parameters\":{"
                     "\"rope_type\":\"llama3\",\"rope_theta\":1e4,\"factor\":8,"
                     "\"low_freq_factor\":1,\"high_freq_factor\":4,"
                     "\"original_max_position_embeddings\":8}," GATED),
    SHIPPED("mistral", "\"model_type\":\"mistral\",\"sliding_window\":4,"
                       "\"rms_norm_eps\":1e-6," GATED),
    SHIPPED("qwen2", "\"model_type\":\"qwen2\",\"dtype\":\"float16\"," GATED),
    SHIPPED("gemma", "\"model_type\":\"gemma\",\"head_dim\":6," GATED),
    SHIPPED("phi3", "\"model_type\":\"phi3\",\"rms_norm_eps\":1e-5," GATED),
    SHIPPED("phi", "\"model_type\":\"phi\",\"intermediate_size\":11,"
                   "\"partial_rotary_factor\":0.5," SIZES("4")),
    SHIPPED("opt", "\"model_type\":\"opt\",\"ffn_dim\":11," SIZES("4")),
    SHIPPED("opt_post_norm",
            "\"model_type\":\"opt\",\"do_layer_norm_before\":false,"
            "\"word_embed_proj_dim\":8,\"ffn_dim\":11," SIZES("4")),
    SHIPPED("bloom", "\"model_type\":\"bloom\",\"n_layer\":2,\"n_head\":4,"
                     "\"hidden_size\":16,\"vocab_size\":40"),
    SHIPPED("baichuan", "\"model_type\":\"baichuan\",\"intermediate_size\":11,"
                        "\"rms_norm_eps\":1e-6," SIZES("4")),
    SHIPPED("chatglm",
            "\"model_type\":\"chatglm\",\"num_layers\":2,\"hidden_size\":16,"
            "\"inner_hidden_size\":11,\"num_attention_heads\":4,"
            "\"vocab_size\":40,\"max_sequence_length\":32,\"bos_token_id\":36,"
            "\"eos_token_id\":37,\"mask_token_id\":38,\"gmask_token_id\":39"),
    TRIAL("gpt2", "\"model_type\":\"gpt2\",\"n_layer\":2,\"n_head\":4,"
                  "\"n_embd\":16,\"n_inner\":11,\"vocab_size\":40,"
                  "\"n_positions\":32"),
    TRIAL("cohere", "\"model_type\":\"cohere\",\"logit_scale\":0.3,"
                    "\"rope_theta\":1e4," GATED),
    TRIAL("falcon", "\"model_type\":\"falcon\",\"ffn_hidden_size\":11,"
                    "\"num_kv_heads\":2,\"new_decoder_architecture\":true,"
                    "\"bias\":true," SIZES("4")),
    TRIAL("falcon", "\"model_type\":\"falcon\",\"num_kv_heads\":4,"
                    "\"new_decoder_architecture\":true," SIZES("4")),
    TRIAL("falcon_one_norm", "\"model_type\":\"falcon\"," SIZES("4")),
    TRIAL("falcon_one_norm",
          "\"model_type\":\"falcon\",\"multi_query\":false,"
          "\"bias\":true,\"ffn_hidden_size\":11," SIZES("4")),
    TRIAL("stablelm", "\"model_type\":\"stablelm\","
                      "\"partial_rotary_factor\":0.5," GATED),
    TRIAL("stablelm_parallel",
          "\"model_type\":\"stablelm\",\"use_parallel_residual\":true,"
          "\"use_qkv_bias\":true," GATED),
    TRIAL("gpt_neox", "\"model_type\":\"gpt_neox\",\"intermediate_size\":11,"
                      "\"rotary_pct\":0.5," SIZES("4")),
};
const size_t slim_kind_count = SLIM_COUNT(slim_kinds);

/* A model of the family in that file, with the numbers of slim_made_model: off
 * every trivial value. */
void slim_kind_open_file(struct slim_kind_world *world,
                         const struct slim_kind *kind, const char *family)
{
    char *folder = slim_test_directory();
    struct slim_span at = { 0 };

    *world = (struct slim_kind_world){ .arena = slim_arena_open(),
                                       .name = kind->name };
    world->diag.arena = world->arena;
    struct slim_tiny tiny = {
        .config = slim_arena_printf(world->arena, "{%s}", kind->config),
        .family = family,
        .hollow = true,
    };
    slim_test_tiny(folder, &tiny);
    if (slim_model_open(&world->info, slim_arena_strdup(world->arena, folder),
                        slim_path_directory(world->arena, family), at,
                        &world->diag) != SLIM_OK)
        fail_msg("%s: %s", kind->name, slim_test_diag(&world->diag));
    world->model = slim_made_model(world->info, 3);
    world->vocab = slim_tensor_size(
        world->info->shape,
        world->info->arch->nodes[0].slots[SLIM_EMBEDDING_WEIGHT], 0);
    slim_made_ids(world->ids, SLIM_KIND_WINDOWS * SLIM_KIND_LENGTH,
                  world->vocab, 5);
    slim_test_directory_remove(folder);
}

void slim_kind_open(struct slim_kind_world *world, const struct slim_kind *kind)
{
    char *family = slim_test_source(kind->file);

    slim_kind_open_file(world, kind, family);
    free(family);
}

void slim_kind_close(struct slim_kind_world *world)
{
    slim_model_free(world->model);
    slim_arena_close(world->arena);
}

void slim_kind_check(struct slim_kind_world *world, enum slim_status status)
{
    if (status != SLIM_OK)
        fail_msg("%s: %s", world->name, slim_test_diag(&world->diag));
}

float *slim_kind_logits(struct slim_kind_world *world, struct slim_model *model)
{
    float *logits = SLIM_NEW_ARRAY(
        world->arena, SLIM_KIND_WINDOWS * SLIM_KIND_LENGTH * world->vocab,
        float);

    slim_kind_check(world,
                    slim_model_logits(logits, model, world->ids,
                                      SLIM_KIND_WINDOWS, SLIM_KIND_LENGTH,
                                      &slim_kernels_ref, &world->diag));
    return logits;
}

double slim_kind_apart(struct slim_kind_world *world, struct slim_model *a,
                       struct slim_model *b)
{
    return slim_test_deviation_f32(
        slim_kind_logits(world, a), slim_kind_logits(world, b),
        SLIM_KIND_WINDOWS * SLIM_KIND_LENGTH * world->vocab);
}
