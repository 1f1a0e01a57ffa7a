/* ops.c - slimc ops: the table of verbs, for people and for the manual */
#include "cli/ops.h"

#include "base/text.h"

#include <string.h>

/* "20% of params|groups", "to N width", "" */
static void print_amount(const struct slim_amount_rule *rule, FILE *out)
{
    const char *before = "";

    if (!rule->units)
        return;
    fputs(rule->required ? " " : " [", out);
    if (rule->percent)
        fprintf(out, "N%%"), before = "|";
    if (rule->number)
        fprintf(out, "%sto N", before), before = "|";
    if (rule->ratio)
        fprintf(out, "%sN:M", before);
    fputs(" of ", out);
    for (size_t i = 0; rule->units[i]; i++)
        fprintf(out, "%s%s", i ? "|" : "", rule->units[i]);
    fputs(rule->required ? "" : "]", out);
}

void slim_ops_synopsis(const struct slim_stage *stage, FILE *out)
{
    fputs(stage->name, out);
    if (stage->methods) {
        fputs(stage->method_default ? " [" : " ", out);
        for (const struct slim_method *m = stage->methods; m->name; m++)
            fprintf(out, "%s%s", m == stage->methods ? "" : "|", m->name);
        fputs(stage->method_default ? "]" : "", out);
        fputs(stage->each ? ", .." : "", out);
    }
    print_amount(&stage->amount, out);
    if (stage->data)
        fputs(" [on DATA]", out);
    if (stage->scope)
        fputs(" [in SCOPE [except SCOPE]]", out);
    if (stage->params && stage->params[0].name)
        fputs(" [name=value ..]", out);
    fputc('\n', out);
}

static void print_types(const char *lead, unsigned types, FILE *out)
{
    if (types == 0)
        return;
    fprintf(out, "  %-12s", lead);
    for (int i = 0; i < SLIM_TYPES; i++)
        if ((types & 1u << i) != 0)
            fprintf(out, " %s", slim_type_name((enum slim_type)(1 << i)));
    fputc('\n', out);
}

static void print_methods(const struct slim_stage *stage, FILE *out)
{
    if (!stage->methods)
        return;
    fputs("\nmethods\n", out);
    for (const struct slim_method *m = stage->methods; m->name; m++) {
        fprintf(out, "  %-12s %s\n", m->name, m->summary ? m->summary : "");
        if (m->data)
            fprintf(out, "  %-12s reads data; without 'on': %s\n", "",
                    m->sample ? m->sample : "an error");
        if (m->gives)
            print_types("             gives", m->gives, out);
        if (m->paper)
            fprintf(out, "  %-12s %s\n", "", m->paper);
    }
}

void slim_param_domain(const struct slim_param *param, struct slim_text *out)
{
    struct slim_arena *arena = slim_arena_open();

    switch (param->kind) {
    case SLIM_PARAM_INT:
    case SLIM_PARAM_REAL:
        slim_text_puts(out, param->kind == SLIM_PARAM_INT ? "whole number"
                                                          : "number");
        if (param->max > param->min) {
            slim_text_printf(out, " from %s",
                             slim_text_number(arena, param->min));
            slim_text_printf(out, " to %s",
                             slim_text_number(arena, param->max));
        }
        break;
    case SLIM_PARAM_BOOL:
        slim_text_puts(out, "yes or no");
        break;
    case SLIM_PARAM_CHOICE:
        for (size_t i = 0; param->choices[i]; i++)
            slim_text_printf(out, "%s%s", i ? "|" : "", param->choices[i]);
        break;
    case SLIM_PARAM_TEXT:
        slim_text_puts(out, "text");
        break;
    }
    slim_arena_close(arena);
}

static void print_params(const struct slim_stage *stage, FILE *out)
{
    if (!stage->params || !stage->params[0].name)
        return;
    fputs("\narguments\n", out);
    for (const struct slim_param *p = stage->params; p->name; p++) {
        struct slim_text domain = { 0 };
        slim_param_domain(p, &domain);
        fprintf(out, "  %-12s %s", p->name, domain.data);
        if (p->initial)
            fprintf(out, "; default %s", p->initial);
        fprintf(out, "\n  %-12s %s", "", p->help ? p->help : "");
        if (p->methods)
            fprintf(out, " (%s only)", p->methods);
        fprintf(out, "%s\n", p->sample ? " (of the data sample)" : "");
        slim_text_free(&domain);
    }
}

void slim_ops_print(const struct slim_stage *stage, FILE *out)
{
    slim_ops_synopsis(stage, out);
    fprintf(out, "\n  %s\n\n", stage->summary);
    print_types("needs", stage->needs, out);
    print_types("gives", stage->gives, out);
    print_types("invalidates", stage->invalidates, out);
    print_types("implies", stage->implied, out);
    fprintf(out, "  %-12s %s\n", "function",
            stage->keeps_function ? "kept" : "changed");
    print_methods(stage, out);
    print_params(stage, out);
}

static void print_list(FILE *out)
{
    for (size_t i = 0; slim_stages[i]; i++)
        if (!slim_stages[i]->hidden)
            fprintf(out, "%-10s %s\n", slim_stages[i]->name,
                    slim_stages[i]->summary);
}

int slim_ops_unknown(struct slim_cli *cli, const char *word)
{
    const char *known[64] = { NULL };
    size_t count = 0;

    for (size_t i = 0; slim_stages[i] && count + 1 < SLIM_COUNT(known); i++)
        if (!slim_stages[i]->hidden)
            known[count++] = slim_stages[i]->name;
    const char *near = slim_text_nearest(word, known);
    return slim_cli_usage(cli, "'%s' is no verb%s%s%s", word,
                          near ? "; did you mean '" : "", near ? near : "",
                          near ? "'?" : "");
}

int slim_command_ops(struct slim_cli *cli)
{
    bool man = slim_cli_has(cli, SLIM_OPTION_man);
    bool json = slim_cli_has(cli, SLIM_OPTION_json);

    if (cli->operand_count > 1)
        return slim_cli_usage(cli, "one verb at a time");
    if (man && json)
        return slim_cli_usage(cli, "verbs are printed with --man or --json");
    const char *name = cli->operand_count ? cli->operands[0] : NULL;
    const struct slim_stage *stage =
        name ? slim_stage_find(slim_stages, name) : NULL;
    if (name && (!stage || stage->hidden))
        return slim_ops_unknown(cli, name);
    if (!man && !json && !stage)
        print_list(stdout);
    for (size_t i = 0; slim_stages[i]; i++) {
        if (slim_stages[i]->hidden || (stage && slim_stages[i] != stage))
            continue;
        if (man)
            slim_ops_print_man(slim_stages[i], stdout);
        else if (json)
            slim_ops_print_json(slim_stages[i], stdout);
        else if (stage)
            slim_ops_print(stage, stdout);
    }
    return 0;
}
