/* cli.h - the command line: tables, what was parsed, what commands share */
#ifndef SLIM_CLI_H
#define SLIM_CLI_H

#include "compiler/compile.h"
#include "runtime/data/data.h"

#include <jansson.h>

/* A row of options.def. */
enum slim_option_id {
#define OPTION(id, letter, name, value, summary) SLIM_OPTION_##id,
#include "cli/options.def"
#undef OPTION
    SLIM_OPTION_COUNT
};

struct slim_option {
    const char *name;
    char letter;       /* 0: none */
    const char *value; /* what it takes: "FILE", "auto|never"; NULL: nothing */
    const char *summary;
};
extern const struct slim_option slim_options[SLIM_OPTION_COUNT];

/* One option as it was given. */
struct slim_given {
    enum slim_option_id id;
    const char *value;
    struct slim_given *next;
};

struct slim_cli {
    struct slim_arena *arena;
    struct slim_diag diag; /* of the command line itself */
    const struct slim_command *command;
    const char **operands; /* NULL-terminated */
    size_t operand_count;
    struct slim_given *given; /* in order */
    char **argv;
};

/* A row of commands.def. */
struct slim_command {
    const char *name, *operands;
    unsigned long options; /* a bit for each slim_option_id */
    const char *summary;
    int (*run)(struct slim_cli *cli); /* returns the exit code */
};
extern const struct slim_command slim_commands[]; /* name NULL ends */

#define COMMAND(name, operands, options, summary)                              \
    int slim_command_##name(struct slim_cli *cli);
#include "cli/commands.def"
#undef COMMAND

const struct slim_command *slim_command_find(const char *name);
bool slim_command_takes(const struct slim_command *command,
                        enum slim_option_id id);

/* Fills *cli from the arguments; errors are U codes in cli->diag. */
SLIM_NODISCARD enum slim_status slim_cli_parse(struct slim_cli *cli, int argc,
                                               char **argv);

bool slim_cli_has(const struct slim_cli *cli, enum slim_option_id id);
/* The last value that was given, or NULL. */
const char *slim_cli_value(const struct slim_cli *cli, enum slim_option_id id);

/* Whether an option says what a recipe means: -s, -d, --data. */
bool slim_cli_decides(enum slim_option_id id);

/* Obeys --threads; false if it is no number from 0 to 1024. */
bool slim_cli_threads(const struct slim_cli *cli);

/* Prints the records: JSON to standard output with --json, else to standard
 * error. Returns the exit code that they call for. */
int slim_cli_report(const struct slim_cli *cli, const struct slim_diag *diag);
/* "expected RECIPE MODEL": an error about operands. Returns 2. */
int slim_cli_usage(struct slim_cli *cli, const char *format, ...)
    SLIM_PRINTF(2, 3);

/* Prints an object of --json, a line of its own, and releases it. */
void slim_cli_put(json_t *object);
/* What a command does, and what all do: for people, or with --json. */
void slim_help_command(const struct slim_cli *cli,
                       const struct slim_command *command);
void slim_help_all(const struct slim_cli *cli);
void slim_command_usage(const struct slim_command *command, FILE *out);
void slim_usage(FILE *out);

/* ---- a recipe with its model, ready to plan or run ---- */

struct slim_project {
    struct slim_diag diag; /* of this recipe */
    struct slim_source source;
    struct slim_recipe *recipe;
    struct slim_model_info *model; /* NULL: none was named */
    struct slim_data_world world;
    struct slim_host host;
    struct slim_program *program;
    const char *results; /* the file that a run wrote, or NULL */
    bool includes;       /* other recipes, which the file alone does not hold */
};

/* Opens a model for planning, once for all recipes. NULL path: none. */
SLIM_NODISCARD enum slim_status slim_cli_model(struct slim_model_info **out,
                                               struct slim_cli *cli,
                                               const char *path,
                                               struct slim_diag *diag);

/* Reads and parses a recipe; project->diag has what is wrong with it. */
SLIM_NODISCARD enum slim_status slim_project_read(struct slim_project *project,
                                                  struct slim_cli *cli,
                                                  const char *recipe);
/* The same of a source that is there already. */
SLIM_NODISCARD enum slim_status slim_project_parse(
    struct slim_project *project);
/* Compiles it for the model (or NULL), with -s, -d and --data. Call it after
 * slim_project_read, whether that failed or not: it finds more errors. */
SLIM_NODISCARD enum slim_status slim_project_compile(
    struct slim_project *project, struct slim_cli *cli,
    struct slim_model_info *model);

/* The recipe as the result carries it, to be run again as it stands: the file,
 * or, with -s or includes, the statements that came of them. After compiling;
 * constants leave the tree. */
const char *slim_project_text(struct slim_project *project);
struct slim_run;
struct slim_ledger;
/* Reads and compiles the recipe and model that are operands `first` and the
 * next; what is wrong is in project->diag. */
SLIM_NODISCARD enum slim_status slim_cli_project(struct slim_project *project,
                                                 struct slim_cli *cli,
                                                 size_t first);
/* A run of the project, with the store that the options name; nothing has
 * happened yet. */
void slim_cli_store(struct slim_run *run, struct slim_project *project,
                    struct slim_cli *cli);
/* From here on it is silent with --quiet, and Ctrl-C ends it: says what stands
 * in for data sets. After it slim_cli_close. */
void slim_cli_start(struct slim_run *run, const struct slim_cli *cli);
void slim_cli_close(struct slim_run *run);
/* Runs it, and closes the tokenizer that it opened. */
SLIM_NODISCARD enum slim_status slim_cli_execute(struct slim_run *run);
/* Whether a lock file is of one run where the program is a sweep of several, or
 * the other way round: 0, or the exit code after it was said. */
int slim_cli_lock_unfit(struct slim_cli *cli, const struct slim_ledger *record,
                        const struct slim_program *program);
/* What --memory says, in bytes; 0: nothing. False: it cannot be read. */
bool slim_cli_memory(uint64_t *out, const struct slim_cli *cli);
/* Gives every program that budget. Fails with O301, and the smallest that
 * works, where a stage cannot do with it. */
SLIM_NODISCARD enum slim_status slim_cli_budget(struct slim_project *project,
                                                uint64_t budget);
/* A line for each -d: nothing stands in for a data set silently. */
void slim_cli_print_maps(const struct slim_cli *cli, FILE *out);

struct json_t;
/* What a model's file, or the first of a directory, says about its making; the
 * caller owns it. */
SLIM_NODISCARD enum slim_status slim_cli_metadata(struct json_t **out,
                                                  struct slim_cli *cli,
                                                  const char *path,
                                                  struct slim_diag *diag);

/* After a sweep: the table of its results, and with -o every format beside
 * them. Returns the exit code. */
int slim_cli_tables(struct slim_cli *cli, const char *results);

/* Splits operands into recipes (*.slim) and at most one model, which is last.
 * False, with a U error, if they do not fit. */
bool slim_cli_split(struct slim_cli *cli, size_t *recipes, const char **model);

#endif
