/* param.c - fields of a stage's arguments, to and from text */
#include "base/text.h"
#include "compiler/ir/stage.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

static void *field(void *args, const struct slim_param *param)
{
    return (char *)args + param->offset;
}

static const void *field_of(const void *args, const struct slim_param *param)
{
    return (const char *)args + param->offset;
}

static bool is_letter(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

/* What the scanner takes for a name. */
static bool is_name(const char *text)
{
    if (!is_letter(*text))
        return false;
    for (const char *at = text; *at; at++)
        if (!is_letter(*at) && !(*at >= '0' && *at <= '9') && *at != '_' &&
            *at != '.')
            return false;
    return true;
}

void slim_text_quote(struct slim_text *out, const char *text)
{
    slim_text_puts(out, "\"");
    for (const char *at = text; *at; at++) {
        if (*at == '"' || *at == '\\' || *at == '\n')
            slim_text_puts(out, "\\");
        slim_text_append(out, *at == '\n' ? "n" : at, 1);
    }
    slim_text_puts(out, "\"");
}

static void put_real(struct slim_text *out, double value)
{
    struct slim_arena *arena = slim_arena_open();

    slim_text_puts(out, slim_text_number(arena, value));
    slim_arena_close(arena);
}

bool slim_param_print(struct slim_text *out, const struct slim_param *param,
                      const void *args)
{
    const void *at = field_of(args, param);

    switch (param->kind) {
    case SLIM_PARAM_INT: {
        long value = *(const long *)at;
        if (value == 0 && !param->initial)
            return false;
        slim_text_printf(out, "%ld", value);
        return true;
    }
    case SLIM_PARAM_REAL: {
        double value = *(const double *)at;
        if (fpclassify(value) == FP_ZERO && !param->initial)
            return false;
        put_real(out, value);
        return true;
    }
    case SLIM_PARAM_BOOL:
        slim_text_puts(out, *(const bool *)at ? "yes" : "no");
        return true;
    case SLIM_PARAM_CHOICE:
        slim_text_puts(out, param->choices[*(const int *)at]);
        return true;
    case SLIM_PARAM_TEXT: {
        const char *text = *(const char *const *)at;
        if (!text)
            return false;
        if (is_name(text))
            slim_text_puts(out, text);
        else
            slim_text_quote(out, text);
        return true;
    }
    }
    return false;
}

/* "2e-4", "5%", "2k", "10GiB" */
static bool parse_number(double *out, const char *text)
{
    static const struct {
        const char *name;
        double factor;
    } suffixes[] = {
        { "", 1 },         { "%", 0.01 },     { "k", 1e3 },
        { "M", 1e6 },      { "B", 1e9 },      { "T", 1e12 },
        { "KiB", 0x1p10 }, { "MiB", 0x1p20 }, { "GiB", 0x1p30 },
        { "TiB", 0x1p40 },
    };
    char *end = NULL;

    if (!(*text >= '0' && *text <= '9') && *text != '-')
        return false;
    double value = strtod(text, &end);
    if (end == text || !isfinite(value))
        return false;
    for (size_t i = 0; i < SLIM_COUNT(suffixes); i++)
        if (strcmp(end, suffixes[i].name) == 0) {
            *out = value * suffixes[i].factor;
            return isfinite(*out);
        }
    return false;
}

static bool parse_int(long *out, const char *text)
{
    double value = 0.0;
    char *end = NULL;

    errno = 0;
    long exact = strtol(text, &end, 10);
    if (end != text && *end == '\0' && errno == 0) {
        *out = exact;
        return true;
    }
    if (!parse_number(&value, text) || fabs(value) > 9007199254740992.0 ||
        fabs(value - round(value)) > 0.0)
        return false;
    *out = (long)value;
    return true;
}

static bool parse_choice(int *out, const struct slim_param *param,
                         const char *text)
{
    for (int i = 0; param->choices[i]; i++)
        if (strcmp(param->choices[i], text) == 0) {
            *out = i;
            return true;
        }
    return false;
}

char *slim_text_unquote(struct slim_arena *arena, const char *text)
{
    size_t length = strlen(text);

    if (*text != '"')
        return slim_arena_strdup(arena, text);
    if (length < 2 || text[length - 1] != '"')
        return NULL;
    char *out = slim_arena_alloc(arena, length);
    size_t used = 0;
    for (size_t i = 1; i + 1 < length; i++) {
        if (text[i] == '"')
            return NULL;
        char c = text[i];
        if (c == '\\' && (i + 2 >= length || !strchr("\"\\n", text[i + 1])))
            return NULL;
        if (c == '\\')
            c = (char)(text[++i] == 'n' ? '\n' : text[i]);
        out[used++] = c;
    }
    return out;
}

bool slim_param_parse(void *args, const struct slim_param *param,
                      const char *text, struct slim_arena *arena)
{
    void *at = field(args, param);

    switch (param->kind) {
    case SLIM_PARAM_INT:
        return parse_int(at, text);
    case SLIM_PARAM_REAL:
        return parse_number(at, text);
    case SLIM_PARAM_BOOL:
        if (strcmp(text, "yes") != 0 && strcmp(text, "no") != 0)
            return false;
        *(bool *)at = *text == 'y';
        return true;
    case SLIM_PARAM_CHOICE:
        return parse_choice(at, param, text);
    case SLIM_PARAM_TEXT: {
        char *plain = slim_text_unquote(arena, text);
        if (!plain)
            return false;
        *(const char **)at = plain;
        return true;
    }
    }
    return false;
}

bool slim_param_in_range(const struct slim_param *param, const void *args)
{
    double value = 0.0;

    if (param->kind == SLIM_PARAM_CHOICE) {
        int choice = *(const int *)field_of(args, param);
        int count = 0;
        while (param->choices[count])
            count++;
        return choice >= 0 && choice < count;
    }
    if (param->kind == SLIM_PARAM_INT)
        value = (double)*(const long *)field_of(args, param);
    else if (param->kind == SLIM_PARAM_REAL)
        value = *(const double *)field_of(args, param);
    else
        return !param->always || *(char *const *)field_of(args, param);
    bool bounded = param->max > param->min;
    if (!param->initial && fpclassify(value) == FP_ZERO)
        return true;
    return !bounded || (value >= param->min && value <= param->max);
}
