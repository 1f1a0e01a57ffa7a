/* gnuplot.c - plots are gnuplot's work: a script goes in, an SVG comes out */
#include "report/report.h"

#include "base/spawn.h"

#include <string.h>

bool slim_gnuplot(struct slim_text *svg, const char *script)
{
    static const char *const arguments[] = { "gnuplot", NULL };

    bool done = slim_spawn(svg, arguments, script);
    const char *start = done ? strstr(svg->data, "<svg") : NULL;
    if (!start) {
        slim_text_free(svg);
        *svg = (struct slim_text){ 0 };
        return false;
    }
    /* without what only a file of its own begins with */
    size_t head = (size_t)(start - svg->data);
    memmove(svg->data, start, svg->length - head + 1);
    svg->length -= head;
    return true;
}
