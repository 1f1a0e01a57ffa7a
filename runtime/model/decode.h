/* decode.h - one sequence token by token, with the keys and values of before */
#ifndef SLIM_DECODE_H
#define SLIM_DECODE_H

#include "runtime/model/model.h"

/*
 * Holds all weights of a model in f32, unlike the passes of model.h: a token
 * reads each of them once, and to convert them anew would take longer than to
 * use them. Keys and values of up to `room` tokens are kept beside them.
 */
struct slim_decoder;
SLIM_NODISCARD enum slim_status slim_decoder_open(
    struct slim_decoder **out, struct slim_model *model, size_t room,
    const struct slim_kernels *kernels, struct slim_diag *diag);
void slim_decoder_close(struct slim_decoder *decoder);

/* Bytes that a decoder of this shape takes: every layer has its weights and
 * buffers of its own. */
uint64_t slim_decoder_bytes(const struct slim_shape *shape, size_t room);

/* `count` > 0 further tokens; no more than `room` since the start. logits
 * [vocab]: of the last of them; NULL: not wanted. */
SLIM_NODISCARD enum slim_status slim_decoder_feed(struct slim_decoder *decoder,
                                                  float *logits,
                                                  const int32_t *ids,
                                                  size_t count,
                                                  struct slim_diag *diag);
/* Forgets all but the first `length` tokens. */
void slim_decoder_rewind(struct slim_decoder *decoder, size_t length);

#endif
