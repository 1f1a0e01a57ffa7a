/* pass.h - windows of one length through a whole model, part by part */
#ifndef SLIM_PASS_H
#define SLIM_PASS_H

#include "runtime/model/layer.h"

struct slim_pass {
    struct slim_model *model;
    struct slim_layer *layer;
    const struct slim_kernels *kernels;
    struct slim_diag *diag;
    const int32_t *ids;
    size_t windows, length;
    size_t together;  /* windows in one call */
    size_t *starts;   /* [together + 1] */
    int32_t *targets; /* [together * length] */
    double *nll;      /* [together * length] */
    struct slim_floats normed;
    void (*tick)(void *, double, double);
    void *context;
    const struct slim_stream_visit *streams; /* or NULL */
    double done, total;
    bool patient; /* Ctrl-C is the caller's to see */
};

/* Everything but model, kernels, diag, ids, windows, length and the tick is
 * set here. `together` 0: as many as SLIM_PASS_TOKENS says. */
SLIM_NODISCARD enum slim_status slim_pass_open(struct slim_pass *pass,
                                               size_t together);
void slim_pass_close(struct slim_pass *pass);

/* `count` windows from `window` on. */
struct slim_batch slim_pass_batch(const struct slim_pass *pass, size_t window,
                                  size_t count);
/* Windows of the next call from `window` on, before `end`. */
size_t slim_pass_count(const struct slim_pass *pass, size_t window, size_t end);
/* The id after each position; -1 for the last of a window. */
void slim_pass_targets(struct slim_pass *pass, size_t window, size_t count);
/* Says how far it is, and asks whether to go on. */
SLIM_NODISCARD enum slim_status slim_pass_tick(struct slim_pass *pass,
                                               double work);

/* The widest site of the stream. */
size_t slim_pass_width(const struct slim_shape *shape);

#endif
