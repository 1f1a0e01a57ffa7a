/* progress.h - what a person sees while work goes on */
#ifndef SLIM_PROGRESS_H
#define SLIM_PROGRESS_H

#include <stdbool.h>
#include <stdio.h>

enum slim_output { SLIM_OUTPUT_PLAIN, SLIM_OUTPUT_TTY, SLIM_OUTPUT_JSON };

/*
 * One live line per running stage on a terminal (redrawn at most ten times a
 * second, with a bar and an ETA from the rate so far), nothing while running
 * otherwise; with JSON an object {"v":1,"event":"progress",...} at most once a
 * second. All to `out`.
 */
struct slim_progress {
    FILE *out;
    enum slim_output mode;
    const char *title; /* "recover lora r=8" */
    double total;      /* units of work; 1: `done` is a share; 0: unknown */
    double started, drawn;
    bool live; /* a line is on the screen */
};

void slim_progress_begin(struct slim_progress *progress, const char *title,
                         double total);
/* `detail` follows the counter: "loss 1.94"; may be NULL. */
void slim_progress_step(struct slim_progress *progress, double done,
                        const char *detail);
/* Clears the live line. */
void slim_progress_end(struct slim_progress *progress);

/* Seconds of a monotonic clock. */
double slim_now(void);

/* Ctrl-C: the first SIGINT or SIGTERM sets a flag that long loops ask for and
 * then stop with error C130; the second ends the process at once. */
void slim_interrupt_install(void);
bool slim_interrupted(void);

#endif
