/* tokenizer_parts.h - what a tokenizer is made of; private to runtime/data */
#ifndef SLIM_TOKENIZER_PARTS_H
#define SLIM_TOKENIZER_PARTS_H

#include "base/json.h"
#include "base/text.h"
#include "runtime/data/regex.h"
#include "runtime/data/tokenizer.h"

/* Where the words of tokenizer.json and the errors about them go. */
struct slim_tokenizer_source {
    struct slim_arena *arena;
    struct slim_span at;
    struct slim_diag *diag;
};

/* ---- reading JSON: absent or null leaves *out alone ---- */

SLIM_NODISCARD enum slim_status slim_part_bool(
    bool *out, const struct slim_tokenizer_source *from, const json_t *object,
    const char *key);
/* *out is in the arena, NUL-terminated; it may hold NULs itself. */
SLIM_NODISCARD enum slim_status slim_part_text(
    const char **out, size_t *length, const struct slim_tokenizer_source *from,
    const json_t *object, const char *key);
SLIM_NODISCARD enum slim_status slim_part_id(
    int32_t *out, const struct slim_tokenizer_source *from,
    const json_t *object, const char *key);
/* object[key], which must be there and have the type. */
SLIM_NODISCARD enum slim_status slim_part_need(
    const json_t **out, const struct slim_tokenizer_source *from,
    const json_t *object, const char *key, json_type type);
/* The "type" of a part. */
SLIM_NODISCARD enum slim_status slim_part_type(
    const char **out, const struct slim_tokenizer_source *from,
    const json_t *part);

/* Records that a part of the pipeline has no row here. */
enum slim_status slim_part_unknown(const struct slim_tokenizer_source *from,
                                   const char *what, const char *type);

/* ---- growing arrays ---- */

/* Makes room for `count` items of `size` bytes; O001 if there is no memory. */
SLIM_NODISCARD enum slim_status slim_grow(void **items, size_t *capacity,
                                          size_t count, size_t size,
                                          struct slim_diag *diag);
SLIM_NODISCARD enum slim_status slim_ids_add(struct slim_ids *ids, int32_t id,
                                             struct slim_diag *diag);

/* ---- normalizers and pre-tokenizers ---- */

enum slim_behavior {
    SLIM_BEHAVIOR_REMOVED,
    SLIM_BEHAVIOR_ISOLATED,
    SLIM_BEHAVIOR_PREVIOUS, /* merged with previous */
    SLIM_BEHAVIOR_NEXT,     /* merged with next */
    SLIM_BEHAVIOR_CONTIGUOUS,
};

enum slim_prefix { SLIM_PREFIX_NEVER, SLIM_PREFIX_FIRST, SLIM_PREFIX_ALWAYS };

/* One normalizer or pre-tokenizer; each kind uses the fields that it needs. */
struct slim_part {
    const void *kind; /* a row of the table in normalize.c or split.c */
    struct slim_regex *regex;
    const char *text; /* what is prepended, or replaces a match */
    size_t length;
    enum slim_behavior behavior;
    enum slim_prefix prefix;
    bool invert, cut;
};

#define SLIM_PARTS 16

struct slim_parts {
    struct slim_part items[SLIM_PARTS];
    size_t count;
};

/* Reads a "normalizer" (null: none), Sequences flattened. */
SLIM_NODISCARD enum slim_status slim_normalizers_read(
    struct slim_parts *out, const struct slim_tokenizer_source *from,
    const json_t *json);
/* *out replaces what it held; `spare` is room to work in. */
SLIM_NODISCARD enum slim_status slim_normalize(struct slim_text *out,
                                               struct slim_text *spare,
                                               const struct slim_parts *parts,
                                               const char *text, size_t length,
                                               struct slim_diag *diag);

/* Reads a "pre_tokenizer" (null: none), Sequences flattened. */
SLIM_NODISCARD enum slim_status slim_splits_read(
    struct slim_parts *out, const struct slim_tokenizer_source *from,
    const json_t *json);
void slim_parts_close(struct slim_parts *parts);

/* {"String": ...} or {"Regex": ...} under "pattern". */
SLIM_NODISCARD enum slim_status slim_pattern_read(
    struct slim_regex **out, const struct slim_tokenizer_source *from,
    const json_t *object);

/* A stretch of text on its way to the model. */
struct slim_piece {
    const char *text;
    size_t length;
    bool first; /* at the start of what the user gave */
};

struct slim_cut_span {
    size_t begin, end;
    bool match;
};

/* Room of one step; steps nest, so each has its own. */
struct slim_step {
    struct slim_cut_span *spans;
    size_t count, capacity;
    struct slim_text text, mapped;
};

/* ---- byte-pair encoding ---- */

struct slim_vocabulary_slot {
    uint64_t hash;
    const char *text; /* NULL: empty */
    size_t length;
    int32_t id;
};

struct slim_merge_slot {
    uint64_t pair; /* left id << 32 | right id */
    uint32_t rank;
    int32_t id; /* -1: empty */
};

struct slim_bpe {
    struct slim_vocabulary_slot *tokens; /* 2^k slots, linear probing */
    size_t token_mask;
    struct slim_merge_slot *merges;
    size_t merge_mask;
    int32_t bytes[256]; /* ids of <0x00>..<0xFF>; -1: none */
    int32_t unknown;    /* -1: none */
    int32_t most;       /* largest id */
    bool byte_fallback, fuse_unknown, ignore_merges;
};

SLIM_NODISCARD enum slim_status slim_bpe_read(
    struct slim_bpe *out, const struct slim_tokenizer_source *from,
    const json_t *model);
void slim_bpe_close(struct slim_bpe *bpe);
uint64_t slim_bpe_hash(const char *text, size_t length);
/* -1: not in the vocabulary. */
int32_t slim_bpe_token(const struct slim_bpe *bpe, const char *text,
                       size_t length);
const struct slim_merge_slot *slim_bpe_merge(const struct slim_bpe *bpe,
                                             int32_t left, int32_t right);

struct slim_symbol {
    int32_t id;
    int32_t previous, next; /* -1: none */
    bool gone;
};

struct slim_candidate {
    uint32_t rank;
    int32_t at; /* the left symbol */
    int32_t id;
};

struct slim_word {
    uint64_t hash;
    size_t text, length; /* in `texts` */
    size_t ids, count;   /* in `ids` */
    bool used;
};

/* Room for the merging of one word, and the words met before. */
struct slim_bpe_work {
    struct slim_symbol *symbols;
    size_t symbol_count, symbol_capacity;
    struct slim_candidate *heap;
    size_t heap_count, heap_capacity;
    struct slim_word *words;
    size_t word_count;
    struct slim_text texts;
    struct slim_ids ids;
};

/* Appends the ids of one word (what the pre-tokenizers leave as one piece). */
SLIM_NODISCARD enum slim_status slim_bpe_encode(struct slim_ids *out,
                                                const struct slim_bpe *bpe,
                                                struct slim_bpe_work *work,
                                                const char *text, size_t length,
                                                struct slim_diag *diag);
void slim_bpe_work_free(struct slim_bpe_work *work);

/* ---- added tokens ---- */

struct slim_added_token {
    const char *text;
    size_t length;
    int32_t id;
    bool single_word, left_strip, right_strip, normalized, special;
};

struct slim_trie_node {
    uint32_t child, sibling; /* 0: none */
    int32_t token;           /* index, or -1 */
    unsigned char byte;
};

struct slim_trie {
    struct slim_trie_node *nodes; /* [0] is the root */
    size_t count, capacity;
};

struct slim_added {
    struct slim_added_token *items;
    size_t count, capacity;
    struct slim_trie raw, normalized; /* looked for before and after the
                                         normalizer */
    struct slim_regex *word;
};

SLIM_NODISCARD enum slim_status slim_added_read(
    struct slim_added *out, const struct slim_tokenizer_source *from,
    const json_t *list, const struct slim_bpe *bpe);
/* Adds one special token that tokenizer_config.json names, if it is new. */
SLIM_NODISCARD enum slim_status slim_added_special(struct slim_added *added,
                                                   const char *text,
                                                   size_t length, int32_t id,
                                                   struct slim_diag *diag);
/* Makes the tries once all tokens are known. */
SLIM_NODISCARD enum slim_status slim_added_finish(
    struct slim_added *added, const struct slim_parts *normalizer,
    const struct slim_tokenizer_source *from);
int32_t slim_added_find(const struct slim_added *added, const char *text,
                        size_t length);
void slim_added_close(struct slim_added *added);

/* The next added token at or after *from; tokens that must stand alone and do
 * not are passed over. */
struct slim_added_hit {
    size_t begin, end; /* with the white space that the token takes along */
    size_t resume;     /* where to look on */
    int32_t id;        /* -1: none left */
};
SLIM_NODISCARD enum slim_status slim_added_next(struct slim_added_hit *out,
                                                const struct slim_added *added,
                                                const struct slim_trie *trie,
                                                const char *text, size_t length,
                                                size_t from,
                                                struct slim_diag *diag);

/* ---- what stands before and after a text ---- */

struct slim_template {
    struct slim_ids before, after;
};

SLIM_NODISCARD enum slim_status slim_template_read(
    struct slim_template *out, const struct slim_tokenizer_source *from,
    const json_t *json);
void slim_template_close(struct slim_template *frame);

/* ---- the whole ---- */

struct slim_tokenizer {
    struct slim_arena *arena;
    struct slim_source source;
    struct slim_parts normalizers, splits;
    struct slim_added added;
    struct slim_bpe bpe;
    struct slim_template frame;
    int32_t bos, eos;
    size_t vocabulary;
    struct slim_work *work;
};

/* Mutable room of a tokenizer: one encode() at a time. */
struct slim_work {
    const struct slim_tokenizer *tokenizer;
    struct slim_ids *out;
    struct slim_diag *diag;
    struct slim_text normal, spare;
    struct slim_step steps[SLIM_PARTS];
    struct slim_bpe_work bpe;
};

/* Hands a piece to pre-tokenizer `step`, or to the model after the last. */
SLIM_NODISCARD enum slim_status slim_split_run(struct slim_work *work,
                                               size_t step,
                                               struct slim_piece piece);

#endif
