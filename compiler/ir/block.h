/* block.h - the kinds of block that a family may be built from */
#ifndef SLIM_BLOCK_H
#define SLIM_BLOCK_H

#include <stdbool.h>
#include <stddef.h>

/*
 * A layer is a short straight-line program over registers: each block reads
 * one or two registers and writes one. A kind is a row of blocks.def (its
 * tensor slots, its settings) and a file runtime/model/block_KIND.c (forward,
 * backward). A family names kinds; nothing else does.
 */
enum slim_role {
    SLIM_ROLE_EMBED,
    SLIM_ROLE_ATTN,
    SLIM_ROLE_MLP,
    SLIM_ROLE_NORM,
    SLIM_ROLE_HEAD,
    SLIM_ROLE_STREAM, /* residual adds */
    SLIM_ROLE_COUNT
};

/* A setting is a number, a choice stored as its index, or a list of numbers
 * stored as how many there are (the list itself: slim_node.lists). */
struct slim_setting {
    const char *name;
    const char *const *choices; /* NULL: a number */
    const char *initial;        /* as YAML would write it: "[]" of a list;
                                   NULL: required */
    const char *help;
};
bool slim_setting_is_list(const struct slim_setting *setting);

struct slim_slot {
    const char *name; /* "q"; its bias is the slot "q_bias" */
    bool required;
    const char *help;
};

struct slim_block {
    const char *name; /* "attention" */
    enum slim_role role;
    size_t inputs; /* registers read: 0 for embedding (reads ids), 1, 2 */
    const struct slim_slot *slots;
    size_t slot_count;
    const struct slim_setting *settings;
    size_t setting_count;
    const char *const *forms;  /* sets of slots that make the block whole, as
                                 "q k v o"; slots in no form are extras; NULL
                                 ends the list */
    const unsigned char *walk; /* slots in the order in which a group lists
                                  them after its root (groups.c) */
    const char *help;
};

enum slim_block_kind {
    SLIM_BLOCK_EMBEDDING,
    SLIM_BLOCK_NORM,
    SLIM_BLOCK_ATTENTION,
    SLIM_BLOCK_MLP,
    SLIM_BLOCK_ADD,
    SLIM_BLOCK_HEAD,
    SLIM_BLOCK_COUNT
};

extern const struct slim_block slim_blocks[SLIM_BLOCK_COUNT];

/* Slots and settings by number, in the order of the tables in block.c. */
/* x = project (scale * row of weight) + row of positions. */
enum {
    SLIM_EMBEDDING_WEIGHT,
    SLIM_EMBEDDING_POSITIONS,
    SLIM_EMBEDDING_PROJECT
};
enum { SLIM_EMBEDDING_SCALE, SLIM_EMBEDDING_OFFSET };

enum { SLIM_NORM_WEIGHT, SLIM_NORM_BIAS };
/* kind: rms, layer. offset: added to the stored weight. */
enum { SLIM_NORM_KIND, SLIM_NORM_EPS, SLIM_NORM_OFFSET };
enum { SLIM_NORM_RMS, SLIM_NORM_LAYER };

/* q, k, v apart, or qkv fused with a dim expression that labels its parts. */
enum {
    SLIM_ATTENTION_Q,
    SLIM_ATTENTION_K,
    SLIM_ATTENTION_V,
    SLIM_ATTENTION_QKV,
    SLIM_ATTENTION_O,
    SLIM_ATTENTION_Q_BIAS,
    SLIM_ATTENTION_K_BIAS,
    SLIM_ATTENTION_V_BIAS,
    SLIM_ATTENTION_QKV_BIAS,
    SLIM_ATTENTION_O_BIAS,
    SLIM_ATTENTION_SLOPES,
};
/* position: rope_half (pairs t, t + dim/2), rope_pairs (2t, 2t+1), alibi,
 * none, rope_grid (each half of a head by rope_half: the first half by the
 * place before the prefix ends and by that of the mark after it, the second by
 * 0 before and 1, 2, .. after it). prefix_end: the token with this id ends the
 * prefix, whose tokens are seen by all of the sequence.
 * window 0: unlimited; else keys with query - key < window count.
 * scaling: none, linear, wavelength (long waves are stretched, short ones left),
 * longrope: then each frequency is divided by that of the list short, or in
 * sequences longer than `original` of the list long. scale 0: 1/sqrt(head_dim). */
enum {
    SLIM_ATTENTION_POSITION,
    SLIM_ATTENTION_THETA,
    SLIM_ATTENTION_ROTARY_DIM,
    SLIM_ATTENTION_SCALING,
    SLIM_ATTENTION_FACTOR,
    SLIM_ATTENTION_LOW_FREQ,
    SLIM_ATTENTION_HIGH_FREQ,
    SLIM_ATTENTION_ORIGINAL,
    SLIM_ATTENTION_WINDOW,
    SLIM_ATTENTION_SCALE,
    SLIM_ATTENTION_AMPLITUDE,
    SLIM_ATTENTION_SHORT,
    SLIM_ATTENTION_LONG,
    SLIM_ATTENTION_ROUNDING,
    SLIM_ATTENTION_PREFIX_END,
    SLIM_ATTENTION_MARK,
    SLIM_ATTENTION_MARK_ELSE,
};
enum {
    SLIM_POSITION_NONE,
    SLIM_POSITION_ROPE_HALF,
    SLIM_POSITION_ROPE_PAIRS,
    SLIM_POSITION_ALIBI,
    SLIM_POSITION_ROPE_GRID
};
enum { SLIM_ROUNDING_F32, SLIM_ROUNDING_F16 };
enum {
    SLIM_SCALING_NONE,
    SLIM_SCALING_LINEAR,
    SLIM_SCALING_WAVELENGTH,
    SLIM_SCALING_LONGROPE
};

/* gated: y = down(act(gate x) * (up x)); plain: down(act(up x)). gate_up:
 * fused, its parts labelled gate and up. */
enum {
    SLIM_MLP_GATE,
    SLIM_MLP_UP,
    SLIM_MLP_GATE_UP,
    SLIM_MLP_DOWN,
    SLIM_MLP_GATE_BIAS,
    SLIM_MLP_UP_BIAS,
    SLIM_MLP_GATE_UP_BIAS,
    SLIM_MLP_DOWN_BIAS,
};
enum { SLIM_MLP_ACT };
enum { SLIM_ACT_SILU, SLIM_ACT_RELU, SLIM_ACT_GELU, SLIM_ACT_GELU_TANH };

/* out = scale * first + second: first is the stream, second a block's output.
 * The shortcut is the matrix [site in, site out] that SliceGPT puts on the
 * stream; absent (identity) in every family as it is read. */
enum { SLIM_ADD_SHORTCUT };
enum { SLIM_ADD_SCALE };

/* logits = scale * weight (project x) + bias */
enum { SLIM_HEAD_WEIGHT, SLIM_HEAD_BIAS, SLIM_HEAD_PROJECT };
enum { SLIM_HEAD_SCALE };

#endif
