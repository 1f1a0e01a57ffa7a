/* walk.h - the interleaved rotation on its way through the model */
#ifndef SLIM_WALK_H
#define SLIM_WALK_H

#include "runtime/stage/rotate.h"
#include "runtime/store/activations.h"

#include <jansson.h>

struct slim_walk {
    struct slim_run *run;
    const struct slim_op *op;
    const struct slim_shape *shape; /* of the result */
    struct slim_model *from, *to;
    const struct slim_tokens *tokens;
    struct slim_layer *layer;
    struct slim_rotation *rotation;
    struct slim_stream stream; /* original basis, full width */
    double *gram;
    float *normed; /* cov=normed: a group's vectors divided by their RMS */
    struct slim_basis here; /* basis of the site we stand at */
    struct slim_activations activations;
    bool dense; /* no site is cut, nor centered: the stream is the model's */
    bool still; /* the stream is there already: no node runs */
    double done, work; /* tokens through a layer: so far, and of all */
    json_t *layers; /* the layers that are done, as they are kept; NULL: there
                       is no journal */
};

/* Keeps what unit `unit` gave, and the state after it if that is due. */
SLIM_NODISCARD enum slim_status slim_walk_end_unit(struct slim_walk *walk,
                                                   size_t unit);
/* Takes over the state of an earlier run; how many units it had done. */
size_t slim_walk_resume(struct slim_walk *walk);

#endif
