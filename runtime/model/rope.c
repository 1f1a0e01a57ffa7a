/* rope.c - angles of rotary positions, with the scalings in use */
#include "runtime/model/layer.h"

#include <math.h>
#include <string.h>

#define TURN 6.283185307179586

/*
 * Llama 3: wavelengths beyond original / low_freq are stretched by the factor,
 * those under original / high_freq are left, those between are blended.
 */
static double llama3_frequency(double frequency, const double *settings)
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

/* Rounded to f32, as the implementations that models are trained with do: at
 * position 2000 the angle is off by what the model has learnt with. */
static float frequency_of(size_t t, size_t rotary, const double *settings)
{
    double exponent = (double)(2 * t) / (double)rotary;
    double frequency = pow(settings[SLIM_ATTENTION_THETA], -exponent);

    switch ((int)settings[SLIM_ATTENTION_SCALING]) {
    case SLIM_SCALING_LINEAR:
        frequency /= settings[SLIM_ATTENTION_FACTOR];
        break;
    case SLIM_SCALING_LLAMA3:
        frequency = llama3_frequency(frequency, settings);
        break;
    default:
        break;
    }
    return (float)frequency;
}

static size_t longest_sequence(const struct slim_batch *batch)
{
    size_t longest = 0;

    for (size_t s = 0; s < batch->sequences; s++) {
        size_t length = batch->starts[s + 1] - batch->starts[s];
        longest = length > longest ? length : longest;
    }
    return longest;
}

static bool settings_same(const double *a, const double *b)
{
    for (size_t i = 0; i < SLIM_SETTINGS; i++)
        if (a[i] != b[i])
            return false;
    return true;
}

enum slim_status slim_angles_fit(struct slim_step *step, size_t rotary)
{
    struct slim_angles *angles = &step->layer->angles;
    const double *settings = step->node->settings;
    const struct slim_cache *cache = step->layer->cache;
    size_t positions = cache ? cache->room : longest_sequence(step->batch);
    size_t half = rotary / 2;

    if (rotary == 0 ||
        (angles->rotary == rotary && angles->positions >= positions &&
         settings_same(angles->settings, settings)))
        return SLIM_OK;
    angles->rotary = 0;
    if (slim_floats_need(&angles->cosine, positions, half, "rotary angles",
                         step->diag) != SLIM_OK ||
        slim_floats_need(&angles->sine, positions, half, "rotary angles",
                         step->diag) != SLIM_OK)
        return SLIM_FAILED;
    for (size_t t = 0; t < half; t++) {
        float frequency = frequency_of(t, rotary, settings);
        for (size_t p = 0; p < positions; p++) {
            float angle = (float)p * frequency;
            angles->cosine.data[p * half + t] = (float)cos((double)angle);
            angles->sine.data[p * half + t] = (float)sin((double)angle);
        }
    }
    memcpy(angles->settings, settings, sizeof(angles->settings));
    angles->rotary = rotary;
    angles->positions = positions;
    return SLIM_OK;
}
