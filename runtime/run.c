/* run.c - the loop over operations, and what they share */
#include "runtime/run.h"

#include "base/text.h"
#include "base/trace.h"
#include "runtime/paces.h"
#include "runtime/report.h"
#include "runtime/store/journal.h"
#include "runtime/store/ledger.h"
#include "runtime/store/memo.h"
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

size_t slim_run_spare(const struct slim_run *run, const struct slim_op *op,
                      size_t usual)
{
    if (run->budget == 0)
        return usual;
    uint64_t least = op->cost.least;
    uint64_t left = run->budget > least ? run->budget - least : 0;
    return left < usual ? (size_t)left : usual;
}

const char *slim_run_spill(const struct slim_run *run, const struct slim_op *op)
{
    /* a stage that another carries out has no cost of its own */
    const struct slim_cost *cost =
        op->cost.memory == 0 && op->fused ? &op->fused->cost : &op->cost;
    bool fits = run->budget == 0 || cost->memory <= run->budget;

    return fits ? NULL : run->spill;
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

void slim_run_release(struct slim_run *run, const struct slim_op *op)
{
    release(&run->results[op->id]);
    slim_memo_released(run, op);
}

/* Whether an operation after `op` reads what `from` gave, or what the
 * operations read that it runs again. */
static bool read_later(const struct slim_op *op, const struct slim_op *from)
{
    for (const struct slim_op *later = op->next; later; later = later->next) {
        bool repeats =
            later->stage->keep.repeats && later->stage->keep.repeats(later);

        for (size_t i = 0; i < later->input_count; i++) {
            const struct slim_op *source = later->inputs[i].op;

            if (source == from)
                return true;
            for (size_t j = 0; repeats && j < source->input_count; j++)
                if (source->inputs[j].op == from)
                    return true;
        }
    }
    return false;
}

static void release_dead(struct slim_run *run, const struct slim_op *op)
{
    for (const struct slim_op *from = run->program->first; from != op->next;
         from = from->next)
        if (!read_later(op, from))
            slim_run_release(run, from);
}

/* An error that found no place of its own happened at this line. */
static void place_errors(struct slim_run *run, const struct slim_op *op)
{
    for (struct slim_error *e = run->diag->first; e; e = e->next)
        if (!e->span.source)
            e->span = op->span;
}

enum slim_status slim_run_execute(struct slim_run *run,
                                  const struct slim_op *op)
{
    struct slim_journal *outer = run->journal;
    struct slim_journal journal;

    if (!op->stage->run)
        return SLIM_OK;
    run->journal =
        op->stage->keep.journal ? slim_journal_open(&journal, run, op) : NULL;
    enum slim_status status = op->stage->run(run, op);
    slim_journal_close(run->journal, status == SLIM_OK);
    run->journal = outer;
    return status;
}

static void say_waiting(void *context)
{
    const struct slim_op *op = context;

    fprintf(stderr, "slimc: another process is at work on '%s'; waiting\n",
            op->text);
}

/* What the operation gives is kept already. */
static bool take_hit(struct slim_run *run, const struct slim_op *op)
{
    if (!slim_memo_find(run, op) || !slim_memo_take(run, op))
        return false;
    const struct slim_kept *entry = run->memos[op->id].entry;

    if (run->memos[op->id].shape)
        run->shape = run->memos[op->id].shape;
    run->results[op->id].figures = entry->figures;
    if (entry->saved && run->saved_count < SLIM_COUNT(run->saved))
        run->saved[run->saved_count++] = entry->saved;
    run->detail = entry->detail;
    if (!op->stage->hidden && !op->implied) {
        run->hits++;
        run->saved_seconds += entry->seconds;
    }
    slim_report_hit(run, op, entry);
    release_dead(run, op);
    return true;
}

static enum slim_status work(struct slim_run *run, const struct slim_op *op)
{
    double started = slim_now();
    struct slim_work before = slim_work_done();

    slim_footprint_restart();
    enum slim_status status = slim_memo_inputs(run, op);

    run->detail = NULL;
    if (status == SLIM_OK)
        status = slim_run_execute(run, op);
    slim_progress_end(&run->progress);
    if (status != SLIM_OK) {
        place_errors(run, op);
        return status;
    }
    double seconds = slim_now() - started;
    double all =
        seconds + (op->stage->keep.journal ? run->earlier_seconds : 0.0);
    if (run->results[op->id].model)
        run->shape = run->results[op->id].model->shape;
    const char *detail = run->detail;
    slim_memo_keep(run, op, all);
    run->detail = detail;
    run->ran++;
    struct slim_spent spent = { seconds, slim_work_since(&before),
                                slim_footprint_recent() };
    slim_report_stage(run, op, &spent);
    slim_paces_add(run->paces, run, op, &spent, slim_now() - started);
    if (slim_ledger_check(run, op, true) != SLIM_OK)
        return SLIM_FAILED;
    release_dead(run, op);
    slim_footprint_trim();
    return SLIM_OK;
}

/* Where stages run anew to be compared, what is outside stays as it is. */
static bool is_left_out(const struct slim_run *run, const struct slim_op *op)
{
    return run->anew && op->stage->keep.how == SLIM_KEEP_RESULT &&
           op->stage->gives == 0;
}

/* Sources run where they are needed; tokens were made ready before. */
static bool waits(const struct slim_run *run, const struct slim_op *op)
{
    return slim_store_keeps(run->store) &&
           op->stage->keep.how == SLIM_KEEP_SOURCE;
}

static enum slim_status run_step(struct slim_run *run, const struct slim_op *op)
{
    struct slim_lock lock = { .file = -1 };
    bool keyed;

    run->detail = NULL;
    run->shape_before = run->shape;
    if (slim_interrupted())
        return slim_fail(run->diag, "C130", op->span,
                         "interrupted before this stage");
    (void)slim_memo_key(run, op);
    if (slim_ledger_check(run, op, false) != SLIM_OK)
        return SLIM_FAILED;
    if (waits(run, op) || is_left_out(run, op))
        return SLIM_OK;
    if (take_hit(run, op))
        return slim_ledger_check(run, op, true);
    keyed = run->store && run->memos[op->id].keyed;
    if (keyed && !slim_lock_take(&lock, run->store, &run->memos[op->id].key,
                                 say_waiting, (void *)(uintptr_t)op))
        return slim_fail(run->diag, "C130", op->span,
                         "interrupted while another process is at work on it");
    /* it may have been made while this one waited */
    if (keyed && take_hit(run, op)) {
        slim_lock_release(&lock);
        return SLIM_OK;
    }
    enum slim_status status = work(run, op);
    slim_lock_release(&lock);
    return status;
}

static enum slim_status run_one(struct slim_run *run, const struct slim_op *op)
{
    slim_trace_begin("stage", "%s", op->text);
    enum slim_status status = run_step(run, op);
    slim_trace_end();
    return status;
}

/* What can fail early, of all that will run: what is kept needs nothing. What
 * is made here, tokens, is kept at once, so that what reads them is known. */
static enum slim_status prepare_one(struct slim_run *run,
                                    const struct slim_op *op)
{
    double started = slim_now();

    if (slim_memo_find(run, op) || !op->stage->prepare || is_left_out(run, op))
        return SLIM_OK;
    slim_trace_begin("prepare", "prepare %s", op->text);
    enum slim_status status = op->stage->prepare(run, op);
    slim_trace_end();
    if (status != SLIM_OK) {
        place_errors(run, op);
        return SLIM_FAILED;
    }
    if (run->store && !op->stage->run)
        slim_memo_keep(run, op, slim_now() - started);
    return SLIM_OK;
}

static enum slim_status run_all(struct slim_run *run)
{
    const struct slim_op *first = run->program->first;

    for (const struct slim_op *op = first; op; op = op->next)
        if (prepare_one(run, op) != SLIM_OK)
            return SLIM_FAILED;
    for (const struct slim_op *op = first; op && !run->ended; op = op->next) {
        if (run_one(run, op) != SLIM_OK)
            return SLIM_FAILED;
        run->done = op->id + 1;
    }
    return SLIM_OK;
}

enum slim_status slim_run_program(struct slim_run *run)
{
    const struct slim_program *program = run->program;

    run->started = slim_now();
    run->done = 0;
    run->shape = run->input->shape;
    run->results =
        SLIM_NEW_ARRAY(run->arena, program->count, struct slim_result);
    if (run->store)
        slim_memo_open(run);
    slim_report_start(run);
    slim_trace_begin("run", "%s",
                     program->point ? program->point->name
                                    : program->source->name);
    enum slim_status status = run_all(run);
    slim_trace_end();
    if (status == SLIM_OK)
        slim_report_end(run);
    for (unsigned i = 0; i < program->count; i++)
        release(&run->results[i]);
    if (status == SLIM_OK && run->lock)
        status = slim_ledger_write(run, run->lock);
    if (status == SLIM_OK && run->lock)
        slim_ledger_pin(run->store, run->lock);
    slim_memo_close(run);
    return status;
}
