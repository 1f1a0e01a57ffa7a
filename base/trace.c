/* trace.c - spans of work in time (trace.h) */
#include "base/trace.h"

#include "base/file.h"
#include "base/progress.h"
#include "base/text.h"
#include "base/work.h"

#include <assert.h>
#include <jansson.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

enum { DEPTH = 16 };

struct span {
    const char *kind;
    char *name;
    uint64_t began; /* microseconds of the trace */
    struct slim_work before;
};

static struct trace {
    struct slim_writer writer;
    struct slim_diag own; /* what went wrong is said when the trace ends */
    double started;
    struct span open[DEPTH];
    size_t depth;
} * trace;

static const struct slim_span nowhere = { NULL, 0, 0 };

/* Whole microseconds: what is inside another span stays so after rounding. */
static uint64_t now(void)
{
    return (uint64_t)((slim_now() - trace->started) * 1e6);
}

static void put_text(const char *text)
{
    /* after a write that failed the run goes on, the trace does not */
    if (!trace->own.first)
        (void)!slim_writer_put(&trace->writer, text, strlen(text), nowhere,
                               &trace->own);
}

/* An event on a line of its own; takes it over. The first has none before. */
static void put_event(json_t *event)
{
    char *text = json_dumps(event, JSON_COMPACT);

    if (!text)
        slim_out_of_memory("an event of a trace");
    put_text(trace->writer.written > 20 ? ",\n" : "\n");
    put_text(text);
    free(text);
    json_decref(event);
}

enum slim_status slim_trace_open(const char *path, struct slim_diag *diag)
{
    struct trace *opened = calloc(1, sizeof(*opened));

    if (!opened)
        slim_out_of_memory("a trace");
    if (slim_writer_open(&opened->writer, path, nowhere, diag) != SLIM_OK) {
        free(opened);
        return SLIM_FAILED;
    }
    opened->own.arena = diag->arena;
    opened->started = slim_now();
    trace = opened;
    put_text("{\"traceEvents\":[");
    put_event(json_pack("{s:s,s:s,s:i,s:i,s:{s:s}}", "ph", "M", "name",
                        "process_name", "pid", 1, "tid", 1, "args", "name",
                        "slimc"));
    return SLIM_OK;
}

void slim_trace_begin(const char *kind, const char *format, ...)
{
    struct span *span;
    va_list list;

    if (!trace)
        return;
    assert(trace->depth < DEPTH);
    span = &trace->open[trace->depth++];
    va_start(list, format);
    if (vasprintf(&span->name, format, list) < 0)
        slim_out_of_memory("the name of a span");
    va_end(list);
    span->kind = kind;
    span->before = slim_work_done();
    span->began = now();
}

static json_int_t integer(uint64_t value)
{
    return (json_int_t)value;
}

static void put_counter(const char *name, uint64_t at, json_t *values)
{
    put_event(json_pack("{s:s,s:s,s:i,s:i,s:I,s:o}", "ph", "C", "name", name,
                        "pid", 1, "tid", 1, "ts", integer(at), "args", values));
}

static void put_span(const struct span *span, uint64_t end)
{
    struct slim_work work = slim_work_since(&span->before);
    struct slim_footprint memory = slim_footprint_now();
    uint64_t took = end - span->began;
    double rate = took ? 1e6 * (double)work.operations / (double)took : 0.0;

    put_event(json_pack(
        "{s:s,s:s,s:s,s:i,s:i,s:I,s:I,s:{s:I,s:f,s:I,s:I,s:I,s:I}}", "ph", "X",
        "name", span->name, "cat", span->kind, "pid", 1, "tid", 1, "ts",
        integer(span->began), "dur", integer(took), "args", "flops",
        integer(work.operations), "flops_per_second", rate, "bytes_read",
        integer(work.read), "bytes_written", integer(work.written), "rss",
        integer(memory.resident), "anonymous", integer(memory.anonymous)));
    put_counter("memory", end,
                json_pack("{s:I,s:I}", "anonymous", integer(memory.anonymous),
                          "files",
                          integer(memory.resident - memory.anonymous)));
    if (work.operations == 0)
        return;
    put_counter("GFLOP/s", span->began,
                json_pack("{s:f}", span->kind, 1e-9 * rate));
    put_counter("GFLOP/s", end, json_pack("{s:f}", span->kind, 0.0));
}

void slim_trace_end(void)
{
    if (!trace)
        return;
    assert(trace->depth > 0);
    struct span *span = &trace->open[--trace->depth];
    put_span(span, now());
    free(span->name);
}

enum slim_status slim_trace_close(struct slim_diag *diag)
{
    enum slim_status status = SLIM_FAILED;

    if (!trace)
        return SLIM_OK;
    while (trace->depth > 0)
        slim_trace_end();
    put_text("\n],\"displayTimeUnit\":\"ms\"}\n");
    const struct slim_error *error = trace->own.first;
    if (!error)
        status = slim_writer_commit(&trace->writer, nowhere, diag);
    else
        (void)slim_fail(diag, error->code, nowhere, "%s", error->message);
    slim_writer_abort(&trace->writer);
    free(trace);
    trace = NULL;
    return status;
}
