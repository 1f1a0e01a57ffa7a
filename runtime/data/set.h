/* set.h - what a data set is and where its files are; private to this folder
 */
#ifndef SLIM_SET_H
#define SLIM_SET_H

#include "base/text.h"
#include "runtime/data/data.h"

/* How a file is read where its name does not tell. */
enum slim_format { SLIM_FORMAT_TEXT, SLIM_FORMAT_JSON };

/* How a plain text becomes rows. */
enum slim_row_rule {
    SLIM_ROWS_WHOLE, /* one row */
    SLIM_ROWS_LINES, /* each line, stripped; blank ones dropped */
    SLIM_ROWS_KEPT,  /* each line with its newline; blank ones are empty rows */
};

struct slim_set_split {
    const char *name;
    const char **files; /* NULL-terminated */
    /* Where none of the files exists: records from% to to% of split `of`. */
    const char *of;
    size_t from, to;
};

/* A record's text: `full` (or `bare` where the optional field is absent or
 * empty), then `answer`; "{name}" stands for a field. */
struct slim_set_template {
    const char *optional, *full, *bare, *answer;
};

struct slim_set {
    const char *name, *title, *obtain;
    enum slim_format format;
    enum slim_row_rule rows;
    const char *field; /* of a JSON record; NULL: template */
    const struct slim_set_template *frame;
    const char *join;
    size_t limit; /* bytes of text read; 0: all */
    struct slim_set_split *splits;
    size_t split_count;
    const char *initial; /* the default split */
    bool quoted;         /* a file that the recipe names: what a JSON record
                            holds is found out from the first one */
};

/* Reads SETS/NAME.yaml; N020 with a suggestion where there is none. */
SLIM_NODISCARD enum slim_status slim_set_read(struct slim_set **out,
                                              const char *name,
                                              const struct slim_data_world *w,
                                              struct slim_span at,
                                              struct slim_diag *diag);
/* The names of all sets, sorted, NULL-terminated. */
const char **slim_set_names(const struct slim_data_world *world,
                            struct slim_arena *arena);

/* A file and what is to be made of it. */
struct slim_set_place {
    const struct slim_set *set;
    const char *split; /* NULL: a file named by the recipe */
    const char *path;
    const char *mapped; /* the file that -d put in the set's place, or NULL */
    size_t from, to;    /* percent of the records */
};

/* Resolves a sample's set, split and file, or says what is missing (D101). */
SLIM_NODISCARD enum slim_status slim_set_find(struct slim_set_place *out,
                                              const struct slim_sample *sample,
                                              const struct slim_data_world *w,
                                              struct slim_span at,
                                              struct slim_diag *diag);

/* What is read as records: by the file's name and first byte. F414 refuses
 * compressed and columnar files. */
SLIM_NODISCARD enum slim_status slim_set_format(enum slim_format *out,
                                                const struct slim_set *set,
                                                const char *path,
                                                struct slim_span at,
                                                struct slim_diag *diag);

/* ---- rows ---- */

struct slim_row {
    size_t begin, length; /* in slim_rows.text */
    size_t prompt;        /* bytes of it that are the prompt of a record */
};

struct slim_rows {
    struct slim_text text;
    struct slim_row *items;
    size_t count, capacity;
    bool records; /* prompt and answer: train on each apart */
    bool limited; /* the set's limit left some text unread */
};

SLIM_NODISCARD enum slim_status slim_rows_read(struct slim_rows *out,
                                               const struct slim_set_place *p,
                                               const struct slim_data_world *w,
                                               struct slim_span at,
                                               struct slim_diag *diag);
void slim_rows_free(struct slim_rows *rows);
SLIM_NODISCARD enum slim_status slim_rows_add(struct slim_rows *rows,
                                              const char *text, size_t length,
                                              size_t prompt,
                                              struct slim_diag *diag);

/* The rows of a JSON list or of JSON lines. `name` is the file's. */
SLIM_NODISCARD enum slim_status slim_records_read(
    struct slim_rows *out, const struct slim_set *set,
    const struct slim_data_world *world, const char *path, const char *bytes,
    size_t length, struct slim_diag *diag);

/* The rows joined by the set's rule. */
void slim_rows_join(struct slim_text *out, const struct slim_rows *rows,
                    const struct slim_set *set);

#endif
