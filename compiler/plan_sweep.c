/* plan_sweep.c - the plan of a sweep: its points, and the work they share */
#include "compiler/plan.h"

#include "base/text.h"

#include <string.h>

static int name_width(const struct slim_program *programs)
{
    size_t width = strlen("point");

    for (const struct slim_program *p = programs; p; p = p->next)
        if (strlen(p->point->name) > width)
            width = strlen(p->point->name);
    return (int)width;
}

static void print_point(const struct slim_program *program, int width,
                        struct slim_arena *arena, FILE *out)
{
    struct slim_totals totals = slim_plan_totals(program);

    fprintf(out, "%3zu %-*s  %s", program->point->index + 1, width,
            program->point->name, slim_text_grouped(arena, totals.after));
    if (totals.after != totals.before)
        fprintf(out, " (%+.2f%%)",
                100.0 * ((double)totals.after / (double)totals.before - 1.0));
    if (program->unmet)
        fprintf(out, "  is left out: %s", program->unmet->message);
    fputc('\n', out);
}

void slim_plan_sweep(const struct slim_program *programs, FILE *out)
{
    struct slim_arena *arena = slim_arena_open();
    int width = name_width(programs);

    fputc('\n', out);
    slim_tally_print(programs, out);
    fprintf(out, "\n  # %-*s  parameters\n", width, "point");
    for (const struct slim_program *p = programs; p; p = p->next)
        print_point(p, width, arena, out);
    slim_arena_close(arena);
}
