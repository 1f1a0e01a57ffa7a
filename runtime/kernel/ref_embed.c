/* ref_embed.c - rows of a table by number */
#include "runtime/kernel/ref.h"

#include <string.h>

/* y[t] = table[ids[t]]. y (tokens, width) out; table (vocab, width). */
void slim_ref_embed(float *y, const float *table, const int32_t *ids,
                    size_t tokens, size_t width)
{
    for (size_t t = 0; t < tokens; t++)
        memcpy(y + t * width, table + (size_t)ids[t] * width,
               width * sizeof *y);
}

/*
 *     dtable[ids[t]] += dy[t]
 *
 * A row that occurs more than once is added to in the order of the tokens, in
 * f32: the sums of a batch are short, and the table is too large for a second
 * one in double.
 */
void slim_ref_embed_grad(float *dtable, const float *dy, const int32_t *ids,
                         size_t tokens, size_t width)
{
    for (size_t t = 0; t < tokens; t++) {
        float *row = dtable + (size_t)ids[t] * width;

        for (size_t j = 0; j < width; j++)
            row[j] += dy[t * width + j];
    }
}
