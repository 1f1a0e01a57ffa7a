/* progress.c - what a person sees while work goes on */
#include "base/progress.h"

#include "base/arena.h"
#include "base/text.h"

#include <jansson.h>
#include <string.h>
#include <time.h>

enum { BAR = 20, TITLE = 34 };

static const double redraw_seconds = 0.1, report_seconds = 1.0;

double slim_now(void)
{
    struct timespec now;

    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + 1e-9 * (double)now.tv_nsec;
}

void slim_progress_begin(struct slim_progress *progress, const char *title,
                         double total)
{
    progress->title = title;
    progress->total = total;
    progress->started = slim_now();
    /* the first line waits, so that quick stages do not flicker */
    progress->drawn = progress->started;
    progress->live = false;
}

/* "812/2000", or "41%" of a share, or "812" of who knows how many */
static void draw_count(const struct slim_progress *progress, double done,
                       double part, struct slim_arena *arena)
{
    FILE *out = progress->out;

    if (progress->total <= 0.0)
        (void)fprintf(out, "%s", slim_text_number(arena, done));
    else if (progress->total <= 1.0)
        (void)fprintf(out, "%.0f%%", 100.0 * part);
    else
        (void)fprintf(out, "%s/%s", slim_text_number(arena, done),
                      slim_text_number(arena, progress->total));
}

/* " > recover lora r=8    [####----] 812/2000  loss 1.94  eta 6m24s"; a long
 * title is cut, as a line that wraps could not be drawn over */
static void draw(struct slim_progress *progress, double done,
                 const char *detail, double now)
{
    struct slim_arena *arena = slim_arena_open();
    double part = progress->total > 0.0 ? done / progress->total : 0.0;
    char bar[BAR + 1] = { 0 };

    part = part < 0.0 ? 0.0 : part > 1.0 ? 1.0 : part;
    for (int i = 0; i < BAR; i++)
        bar[i] = (double)i < part * BAR ? '#' : '-';
    (void)fprintf(progress->out, "\r\033[K > %-*s ", TITLE,
                  slim_text_clip(arena, progress->title, TITLE));
    if (progress->total > 0.0)
        (void)fprintf(progress->out, "[%s] ", bar);
    draw_count(progress, done, part, arena);
    if (detail)
        (void)fprintf(progress->out, "  %s", detail);
    double left = (now - progress->started) * (1.0 - part) / part;
    if (part > 0.0 && part < 1.0)
        (void)fprintf(progress->out, "  eta %s",
                      slim_text_seconds(arena, left < 1.0 ? 1.0 : left));
    (void)fflush(progress->out);
    progress->live = true;
    slim_arena_close(arena);
}

static void report(const struct slim_progress *progress, double done,
                   const char *detail)
{
    json_t *object =
        json_pack("{s:i, s:s, s:s, s:f}", "v", 1, "event", "progress", "title",
                  progress->title, "done", done);

    if (!object)
        return;
    if (progress->total > 0.0)
        (void)json_object_set_new(object, "total", json_real(progress->total));
    if (detail)
        (void)json_object_set_new(object, "detail", json_string(detail));
    (void)json_dumpf(object, progress->out, JSON_COMPACT | JSON_PRESERVE_ORDER);
    (void)fputc('\n', progress->out);
    (void)fflush(progress->out);
    json_decref(object);
}

void slim_progress_step(struct slim_progress *progress, double done,
                        const char *detail)
{
    double now = slim_now();
    bool tty = progress->mode == SLIM_OUTPUT_TTY;

    if (progress->mode == SLIM_OUTPUT_PLAIN || !progress->out ||
        now - progress->drawn < (tty ? redraw_seconds : report_seconds))
        return;
    progress->drawn = now;
    if (tty)
        draw(progress, done, detail, now);
    else
        report(progress, done, detail);
}

void slim_progress_end(struct slim_progress *progress)
{
    if (progress->live) {
        (void)fputs("\r\033[K", progress->out);
        (void)fflush(progress->out);
    }
    progress->live = false;
}
