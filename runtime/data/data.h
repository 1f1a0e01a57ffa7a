/* data.h - data sets by descriptor, samples of them as token ids */
#ifndef SLIM_DATA_H
#define SLIM_DATA_H

#include "base/hash.h"
#include "compiler/ir/stage.h"
#include "runtime/data/tokenizer.h"

/*
 * A data set is a YAML file in runtime/data/sets: title, licence note, the
 * splits with the file names to look for, the format (text, json, jsonl), the
 * field or template that makes a record's text, how records are joined into
 * one text, the split rule where one file holds several splits, and how to get
 * it. Files are looked for beside the recipe (quoted names), then in each
 * --data DIR, $SLIMC_DATA (colon-separated), then the user's data folder
 * ($XDG_DATA_HOME/slimc/data). `-d NAME=FILE` names a file for a set outright.
 */
struct slim_data_map {
    const char *set; /* "alpaca" or "alpaca.train" */
    const char *file;
    bool used;
    struct slim_data_map *next;
};

struct slim_data_world {
    const char *sets;         /* directory of descriptors */
    const char *recipe;       /* directory of the recipe, or NULL */
    const char **directories; /* NULL-terminated */
    struct slim_data_map *maps;
    const char *model; /* directory with the tokenizer, or NULL */
    struct slim_arena *arena;
};

/*
 * slim_host.data_check: set known (else a suggestion), split known, file found
 * (else which file it wants, where it looked, how to get it), and enough text
 * for n windows of len: sizes decide where they can (fewer bytes than tokens
 * wanted: too short; 12 bytes a token: enough), in between the text is
 * tokenized if the model is known.
 */
SLIM_NODISCARD enum slim_status slim_data_check(
    void *world, const struct slim_sample *sample, struct slim_span at,
    struct slim_diag *diag);

/* What a stage reads. Sequences are laid end to end as in slim_batch. */
struct slim_tokens {
    int32_t *ids;
    int32_t *prompt; /* [sequences]: leading tokens that are the prompt of a
                          record (for masking); 0 for windows of text */
    size_t *starts;  /* [sequences + 1] */
    size_t sequences;
    bool uniform; /* every sequence has `length` tokens */
    size_t length;
    struct slim_digest digest; /* of the ids: enters cache keys */
    struct slim_digest text;   /* of the text they were cut from */
    const char *protocol; /* "wikitext2.test#1a2b3c4d len=2048 n=16 bos=no" */
};

/*
 * Windows (calibration, perplexity): the split's records joined into one text
 * by the set's rule, tokenized once, cut into consecutive windows of len;
 * pick=first takes the first n, pick=random n distinct ones by seed. n 0: all.
 * Records (training): each record apart, by the set's template, cut to len,
 * with EOS where it fits; n of them by seed; text sets give windows.
 */
enum slim_cut { SLIM_CUT_WINDOWS, SLIM_CUT_RECORDS };

SLIM_NODISCARD enum slim_status slim_tokens_load(
    struct slim_tokens **out, const struct slim_sample *sample,
    enum slim_cut cut, const struct slim_data_world *world,
    const struct slim_tokenizer *tokenizer, struct slim_span at,
    struct slim_diag *diag);
void slim_tokens_free(struct slim_tokens *tokens);

#endif
