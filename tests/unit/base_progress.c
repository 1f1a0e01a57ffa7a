/* base_progress.c - live lines, reports, and Ctrl-C */
#include "base/progress.h"

#include "tests/support.h"

#include <signal.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

/* What ten steps print when each comes long after the one before. */
static char *printed(enum slim_output mode)
{
    char *text = NULL;
    size_t length = 0;
    struct slim_progress progress = { .out = open_memstream(&text, &length),
                                      .mode = mode };

    assert_non_null(progress.out);
    slim_progress_begin(&progress, "recover lora", 10.0);
    progress.started -= 100.0;
    for (int i = 1; i < 10; i++) {
        progress.drawn -= 100.0;
        slim_progress_step(&progress, i, "loss 1.94");
    }
    slim_progress_end(&progress);
    (void)fclose(progress.out);
    return text;
}

static void plain_output_is_silent(void **state)
{
    (void)state;
    char *text = printed(SLIM_OUTPUT_PLAIN);

    assert_string_equal(text, "");
    free(text);
}

static void a_terminal_gets_a_bar_and_an_end(void **state)
{
    (void)state;
    char *text = printed(SLIM_OUTPUT_TTY);

    assert_non_null(strstr(text, "> recover lora "));
    assert_non_null(
        strstr(text, "[##########----------] 5/10  loss 1.94  eta 1m40s"));
    assert_string_equal(text + strlen(text) - 4, "\r\033[K");
    free(text);
}

static void a_share_is_percent_and_a_long_title_is_cut(void **state)
{
    (void)state;
    char *text = NULL;
    size_t length = 0;
    struct slim_progress progress = { .out = open_memstream(&text, &length),
                                      .mode = SLIM_OUTPUT_TTY };

    assert_non_null(progress.out);
    slim_progress_begin(&progress, "measure ppl on \"a/b/c/d/e.txt\" len=2048",
                        1.0);
    progress.drawn -= 100.0;
    slim_progress_step(&progress, 1.0 / 12.0, NULL);
    (void)fclose(progress.out);
    assert_non_null(strstr(
        text, " > measure ppl on \"a/b/c/d/e.txt\" l.. [##------------------]"
              " 8%  eta "));
    free(text);
}

static void programs_get_an_object_a_line(void **state)
{
    (void)state;
    char *text = printed(SLIM_OUTPUT_JSON);

    assert_non_null(strstr(text, "{\"v\":1,\"event\":\"progress\",\"title\":"
                                 "\"recover lora\",\"done\":5.0,\"total\":10.0,"
                                 "\"detail\":\"loss 1.94\"}\n"));
    free(text);
}

static void steps_in_a_row_are_not_all_drawn(void **state)
{
    (void)state;
    char *text = NULL;
    size_t length = 0;
    struct slim_progress progress = { .out = open_memstream(&text, &length),
                                      .mode = SLIM_OUTPUT_TTY };

    assert_non_null(progress.out);
    slim_progress_begin(&progress, "x", 0.0);
    progress.drawn -= 100.0;
    slim_progress_step(&progress, 1.0, NULL);
    (void)fflush(progress.out);
    size_t once = length;
    /* what follows is within the tenth of a second unless the clock jumps */
    double kept = progress.drawn;
    progress.drawn = slim_now() + 100.0;
    slim_progress_step(&progress, 2.0, NULL);
    progress.drawn = kept;
    (void)fflush(progress.out);
    assert_int_equal(length, once);
    (void)fclose(progress.out);
    free(text);
}

/* What a child does that gets `count` signals. */
static int exit_after_signals(int count)
{
    int status = 0;
    pid_t child = fork();

    if (child == 0) {
        slim_interrupt_install();
        if (slim_interrupted())
            _exit(1);
        for (int i = 0; i < count; i++)
            (void)raise(i == 0 ? SIGINT : SIGTERM);
        _exit(slim_interrupted() ? 7 : 2);
    }
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFEXITED(status));
    return WEXITSTATUS(status);
}

static void the_first_signal_asks_and_the_second_ends(void **state)
{
    (void)state;
    assert_int_equal(exit_after_signals(1), 7);
    assert_int_equal(exit_after_signals(2), 130);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(plain_output_is_silent),
        cmocka_unit_test(a_terminal_gets_a_bar_and_an_end),
        cmocka_unit_test(a_share_is_percent_and_a_long_title_is_cut),
        cmocka_unit_test(programs_get_an_object_a_line),
        cmocka_unit_test(steps_in_a_row_are_not_all_drawn),
        cmocka_unit_test(the_first_signal_asks_and_the_second_ends),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
