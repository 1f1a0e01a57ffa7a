/* results.h - where the results of a run are written */
#ifndef SLIM_RESULTS_H
#define SLIM_RESULTS_H

#include "cli/cli.h"

#include <jansson.h>

/*
 * A run writes what it found out as one JSON file:
 *
 *   -o DIR           DIR/run.json
 *   a saved model    run.json beside its weights, in the directory saved last
 *   neither          NAME.run.json beside the recipe NAME.slim
 *
 * What is in the way is replaced if slimc wrote it, and is an error otherwise.
 */
SLIM_NODISCARD enum slim_status slim_results_check(struct slim_project *project,
                                                   struct slim_cli *cli);
/* `saved`: the directory saved last, or NULL. *path is what was written. */
SLIM_NODISCARD enum slim_status slim_results_write(const char **path,
                                                   struct slim_project *project,
                                                   struct slim_cli *cli,
                                                   const json_t *record,
                                                   const char *saved);
/* *path is where the lock file goes, run.lock beside run.json; its folder is
 * there then. */
SLIM_NODISCARD enum slim_status slim_results_lock(const char **path,
                                                  struct slim_project *project,
                                                  struct slim_cli *cli,
                                                  const char *saved);

#endif
