/* gnuplot.c - plots are gnuplot's work: a script goes in, an SVG comes out */
#include "report/report.h"

#include <errno.h>
#include <spawn.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

extern char **environ;

static bool spawn(FILE *script, FILE *output)
{
    char name[] = "gnuplot";
    char *arguments[] = { name, NULL };
    posix_spawn_file_actions_t actions;
    pid_t child = 0;
    int code = 0;

    if (posix_spawn_file_actions_init(&actions) != 0)
        return false;
    (void)posix_spawn_file_actions_adddup2(&actions, fileno(script), 0);
    (void)posix_spawn_file_actions_adddup2(&actions, fileno(output), 1);
    (void)posix_spawn_file_actions_addopen(&actions, 2, "/dev/null", 1, 0);
    int failed = posix_spawnp(&child, name, &actions, NULL, arguments, environ);
    (void)posix_spawn_file_actions_destroy(&actions);
    if (failed)
        return false;
    while (waitpid(child, &code, 0) < 0)
        if (errno != EINTR)
            return false;
    return WIFEXITED(code) && WEXITSTATUS(code) == 0;
}

/* Without what only a file of its own begins with. */
static void read_svg(struct slim_text *svg, FILE *output)
{
    char bytes[4096];
    size_t count;

    rewind(output);
    while ((count = fread(bytes, 1, sizeof(bytes), output)) > 0)
        slim_text_append(svg, bytes, count);
    const char *start = svg->data ? strstr(svg->data, "<svg") : NULL;
    if (!start) {
        slim_text_free(svg);
        *svg = (struct slim_text){ 0 };
        return;
    }
    size_t head = (size_t)(start - svg->data);
    memmove(svg->data, start, svg->length - head + 1);
    svg->length -= head;
}

bool slim_gnuplot(struct slim_text *svg, const char *script)
{
    FILE *input = tmpfile(), *output = tmpfile();
    bool done = false;

    if (input && output && fputs(script, input) >= 0 && fflush(input) == 0) {
        rewind(input);
        done = spawn(input, output);
    }
    if (done)
        read_svg(svg, output);
    if (input)
        (void)fclose(input);
    if (output)
        (void)fclose(output);
    return svg->data != NULL;
}
