/* schedule.c - learning rate over steps */
#include "runtime/train/schedule.h"

#include <math.h>

double slim_schedule_factor(enum slim_schedule schedule, long step, long steps,
                            long warmup)
{
    const double pi = 3.14159265358979323846;

    if (step <= warmup)
        return (double)step / (double)warmup;
    if (schedule == SLIM_SCHEDULE_CONSTANT || steps <= warmup)
        return 1.0;
    double past = (double)(step - 1 - warmup) / (double)(steps - warmup);
    return schedule == SLIM_SCHEDULE_COSINE ? 0.5 * (1.0 + cos(pi * past))
                                            : 1.0 - past;
}
