/* block.c - the table of block kinds */
#include "compiler/ir/block.h"

#include "base/attr.h"

#include <string.h>

static const struct slim_slot embedding_slots[] = {
    { "weight", true, "table of token vectors [vocab, stream]" },
    { "positions", false, "table of learned positions [positions, stream]" },
    { "project", false, "of narrower token vectors to the stream" },
};
static const struct slim_setting embedding_settings[] = {
    { "scale", NULL, "1", "token vectors are multiplied by it" },
    { "offset", NULL, "0", "row of the position table for the first token" },
};
static const char *const embedding_forms[] = { "weight", NULL };
static const unsigned char embedding_walk[] = { 0, 1, 2 };

static const struct slim_slot norm_slots[] = {
    { "weight", false, "gain, one for each channel" },
    { "bias", false, "added after the gain" },
};
static const char *const norm_kinds[] = { "rms", "layer", NULL };
static const struct slim_setting norm_settings[] = {
    { "kind", norm_kinds, NULL, "layer subtracts the mean first" },
    { "eps", NULL, NULL, "added to the mean square" },
    { "offset", NULL, "0", "added to the stored gain" },
};
static const char *const norm_forms[] = { "", "weight", "weight bias", NULL };
static const unsigned char norm_walk[] = { 0, 1 };

static const struct slim_slot attention_slots[] = {
    { "q", false, "queries" },
    { "k", false, "keys" },
    { "v", false, "values" },
    { "qkv", false, "all three; parts labelled q, k, v" },
    { "o", true, "output: its columns are heads, product ends in the head" },
    { "q_bias", false, "bias of q" },
    { "k_bias", false, "bias of k" },
    { "v_bias", false, "bias of v" },
    { "qkv_bias", false, "bias of qkv" },
    { "o_bias", false, "bias of o" },
    { "slopes", false, "of alibi, one a head; computed, in no file" },
};
static const char *const positions[] = { "none",  "rope_half", "rope_pairs",
                                         "alibi", "rope_grid", NULL };
static const char *const scalings[] = { "none", "linear", "wavelength",
                                        "longrope", NULL };
static const char *const roundings[] = { "f32", "f16", NULL };
static const struct slim_setting attention_settings[] = {
    { "position", positions, "none", "how a token's place enters" },
    { "theta", NULL, "10000", "base of the rotary frequencies" },
    { "rotary_dim", NULL, "0", "rotated channels of a head; 0: all" },
    { "scaling", scalings, "none", "change of the rotary frequencies" },
    { "factor", NULL, "1", "of the scaling" },
    { "low_freq", NULL, "1", "low_freq_factor of that scaling" },
    { "high_freq", NULL, "4", "high_freq_factor of that scaling" },
    { "original", NULL, "8192", "context before the scaling" },
    { "window", NULL, "0", "keys that a query sees, its own counted; 0: all" },
    { "scale", NULL, "0", "of the scores; 0: 1/sqrt(head width)" },
    { "amplitude", NULL, "1", "of rotary cosines and sines" },
    { "short", NULL, "[]", "longrope: divisors of the frequencies" },
    { "long", NULL, "[]", "the same, of sequences longer than original" },
    { "rounding", roundings, "f32", "of the rotary frequencies" },
    { "prefix_end", NULL, "-1", "id after the tokens that all see; -1: none" },
    { "mark", NULL, "-1", "id whose place later tokens take; -1: none" },
    { "mark_else", NULL, "-1", "the same, where there is no mark" },
};
static const char *const attention_forms[] = { "q k v o", "qkv o", NULL };
/* Root q gives q, o, v, k and root k gives k, o, v, q: the order in which a
 * walk over the graph of operations meets them. */
static const unsigned char attention_walk[] = {
    SLIM_ATTENTION_QKV,    SLIM_ATTENTION_O,      SLIM_ATTENTION_V,
    SLIM_ATTENTION_K,      SLIM_ATTENTION_Q,      SLIM_ATTENTION_QKV_BIAS,
    SLIM_ATTENTION_V_BIAS, SLIM_ATTENTION_K_BIAS, SLIM_ATTENTION_Q_BIAS,
    SLIM_ATTENTION_O_BIAS, SLIM_ATTENTION_SLOPES,
};

static const struct slim_slot mlp_slots[] = {
    { "gate", false, "goes through the activation" },
    { "up", false, "multiplied by the gate, or activated itself" },
    { "gate_up", false, "both; parts labelled gate and up" },
    { "down", true, "output" },
    { "gate_bias", false, "bias of gate" },
    { "up_bias", false, "bias of up" },
    { "gate_up_bias", false, "bias of gate_up" },
    { "down_bias", false, "bias of down" },
};
static const char *const activations[] = { "silu", "relu", "gelu", "gelu_tanh",
                                           NULL };
static const struct slim_setting mlp_settings[] = {
    { "act", activations, NULL, "activation" },
};
static const char *const mlp_forms[] = { "gate up down", "up down",
                                         "gate_up down", NULL };
static const unsigned char mlp_walk[] = { 0, 1, 2, 3, 4, 5, 6, 7 };

static const struct slim_slot add_slots[] = {
    { "shortcut", false, "matrix on the stream; made by slicing" },
};
static const struct slim_setting add_settings[] = {
    { "scale", NULL, "1", "the first input is multiplied by it" },
};
static const char *const add_forms[] = { "", "shortcut", NULL };
static const unsigned char add_walk[] = { 0 };

static const struct slim_slot head_slots[] = {
    { "weight", true, "logits of the vocabulary [vocab, stream]" },
    { "bias", false, "added to the logits" },
    { "project", false, "of the stream to narrower vectors, before weight" },
};
static const struct slim_setting head_settings[] = {
    { "scale", NULL, "1", "of the logits, before the bias" },
};
static const char *const head_forms[] = { "weight", NULL };
static const unsigned char head_walk[] = { 0, 1, 2 };

#define SLOTS(name) name##_slots, SLIM_COUNT(name##_slots)
#define SETTINGS(name) name##_settings, SLIM_COUNT(name##_settings)
#define ORDER(name) name##_forms, name##_walk

const struct slim_block slim_blocks[SLIM_BLOCK_COUNT] = {
    { "embedding", SLIM_ROLE_EMBED, 0, SLOTS(embedding), SETTINGS(embedding),
      ORDER(embedding), "token ids to vectors" },
    { "norm", SLIM_ROLE_NORM, 1, SLOTS(norm), SETTINGS(norm), ORDER(norm),
      "divides each vector by its size" },
    { "attention", SLIM_ROLE_ATTN, 1, SLOTS(attention), SETTINGS(attention),
      ORDER(attention), "causal attention over heads" },
    { "mlp", SLIM_ROLE_MLP, 1, SLOTS(mlp), SETTINGS(mlp), ORDER(mlp),
      "two or three linears and an activation" },
    { "add", SLIM_ROLE_STREAM, 2, SLOTS(add), SETTINGS(add), ORDER(add),
      "scale * first + second; into x: a residual add" },
    { "head", SLIM_ROLE_HEAD, 1, SLOTS(head), SETTINGS(head), ORDER(head),
      "vectors to logits" },
};

bool slim_setting_is_list(const struct slim_setting *setting)
{
    return setting->initial != NULL && strcmp(setting->initial, "[]") == 0;
}
