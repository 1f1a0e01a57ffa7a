/* schedule.h - learning rate over steps */
#ifndef SLIM_SCHEDULE_H
#define SLIM_SCHEDULE_H

enum slim_schedule {
    SLIM_SCHEDULE_LINEAR,
    SLIM_SCHEDULE_COSINE,
    SLIM_SCHEDULE_CONSTANT
};

/*
 * Factor on the base rate at step 1..steps: rises linearly to 1 over `warmup`
 * steps, then falls to 0 at the end (linear, cosine) or stays.
 */
double slim_schedule_factor(enum slim_schedule schedule, long step, long steps,
                            long warmup);

#endif
