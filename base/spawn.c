/* spawn.c - other programs: text in, text out */
#include "base/spawn.h"

#include <errno.h>
#include <fcntl.h>
#include <spawn.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/wait.h>
#include <unistd.h>

extern char **environ;

static bool run(const char *const *arguments, FILE *input, FILE *output)
{
    posix_spawn_file_actions_t actions;
    /* the interface is older than const; the words are not written to */
    char *const *words = (char *const *)(uintptr_t)arguments;
    pid_t child = 0;
    int code = 0;

    if (posix_spawn_file_actions_init(&actions) != 0)
        return false;
    (void)posix_spawn_file_actions_adddup2(&actions, fileno(input), 0);
    (void)posix_spawn_file_actions_adddup2(&actions, fileno(output), 1);
    (void)posix_spawn_file_actions_addopen(&actions, 2, "/dev/null", O_WRONLY,
                                           0);
    int failed = posix_spawnp(&child, words[0], &actions, NULL, words, environ);
    (void)posix_spawn_file_actions_destroy(&actions);
    if (failed)
        return false;
    while (waitpid(child, &code, 0) < 0)
        if (errno != EINTR)
            return false;
    return WIFEXITED(code) && WEXITSTATUS(code) == 0;
}

static void read_all(struct slim_text *out, FILE *output)
{
    char bytes[4096];
    size_t count;

    rewind(output);
    while ((count = fread(bytes, 1, sizeof(bytes), output)) > 0)
        slim_text_append(out, bytes, count);
}

bool slim_spawn(struct slim_text *out, const char *const *arguments,
                const char *input)
{
    FILE *in = tmpfile(), *output = tmpfile();
    bool done =
        in && output && (!input || fputs(input, in) >= 0) && fflush(in) == 0;

    if (done) {
        rewind(in);
        done = run(arguments, in, output);
    }
    if (done)
        read_all(out, output);
    if (in)
        (void)fclose(in);
    if (output)
        (void)fclose(output);
    return done && out->length > 0;
}
