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
    bool invert, cut, strip_left, strip_right;
    const struct slim_spm_rules *rules;
};

struct slim_normalizer_kind {
    const char *type;
    enum slim_status (*read)(struct slim_part *part,
                             const struct slim_tokenizer_source *from,
                             const json_t *json);
    /* Appends to *out; `first`: at the start of what the user gave. */
    enum slim_status (*run)(struct slim_text *out, const struct slim_part *part,
                            const char *text, size_t length, bool first,
                            struct slim_diag *diag);
    int options; /* of utf8proc */
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
/* *out replaces what it held; `spare` is room to work in; `first`: the text is
 * the start of what the user gave. */
SLIM_NODISCARD enum slim_status slim_normalize(struct slim_text *out,
                                               struct slim_text *spare,
                                               const struct slim_parts *parts,
                                               const char *text, size_t length,
                                               bool first,
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

/* ---- a tree of bytes ---- */

struct slim_trie_node {
    uint32_t child, last, sibling; /* 0: none */
    int32_t token;                 /* the caller's number, or -1 */
    unsigned char byte;
};

/* Children are a list, in the order in which they came, but those of the root
 * a table: most searches end there. */
struct slim_trie {
    struct slim_trie_node *nodes; /* [0] is the root */
    size_t count, capacity;
    uint32_t first[256];
};

/* Adds text that is not empty; of two equal ones the first keeps its number. */
SLIM_NODISCARD enum slim_status slim_trie_add(struct slim_trie *trie,
                                              const char *text, size_t length,
                                              int32_t token,
                                              struct slim_diag *diag);
/* 0: none. The root is node 0; the trie must not be empty. */
uint32_t slim_trie_child(const struct slim_trie *trie, uint32_t node,
                         unsigned char byte);
/* The longest text that begins at text[at]; its length, or 0. */
size_t slim_trie_longest(const struct slim_trie *trie, int32_t *token,
                         const char *text, size_t length, size_t at);
void slim_trie_close(struct slim_trie *trie);

/* ---- SentencePiece's normalizer ---- */

struct slim_spm_rules {
    struct slim_trie kept;     /* the user's pieces: as they are */
    const unsigned char *trie; /* of the character map: see spm_normalize.c */
    size_t units;              /* of 4 bytes; 0: there is no map */
    const char *texts;         /* replacements, each ended by a NUL */
    size_t texts_length;
    bool prefix, suffix; /* a space before the text; after it instead */
    bool first_only;     /* no prefix after an added token */
    bool squeeze, escape;
};

extern const struct slim_normalizer_kind slim_spm_normalizer;
/* A "precompiled_charsmap"; none if it is empty. */
SLIM_NODISCARD enum slim_status slim_charsmap_read(
    struct slim_spm_rules *rules, const struct slim_tokenizer_source *from,
    const unsigned char *bytes, size_t count);

/* Where the replacement of the start of `text` begins in `rules->texts`, of the
 * longest start that has one or of the shortest; its length, or 0. */
size_t slim_charsmap_find(size_t *value, const struct slim_spm_rules *rules,
                          const char *text, size_t length, bool shortest);
/* F401 where replacements have made text that is not UTF-8. */
SLIM_NODISCARD enum slim_status slim_charsmap_check(
    const struct slim_text *text, struct slim_diag *diag);
/* "Precompiled" of tokenizer.json: see precompiled.c. */
SLIM_NODISCARD enum slim_status slim_precompiled_read(
    struct slim_part *part, const struct slim_tokenizer_source *from,
    const json_t *json);
SLIM_NODISCARD enum slim_status slim_precompiled_run(
    struct slim_text *out, const struct slim_part *part, const char *text,
    size_t length, bool first, struct slim_diag *diag);

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
    bool cut; /* no merge goes across the start of a word: see bpe.c */
};

/* U+2581, which SentencePiece puts where a space was. */
#define SLIM_MARK "\xe2\x96\x81"
#define SLIM_MARK_LENGTH 3

SLIM_NODISCARD enum slim_status slim_bpe_read(
    struct slim_bpe *out, const struct slim_tokenizer_source *from,
    const json_t *model);
/* The tables by hand: room for so many tokens (at least one), then the tokens,
 * whose text must stay; then room for merges, and the merges of two tokens
 * into `whole`, whose text is given. Lower ranks merge first. */
SLIM_NODISCARD enum slim_status slim_bpe_reserve(
    struct slim_bpe *bpe, size_t tokens,
    const struct slim_tokenizer_source *from);
void slim_bpe_put(struct slim_bpe *bpe, const char *text, size_t length,
                  int32_t id);
SLIM_NODISCARD enum slim_status slim_bpe_reserve_merges(
    struct slim_bpe *bpe, size_t merges,
    const struct slim_tokenizer_source *from);
void slim_bpe_put_merge(struct slim_bpe *bpe, int32_t left, int32_t right,
                        uint32_t rank, int32_t whole, const char *text,
                        size_t length);
/* Fills `bytes` once all tokens are there. */
void slim_bpe_find_bytes(struct slim_bpe *bpe);
/* After it: F401 where a fallback to bytes has no token for one. */
SLIM_NODISCARD enum slim_status slim_bpe_need_bytes(
    const struct slim_bpe *bpe, const struct slim_tokenizer_source *from);
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
    uint64_t steps; /* candidates so far: what the time goes by */
};

/* Appends the ids of one word (what the pre-tokenizers leave as one piece). */
SLIM_NODISCARD enum slim_status slim_bpe_encode(struct slim_ids *out,
                                                const struct slim_bpe *bpe,
                                                struct slim_bpe_work *work,
                                                const char *text, size_t length,
                                                struct slim_diag *diag);
void slim_bpe_work_free(struct slim_bpe_work *work);

/* ---- unigram model ---- */

struct slim_unigram {
    struct slim_trie pieces;
    double *scores; /* log probability of each piece; NULL: no such model */
    bool *user;     /* the user's own: always taken; NULL: there are none */
    double least, most;
    bool narrow; /* sums in f32, as SentencePiece's; else in f64 */
};

enum { SLIM_UNREACHED = -2, SLIM_UNKNOWN = -1 };

/* The best way to the end of a prefix of the text. */
struct slim_best {
    int32_t id; /* of the last piece, SLIM_UNKNOWN, or SLIM_UNREACHED */
    double score;
    size_t begin; /* of the last piece */
};

struct slim_unigram_work {
    struct slim_best *best;
    size_t capacity;
    uint64_t steps; /* of the trie so far */
};

/* Appends the pieces whose scores sum to the most (Viterbi; Kudo 2018, eq. 3),
 * the first found of equal ones. Where it sums in f32, as SentencePiece does, ids
 * are the same on texts up to 100 kB; past that rounding decides between pieces
 * that are as probable, and it differs between versions of SentencePiece too.
 * `words` has the bytes and the unknown token. Time: length times the longest
 * piece. */
SLIM_NODISCARD enum slim_status slim_unigram_encode(
    struct slim_ids *out, const struct slim_unigram *model,
    const struct slim_bpe *words, struct slim_unigram_work *work,
    const char *text, size_t length, struct slim_diag *diag);
/* A "model" of tokenizer.json whose type is Unigram; its words go to `words`. */
SLIM_NODISCARD enum slim_status slim_unigram_read(
    struct slim_unigram *out, struct slim_bpe *words,
    const struct slim_tokenizer_source *from, const json_t *model);
void slim_unigram_close(struct slim_unigram *model);

/* ---- added tokens ---- */

struct slim_added_token {
    const char *text;
    size_t length;
    int32_t id;
    bool single_word, left_strip, right_strip, normalized, special;
    bool as_is; /* looked for after the normalizer, by which it did not go */
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
/* Adds a piece that is looked for in what the normalizer made. */
SLIM_NODISCARD enum slim_status slim_added_piece(struct slim_added *added,
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

/* Where the white space (Unicode's) ends that begins at `end`, and where that
 * begins, not before `least`, which ends at `begin`. */
size_t slim_white_after(const char *text, size_t end, size_t length);
size_t slim_white_before(const char *text, size_t begin, size_t least);

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
    struct slim_bpe bpe;         /* the vocabulary, and its merges */
    struct slim_unigram unigram; /* instead of merges */
    struct slim_spm_rules rules;
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
    struct slim_unigram_work unigram;
};

/* ---- files ---- */

/*
 * How the files of a directory make a tokenizer: a row of tokenizer_files.c.
 * `read` takes the path of the first file, and adds to `config` (the object of
 * tokenizer_config.json) what it takes for given where that is silent.
 */
struct slim_layout {
    const char *files[2]; /* all must be there */
    bool whole;           /* has its own added tokens */
    enum slim_status (*read)(struct slim_tokenizer *out,
                             const struct slim_tokenizer_source *from,
                             const char *path, json_t *config);
};

/* The first layout whose files are there, else the first of all. */
const struct slim_layout *slim_layout_find(struct slim_arena *arena,
                                           const char *directory);
/* Added tokens of files that stand beside others than tokenizer.json. */
SLIM_NODISCARD enum slim_status slim_layout_added(
    struct slim_tokenizer *out, const struct slim_tokenizer_source *from,
    const char *directory, const json_t *config);
/* A tokenizer.json object: everything but the configuration beside it. */
SLIM_NODISCARD enum slim_status slim_pipeline_read(
    struct slim_tokenizer *out, const struct slim_tokenizer_source *from,
    const json_t *json);
/* tokenizer.model of SentencePiece. */
SLIM_NODISCARD enum slim_status slim_spm_read(
    struct slim_tokenizer *out, const struct slim_tokenizer_source *from,
    const char *path, json_t *config);

/* Hands a piece to pre-tokenizer `step`, or to the model after the last. */
SLIM_NODISCARD enum slim_status slim_split_run(struct slim_work *work,
                                               size_t step,
                                               struct slim_piece piece);

#endif
