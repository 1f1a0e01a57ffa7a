/* ops_man.c - a verb's row as a section of the manual page, and as JSON */
#include "cli/ops.h"

#include "base/text.h"

#include <jansson.h>

/* In troff a backslash and a leading dot mean something, and - is a hyphen. */
static void put(const char *text, FILE *out)
{
    for (const char *at = text ? text : ""; *at; at++) {
        if (*at == '\\')
            fputs("\\e", out);
        else if (*at == '-')
            fputs("\\-", out);
        else if ((*at == '.' || *at == '\'') && at == text)
            fprintf(out, "\\&%c", *at);
        else
            fputc(*at, out);
    }
}

static void put_method(const struct slim_method *m, FILE *out)
{
    fputs(".TP\n.B ", out);
    put(m->name, out);
    fputs("\n", out);
    put(m->summary, out);
    fputs(".\n", out);
    if (m->data) {
        fputs("Reads data; default: ", out);
        put(m->sample ? m->sample : "none", out);
        fputs(".\n", out);
    }
    if (m->paper) {
        put(m->paper, out);
        fputs(".\n", out);
    }
}

static void put_param(const struct slim_param *p, FILE *out)
{
    struct slim_text domain = { 0 };

    slim_param_domain(p, &domain);
    fputs(".TP\n.BR ", out);
    put(p->name, out);
    fputs(" =\n", out);
    put(domain.data, out);
    if (p->initial) {
        fputs("; default ", out);
        put(p->initial, out);
    }
    fputs(".\n", out);
    put(p->help, out);
    if (p->methods) {
        fputs(" (", out);
        put(p->methods, out);
        fputs(" only)", out);
    }
    fputs(".\n", out);
    slim_text_free(&domain);
}

void slim_ops_print_man(const struct slim_stage *stage, FILE *out)
{
    fprintf(out, ".SS %s\n", stage->name);
    fputs(".nf\n.B \"", out);
    slim_ops_synopsis(stage, out);
    fputs(".fi\n.PP\n", out);
    put(stage->summary, out);
    fputs(".\n", out);
    for (const struct slim_method *m = stage->methods; m && m->name; m++)
        put_method(m, out);
    for (const struct slim_param *p = stage->params; p && p->name; p++)
        put_param(p, out);
}

static json_t *types_json(unsigned types)
{
    json_t *list = json_array();

    for (int i = 0; i < SLIM_TYPES; i++)
        if ((types & 1u << i) != 0)
            json_array_append_new(
                list, json_string(slim_type_name((enum slim_type)(1 << i))));
    return list;
}

static json_t *methods_json(const struct slim_stage *stage)
{
    json_t *list = json_array();

    for (const struct slim_method *m = stage->methods; m && m->name; m++)
        json_array_append_new(
            list,
            json_pack("{s:s,s:s?,s:b,s:s?,s:s?,s:o,s:o}", "name", m->name,
                      "summary", m->summary, "data", (int)m->data, "sample",
                      m->sample, "paper", m->paper, "needs",
                      types_json(m->needs), "gives", types_json(m->gives)));
    return list;
}

static json_t *params_json(const struct slim_stage *stage)
{
    json_t *list = json_array();

    for (const struct slim_param *p = stage->params; p && p->name; p++) {
        struct slim_text domain = { 0 };
        slim_param_domain(p, &domain);
        json_array_append_new(
            list, json_pack("{s:s,s:s,s:s?,s:s?,s:s?}", "name", p->name,
                            "domain", domain.data, "default", p->initial,
                            "methods", p->methods, "help", p->help));
        slim_text_free(&domain);
    }
    return list;
}

void slim_ops_print_json(const struct slim_stage *stage, FILE *out)
{
    json_t *object = json_pack(
        "{s:i,s:s,s:s,s:s,s:i,s:o,s:o,s:o,s:o,s:o}", "v", 1, "event", "verb",
        "name", stage->name, "summary", stage->summary, "version",
        (int)stage->version, "needs", types_json(stage->needs), "gives",
        types_json(stage->gives), "invalidates", types_json(stage->invalidates),
        "methods", methods_json(stage), "arguments", params_json(stage));

    json_dumpf(object, out, JSON_COMPACT);
    fputc('\n', out);
    json_decref(object);
}
