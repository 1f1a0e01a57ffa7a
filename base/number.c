/* number.c - numbers as people write them (text.h) */
#include "base/text.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* "d.ddde±xx", in as few digits as read back the same */
static void shortest_scientific(char *out, size_t size, double value)
{
    for (int digits = 0; digits < 17; digits++) {
        (void)snprintf(out, size, "%.*e", digits, value);
        if (strtod(out, NULL) == value)
            return;
    }
}

const char *slim_text_number(struct slim_arena *arena, double value)
{
    char form[64];

    if (isnan(value))
        return "nan";
    if (isinf(value))
        return value < 0 ? "-inf" : "inf";
    if (value == rint(value) && fabs(value) < 1e15)
        return slim_arena_printf(arena, "%.0f", value + 0.0);

    shortest_scientific(form, sizeof(form), value);
    char *mark = strchr(form, 'e');
    long exponent = strtol(mark + 1, NULL, 10);
    const char *point = strchr(form, '.');
    long digits = point ? mark - point - 1 : 0;
    *mark = '\0';
    const char *scientific = slim_arena_printf(arena, "%se%ld", form, exponent);
    long decimals = digits > exponent ? digits - exponent : 0;
    /* beyond that the plain form is longer in any case */
    if (decimals > 40 || exponent > 40)
        return scientific;
    const char *plain = slim_arena_printf(arena, "%.*f", (int)decimals, value);
    return strlen(plain) <= strlen(scientific) ? plain : scientific;
}

const char *slim_text_count(struct slim_arena *arena, uint64_t value)
{
    static const char units[] = { 'K', 'M', 'B', 'T' };
    double scaled = (double)value;
    size_t unit = 0;

    if (value < 1000)
        return slim_arena_printf(arena, "%llu", (unsigned long long)value);
    scaled /= 1000.0;
    /* 999.95 would print as 1000.0 */
    while (scaled >= 999.95 && unit + 1 < sizeof(units)) {
        scaled /= 1000.0;
        unit++;
    }
    int decimals = scaled >= 99.995 ? 1 : scaled >= 9.9995 ? 2 : 3;
    return slim_arena_printf(arena, "%.*f%c", decimals, scaled, units[unit]);
}

const char *slim_text_grouped(struct slim_arena *arena, uint64_t value)
{
    char digits[32], out[48];
    int length =
        snprintf(digits, sizeof(digits), "%llu", (unsigned long long)value);
    size_t used = 0;

    for (int i = 0; i < length; i++) {
        if (i > 0 && (length - i) % 3 == 0)
            out[used++] = ',';
        out[used++] = digits[i];
    }
    return slim_arena_strndup(arena, out, used);
}

const char *slim_text_bytes(struct slim_arena *arena, uint64_t bytes)
{
    static const char *const units[] = { "KiB", "MiB", "GiB", "TiB", "PiB" };
    double scaled = (double)bytes / 1024.0;
    size_t unit = 0;

    if (bytes < 1024)
        return slim_arena_printf(arena, "%llu B", (unsigned long long)bytes);
    while (scaled >= 1023.995 && unit + 1 < SLIM_COUNT(units)) {
        scaled /= 1024.0;
        unit++;
    }
    return slim_arena_printf(arena, "%.2f %s", scaled, units[unit]);
}

double slim_text_to_bytes(const char **rest, const char *text)
{
    static const char units[] = "KMGT";
    char *end = NULL;
    double value = strtod(text, &end);
    const char *unit = *end ? strchr(units, *end) : NULL;

    for (const char *at = units; unit && at <= unit; at++)
        value *= 1024.0;
    *rest = unit ? end + 1 : end;
    return value;
}

const char *slim_text_seconds(struct slim_arena *arena, double seconds)
{
    double tenths = rint(seconds * 10.0);

    if (!isfinite(seconds) || seconds < 0.0 || seconds > 1e12)
        return "?";
    if (tenths < 100.0 && fmod(tenths, 10.0) != 0.0)
        return slim_arena_printf(arena, "%.1fs", tenths / 10.0);
    long long whole = llrint(seconds);
    if (whole < 60)
        return slim_arena_printf(arena, "%llds", whole);
    if (whole < 3600)
        return slim_arena_printf(arena, "%lldm%02llds", whole / 60, whole % 60);
    return slim_arena_printf(arena, "%lldh%02lldm", whole / 3600,
                             whole / 60 % 60);
}
