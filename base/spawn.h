/* spawn.h - other programs: text in, text out */
#ifndef SLIM_SPAWN_H
#define SLIM_SPAWN_H

#include "base/text.h"

/*
 * Runs a program of $PATH, without a shell: `input` (or nothing, if NULL) is
 * what it reads, *out what it writes; what it complains of is dropped. Input
 * and output are files, so neither waits for the other. False: it is not
 * there, ended with another code than 0, or wrote nothing.
 */
bool slim_spawn(struct slim_text *out, const char *const *arguments,
                const char *input);

#endif
