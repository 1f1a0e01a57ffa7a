/* run.c - the loop over operations, and what they share */
#include "runtime/run.h"

#include "base/text.h"
#include "runtime/report.h"
#include "runtime/train/lora.h"

#include <stdlib.h>

struct slim_result *slim_run_result(struct slim_run *run,
                                    const struct slim_op *op)
{
    return &run->results[op->id];
}

struct slim_model *slim_run_model(struct slim_run *run,
                                  const struct slim_op *op)
{
    const struct slim_op *from = slim_op_input(op, SLIM_TYPE_MODEL);

    return from ? run->results[from->id].model : NULL;
}

struct slim_tokens *slim_run_tokens(struct slim_run *run,
                                    const struct slim_op *op)
{
    const struct slim_op *from = slim_op_input(op, SLIM_TYPE_TOKENS);

    if (!from)
        return NULL;
    return op->stage->records ? run->results[from->id].records
                              : run->results[from->id].tokens;
}

void slim_scores_free(struct slim_scores *scores)
{
    if (!scores)
        return;
    for (size_t i = 0; scores->values && i < scores->groups->count; i++)
        free(scores->values[i]);
    free(scores->values);
    free(scores);
}

/* Releases what an operation gave. Groups and reports live in the arena. */
static void release(struct slim_result *result)
{
    slim_model_free(result->model);
    slim_scores_free(result->scores);
    slim_tokens_free(result->tokens);
    slim_tokens_free(result->records);
    slim_lora_free(result->adapters);
    if (result->rotation_free)
        result->rotation_free(result->rotation);
    *result = (struct slim_result){ 0 };
}

/* Whether an operation after `op` reads what `from` gave. `prune steps=2` runs
 * the scoring again, and slice may carry out the rotation itself, so what
 * scores and rotations were made from must stay as well. */
static bool read_later(const struct slim_op *op, const struct slim_op *from)
{
    for (const struct slim_op *later = op->next; later; later = later->next)
        for (size_t i = 0; i < later->input_count; i++) {
            const struct slim_op *source = later->inputs[i].op;

            if (source == from)
                return true;
            for (size_t j = 0; j < source->input_count; j++)
                if (source->inputs[j].op == from &&
                    (later->inputs[i].type == SLIM_TYPE_SCORES ||
                     later->inputs[i].type == SLIM_TYPE_ROTATION))
                    return true;
        }
    return false;
}

static void release_dead(struct slim_run *run, const struct slim_op *op)
{
    for (const struct slim_op *from = run->program->first; from != op->next;
         from = from->next)
        if (!read_later(op, from))
            release(&run->results[from->id]);
}

/* An error that found no place of its own happened at this line. */
static void place_errors(struct slim_run *run, const struct slim_op *op)
{
    for (struct slim_error *e = run->diag->first; e; e = e->next)
        if (!e->span.source)
            e->span = op->span;
}

static enum slim_status run_one(struct slim_run *run, const struct slim_op *op)
{
    double started = slim_now();

    run->detail = NULL;
    run->shape_before = run->shape;
    if (slim_interrupted())
        return slim_fail(run->diag, "C130", op->span,
                         "interrupted before this stage");
    if (op->stage->run && op->stage->run(run, op) != SLIM_OK) {
        slim_progress_end(&run->progress);
        place_errors(run, op);
        return SLIM_FAILED;
    }
    if (run->results[op->id].model)
        run->shape = run->results[op->id].model->shape;
    slim_progress_end(&run->progress);
    slim_report_stage(run, op, slim_now() - started);
    release_dead(run, op);
    return SLIM_OK;
}

static enum slim_status run_all(struct slim_run *run)
{
    const struct slim_op *first = run->program->first;

    for (const struct slim_op *op = first; op; op = op->next)
        if (op->stage->prepare && op->stage->prepare(run, op) != SLIM_OK) {
            place_errors(run, op);
            return SLIM_FAILED;
        }
    for (const struct slim_op *op = first; op && !run->ended; op = op->next)
        if (run_one(run, op) != SLIM_OK)
            return SLIM_FAILED;
    return SLIM_OK;
}

enum slim_status slim_run_program(struct slim_run *run)
{
    const struct slim_program *program = run->program;

    run->started = slim_now();
    run->shape = run->input->shape;
    run->results =
        SLIM_NEW_ARRAY(run->arena, program->count, struct slim_result);
    slim_report_start(run);
    enum slim_status status = run_all(run);
    if (status == SLIM_OK)
        slim_report_end(run);
    for (unsigned i = 0; i < program->count; i++)
        release(&run->results[i]);
    return status;
}
