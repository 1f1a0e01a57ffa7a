/* rope.c - angles of rotary positions, with the scalings in use */
#include "runtime/model/layer.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define TURN 6.283185307179586

/*
 * Wavelengths beyond original / low_freq are stretched by the factor,
 * those under original / high_freq are left, those between are blended.
 */
static double frequency_by_wavelength(double frequency, const double *settings)
{
    double factor = settings[SLIM_ATTENTION_FACTOR];
    double low = settings[SLIM_ATTENTION_LOW_FREQ];
    double high = settings[SLIM_ATTENTION_HIGH_FREQ];
    double turns = settings[SLIM_ATTENTION_ORIGINAL] * frequency / TURN;

    if (turns > high)
        return frequency;
    if (turns < low)
        return frequency / factor;
    double smooth = (turns - low) / (high - low);
    return (1.0 - smooth) * frequency / factor + smooth * frequency;
}

/* To the nearest number with the 11 bits of f16, at least 2^-24 apart. */
static float round_f16(float x)
{
    int exponent = 0;

    (void)frexp((double)x, &exponent);
    double step = ldexp(1.0, exponent - 11 < -24 ? -24 : exponent - 11);
    return (float)(rint((double)x / step) * step);
}

/* Rounded to f32, as the implementations that models are trained with do: at
 * position 2000 the angle is off by what the model has learnt with. */
static float frequency_of(size_t t, size_t rotary, size_t table,
                          const struct slim_node *node)
{
    const double *settings = node->settings;
    double exponent = (double)(2 * t) / (double)rotary;
    double frequency = pow(settings[SLIM_ATTENTION_THETA], -exponent);

    switch ((int)settings[SLIM_ATTENTION_SCALING]) {
    case SLIM_SCALING_LINEAR:
        frequency /= settings[SLIM_ATTENTION_FACTOR];
        break;
    case SLIM_SCALING_WAVELENGTH:
        frequency = frequency_by_wavelength(frequency, settings);
        break;
    case SLIM_SCALING_LONGROPE:
        frequency /= node->lists[table == 0 ? SLIM_ATTENTION_SHORT
                                            : SLIM_ATTENTION_LONG][t];
        break;
    default:
        break;
    }
    if ((int)settings[SLIM_ATTENTION_ROUNDING] == SLIM_ROUNDING_F16)
        return round_f16((float)frequency);
    return (float)frequency;
}

/* ---- long sequences ---- */

/* Tokens of a sequence; of one that is decoded, all that it may come to, so
 * that its keys turn at one set of frequencies. */
static size_t length_of(const struct slim_step *step, size_t sequence)
{
    const struct slim_batch *batch = step->batch;

    if (step->layer->cache)
        return step->layer->cache->room;
    return batch->starts[sequence + 1] - batch->starts[sequence];
}

static size_t longest_sequence(const struct slim_step *step)
{
    size_t longest = 0;

    for (size_t s = 0; s < step->batch->sequences; s++) {
        size_t length = length_of(step, s);
        longest = length > longest ? length : longest;
    }
    return longest;
}

/* LongRoPE (Ding et al. 2024, arXiv:2402.13753): sequences beyond the
 * context of before turn at other frequencies. */
static bool turns_long(const struct slim_step *step, size_t length)
{
    const double *settings = step->node->settings;

    return (int)settings[SLIM_ATTENTION_SCALING] == SLIM_SCALING_LONGROPE &&
           (double)length > settings[SLIM_ATTENTION_ORIGINAL];
}

static enum slim_status check_lists(const struct slim_step *step, size_t half)
{
    static const int lists[] = { SLIM_ATTENTION_SHORT, SLIM_ATTENTION_LONG };
    const struct slim_node *node = step->node;

    if ((int)node->settings[SLIM_ATTENTION_SCALING] != SLIM_SCALING_LONGROPE)
        return SLIM_OK;
    for (size_t i = 0; i < SLIM_COUNT(lists); i++)
        if ((size_t)node->settings[lists[i]] != half)
            return slim_fail(
                step->diag, "M131", (struct slim_span){ 0 },
                "block \"%s\" turns %zu pairs of channels, and its "
                "list \"%s\" has %zu factors",
                node->name, half,
                slim_blocks[node->kind].settings[lists[i]].name,
                (size_t)node->settings[lists[i]]);
    return SLIM_OK;
}

/* ---- the tables ---- */

void slim_angles_free(struct slim_angles *angles)
{
    slim_floats_free(&angles->wanted);
    slim_floats_free(&angles->frequencies);
    slim_floats_free(&angles->cosine);
    slim_floats_free(&angles->sine);
    free(angles->rows);
    angles->rows = NULL;
}

/* Whether the tables there are have these frequencies, and reach far enough. */
static bool tables_serve(const struct slim_angles *angles, size_t rotary,
                         size_t positions, size_t tables, float amplitude)
{
    return angles->rotary == rotary && angles->positions >= positions &&
           angles->tables >= tables && angles->amplitude == amplitude &&
           memcmp(angles->wanted.data, angles->frequencies.data,
                  tables * (rotary / 2) * sizeof(float)) == 0;
}

static void tables_fill(struct slim_angles *angles)
{
    size_t half = angles->rotary / 2;
    double amplitude = (double)angles->amplitude;

    for (size_t i = 0; i < angles->tables * half; i++) {
        float frequency = angles->frequencies.data[i];
        size_t first = i / half * angles->positions;
        for (size_t p = 0; p < angles->positions; p++) {
            double angle = (double)((float)p * frequency);
            size_t at = (first + p) * half + i % half;
            angles->cosine.data[at] = (float)(amplitude * cos(angle));
            angles->sine.data[at] = (float)(amplitude * sin(angle));
        }
    }
}

static enum slim_status tables_fit(struct slim_step *step, size_t rotary,
                                   size_t positions, size_t tables)
{
    struct slim_angles *angles = &step->layer->angles;
    size_t half = rotary / 2;
    float amplitude = (float)step->node->settings[SLIM_ATTENTION_AMPLITUDE];
    static const char what[] = "rotary angles";

    if (slim_floats_need(&angles->wanted, tables, half, what, step->diag) !=
        SLIM_OK)
        return SLIM_FAILED;
    for (size_t i = 0; i < tables * half; i++)
        angles->wanted.data[i] =
            frequency_of(i % half, rotary, i / half, step->node);
    if (tables_serve(angles, rotary, positions, tables, amplitude))
        return SLIM_OK;
    angles->rotary = 0;
    if (slim_floats_need(&angles->frequencies, tables, half, what,
                         step->diag) != SLIM_OK ||
        slim_floats_need(&angles->cosine, tables * positions, half, what,
                         step->diag) != SLIM_OK ||
        slim_floats_need(&angles->sine, tables * positions, half, what,
                         step->diag) != SLIM_OK)
        return SLIM_FAILED;
    memcpy(angles->frequencies.data, angles->wanted.data,
           tables * half * sizeof(float));
    angles->amplitude = amplitude;
    angles->rotary = rotary;
    angles->positions = positions;
    angles->tables = tables;
    tables_fill(angles);
    return SLIM_OK;
}

/* Halves of a head that turn by places of their own. */
static size_t places_of(const struct slim_step *step)
{
    return (int)step->node->settings[SLIM_ATTENTION_POSITION] ==
                   SLIM_POSITION_ROPE_GRID
               ? 2
               : 1;
}

static enum slim_status rows_need(struct slim_step *step, size_t count)
{
    struct slim_angles *angles = &step->layer->angles;

    if (count <= angles->row_room)
        return SLIM_OK;
    free(angles->rows);
    angles->rows = malloc(count * sizeof(*angles->rows));
    angles->row_room = angles->rows ? count : 0;
    if (angles->rows)
        return SLIM_OK;
    return slim_fail(step->diag, "O101", (struct slim_span){ 0 },
                     "out of memory: the angles of %zu tokens", step->tokens);
}

/* GLM (Du et al. 2022, arXiv:2103.10360, section 2.3): two places for a token,
 * that in the prefix, of the mark after it; and that after the prefix. */
static void grid_fill(int32_t *rows, const struct slim_step *step, size_t s)
{
    const struct slim_batch *batch = step->batch;
    size_t end = step->layer->prefix.ends[s];
    size_t mark = step->layer->prefix.marks[s];

    for (size_t t = batch->starts[s]; t < batch->starts[s + 1]; t++) {
        size_t place = (size_t)step->layer->positions[t];
        rows[2 * t] = (int32_t)(place < end ? place : mark);
        rows[2 * t + 1] = (int32_t)(place < end ? 0 : place - end + 1);
    }
}

/* The row of each token: its position, in the table of its sequence. */
static enum slim_status rows_fit(struct slim_step *step)
{
    struct slim_angles *angles = &step->layer->angles;
    const struct slim_batch *batch = step->batch;
    size_t places = places_of(step);

    if (rows_need(step, step->tokens * places) != SLIM_OK)
        return SLIM_FAILED;
    for (size_t s = 0; s < batch->sequences; s++) {
        size_t first =
            turns_long(step, length_of(step, s)) ? angles->positions : 0;
        if (places == 2)
            grid_fill(angles->rows, step, s);
        for (size_t t = batch->starts[s];
             places == 1 && t < batch->starts[s + 1]; t++)
            angles->rows[t] = step->layer->positions[t] + (int32_t)first;
    }
    return SLIM_OK;
}

enum slim_status slim_angles_fit(struct slim_step *step, size_t rotary)
{
    /* after the prefix places count from 1: one more than there are tokens */
    size_t longest = longest_sequence(step) + places_of(step) - 1;

    if (rotary == 0)
        return SLIM_OK;
    if (check_lists(step, rotary / 2) != SLIM_OK ||
        tables_fit(step, rotary, longest, turns_long(step, longest) ? 2 : 1) !=
            SLIM_OK)
        return SLIM_FAILED;
    return rows_fit(step);
}

void slim_angles_turn(const struct slim_step *step, float *x, size_t heads,
                      size_t dim, bool pairs, bool inverse)
{
    const struct slim_angles *angles = &step->layer->angles;
    size_t places = places_of(step);

    step->kernels->rope(x, angles->cosine.data, angles->sine.data, angles->rows,
                        step->tokens, heads * places, dim / places,
                        angles->rotary, places, pairs, inverse);
}
