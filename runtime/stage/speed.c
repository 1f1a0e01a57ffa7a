/* speed.c - how fast a model is on this machine */
#include "runtime/stage/speed.h"

#include "base/random.h"
#include "runtime/model/decode.h"

#include <stdlib.h>

/* A prompt is fed at least LEAST times, the first of which is slow, and up to MOST
 * times while all of them take less than ENOUGH seconds: the best of many is less
 * a matter of what else the machine does. */
enum { SEED = 42, LEAST = 3, MOST = 10, ENOUGH = 5 };

/* A model at work, and the ids that it is fed. */
struct bench {
    struct slim_decoder *decoder;
    int32_t *ids;
    float *logits;
};

static void bench_close(struct bench *bench)
{
    slim_decoder_close(bench->decoder);
    free(bench->ids);
    free(bench->logits);
}

static enum slim_status bench_open(struct bench *bench, struct slim_run *run,
                                   const struct slim_op *op,
                                   struct slim_model *model, size_t room)
{
    const struct slim_arch *arch = model->info->arch;
    size_t vocab = slim_tensor_size(
        model->shape, arch->nodes[0].slots[SLIM_EMBEDDING_WEIGHT], 0);

    *bench = (struct bench){ .ids = malloc(room * sizeof(*bench->ids)),
                             .logits = malloc(vocab * sizeof(float)) };
    if (!bench->ids || !bench->logits)
        return slim_fail(run->diag, "O001", op->span,
                         "out of memory for %zu tokens", room);
    for (size_t i = 0; i < room; i++)
        bench->ids[i] = (int32_t)slim_random_below(SEED, SLIM_STREAM_PROMPT, i,
                                                   (uint64_t)vocab);
    return slim_decoder_open(&bench->decoder, model, room, run->kernels,
                             run->diag);
}

static enum slim_status going(struct slim_run *run, const struct slim_op *op)
{
    if (!slim_interrupted())
        return SLIM_OK;
    return slim_fail(run->diag, "C130", op->span,
                     "interrupted while a speed was measured");
}

enum slim_status slim_speed_throughput(double *out, struct slim_run *run,
                                       const struct slim_op *op,
                                       struct slim_model *model,
                                       const struct slim_speed *speed)
{
    struct bench bench;
    double best = 0.0, began = slim_now();
    enum slim_status status = bench_open(&bench, run, op, model, speed->length);

    slim_progress_begin(&run->progress, op->text, MOST);
    for (int i = 0; status == SLIM_OK && i < MOST &&
                    (i < LEAST || slim_now() - began < ENOUGH);
         i++) {
        slim_decoder_rewind(bench.decoder, 0);
        double started = slim_now();
        status = slim_decoder_feed(bench.decoder, bench.logits, bench.ids,
                                   speed->length, run->diag);
        double rate = (double)speed->length / (slim_now() - started);
        best = rate > best ? rate : best;
        slim_progress_step(&run->progress, i + 1, NULL);
        if (status == SLIM_OK)
            status = going(run, op);
    }
    *out = best;
    bench_close(&bench);
    return status;
}

static int by_size(const void *a, const void *b)
{
    const double *one = a, *two = b;

    return (*one > *two) - (*one < *two);
}

/* Seconds of each token after the prompt. */
static enum slim_status time_tokens(double *took, struct bench *bench,
                                    struct slim_run *run,
                                    const struct slim_op *op,
                                    const struct slim_speed *speed)
{
    if (slim_decoder_feed(bench->decoder, NULL, bench->ids, speed->length,
                          run->diag) != SLIM_OK)
        return SLIM_FAILED;
    for (size_t i = 0; i < speed->tokens; i++) {
        double started = slim_now();
        if (slim_decoder_feed(bench->decoder, bench->logits,
                              bench->ids + speed->length + i, 1,
                              run->diag) != SLIM_OK ||
            going(run, op) != SLIM_OK)
            return SLIM_FAILED;
        took[i] = slim_now() - started;
        slim_progress_step(&run->progress, (double)(i + 1), NULL);
    }
    return SLIM_OK;
}

enum slim_status slim_speed_latency(double *out, struct slim_run *run,
                                    const struct slim_op *op,
                                    struct slim_model *model,
                                    const struct slim_speed *speed)
{
    struct bench bench;
    double *took = calloc(speed->tokens, sizeof(*took));

    if (!took)
        return slim_fail(run->diag, "O001", op->span,
                         "out of memory for %zu times", speed->tokens);
    enum slim_status status =
        bench_open(&bench, run, op, model, speed->length + speed->tokens);
    slim_progress_begin(&run->progress, op->text, (double)speed->tokens);
    if (status == SLIM_OK)
        status = time_tokens(took, &bench, run, op, speed);
    if (status == SLIM_OK) {
        qsort(took, speed->tokens, sizeof(*took), by_size);
        *out = 1e3 * took[speed->tokens / 2];
    }
    free(took);
    bench_close(&bench);
    return status;
}

const char *slim_speed_protocol(struct slim_run *run,
                                const struct slim_speed *speed)
{
    return slim_arena_printf(run->arena, "len=%zu n=%zu threads=%zu %s",
                             speed->length, speed->tokens, slim_threads(),
                             run->program->compute);
}
