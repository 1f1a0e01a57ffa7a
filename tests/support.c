/* support.c - what the tests share: places, temporary folders, commands */
#include "tests/support.h"

#include <errno.h>
#include <math.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

static char *format_text(const char *format, va_list args)
{
    char *text = NULL;

    if (vasprintf(&text, format, args) < 0)
        abort();
    return text;
}

char *slim_test_join(const char *a, const char *b)
{
    char *path = NULL;

    if (asprintf(&path, "%s/%s", a, b) < 0)
        abort();
    return path;
}

char *slim_test_source(const char *path)
{
    return slim_test_join(SLIM_TEST_SOURCE, path);
}

char *slim_test_slimc(void)
{
    const char *given = getenv("SLIMC");

    return given ? strdup(given) : slim_test_join(SLIM_TEST_BUILD, "slimc");
}

char *slim_test_shared(const char *path)
{
    const char *given = getenv("SLIM_SHARED");
    char *root = given ? strdup(given) : slim_test_source("../shared");
    char *full = slim_test_join(root, path);

    free(root);
    if (access(full, R_OK) == 0)
        return full;
    free(full);
    return NULL;
}

char *slim_test_need_shared(const char *path)
{
    char *full = slim_test_shared(path);

    if (!full)
        skip();
    return full;
}

/* Whole or not at all, by one of several tests that ask at the same time. */
static void make_smollm2(const char *folder, const char *gguf)
{
    char *tool = slim_test_need_shared("tools/gguf_to_hf.py");
    struct slim_ran ran = slim_test_run(
        "test -d '%s' || flock '%s.lock' sh -c 'test -d \"$1\" || { "
        "for python in python3 /usr/bin/python3; do "
        "$python -c \"import numpy\" && break; python=; done; "
        "test \"$python\" || exit 77; "
        "$python \"$2\" \"$3\" \"$1.new\" && mv \"$1.new\" \"$1\"; }' "
        "sh '%s' '%s' '%s'",
        folder, folder, folder, tool, gguf);

    free(tool);
    if (ran.exit_code == 77) {
        print_message("# no python here has numpy\n");
        skip();
    }
    if (ran.exit_code != 0)
        fail_msg("could not make SmolLM2: %s", ran.err);
    slim_test_ran_free(&ran);
}

char *slim_test_need_smollm2(void)
{
    const char *given = getenv("SLIM_SMOLLM2");
    char *gguf = slim_test_need_shared("models/smollm2-135m.q4_1.gguf");
    char *folder = given && *given ? strdup(given)
                                   : slim_test_join(SLIM_TEST_BUILD, "smollm2");

    make_smollm2(folder, gguf);
    free(gguf);
    return folder;
}

char *slim_test_directory(void)
{
    const char *root = getenv("TMPDIR");
    char *path = slim_test_join(root ? root : P_tmpdir, "slim-test-XXXXXX");

    if (!mkdtemp(path))
        fail_msg("could not make %s: %s", path, strerror(errno));
    return path;
}

void slim_test_directory_remove(char *path)
{
    struct slim_ran ran = slim_test_run("rm -rf '%s'", path);

    slim_test_ran_free(&ran);
    free(path);
}

void slim_test_write(const char *path, const void *bytes, size_t count)
{
    FILE *file = fopen(path, "wb");

    if (!file || fwrite(bytes, 1, count, file) != count || fclose(file) != 0)
        fail_msg("could not write %s: %s", path, strerror(errno));
}

void slim_test_puts(const char *path, const char *text)
{
    slim_test_write(path, text, strlen(text));
}

/* Everything from the current place to the end, with a NUL after it. */
static char *read_rest(FILE *file, size_t *count)
{
    size_t used = 0, room = 4096;
    char *text = malloc(room);

    while (text) {
        used += fread(text + used, 1, room - used - 1, file);
        if (used + 1 < room)
            break;
        room *= 2;
        text = realloc(text, room);
    }
    if (!text)
        abort();
    text[used] = '\0';
    if (count)
        *count = used;
    return text;
}

char *slim_test_read(const char *path, size_t *count)
{
    FILE *file = fopen(path, "rb");

    if (!file) {
        fail_msg("could not read %s: %s", path, strerror(errno));
        return NULL;
    }
    char *text = read_rest(file, count);
    (void)fclose(file);
    return text;
}

/* The child's side of slim_test_run: never returns. */
static void become(const char *command, int out, int err)
{
    if (!freopen("/dev/null", "r", stdin) || dup2(out, STDOUT_FILENO) < 0 ||
        dup2(err, STDERR_FILENO) < 0)
        _exit(126);
    (void)execl("/bin/sh", "sh", "-c", command, (char *)NULL);
    _exit(127);
}

struct slim_ran slim_test_run(const char *format, ...)
{
    va_list args;
    va_start(args, format);
    char *command = format_text(format, args);
    va_end(args);

    /* Temporary files, not pipes: a full pipe would block the command. */
    FILE *out = tmpfile(), *err = tmpfile();
    if (!out || !err)
        abort();
    int status = 0;
    pid_t child = fork();
    if (child == 0)
        become(command, fileno(out), fileno(err));
    if (child < 0 || waitpid(child, &status, 0) != child)
        abort();

    rewind(out);
    rewind(err);
    struct slim_ran ran = {
        .exit_code =
            WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status),
        .out = read_rest(out, NULL),
        .err = read_rest(err, NULL),
    };
    (void)fclose(out);
    (void)fclose(err);
    free(command);
    return ran;
}

void slim_test_ran_free(struct slim_ran *ran)
{
    free(ran->out);
    free(ran->err);
    *ran = (struct slim_ran){ 0 };
}

char *slim_test_diag(const struct slim_diag *diag)
{
    char *text = NULL;
    size_t length = 0;
    FILE *out = open_memstream(&text, &length);

    if (!out)
        abort();
    slim_diag_print(diag, out, false);
    (void)fclose(out);
    return text;
}

bool slim_test_has_error(const struct slim_diag *diag, const char *code)
{
    for (const struct slim_error *e = diag->first; e; e = e->next)
        if (strcmp(e->code, code) == 0)
            return true;
    return false;
}

bool slim_test_near(double have, double want, double bound, double floor)
{
    if (fabs(have - want) <= bound * (fabs(want) + floor))
        return true;
    print_message("# have %.17g, want %.17g within %g\n", have, want, bound);
    return false;
}

double slim_test_error_f32(const float *have, const float *want, size_t count)
{
    double apart = 0.0, size = 0.0;

    for (size_t i = 0; i < count; i++) {
        double d = (double)have[i] - (double)want[i];
        apart += d * d;
        size += (double)want[i] * (double)want[i];
    }
    return sqrt(apart) / (size > 0.0 ? sqrt(size) : 1.0);
}

double slim_test_deviation_f32(const float *have, const float *want,
                               size_t count)
{
    double sum = 0.0, squares = 0.0, most = 0.0;

    for (size_t i = 0; i < count; i++) {
        double d = fabs((double)have[i] - (double)want[i]);
        /* a NaN must not pass as near */
        if (!(d <= most))
            most = d;
        sum += (double)want[i];
        squares += (double)want[i] * (double)want[i];
    }
    double mean = sum / (double)count;
    double variance = squares / (double)count - mean * mean;
    return most / (variance > 0.0 ? sqrt(variance) : 1.0);
}
